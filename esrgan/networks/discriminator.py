"""Discriminators: C(x), before any sigmoid, of a whole picture or of each of its pixels.

ESRGAN keeps SRGAN's of VGG's style (Sec. 3.2); the U-Net with spectral normalisation is
Real-ESRGAN's (Wang et al. 2021).
"""

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from esrgan.errors import UserError

REDUCTION = 32  # five stages of stride 2
UNET_REDUCTION = 8  # three
HIDDEN_UNITS = 100


class VGGDiscriminator(nn.Module):
    """Maps N×3×S×S pictures (RGB in [0, 1]) to N×1 logits C(x).

    Ten convolutions in five stages of 1, 2, 4, 8 and 8 times `num_features` channels, each ending
    in a stride of 2; then two linear layers. With the defaults it is the published one (128×128,
    64 to 512 features, batch normalisation).

    Args:
        input_size: S, the side of the training crops; a multiple of 32.
        num_features: channels of the first stage.
        batch_norm: normalise all convolutions but the first.

    Raises:
        UserError: S is not a positive multiple of 32.
    """

    def __init__(
        self, input_size: int = 128, num_features: int = 64, batch_norm: bool = True
    ) -> None:
        super().__init__()
        _check_side(input_size, REDUCTION)
        self.input_size = input_size
        widths = [num_features * multiple for multiple in (1, 2, 4, 8, 8)]
        layers: list[nn.Module] = []
        channels = 3
        for width in widths:
            first = channels == 3
            layers += _convolution(
                channels, width, 3, stride=1, batch_norm=batch_norm and not first
            )
            layers += _convolution(width, width, 4, stride=2, batch_norm=batch_norm)
            channels = width
        self.features = nn.Sequential(*layers)
        side = input_size // REDUCTION
        self.classifier = nn.Sequential(
            nn.Linear(channels * side * side, HIDDEN_UNITS),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(HIDDEN_UNITS, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        features = self.features(x)  # N×8F×(S/32)×(S/32)
        return self.classifier(features.flatten(1))  # N×1


class UNetDiscriminator(nn.Module):
    """Maps N×3×S×S pictures (RGB in [0, 1]) to N×1×S×S logits: one C(x) a pixel.

    Three stages down to 8 times `num_features` channels and up again, with the features on the way
    down added on the way up. The weights of all convolutions but the first and the last are divided
    by their largest singular value (spectral normalisation, Miyato et al. 2018), which is followed
    by one power iteration a pass in training mode.

    Args:
        input_size: S, the side of the training crops; a multiple of 8.
        num_features: channels at full size.

    Raises:
        UserError: S is not a positive multiple of 8.
    """

    def __init__(self, input_size: int = 128, num_features: int = 64) -> None:
        super().__init__()
        _check_side(input_size, UNET_REDUCTION)
        widths = [num_features * multiple for multiple in (1, 2, 4, 8)]
        self.first = nn.Conv2d(3, num_features, 3, padding=1)
        self.down = nn.ModuleList(
            _normalised(narrow, wide, 4, stride=2) for narrow, wide in pairwise(widths)
        )
        self.up = nn.ModuleList(
            _normalised(wide, narrow, 3) for wide, narrow in pairwise(reversed(widths))
        )
        self.body = nn.ModuleList(_normalised(num_features, num_features, 3) for _ in range(2))
        self.last = nn.Conv2d(num_features, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.leaky_relu(self.first(x), 0.2)  # N×F×S×S
        before = []
        for down in self.down:
            before.append(x)
            x = F.leaky_relu(down(x), 0.2)  # halves the sides, doubles the channels
        for up in self.up:
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = F.leaky_relu(up(x), 0.2) + before.pop()
        for convolution in self.body:
            x = F.leaky_relu(convolution(x), 0.2)  # N×F×S×S
        return self.last(x)  # N×1×S×S


Discriminator = VGGDiscriminator | UNetDiscriminator


def _check_side(side: int, multiple: int) -> None:
    if side <= 0 or side % multiple:
        raise UserError(
            f"The discriminator needs HR crops whose side is a multiple of {multiple}, not {side}."
        )


def _normalised(in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> nn.Module:
    return spectral_norm(
        nn.Conv2d(in_channels, out_channels, kernel, stride, padding=1, bias=False)
    )


def _convolution(
    in_channels: int, out_channels: int, kernel: int, stride: int, batch_norm: bool
) -> list[nn.Module]:
    conv = nn.Conv2d(in_channels, out_channels, kernel, stride, padding=1, bias=not batch_norm)
    norm: list[nn.Module] = [nn.BatchNorm2d(out_channels)] if batch_norm else []
    return [conv, *norm, nn.LeakyReLU(0.2, inplace=True)]
