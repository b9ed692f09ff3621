"""Comparisons as one HTML file that works offline: pictures, scores and the viewer itself."""

import html
import json
from collections.abc import Callable, Iterable
from string import Template
from typing import Any

from esrgan.viewer.component import PAGE, viewer_html
from esrgan.viewer.shown import Look, Shown, panes
from esrgan.web_page import base64_script, one_page, one_script


def saved_page(comparisons: Iterable[Shown], title: str = "") -> str:
    """The page as HTML text; the same for the same arguments.

    Args:
        comparisons: one, or several to choose from; each with a thumbnail then.
        title: of the page; the picture's name, or how many there are, if it is empty.
    """
    files: list[str] = []

    def add(content: bytes) -> dict[str, str]:
        name = f"file-{len(files)}"
        files.append(base64_script(content, name))
        return {"url": name}

    views = [_view(comparison, add) for comparison in comparisons]
    usual = views[0]["name"] if len(views) == 1 else f"{len(views)} pictures, compared"
    # Names of files may hold bytes that are no text.
    title = (title or usual).encode("utf-8", "replace").decode()
    body = Template((PAGE / "saved.html").read_text("utf-8")).substitute(
        title=html.escape(title),
        viewer=viewer_html(),
        comparisons=base64_script(json.dumps(views).encode(), "comparisons"),
        files="\n".join(files),
    )
    style = "\n".join((PAGE / name).read_text("utf-8") for name in ("saved.css", "viewer.css"))
    return one_page(title, body, style, one_script(PAGE, "saved.js"), images="blob:")


def bytes_in_page(comparison: Shown) -> int:
    """Bytes that a comparison's files take in a page."""
    return sum(len(content) for content in comparison.files) * 4 // 3


def _view(shown: Shown, add: Callable[[bytes], dict[str, str]]) -> dict[str, Any]:
    """A comparison as the viewer's `View`, its files added to the page."""
    look = shown.look
    models = sum(alpha in shown.frames for alpha in (0, 1)) + ("after" in shown.pictures)
    return {
        "run": "",
        "name": shown.name,
        "width": shown.width,
        "height": shown.height,
        "pictures": [
            {"name": name, "file": add(content)} for name, content in shown.pictures.items()
        ],
        "frames": [
            {"alpha": alpha, "file": add(content)}
            for alpha, content in sorted(shown.frames.items())
        ],
        "scores": dict(shown.scores),
        "titles": dict(shown.titles),
        "obstacle": shown.obstacle,
        "third_obstacle": shown.third_obstacle,
        "panes": panes(models, "hr" in shown.pictures, shown.obstacle),
        "start": {"network": look.network, "image": look.image, "third": look.third},
        "link": _link(look),
        "detail": [],
        "complete": True,
        "state": "done",
        "words": "",
        "progress": 1,
        "thumbnail": add(shown.thumbnail) if shown.thumbnail else None,
    }


def _link(look: Look) -> dict[str, Any]:
    nothing = {"example": "", "kind": "", "models": []}
    return nothing | {
        "mark": look.mark, "view": look.view, "pair": look.pair, "zoom": look.zoom,
    }  # fmt: skip
