"""What a run has gained over the network that it started from, on pictures that it never saw."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from scipy.special import stdtrit

from esrgan.evaluation.evaluate import measure
from esrgan.inference.upscale import Upscaler
from esrgan.models.checkpoints import load_generator, read_facts, save_generator
from esrgan.pictures.files import atomic_path
from esrgan.pictures.images import to_rgb
from esrgan.run_folder import gain_path, gain_picture_path
from train.journal import save_png
from train.stages import PSNRStage
from train.starting_weights import initial_generator

# Of figures: what they are called, their unit, and whether less is better.
UNITS: dict[str, tuple[str, str, bool]] = {
    "psnr_y": ("PSNR", " dB", False),
    "ssim_y": ("SSIM", "", False),
    "niqe": ("NIQE", "", True),
    "delta_e": ("ΔE", "", True),
    "lpips": ("LPIPS", "", True),
    "dists": ("DISTS", "", True),
}
CONFIDENCE = 0.95
SHOWN, SHOWN_SIDE = 4, 192  # pictures, and the side of the part of each that is shown


@dataclass(frozen=True)
class Gain:
    """A figure of pictures by name: of the network at the start, and of the one that is kept."""

    figure: str
    before: Mapping[str, float]
    after: Mapping[str, float]

    def differences(self) -> np.ndarray:
        """By which each picture has become better; negative if worse."""
        sign = -1 if UNITS[self.figure][2] else 1
        both = [name for name in self.before if name in self.after]
        return sign * np.array([self.after[name] - self.before[name] for name in both])

    @property
    def is_none(self) -> bool:
        """Whether the pictures are the start's own."""
        return bool(self.before) and self.before == self.after

    def interval(self) -> tuple[float, float]:
        """Of the mean difference, with `CONFIDENCE` (Student's t), of two pictures or more."""
        found = self.differences()
        spread = found.std(ddof=1) / len(found) ** 0.5
        reach = stdtrit(len(found) - 1, (1 + CONFIDENCE) / 2) * spread
        return float(found.mean() - reach), float(found.mean() + reach)

    def words(self) -> str:
        """One sentence for people."""
        title, unit, less = UNITS[self.figure]
        found = self.differences()
        if self.is_none:
            return (
                f"No real gain; the start is kept: nothing that was learnt has a better {title} on "
                "the pictures held out."
            )
        if len(found) < 2:
            return "Too few pictures were held out to say what was gained."
        low, high = self.interval()
        verdict = "Better" if low > 0 else "Worse" if high < 0 else "No real gain"
        sign = -1 if less else 1  # what is told is the figure itself
        ends = sorted((sign * low, sign * high))
        told = f"{title} {sign * found.mean():+.2f}{unit} ({ends[0]:+.2f} to {ends[1]:+.2f})"
        better = f"better on {int((found > 0).sum())} of {len(found)}"
        return f"{verdict} on the pictures held out: {told}, {better}."


def tell_gain(run: Path, stage: PSNRStage) -> str:
    """Compare the best weights of a run with those of its start on the pictures held out, and make
    them its result; the start itself if they are not better.

    Leaves `gain.json`, some of the pictures as `gain.png`, and the words, which are returned, in
    the weights' facts.
    """
    best = run / "best" / stage.weights_name
    torch.manual_seed(stage.config.seed)
    networks = [initial_generator(stage.config)[0].eval(), load_generator(best)]
    upscalers = [Upscaler(network, device=stage.device) for network in networks]
    gain = Gain(stage.figure, *(_measured(upscaler, stage) for upscaler in upscalers))
    facts = read_facts(best)
    # A resumed run's best may have been chosen without the start, by another figure than before.
    if not facts["iterations"] or gain.differences().mean() < 0:
        gain = replace(gain, after=gain.before)
        networks[1], upscalers[1] = networks[0], upscalers[0]
        facts = {name: fact for name, fact in facts.items() if not name.startswith("validation/")}
        facts["iterations"] = 0
    rows = [
        [*(to_rgb(upscaler(pair.lr)) for upscaler in upscalers), to_rgb(pair.hr)]
        for pair in stage.validation[:SHOWN]
    ]
    side = min(SHOWN_SIDE, *(length for row in rows for length in row[0].shape[:2]))
    tiles = [np.concatenate([_central(picture, side) for picture in row], axis=1) for row in rows]
    save_png(np.concatenate(tiles), gain_picture_path(run))
    save_generator(run / stage.weights_name, networks[1], {**facts, "gain": gain.words()})
    with atomic_path(gain_path(run)) as temporary:
        content = {"words": gain.words(), **asdict(gain)}
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return gain.words()


def _measured(upscaler: Upscaler, stage: PSNRStage) -> dict[str, float]:
    """The stage's figure of each picture held out, by name, where it can be measured."""
    scale, measures = stage.generator.scale, stage.measures
    found = {
        pair.name: measure(upscaler(pair.lr), pair.hr, scale, measures)[stage.figure]
        for pair in stage.validation
    }
    return {name: value for name, value in found.items() if not isinstance(value, str)}


def _central(picture: np.ndarray, side: int) -> np.ndarray:
    top, left = ((length - side) // 2 for length in picture.shape[:2])
    return picture[top : top + side, left : left + side]
