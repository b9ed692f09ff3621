"""A network's output strip by strip, in little memory.

Nearly all of the memory goes into the few convolutions after the upsampling, at 16 times the pixels
of the trunk. They see only a few pixels around: a strip of features at a time gives the same.
"""

import torch
from torch import Tensor

from esrgan.networks import FastRRDBNet, Generator

# Of one feature map of a strip after the upsampling.
STRIP_BYTES = 16 * 2**20


@torch.inference_mode()
def run_in_strips(
    network: Generator | FastRRDBNet, x: Tensor, strip_bytes: int = STRIP_BYTES
) -> Tensor:
    """`network(x)`, computed in strips of rows after the upsampling.

    Args:
        network: in evaluation mode.
        x: N×3×H×W in [0, 1].
        strip_bytes: how large a feature map may become.

    Returns:
        N×3×(scale·H)×(scale·W) float32, equal to `network(x)` but for rounding.
    """
    features = network.features(x)
    batch, channels, height, width = features.shape
    scale, reach = network.scale, network.reach
    factor = scale * getattr(network.config, "unshuffle", 1)
    row_bytes = batch * channels * width * factor**2 * features.element_size()
    rows = max(1, strip_bytes // row_bytes)
    out = torch.empty(batch, 3, x.shape[-2] * scale, x.shape[-1] * scale, device=x.device)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        first = max(0, top - reach)
        strip = network.enlarged(features[..., first : bottom + reach, :])
        begin, end = top * factor, min(bottom * factor, out.shape[-2])
        inside = strip[..., begin - first * factor : end - first * factor, : out.shape[-1]]
        out[..., begin:end, :] = inside
    return out
