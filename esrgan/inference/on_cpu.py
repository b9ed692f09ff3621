"""An RRDBNet on the CPU: which way computes which picture, in which tiles."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from esrgan.inference.backends import (
    OPENVINO,
    Backend,
    agrees,
    bfloat16_pays,
    fastest,
    openvino_from,
    quickest_tile,
    run_by,
)
from esrgan.inference.openvino import OpenVINORRDBNet
from esrgan.inference.precision import busiest_parts, unseen
from esrgan.inference.tiles import BFLOAT16_TILE, DEFAULT_TILE, OPENVINO_TILE, WHOLE_PIXELS
from esrgan.networks import BFloat16RRDBNet, FastRRDBNet, Generator, RRDBNet


@dataclass(frozen=True)
class Way:
    """A picture's way of being computed.

    Attributes:
        tile_side: in LR pixels; 0 if it is done whole.
        by: what computes a tile of so many LR pixels.
    """

    tile_side: int
    by: Callable[[int], Generator | FastRRDBNet]


class OnCPU:
    """How an RRDBNet is computed on the CPU, picture by picture.

    Args:
        network: on the CPU, in evaluation mode.
        backend: what the user wishes; None for the fastest.
        dtype: float32 or bfloat16; None for float32 and, where that can't be seen in a picture of
            8 bits, bfloat16.
        frozen: the weights don't change any more, so that it may be OpenVINO.

    Attributes:
        used: how pictures were computed, where it was not by PyTorch in float32: "in bf16",
            "by OpenVINO".

    Raises:
        UserError: OpenVINO is wished for, but not installed.
    """

    def __init__(
        self, network: RRDBNet, backend: Backend | None, dtype: torch.dtype | None, frozen: bool
    ) -> None:
        self._network, self._backend, self._dtype, self._frozen = network, backend, dtype, frozen
        self.used: set[str] = set()
        if backend == OPENVINO:
            self._compiled  # noqa: B018  # now, so that what is missing is said at once

    def way(self, pixels: int, picture: np.ndarray | None = None) -> Way:
        """Of a picture of so many LR pixels.

        Where the user wishes for a backend nothing is measured.

        Args:
            picture: H×W×3, if it is one of 8 bits and its result, too.
        """
        if self._backend == OPENVINO:
            return self._by_openvino()
        whole = pixels <= WHOLE_PIXELS
        if self._dtype == torch.bfloat16:
            return self._in_bfloat16(0 if whole else BFLOAT16_TILE)
        if self._backend or whole:
            return Way(0 if whole else DEFAULT_TILE, self._by_pytorch)
        if self._frozen:
            if picture is not None and self._dtype is None and self._reduces(picture):
                return self._in_bfloat16(BFLOAT16_TILE)
            if pixels >= openvino_from(self._network.config) and self._agrees:
                return self._by_openvino()
        return Way(quickest_tile(self._network.config), self._by_pytorch)

    def _by_pytorch(self, tile_pixels: int) -> RRDBNet | FastRRDBNet:
        """What computes a tile in float32."""
        chosen = self._backend if self._backend != OPENVINO else None
        return run_by(self._network, chosen or fastest(self._network.config, tile_pixels))

    def _by_openvino(self) -> Way:
        self.used.add("by OpenVINO")
        return Way(OPENVINO_TILE, lambda _: self._compiled)

    def _in_bfloat16(self, tile_side: int) -> Way:
        self.used.add("in bf16")
        return Way(tile_side, lambda _: BFloat16RRDBNet(self._network))

    @torch.inference_mode()
    def _reduces(self, picture: np.ndarray) -> bool:
        """Whether bfloat16 is clearly faster, and not seen in the picture's busiest parts."""
        if not bfloat16_pays(self._network.config):
            return False
        parts = busiest_parts(picture).contiguous(memory_format=torch.channels_last)
        reduced = BFloat16RRDBNet(self._network)
        return unseen(self._network(parts), reduced.enlarged(reduced.features(parts)))

    @cached_property
    def _compiled(self) -> OpenVINORRDBNet:
        return OpenVINORRDBNet(self._network)

    @cached_property
    def _agrees(self) -> bool:
        return agrees(self._network, self._compiled)
