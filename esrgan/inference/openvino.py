"""Generators run by OpenVINO, Intel's engine for CPUs: faster than PyTorch on large pictures."""

import sys
import warnings
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import torch
from torch import Tensor

from esrgan.errors import UserError
from esrgan.networks import Generator


def openvino_network(network: Generator) -> Callable[[Tensor], Tensor]:
    """A generator compiled for the CPU, in float32, with as many threads as PyTorch uses.

    Compiling takes seconds; a change of the network's weights does not reach the result.

    Returns:
        N×3×H×W float32 in [0, 1] -> N×3×(scale·H)×(scale·W), equal to `network` but for rounding.

    Raises:
        UserError: openvino is not installed.
    """
    # Without this module openvino sends nothing home, and makes no client id; it asks for it once.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        import openvino
    except ImportError as error:
        raise UserError("OpenVINO is one more package: pip install openvino.") from error
    free = openvino.PartialShape([-1, 3, -1, -1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on tracing: that sizes are constants, which they are not
        model = openvino.convert_model(
            network.eval(), example_input=torch.zeros(1, 3, 9, 11), input=[free]
        )
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
    }
    compiled = openvino.Core().compile_model(model, "CPU", settings)
    return lambda lr: torch.from_numpy(np.array(compiled(lr.numpy())[0]))


def openvino_version() -> str | None:
    """Of the installed package; None where there is none."""
    try:
        return version("openvino")
    except PackageNotFoundError:
        return None
