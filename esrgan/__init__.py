"""ESRGAN: super-resolution networks, their weights, interpolation and measurement.

    from esrgan import Upscaler, load
    Upscaler(load("gan").network)(picture)  # H×W×3 uint8 -> 4H×4W×3 uint8

Each name below is imported when it is first used: `import esrgan` alone loads neither torch nor
NumPy. The library imports neither gradio nor `train`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from esrgan.evaluation.metrics import psnr, rmse, ssim
    from esrgan.evaluation.niqe import niqe
    from esrgan.inference.upscale import Upscaler
    from esrgan.models.interpolation import interpolate_images, interpolate_networks
    from esrgan.models.zoo import load
    from esrgan.pictures.resize import imresize

__all__ = [
    "Upscaler",
    "__version__",
    "imresize",
    "interpolate_images",
    "interpolate_networks",
    "load",
    "niqe",
    "psnr",
    "rmse",
    "ssim",
]

_HOMES = {
    "Upscaler": "esrgan.inference.upscale",
    "imresize": "esrgan.pictures.resize",
    "interpolate_images": "esrgan.models.interpolation",
    "interpolate_networks": "esrgan.models.interpolation",
    "load": "esrgan.models.zoo",
    "niqe": "esrgan.evaluation.niqe",
    "psnr": "esrgan.evaluation.metrics",
    "rmse": "esrgan.evaluation.metrics",
    "ssim": "esrgan.evaluation.metrics",
}

if not TYPE_CHECKING:  # a type checker would take any name for one of these

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
