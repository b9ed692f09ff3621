"""The folder of what is not code: the built-in weights, NIQE's model and the examples."""

from pathlib import Path

ROOT = Path(__file__).parents[1]  # the clone, or the folder of installed packages
_PACKAGED = Path(__file__).parent / "_assets"  # where a wheel has the clone's assets/
INSTALLED = _PACKAGED.is_dir()
FOLDER = _PACKAGED if INSTALLED else ROOT / "assets"
MODELS = FOLDER / "models"
EXAMPLES = FOLDER / "examples"
