"""VGG16 and VGG19, the perceptual networks (Sec. 3.3): features by name, and a classifier.

Layers go by the names of the literature: `conv5_4` is the fourth convolution of the fifth block
*before* its activation (the paper's choice), `relu5_4` the same *after* it (SRGAN's). The paper's
VGG19-54 and VGG19-22 are block 5, convolution 4 and block 2, convolution 2. The deepest layer of
VGG16 is `conv5_3`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from esrgan.errors import UserError

# Channels of the five blocks at full width, and by depth how many convolutions each has.
CHANNELS = (64, 128, 256, 512, 512)
BLOCKS = {16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
DEPTHS = tuple(BLOCKS)
InputName = Literal["torchvision", "caffe"]


@dataclass(frozen=True)
class Input:
    """Input normalisation of a network: (x − mean) / std of pictures in [0, 1].

    Attributes:
        mean, std: of the three channels, in their order.
        bgr: the channels come as blue, green, red.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    bgr: bool = False


# Caffe's and Keras's networks take 0 … 255, less the mean colour of ImageNet.
INPUTS: dict[InputName, Input] = {
    "torchvision": Input((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "caffe": Input((103.939 / 255, 116.779 / 255, 123.68 / 255), (1 / 255,) * 3, bgr=True),
}


def convolutions(depth: int) -> list[tuple[int, int]]:
    """Block and index of each convolution of VGG16 or VGG19, in their order."""
    return [
        (block, index)
        for block, count in enumerate(BLOCKS[depth], start=1)
        for index in range(1, count + 1)
    ]


def layer_names(depth: int) -> list[str]:
    """conv1_1 … conv5_3 of VGG16, conv1_1 … conv5_4 of VGG19."""
    return [f"conv{block}_{index}" for block, index in convolutions(depth)]


def block_widths(width: float) -> list[int]:
    """Channels of the five blocks for a width multiplier (1.0 is VGG's)."""
    return [max(1, round(channels * width)) for channels in CHANNELS]


def torchvision_index(block: int, index: int, depth: int = 19) -> int:
    """The index of conv{block}_{index} in `features` of torchvision's vgg16 or vgg19 (no BN)."""
    # A convolution and its ReLU each, and one pooling a block.
    before = sum(2 * count + 1 for count in BLOCKS[depth][: block - 1])
    return before + 2 * (index - 1)


class VGGFeatures(nn.Module):
    """The convolutions of VGG16 or VGG19; `forward` returns named features of pictures.

    Args:
        widths: channels of the five blocks; (64, 128, 256, 512, 512) is VGG's.
        depth: 16 or 19.
        input_name: a key of `INPUTS`: what the weights were trained to be given.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        widths: Sequence[int] = CHANNELS,
        depth: int = 19,
        input_name: InputName = "torchvision",
    ) -> None:
        super().__init__()
        self.widths, self.depth, self.input_name = list(widths), depth, input_name
        self.convolutions = convolutions(depth)
        channels = 3
        for block, index in self.convolutions:
            width = self.widths[block - 1]
            self.add_module(f"conv{block}_{index}", nn.Conv2d(channels, width, 3, padding=1))
            channels = width
        wanted = INPUTS[input_name]
        self.bgr = wanted.bgr
        for name, values in (("mean", wanted.mean), ("std", wanted.std)):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)

    @property
    def title(self) -> str:
        return f"VGG{self.depth}"

    @property
    def full_title(self) -> str:
        """With its width where that is not VGG's: "VGG19 of 0.5 width"."""
        share = self.widths[-1] / CHANNELS[-1]
        return self.title if share == 1 else f"{self.title} of {share:.2g} width"

    def forward(self, x: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """Features by layer name.

        Args:
            x: N×3×H×W, RGB in [0, 1], H and W ≥ 16 for layers of block 5 (2^(block − 1) at least).
            layers: names such as "conv5_3" (before activation) or "relu5_3" (after).

        Raises:
            UserError: a name is not a layer of this network, or the picture is too small for it.
        """
        wanted = set(layers)
        self.check_layers(wanted)
        needed_side = 2 ** (max(int(name[4]) for name in wanted) - 1)
        if min(x.shape[-2:]) < needed_side:
            raise UserError(
                f"These layers of {self.title} need a picture of {needed_side} pixels or more."
            )
        found: dict[str, Tensor] = {}
        x = ((x.flip(1) if self.bgr else x) - self.mean) / self.std
        for block, index in self.convolutions:
            if index == 1 and block > 1:
                x = F.max_pool2d(x, 2)  # halves H and W
            before = self.get_submodule(f"conv{block}_{index}")(x)
            x = F.relu(before)  # not in place: `before` may be wanted
            for name, value in ((f"conv{block}_{index}", before), (f"relu{block}_{index}", x)):
                if name in wanted:
                    found[name] = value
            if len(found) == len(wanted):
                break
        return found

    def check_layers(self, names: Iterable[str]) -> None:
        """Raises UserError if a name is not a layer of this network, or there is none."""
        names = set(names)
        convs = layer_names(self.depth)
        unknown = sorted(names - {*convs, *(name.replace("conv", "relu") for name in convs)})
        if unknown or not names:
            last = convs[-1].removeprefix("conv")
            raise UserError(
                f"{', '.join(unknown) or 'an empty list'}: not a layer of {self.title}, whose "
                f"layers are conv1_1 … conv{last} (before activation) and relu1_1 … relu{last} "
                "(after)."
            )


class VGG19Classifier(nn.Module):
    """VGG19's layout as a trainable classifier: batch normalisation, global average, one linear.

    Maps N×3×H×W pictures (RGB in [0, 1], H, W ≥ 32) to N×num_classes logits. `folded_features`
    gives the plain network that the perceptual loss uses.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, num_classes: int, width: float = 1.0) -> None:
        super().__init__()
        self.widths = block_widths(width)
        self.convolutions = convolutions(depth=19)
        channels = 3
        for block, index in self.convolutions:
            out = self.widths[block - 1]
            conv = nn.Conv2d(channels, out, 3, padding=1, bias=False)
            nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
            self.add_module(f"conv{block}_{index}", conv)
            self.add_module(f"norm{block}_{index}", nn.BatchNorm2d(out))
            channels = out
        self.classifier = nn.Linear(channels, num_classes)
        wanted = INPUTS["torchvision"]
        for name, values in (("mean", wanted.mean), ("std", wanted.std)):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        x = (x - self.mean) / self.std
        for block, index in self.convolutions:
            if index == 1 and block > 1:
                x = F.max_pool2d(x, 2)
            x = self.get_submodule(f"conv{block}_{index}")(x)
            x = F.relu(self.get_submodule(f"norm{block}_{index}")(x), inplace=True)
        return self.classifier(x.mean(dim=(2, 3)))  # N×C×h×w -> N×C -> N×num_classes

    @torch.no_grad()
    def folded_features(self) -> VGGFeatures:
        """The same features with each BN (in evaluation mode) folded into its convolution."""
        plain = VGGFeatures(self.widths, depth=19)
        for block, index in self.convolutions:
            conv: nn.Conv2d = getattr(self, f"conv{block}_{index}")
            norm: nn.BatchNorm2d = getattr(self, f"norm{block}_{index}")
            target: nn.Conv2d = getattr(plain, f"conv{block}_{index}")
            mean, var = norm.get_buffer("running_mean"), norm.get_buffer("running_var")
            gain = norm.weight / torch.sqrt(var + norm.eps)
            target.weight.copy_(conv.weight * gain.view(-1, 1, 1, 1))
            target.get_parameter("bias").copy_(norm.bias - mean * gain)
        return plain
