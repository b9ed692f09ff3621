"""The VGG-style discriminator of SRGAN, which ESRGAN keeps (Sec. 3.2): C(x), before any sigmoid."""

from torch import Tensor, nn

from esrgan.errors import UserError

REDUCTION = 32  # five stages of stride 2
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
        if input_size <= 0 or input_size % REDUCTION:
            raise UserError(
                f"The discriminator needs HR crops whose side is a multiple of {REDUCTION}, "
                f"not {input_size}."
            )
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


def _convolution(
    in_channels: int, out_channels: int, kernel: int, stride: int, batch_norm: bool
) -> list[nn.Module]:
    conv = nn.Conv2d(in_channels, out_channels, kernel, stride, padding=1, bias=not batch_norm)
    norm: list[nn.Module] = [nn.BatchNorm2d(out_channels)] if batch_norm else []
    return [conv, *norm, nn.LeakyReLU(0.2, inplace=True)]
