"""Methods on LR that was spoilt first, and their means with a column a degradation."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from esrgan.evaluation.methods import Method
from esrgan.evaluation.pairs import Pair
from esrgan.evaluation.results import Results, Score
from esrgan.evaluation.tables import NOTHING, Table
from esrgan.pictures.degrade import CLEAN, Recipe

# What the columns show: heading, attribute, format.
SHOWN = (("PSNR-Y", "psnr_y", ".2f"), ("SSIM-Y", "ssim_y", ".4f"), ("NIQE", "niqe", ".2f"))


def with_degradations(methods: Sequence[Method], recipes: Sequence[Recipe]) -> list[Method]:
    """Each method on LR that each recipe has spoilt; what needs no LR, once."""
    return [
        degraded(method, recipe)
        for method in methods
        for recipe in (recipes if method.upscale else recipes[:1])
    ]


def degraded(method: Method, recipe: Recipe) -> Method:
    """The method on LR that the recipe has spoilt, which its name tells."""
    if recipe.text == CLEAN or method.upscale is None:
        return method

    def result(pair: Pair) -> np.ndarray:
        return method.result(replace(pair, lr=recipe(pair.lr, pair.name)))

    return replace(
        method,
        model=_name(method.model, recipe),
        result=result,
        digest=lambda picture: f"{method.digest(picture)} {recipe.text}",
    )


def degradation_table(results: Results, recipes: Sequence[Recipe]) -> Table:
    """The means: a row a method, and for each number a column a degradation."""
    means = {mean.method: mean for mean in results.means()}
    spoilt = [recipe for recipe in recipes if recipe.text != CLEAN]
    rows: dict[tuple[str, str | None, float | None], list[Score | None]] = {}
    for model, mode, alpha in means:
        base = next((name for r in spoilt if (name := _base(model, r))), model)
        needs_lr = any((_name(base, r), mode, alpha) in means for r in spoilt)
        names = [_name(base, r) if needs_lr else base for r in recipes]
        rows[base, mode, alpha] = [means.get((name, mode, alpha)) for name in names]
    return Table(
        head=["model", *(f"{title} {r.text}" for title, _, _ in SHOWN for r in recipes)],
        rows=[
            [_label(*key), *(_cell(mean, each) for each in SHOWN for mean in known)]
            for key, known in rows.items()
        ],
        words=1,
        notes=[],
    )


def _name(model: str, recipe: Recipe) -> str:
    return model if recipe.text == CLEAN else f"{model} {recipe.text}"


def _base(model: str, recipe: Recipe) -> str | None:
    """The method's own name, if this is its name on what the recipe has spoilt."""
    suffix = f" {recipe.text}"
    return model.removesuffix(suffix) if model.endswith(suffix) else None


def _label(model: str, mode: str | None, alpha: float | None) -> str:
    return model if alpha is None else f"{model} {mode} α {alpha:g}"


def _cell(mean: Score | None, shown: tuple[str, str, str]) -> str:
    value = None if mean is None else getattr(mean, shown[1])
    return NOTHING if value is None else f"{value:{shown[2]}}"
