"""The paper's networks: generators, discriminator and the perceptual network's features."""

from esrgan.networks.discriminator import VGGDiscriminator
from esrgan.networks.fast_rrdb import FastRRDBNet
from esrgan.networks.rrdb import RRDBConfig, RRDBNet
from esrgan.networks.srresnet import SRResNet, SRResNetConfig
from esrgan.networks.vgg import VGG19Classifier, VGG19Features

Generator = RRDBNet | SRResNet
GeneratorConfig = RRDBConfig | SRResNetConfig


def build_generator(config: GeneratorConfig) -> Generator:
    """The freshly initialised generator that a configuration describes."""
    if isinstance(config, RRDBConfig):
        return RRDBNet(config)
    return SRResNet(config)


__all__ = [
    "FastRRDBNet",
    "Generator",
    "GeneratorConfig",
    "RRDBConfig",
    "RRDBNet",
    "SRResNet",
    "SRResNetConfig",
    "VGG19Classifier",
    "VGG19Features",
    "VGGDiscriminator",
    "build_generator",
]
