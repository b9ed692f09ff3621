"""An RRDBNet in float32 on the CPU: which way computes which picture, in which tiles."""

from functools import cached_property

from esrgan.inference.backends import (
    OPENVINO,
    Backend,
    agrees,
    fastest,
    openvino_from,
    quickest_tile,
    run_by,
)
from esrgan.inference.openvino import OpenVINORRDBNet
from esrgan.inference.tiles import DEFAULT_TILE, OPENVINO_TILE, WHOLE_PIXELS
from esrgan.networks import FastRRDBNet, RRDBNet


class FloatOnCPU:
    """How an RRDBNet is computed in float32 on the CPU, picture by picture.

    Args:
        network: on the CPU, in evaluation mode.
        backend: what the user wishes; None for the fastest.
        frozen: the weights don't change any more, so that OpenVINO may be it.

    Attributes:
        used_openvino: whether any picture was computed by it.

    Raises:
        UserError: OpenVINO is wished for, but not installed.
    """

    def __init__(self, network: RRDBNet, backend: Backend | None, frozen: bool) -> None:
        self._network, self._backend, self._frozen = network, backend, frozen
        self.used_openvino = False
        if backend == OPENVINO:
            self._compiled  # noqa: B018  # now, so that what is missing is said at once

    def by(self, pixels: int, tile_pixels: int) -> RRDBNet | FastRRDBNet:
        """What computes a tile; both sizes, of its picture and of its own, are in LR pixels."""
        chosen = self._backend
        if chosen == OPENVINO or self._openvino_pays(pixels):
            self.used_openvino = True
            return self._compiled
        return run_by(self._network, chosen or fastest(self._network.config, tile_pixels))

    def tile_side(self, pixels: int) -> int:
        """Of the tiles of a picture of so many LR pixels; 0 if it is done whole.

        Where the user wishes for a backend nothing is measured.
        """
        if self._backend == OPENVINO or self._openvino_pays(pixels):
            return OPENVINO_TILE
        if pixels <= WHOLE_PIXELS:
            return 0
        return DEFAULT_TILE if self._backend else quickest_tile(self._network.config)

    def _openvino_pays(self, pixels: int) -> bool:
        if self._backend or not self._frozen or pixels <= WHOLE_PIXELS:
            return False
        return pixels >= openvino_from(self._network.config) and self._agrees

    @cached_property
    def _compiled(self) -> OpenVINORRDBNet:
        return OpenVINORRDBNet(self._network)

    @cached_property
    def _agrees(self) -> bool:
        return agrees(self._network, self._compiled)
