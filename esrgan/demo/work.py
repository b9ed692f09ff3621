"""Start, Stop and status of what takes a while on the page."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

from esrgan.demo.server.messages import QUIETLY, stop, told
from esrgan.demo.server.stopping import Runs
from esrgan.demo.server.waiting import DEVICE


class Work:
    """Buttons to start and to stop a visitor's work on the device, and a line for how far it is.

    Their ids are `name`-start, `name`-stop and `name`-status.

    Attributes:
        status: the line.
        waiting: options of an event whose end is waited for at that line.
    """

    def __init__(self, label: str, name: str) -> None:
        self._runs = gr.State(Runs())
        with gr.Row():
            self._start = gr.Button(label, variant="primary", elem_id=f"{name}-start")
            end = gr.Button("Stop", elem_id=f"{name}-stop")
        self.status = gr.HTML(elem_id=f"{name}-status")
        self.waiting: dict[str, Any] = {
            "show_progress": "minimal",
            "show_progress_on": [self.status],
            "api_visibility": "undocumented",
        }
        end.click(stop, self._runs, self.status, **QUIETLY)

    def does(
        self,
        steps: Callable[..., Iterator[Any]],
        inputs: Sequence[Component],
        outputs: Sequence[Component],
    ) -> Dependency:
        """Run `steps` at Start; their first argument is the visitor's `Runs`."""
        event: Dependency = self._start.click(
            told(steps), [self._runs, *inputs], list(outputs), **DEVICE, **self.waiting
        )
        return event
