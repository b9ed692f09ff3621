"""Learned metrics with parameters at random, in files named as pyiqa names the trained ones."""

from pathlib import Path

import torch

from esrgan.evaluation.learned_metrics import PARAMETERS


def save_random_lpips(folder: Path) -> None:
    from torchvision.models import alexnet

    torch.manual_seed(0)
    lpips, trunk = PARAMETERS["lpips"]
    torch.save(alexnet(weights=None).state_dict(), folder / trunk)
    widths = (64, 192, 384, 256, 256)
    lins = {f"lin{n}.model.1.weight": torch.rand(1, wide, 1, 1) for n, wide in enumerate(widths)}
    torch.save(lins, folder / lpips)
