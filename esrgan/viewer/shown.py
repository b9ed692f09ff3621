"""What the viewer shows: a comparison of models on one picture, encoded, with its words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from esrgan.evaluation.metrics import psnr, ssim
from esrgan.inference.blend import DEFAULT_ALPHA

# Panes of the models, in the order in which they are computed: the ends of α, and perhaps a third.
MODELS = ("psnr", "gan", "after")
END_ALPHAS = {"psnr": 0.0, "gan": 1.0}
# Their usual names: who else compares gives others.
USUAL_NAMES = ("PSNR model", "GAN model", "GAN, loss after activation")
_TITLES = ("{} (α = 0)", "{} (α = 1)", "{}")
_SSIM_WINDOW = 11


@dataclass(frozen=True)
class Label:
    """Words of a pane that shows a picture.

    Attributes:
        pane: its name.
        title: above it, and short: on a button.
        meaning: in plain words.
    """

    pane: str
    title: str
    short: str
    meaning: str


@dataclass(frozen=True)
class Look:
    """How a comparison is looked at first.

    Attributes:
        network, image, third: the sliders.
        mark: x, y, w, h of the marked crop, or nothing.
        view: "grid", "wipe", "difference", or "" as the browser likes.
        pair: names of the two panes that are wiped or compared, or none.
        zoom: CSS pixels a pixel, and x and y of the point in the middle; nothing to fit, None as
            the browser likes.
    """

    network: float = DEFAULT_ALPHA
    image: float = DEFAULT_ALPHA
    third: float = 0
    mark: tuple[int, ...] = ()
    view: str = ""
    pair: tuple[str, ...] = ()
    zoom: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Shown:
    """A comparison, complete.

    Attributes:
        name: of the picture, any text.
        width, height: of the results in pixels.
        pictures: lossless files by pane: "lr", "bicubic", "hr" if there is one, "after" if there is
            a third model.
        frames: the network's pictures by α, likewise; 0 is the PSNR model and 1 the GAN model.
        scores: a line for each pane by its name, and for "network α" and "image α" at some α.
        titles: of the models' panes, where they are not the usual ones.
        obstacle, third_obstacle: why the networks of the two ends, or all three, can't be
            interpolated.
        thumbnail: a small picture's file, for where there are several comparisons.
    """

    name: str
    width: int
    height: int
    pictures: Mapping[str, bytes]
    frames: Mapping[float, bytes]
    scores: Mapping[str, str]
    titles: Mapping[str, str] = field(default_factory=dict)
    obstacle: str | None = None
    third_obstacle: str | None = None
    look: Look = field(default_factory=Look)
    thumbnail: bytes = b""

    @property
    def files(self) -> list[bytes]:
        thumbnail = [self.thumbnail] if self.thumbnail else []
        return [*self.pictures.values(), *self.frames.values(), *thumbnail]


def titles_of(models: Sequence[str]) -> dict[str, str]:
    """Titles of the panes of models with these names."""
    return {
        pane: title.format(name) for pane, title, name in zip(MODELS, _TITLES, models, strict=False)
    }


def labels() -> list[Label]:
    """Usual labels of the panes, in their order in the browser."""
    return [
        Label("lr", "LR", "LR", "low resolution: all that the models see"),
        _label("psnr", "PSNR", "trained for the least error: safe, smooth"),
        _label("gan", "GAN", "trained to look real: detailed, inventive"),
        Label("network", "Network interpolation", "Network α", "one network between the two"),
        Label("image", "Image interpolation", "Image α", "the two pictures blended"),
        Label("hr", "HR", "HR", "high resolution: the original"),
        Label("bicubic", "Bicubic", "Bicubic", "no network: plain enlarging"),
        _label("after", "After activation", "as in SRGAN, for the histogram"),
    ]


def _label(pane: str, short: str, meaning: str) -> Label:
    """Label of a model's pane."""
    return Label(pane, titles_of(USUAL_NAMES)[pane], short, meaning)


def panes(models: int, has_hr: bool, obstacle: str | None) -> tuple[str, ...]:
    """Names of the panes that a comparison of so many models has."""
    hr = ("hr",) if has_hr else ()
    network = () if obstacle else ("network",)
    return ("lr", "bicubic", *hr, *MODELS[:models], *network, "image")


def size_line(picture: np.ndarray) -> str:
    """Width×height."""
    return f"{picture.shape[1]}×{picture.shape[0]}"


def score_line(picture: np.ndarray, hr: np.ndarray | None, border: int) -> str:
    """Caption of a result: `scores` or, where there are none, its size."""
    known = scores(picture, hr, border)
    return f"PSNR {known[0]:.2f} dB · SSIM {known[1]:.4f}" if known else size_line(picture)


def scores(picture: np.ndarray, hr: np.ndarray | None, border: int) -> tuple[float, float] | None:
    """PSNR-Y in dB and SSIM-Y against the HR, or None without one (or with too small a one)."""
    if hr is None or min(picture.shape[:2]) < _SSIM_WINDOW + 2 * border:
        return None
    return psnr(picture, hr, border), ssim(picture, hr, border)
