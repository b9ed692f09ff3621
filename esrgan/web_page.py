"""Parts of web pages that are one file: a script of several modules, its policy, data."""

import base64
import hashlib
import re
from pathlib import Path

IMPORT = re.compile(r"^import [^;]+ from '\./(\w+\.js)';\n", re.MULTILINE)
EXPORT = re.compile(r"^export ", re.MULTILINE)


def one_script(folder: Path, module: str) -> str:
    """The script of a module of `folder` and of all that it imports, without imports and exports.

    The modules share one scope: no two of them may declare the same name, and none may import in a
    circle.
    """
    scripts: dict[str, str] = {}

    def add(name: str) -> None:
        text = (folder / name).read_text("utf-8")
        for imported in IMPORT.findall(text):
            if imported not in scripts:
                add(imported)
        scripts[name] = EXPORT.sub("", IMPORT.sub("", text))

    add(module)
    return "\n".join(scripts.values())


def policy_digest(text: str) -> str:
    """What a Content-Security-Policy calls an inline script or style by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def base64_script(data: bytes, name: str) -> str:
    """An element that holds data which the page's script reads; `name` is its id."""
    return f'<script type="text/plain" id="{name}">{base64.b64encode(data).decode()}</script>'
