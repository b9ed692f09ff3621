"""Generators as ONNX files, each compared with PyTorch before it is kept."""

import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import numpy as np
import torch

from esrgan.errors import UserError
from esrgan.networks import Generator
from esrgan.pictures.files import atomic_path

OPSET = 17
INPUT, OUTPUT = "lr", "sr"
# N, H, W of the inputs with which a file is checked: not square, odd, and more than one.
CHECKED_SIZES = ((1, 16, 16), (2, 13, 31), (1, 40, 24))
# How far a file's output may lie from PyTorch's, of which 1 is white.
TOLERANCE = 1e-4


def save_onnx(path: Path, network: Generator, facts: Mapping[str, Any]) -> float:
    """Write a generator as ONNX, atomically, if ONNX Runtime's output of it equals PyTorch's.

    The input `lr` is N×3×H×W float32 RGB in [0, 1], the output `sr` N×3×(s·H)×(s·W), not clipped;
    N, H and W are free. The metadata have the configuration and the facts as JSON.

    Returns:
        The largest difference to PyTorch's output over `CHECKED_SIZES`.

    Raises:
        UserError: onnx or onnxruntime is not installed, the outputs differ by more than
            `TOLERANCE`, or the file can't be written.
    """
    onnx, runtime = _libraries()
    network = network.eval()
    model = onnx.load_model_from_string(_traced(network))
    described = {"architecture": type(network).__name__, "config": asdict(network.config)}
    texts = {"config": json.dumps(described), "facts": json.dumps(facts)}
    onnx.helper.set_model_props(model, texts)
    onnx.checker.check_model(model, full_check=True)
    data = model.SerializeToString()
    difference = _difference(network, runtime.InferenceSession(data))
    if not difference <= TOLERANCE:
        raise UserError(
            f"{path.name} was not written: ONNX Runtime's output differs from PyTorch's by "
            f"{difference:.2g}, more than {TOLERANCE:g}."
        )
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
    return difference


def _libraries() -> tuple[ModuleType, ModuleType]:
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise UserError(
            "Export to ONNX needs two more packages: pip install onnx onnxruntime"
        ) from error
    return onnx, onnxruntime


def _traced(network: Generator) -> bytes:
    """The ONNX model, traced.

    The exporter by tracing does this in seconds. That by torch.export takes minutes for RRDBNet's
    free sizes and needs one package more.
    """
    example = torch.zeros(1, _channels(network), 9, 11)
    free = {0: "batch", 2: "height", 3: "width"}
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        path = Path(folder) / "model.onnx"
        warnings.simplefilter("ignore")  # on tracing: that sizes are constants, which they are not
        torch.onnx.export(
            network,
            (example,),
            path,
            dynamo=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: free, OUTPUT: {axis: f"sr_{name}" for axis, name in free.items()}},
        )
        return path.read_bytes()


def _channels(network: Generator) -> int:
    return getattr(network.config, "in_channels", 3)


@torch.inference_mode()
def _difference(network: Generator, session: Any) -> float:
    rng = np.random.default_rng(0)
    largest = 0.0
    for count, height, width in CHECKED_SIZES:
        lr = rng.random((count, _channels(network), height, width), dtype=np.float32)
        expected = network(torch.from_numpy(lr)).numpy()
        (found,) = session.run([OUTPUT], {INPUT: lr})
        if found.shape != expected.shape:
            return float("inf")
        largest = max(largest, float(np.abs(found - expected).max()))
    return largest
