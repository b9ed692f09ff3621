"""What a GPU can do besides float32, and all of the slider's α at once; runs on any device."""

import copy
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.func import functional_call, vmap

from benchmarks.peers import Run
from esrgan.inference.devices import place
from esrgan.inference.upscale import Upscaler
from esrgan.models.interpolation import alpha_weights
from esrgan.networks import Generator

SLIDER = [step / 20 for step in range(21)]


def variants(network: Generator, device: torch.device, backend: str = "inductor") -> dict[str, Run]:
    """A network in TF32, in the reduced precision of the device, and compiled besides.

    Args:
        backend: of `torch.compile`.
    """
    half = torch.float16 if device.type == "cuda" else torch.bfloat16
    name = str(half).removeprefix("torch.")
    return {
        "ours, TF32": _in_tf32(Upscaler(network, device, tile=0).tensor),
        f"ours, {name}": Upscaler(network, device, half, tile=0).tensor,
        f"ours, {name}, compiled": _compiled(network, device, half, backend),
    }


def _in_tf32(run: Run) -> Run:
    """Products and convolutions rounded to TF32, where there is such a thing."""

    def in_tf32(x: Tensor) -> Tensor:
        before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        try:
            return run(x)
        finally:
            torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before

    return in_tf32


def _compiled(network: Generator, device: torch.device, dtype: torch.dtype, backend: str) -> Run:
    placed = place(copy.deepcopy(network), device).eval()
    compiled = torch.compile(placed, backend=backend)

    @torch.inference_mode()
    def run(x: Tensor) -> Tensor:
        with torch.autocast(device.type, dtype):
            out: Tensor = compiled(x.to(device, memory_format=torch.channels_last))
        return out.float().cpu()

    return run


def at_all_alphas(
    first: Generator, second: Generator, alphas: Sequence[float], device: torch.device
) -> Run:
    """LR -> its pictures at all α in one batch: A×3×(scale·H)×(scale·W), by stacked weights.

    On CUDA, pictures of the size of the first one are replayed as a graph.
    """
    ends = [place(copy.deepcopy(network), device).eval() for network in (first, second)]
    shares = torch.tensor([alpha_weights(alpha) for alpha in alphas], device=device)
    states = [end.state_dict() for end in ends]
    stacked = {
        key: torch.einsum("an,n...->a...", shares, torch.stack([state[key] for state in states]))
        for key in states[0]
    }
    network = ends[0]

    def at_one(weights: dict[str, Tensor], x: Tensor) -> Tensor:
        out: Tensor = functional_call(network, weights, (x,))
        return out[0]

    at_all = vmap(at_one, in_dims=(0, None))
    graphs: dict[torch.Size, Callable[[Tensor], Tensor]] = {}

    @torch.no_grad()
    def run(x: Tensor) -> Tensor:
        x = x.to(device)
        if x.shape not in graphs:
            graphs[x.shape] = graphed(lambda lr: at_all(stacked, lr), x)
        return graphs[x.shape](x).cpu()

    return run


def graphed(call: Callable[[Tensor], Tensor], example: Tensor) -> Callable[[Tensor], Tensor]:
    """A function as a CUDA graph for inputs of one size; itself on other devices."""
    if example.device.type != "cuda":
        return call
    given = example.clone()
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):  # kernels are chosen before anything is recorded
        for _ in range(3):
            call(given)
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        made = call(given)

    def replayed(x: Tensor) -> Tensor:
        given.copy_(x)
        graph.replay()
        return made

    return replayed
