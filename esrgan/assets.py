"""The folder of what is not code: the built-in weights, NIQE's model and the examples."""

from pathlib import Path

_INSTALLED = Path(__file__).parent / "_assets"  # where `pip install` puts the clone's assets/
FOLDER = _INSTALLED if _INSTALLED.is_dir() else Path(__file__).parents[1] / "assets"
MODELS = FOLDER / "models"
EXAMPLES = FOLDER / "examples"
