"""A visitor's comparison together with what of it was sent to the browser."""

import uuid
from dataclasses import dataclass, replace

import numpy as np
from gradio.data_classes import ImageData

from esrgan.demo import comparison as compute
from esrgan.demo.comparison import Comparison
from esrgan.demo.served import serve
from esrgan.demo.viewer import Exact, Frame, ImageScore, Picture, View
from esrgan.images import to_rgb, to_uint8
from esrgan.resize import imresize

END_ALPHAS = {"psnr": 0.0, "gan": 1.0}
FIRST_ALPHA = 0.8  # as in viewer.html


@dataclass(frozen=True)
class Session:
    comparison: Comparison
    view: View


def begin(comparison: Comparison) -> Session:
    """LR, bicubic and, if there is one, HR."""
    bicubic = imresize(comparison.lr, compute.upscaler(comparison.trio.psnr).scale)
    given = {"lr": comparison.lr, "bicubic": bicubic, "hr": comparison.hr}
    height, width = bicubic.shape[:2]
    sizes = {"lr": _size(comparison.lr), "bicubic": _line(comparison, bicubic)}
    if comparison.hr is not None:
        sizes["hr"] = _size(comparison.hr)
    view = View(
        run=uuid.uuid4().hex,
        width=width,
        height=height,
        pictures=[
            Picture(name=name, **_files(picture, name))
            for name, picture in given.items()
            if picture is not None
        ],
        frames=[],
        scores=sizes,
    )
    return Session(comparison, view)


def add_result(session: Session, comparison: Comparison) -> Session:
    """The result that `comparison` has beyond the session's."""
    name = list(comparison.results)[-1]
    picture = comparison.results[name]
    session = replace(session, comparison=comparison)
    if name in END_ALPHAS:
        session = add_frame(session, END_ALPHAS[name], picture)
    else:
        entry = Picture(name=name, **_files(picture, name))
        session = _changed(session, pictures=[*session.view.pictures, entry])
    scores = {**session.view.scores, name: _line(comparison, picture)}
    return _changed(session, scores=scores)


def add_frame(session: Session, alpha: float, picture: np.ndarray) -> Session:
    """The network's picture at a key α."""
    frame = Frame(alpha=alpha, **_files(picture, f"network-alpha-{alpha:.2f}"))
    line = _line(session.comparison, picture)
    return _changed(
        session,
        frames=[*session.view.frames, frame],
        scores={**session.view.scores, f"network {alpha:g}": line},
    )


def finished(session: Session) -> Session:
    """No more frames will come; with the score at the α at which the image slider stands first."""
    blended = compute.image_interpolated(session.comparison, FIRST_ALPHA)
    image = ImageScore(alpha=FIRST_ALPHA, score=_line(session.comparison, blended))
    return _changed(session, image=image, complete=True)


def at_rest(session: Session, network_alpha: float, image_alpha: float) -> Session:
    """The exact picture of the network between key frames, and the image interpolation's score."""
    comparison = session.comparison
    blended = compute.image_interpolated(comparison, image_alpha)
    image = ImageScore(alpha=image_alpha, score=_line(comparison, blended))
    known = {frame.alpha for frame in session.view.frames}
    last = session.view.exact
    if network_alpha in known or (last is not None and last.alpha == network_alpha):
        return _changed(session, image=image)
    picture = compute.network_interpolated(comparison, network_alpha)
    exact = Exact(
        alpha=network_alpha,
        score=_line(comparison, picture),
        **_files(picture, f"network-alpha-{network_alpha:.2f}"),
    )
    return _changed(session, image=image, exact=exact)


def _changed(session: Session, **parts: object) -> Session:
    return replace(session, view=session.view.model_copy(update=parts))


def _files(picture: np.ndarray, name: str) -> dict[str, ImageData]:
    """The file to show, 8-bit without transparency, and the original where it is more."""
    shown = to_uint8(picture)
    shown = shown if shown.ndim == 2 else to_rgb(shown)
    files = {"file": ImageData(path=serve(shown, name))}
    if picture.dtype != np.uint8 or (picture.ndim == 3 and picture.shape[2] == 4):
        files["original"] = ImageData(path=serve(picture, f"esrgan-{name}", ".png"))
    return files


def _size(picture: np.ndarray) -> str:
    return f"{picture.shape[1]}×{picture.shape[0]}"


def _line(comparison: Comparison, picture: np.ndarray) -> str:
    """The line under a result: its scores or, without an HR, its size."""
    scores = compute.scores(comparison, picture)
    if scores is None:
        return _size(picture)
    return f"PSNR {scores[0]:.2f} dB · SSIM {scores[1]:.4f}"
