"""RRDBNets computed by OpenVINO, Intel's engine for CPUs, which is the faster one on some of them.

The graph is built from the layers, not traced, which takes milliseconds instead of seconds.
"""

import sys
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from esrgan.errors import UserError
from esrgan.networks.rrdb import NEGATIVE_SLOPE, RESIDUAL_SCALE, RRDB, ResidualDenseBlock, RRDBNet

Compiled = Callable[[Tensor], Tensor]


def openvino_version() -> str | None:
    """Of the installed package; None where there is none."""
    try:
        return version("openvino")
    except PackageNotFoundError:
        return None


class OpenVINORRDBNet:
    """`features` and `enlarged` of an RRDBNet, equal but for rounding (about 1e-5).

    In float32, with as many threads as PyTorch uses. The weights are compiled in: a change of the
    network's does not reach the result.

    Raises:
        UserError: openvino is not installed.
    """

    def __init__(self, network: RRDBNet) -> None:
        self.network, self.config = network, network.config
        self.scale, self.reach = network.scale, network.reach
        graph = _Graph()
        self._deep = graph.compiled(graph.deep, network)
        self._enlarged = graph.compiled(graph.enlarged, network)

    def features(self, x: Tensor) -> Tensor:
        """As `RRDBNet.features`."""
        shallow = self.network.shallow(x)
        return shallow + self._deep(shallow)

    def enlarged(self, features: Tensor) -> Tensor:
        """As `RRDBNet.enlarged`."""
        return self._enlarged(features)


class _Graph:
    """Parts of an RRDBNet as OpenVINO's graphs: N×F×h×w -> N×C×H×W each."""

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

    def compiled(self, part: Callable[[RRDBNet, Any], Any], network: RRDBNet) -> Compiled:
        features = self.ops.parameter([-1, network.config.num_features, -1, -1], np.float32)
        model = self.openvino.Model([part(network, features)], [features], part.__name__)
        settings = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        }
        run = self.openvino.Core().compile_model(model, "CPU", settings)
        return lambda x: torch.from_numpy(run(x.contiguous().numpy())[0].copy())

    def deep(self, network: RRDBNet, x: Any) -> Any:
        """The trunk and the convolution after it."""
        for block in network.blocks():
            x = self._rrdb(x, block)
        return self._convolved(x, network.conv_body)

    def enlarged(self, network: RRDBNet, x: Any) -> Any:
        """What comes after the trunk."""
        for factor, conv in zip(network.factors, network.upsampling(), strict=True):
            x = self._activated(self._convolved(self._repeated(x, factor), conv))
        return self._convolved(
            self._activated(self._convolved(x, network.conv_hr)), network.conv_last
        )

    def _rrdb(self, x: Any, block: RRDB) -> Any:
        inner = x
        for dense in (block.rdb1, block.rdb2, block.rdb3):
            inner = self._dense_block(inner, dense)
        return self._residual(x, inner)

    def _dense_block(self, x: Any, block: ResidualDenseBlock) -> Any:
        features = x
        for conv in (block.conv1, block.conv2, block.conv3, block.conv4):
            grown = self._activated(self._convolved(features, conv))
            features = self.ops.concat([features, grown], 1)
        return self._residual(x, self._convolved(features, block.conv5))

    def _convolved(self, x: Any, conv: nn.Conv2d) -> Any:
        """By 3×3, padded by 1."""
        ones = [1, 1]
        kernel = self._constant(conv.weight)
        out = self.ops.convolution(x, kernel, ones, ones, ones, ones)
        assert conv.bias is not None
        return self.ops.add(out, self._constant(conv.bias.view(1, -1, 1, 1)))

    def _activated(self, x: Any) -> Any:
        return self.ops.prelu(x, self._constant([NEGATIVE_SLOPE]))

    def _residual(self, x: Any, inner: Any) -> Any:
        return self.ops.add(x, self.ops.multiply(inner, self._constant([RESIDUAL_SCALE])))

    def _repeated(self, x: Any, factor: int) -> Any:
        """Nearest-neighbour upsampling."""
        scales, axes = self._constant([factor, factor]), [2, 3]
        return self.ops.interpolate(x, scales, "nearest", "scales", axes=axes)

    def _constant(self, values: Tensor | Iterable[float]) -> Any:
        tensor = torch.as_tensor(values, dtype=torch.float32).detach().contiguous()
        return self.ops.constant(tensor.numpy())
