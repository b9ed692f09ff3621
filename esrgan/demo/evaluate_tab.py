"""The Evaluate tab: pictures by models, measured, as tables and as the paper's figures.

Layout and wiring; what is shown is computed in `evaluation` and drawn in `illustrating`.
"""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from esrgan.demo import evaluation as compute
from esrgan.demo import figure_parts
from esrgan.demo import illustrating as figures
from esrgan.demo.compare_tab import EXAMPLES
from esrgan.demo.evaluation import Evaluation, Wish
from esrgan.demo.messages import told
from esrgan.demo.score_table import progress, score_tables
from esrgan.errors import UserError
from esrgan.interpolation import STRANGERS

AS_EXAMPLES, AS_OWN = "The page's examples", "My own"
MODELS = [
    ("Bicubic", "bicubic"),
    ("PSNR", "psnr"),
    ("GAN", "gan"),
    ("GAN, loss after activation", "gan-after"),
    ("HR itself", "hr"),
    ("Official PSNR (downloaded)", "official-psnr"),
    ("Official GAN (downloaded)", "official-gan"),
]
ALPHAS = [(f"{alpha:g}", alpha) for alpha in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)]
KINDS = [
    ("Perception–distortion plane (Fig. 2)", figures.PLANE),
    ("Crops (Fig. 7)", figures.CROPS),
    ("Brightness (Fig. 9)", figures.BRIGHTNESS),
    ("α strip (Fig. 10)", figures.STRIP),
]
SECONDS_BETWEEN_TABLES = 0.5


def build() -> None:
    """Fill the tab; nothing is computed before the visitor asks for it."""
    state = gr.State(None, time_to_live=3600, delete_callback=compute.forget)
    with gr.Row():
        with gr.Column(min_width=300):
            pictures = _picture_choice()
            curves = _curve_choice()
        with gr.Column(min_width=300):
            models = _model_choice()
            running_options = _running_choice()
    with gr.Row():
        start = gr.Button("Evaluate", variant="primary", elem_id="evaluate")
        stop = gr.Button("Stop", elem_id="evaluate-stop")
    status = gr.HTML(elem_id="evaluate-status")
    with gr.Column(visible=False) as shown:
        means = gr.HTML(elem_id="means")
        with gr.Column(visible=False) as done:
            files = _downloads()
            figure_choice, figure = _figure_parts()
        with gr.Accordion("Picture by picture"):
            rows = gr.HTML(elem_id="rows")
    products = [done, *files, figure_choice[1], *figure]

    running = start.click(
        told(evaluate),
        [state, *pictures, *curves, *models, *running_options],
        [state, status, shown, means, rows, done],
        concurrency_id="device",
        show_progress="minimal",
        show_progress_on=[status],
        api_visibility="undocumented",
    )
    finishing: dict[str, Any] = {
        "fn": told(finish),
        "inputs": [state, *figure_choice],
        "outputs": [status, means, rows, *products],
        "show_progress": "minimal",
        "show_progress_on": [status],
        "api_visibility": "undocumented",
    }
    running.success(**finishing)
    running.failure(**finishing)
    stop.click(**finishing, cancels=[running])
    gr.on(
        [each.input for each in figure_choice],
        told(draw),
        [state, *figure_choice],
        figure,
        trigger_mode="always_last",
        show_progress_on=[figure[0]],
        api_visibility="undocumented",
    )


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
        [("the network", "network"), ("the image", "image")],
        value=["network"],
        label="α interpolates",
        elem_id="evaluate-modes",
    )
    return [alphas, modes]


def _model_choice() -> list[gr.components.Component]:
    default = ["bicubic", "psnr", "gan", "gan-after"]
    models = gr.CheckboxGroup(MODELS, value=default, label="Models", elem_id="evaluate-models")
    with gr.Accordion("My own models", open=False):
        weights = _files("Weights (.safetensors, .pth)", "evaluate-weights")
    return [models, weights]


