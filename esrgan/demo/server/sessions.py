"""Sessions whose state is kept: those that own something, as long as it is young or at work.

gradio forgets the session that was used longest ago, and keeps its files; anybody who invents names
of sessions makes others lose what they have. Here the sessions that own nothing go first.
"""

import math
from datetime import datetime, timedelta
from typing import Any

import gradio as gr
from fastapi import HTTPException
from gradio.state_holder import SessionState, StateHolder

from esrgan.demo.server.stopping import Runs

MAX_EMPTY = 100  # sessions that own nothing, 0.1 MB each
MAX_OWNING = 500
BUSY = "The server is busy: it holds results for as many visitors as it can. Try again later."


class BusyError(HTTPException, gr.Error):
    """There is no room for one more: a 503 of gradio's routes, and in words from its queue."""

    def __init__(self) -> None:
        HTTPException.__init__(self, 503, BUSY)
        gr.Error.__init__(self, BUSY, print_exception=False)


class Sessions(StateHolder):
    """The state of each session by its name.

    Attributes:
        seconds: how long a session that owns something, and was not used since, is safe.
    """

    def __init__(self, page: gr.Blocks, seconds: float) -> None:
        super().__init__()
        self.set_blocks(page)
        self.seconds = seconds

    def __getitem__(self, session_id: str) -> SessionState:
        """The state of a session, new if there is none.

        Raises:
            BusyError: there are too many that own something already.
        """
        with self.lock:
            state = self.session_data.get(session_id)
            if state is None:
                self._make_room()
                state = self.session_data[session_id] = SessionState(self.blocks)
            self.session_data.move_to_end(session_id)
            self.time_last_used[session_id] = datetime.now()
            return state

    def _make_room(self) -> None:
        """Forget who must go before one more comes, the one used longest ago first."""
        idle = [name for name, state in self.session_data.items() if not _is_at_work(state)]
        empty = [name for name in idle if not owns(self.session_data[name])]
        for name in empty[: max(0, len(empty) - MAX_EMPTY + 1)]:
            self._forget(name)
        if len(self.session_data) - len(empty) < MAX_OWNING:
            return
        old = datetime.now() - timedelta(seconds=self.seconds)
        owning = [name for name in idle if name not in empty and self.time_last_used[name] < old]
        if not owning:
            raise BusyError
        self._forget(owning[0])

    def _forget(self, name: str) -> None:
        """Delete what a session holds, and its files."""
        self.delete_state(name)
        del self.session_data[name]
        self.time_last_used.pop(name, None)


def owns(state: SessionState) -> bool:
    """Whether a session has results: a value in a gr.State that lasts for a time only."""
    return any(_is_result(state, key, value) for key, value in list(state.state_data.items()))


def _is_result(state: SessionState, key: int, value: Any) -> bool:
    block = state.blocks_config.blocks.get(key)
    if getattr(block, "time_to_live", math.inf) == math.inf:
        return False
    return value is not None and value != getattr(block, "value", None)


def _is_at_work(state: SessionState) -> bool:
    runs = [value for value in list(state.state_data.values()) if isinstance(value, Runs)]
    return any(each.at_work for each in runs)
