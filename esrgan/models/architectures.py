"""Other networks for pictures, told by a few of their tensors, so that they can be named."""

import re
from collections.abc import Iterable

# Patterns that all have to occur among the names of a network's tensors; the first fit counts.
TELLING: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("an ESRGAN+ model (extra conv1x1 layers)", (r".*conv1x1.*",)),
    ("a GFPGAN model", (r"stylegan_decoder\..*",)),
    ("an HAT model", (r"layers\.0\.residual_group\.overlap_attn\..*",)),
    ("a DAT model", (r"before_RG\.1\.weight",)),
    ("a Swin2SR model", (r"layers\.0\.residual_group\..*\.attn\.logit_scale",)),
    ("a SwinIR model", (r"layers\.0\.residual_group\.blocks\.0\.attn\..*",)),
    ("an OmniSR model", (r"residual_layer\.0\.residual_layer\..*",)),
    ("a SPAN model", (r"block_1\.c1_r\..*",)),
    ("a RealCUGAN model", (r"unet1\.conv1\..*",)),
    ("a Restormer model", (r"encoder_level1\.0\..*",)),
    ("an NAFNet model", (r"intro\.weight", r"middle_blks\.0\..*")),
    ("a PLKSR model", (r"feats\.0\.weight", r"feats\.1\.(channe_mixer|channel_mixer|lk)\..*")),
    ("an RCAN model", (r"body\.0\..*(rcab|conv_du|attention)\..*",)),
    ("an EDSR model", (r"conv_after_body\.weight", r"body\.0\.conv1\.weight")),
    ("an EDSR model", (r"head\.0\.weight", r"tail\.0\.0\.weight")),
    ("an MSRResNet model (BasicSR's SRResNet)", (r"body\.0\.conv1\.weight", r"upconv1\.weight")),
    ("an SRVGGNetCompact model, as realesr-general-x4v3", (r"body\.0\.weight", r"body\.2\.weight")),
    ("a discriminator, not a generator", (r"conv0(_0)?\.weight", r"(conv9|linear1)\.weight")),
)


def other_architecture(names: Iterable[str]) -> str | None:
    """What a network is, with its article, if it is one of these; else None."""
    names = list(names)
    for kind, patterns in TELLING:
        if all(any(re.fullmatch(pattern, name) for name in names) for pattern in patterns):
            return kind
    return None
