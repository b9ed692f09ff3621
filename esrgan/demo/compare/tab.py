"""The Compare tab: one picture through PSNR, GAN and everything between.

Layout and wiring; what is shown is computed in `comparison`.
"""

import os
import uuid
from collections.abc import Generator, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import gradio as gr

from esrgan.demo import choice, examples, finetuned, model_chooser
from esrgan.demo import comparison as compute
from esrgan.demo.compare import figures_panel, page_link
from esrgan.demo.compare.page_link import Address
from esrgan.demo.compare.session import (
    Latest,
    Session,
    add_frame,
    add_result,
    at_rest,
    begin,
    finished,
)
from esrgan.demo.comparison import Trio
from esrgan.demo.server.housekeeping import seconds_kept
from esrgan.demo.server.messages import QUIETLY, told
from esrgan.demo.server.sharing import DEVICE
from esrgan.demo.server.stopping import Runs, StoppedError
from esrgan.demo.server.zero_gpu import on_gpu
from esrgan.demo.upload import Upload
from esrgan.demo.viewer import Alphas, Link, View, Viewer, alphas_of
from esrgan.models.interpolation import STRANGERS

BUILTIN, OFFICIAL, TUNED = "Built-in", "Official (downloaded)", "Fine-tuned here"
ANY = "Any two or three"
AS_HR, AS_LR = "HR: make LR from it and measure", "LR: upscale it"
# The owner of a server chooses what visitors see first: ESRGAN_MODELS=official.
FIRST_MODELS_VARIABLE = "ESRGAN_MODELS"

# Key frames of the network's α in the order in which they are made: usable after two.
TENTHS = (0.0, 1.0, 0.5, 0.8, 0.2, 0.6, 0.4, 0.9, 0.7, 0.3, 0.1)
KEY_ALPHAS = (*TENTHS, *(step / 20 for step in range(1, 20, 2)))
# Larger results get fewer of them: for the time they take and the browser's memory.
FEW_FRAMES = {300_000: 21, 1_100_000: 11, 4_300_000: 5, 17_000_000: 3}


def build(page: gr.Blocks) -> None:
    """Fill the tab; when the page is opened, the first example or what its address names is run."""
    session = gr.State(None, time_to_live=seconds_kept())
    runs, latest = gr.State(Runs()), gr.State(Latest())
    address = gr.State(None, time_to_live=seconds_kept())
    request = gr.State(None)
    pictures = examples.pictures()
    with gr.Row():
        with gr.Column(min_width=220, scale=2):
            upload = Upload(
                value=str(pictures[examples.FIRST]),
                label="Your picture",
                sources=["upload", "clipboard"],
                height=230,
                elem_id="upload",
            )
        with gr.Column(min_width=270, scale=2):
            shown_examples = gr.Examples(
                [[str(path)] for path in pictures.values()],
                upload,
                label="or one of these",
                elem_id="examples",
            )
        with gr.Column(min_width=300, scale=5):
            kind = gr.Radio([AS_HR, AS_LR], value=AS_HR, label="It is", elem_id="kind")
            family, tuned, own, trio = _model_choice()
            with gr.Row():
                start = gr.Button("Upscale", variant="primary", elem_id="start")
                stop = gr.Button("Stop", elem_id="stop")
    viewer = Viewer(elem_id="viewer")
    figures_panel.build(session, viewer)

    request.change(
        told(compare),
        [runs, latest, upload, kind, family, tuned, own, *trio, address],
        [session, viewer],
        **DEVICE,
        trigger_mode="multiple",
        show_progress="minimal",
        show_progress_on=[viewer],
        api_visibility="undocumented",
    )
    wish: dict[str, Any] = {
        "fn": lambda: (uuid.uuid4().hex, None),
        "outputs": [request, address],
    }
    gr.on([start.click, upload.upload, kind.input], **wish, **QUIETLY)
    shown_examples.load_input_event.then(**wish, **QUIETLY)
    page.load(arrive, None, [upload, kind, family, *trio, address, request], **QUIETLY)
    stop.click(stop_comparing, runs, **QUIETLY)
    viewer.release(
        told(exactly),
        [session, runs, latest],
        [session, viewer],
        trigger_mode="always_last",
        **DEVICE,
        **QUIETLY,
    )


