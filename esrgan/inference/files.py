"""Picture files through whatever upscales pictures."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from esrgan.errors import UserError
from esrgan.pictures.encoding import check_suffix, save_image
from esrgan.pictures.images import MAX_PIXELS, load_image, to_rgb

# H×W[×C] LR of 8 or 16 bits -> SR of the same layout and dtype.
Upscale = Callable[[np.ndarray], np.ndarray]


def load_as_srgb(path: Path, max_pixels: int) -> tuple[np.ndarray, None]:
    """`load_image` for `upscale_file`: no profile besides."""
    return load_image(path, max_pixels), None


def upscale_file(
    source: Path,
    target: Path,
    upscale: Upscale,
    scale: int,
    max_pixels: int = MAX_PIXELS,
    load: Callable[[Path, int], tuple[np.ndarray, bytes | None]] = load_as_srgb,
) -> tuple[np.ndarray, np.ndarray]:
    """Upscale a picture file into another, whose suffix says its format.

    JPEG holds no transparency: it is laid over white. `load` decodes the source, of `max_pixels` at
    most, and gives the ICC profile for the result, None for sRGB.

    Returns:
        LR and SR, as `load` and `upscale` gave them.

    Raises:
        UserError: as `load_image` and `save_image` (of the size, before it is upscaled), or the
            network failed or ran out of memory.
    """
    lr, profile = load(source, max_pixels)
    check_suffix(target.suffix, max(lr.shape[:2]) * scale)
    try:
        sr = upscale(lr)
        opaque = target.suffix.lower() in (".jpg", ".jpeg")
        save_image(to_rgb(sr) if opaque and sr.ndim == 3 else sr, target, profile)
    except (MemoryError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        if isinstance(error, MemoryError) or "memory" in reason:  # torch has both
            reason = "there is not enough memory; reduce it, or use smaller tiles"
        raise UserError(f"{source.name} could not be upscaled: {reason}.") from error
    return lr, sr
