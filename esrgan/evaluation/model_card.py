"""A model's card for the Hugging Face Hub, with what was measured of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from esrgan.errors import UserError
from esrgan.evaluation.comparison_table import comparison_table
from esrgan.evaluation.results import METRICS, Results
from esrgan.evaluation.tables import markdown

FILE = "model.safetensors"
TASK = "image-to-image"


def model_card(
    title: str, scale: int, facts: Mapping[str, Any], sets: Mapping[str, Results], model: str
) -> str:
    """The text of README.md: what the Hub reads at its head, then words and tables for people.

    Args:
        title: of the model.
        scale: of the network.
        facts: of its file: how it was trained.
        sets: results by the names of data sets, maybe none.
        model: its name in them.

    Raises:
        UserError: a data set has no results of it.
    """
    from huggingface_hub import EvalResult, ModelCardData  # only here: it takes a second

    found = [
        EvalResult(TASK, name, name, metric, float(value), metric_name=metric)
        for name, results in sets.items()
        for metric, value in _numbers(name, results, model)
    ]
    data = ModelCardData(
        model_name=title if found else None,
        pipeline_tag=TASK,
        library_name="pytorch",
        tags=["super-resolution", "esrgan", f"x{scale}"],
        eval_results=found or None,
    )
    return f"---\n{data.to_yaml()}\n---\n\n{_words(title, scale, facts, sets)}"


def _numbers(name: str, results: Results, model: str) -> Sequence[tuple[str, float]]:
    """Finite means by the names of metrics; NIQE's by which model it is of."""
    means = {mean.model: mean for mean in results.means() if mean.alpha is None}
    if model not in means:
        raise UserError(f"The evaluation of {name} has no results of {model}.")
    mean = means[model]
    shown = {"niqe": results.niqe_label, "pi": results.pi_label}
    had = [(metric, getattr(mean, metric)) for metric in METRICS]
    return [(shown.get(m, m), v) for m, v in had if v is not None and abs(v) < float("inf")]


def _words(title: str, scale: int, facts: Mapping[str, Any], sets: Mapping[str, Results]) -> str:
    parts = [f"# {title}\n\nA network of ×{scale} super-resolution, in `{FILE}`.\n"]
    parts.append(f"```sh\nesrgan upscale picture.png --model {FILE} -o out\n```\n")
    if sets:
        parts.append(f"## Measured\n\n{markdown(comparison_table(sets))}")
    if facts:
        lines = [f"- {name}: `{value}`" for name, value in facts.items()]
        parts.append("## What its file says\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)