def _model_choice() -> tuple[gr.Radio, gr.Dropdown, gr.File, list[gr.Dropdown]]:
    """Choice of models: family, the fine-tuned one, uploaded files, and any two or three."""
    official = os.environ.get(FIRST_MODELS_VARIABLE) == "official"
    family = gr.Radio(
        [BUILTIN, OFFICIAL, ANY, TUNED],
        value=OFFICIAL if official else BUILTIN,
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
    family.input(told(_shown_choices), [family, own, *trio], [tuned, parts, *trio], **QUIETLY)
    return family, tuned, own, trio


def _shown_choices(
    family: str, files: list[str] | None, *chosen: str
) -> tuple[gr.Dropdown | gr.Column, ...]:
    names = finetuned.finished_names() if family == TUNED else []
    tuned = gr.Dropdown(names, value=next(iter(names), None), visible=family == TUNED)
    return tuned, gr.Column(visible=family == ANY), *model_chooser.offer(files, *chosen)


def arrive(request: gr.Request) -> tuple[Any, ...]:
    """Set the page to what its address asks for, and run it."""
    address = page_link.read(dict(request.query_params))
    if not request.query_params:
        return *[gr.skip()] * 6, None, uuid.uuid4().hex
    family = ANY if address.models else gr.skip()
    models = (*address.models, choice.NONE)[:3] if address.models else [gr.skip()] * 3
    for family_models, name in ((choice.BUILTIN, BUILTIN), (choice.OFFICIAL, OFFICIAL)):
        if address.models == family_models:
            family = name
    kind = AS_HR if address.is_hr else AS_LR
    return str(address.example), kind, family, *models, address, uuid.uuid4().hex


def compare(
    runs: Runs,
    latest: Latest,
    upload: str | None,
    kind: str,
    family: str,
    tuned: str | None,
    own: list[str] | None,
    first: str,
    second: str,
    third: str,
    address: Address | None,
) -> Iterator[tuple[Session, View]]:
    """Run one picture through the models, showing each result as soon as it is there, until the
    visitor wishes for another comparison."""
    if upload is None:
        gr.Info("Choose a picture first.")
        return
    try:
        with runs.running() as run:
            trio = _trio(family, tuned, own or [], (first, second, third))
            with runs.listening(run):
                begun = compute.begin(upload, kind == AS_HR, trio)
            _warn_of_strangers(trio)
            link = Link(
                example=examples.name_of(Path(upload)),
                kind="hr" if kind == AS_HR else "lr",
                models=trio.names,
                mark=address.mark if address else (),
            )
            session = begin(run, begun, link, Alphas(**address.alphas) if address else None)
            for further in chain([session], runs.carry(run, computed(session))):
                if run != runs.latest:
                    raise StoppedError
                newest = latest.compared(further)
                yield newest, newest.view
    except StoppedError:
        yield gr.skip(), gr.skip()  # else gradio would send the last of its views once more


def stop_comparing(runs: Runs) -> None:
    runs.stop()


def _trio(family: str, tuned: str | None, own: Sequence[str], chosen: tuple[str, str, str]) -> Trio:
    if family == OFFICIAL:
        return choice.official_trio()
    if family == ANY:
        return choice.chosen_trio(*chosen, own)
    if family == TUNED:
        return finetuned.trio(tuned)
    return choice.builtin_trio()


def _warn_of_strangers(trio: Trio) -> None:
    interpolable = [files for files in (trio.ends, trio.files) if not compute.obstacle(files)]
    if any(compute.strangers(files) for files in interpolable):
        gr.Warning(STRANGERS)


@on_gpu(seconds=120)
def computed(session: Session) -> Generator[Session, None, None]:
    """Run the comparison; yields the session with one result or key frame after another."""
    for comparison in compute.run(session.comparison):
        session = add_result(session, comparison)
        yield session
    for alpha in _key_alphas(session.view):
        picture = compute.network_interpolated(session.comparison, alpha)
        session = add_frame(session, alpha, picture)
        yield session
    yield finished(session)


def _key_alphas(view: View) -> Sequence[float]:
    """Key α between the ends, fewer the larger the picture."""
    if view.obstacle:
        return ()
    pixels = view.height * view.width
    return KEY_ALPHAS[2 : next((n for limit, n in FEW_FRAMES.items() if pixels <= limit), 2)]


def exactly(
    session: Session | None, runs: Runs, latest: Latest, event: gr.EventData
) -> Iterator[tuple[Session, View]]:
    """Exact picture and scores of where the sliders rest, which the browser can't compute."""
    results = session.comparison.results if session else {}
    if session is None or event.run != session.view.run or "gan" not in results:
        yield gr.skip(), gr.skip()
        return
    session = on_gpu(seconds=30)(at_rest)(session, alphas_of(event))
    if event.run != runs.latest:
        yield gr.skip(), gr.skip()
        return
    newest = latest.rested(session)
    yield newest, newest.view
