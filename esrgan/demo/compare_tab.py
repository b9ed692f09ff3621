"""The Compare tab: one picture through PSNR, GAN and everything between.

Layout and wiring; what is shown is computed in `comparison`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import ImageData

from esrgan.demo import comparison as compute
from esrgan.demo import export_panel, finetuning
from esrgan.demo.comparison import Trio
from esrgan.demo.messages import told
from esrgan.demo.session import Session, add_frame, add_result, at_rest, begin, finished
from esrgan.demo.viewer import View, Viewer
from esrgan.errors import UserError
from esrgan.interpolation import STRANGERS

EXAMPLES = Path(__file__).parents[2] / "assets" / "examples"
FIRST_EXAMPLE = EXAMPLES / "astronaut.png"
BUILTIN, OFFICIAL, OWN = "Built-in", "Official (downloaded)", "My own files"
TUNED = "Fine-tuned here"
AS_HR, AS_LR = "HR: make LR from it and measure", "LR: upscale it"

# Key frames of the network's α in the order in which they are made: usable after two.
TENTHS = (0.0, 1.0, 0.5, 0.8, 0.2, 0.6, 0.4, 0.9, 0.7, 0.3, 0.1)
KEY_ALPHAS = (*TENTHS, *(step / 20 for step in range(1, 20, 2)))
# Larger results get fewer of them: for the time they take and the browser's memory.
FEW_FRAMES = {300_000: 21, 1_100_000: 11, 4_300_000: 5, 17_000_000: 3}


class Upload(gr.Image):
    """An image upload that hands over the file as it is, for `images.decode_image` to judge."""

    is_template = True  # drawn by the browser as the Image that it is

    def preprocess(self, payload: ImageData | None) -> str | None:
        return None if payload is None else payload.path


def build(page: gr.Blocks) -> None:
    """Fill the tab; the first example is run when the page is opened."""
    session = gr.State(None, time_to_live=3600)
    with gr.Row():
        with gr.Column(min_width=300):
            upload = Upload(
                value=str(FIRST_EXAMPLE),
                label="Your picture",
                sources=["upload", "clipboard"],
                height=240,
                elem_id="upload",
            )
            examples = gr.Examples(
                [[str(path)] for path in sorted(EXAMPLES.glob("*.png"))],
                upload,
                label="or one of these",
                elem_id="examples",
            )
        with gr.Column(min_width=300):
            kind = gr.Radio([AS_HR, AS_LR], value=AS_HR, label="It is", elem_id="kind")
            family, files, tuned = _model_choice()
            with gr.Row():
                start = gr.Button("Upscale", variant="primary", elem_id="start")
                stop = gr.Button("Stop", elem_id="stop")
    viewer = Viewer(elem_id="viewer")
    export_panel.build(session, viewer)

    comparing: dict[str, Any] = {
        "fn": told(compare),
        "inputs": [upload, kind, family, *files, tuned],
        "outputs": [session, viewer],
        "concurrency_id": "device",
        "show_progress": "minimal",
        "show_progress_on": [viewer],
        "api_visibility": "undocumented",
    }
    runs = [
        gr.on([start.click, upload.upload, kind.input, page.load], **comparing),
        examples.load_input_event.then(**comparing),
    ]
    stop.click(None, cancels=runs, api_visibility="undocumented")
    viewer.release(
        told(exactly),
        [session],
        [session, viewer],
        trigger_mode="always_last",
        concurrency_id="device",
        show_progress="hidden",
        api_visibility="undocumented",
    )


def _model_choice() -> tuple[gr.Radio, list[gr.File], gr.Dropdown]:
    families = [BUILTIN, OFFICIAL, OWN, TUNED]
    family = gr.Radio(families, value=BUILTIN, label="Models", elem_id="models")
    with gr.Row(visible=False, elem_id="own-files") as own:
        files = [
            gr.File(label=label, height=110, elem_id=elem_id)
            for label, elem_id in (
                ("PSNR model (.safetensors, .pth)", "own-psnr"),
                ("GAN model", "own-gan"),
                ("GAN, after activation (optional)", "own-after"),
            )
        ]
    tuned = gr.Dropdown(
        [],
        label="Fine-tuned model, as GAN; the model it started from, as PSNR",
        visible=False,
        elem_id="tuned",
    )
    family.input(
        _shown_choices,
        family,
        [own, tuned],
        show_progress="hidden",
        api_visibility="undocumented",
    )
    return family, files, tuned


def _shown_choices(family: str) -> tuple[gr.Row, gr.Dropdown]:
    names = finetuning.finished_names() if family == TUNED else []
    tuned = gr.Dropdown(names, value=next(iter(names), None), visible=family == TUNED)
    return gr.Row(visible=family == OWN), tuned


def compare(
    upload: str | None,
    kind: str,
    family: str,
    psnr_file: str | None,
    gan_file: str | None,
    after_file: str | None,
    tuned: str | None,
) -> Iterator[tuple[Session, View]]:
    """Run one picture through the models, showing each result as soon as it is there."""
    if upload is None:
        gr.Info("Choose a picture first.")
        return
    trio = _chosen_trio(family, psnr_file, gan_file, after_file, tuned)
    if compute.strangers(trio):
        gr.Warning(STRANGERS)
    session = begin(compute.begin(upload, kind == AS_HR, trio))
    yield session, session.view
    for comparison in compute.run(session.comparison):
        session = add_result(session, comparison)
        yield session, session.view
    height, width = session.view.height, session.view.width
    count = next((n for pixels, n in FEW_FRAMES.items() if height * width <= pixels), 2)
    for alpha in KEY_ALPHAS[2:count]:
        picture = compute.network_interpolated(session.comparison, alpha)
        session = add_frame(session, alpha, picture)
        yield session, session.view
    session = finished(session)
    yield session, session.view


def _chosen_trio(
    family: str,
    psnr_file: str | None,
    gan_file: str | None,
    after_file: str | None,
    tuned: str | None,
) -> Trio:
    if family == OFFICIAL:
        return compute.official_trio()
    if family == OWN:
        return compute.own_trio(psnr_file, gan_file, after_file)
    if family == TUNED:
        return finetuning.trio(tuned)
    return compute.builtin_trio()


def exactly(session: Session | None, event: gr.EventData) -> Iterator[tuple[Session, View]]:
    """What only the server can tell of the α at which the sliders rest: the network's picture
    between key frames, and the scores."""
    if session is None or event.run != session.view.run or "gan" not in session.comparison.results:
        yield gr.skip(), gr.skip()
        return
    session = at_rest(session, _alpha(event.network), _alpha(event.image))
    yield session, session.view


def _alpha(value: object) -> float:
    """A number from the browser as α."""
    if not isinstance(value, int | float) or not 0 <= value <= 1:
        raise UserError("alpha must be a number between 0 and 1.")
    return float(value)
