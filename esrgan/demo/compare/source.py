"""The question what a picture is, and what the file itself answers.

Asked where there are models for either answer and the picture is made larger as it is: one that is
shrunk first has lost what spoilt it.
"""

from pathlib import Path

import gradio as gr

from esrgan.demo import choice
from esrgan.demo.compare.family import BUILTIN, CLEAN, OFFICIAL, PHOTO
from esrgan.demo.limits import MAX_PICTURE_PIXELS
from esrgan.demo.server.decoding import load_image
from esrgan.errors import UserError
from esrgan.pictures.compression import TRACES, blockiness, jpeg_quality

AS_LR, AS_HR = "Make it 4× larger", "Test it: shrink, restore, compare with the original"
# A JPEG of this quality or above is as good as clean.
FINE_QUALITY = 95


def question() -> gr.Radio:
    return gr.Radio(
        [CLEAN, PHOTO], value=CLEAN, label="What is it?", visible=False, elem_id="source"
    )


def is_asked(kind: str, family: str) -> bool:
    offered = {BUILTIN: choice.PHOTO, OFFICIAL: choice.REAL}.get(family, ())
    return kind == AS_LR and choice.are_known(offered)


def asked(kind: str, family: str) -> gr.Radio:
    """The question, shown or not; its answer stays."""
    return gr.Radio(visible=is_asked(kind, family))


def proposed(upload: str | None, kind: str, family: str) -> gr.Radio:
    """The question with the answer that the file gives, and why."""
    answer, reason = (CLEAN, "") if upload is None else estimate(Path(upload))
    return gr.Radio(value=answer, info=reason or None, visible=is_asked(kind, family))


def estimate(file: Path) -> tuple[str, str]:
    """What a file seems to be, and a sentence why; a damaged one is told of elsewhere."""
    try:
        quality = jpeg_quality(file)
        if quality is not None:
            return _of_jpeg(quality)
        blocks = blockiness(load_image(file, MAX_PICTURE_PIXELS))
    except (OSError, UserError):
        return CLEAN, ""
    if blocks > TRACES:
        return PHOTO, f"It shows a JPEG's blocks: steps between them are {blocks:.2f} times others."
    return CLEAN, "No trace of JPEG was found in it."


def _of_jpeg(quality: int) -> tuple[str, str]:
    if quality >= FINE_QUALITY:
        return CLEAN, f"It is a JPEG of quality {quality}, which leaves hardly a trace."
    return PHOTO, f"It is a JPEG of quality {quality}, whose blocks the paper's models would draw."
