"""Web pages that are one file: page and policy, a script of several modules, data."""

import base64
import hashlib
import html
import re
from pathlib import Path
from string import Template

IMPORT = re.compile(r"^import [^;]+ from '\./(\w+\.js)';\n", re.MULTILINE)
EXPORT = re.compile(r"^export ", re.MULTILINE)
COMMENT = re.compile(r"^ *(?:/\*\*.*?\*/|//[^\n]*)\n", re.MULTILINE | re.DOTALL)
_PAGE = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="$policy">
<title>$title</title>
<style>$style</style>
</head>
<body>
$body
<script type="module">$script</script>
</body>
</html>
""")


def one_page(title: str, body: str, style: str, script: str, images: str = "'none'") -> str:
    """HTML of a page that is one file: it asks nobody for anything, and runs its own script only.

    Args:
        title: any text.
        body: HTML of what is shown.
        style, script: CSS, and JavaScript as of `one_script`.
        images: sources of pictures by its Content-Security-Policy.
    """
    policy = {
        "default-src": "'none'",
        "img-src": images,
        "style-src": f"'{policy_digest(style)}'",
        "script-src": f"'{policy_digest(script)}'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return _PAGE.substitute(
        policy="; ".join(f"{what} {sources}" for what, sources in policy.items()),
        title=html.escape(title),
        style=style,
        body=body,
        script=script,
    )


def one_script(folder: Path, module: str) -> str:
    """The script of a module of `folder` and of all that it imports, without imports, exports and
    the comments that have lines of their own.

    The modules share one scope: no two of them may declare the same name, and none may import in a
    circle.
    """
    scripts: dict[str, str] = {}

    def add(name: str) -> None:
        text = (folder / name).read_text("utf-8")
        for imported in IMPORT.findall(text):
            if imported not in scripts:
                add(imported)
        scripts[name] = EXPORT.sub("", COMMENT.sub("", IMPORT.sub("", text)))

    add(module)
    return "\n".join(scripts.values())


def policy_digest(text: str) -> str:
    """What a Content-Security-Policy calls an inline script or style by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def base64_script(data: bytes, name: str) -> str:
    """An element that holds data which the page's script reads; `name` is its id."""
    return f'<script type="text/plain" id="{name}">{base64.b64encode(data).decode()}</script>'
