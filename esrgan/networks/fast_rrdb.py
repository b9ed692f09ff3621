"""RRDBNet's forward pass with fewer multiplications, for float32 inference on CPUs.

There, direct convolutions already run near the processor's peak: only doing less makes them
faster. Two identities, exact but for rounding:

- Winograd's F(4, 3) along columns (Lavin and Gray, 2016): four neighbouring outputs of a filter of
  three taps are a 4×6 matrix times six products, instead of twelve. A 3×3 convolution becomes six
  1×3 convolutions of maps of a quarter of the height: half of the multiplications.
- A 3×3 convolution after nearest-neighbour ×2 sees each pixel of the small map up to twice. Its
  four phases are 2×2 convolutions of the small map, with taps added up: 16 instead of 36.
"""

from itertools import chain

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from esrgan.networks.rrdb import NEGATIVE_SLOPE, RESIDUAL_SCALE, ResidualDenseBlock, RRDBNet

# Outputs and products of F(4, 3), and its matrices for input, kernel and output.
OUTPUTS, PRODUCTS = 4, 6
INPUT = (
    (4.0, 0.0, -5.0, 0.0, 1.0, 0.0),
    (0.0, -4.0, -4.0, 1.0, 1.0, 0.0),
    (0.0, 4.0, -4.0, -1.0, 1.0, 0.0),
    (0.0, -2.0, -1.0, 2.0, 1.0, 0.0),
    (0.0, 2.0, -1.0, -2.0, 1.0, 0.0),
    (0.0, 4.0, 0.0, -5.0, 0.0, 1.0),
)
KERNEL = (
    (1 / 4, 0.0, 0.0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0.0, 0.0, 1.0),
)
OUTPUT = (
    (1.0, 1.0, 1.0, 1.0, 1.0, 0.0),
    (0.0, 1.0, -1.0, 2.0, -2.0, 0.0),
    (0.0, 1.0, 1.0, 4.0, 4.0, 0.0),
    (0.0, 1.0, -1.0, 8.0, -8.0, 1.0),
)
# Products are computed in two parts: of all six rows of a matrix at once, MKL rounds otherwise for
# two threads than for one on some processors.
PARTS = (slice(OUTPUTS), slice(OUTPUTS, PRODUCTS))
# The second of the products is in each of the outputs once: a bias added to it is added to all.
BIASED = 1
# Narrower dense blocks lose to moving the data what they save.
WINOGRAD_FEATURES = 48


class FastRRDBNet:
    """`features` and `enlarged` of an RRDBNet, equal but for rounding (about 1e-5).

    It keeps no weights of its own: those of the network, as they are at each call, are used.
    For float32 on the CPU, without gradients.

    Args:
        winograd: whether the trunk's convolutions are Winograd's, where it is wide enough; those
            after the upsampling are done by their phases in any case.
    """

    def __init__(self, network: RRDBNet, winograd: bool = True) -> None:
        self.network = network
        self.winograd = winograd and network.config.num_features >= WINOGRAD_FEATURES
        self.config = network.config
        self.scale, self.reach = network.scale, network.reach

    def features(self, x: Tensor) -> Tensor:
        """As `RRDBNet.features`."""
        if not self.winograd:
            return self.network.features(x)
        shallow = self.network.shallow(x)
        deep = torch.stack([self._body(picture) for picture in shallow])
        deep = deep.contiguous(memory_format=torch.channels_last)
        return shallow + self.network.conv_body(deep)

    def _body(self, shallow: Tensor) -> Tensor:
        """The trunk's RRDBs: F×h×w -> same."""
        trunk = _Map(*shallow.shape)
        trunk.picture.copy_(shallow)
        work = _Workspace(trunk, self.config.growth_channels)
        for rrdb in self.network.blocks():
            before = trunk.padded.clone()
            for block in (rrdb.rdb1, rrdb.rdb2, rrdb.rdb3):
                work.add_dense_block(block)
            torch.add(before, trunk.padded, alpha=RESIDUAL_SCALE, out=trunk.padded)
        return trunk.picture

    def enlarged(self, features: Tensor) -> Tensor:
        """As `RRDBNet.enlarged`."""
        if any(factor != 2 for factor in self.network.factors):
            return self.network.enlarged(features)
        for conv in self.network.upsampling():
            features = _double(features, conv)
        return self.network.reconstructed(features)


