"""Sharing of the device: visitors' work takes turns, tile by tile. Knows nothing of gradio."""

import threading
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import Conv2d

from esrgan.demo.limits import MAX_CHANNELS, MAX_PARAMETERS
from esrgan.demo.server.stopping import go_on
from esrgan.demo.server.zero_gpu import on_zero_gpu
from esrgan.errors import UserError
from esrgan.inference.on_cpu import Way
from esrgan.inference.upscale import Upscaler
from esrgan.networks import Generator

_turn = threading.Lock()


def check_size(network: Generator) -> None:
    """Raises UserError: the network is too large for the page."""
    parameters = sum(parameter.numel() for parameter in network.parameters())
    channels = max(module.in_channels for module in network.modules() if isinstance(module, Conv2d))
    if parameters > MAX_PARAMETERS or channels > MAX_CHANNELS:
        raise UserError(
            f"This model has {parameters / 1e6:.3g} million parameters and up to {channels} "
            f"channels; the page takes {MAX_PARAMETERS / 1e6:.3g} million and {MAX_CHANNELS}. "
            "`python -m esrgan` takes any."
        )


class SharedUpscaler(Upscaler):
    """An Upscaler of which only one in the process computes at a time.

    Unless another precision is given, it is `chosen_dtype`'s.

    Raises:
        UserError: as `Upscaler`, or the network is too large for the page.
        StoppedError: called for a run that is not wanted any more.
    """

    def __init__(self, network: Generator, **options: Any) -> None:
        check_size(network)
        # On ZeroGPU nothing can be tried out here: the GPU is lent later, to another process.
        options.setdefault("dtype", torch.float32 if on_zero_gpu() else None)
        super().__init__(network, **options)

    def _run(self, lr: Tensor, way: Way) -> Tensor:
        with _turn:
            go_on()
            return super()._run(lr, way)

    def _way(self, pixels: int, picture: np.ndarray | None = None) -> Way:
        with _turn:  # it may be measured
            return super()._way(pixels, picture)
