"""Panel below the viewer: a blind test of the comparisons at hand, which others answer."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from esrgan.demo.compare import study as compute
from esrgan.demo.compare.session import Session
from esrgan.demo.compare.study import Study
from esrgan.demo.server.housekeeping import seconds_kept
from esrgan.demo.server.messages import QUIETLY, told
from esrgan.demo.viewer import Alphas

METHODS = [
    ("Bicubic", "bicubic"),
    ("PSNR", "psnr"),
    ("GAN", "gan"),
    ("After activation", "after"),
    ("Network α", "network"),
    ("Image α", "image"),
]
METHODS_AT_FIRST = ["psnr", "gan", "network"]

CROPS = [("Whole picture", 0), ("128×128", 128), ("256×256", 256)]
ABOUT = (
    "A page for a user study: it shows pairs of results in random order and side, asks which "
    "looks better, and lets participants save their answers, also offline. Then "
    "`python -m esrgan votes` makes preference rates and scores of them. Collect several pictures, "
    "one comparison after another."
)


def build(session: gr.State, alphas: gr.State) -> None:
    """Fill the panel, which asks about what `session` holds with the sliders at `alphas`."""
    collected = gr.State((), time_to_live=seconds_kept())
    gr.Markdown(ABOUT)
    methods = gr.CheckboxGroup(
        METHODS, value=METHODS_AT_FIRST, label="Methods", elem_id="study-methods"
    )
    with gr.Row():
        crop = gr.Radio(
            CROPS, value=0, label="Shown: where the methods differ most", elem_id="study-crop"
        )
        original = gr.Checkbox(
            True, label="The original beside, if known", elem_id="study-original"
        )
    listed = gr.HTML(compute.words(()), elem_id="study-pictures")
    with gr.Row():
        add = gr.Button("Add this picture", size="sm", elem_id="study-add")
        clear = gr.Button("Remove pictures", size="sm", elem_id="study-clear")
        make = gr.Button("Make the page", size="sm", variant="primary", elem_id="study-make")
    file = gr.DownloadButton("Download", visible=False, elem_id="study-file")
    at_hand = [collected, session, methods, alphas]
    add.click(told(collect), at_hand, [collected, listed], **QUIETLY)
    clear.click(lambda: ((), compute.words(())), None, [collected, listed], **QUIETLY)
    make.click(told(page), [*at_hand, original, crop], file, **QUIETLY)


def collect(
    study: Study, session: Session | None, panes: list[str], alphas: Alphas
) -> tuple[Study, str]:
    """Add the comparison at hand to the study."""
    study = compute.with_current(study, session, panes, alphas)
    return study, compute.words(study)


def page(
    study: Study,
    session: Session | None,
    panes: list[str],
    alphas: Alphas,
    original: bool,
    crop: int,
) -> Iterator[Any]:
    """The page of what is collected or, without any, of the comparison at hand."""
    study = study or compute.with_current((), session, panes, alphas)
    made = compute.page(study, original, crop or None)
    yield gr.DownloadButton(f"Download {made.name}", value=made, visible=True)