class _Map:
    """C×h×w features, with zeros above and below up to 4n + 2 rows."""

    def __init__(self, channels: int, height: int, width: int) -> None:
        self.height, self.groups = height, -(-height // OUTPUTS)
        self.padded = torch.zeros(channels, OUTPUTS * self.groups + 2, width)
        self.picture = self.padded[:, 1 : height + 1]
        self.grouped = self.padded[:, 1:-1].unflatten(1, (self.groups, OUTPUTS))  # C×n×4×w

    def transformed(self, out: Tensor) -> None:
        """Winograd's input, 6×C×n×w."""
        windows = self.padded.unfold(1, PRODUCTS, OUTPUTS).permute(3, 0, 1, 2)
        matrix, windows, out = torch.tensor(INPUT), windows.reshape(PRODUCTS, -1), out.flatten(1)
        for rows in PARTS:
            torch.mm(matrix[rows], windows, out=out[rows])

    def clear_below(self) -> None:
        """Rows below the picture are zero for the next convolution, whatever this one gave."""
        self.padded[:, self.height + 1 :] = 0


class _Workspace:
    """Buffers of a trunk's dense blocks, allocated once."""

    def __init__(self, trunk: _Map, growth_channels: int) -> None:
        features, _, width = trunk.padded.shape
        channels = features + 4 * growth_channels
        self.trunk = trunk
        self.grown = _Map(growth_channels, trunk.height, width)
        self.seen = torch.empty(PRODUCTS, channels, trunk.groups, width)
        self.products = [
            torch.empty(PRODUCTS, count, trunk.groups, width)
            for count in (growth_channels, features)
        ]

    def add_dense_block(self, block: ResidualDenseBlock) -> None:
        """The trunk's features through a dense block, in place."""
        source, begin = self.trunk, 0
        for conv in (block.conv1, block.conv2, block.conv3, block.conv4):
            begin = self._see(source, begin)
            grouped = self._convolved(conv, begin, self.products[0])
            source = self.grown
            torch.ops.aten.leaky_relu.out(grouped, NEGATIVE_SLOPE, out=source.grouped)
            source.clear_below()
        begin = self._see(source, begin)
        grouped = self._convolved(block.conv5, begin, self.products[1])
        self.trunk.grouped.add_(grouped, alpha=RESIDUAL_SCALE)
        self.trunk.clear_below()

    def _see(self, source: _Map, begin: int) -> int:
        """Append features to those that the next convolution sees; returns how many these are."""
        end = begin + len(source.padded)
        source.transformed(self.seen[:, begin:end])
        return end

    def _convolved(self, conv: nn.Conv2d, channels: int, products: Tensor) -> Tensor:
        """A convolution of the first channels seen: O×n×4×w, as `_Map.grouped`."""
        matrix = torch.tensor(KERNEL)
        kernels = [torch.einsum("pa,oiab->poib", matrix[rows], conv.weight) for rows in PARTS]
        for index, (product, kernel) in enumerate(zip(products, chain(*kernels), strict=True)):
            bias = conv.bias if index == BIASED else None
            seen = self.seen[index : index + 1, :channels]
            kernel = kernel.unsqueeze(2).contiguous()
            product.copy_(F.conv2d(seen, kernel, bias, padding=(0, 1))[0])
        outputs = torch.mm(torch.tensor(OUTPUT), products.flatten(1))
        return outputs.view(OUTPUTS, *products.shape[1:]).permute(1, 2, 0, 3)


def _double(features: Tensor, conv: nn.Conv2d) -> Tensor:
    """Nearest ×2, a 3×3 convolution and LeakyReLU: N×F×h×w -> N×F×2h×2w, channels last."""
    batch, _, height, width = features.shape
    # Padded here, not by the convolution: with that the number of threads changes the last bit.
    padded = F.pad(features, (1, 1, 1, 1)).contiguous(memory_format=torch.channels_last)
    out = torch.empty(batch, 2 * height, 2 * width, conv.out_channels)
    for row in (0, 1):
        for column in (0, 1):
            kernel = _phase(_phase(conv.weight, row, 2), column, 3)
            kernel = kernel.contiguous(memory_format=torch.channels_last)
            phase = F.conv2d(padded, kernel, conv.bias).permute(0, 2, 3, 1)
            phase = phase[:, row : row + height, column : column + width]
            place = out[:, row::2, column::2]
            torch.ops.aten.leaky_relu.out(phase, NEGATIVE_SLOPE, out=place)
    return out.permute(0, 3, 1, 2)


def _phase(kernel: Tensor, phase: int, dim: int) -> Tensor:
    """The two taps on the small map that the first (0) or second (1) of doubled pixels sees."""
    before, here, after = kernel.unbind(dim)
    taps = (before + here, after) if phase else (before, here + after)
    return torch.stack(taps, dim)
