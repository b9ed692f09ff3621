"""Session of a visitor: the comparison, and its view in the browser."""

import weakref
from dataclasses import dataclass, replace

import numpy as np
from gradio.data_classes import ImageData
from PIL import Image

from esrgan.demo import choice, examples
from esrgan.demo import comparison as compute
from esrgan.demo.comparison import Comparison
from esrgan.demo.limits import MAX_UPLOAD_PIXELS
from esrgan.demo.server.messages import duration
from esrgan.demo.server.served import serve
from esrgan.demo.viewer import Alphas, Exact, Frame, ImageScore, Link, Part, Picture, State, View
from esrgan.pictures.images import to_rgb, to_uint8
from esrgan.pictures.resize import imresize
from esrgan.viewer.shown import END_ALPHAS, USUAL_NAMES, panes, size_line, titles_of

MODELS_SHARE = 0.5  # of the progress: the models themselves, before what lies between them
FIRST = Alphas()


@dataclass(frozen=True)
class Controls:
    """Values of the controls that a comparison was begun with, as `tab.build` lays them out."""

    upload: str
    kind: str
    family: str
    source: str
    tuned: str | None
    own: list[str] | None
    models: tuple[str, str, str]


@dataclass(frozen=True)
class Session:
    comparison: Comparison
    view: View
    controls: Controls | None = None


class Latest:
    """Newest session of a visitor, to which two events add at a time: the comparison, its results,
    and the sliders at rest, the exact picture. Neither takes away what the other has added.

    One and the same object in both events. It keeps no session alive that the page has forgotten.

    Attributes:
        view: what was sent last of the newest comparison, also where it has no results; None before
            the first.
    """

    def __init__(self) -> None:
        self._newest: weakref.ref[Session] | None = None
        self.view: View | None = None

    def compared(self, session: Session) -> Session:
        """The session as far as the comparison has got, with what was exact in the meantime."""
        newest = self._of(session.view.run)
        if newest is not None:
            exact, image = newest.view.exact, newest.view.image
            session = _changed(
                session, exact=exact or session.view.exact, image=image or session.view.image
            )
        return self._keep(session)

    def rested(self, session: Session) -> Session:
        """The comparison as far as it has got, with what is exact in the session."""
        newest = self._of(session.view.run)
        if newest is None and self.view is not None:  # another comparison has replaced it
            return session
        if newest is not None:
            session = _changed(newest, exact=session.view.exact, image=session.view.image)
        return self._keep(session)

    def without(self, view: View) -> View:
        """The view of a comparison that has no results, or none yet."""
        self.view = view
        return view

    def _of(self, run: str) -> Session | None:
        newest = self._newest() if self._newest is not None else None
        return newest if newest is not None and newest.view.run == run else None

    def _keep(self, session: Session) -> Session:
        self._newest, self.view = weakref.ref(session), session.view
        return session


def begin(
    run: str,
    comparison: Comparison,
    link: Link,
    start: Alphas | None = None,
    name: str = "",
    detail: tuple[int, ...] = (),
) -> Session:
    """Begin a session with LR, bicubic and, if there is one, HR.

    Args:
        run: its name, of `stopping.Runs`.
        link: what of the comparison an address can name.
        start: where the sliders go; they stay where they are if None.
        name, detail: as in `View`.
    """
    trio = comparison.trio
    bicubic = imresize(comparison.lr, compute.common_scale(trio))
    given = {"lr": comparison.lr, "bicubic": bicubic, "hr": comparison.hr}
    height, width = bicubic.shape[:2]
    sizes = {"lr": size_line(comparison.lr), "bicubic": compute.score_line(comparison, bicubic)}
    if comparison.hr is not None:
        sizes["hr"] = size_line(comparison.hr)
    view = View(
        run=run,
        width=width,
        height=height,
        pictures=[
            Picture(name=name, **_files(picture, name))
            for name, picture in given.items()
            if picture is not None
        ],
        frames=[],
        scores=sizes,
        titles=titles_of(trio.titles),
        obstacle=compute.obstacle(trio.ends),
        third_obstacle=compute.obstacle(trio.files),
        link=link,
        start=start,
        name=name,
        panes=_panes(comparison),
        words=_next_model(comparison),
        detail=detail,
        part=_part(comparison),
    )
    return Session(comparison, view)


