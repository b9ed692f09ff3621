"""Choice of the models that are compared: a family, and within it which."""

import os
from collections.abc import Sequence

import gradio as gr

from esrgan.demo import choice, finetuned, model_chooser
from esrgan.demo.comparison import Trio
from esrgan.demo.server.messages import QUIETLY, told

BUILTIN, OFFICIAL, TUNED = "Built-in", "Official (downloaded)", "Fine-tuned here"
ANY = "Any two or three"
# What a picture is; see `source`.
CLEAN, PHOTO = "A clean picture (as in the paper)", "A photo or JPEG from the web"
# The owner of a server chooses what visitors see first: ESRGAN_MODELS=official.
FIRST_MODELS_VARIABLE = "ESRGAN_MODELS"


def model_choice() -> tuple[gr.Dropdown, gr.Dropdown, gr.Column, gr.File, list[gr.Dropdown]]:
    """Controls: the family, the fine-tuned model, and, in a part of their own, the visitor's files
    and any two or three models."""
    family = gr.Dropdown(
        families(),
        value=OFFICIAL if first_models() == choice.OFFICIAL else BUILTIN,
        label="Models",
        elem_id="models",
    )
    tuned = gr.Dropdown(
        [],
        label="Fine-tuned model, as α = 1; the model it started from, as α = 0",
        visible=False,
        elem_id="tuned",
    )
    parts, own, trio = model_chooser.two_or_three()
    family.input(told(shown_choices), [family, own, *trio], [tuned, parts, *trio], **QUIETLY)
    return family, tuned, parts, own, trio


def first_models() -> tuple[str, ...]:
    """Names of the models that visitors see first."""
    official = os.environ.get(FIRST_MODELS_VARIABLE) == "official"
    return choice.OFFICIAL if official else choice.BUILTIN


def families() -> list[str]:
    return [BUILTIN, OFFICIAL, ANY, *([TUNED] if finetuned.finished_names() else [])]


def shown_choices(
    family: str, files: list[str] | None, *chosen: str, tuned_name: str | None = None
) -> tuple[gr.Dropdown | gr.Column, ...]:
    names = finetuned.finished_names() if family == TUNED else []
    name = tuned_name if tuned_name in names else next(iter(names), None)
    tuned = gr.Dropdown(names, value=name, visible=family == TUNED)
    return tuned, gr.Column(visible=family == ANY), *model_chooser.offer(files, *chosen)


def named_by(family: str, for_photos: bool, chosen: tuple[str, str, str]) -> tuple[str, ...]:
    """The named models that the controls of `trio_of` ask for; they may have to be downloaded."""
    if family == OFFICIAL:
        return choice.REAL if for_photos else choice.OFFICIAL
    return chosen if family == ANY else ()


def trio_of(
    family: str,
    for_photos: bool,
    tuned: str | None,
    own: Sequence[str],
    chosen: tuple[str, str, str],
) -> Trio:
    """Models that the controls name.

    Args:
        for_photos: of a family that has two pairs, the one for photographs.

    Raises:
        UserError: one of them is missing.
    """
    if family == OFFICIAL:
        return choice.real_trio() if for_photos else choice.official_trio()
    if family == ANY:
        return choice.chosen_trio(*chosen, own)
    if family == TUNED:
        return finetuned.trio(tuned)
    return choice.photo_trio() if for_photos else choice.builtin_trio()
