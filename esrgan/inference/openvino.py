"""An RRDBNet's trunk by OpenVINO, Intel's engine for CPUs, which is the faster one on some of them.

The graph is built from the layers, not traced, which takes milliseconds instead of seconds. What
comes after the trunk stays with PyTorch: OpenVINO is no faster there, and has no phases.
"""

import sys
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from esrgan.errors import UserError
from esrgan.networks import FastRRDBNet, RRDBNet
from esrgan.networks.rrdb import NEGATIVE_SLOPE, RESIDUAL_SCALE, RRDB, ResidualDenseBlock


def openvino_version() -> str | None:
    """Of the installed package; None where there is none."""
    try:
        return version("openvino")
    except PackageNotFoundError:
        return None


class OpenVINORRDBNet(FastRRDBNet):
    """`features` and `enlarged` of an RRDBNet, equal but for rounding (about 1e-5).

    In float32, with as many threads as PyTorch uses. The trunk's weights are compiled in: a change
    of the network's does not reach the result.

    Raises:
        UserError: openvino is not installed.
    """

    def __init__(self, network: RRDBNet) -> None:
        super().__init__(network, winograd=False)
        self._deep = _Graph().compiled(network)

    def features(self, x: Tensor) -> Tensor:
        """As `RRDBNet.features`."""
        shallow = self.network.shallow(x)
        return (shallow + self._deep(shallow)).contiguous(memory_format=torch.channels_last)


class _Graph:
    """What an RRDBNet's trunk and the convolution after it are in OpenVINO."""

    def __init__(self) -> None:
        # Without this module openvino sends nothing home, and makes no client id; it asks for it
        # once, when it is imported.
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        try:
            import openvino
            from openvino import opset13
        except ImportError as error:
            raise UserError("OpenVINO is one more package: pip install openvino.") from error
        self.openvino, self.ops = openvino, opset13

    def compiled(self, network: RRDBNet) -> Callable[[Tensor], Tensor]:
        """N×F×h×w -> same."""
        shallow = self.ops.parameter([-1, network.config.num_features, -1, -1], np.float32)
        deep = shallow
        for block in network.blocks():
            deep = self._rrdb(deep, block)
        model = self.openvino.Model([self._convolved(deep, network.conv_body)], [shallow], "deep")
        settings = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        }
        run = self.openvino.Core().compile_model(model, "CPU", settings)
        return lambda x: torch.from_numpy(run(x.contiguous().numpy())[0].copy())

    def _rrdb(self, x: Any, block: RRDB) -> Any:
        inner = x
        for dense in (block.rdb1, block.rdb2, block.rdb3):
            inner = self._dense_block(inner, dense)
        return self._residual(x, inner)

    def _dense_block(self, x: Any, block: ResidualDenseBlock) -> Any:
        features = x
        for conv in (block.conv1, block.conv2, block.conv3, block.conv4):
            grown = self.ops.prelu(
                self._convolved(features, conv), self._constant([NEGATIVE_SLOPE])
            )
            features = self.ops.concat([features, grown], 1)
        return self._residual(x, self._convolved(features, block.conv5))

    def _convolved(self, x: Any, conv: nn.Conv2d) -> Any:
        """By 3×3, padded by 1."""
        ones = [1, 1]
        out = self.ops.convolution(x, self._constant(conv.weight), ones, ones, ones, ones)
        assert conv.bias is not None
        return self.ops.add(out, self._constant(conv.bias.view(1, -1, 1, 1)))

    def _residual(self, x: Any, inner: Any) -> Any:
        return self.ops.add(x, self.ops.multiply(inner, self._constant([RESIDUAL_SCALE])))

    def _constant(self, values: Tensor | Iterable[float]) -> Any:
        tensor = torch.as_tensor(values, dtype=torch.float32).detach().contiguous()
        return self.ops.constant(tensor.numpy())
