"""The Evaluate tab: pictures by models, measured, as tables and as the paper's figures.

Layout and wiring; what is shown is computed in `evaluation` and drawn in `figures`.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from esrgan.demo import examples, forms
from esrgan.demo.choice import BUILTIN
from esrgan.demo.downloading import arriving
from esrgan.demo.evaluate import figures
from esrgan.demo.evaluate import job as compute
from esrgan.demo.evaluate.job import Evaluation, Wish
from esrgan.demo.evaluate.score_table import progress, score_tables
from esrgan.demo.limits import MAX_CROPS
from esrgan.demo.model_chooser import many_models
from esrgan.demo.server.housekeeping import seconds_kept
from esrgan.demo.server.messages import QUIETLY, told
from esrgan.demo.server.stopping import Runs, StoppedError
from esrgan.demo.work import Work
from esrgan.errors import UserError
from esrgan.inference.blend import STRIP_ALPHAS
from esrgan.models.interpolation import STRANGERS

AS_EXAMPLES, AS_OWN = "The page's examples", "My own"
MODELS = ("bicubic", *BUILTIN)  # chosen at first
ALPHAS = [(f"{alpha:g}", alpha) for alpha in STRIP_ALPHAS]
KINDS = [
    ("Perception–distortion plane (Fig. 2)", figures.PLANE),
    ("VGG features (Fig. 6)", figures.FEATURES),
    ("Crops (Fig. 7)", figures.CROPS),
    ("Ablation (Fig. 8)", figures.ABLATION),
    ("Brightness (Fig. 9)", figures.BRIGHTNESS),
    ("α strip (Fig. 10)", figures.STRIP),
]
FIGURE_PARTS = 5
SECONDS_BETWEEN_TABLES = 0.5


def build(tab: gr.Tab) -> None:
    """Fill the tab; nothing is computed before the visitor asks for it."""
    state = gr.State(None, time_to_live=seconds_kept(), delete_callback=compute.forget)
    gr.Markdown(
        "Models measured on pictures as papers do it: PSNR, SSIM, NIQE and colour, as tables and "
        "figures. The choice below takes a minute or more on a processor."
    )
    with gr.Row():
        with gr.Column(min_width=300):
            pictures = _picture_choice()
            curves = _curve_choice()
        with gr.Column(min_width=300):
            models = many_models(tab, MODELS, "evaluate")
            running_options = _running_choice()
    work = Work("Evaluate", "evaluate")
    with gr.Column(visible=False) as shown:
        means = gr.HTML(elem_id="means")
        with gr.Column(visible=False) as done:
            files = _downloads()
            figure_choice, several, figure = _figure_parts()
        with gr.Accordion("Picture by picture"):
            rows = gr.HTML(elem_id="rows")
    kind, picture, crops, suffix, width = figure_choice
    products = [done, *files, picture, crops, *figure]

    inputs = [state, *pictures, *curves, *models, *running_options]
    running = work.does(evaluate, inputs, [state, work.status, shown, means, rows, done])
    finishing: dict[str, Any] = {
        "fn": told(finish),
        "inputs": [state, *figure_choice],
        "outputs": [work.status, means, rows, *products],
        **work.waiting,
    }
    running.success(**finishing)
    running.failure(**finishing)
    drawing: dict[str, Any] = {
        "fn": told(draw),
        "inputs": [state, *figure_choice],
        "outputs": figure,
        "show_progress_on": [figure[0]],
        "api_visibility": "undocumented",
    }
    changes = [kind.input, suffix.input, width.input, crops.submit, crops.blur]
    gr.on(changes, **drawing, trigger_mode="always_last")
    picture.input(lambda: "", None, crops, **QUIETLY).success(**drawing)
    place, placed = figure[-1], [state, picture, crops, several]
    place.select(told(place_crop), placed, crops, **QUIETLY).success(**drawing)


def _picture_choice() -> list[gr.components.Component]:
    source = gr.Radio(
        [AS_EXAMPLES, AS_OWN], value=AS_EXAMPLES, label="Pictures", elem_id="evaluate-source"
    )
    with gr.Column(visible=False) as own:
        hr = _files("HR pictures", "evaluate-hr")
        with gr.Accordion("LR, results of another method", open=False):
            lr = _files("LR of the same names (else made from HR)", "evaluate-lr")
            results = _files("What another method made of them", "evaluate-results")
            name = gr.Textbox("other", label="Its name", max_length=40)
    source.input(
        lambda choice: gr.Column(visible=choice == AS_OWN),
        source,
        own,
        show_progress="hidden",
        api_visibility="undocumented",
    )
    return [source, hr, lr, results, name]


def _files(label: str, elem_id: str) -> gr.File:
    return gr.File(file_count="multiple", label=label, height=140, elem_id=elem_id)


def _curve_choice() -> list[gr.components.Component]:
    alphas = gr.CheckboxGroup(
        ALPHAS,
        value=[alpha for _, alpha in ALPHAS],
        label="α, between the first two networks",
        elem_id="evaluate-alphas",
    )
    modes = gr.CheckboxGroup(
        forms.MODES,
        value=["network"],
        label="α interpolates",
        elem_id="evaluate-modes",
    )
    return [alphas, modes]


def _running_choice() -> list[gr.components.Component]:
    with gr.Accordion("Refine the results (slower), and more measures", open=False):
        refinements = forms.refinement_choice()
        pristine = gr.File(
            label="Published parameters of NIQE (.mat, .npz), else ours: NIQE (fitted)",
            file_types=[".mat", ".npz"],
            height=140,
            elem_id="evaluate-niqe",
        )
        learned = gr.Checkbox(label="Measure Ma, PI and LPIPS too (needs pyiqa)")
    return [*refinements, pristine, learned]


def _downloads() -> list[gr.DownloadButton]:
    """Download buttons of the tables."""
    with gr.Row():
        return [
            gr.DownloadButton(name, size="sm", min_width=120, elem_id=name.replace(".", "-"))
            for name in compute.TABLE_FILES
        ]


def _figure_parts() -> tuple[list[Any], gr.Checkbox, list[Any]]:
    """Choice of a figure; whether a click adds a crop; its picture, file, LaTeX and place."""
    with gr.Row():
        with gr.Column(min_width=300):
            kind = gr.Radio(KINDS, value=figures.PLANE, label="Figure", elem_id="figure-kind")
            picture = gr.Dropdown([], label="of (the plane is of all)", elem_id="figure-picture")
            with gr.Column(visible=False) as where:
                place = gr.Image(
                    label="Click to set the crop",
                    interactive=False,
                    buttons=[],
                    height=240,
                    elem_id="figure-place",
                )
                crops = gr.Textbox(
                    label="Crops: x y width height, one a line",
                    info="In HR pixels; empty: where the methods differ most. Figs. 9 and 10 show "
                    "the first.",
                    lines=1,
                    max_lines=MAX_CROPS,
                    max_length=200,
                    elem_id="figure-crops",
                )
                several = gr.Checkbox(label="A click adds a crop", elem_id="figure-several")
            form = forms.figure_form("figure", 3.4)
            files = forms.download_parts("figure")
        with gr.Column(min_width=300):
            preview = forms.preview("figure")
    return [kind, picture, crops, *form], several, [preview, *files, where, place]


def evaluate(
    runs: Runs,
    before: Evaluation | None,
    source: str,
    hr: list[str] | None,
    lr: list[str] | None,
    results: list[str] | None,
    name: str | None,
    alphas: list[float],
    modes: list[str],
    models: list[str],
    weights: list[str] | None,
    ensemble: bool,
    rounds: float,
    pristine: str | None,
    learned: bool,
) -> Iterator[tuple[Any, ...]]:
    """Measure, showing rows as soon as they are there."""
    own = source == AS_OWN
    wish = Wish(
        _paths(hr) if own else list(examples.originals().values()),
        _paths(lr) if own else (),
        _paths(results) if own else (),
        (name or "").strip(),
        models,
        _paths(weights),
        sorted(alphas),
        modes,
        ensemble,
        rounds,
        Path(pristine) if pristine else None,
        learned,
    )
    drawn = 0.0
    with suppress(StoppedError), runs.running() as run:
        for file in arriving(models, partial(runs.wants, run)):
            yield gr.skip(), file.words, *[gr.skip()] * 4
        yield gr.skip(), "Loading …", *[gr.skip()] * 4
        for state in runs.carry(run, compute.run(wish)):
            if not state.results.scores:
                compute.forget(before)
                if state.strangers:
                    gr.Warning(STRANGERS)
                done = gr.Column(visible=False)
                yield state, progress(state), gr.Column(visible=True), "", "", done
            elif time.monotonic() - drawn < SECONDS_BETWEEN_TABLES:
                yield state, *[gr.skip()] * 5
            else:
                drawn = time.monotonic()
                yield state, progress(state), gr.skip(), *score_tables(state), gr.skip()


def _paths(files: Sequence[str] | None) -> list[Path]:
    return [Path(file) for file in files or ()]


def finish(
    state: Evaluation | None, kind: str, picture: str | None, _: str, suffix: str, width: float
) -> Iterator[tuple[Any, ...]]:
    """Show all rows at the end, the downloads and a figure; also of what was stopped."""
    before_figure = 3 + 1 + len(compute.TABLE_FILES) + 2
    if state is None or not state.results.scores:
        yield "There are no rows yet.", *[gr.skip()] * (before_figure - 1 + FIGURE_PARTS)
        return
    known = compute.pictures(state)
    picture = picture if picture in known else known[0]
    files = [str(path) for path in compute.tables(state)]
    choice = gr.Dropdown(known, value=picture)
    numbers = (progress(state, ended=True), *score_tables(state))
    none = (None, gr.skip(), "", gr.skip(), None)
    yield *numbers, gr.Column(visible=True), *files, choice, "", *none
    try:
        figure = _figure(state, kind, picture, "", suffix, width)
    except UserError as error:
        gr.Warning(str(error))
        return
    yield *[gr.skip()] * before_figure, *figure


def place_crop(
    state: Evaluation | None, picture: str | None, crops: str, several: bool, click: gr.EventData
) -> Iterator[str]:
    """Set a crop around the click: one more, or the only one."""
    if state is None or picture is None:
        return
    before = figures.read_crops(crops)
    crop = figures.crop_around(state, picture, clicked(click), before)
    yield figures.write_crops([*before, crop] if several else [crop])


def clicked(event: gr.EventData) -> tuple[int, int]:
    """The x and y of a click on a picture.

    Raises:
        UserError: the browser sent something else.
    """
    place = event._data.get("index") if isinstance(event._data, dict) else None
    if isinstance(place, list) and [type(each) for each in place] == [int, int]:
        return place[0], place[1]
    raise UserError("Click on the picture to set a crop.")


def draw(
    state: Evaluation | None, kind: str, picture: str | None, crops: str, suffix: str, width: float
) -> Iterator[tuple[Any, ...]]:
    """Draw another figure of the same results."""
    if state is not None:
        yield _figure(state, kind, picture, crops, suffix, width)


def _figure(
    state: Evaluation, kind: str, picture: str | None, crops: str, suffix: str, width: float
) -> tuple[Any, ...]:
    drawn = figures.draw(state, kind, picture, suffix, width, figures.read_crops(crops))
    where, place = gr.Column(visible=drawn.place is not None), drawn.place and str(drawn.place)
    return *forms.shown(drawn), where, place
