"""RRDBNet, the generator of ESRGAN (Sec. 3.1, Figs. 3 and 4)."""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from esrgan.errors import UserError

# Residual scaling β of Sec. 3.1, at every dense block and every RRDB.
RESIDUAL_SCALE = 0.2
# Of the leaky ReLUs.
NEGATIVE_SLOPE = 0.2
# Sec. 3.1's "smaller initialization": Kaiming times this, in the dense blocks.
INITIAL_SCALE = 0.1


@dataclass(frozen=True)
class RRDBConfig:
    """Configuration of an RRDBNet; the defaults are the paper's ×4 network (16.7 M parameters).

    Attributes:
        num_features: channels of the trunk.
        num_blocks: RRDBs in the trunk (23; 16 for the PIRM entry).
        growth_channels: channels that each dense convolution adds.
        scale: output size over input size: 1, 2, 3, 4 or 8.
        unshuffle: pixel-unshuffle factor of the input (1, 2 or 4). Community ×2 and ×1 models fold
            the input by 2 or 4 and then upscale by 4.
        in_channels: channels of the input picture, before unshuffling.
        out_channels: channels of the output picture.
    """

    num_features: int = 64
    num_blocks: int = 23
    growth_channels: int = 32
    scale: int = 4
    unshuffle: int = 1
    in_channels: int = 3
    out_channels: int = 3

    def __post_init__(self) -> None:
        if self.unshuffle not in (1, 2, 4):
            raise UserError(f"The unshuffle factor must be 1, 2 or 4, not {self.unshuffle}.")
        self.upsampling_factors()

    def upsampling_factors(self) -> list[int]:
        """The factors of the nearest-neighbour upsampling stages, e.g. [2, 2] for ×4."""
        total = self.scale * self.unshuffle
        if total == 3:
            return [3]
        if total not in (1, 2, 4, 8, 16):
            raise UserError(f"RRDBNet upscales by 1, 2, 3, 4 or 8, not by {self.scale}.")
        return [2] * (total.bit_length() - 1)


def conv3x3(in_channels: int, out_channels: int) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1)


def leaky_relu(x: Tensor) -> Tensor:
    return F.leaky_relu(x, negative_slope=NEGATIVE_SLOPE, inplace=True)


class ResidualDenseBlock(nn.Module):
    """Five densely connected convolutions and a scaled residual (Fig. 4): N×F×H×W -> same."""

    def __init__(self, num_features: int, growth_channels: int) -> None:
        super().__init__()
        f, g = num_features, growth_channels
        self.conv1 = conv3x3(f, g)
        self.conv2 = conv3x3(f + g, g)
        self.conv3 = conv3x3(f + 2 * g, g)
        self.conv4 = conv3x3(f + 3 * g, g)
        self.conv5 = conv3x3(f + 4 * g, f)
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4, self.conv5):
            _initialise_small(conv)

    def forward(self, x: Tensor) -> Tensor:
        features = x  # N×F×H×W, growing by G channels a step
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            features = torch.cat((features, leaky_relu(conv(features))), dim=1)
        return torch.add(x, self.conv5(features), alpha=RESIDUAL_SCALE)


def _initialise_small(conv: nn.Conv2d) -> None:
    if conv.weight.is_meta:  # without storage, until weights of a file are put in their place
        return
    nn.init.kaiming_normal_(conv.weight, a=0, mode="fan_in")
    conv.weight.data.mul_(INITIAL_SCALE)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)


class RRDB(nn.Module):
    """Residual-in-Residual Dense Block (Fig. 4): three dense blocks in a scaled residual."""

    def __init__(self, num_features: int, growth_channels: int) -> None:
        super().__init__()
        self.rdb1 = ResidualDenseBlock(num_features, growth_channels)
        self.rdb2 = ResidualDenseBlock(num_features, growth_channels)
        self.rdb3 = ResidualDenseBlock(num_features, growth_channels)

    def forward(self, x: Tensor) -> Tensor:
        return torch.add(x, self.rdb3(self.rdb2(self.rdb1(x))), alpha=RESIDUAL_SCALE)


class RRDBNet(nn.Module):
    """The generator: a trunk of RRDBs in LR space, then nearest-neighbour upsampling (Fig. 3).

    Input N×in_channels×H×W and output N×out_channels×(scale·H)×(scale·W), RGB in [0, 1]; the output
    is not clipped. Any H, W ≥ 1. The parameter names are the project's canonical ones.
    """

    # An output pixel of `enlarged` sees so many features beyond its own: 1/2 + 1/4 + 2/4 at ×4.
    reach = 2

    def __init__(self, config: RRDBConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or RRDBConfig()
        f = config.num_features
        self.conv_first = conv3x3(config.in_channels * config.unshuffle**2, f)
        self.body = nn.Sequential(
            *(RRDB(f, config.growth_channels) for _ in range(config.num_blocks))
        )
        self.conv_body = conv3x3(f, f)
        self.factors = config.upsampling_factors()
        for stage in range(1, len(self.factors) + 1):
            self.add_module(f"conv_up{stage}", conv3x3(f, f))
        self.conv_hr = conv3x3(f, f)
        self.conv_last = conv3x3(f, config.out_channels)

    @property
    def scale(self) -> int:
        return self.config.scale

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        out = self.enlarged(self.features(x))
        return out[..., : height * self.scale, : width * self.scale]

    def features(self, x: Tensor) -> Tensor:
        """Features before the upsampling: N×F×⌈H/r⌉×⌈W/r⌉, r the unshuffle factor."""
        shallow = self.shallow(x)
        return shallow + self.conv_body(self.body(shallow))

    def shallow(self, x: Tensor) -> Tensor:
        """The first convolution's features, of the same shape as `features`."""
        if self.config.unshuffle > 1:
            x = self._unshuffled(x)  # N×(C·r²)×⌈H/r⌉×⌈W/r⌉
        out: Tensor = self.conv_first(x)
        return out

    def enlarged(self, features: Tensor) -> Tensor:
        """The rest: N×F×h×w -> N×out_channels×(scale·r·h)×(scale·r·w)."""
        for factor, conv in zip(self.factors, self.upsampling(), strict=True):
            features = F.interpolate(features, scale_factor=factor, mode="nearest")
            features = leaky_relu(conv(features))
        return self.reconstructed(features)

    def blocks(self) -> list[RRDB]:
        """The trunk's RRDBs, in order."""
        return [cast(RRDB, block) for block in self.body]

    def upsampling(self) -> list[nn.Conv2d]:
        """The convolutions after each of the upsampling stages."""
        stages = range(1, len(self.factors) + 1)
        return [cast(nn.Conv2d, self.get_submodule(f"conv_up{stage}")) for stage in stages]

    def reconstructed(self, features: Tensor) -> Tensor:
        """The last two convolutions, at full size: N×F×H×W -> N×out_channels×H×W."""
        out: Tensor = self.conv_last(leaky_relu(self.conv_hr(features)))
        return out

    def _unshuffled(self, x: Tensor) -> Tensor:
        r = self.config.unshuffle
        height, width = x.shape[-2:]
        mode = "reflect" if min(height, width) >= r else "replicate"  # which needs no neighbours
        x = F.pad(x, (0, -width % r, 0, -height % r), mode=mode)
        return F.pixel_unshuffle(x, r)
