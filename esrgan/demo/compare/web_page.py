"""The comparison at hand as one HTML file."""

from pathlib import Path

import gradio as gr

from esrgan.demo.compare import page_link
from esrgan.demo.compare.figure import new_folder
from esrgan.demo.compare.page_link import Address
from esrgan.demo.compare.session import Session
from esrgan.demo.limits import MAX_WEB_PAGE_BYTES
from esrgan.demo.viewer import View
from esrgan.errors import UserError
from esrgan.pictures.files import atomic_path
from esrgan.viewer.saved_page import bytes_in_page, saved_page
from esrgan.viewer.shown import Look, Shown

NAME_KEPT = 50  # characters of a picture's name, in any alphabet few enough for a file's


def save(session: Session | None, event: gr.EventData) -> Path:
    """File of the comparison as far as it has got, looked at as the browser says.

    Raises:
        UserError: there is no comparison yet, or its pictures are gone or too large.
    """
    if session is None or not {0, 1} <= {frame.alpha for frame in session.view.frames}:
        raise UserError(
            "There is no comparison to save yet: wait until the models' results are there."
        )
    said = {name: getattr(event, name, None) for name in page_link.PARTS}
    query = {name: text for name, text in said.items() if isinstance(text, str)}
    shown = shown_of(session.view, page_link.read(query))
    size = bytes_in_page(shown)
    if size > MAX_WEB_PAGE_BYTES:
        raise UserError(
            f"The web page would have {size / 1e6:.0f} MB, and this page saves up to "
            f"{MAX_WEB_PAGE_BYTES / 1e6:.0f}: take a smaller picture, or use "
            "`python -m esrgan compare`, which takes fewer frames or crops."
        )
    name = session.view.name[:NAME_KEPT].replace("/", "_") or "esrgan"
    file = new_folder() / f"{name}_comparison.html"
    with atomic_path(file) as temporary:
        temporary.write_text(saved_page([shown]), encoding="utf-8", newline="\n")
    return file


def shown_of(view: View, address: Address) -> Shown:
    """What the browser has of a comparison, its exact picture too, looked at as an address says.

    Raises:
        UserError: its pictures are gone.
    """
    files = {frame.alpha: frame.file.path for frame in view.frames}
    scores = dict(view.scores)
    if view.exact and not view.exact.third:
        files[view.exact.alpha] = view.exact.file.path
        scores[f"network {view.exact.alpha:g}"] = view.exact.score
    if view.image and not view.image.third:
        scores[f"image {view.image.alpha:g}"] = view.image.score
    return Shown(
        name=view.name,
        width=view.width,
        height=view.height,
        pictures={picture.name: _content(picture.file.path) for picture in view.pictures},
        frames={alpha: _content(path) for alpha, path in files.items()},
        scores=scores,
        titles=view.titles,
        obstacle=view.obstacle,
        third_obstacle=view.third_obstacle,
        look=Look(
            **address.alphas,
            mark=address.mark,
            view=address.view,
            pair=address.pair,
            zoom=address.zoom,
        ),
    )


def _content(path: str | None) -> bytes:
    try:
        return Path(path or "").read_bytes()
    except OSError as error:
        raise UserError(
            "This comparison's pictures are no longer kept; choose the picture again."
        ) from error
