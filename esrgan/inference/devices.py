"""Devices: choosing one, moving networks to it, and what the processor is called."""

import os
import platform
import re
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from esrgan.errors import UserError

Network = TypeVar("Network", bound=nn.Module)


def choose_device(name: str = "auto") -> torch.device:
    """CUDA, then MPS, then the CPU for "auto"; otherwise the device of that name.

    A process that torchrun started has a GPU of its own, as far as there are enough.

    Raises:
        UserError: this machine has no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
        if name == "cpu" and torch.backends.mps.is_available():
            name = "mps"
    if name == "cuda" and "LOCAL_RANK" in os.environ:
        name = f"cuda:{int(os.environ['LOCAL_RANK']) % max(1, torch.cuda.device_count())}"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"There is no device {name!r} here; try cpu or auto.") from error
    return device


def place(network: Network, device: torch.device) -> Network:
    """Move a network to a device, channels last: the layout that convolutions like there."""
    return network.to(device).to(memory_format=torch.channels_last)


def processor() -> str:
    """The processor's name and how many of its cores this process may use."""
    name = platform.processor() or platform.machine()
    facts = Path("/proc/cpuinfo")
    if facts.is_file():
        found = re.search(r"model name\s*:\s*(.+)", facts.read_text("utf-8"))
        name = found[1].strip() if found else name
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{name}, {cores} cores"
