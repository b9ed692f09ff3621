"""The Compare tab: one picture through PSNR, GAN and everything between.

Layout and wiring; what is shown is computed in `comparison`.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import gradio as gr

from esrgan.demo import choice, examples
from esrgan.demo import comparison as compute
from esrgan.demo.compare import figures_panel, kept, web_page
from esrgan.demo.compare.arrival import Arrival, arrive
from esrgan.demo.compare.family import (
    CLEAN,
    PHOTO,
    families,
    first_models,
    model_choice,
    named_by,
    trio_of,
)
from esrgan.demo.compare.page_link import PARTS, Address
from esrgan.demo.compare.session import (
    Controls,
    Latest,
    Session,
    add_between,
    add_result,
    at_rest,
    begin,
    finished,
    nothing,
    opening,
    stopped,
)
from esrgan.demo.compare.source import AS_HR, AS_LR, asked, is_asked, proposed, question
from esrgan.demo.comparison import Comparison, Trio
from esrgan.demo.downloading import arriving
from esrgan.demo.server.housekeeping import seconds_kept
from esrgan.demo.server.messages import QUIETLY, told, words_of
from esrgan.demo.server.stopping import Runs, StoppedError
from esrgan.demo.server.waiting import DEVICE
from esrgan.demo.server.zero_gpu import on_gpu
from esrgan.demo.upload import Upload
from esrgan.demo.viewer import Alphas, Link, View, Viewer, alphas_of, place_of
from esrgan.errors import UserError
from esrgan.models.interpolation import STRANGERS

# Key frames of the network's α in the order in which they are made: usable after three.
TENTHS = (0.0, 1.0, 0.8, 0.5, 0.2, 0.6, 0.4, 0.9, 0.7, 0.3, 0.1)
KEY_ALPHAS = (*TENTHS, *(step / 20 for step in range(1, 20, 2)))
# Larger results get fewer of them: for the time they take and the browser's memory.
FEW_FRAMES = {300_000: 21, 1_100_000: 11, 4_300_000: 5, 17_000_000: 3}

INTRO = (
    "A small picture made four times larger: by a network trained for the least error "
    "(<strong>PSNR</strong>), by one trained to look real (<strong>GAN</strong>), and by all "
    "between. <strong>Drag the slider.</strong>"
)
ADDRESS_PARTS = PARTS  # parameters of an address that asks for another comparison
PASTE = Path(__file__).with_name("paste.js")
RELOAD = Path(__file__).with_name("reload.js")
# JavaScript that downloads what the hidden button holds, once that is there.
TAKE_IT = "() => { setTimeout(() => document.querySelector('#web-page')?.click()); return []; }"
NO_PICTURE = "Choose a picture: one of your own, or an example."


def _to_viewer(event: str) -> str:
    """JavaScript that tells the viewer of an event before the server can."""
    viewer = "document.querySelector('#viewer .viewer')"
    return f"() => {{ {viewer}?.dispatchEvent(new Event('{event}')); return []; }}"


def build(page: gr.Blocks, tab: gr.Tab) -> tuple[Upload, Viewer]:
    """Fill the tab; when the page is opened, the first example or what its address names is run.

    Returns:
        The visitor's picture, and the viewer, whose `submit` asks for the whole of a large one.
    """
    session = gr.State(None, time_to_live=seconds_kept())
    runs, latest = gr.State(Runs()), gr.State(Latest())
    address = gr.State(None, time_to_live=seconds_kept())
    own_kind = gr.State(AS_LR)
    request, place = gr.State(None), gr.State(None)
    left = gr.Textbox(visible=False)
    pictures = examples.pictures()
    gr.Markdown(INTRO, elem_id="intro")
    with gr.Row(elem_id="bar"):
        with gr.Column(min_width=150, scale=2):
            upload = Upload(
                value=str(pictures[examples.FIRST]),
                label="Your picture",
                sources=["upload", "clipboard"],
                buttons=[],
                height=124,
                elem_id="upload",
            )
        with gr.Column(min_width=260, scale=5):
            offered = gr.Dataset(
                components=[upload],
                samples=[[str(examples.thumbnail(name))] for name in pictures],
                type="index",
                label="or one of these; the last two are JPEGs as on the web",
                elem_id="examples",
            )
        with gr.Column(min_width=300, scale=4, elem_id="wishes"):
            kind = gr.Radio([AS_LR, AS_HR], value=AS_HR, show_label=False, elem_id="kind")
            family, tuned, parts, own, trio = model_choice()
            source = question()
    with gr.Column(elem_id="stage"):
        viewer = Viewer(value=opening(first_models()), elem_id="viewer")
        stop = gr.Button("Stop", size="sm", elem_id="stop")
        saved = gr.DownloadButton(visible="hidden", elem_id="web-page")
    figures_panel.build(session, viewer)

    begun = request.change(
        told(compare),
        [runs, latest, upload, kind, family, source, tuned, own, *trio, address, place, request],
        [session, viewer],
        **DEVICE,
        trigger_mode="multiple",
        show_progress="hidden",
        api_visibility="undocumented",
    )
    begun.failure(None, js=_to_viewer("refused"))
    # gradio hands the viewer only the last of several views that arrive at once, and that may be
    # of an event before this one: the viewer asks for what it then has not seen.
    begun.then(None, js=_to_viewer("ended"))
    viewer.retry(lambda latest: latest.view or gr.skip(), latest, viewer, **QUIETLY)
    request.change(None, js=_to_viewer("asked"))
    # Each wish counts, also one that comes while the server still answers another.
    each: dict[str, Any] = {"trigger_mode": "multiple", **QUIETLY}
    wish: dict[str, Any] = {"js": _to_viewer("wished"), **each}
    gr.on(
        [upload.clear, family.input, source.input, tuned.input, *(m.input for m in trio)],
        lambda runs: (runs.wish(), None),
        runs,
        [request, address],
        **wish,
    )
    upload.upload(None, js=_to_viewer("wished"))
    upload.upload(
        _uploaded,
        [upload, own_kind, family, runs],
        [kind, source, request, address, place],
        **each,
    )
    kind.input(
        lambda kind, runs: (kind, runs.wish(), None, None),
        [kind, runs],
        [own_kind, request, address, place],
        **each,
    )
    kind.input(None, js=_to_viewer("wished"))
    gr.on([kind.change, family.change], asked, [kind, family], source, **QUIETLY)
    offered.click(None, js=_to_viewer("wished"))
    offered.click(
        _example,
        [offered, family, runs],
        [upload, kind, source, request, address, place],
        trigger_mode="always_last",
        **QUIETLY,
    )
    viewer.apply(told(_part_wished), runs, [place, request], **each)
    tab.select(lambda: gr.Dropdown(families()), None, family, **QUIETLY)
    arrival = Arrival(
        upload=upload,
        kind=kind,
        own_kind=own_kind,
        family=family,
        source=source,
        tuned=tuned,
        parts=parts,
        own=own,
        **dict(zip(("first", "second", "third"), trio, strict=True)),
        address=address,
        request=request,
        session=session,
        viewer=viewer,
    )
    page.load(
        arrive,
        [left, runs, latest],
        list(arrival),
        js=f"() => {{ {RELOAD.read_text('utf-8')} return [left(), null, null]; }}",
        **QUIETLY,
    )
    page.load(None, js=f"() => {{ {PASTE.read_text('utf-8')} }}")
    stop.click(stop_comparing, [runs, request], **QUIETLY)
    made = viewer.download(told(web_page.save), session, saved, **QUIETLY)
    made.success(None, js=TAKE_IT)
    # The viewer waits for the answer before it asks again. gradio's "always_last" would ask again
    # for where the sliders stood the first time.
    released = viewer.release(
        told(exactly), [session, runs, latest], [session, viewer], **DEVICE, **each
    )
    released.then(None, js=_to_viewer("answered"))
    released.failure(None, js=_to_viewer("answered"))
    return upload, viewer


def _example(number: int, family: str, runs: Runs) -> tuple[Any, ...]:
    """An example, as what it is good for: a clean one to be shrunk first, a JPEG as it is."""
    name, file = [*examples.pictures().items()][number]
    if name in examples.photographs():
        return str(file), AS_LR, proposed(str(file), AS_LR, family), runs.wish(), None, None
    return str(file), AS_HR, CLEAN, runs.wish(), None, None


def _uploaded(upload: str | None, kind: str, family: str, runs: Runs) -> tuple[Any, ...]:
    return kind, proposed(upload, kind, family), runs.wish(), None, None


def _part_wished(runs: Runs, event: gr.EventData) -> tuple[tuple[int, int, int, int], str]:
    return place_of(event), runs.wish()


def compare(
    runs: Runs,
    latest: Latest,
    upload: str | None,
    kind: str,
    family: str,
    source: str,
    tuned: str | None,
    own: list[str] | None,
    first: str,
    second: str,
    third: str,
    address: Address | None,
    place: tuple[int, int, int, int] | None,
    wish: str | None,
) -> Iterator[tuple[Session | None, View]]:
    """Run one picture through the models, showing each result as soon as it is there, until the
    visitor wishes for another comparison. Programs name no wish."""
    if wish not in (None, runs.wished):  # a later one overtook it
        yield gr.skip(), gr.skip()
        return
    session = None
    with runs.running() as run:
        try:
            if upload is None:
                yield None, latest.without(nothing(run, "stopped", NO_PICTURE))
                return
            if runs.gave_up(wish):
                raise StoppedError
            for_photos = source == PHOTO and is_asked(kind, family)
            chosen = first, second, third
            names = named_by(family, for_photos, chosen)
            for file in arriving(names, partial(runs.wants, run)):
                yield None, latest.without(nothing(run, "running", file.words, file.share))
            trio = trio_of(family, for_photos, tuned, own or [], chosen)
            with runs.listening(run):
                begun = compute.begin(upload, kind == AS_HR, trio, place, gr.Info)
            _warn_of_strangers(trio)
            session = _begun(run, begun, Path(upload), kind == AS_HR, address)
            controls = Controls(upload, kind, family, source, tuned, own, chosen)
            session = replace(session, controls=controls)
            for further in chain([session], runs.carry(run, computed(session))):
                if run != runs.latest:
                    raise StoppedError
                session = kept.keep(latest.compared(further))
                yield session, session.view
        except StoppedError:
            if run != runs.latest:  # another comparison is on show
                yield gr.skip(), gr.skip()  # else gradio would send the last of its views once more
            elif session is None:
                yield None, latest.without(nothing(run, "stopped", "Stopped."))
            else:
                session = kept.keep(latest.compared(stopped(session)))
                yield session, session.view
        except UserError as error:
            if run != runs.latest:
                yield gr.skip(), gr.skip()
            else:
                yield None, latest.without(nothing(run, "failed", words_of(error)))


def _begun(
    run: str, comparison: Comparison, upload: Path, is_hr: bool, address: Address | None
) -> Session:
    example = examples.name_of(upload)
    link = Link(
        example=example,
        kind="hr" if is_hr else "lr",
        models=comparison.trio.names,
        mark=address.mark if address else (),
        view=address.view if address else "",
        pair=address.pair if address else (),
        zoom=address.zoom if address else None,
    )
    start = Alphas(**address.alphas) if address else None
    as_proposed = is_hr != (example in examples.photographs())
    detail = examples.DETAILS[example] if example and as_proposed else ()
    return begin(run, comparison, link, start, upload.stem, detail)


def stop_comparing(runs: Runs, wish: str | None) -> None:
    """Stop the comparison, also if it was wished for and has not begun yet.

    Args:
        wish: the name of the last one; None while the page's first is not known to the browser.
    """
    if not runs.stop() and (wish is not None or not runs.latest):
        runs.given_up = {wish}


def _warn_of_strangers(trio: Trio) -> None:
    if trio.names and set(trio.names) <= {*choice.BUILTIN, *choice.PHOTO}:
        return
    interpolable = [files for files in (trio.ends, trio.files) if not compute.obstacle(files)]
    if any(compute.strangers(files) for files in interpolable):
        gr.Warning(STRANGERS)


@on_gpu(seconds=120)
def computed(session: Session) -> Generator[Session, None, None]:
    """Run the comparison; yields the session with one result or key frame after another."""
    for comparison in compute.run(session.comparison):
        session = add_result(session, comparison)
        yield session
    alphas = _key_alphas(session.view)
    for number, alpha in enumerate(alphas):
        picture = compute.network_interpolated(session.comparison, alpha)
        session = add_between(session, alpha, picture, (number + 1) / len(alphas))
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
    newest = kept.keep(latest.rested(session))
    yield newest, newest.view