def _panes(comparison: Comparison) -> tuple[str, ...]:
    """Panes that a comparison fills."""
    trio = comparison.trio
    return panes(len(trio.files), comparison.hr is not None, compute.obstacle(trio.ends))


def _part(comparison: Comparison) -> Part | None:
    """Which part of a large picture this is; None for the whole."""
    part = comparison.part
    if part is None:
        return None
    height, width = part.whole
    pixels = 1 if comparison.hr is not None else compute.common_scale(comparison.trio) ** 2
    return Part(
        overview=ImageData(path=serve(part.overview, "overview")),
        width=width,
        height=height,
        place=part.place,
        most=MAX_UPLOAD_PIXELS // pixels,
        whole=_whole(comparison),
    )


def _whole(comparison: Comparison) -> str:
    """What making all of a large picture larger means, and how long it takes, once known."""
    part, scale = comparison.part, compute.common_scale(comparison.trio)
    if part is None or comparison.hr is not None:
        return ""
    height, width = part.whole
    seconds = comparison.seconds / part.share
    time = f", about {duration(seconds)}" if comparison.seconds else ""
    return f"The whole in Batch: {scale * width}×{scale * height}{time}"


def _next_model(comparison: Comparison) -> str:
    """Which model is at work, in words."""
    done, models = len(comparison.results), len(comparison.trio.files)
    if done == models:
        return "Networks between them …"
    title = dict(enumerate(comparison.trio.titles)).get(done, USUAL_NAMES[done])
    return f"{title}, {done + 1} of {models} …"


def add_result(session: Session, comparison: Comparison) -> Session:
    """Add the result that `comparison` has beyond the session's."""
    name = list(comparison.results)[-1]
    picture = comparison.results[name]
    session = replace(session, comparison=comparison)
    if name in END_ALPHAS:
        session = add_frame(session, END_ALPHAS[name], picture)
    else:
        entry = Picture(name=name, **_files(picture, name))
        session = _changed(session, pictures=[*session.view.pictures, entry])
    scores = {**session.view.scores, name: compute.score_line(comparison, picture)}
    words, models = _next_model(comparison), len(comparison.trio.files)
    progress = MODELS_SHARE * len(comparison.results) / models
    part = session.view.part
    if part is not None and len(comparison.results) == 1:  # now it is known how long one takes
        part = part.model_copy(update={"whole": _whole(comparison)})
    return _changed(session, scores=scores, words=words, progress=progress, part=part)


def add_between(session: Session, alpha: float, picture: np.ndarray, share: float) -> Session:
    """Add the network's picture at a key α between the ends; `share` of them are there then."""
    words = f"Networks between them, {share:.0%} …"
    progress = MODELS_SHARE + (1 - MODELS_SHARE) * share
    return _changed(add_frame(session, alpha, picture), words=words, progress=progress)


def add_frame(session: Session, alpha: float, picture: np.ndarray) -> Session:
    """Add the network's picture at a key α."""
    frame = Frame(alpha=alpha, **_files(picture, f"network-alpha-{alpha:.2f}"))
    line = compute.score_line(session.comparison, picture)
    return _changed(
        session,
        frames=[*session.view.frames, frame],
        scores={**session.view.scores, f"network {alpha:g}": line},
    )


def finished(session: Session) -> Session:
    """Complete the session: with the exact picture and score of where the sliders stand first."""
    rested = at_rest(session, session.view.start or FIRST)
    return _changed(rested, complete=True, state="done", words=_all_there(session), progress=1)


def _all_there(session: Session) -> str:
    view, precision = session.view, compute.precision(session.comparison.trio.files[0])
    reduced = "" if precision == "fp32" else f", computed in {precision}"
    return f"Done: {view.name}, {view.width}×{view.height}{reduced}." if view.name else "Done."


