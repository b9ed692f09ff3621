"""Panels below the viewer: a figure for a paper, an animation of α, and a blind test.

Layout and wiring; what is made is computed in `figure` and `animation`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from esrgan.demo import forms
from esrgan.demo.compare import animation, study_panel
from esrgan.demo.compare import figure as compute
from esrgan.demo.compare.animation import AnimationWish
from esrgan.demo.compare.figure import FigureWish, Known, Marks
from esrgan.demo.compare.session import Session
from esrgan.demo.film import Film
from esrgan.demo.server.housekeeping import seconds_kept
from esrgan.demo.server.messages import QUIETLY, told
from esrgan.demo.server.stopping import Runs, StoppedError
from esrgan.demo.viewer import Alphas, Viewer, alphas_of
from esrgan.demo.work import Work

PANES = [("LR", "lr"), *study_panel.METHODS, ("HR", "hr")]
PANES_AT_FIRST = ["bicubic", "psnr", "gan", "network", "hr"]
LAYOUTS = [
    ("Whole picture and crops (Fig. 7)", compute.WHOLE),
    ("Crops only", compute.CROPS_ONLY),
    ("Strip of α (Fig. 10), of the last crop", compute.STRIP),
]
REGIONS = [("Marked crop", animation.CROP), ("Whole picture", animation.WHOLE)]
MODES = [("The network", "network"), ("The image", "image"), ("Both, side by side", "both")]
FORMATS = [("GIF", "gif"), ("WebP (lossless)", "webp"), ("MP4", "mp4")]


def build(session: gr.State, viewer: Viewer) -> None:
    """Fill the panel, which shows what `session` holds and `viewer` marks."""
    marks = gr.State(Marks(), time_to_live=seconds_kept())
    alphas = gr.State(Alphas(), time_to_live=seconds_kept())
    with gr.Accordion("Figure for a paper", open=False, elem_id="paper-panel"):
        listed = _figure_panel(session, marks, alphas)
    with gr.Accordion("Animation of α", open=False, elem_id="animation-panel"):
        _animation_panel(session, marks)
    with gr.Accordion("Blind test: a user study", open=False, elem_id="study-panel"):
        study_panel.build(session, alphas)
    each: dict[str, Any] = {"trigger_mode": "multiple", **QUIETLY}
    viewer.select(told(mark), [session, marks], [marks, listed], **each)
    viewer.release(told(rest), None, alphas, **each)


def _figure_panel(session: gr.State, marks: gr.State, alphas: gr.State) -> gr.HTML:
    """Fill the figure's panel and return the list of crops."""
    numbers = gr.State({}, time_to_live=seconds_kept())
    with gr.Row():
        with gr.Column(min_width=300):
            panes = gr.CheckboxGroup(
                PANES, value=PANES_AT_FIRST, label="Pictures", elem_id="paper-panes"
            )
            layout = gr.Radio(LAYOUTS, value=compute.WHOLE, label="Layout", elem_id="paper-layout")
            listed = gr.HTML(compute.told_crops(Marks()), elem_id="paper-crops")
            with gr.Row():
                add = gr.Button("Add marked crop", size="sm", elem_id="paper-add")
                clear = gr.Button("Remove crops", size="sm", elem_id="paper-clear")
            title = gr.Textbox(label="Name of the picture", max_length=60, elem_id="paper-title")
            form = forms.figure_form("paper", 7.0)
            work = Work("Draw", "paper")
        with gr.Column(min_width=300, visible=False) as product:
            preview = forms.preview("paper-figure")
            files = forms.download_parts("paper")
    add.click(told(collect), [session, marks], [marks, listed], **QUIETLY)
    clear.click(told(forget), marks, [marks, listed], **QUIETLY)
    inputs = [session, marks, alphas, numbers, panes, layout, title, *form]
    work.does(draw, inputs, [numbers, work.status, product, preview, *files])
    return listed


