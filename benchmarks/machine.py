"""The machine, to stand beside what was measured on it."""

import torch

from esrgan.inference.devices import processor


def describe_machine() -> str:
    """Processor, cores and PyTorch in a line; with the GPU where there is one."""
    parts = [processor(), f"PyTorch {torch.__version__}"]
    if torch.cuda.is_available():
        parts.append(torch.cuda.get_device_name())
    return ", ".join(parts)
