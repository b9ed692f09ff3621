"""The viewer's own HTML, style and script, which the page and a saved page take over."""

import html
import json
from dataclasses import asdict
from pathlib import Path
from string import Template

from esrgan.inference.blend import DEFAULT_ALPHA, STRIP_ALPHAS
from esrgan.viewer.shown import labels

PAGE = Path(__file__).parent / "page"


def viewer_html() -> str:
    """HTML of a viewer that shows nothing yet; its script reads the labels from it."""
    settings = {"labels": [asdict(label) for label in labels()], "strip_alphas": STRIP_ALPHAS}
    return Template((PAGE / "viewer.html").read_text("utf-8")).substitute(
        settings=html.escape(json.dumps(settings, ensure_ascii=False)),
        alpha=f"{DEFAULT_ALPHA:g}",
        alpha_told=f"{DEFAULT_ALPHA:.2f}",
    )
