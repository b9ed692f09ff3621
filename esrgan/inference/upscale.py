"""Pictures through a network: devices, precision, tiles, transparency."""

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Literal

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from esrgan.errors import UserError
from esrgan.inference.backends import Backend, chosen_by_user
from esrgan.inference.devices import choose_device, place
from esrgan.inference.on_cpu import OnCPU, Way
from esrgan.inference.precision import NAMES, chosen_dtype
from esrgan.inference.refine import back_projection, check_iterations, self_ensemble
from esrgan.inference.streaming import run_in_strips
from esrgan.inference.tiles import DEFAULT_TILE, WHOLE_PIXELS, Tile, tiles
from esrgan.networks import Generator, RRDBNet
from esrgan.pictures.images import to_image, to_tensor

Choice = Literal["auto"] | Backend


class Upscaler:
    """A network that takes pictures.

    Args:
        network: an RRDBNet or SRResNet for RGB; it is moved to the device.
        device: default "auto".
        dtype: float32, or float16 / bfloat16 where that pays; None for `chosen_dtype`, and for an
            RRDBNet on the CPU for what `OnCPU` finds for each picture. A float16 overflow is
            noticed and the picture done again in float32, with a warning.
        tile: side of the tiles in LR pixels; None upscales moderate pictures whole and larger
            ones in tiles, 0 always whole.
        ensemble: average over the eight flips and turns of LR; eight times the work.
        back_projections: rounds of back-projection (Sec. 4.5), before rounding to 8 or 16 bits.
        before_tile: called before each tile with their number, and before each picture done
            whole with 1; what it raises ends the work.
        backend: how float32 is computed on the CPU, see `backends`: "auto" is what ESRGAN_BACKEND
            says, or else the fastest; "openvino" needs that package.
        frozen: the weights do not change any more. OpenVINO, which compiles them in, and bfloat16
            are then among the ways of which the fastest is taken for a picture in tiles.

    Raises:
        UserError: the network is not one for RGB pictures, the tile size is negative, the backend
            can't be had, or as `check_iterations`.
    """

    def __init__(
        self,
        network: Generator,
        device: torch.device | str = "auto",
        dtype: torch.dtype | None = torch.float32,
        tile: int | None = None,
        ensemble: bool = False,
        back_projections: int = 0,
        before_tile: Callable[[int], None] | None = None,
        backend: Choice = "auto",
        frozen: bool = False,
    ) -> None:
        channels = (
            getattr(network.config, "in_channels", 3),
            getattr(network.config, "out_channels", 3),
        )
        if channels != (3, 3):
            raise UserError(
                f"This model takes {channels[0]} channels and gives {channels[1]}; "
                "only those for RGB (3 and 3) work here."
            )
        if tile is not None and tile < 0:
            raise UserError(f"The tile size must be 0 or more, not {tile}.")
        check_iterations(back_projections, network.scale)
        self.device = choose_device(device) if isinstance(device, str) else device
        self.network = place(network, self.device).eval()
        self.tile = tile
        self.ensemble, self.back_projections = ensemble, back_projections
        self.before_tile = before_tile
        self.backend = chosen_by_user() if backend == "auto" else backend
        self._on_cpu: OnCPU | None = None
        if self.device.type == "cpu" and isinstance(self.network, RRDBNet):
            own = torch.float32 if dtype == torch.float16 else dtype
            self._on_cpu = OnCPU(self.network, self.backend, own, frozen)
            dtype = dtype or torch.float32
        self.dtype = dtype or chosen_dtype(self.network, self.device)
        reduced = self._on_cpu is not None and self.dtype == torch.bfloat16  # without autocast
        self._by_autocast = self.dtype != torch.float32 and not reduced
        if self.backend == "openvino" and (self._on_cpu is None or self.dtype != torch.float32):
            raise UserError(
                "OpenVINO runs RRDBNets, on the CPU, in fp32: add --device cpu --precision fp32."
            )

    @property
    def how(self) -> set[str]:
        """How pictures were computed where it was not by PyTorch in float32, such as "in fp16"."""
        if self._by_autocast:
            return {f"in {self.precision}"}
        return set() if self._on_cpu is None else self._on_cpu.used

    @property
    def precision(self) -> str:
        """fp32, fp16 or bf16: of all pictures but those in `how`."""
        return NAMES[self.dtype]

    @property
    def scale(self) -> int:
        return self.network.scale

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Upscale a picture.

        Args:
            image: H×W, H×W×3 or H×W×4 (alpha is upscaled too, see `keep_clear_and_opaque`),
                `uint8` or `uint16`.

        Returns:
            The same layout and dtype, `scale` times as high and wide.
        """
        if image.ndim == 2:
            rgb = np.repeat(image[..., None], 3, axis=2)
            grey = self._upscale_rgb(rgb).mean(axis=2)
            return np.rint(grey).astype(image.dtype)
        if image.shape[2] == 3:
            return self._upscale_rgb(image)
        colour = self._upscale_rgb(image[..., :3])
        alpha = keep_clear_and_opaque(self(image[..., 3]), image[..., 3], self.scale)
        return np.concatenate((colour, alpha[..., None]), axis=2)

    def pil(self, picture: Image.Image) -> Image.Image:
        """`__call__` for a PIL picture of mode L, RGB or RGBA."""
        if picture.mode not in ("L", "RGB", "RGBA"):
            raise UserError(f"A PIL picture must be L, RGB or RGBA, not {picture.mode}.")
        return Image.fromarray(self(np.asarray(picture)))

    def _upscale_rgb(self, rgb: np.ndarray) -> np.ndarray:
        height, width = rgb.shape[:2]
        if self.back_projections:
            lr = to_tensor(rgb)
            sr = back_projection(self.tensor(lr), lr, self.back_projections, self.scale)
            return to_image(sr, rgb.dtype.type)
        # tile by tile: as floating-point numbers the whole result would take four times the memory
        out = np.empty((height * self.scale, width * self.scale, 3), rgb.dtype)
        way = self._way(height * width, rgb if rgb.dtype == np.uint8 else None)
        for tile in self._tiles(height, width, way):
            lr = to_tensor(rgb[tile.rows_seen, tile.columns_seen])
            done = self._tile(lr, tile, way)
            out[tile.rows_made, tile.columns_made] = to_image(done, rgb.dtype.type)
        return out

    def tensor(self, lr: Tensor) -> Tensor:
        """N×3×H×W in [0, 1] -> N×3×(scale·H)×(scale·W) float32 on the CPU, not clipped."""
        batch, _, height, width = lr.shape
        out = torch.empty(batch, 3, height * self.scale, width * self.scale)
        way = self._way(height * width)
        for tile in self._tiles(height, width, way):
            done = self._tile(lr[..., tile.rows_seen, tile.columns_seen], tile, way)
            out[..., tile.rows_made, tile.columns_made] = done
        return out

    def _way(self, pixels: int, picture: np.ndarray | None = None) -> Way:
        """Of a picture of so many LR pixels; `picture` is itself, if it is one of 8 bits."""
        if self._on_cpu is not None:
            return self._on_cpu.way(pixels, picture)
        return Way(0 if pixels <= WHOLE_PIXELS else DEFAULT_TILE, lambda _: self.network)

    def _tiles(self, height: int, width: int, way: Way) -> Iterator[Tile]:
        side = way.tile_side if self.tile is None else self.tile
        found = list(tiles(height, width, side or max(height, width), self.scale))
        for tile in found:
            if self.before_tile is not None:
                self.before_tile(len(found))
            yield tile

    @torch.inference_mode()
    def _tile(self, lr: Tensor, tile: Tile, way: Way) -> Tensor:
        """SR of a tile, without its surroundings."""
        run = partial(self._run, way=way)
        sr = self_ensemble(run)(lr) if self.ensemble else run(lr)
        return sr[..., tile.rows_kept, tile.columns_kept]

    def _run(self, lr: Tensor, way: Way) -> Tensor:
        x = lr.to(self.device, memory_format=torch.channels_last)
        network = way.by(x.shape[-2] * x.shape[-1])
        if not self._by_autocast:
            return run_in_strips(network, x).cpu()
        with torch.autocast(self.device.type, self.dtype):
            out = run_in_strips(self.network, x)
        if not torch.isfinite(out).all():
            name = str(self.dtype).removeprefix("torch.")
            warnings.warn(f"{name} overflowed; this picture was done in float32.", stacklevel=2)
            out = run_in_strips(network, x)
        return out.cpu()


def keep_clear_and_opaque(sr: np.ndarray, lr: np.ndarray, scale: int) -> np.ndarray:
    """Transparency without the haze that a network leaves where there is none to be seen.

    Args:
        sr: scale·H×scale·W alpha out of a network.
        lr: H×W alpha that went in, of the same dtype.
        scale: of the network.

    Returns:
        `sr`, but exactly clear or opaque where LR is so in all of a pixel's 3×3 neighbours.
    """
    around, most = np.ones((3, 3), np.uint8), np.iinfo(lr.dtype).max
    kept = sr.copy()
    for level, same in ((0, cv2.dilate(lr, around) == 0), (most, cv2.erode(lr, around) == most)):
        kept[same.repeat(scale, 0).repeat(scale, 1)] = level
    return kept
