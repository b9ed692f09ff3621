"""The machine, to stand beside what was measured on it."""

import torch

from esrgan.inference.devices import processor


def describe_machine() -> str:
    """Processor, cores, instructions and PyTorch in a line; with the GPU where there is one."""
    instructions = torch.backends.cpu.get_cpu_capability()
    parts = [processor(), instructions, f"PyTorch {torch.__version__}"]
    if torch.cuda.is_available():
        parts.append(torch.cuda.get_device_name())
    return ", ".join(parts)
