"""The networks: generators, discriminators and the perceptual network's features."""

from esrgan.networks.bfloat16_rrdb import BFloat16RRDBNet
from esrgan.networks.discriminator import Discriminator, UNetDiscriminator, VGGDiscriminator
from esrgan.networks.fast_rrdb import FastRRDBNet
from esrgan.networks.rrdb import RRDBConfig, RRDBNet
from esrgan.networks.srresnet import SRResNet, SRResNetConfig
from esrgan.networks.vgg import VGG19Classifier, VGGFeatures

Generator = RRDBNet | SRResNet
GeneratorConfig = RRDBConfig | SRResNetConfig


def build_generator(config: GeneratorConfig) -> Generator:
    """The freshly initialised generator that a configuration describes."""
    if isinstance(config, RRDBConfig):
        return RRDBNet(config)
    return SRResNet(config)


__all__ = [
    "BFloat16RRDBNet",
    "Discriminator",
    "FastRRDBNet",
    "Generator",
    "GeneratorConfig",
    "RRDBConfig",
    "RRDBNet",
    "SRResNet",
    "SRResNetConfig",
    "UNetDiscriminator",
    "VGG19Classifier",
    "VGGDiscriminator",
    "VGGFeatures",
    "build_generator",
]
