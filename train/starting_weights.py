"""The networks that a run starts from: fresh, from files, and in part left as they are."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from esrgan.errors import UserError
from esrgan.models import zoo
from esrgan.models.checkpoints import load_tensors
from esrgan.models.weights_file import read_state
from esrgan.networks import (
    Discriminator,
    Generator,
    UNetDiscriminator,
    VGGDiscriminator,
    build_generator,
)
from train.config import GANConfig, PSNRConfig


def initial_generator(config: PSNRConfig) -> tuple[Generator, list[str]]:
    """The generator to start from, ready to train, and sentences on what of it is not as asked.

    It is fresh, or has the weights of `config.init`, or those of `config.init_partial` that fit.
    """
    if config.init is not None:
        return zoo.load(config.init).network.requires_grad_(True).train(), []
    assert config.generator is not None  # PSNRConfig sees to it
    network = build_generator(config.generator).train()
    return network, take_fitting(network, config.init_partial) if config.init_partial else []


def take_fitting(network: Generator, file: str) -> list[str]:
    """Give a network the tensors of a file that have its names and shapes.

    Returns:
        A sentence on the tensors that start fresh, and one on those that are not taken.

    Raises:
        UserError: none fits, or as `load_tensors`.
    """
    there, here = load_tensors(Path(file)), network.state_dict()
    fitting = {n: t for n, t in there.items() if n in here and t.shape == here[n].shape}
    if not fitting:
        raise UserError(f"--init-partial: {file} has no tensor of this generator.")
    network.load_state_dict(fitting, strict=False)
    fresh, unused = [n for n in here if n not in fitting], [n for n in there if n not in fitting]
    told = {"the generator starts fresh with": fresh, f"not taken of {Path(file).name}:": unused}
    return [f"{what} {', '.join(names)}" for what, names in told.items() if names]


def load_discriminator(file: Path, network: Discriminator) -> None:
    """Give a discriminator the weights of a file, by name or, of BasicSR's `net_d`, in order.

    Raises:
        UserError: it can't be read, or is of another discriminator.
    """
    there, here = _tensors_of_discriminator(file), network.state_dict()
    own = set(there) == set(here)
    pairs = [(n, there[n]) for n in here if own] or list(zip(here, there.values(), strict=False))
    sizes = [tuple(here[name].shape) == tuple(tensor.shape) for name, tensor in pairs]
    if len(there) != len(here) or not all(sizes):
        raise UserError(
            f"--init-discriminator: {file.name} is not a discriminator of this kind and size "
            "(discriminator, discriminator_features, discriminator_batch_norm, crop_size)."
        )
    network.load_state_dict(dict(pairs))


def _tensors_of_discriminator(file: Path) -> dict[str, Tensor]:
    """Those in a run's checkpoint, or else all in a weights file, in its order."""
    try:
        checkpoint = torch.load(file, map_location="cpu", weights_only=True)
        return dict(checkpoint["modules"]["discriminator"])
    except Exception:  # it is none, or anything else
        return read_state(file)[0]


def initial_discriminator(config: GANConfig) -> Discriminator:
    """The discriminator that a configuration describes: fresh, or with the weights of a file.

    Raises:
        UserError: it can't see crops of this size, or as `load_discriminator`.
    """
    side, features = config.crop_size - config.jitter, config.discriminator_features
    network: Discriminator
    if config.discriminator == "unet":
        network = UNetDiscriminator(side, features)
    else:
        network = VGGDiscriminator(side, features, config.discriminator_batch_norm)
    if config.init_discriminator is not None:
        load_discriminator(Path(config.init_discriminator), network)
    return network


def frozen(network: Generator, parts: Sequence[str]) -> Generator:
    """The network with some parts left as they are, batch statistics included.

    Args:
        parts: names of weights or what they begin with, "body.0" for "body.0.rdb1.conv1.weight".

    Raises:
        UserError: nothing is called so, or nothing is left to train.
    """
    for part in parts:
        modules = [m for name, m in network.named_modules() if f"{name}.".startswith(f"{part}.")]
        weights = [w for name, w in network.named_parameters() if f"{name}.".startswith(f"{part}.")]
        if not weights:
            raise UserError(f"freeze: there is no {part!r} here; there are: {_parts_of(network)}.")
        for module in modules:
            module.eval()
        for weight in weights:
            weight.requires_grad_(False)
    if not any(weight.requires_grad for weight in network.parameters()):
        raise UserError("freeze: nothing is left to train.")
    return network


def _parts_of(network: nn.Module) -> str:
    """Names for `freeze`: the network's parts, and the first and last of those in a row."""
    names = []
    for name, part in network.named_children():
        rows = list(part.children()) if isinstance(part, nn.Sequential) else []
        if any(True for _ in part.parameters()):
            names.append(f"{name} ({name}.0 … {name}.{len(rows) - 1})" if rows else name)
    return ", ".join(names)
