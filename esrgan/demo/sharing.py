"""One device, several visitors: their work takes turns, tile by tile. Knows nothing of gradio."""

import threading
from typing import Any

from torch import Tensor

from esrgan.upscale import Upscaler

# Of events that run a network: so many at once, so that nobody waits for a whole batch.
DEVICE: dict[str, Any] = {"concurrency_id": "device", "concurrency_limit": 4}

_turn = threading.Lock()


class SharedUpscaler(Upscaler):
    """An Upscaler of which only one in the process computes at a time."""

    def _run(self, lr: Tensor) -> Tensor:
        with _turn:
            return super()._run(lr)