def _running_choice() -> list[gr.components.Component]:
    with gr.Accordion("After each network, and more measures", open=False):
        ensemble = gr.Checkbox(label="Self-ensemble: mean over 8 flips and turns (8 times slower)")
        rounds = gr.Slider(0, 20, 0, step=1, label="Rounds of back-projection (Sec. 4.5)")
        learned = gr.Checkbox(label="Measure Ma, PI and LPIPS too (needs pyiqa)")
    return [ensemble, rounds, learned]


def _downloads() -> list[gr.DownloadButton]:
    """The tables' files."""
    with gr.Row():
        return [
            gr.DownloadButton(name, size="sm", min_width=120, elem_id=name.replace(".", "-"))
            for name in compute.TABLE_FILES
        ]


def _figure_parts() -> tuple[list[Any], list[gr.components.Component]]:
    """Which figure; the figure, its file and its LaTeX."""
    with gr.Row():
        with gr.Column(min_width=300):
            kind = gr.Radio(KINDS, value=figures.PLANE, label="Figure", elem_id="figure-kind")
            picture = gr.Dropdown([], label="of (the plane is of all)", elem_id="figure-picture")
            form = figure_parts.form_choice("figure", 3.4)
            files = figure_parts.download_parts("figure")
        with gr.Column(min_width=300):
            preview = figure_parts.preview("figure")
    return [kind, picture, *form], [preview, *files]


def evaluate(
    before: Evaluation | None,
    source: str,
    hr: list[str] | None,
    lr: list[str] | None,
    results: list[str] | None,
    name: str,
    alphas: list[float],
    modes: list[str],
    models: list[str],
    weights: list[str] | None,
    ensemble: bool,
    rounds: float,
    learned: bool,
) -> Iterator[tuple[Any, ...]]:
    """Measure, showing rows as soon as they are there."""
    own = source == AS_OWN
    wish = Wish(
        _paths(hr) if own else sorted(EXAMPLES.glob("*.png")),
        _paths(lr) if own else (),
        _paths(results) if own else (),
        name.strip(),
        models,
        _paths(weights),
        sorted(alphas),
        modes,
        ensemble,
        int(rounds),
        learned,
    )
    yield gr.skip(), "Loading …", *[gr.skip()] * 4
    drawn = 0.0
    for state in compute.run(wish):
        if not state.results.scores:
            compute.forget(before)
            if state.strangers:
                gr.Warning(STRANGERS)
            yield state, progress(state), gr.Column(visible=True), "", "", gr.Column(visible=False)
            continue
        if time.monotonic() - drawn < SECONDS_BETWEEN_TABLES:
            yield state, *[gr.skip()] * 5
            continue
        drawn = time.monotonic()
        yield state, progress(state), gr.skip(), *score_tables(state), gr.skip()


def _paths(files: Sequence[str] | None) -> list[Path]:
    return [Path(file) for file in files or ()]


def finish(
    state: Evaluation | None, kind: str, picture: str | None, suffix: str, width: float
) -> Iterator[tuple[Any, ...]]:
    """All rows that there are, and what can be downloaded; also after Stop."""
    if state is None or not state.results.scores:
        yield (
            "There are no rows yet.",
            *[gr.skip()] * (2 + 1 + len(compute.TABLE_FILES) + 1 + 3),
        )
        return
    known = compute.pictures(state)
    picture = picture if picture in known else known[0]
    files = [str(path) for path in compute.tables(state)]
    choice = gr.Dropdown(known, value=picture)
    numbers = (progress(state, ended=True), *score_tables(state))
    yield *numbers, gr.Column(visible=True), *files, choice, None, gr.skip(), ""
    try:
        figure = _figure(state, kind, picture, suffix, width)
    except UserError as error:
        gr.Warning(str(error))
        return
    yield *[gr.skip()] * (3 + 1 + len(files) + 1), *figure


def draw(
    state: Evaluation | None, kind: str, picture: str | None, suffix: str, width: float
) -> Iterator[tuple[Any, ...]]:
    """Another figure of the same results."""
    if state is not None:
        yield _figure(state, kind, picture, suffix, width)


def _figure(
    state: Evaluation, kind: str, picture: str | None, suffix: str, width: float
) -> figure_parts.Shown:
    return figure_parts.shown(figures.illustrate(state, kind, picture, suffix, width))