def stopped(session: Session) -> Session:
    """Session of a comparison that its visitor has stopped: what is there stays."""
    return _changed(session, state="stopped", words="Stopped: what was computed so far is shown.")


def nothing(run: str, state: State, words: str, progress: float = 0.0) -> View:
    """View without a comparison, and why there is none, or none yet."""
    return View(
        run=run,
        width=0,
        height=0,
        pictures=[],
        frames=[],
        scores={},
        titles={},
        link=Link(),
        state=state,
        words=words,
        progress=progress,
    )


def opening(models: tuple[str, ...]) -> View:
    """View of the first example, of no run yet: what the page opens with, before the server is
    asked for anything. Of the built-in models it has the stored pictures, which are those that
    their run will show; of others it keeps the places.

    Args:
        models: names of `zoo.MODELS`.
    """
    name = examples.FIRST
    with Image.open(examples.given_file("hr")) as hr:
        width, height = hr.size
    view = nothing("", "running", "Starting …").model_copy(
        update={
            "name": name,
            "width": width,
            "height": height,
            "panes": panes(len(models), True, None),
            "detail": examples.DETAILS[name],
            "link": Link(example=name, kind="hr", models=models),
        }
    )
    return _with_stored(view) if models == choice.BUILTIN else view


def _with_stored(view: View) -> View:
    """The view with the first example's stored pictures; without, if the weights are others."""
    trio = choice.builtin_trio()
    frames = {
        alpha: examples.result_file(view.name, compute.parts_at(trio, alpha))
        for alpha in (*END_ALPHAS.values(), FIRST.network)
    }
    pictures = {pane: examples.given_file(pane) for pane in ("lr", "bicubic", "hr")}
    pictures["after"] = examples.result_file(view.name, compute.parts_at(trio, 0, third=1))
    if not all(file.is_file() for file in (*frames.values(), *pictures.values())):
        return view
    return view.model_copy(
        update={
            "frames": [Frame(alpha=a, file=ImageData(path=str(f))) for a, f in frames.items()],
            "pictures": [Picture(name=p, file=ImageData(path=str(f))) for p, f in pictures.items()],
        }
    )


def at_rest(session: Session, at: Alphas) -> Session:
    """Add the network's exact picture between key frames, and the image interpolation's score."""
    comparison = session.comparison
    if "after" not in comparison.results:
        at = at.model_copy(update={"third": 0.0})
    blended = compute.image_interpolated(comparison, at.image, at.third)
    image = ImageScore(
        alpha=at.image, third=at.third, score=compute.score_line(comparison, blended)
    )
    session = _changed(session, image=image)
    third = 0.0 if session.view.third_obstacle else at.third
    if not _asks_for_exact(session.view, at.network, third):
        return session
    picture = compute.network_interpolated(comparison, at.network, third)
    exact = Exact(
        alpha=at.network,
        third=third,
        score=compute.score_line(comparison, picture),
        **_files(picture, f"network-alpha-{at.network:.2f}"),
    )
    return _changed(session, exact=exact)


def _asks_for_exact(view: View, alpha: float, third: float) -> bool:
    """Whether the network's picture there can be made, and the browser does not have it yet."""
    last = view.exact
    if view.obstacle or (last is not None and (last.alpha, last.third) == (alpha, third)):
        return False
    return third > 0 or alpha not in {frame.alpha for frame in view.frames}


def _changed(session: Session, **parts: object) -> Session:
    return replace(session, view=session.view.model_copy(update=parts))


def _files(picture: np.ndarray, name: str) -> dict[str, ImageData]:
    """Files of a picture: one to show, 8-bit and opaque, and the original if it is more."""
    shown = to_uint8(picture)
    shown = shown if shown.ndim == 2 else to_rgb(shown)
    files = {"file": ImageData(path=serve(shown, name))}
    if picture.dtype != np.uint8 or (picture.ndim == 3 and picture.shape[2] == 4):
        files["original"] = ImageData(path=serve(picture, f"esrgan-{name}", ".png"))
    return files
