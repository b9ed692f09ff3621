"""Settings of a fine-tuning run, their limits, and their words for `python -m train`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from esrgan.errors import UserError
from esrgan.pictures.degradations import DegradationName

PRESET = "finetune"
# What one visitor may ask of the machine; `python -m train` has no such limits.
LIMITS: dict[str, tuple[float, float]] = {
    "iterations": (1, 100_000),
    "batch size": (2, 64),  # normalised over the batch, and RaGAN takes its mean
    "crop size": (32, 256),
    "learning rate": (1e-7, 1e-2),
    "λ": (0, 10),
    "η": (0, 100),
}
LOGGED_POINTS = 300  # of a run, but not more than so many iterations apart
LOGGED_EVERY = 25


@dataclass(frozen=True)
class Settings:
    """Settings of a run, as a visitor chooses them.

    Attributes:
        stage: "psnr" (L1) or "gan" (Eq. 3).
        start: a name of `zoo.MODELS`, of a run, or a weights file.
        degradation: how LR is made of the pictures.
        before_activation, relativistic, gan_weight (λ), pixel_weight (η): of the GAN stage.
    """

    stage: Literal["psnr", "gan"] = "gan"
    start: str | Path = "psnr"
    degradation: DegradationName = "bicubic"
    before_activation: bool = True
    relativistic: bool = True
    gan_weight: float = 5e-3
    pixel_weight: float = 1.0
    iterations: int = 300
    learning_rate: float = 1e-4
    batch_size: int = 4
    crop_size: int = 96

    @property
    def kind(self) -> str:
        """Part of the run's name: the stage and, but for the paper's, the degradation."""
        spoilt = "" if self.degradation == "bicubic" else f"-{self.degradation}"
        return f"{self.stage}{spoilt}"


def check_settings(settings: Settings) -> None:
    """Refuse what is not a setting.

    Raises:
        UserError: a number is missing or out of its limits.
    """
    numbers = {
        "iterations": settings.iterations,
        "batch size": settings.batch_size,
        "crop size": settings.crop_size,
        "learning rate": settings.learning_rate,
        "λ": settings.gan_weight,
        "η": settings.pixel_weight,
    }
    for name, value in numbers.items():
        low, high = LIMITS[name]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not low <= value <= high:
            raise UserError(f"The {name} must be a number between {low:g} and {high:g}.")
    if settings.crop_size % 32:
        raise UserError("The crop size must be a multiple of 32.")


def arguments(settings: Settings, run: Path, data: Path, origin: Path) -> list[str]:
    """Arguments of `python -m train`: the run's folder, its pictures and the weights to start from
    beside the settings."""
    changes: dict[str, object] = {
        "degradation": settings.degradation,
        "batch_size": settings.batch_size,
        "crop_size": settings.crop_size,
        "schedule.learning_rate": settings.learning_rate,
        "log_every": min(LOGGED_EVERY, max(1, settings.iterations // LOGGED_POINTS)),
    }
    if settings.stage == "gan":
        changes["before_activation"] = str(settings.before_activation).lower()
        changes["adversarial"] = "relativistic" if settings.relativistic else "standard"
        changes["gan_weight"] = settings.gan_weight
        changes["pixel_weight"] = settings.pixel_weight
    return [
        *(settings.stage, "--preset", PRESET, "--out", str(run), "--data", str(data)),
        *("--init", str(origin), "--iterations", str(settings.iterations)),
        *(part for key, value in changes.items() for part in ("--set", f"{key}={value}")),
    ]
