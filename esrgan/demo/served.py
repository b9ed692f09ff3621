"""Pictures as files that the browser may fetch: lossless, and gone after a while."""

import os
import tempfile
import uuid
from pathlib import Path

import cv2
import numpy as np

FOLDER_VARIABLE = "GRADIO_TEMP_DIR"  # gradio serves what lies below it in place


def served_folder() -> Path:
    """The folder that gradio serves; made, and told to gradio, where there is none yet."""
    if FOLDER_VARIABLE not in os.environ:
        os.environ[FOLDER_VARIABLE] = tempfile.mkdtemp(prefix="esrgan-")
    return Path(os.environ[FOLDER_VARIABLE])


def serve(image: np.ndarray, name: str) -> str:
    """Write a picture as PNG for the browser and return its path.

    Args:
        image: H×W, H×W×3 or H×W×4, `uint8` or `uint16`.
        name: of the file, as a download shows it.
    """
    folder = served_folder() / uuid.uuid4().hex
    folder.mkdir(parents=True)
    path = folder / f"{name}.png"
    path.write_bytes(_fast_png(image))
    return str(path)


def _fast_png(image: np.ndarray) -> bytes:
    """PNG with light compression: the way to the browser is short, the wait counts."""
    codes = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    bgr = image if image.ndim == 2 else cv2.cvtColor(image, codes[image.shape[2]])
    return cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()
