"""The Batch tab: many pictures, or zips of them, through one model, and a zip back.

Layout and wiring; what is shown is computed in `batch`.
"""

import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from esrgan.demo import forms
from esrgan.demo.batch import job as compute
from esrgan.demo.batch.job import Batch, Wish
from esrgan.demo.batch.report import caption, failures, progress
from esrgan.demo.downloading import arriving
from esrgan.demo.model_chooser import model_of, one_model
from esrgan.demo.server.housekeeping import seconds_kept
from esrgan.demo.server.messages import QUIETLY, told
from esrgan.demo.server.stopping import Runs, StoppedError
from esrgan.demo.work import Work
from esrgan.evaluation.methods import PAIR
from esrgan.inference.blend import DEFAULT_ALPHA
from esrgan.models.interpolation import STRANGERS

ONE, TWO = "One model", "Between two models (α)"
FORMATS = [("PNG", "png"), ("WebP (lossless, 8 bits)", "webp"), ("JPEG", "jpg")]
SHOWN = 24  # previews, the latest
SECONDS_BETWEEN_DRAWINGS = 0.5


def build(tab: gr.Tab) -> gr.File:
    """Fill the tab; nothing is computed before the visitor asks for it.

    Returns:
        The place of the pictures, which other tabs may fill.
    """
    state = gr.State(None, time_to_live=seconds_kept(), delete_callback=compute.forget)
    gr.Markdown(
        "Many pictures, or zips of them, made four times larger by one model: one zip back."
    )
    with gr.Row():
        with gr.Column(min_width=300):
            files = gr.File(
                file_count="multiple",
                label="Pictures, or zips of them",
                height=200,
                elem_id="batch-files",
            )
            suffix = gr.Radio(FORMATS, value="png", label="Results as", elem_id="batch-format")
        with gr.Column(min_width=300):
            models = _model_choice(tab)
            with gr.Accordion(
                "Refine the results (slower): self-ensemble, back-projection", open=False
            ):
                refinements = forms.refinement_choice()
    work = Work("Upscale all", "batch")
    download = gr.DownloadButton(visible=False, variant="primary", elem_id="batch-download")
    failed = gr.HTML(elem_id="batch-failures")
    previews = gr.Gallery(
        fit_columns=False,
        object_fit="contain",
        label="Small pictures of the latest results",
        buttons=[],
        interactive=False,
        visible=False,
        elem_id="batch-previews",
    )
    shown = [work.status, download, failed, previews]

    inputs = [state, files, suffix, *models, *refinements]
    running = work.does(upscale_all, inputs, [state, *shown])
    finishing: dict[str, Any] = {"fn": told(finish), "inputs": [state], "outputs": shown, **QUIETLY}
    running.success(**finishing)
    running.failure(**finishing)
    return files


def _model_choice(tab: gr.Tab) -> list[gr.components.Component]:
    """Choice of one model or of two, in the order of the inputs of `upscale_all`."""
    kind = gr.Radio([ONE, TWO], value=ONE, label="Upscale with", elem_id="batch-kind")
    first, first_own = one_model(tab, "Model", PAIR[1], "batch-first")
    with gr.Column(visible=False) as between:
        second, second_own = one_model(tab, "Second model (α = 1)", PAIR[1], "batch-second")
        with gr.Row():
            alpha = gr.Slider(
                0, 1, DEFAULT_ALPHA, step=0.01, label="α", min_width=160, elem_id="batch-alpha"
            )
            mode = gr.Radio(
                forms.MODES,
                value="network",
                label="α interpolates",
                min_width=120,
                elem_id="batch-mode",
            )
    kind.input(_kind_chosen, [kind, first], [first, between], **QUIETLY)
    return [kind, first, first_own, second, second_own, alpha, mode]


def _kind_chosen(kind: str, first: str) -> tuple[gr.Dropdown, gr.Column]:
    """Labels and ends of α for one model or two: from PSNR to GAN if nothing else was chosen."""
    if kind == TWO:
        value = PAIR[0] if first == PAIR[1] else first
        return gr.Dropdown(value=value, label="First model (α = 0)"), gr.Column(visible=True)
    value = PAIR[1] if first == PAIR[0] else first
    return gr.Dropdown(value=value, label="Model"), gr.Column(visible=False)


def upscale_all(
    runs: Runs,
    before: Batch | None,
    files: list[str] | None,
    suffix: str,
    kind: str,
    first: str,
    first_own: str | None,
    second: str,
    second_own: str | None,
    alpha: float,
    mode: str,
    ensemble: bool,
    rounds: float,
) -> Iterator[tuple[Any, ...]]:
    """Upscale the pictures, showing results as they are done."""
    models = [model_of(first, first_own)]
    if kind == TWO:
        models.append(model_of(second, second_own))
    uploads = [Path(file) for file in files or ()]
    wish = Wish(uploads, models, alpha, mode, ensemble, rounds, suffix)
    drawn = 0.0
    with suppress(StoppedError), runs.running() as run:
        compute.check(wish)
        for file in arriving(models, partial(runs.wants, run)):
            yield gr.skip(), file.words, *[gr.skip()] * 3
        yield gr.skip(), "Reading the files …", *[gr.skip()] * 3
        for number, batch in enumerate(runs.carry(run, compute.run(wish))):
            if number == 0:
                compute.forget(before)
                if batch.strangers:
                    gr.Warning(STRANGERS)
            elif time.monotonic() - drawn < SECONDS_BETWEEN_DRAWINGS:
                yield batch, *[gr.skip()] * 4
                continue
            drawn = time.monotonic()
            yield batch, *_drawn(batch)


def finish(batch: Batch | None) -> Iterator[tuple[Any, ...]]:
    """Show the results at the end, also of a batch that was stopped or has failed."""
    if batch is None:
        yield "", *[gr.skip()] * 3
        return
    batch.end()
    yield _drawn(batch)


def _drawn(batch: Batch) -> tuple[str, gr.DownloadButton, str, gr.Gallery]:
    """Outputs of a batch: status, download, failures and previews."""
    file = gr.DownloadButton(visible=False)
    if batch.file is not None:
        size = batch.file.stat().st_size / 2**20
        label = f"Download {batch.file.name} ({size:.1f} MB)"
        file = gr.DownloadButton(label, value=batch.file, visible=True)
    latest = [(str(done.preview), caption(done)) for done in batch.done[: -SHOWN - 1 : -1]]
    gallery = gr.Gallery(latest, visible=bool(latest))
    return progress(batch), file, failures(batch), gallery
