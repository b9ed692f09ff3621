"""Files named in requests: only those that this server stored itself are opened.

Whatever the endpoint (REST, queue, MCP; of a component or documented), the values of a request
reach the page's functions through `Blocks.preprocess_data`, and nowhere else.
"""

import re
from pathlib import Path
from typing import Any

import gradio as gr

from esrgan.demo.server.served import served_folder

# The same whatever is wrong, so that nobody learns which files there are.
REFUSAL = "This file was not uploaded to this page; choose it again."
# gradio puts each upload, and each example, into a folder named after its content.
UPLOAD_FOLDER = re.compile(r"[0-9a-f]{64}")


class Page(gr.Blocks):
    """Blocks whose functions are given no other files than stored ones."""

    async def preprocess_data(
        self, block_fn: Any, inputs: list[Any], *rest: Any, **more: Any
    ) -> Any:
        """As in `Blocks`.

        Raises:
            gr.Error: the inputs name a file that is not `is_stored`.
        """
        check_files(inputs)
        return await super().preprocess_data(block_fn, inputs, *rest, **more)


def check_files(inputs: Any) -> None:
    """Raise a gr.Error if there is a file, however deep in these JSON values, not `is_stored`."""
    left = [inputs]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            if value.get("path") is not None and not is_stored(value["path"]):
                raise gr.Error(REFUSAL, print_exception=False)
            left += value.values()
        elif isinstance(value, list | tuple):
            left += value


def is_stored(path: object) -> bool:
    """Whether this is a regular file in a folder of an upload, all links followed."""
    if not isinstance(path, str) or not Path(path).is_absolute():
        return False
    try:
        file = Path(path).resolve(strict=True)
        uploads = served_folder().resolve()
    except (
        OSError,
        ValueError,
        RuntimeError,
    ):  # no such file, a NUL in its name, links in a circle
        return False
    folder = file.parent
    return (
        folder.parent == uploads and bool(UPLOAD_FOLDER.fullmatch(folder.name)) and file.is_file()
    )
