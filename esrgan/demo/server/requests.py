"""Files named in requests: only those that this server stored itself are opened.

Whatever the endpoint (REST, queue, MCP; of a component or documented), the values of a request
reach the page's functions through `Blocks.preprocess_data`, and nowhere else.

Visitors share one folder of uploads. What keeps theirs apart is that nobody can guess its name: 64
hexadecimal digits, a hash of the content and of a secret of this process. Folders of jobs and of
results can't be named at all.
"""

import math
import re
import stat
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import Request
from fastapi.responses import JSONResponse

from esrgan.demo.server.served import served_folder
from esrgan.demo.server.visitors import visiting

# The same whatever is wrong, so that nobody learns which files there are.
REFUSAL = "This file was not uploaded to this page; choose it again."
# gradio puts each upload, and each example, into a folder named after its content.
UPLOAD_FOLDER = re.compile(r"[0-9a-f]{64}")
WRONG_KIND = "A value of this request is not of the kind that the page takes there."
MAX_WORDS = 300  # of what gradio says of a value, which it repeats
MAX_FILES = 2000  # that one request may name
TOO_MANY = f"The page takes up to {MAX_FILES} files at once; do them in parts, or send a zip."


class Page(gr.Blocks):
    """Blocks whose functions are given no other files than stored ones, and know the visitor."""

    async def process_api(self, block_fn: Any, inputs: list[Any], *rest: Any, **more: Any) -> Any:
        """As in `Blocks`, on behalf of the visitor who made the request; what comes with an event
        is an object, if only an empty one."""
        request, event = more.get("request"), more.get("event_data")
        if event is not None and not isinstance(event._data, dict):
            event._data = {}
        cookies = getattr(request, "cookies", None) or {}
        with visiting(cookies, getattr(request, "session_hash", None)):
            return await super().process_api(block_fn, inputs, *rest, **more)

    async def preprocess_data(
        self, block_fn: Any, inputs: list[Any], *rest: Any, **more: Any
    ) -> Any:
        """As in `Blocks`.

        Raises:
            gr.Error: the inputs name a file that is not `is_stored`, what should be a number is
                none, or a value is not of its part's kind.
        """
        check_values(inputs)
        for block, value in zip(block_fn.inputs, inputs, strict=False):
            words = refusal(block, value)
            if words:
                raise gr.Error(words, print_exception=False)
        try:
            return await super().preprocess_data(block_fn, inputs, *rest, **more)
        except gr.Error as error:  # says already what is wrong, at whatever length
            words = str(error.message)
            told = words if len(words) <= MAX_WORDS else WRONG_KIND
            raise gr.Error(told, print_exception=False) from error
        except (ValueError, TypeError, AttributeError, LookupError) as error:  # of gradio's parts
            raise gr.Error(WRONG_KIND, print_exception=False) from error


async def wrong_body(_request: Request, _error: Exception) -> JSONResponse:
    """Answer to a body that is not what a route takes; gradio would send it back, which fails for
    numbers that JSON does not know."""
    return JSONResponse({"detail": "The body of this request is not what is taken here."}, 422)


def refusal(block: Any, value: object) -> str | None:
    """What is wrong with a value that gradio hands on as it is, whatever its part is for."""
    if isinstance(block, gr.Number | gr.Slider):
        return None if _is_number(value) else f"{block.label} must be a number."
    if isinstance(block, gr.Dataset):
        right = isinstance(value, int) and 0 <= value < len(block.samples)
    elif isinstance(block, gr.Checkbox):
        right = value is None or isinstance(value, bool)
    elif isinstance(block, gr.CheckboxGroup):
        right = value is None or isinstance(value, list)
    elif isinstance(block, gr.Dropdown):
        right = value is None or isinstance(value, list) == bool(block.multiselect)
    else:
        return None
    return None if right else WRONG_KIND


def _is_number(value: object) -> bool:
    """Whether this is a finite number, or nothing, of which the page's functions can tell."""
    if value is None:
        return True
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number too large for a float
        return False


def check_values(inputs: Any) -> None:
    """Raise a gr.Error if these JSON values name, however deep in them, a file that is not
    `is_stored`, or more than MAX_FILES, or hold a text that can't be sent back."""
    left, files = [inputs], 0
    while left:
        value = left.pop()
        if isinstance(value, dict):
            if value.get("path") is not None:
                files += 1
                if files > MAX_FILES:
                    raise gr.Error(TOO_MANY, print_exception=False)
                if not is_stored(value["path"]):
                    raise gr.Error(REFUSAL, print_exception=False)
            left += value.values()
        elif isinstance(value, list | tuple):
            left += value
        elif isinstance(value, str) and not value.isascii() and not _is_unicode(value):
            raise gr.Error(WRONG_KIND, print_exception=False)


def _is_unicode(text: str) -> bool:
    """Whether it has no half of a surrogate pair, which JSON can hold and UTF-8 can't."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_stored(path: object) -> bool:
    """Whether this is a regular file in a folder of an upload, and no link leads to it.

    A path that does not read so is never looked up: neither the answer nor its time tells what
    else there is.
    """
    if not isinstance(path, str):
        return False
    file, uploads = Path(path), served_folder()
    folder = file.parent
    if folder.parent != uploads or not UPLOAD_FOLDER.fullmatch(folder.name):
        return False
    try:
        return stat.S_ISDIR(folder.lstat().st_mode) and stat.S_ISREG(file.lstat().st_mode)
    except (OSError, ValueError):  # no such file, or a NUL in its name
        return False
