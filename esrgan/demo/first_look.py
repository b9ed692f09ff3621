"""HTML of the first look: the page's head, and a viewer with the first example's pictures."""

import html
import json
from pathlib import Path
from string import Template
from typing import Any

from esrgan.viewer.component import PAGE, viewer_html
from esrgan.web_page import one_script

HERE = Path(__file__).parent


def first_look(view: dict[str, Any], title: str, intro: str, tabs: list[str], theme: str) -> str:
    """What stands in the page until gradio has built it; see `server.first_look`.

    Args:
        view: a `View` that is served, as JSON.
        title, intro: HTML of the page's first lines.
        tabs: their names; the first one is open.
        theme: digest of gradio's theme, which is part of its style sheet's address.
    """
    style = (PAGE / "viewer.css").read_text("utf-8") + (HERE / "first_look.css").read_text("utf-8")
    opened, *others = map(html.escape, tabs)
    return Template((HERE / "first_look.html").read_text("utf-8")).substitute(
        theme=theme,
        style=style,
        title=title,
        intro=intro,
        tabs="".join([f"<b>{opened}</b>", *(f"<span>{name}</span>" for name in others)]),
        viewer=viewer_html(),
        view=json.dumps(view).replace("<", "\\u003c"),
        script=one_script(PAGE, "first_look.js"),
    )