def _animation_panel(session: gr.State, marks: gr.State) -> None:
    with gr.Row():
        with gr.Column(min_width=300):
            region = gr.Radio(REGIONS, value=animation.CROP, label="Of", elem_id="animation-region")
            mode = gr.Radio(
                MODES, value="network", label="α interpolates", elem_id="animation-mode"
            )
            suffix = gr.Radio(FORMATS, value="gif", label="Format", elem_id="animation-format")
            steps = gr.Slider(
                5,
                animation.MOST_STEPS,
                20,
                step=1,
                label="Steps from α = 0 to 1; each runs the network",
                elem_id="animation-steps",
            )
            seconds = gr.Slider(2, 10, 4, step=0.5, label="Seconds, there and back")
            captioned = gr.Checkbox(True, label="α below each frame")
            work = Work("Animate", "animation")
        with gr.Column(min_width=300, visible=False) as product:
            picture = gr.Image(
                show_label=False, buttons=["fullscreen"], interactive=False, elem_id="animation"
            )
            film = Film(elem_id="film")
            file = gr.DownloadButton("Download", elem_id="animation-file")
    inputs = [session, marks, region, mode, suffix, steps, seconds, captioned]
    work.does(animate, inputs, [work.status, product, picture, film, file])


def mark(session: Session | None, marks: Marks, event: gr.EventData) -> Iterator[tuple[Marks, str]]:
    """Take a crop that was marked in the viewer, or forget it."""
    yield _listed(session, compute.marked(marks, getattr(event, "mark", None)))


def collect(session: Session | None, marks: Marks) -> Iterator[tuple[Marks, str]]:
    yield _listed(session, compute.with_current(marks))


def forget(marks: Marks) -> Iterator[tuple[Marks, str]]:
    """Forget the collected crops; only the marked one remains."""
    yield _listed(None, Marks(marks.current))


def _listed(session: Session | None, marks: Marks) -> tuple[Marks, str]:
    if session is not None:
        marks = marks.within(session.view.width, session.view.height)
    return marks, compute.told_crops(marks)


def rest(event: gr.EventData) -> Iterator[Alphas]:
    """α at which the sliders rest."""
    yield alphas_of(event)


def draw(
    runs: Runs,
    session: Session | None,
    marks: Marks,
    alphas: Alphas,
    numbers: Known,
    panes: list[str],
    layout: str,
    title: str | None,
    suffix: str,
    width: float,
) -> Iterator[tuple[Any, ...]]:
    """Draw the figure; yields the status meanwhile."""
    wish = FigureWish(panes, layout, suffix, width, (title or "").strip(), alphas)
    try:
        for drawing in runs.carry(runs.begin(), compute.figure(session, marks, wish, numbers)):
            if drawing.figure is None:
                yield drawing.numbers, drawing.status, *[gr.skip()] * 4
            else:
                shown = forms.shown(drawing.figure)
                yield drawing.numbers, drawing.status, gr.Column(visible=True), *shown
    except StoppedError:
        yield gr.skip(), "Stopped.", *[gr.skip()] * 4


def animate(
    runs: Runs,
    session: Session | None,
    marks: Marks,
    region: str,
    mode: str,
    suffix: str,
    steps: float,
    seconds: float,
    captioned: bool,
) -> Iterator[tuple[Any, ...]]:
    """Draw the animation; yields the status meanwhile."""
    wish = AnimationWish(region, mode, suffix, steps, seconds, captioned)
    try:
        for made in runs.carry(runs.begin(), animation.animate(session, marks, wish)):
            yield made.status, *(_shown(made.file) if made.file else [gr.skip()] * 4)
    except StoppedError:
        yield "Stopped.", *[gr.skip()] * 4


def _shown(animation: Path) -> tuple[Any, ...]:
    """Outputs of an animation: its column, picture or video, and file."""
    name, is_video = str(animation), animation.suffix == ".mp4"
    return (
        gr.Column(visible=True),
        gr.Image(None if is_video else name, visible=not is_video),
        Film(value=name if is_video else None, visible=is_video),
        gr.DownloadButton(f"Download {animation.name}", value=animation),
    )
