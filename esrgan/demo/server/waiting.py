"""Queue of requests in which one visitor takes only so many places.

gradio's queue has a length for all: whoever asks often enough takes it whole, and all others are
turned away.
"""

from typing import Any

from fastapi import Request
from gradio.queueing import Queue

from esrgan.demo.server.visitors import identity

# Of events that run a network: so many at once, so that nobody waits for a whole batch.
DEVICE: dict[str, Any] = {"concurrency_id": "device", "concurrency_limit": 4}
MAX_WAITING = 16  # of one visitor, who may click on one example after another
UNKNOWN = "The page has no function of this number; load it anew."
BUSY = f"Busy: {MAX_WAITING} of your requests are waiting already. Try again when one is done."


class FairQueue(Queue):
    """gradio's queue with MAX_WAITING places for a visitor: a browser or, without our cookie, all
    programs at an address."""

    async def push(self, body: Any, request: Request, username: str | None) -> Any:
        """As in `Queue`; a visitor whose places are taken is told as if the queue were full, and
        one who asks for a function that is not there, as of an error."""
        if body.fn_index is not None and body.fn_index not in self.blocks.fns:
            return False, UNKNOWN, "error"
        mine = _asker(request)
        queues = self.event_queue_per_concurrency_id.values()
        waiting = sum(_asker(event.request) == mine for each in queues for event in each.queue)
        if waiting >= MAX_WAITING:
            return False, BUSY, "queue_full"
        return await super().push(body, request, username)


def _asker(request: Request) -> str | None:
    return identity(request.cookies, request.client.host if request.client else "")
