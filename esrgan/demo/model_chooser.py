"""Model chooser of every tab: named models, those fine-tuned here, files of one's own.

What can be chosen, and what it stands for, is said by `choice`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from esrgan.demo import choice
from esrgan.demo.server.messages import QUIETLY, told
from esrgan.errors import UserError

SUFFIXES = [".safetensors", ".pth", ".pt"]
OWN_TITLE, OWN = "My own file", f"{choice.FILE}0"
FILES = "(.safetensors, .pth)"
COMPARATORS = [("Bicubic", "bicubic"), ("HR itself", "hr")]
# Where a trio begins, and what its dropdowns are called.
FIRST_TRIO = (*choice.BUILTIN[:2], choice.NONE)
TRIO = (("α = 0", "first-model"), ("α = 1", "second-model"), ("Third", "third-model"))


def one_model(tab: gr.Tab, label: str, value: str, elem_id: str) -> tuple[gr.Dropdown, gr.File]:
    """Choice of one model, and the visitor's file if that is chosen; see `model_of`."""
    model = gr.Dropdown(_with_own(), value=value, label=label, elem_id=elem_id)
    own = gr.File(
        label=f"Weights {FILES}",
        file_types=SUFFIXES,
        height=110,
        visible=False,
        elem_id=f"{elem_id}-own",
    )
    model.input(lambda value: gr.File(visible=value == OWN), model, own, **QUIETLY)
    tab.select(lambda value: gr.Dropdown(_with_own(), value=value), model, model, **QUIETLY)
    return model, own


def _with_own() -> list[tuple[str, str]]:
    return choice.offered([OWN_TITLE])


def model_of(value: str, own: str | None) -> str | Path:
    """Model that was chosen in `one_model`, as `choice.weights_file` takes it.

    Raises:
        UserError: the visitor's own file is missing.
    """
    if value == OWN and own is None:
        raise UserError("Choose the weights file of your own model.")
    return choice.chosen(value, [own] if own else [])


def many_models(
    tab: gr.Tab, value: Sequence[str], elem_id: str
) -> tuple[gr.CheckboxGroup, gr.File]:
    """Choice of any number of models, bicubic and HR among them, and the visitor's files."""

    def refreshed(value: list[str]) -> gr.CheckboxGroup:
        return gr.CheckboxGroup(_with_comparators(), value=value)

    models = gr.CheckboxGroup(
        _with_comparators(), value=list(value), label="Models", elem_id=f"{elem_id}-models"
    )
    tab.select(refreshed, models, models, **QUIETLY)
    with gr.Accordion("My own models", open=False):
        own = gr.File(
            file_count="multiple",
            file_types=SUFFIXES,
            label=f"Weights {FILES}",
            height=140,
            elem_id=f"{elem_id}-weights",
        )
    return models, own


def _with_comparators() -> list[tuple[str, str]]:
    bicubic, hr = COMPARATORS
    return [bicubic, *choice.offered(), hr]


def two_or_three() -> tuple[gr.Column, gr.File, list[gr.Dropdown]]:
    """Choice of two models or three, with the visitor's files among them; hidden at first."""
    with gr.Column(visible=False, elem_id="any-models") as parts:
        own = gr.File(
            file_count="multiple",
            file_types=SUFFIXES,
            label=f"My own files, to choose from below {FILES}",
            height=140,
            elem_id="own-files",
        )
        with gr.Row():
            trio = [
                gr.Dropdown(label=label, min_width=140, elem_id=elem_id, **options)
                for (label, elem_id), options in zip(TRIO, _options(None, FIRST_TRIO), strict=True)
            ]
    gr.on([own.upload, own.clear, own.delete], told(offer), [own, *trio], trio, **QUIETLY)
    return parts, own, trio


def offer(files: list[str] | None, *values: str) -> list[gr.Dropdown]:
    """Dropdowns of `two_or_three` with all models by now, the uploaded files among them.

    Raises:
        UserError: there are too many files.
    """
    return [gr.Dropdown(**options) for options in _options(files, values)]


def _options(files: list[str] | None, values: Sequence[str]) -> list[dict[str, Any]]:
    """Choices and value of each dropdown; what is not there any more is as at first."""
    offered = choice.offered(files or [])
    lists = [offered, offered, [("none", choice.NONE), *offered]]
    known = {value for _, value in lists[-1]}
    return [
        {"choices": each, "value": value if value in known else first}
        for each, value, first in zip(lists, values, FIRST_TRIO, strict=True)
    ]
