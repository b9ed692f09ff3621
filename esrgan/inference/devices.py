"""Devices: choosing one, and moving networks to it."""

from typing import TypeVar

import torch
from torch import nn

from esrgan.errors import UserError

Network = TypeVar("Network", bound=nn.Module)


def choose_device(name: str = "auto") -> torch.device:
    """CUDA, then MPS, then the CPU for "auto"; otherwise the device of that name.

    Raises:
        UserError: this machine has no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
        if name == "cpu" and torch.backends.mps.is_available():
            name = "mps"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"There is no device {name!r} here; try cpu or auto.") from error
    return device


def place(network: Network, device: torch.device) -> Network:
    """Move a network to a device, channels last: the layout that convolutions like there."""
    return network.to(device).to(memory_format=torch.channels_last)
