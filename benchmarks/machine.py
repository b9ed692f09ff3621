"""The machine, to stand beside what was measured on it."""

import os
import platform
import re
from pathlib import Path

import torch


def describe_machine() -> str:
    """Processor, cores and PyTorch in a line; with the GPU where there is one."""
    cpu = platform.processor() or platform.machine()
    facts = Path("/proc/cpuinfo")
    if facts.is_file():
        found = re.search(r"model name\s*:\s*(.+)", facts.read_text("utf-8"))
        cpu = found[1].strip() if found else cpu
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    parts = [f"{cpu}, {cores} cores", f"PyTorch {torch.__version__}"]
    if torch.cuda.is_available():
        parts.append(torch.cuda.get_device_name())
    return ", ".join(parts)
