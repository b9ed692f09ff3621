"""RRDBNet with its dense blocks in bfloat16, for inference on CPUs that have units for that.

bfloat16 keeps eight bits of a number, as many as a grey level has: where features are added up and
where the picture is made of them, rounding to it would be seen. So only the convolutions within the
dense blocks, which are most of the work, are computed so; both residuals and all that is outside
the blocks stay in float32. By a small network hardly a pixel of a photograph then differs by a grey
level, where all of it by autocast differs by several; larger ones can differ by several still.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from esrgan.networks.fast_rrdb import FastRRDBNet
from esrgan.networks.rrdb import RESIDUAL_SCALE, ResidualDenseBlock, RRDBNet, leaky_relu


class BFloat16RRDBNet(FastRRDBNet):
    """`features` and `enlarged` of an RRDBNet, with dense blocks in bfloat16.

    It keeps no weights of its own. Input and output are float32, without gradients.
    """

    def __init__(self, network: RRDBNet) -> None:
        super().__init__(network, winograd=False)

    def features(self, x: Tensor) -> Tensor:
        """As `RRDBNet.features`, but for the rounding."""
        deep = shallow = self.network.shallow(x)
        for rrdb in self.network.blocks():
            inner = deep
            for block in (rrdb.rdb1, rrdb.rdb2, rrdb.rdb3):
                inner = _dense_block(block, inner)
            deep = torch.add(deep, inner, alpha=RESIDUAL_SCALE)
        return shallow + self.network.conv_body(deep)


def _dense_block(block: ResidualDenseBlock, x: Tensor) -> Tensor:
    """As `ResidualDenseBlock.forward`: float32 -> float32."""
    features = x.bfloat16()
    for conv in (block.conv1, block.conv2, block.conv3, block.conv4):
        features = torch.cat((features, leaky_relu(_convolved(features, conv))), dim=1)
    return torch.add(x, _convolved(features, block.conv5).float(), alpha=RESIDUAL_SCALE)


def _convolved(features: Tensor, conv: nn.Conv2d) -> Tensor:
    assert conv.bias is not None
    return F.conv2d(features, conv.weight.bfloat16(), conv.bias.bfloat16(), padding=1)
