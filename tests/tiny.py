"""Networks of a few weights."""

from pathlib import Path

from torch import nn

from esrgan.models.checkpoints import save_generator
from esrgan.networks import Generator, RRDBConfig

TINY = RRDBConfig(num_features=8, num_blocks=2, growth_channels=4)


def related_models(folder: Path, network: Generator, *names: str, factor: float) -> list[Path]:
    """Weights files of these names; the parameters of each are `factor` times those before it."""
    files = [folder / f"{name}.safetensors" for name in names]
    for file in files:
        save_generator(file, network, {})
        for parameter in network.parameters():
            parameter.data.mul_(factor)
    return files


def vgg_layers(depth: int, narrower: int = 1, *, batch_norm: bool = False) -> nn.Sequential:
    """torchvision's convolutions of VGG16 or VGG19, so many times narrower, with random weights."""
    from torchvision.models.vgg import cfgs, make_layers  # only here: it takes seconds

    layout = cfgs[{16: "D", 19: "E"}[depth]]
    narrow = [width if isinstance(width, str) else width // narrower for width in layout]
    return make_layers(narrow, batch_norm)
