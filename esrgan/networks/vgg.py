"""VGG19, the perceptual network (Sec. 3.3): its features by name, and a classifier to train it.

Layers go by the names of the literature: `conv5_4` is the fourth convolution of the fifth block
*before* its activation (the paper's choice), `relu5_4` the same *after* it (SRGAN's). The paper's
VGG19-54 and VGG19-22 are block 5, convolution 4 and block 2, convolution 2.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from esrgan.errors import UserError

# Per block: the channels of full-width VGG19 and how many convolutions.
BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))
CONVOLUTIONS = [
    (block, index)
    for block, (_, count) in enumerate(BLOCKS, start=1)
    for index in range(1, count + 1)
]
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def block_widths(width: float) -> list[int]:
    """Channels of the five blocks for a width multiplier (1.0 is VGG19)."""
    return [max(1, round(channels * width)) for channels, _ in BLOCKS]


def torchvision_index(block: int, index: int) -> int:
    """Where conv{block}_{index} stands in `features` of torchvision's vgg19 (no BN)."""
    before = sum(2 * count + 1 for _, count in BLOCKS[: block - 1])  # conv, ReLU each; one pooling
    return before + 2 * (index - 1)


class VGG19Features(nn.Module):
    """The convolutions of VGG19; `forward` returns the named features of a batch of pictures.

    Args:
        widths: channels of the five blocks; (64, 128, 256, 512, 512) is VGG19.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, widths: Sequence[int] = (64, 128, 256, 512, 512)) -> None:
        super().__init__()
        self.widths = list(widths)
        channels = 3
        for block, index in CONVOLUTIONS:
            width = self.widths[block - 1]
            self.add_module(f"conv{block}_{index}", nn.Conv2d(channels, width, 3, padding=1))
            channels = width
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, x: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """Features by layer name.

        Args:
            x: N×3×H×W, RGB in [0, 1], H and W ≥ 16 for layers of block 5 (2^(block − 1) at least).
            layers: names such as "conv5_4" (before activation) or "relu5_4" (after).

        Raises:
            UserError: a name is not a layer of VGG19, or the picture is too small for it.
        """
        wanted = set(layers)
        _check_layer_names(wanted)
        needed_side = 2 ** (max(int(name[4]) for name in wanted) - 1)
        if min(x.shape[-2:]) < needed_side:
            raise UserError(f"These VGG19 layers need a picture of {needed_side} pixels or more.")
        found: dict[str, Tensor] = {}
        x = (x - self.mean) / self.std
        for block, index in CONVOLUTIONS:
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


def _check_layer_names(names: set[str]) -> None:
    known = {f"{kind}{b}_{i}" for kind in ("conv", "relu") for b, i in CONVOLUTIONS}
    unknown = sorted(names - known)
    if unknown or not names:
        raise UserError(
            f"{', '.join(unknown) or 'An empty list'} is not a layer of VGG19; "
            "layers are named conv1_1 … conv5_4 (before activation) and relu1_1 … relu5_4 (after)."
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
        channels = 3
        for block, index in CONVOLUTIONS:
            out = self.widths[block - 1]
            conv = nn.Conv2d(channels, out, 3, padding=1, bias=False)
            nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
            self.add_module(f"conv{block}_{index}", conv)
            self.add_module(f"norm{block}_{index}", nn.BatchNorm2d(out))
            channels = out
        self.classifier = nn.Linear(channels, num_classes)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        x = (x - self.mean) / self.std
        for block, index in CONVOLUTIONS:
            if index == 1 and block > 1:
                x = F.max_pool2d(x, 2)
            x = self.get_submodule(f"conv{block}_{index}")(x)
            x = F.relu(self.get_submodule(f"norm{block}_{index}")(x), inplace=True)
        return self.classifier(x.mean(dim=(2, 3)))  # N×C×h×w -> N×C -> N×num_classes

    @torch.no_grad()
    def folded_features(self) -> VGG19Features:
        """The same features with each BN (in evaluation mode) folded into its convolution."""
        plain = VGG19Features(self.widths)
        for block, index in CONVOLUTIONS:
            conv: nn.Conv2d = getattr(self, f"conv{block}_{index}")
            norm: nn.BatchNorm2d = getattr(self, f"norm{block}_{index}")
            target: nn.Conv2d = getattr(plain, f"conv{block}_{index}")
            mean, var = norm.get_buffer("running_mean"), norm.get_buffer("running_var")
            gain = norm.weight / torch.sqrt(var + norm.eps)
            target.weight.copy_(conv.weight * gain.view(-1, 1, 1, 1))
            target.get_parameter("bias").copy_(norm.bias - mean * gain)
        return plain
