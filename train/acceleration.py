"""Autocast, TF32 and `torch.compile`: steps faster than in plain float32."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypeVar, cast

import torch
from torch import nn

from esrgan.errors import UserError

Precision = Literal["fp32", "bf16", "fp16"]
CompileMode = Literal["default", "reduce-overhead", "max-autotune"]
Function = TypeVar("Function", bound=Callable[..., Any])
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def chosen_precision(precision: Precision | Literal["auto"], device: torch.device) -> Precision:
    """What "auto" is on a device: bf16 on a GPU that has it, else fp32."""
    if precision != "auto":
        return precision
    on_gpu = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return "bf16" if on_gpu else "fp32"


def autocast(precision: Precision, device: torch.device) -> torch.autocast:
    """The context in which networks run; weights and what optimisers do stay in float32."""
    reduced = precision != "fp32"
    return torch.autocast(device.type, DTYPES[precision] if reduced else None, enabled=reduced)


def gradient_scaler(precision: Precision, device: torch.device) -> torch.amp.GradScaler:
    """For fp16, whose smallest gradients would become 0; with other precisions it does nothing."""
    return torch.amp.GradScaler(device.type, enabled=precision == "fp16")


def set_up_cuda(tf32: bool) -> None:
    """Let float32 products round to TF32, or not, and search the fastest kernels."""
    torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cudnn.benchmark = True  # the shapes of the batches never change


def compile_in_place(networks: Iterable[nn.Module], mode: CompileMode) -> None:
    """Compile networks at their first call; the names of their weights stay."""
    _keep_buffers()
    for network in networks:
        network.compile(mode=mode)


def compiled(function: Function, mode: CompileMode) -> Function:
    """A function that is compiled at its first call."""
    _keep_buffers()
    return cast(Function, torch.compile(function, mode=mode))


def _keep_buffers() -> None:
    """The discriminator's graph is gone through twice: its buffers must outlive the first time."""
    from torch._functorch import config as autograd_config  # not imported with torch

    autograd_config.donated_buffer = False


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether an error of PyTorch's or Python's says that, of a GPU or of the machine."""
    return isinstance(error, MemoryError | RuntimeError) and (
        isinstance(error, MemoryError) or "memory" in str(error)
    )


@contextmanager
def compiler_errors_told() -> Iterator[None]:
    """A compiler that fails, or is missing, becomes a UserError."""
    from torch._dynamo.exc import TorchDynamoException

    try:
        yield
    except TorchDynamoException as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        raise UserError(
            f"torch.compile does not work here ({reason}); train with compile=false."
        ) from error
