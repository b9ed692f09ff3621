"""Example pictures of the page. Knows nothing of gradio."""

from pathlib import Path

from esrgan import assets

FIRST = "astronaut"


def pictures() -> dict[str, Path]:
    """Files of the examples by name, in the order in which they are shown."""
    return {path.stem: path for path in sorted(assets.EXAMPLES.glob("*.png"))}


def name_of(upload: Path) -> str:
    """Name of the example of which this uploaded file is a copy, or ""."""
    example = pictures().get(upload.stem)
    same = example is not None and example.read_bytes() == upload.read_bytes()
    return upload.stem if same else ""
