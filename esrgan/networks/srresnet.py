"""SRResNet, the generator of SRGAN and the baseline of the paper's ablation (Sec. 4.3, Fig. 8)."""

from dataclasses import dataclass

from torch import Tensor, nn

from esrgan.errors import UserError


@dataclass(frozen=True)
class SRResNetConfig:
    """Configuration of an SRResNet; the defaults are SRGAN's.

    Attributes:
        num_features: channels of the trunk.
        num_blocks: residual blocks.
        scale: output size over input size: 1, 2, 4 or 8.
        batch_norm: SRGAN's batch normalisation; False is the ablation's "BN removed".
    """

    num_features: int = 64
    num_blocks: int = 16
    scale: int = 4
    batch_norm: bool = True

    def __post_init__(self) -> None:
        if self.scale not in (1, 2, 4, 8):
            raise UserError(f"SRResNet upscales by 1, 2, 4 or 8, not by {self.scale}.")


class ResidualBlock(nn.Module):
    """conv-(BN)-PReLU-conv-(BN) with an identity shortcut (Fig. 4, left): N×F×H×W -> same."""

    def __init__(self, num_features: int, batch_norm: bool) -> None:
        super().__init__()
        f = num_features
        self.conv1 = nn.Conv2d(f, f, 3, padding=1, bias=not batch_norm)
        self.norm1 = nn.BatchNorm2d(f) if batch_norm else nn.Identity()
        self.activation = nn.PReLU()
        self.conv2 = nn.Conv2d(f, f, 3, padding=1, bias=not batch_norm)
        self.norm2 = nn.BatchNorm2d(f) if batch_norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        inner = self.activation(self.norm1(self.conv1(x)))
        return x + self.norm2(self.conv2(inner))


class SRResNet(nn.Module):
    """SRGAN's generator with sub-pixel upsampling.

    Input N×3×H×W and output N×3×(scale·H)×(scale·W), RGB in [0, 1]; the output is not clipped.
    """

    # An output pixel of `enlarged` sees so many features beyond its own: 4 of a 9×9 kernel at ×1.
    reach = 4

    def __init__(self, config: SRResNetConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or SRResNetConfig()
        f = config.num_features
        self.conv_first = nn.Conv2d(3, f, 9, padding=4)
        self.activation = nn.PReLU()
        self.body = nn.Sequential(
            *(ResidualBlock(f, config.batch_norm) for _ in range(config.num_blocks))
        )
        self.conv_body = nn.Conv2d(f, f, 3, padding=1, bias=not config.batch_norm)
        self.norm_body = nn.BatchNorm2d(f) if config.batch_norm else nn.Identity()
        stages = config.scale.bit_length() - 1
        self.upsampling = nn.Sequential(*(_sub_pixel_stage(f) for _ in range(stages)))
        self.conv_last = nn.Conv2d(f, 3, 9, padding=4)

    @property
    def scale(self) -> int:
        return self.config.scale

    def forward(self, x: Tensor) -> Tensor:
        return self.enlarged(self.features(x))

    def features(self, x: Tensor) -> Tensor:
        """Features before the upsampling: N×F×H×W."""
        first: Tensor = self.activation(self.conv_first(x))
        return first + self.norm_body(self.conv_body(self.body(first)))

    def enlarged(self, features: Tensor) -> Tensor:
        """The rest: N×F×H×W -> N×3×(scale·H)×(scale·W)."""
        out: Tensor = self.conv_last(self.upsampling(features))
        return out


def _sub_pixel_stage(num_features: int) -> nn.Sequential:
    """Upscale by 2: N×F×H×W -> N×4F×H×W -> N×F×2H×2W."""
    conv = nn.Conv2d(num_features, 4 * num_features, 3, padding=1)
    return nn.Sequential(conv, nn.PixelShuffle(2), nn.PReLU())
