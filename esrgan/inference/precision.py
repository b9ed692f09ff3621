"""Reduced precision where a device computes it by itself and nobody can see it."""

import re
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from esrgan.networks import Generator

# The largest difference from float32 that is taken: a grey level.
UNSEEN = 1 / 255
PROBE_SIDE = 64
BUSIEST = 8  # parts of a picture that are tried
NAMES = {torch.float32: "fp32", torch.float16: "fp16", torch.bfloat16: "bf16"}
CPU_FACTS = Path("/proc/cpuinfo")
BFLOAT16_FLAGS = re.compile(r"\b(avx512_bf16|amx_bf16)\b")  # of x86 in Linux


def chosen_dtype(network: Generator, device: torch.device) -> torch.dtype:
    """A device's reduced precision if this network's output stays within `UNSEEN`, else float32.

    Args:
        network: for RGB, in evaluation mode, on the device.
    """
    dtype = native_dtype(device)
    if dtype is None or not stays_unseen(network, dtype, device):
        return torch.float32
    return dtype


def native_dtype(device: torch.device) -> torch.dtype | None:
    """The precision below float32 for which a device has units; None where there is none.

    float16 on a GPU: it rounds eight times finer than bfloat16, and nothing in these networks is
    large. bfloat16 on processors with AVX512-BF16 or AMX.
    """
    if device.type == "cuda":
        return torch.float16
    if device.type == "cpu" and CPU_FACTS.is_file():
        found = BFLOAT16_FLAGS.search(CPU_FACTS.read_text("utf-8"))
        return torch.bfloat16 if found else None
    return None


@torch.inference_mode()
def stays_unseen(network: Generator, dtype: torch.dtype, device: torch.device) -> bool:
    """Whether the output differs by a grey level at most, on a picture of all that is difficult."""
    x = probe().to(device, memory_format=torch.channels_last)
    expected = network(x).float()
    with torch.autocast(device.type, dtype):
        found = network(x).float()
    return unseen(expected, found)


def unseen(expected: Tensor, found: Tensor) -> bool:
    """Whether pictures in [0, 1], which are clipped, differ by a grey level at most."""
    difference = found.clamp(0, 1) - expected.clamp(0, 1)
    return bool(difference.abs().max() <= UNSEEN)  # not where it is NaN


def busiest_parts(picture: np.ndarray) -> Tensor:
    """Parts of a picture in which neighbouring pixels differ most, where rounding is seen first.

    Args:
        picture: H×W×3 `uint8`.

    Returns:
        N×3×S×S in [0, 1]; N is 8 and S is 64, or less in small pictures.
    """
    side = min(PROBE_SIDE, *picture.shape[:2])
    height, width = (length // side for length in picture.shape[:2])
    grid = picture[: height * side, : width * side]
    grey = cv2.cvtColor(np.ascontiguousarray(grid), cv2.COLOR_RGB2GRAY)
    steps = cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8))
    busyness = cv2.resize(steps, (width, height), interpolation=cv2.INTER_AREA)
    order = np.argsort(255 - busyness, axis=None, kind="stable")
    rows, columns = np.unravel_index(order[:BUSIEST], busyness.shape)
    cells = grid.reshape(height, side, width, side, 3)[rows, :, columns]
    return torch.from_numpy(cells).permute(0, 3, 1, 2).float() / 255


def probe() -> Tensor:
    """1×3×64×64 in [0, 1], the same each time: a ramp, edges, waves and noise, a quarter each."""
    y, x = torch.meshgrid(*[torch.linspace(0, 1, PROBE_SIDE)] * 2, indexing="ij")
    ramp = torch.stack((x, y, (x + y) / 2))
    edges = ((8 * x).floor() + (8 * y).floor()).remainder(2).expand(3, -1, -1)
    waves = (torch.sin(60 * x**2 + 40 * y) / 2 + 0.5).expand(3, -1, -1)
    noise = torch.rand(3, PROBE_SIDE, PROBE_SIDE, generator=torch.Generator().manual_seed(0))
    half = PROBE_SIDE // 2
    picture = ramp.clone()
    for part, rows, columns in (
        (edges, slice(half), slice(half, None)),
        (waves, slice(half, None), slice(half)),
        (noise, slice(half, None), slice(half, None)),
    ):
        picture[:, rows, columns] = part[:, rows, columns]
    return picture.unsqueeze(0)
