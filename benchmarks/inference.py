"""Seconds of a picture, and of a new α, against others in the same run.

    python -m benchmarks.inference --json inference.json
    python -m benchmarks.inference --models builtin --sides 64 128 --repeats 5
    python -m benchmarks.inference --models real-esrgan --downloads DIR

The peers are spandrel's RRDBNet (eager, NCHW), ONNX Runtime and OpenVINO (if installed), with our
weights: the built-in configuration, and the paper's with random weights. `real-esrgan` is its
authors' x4plus (and, for α, RealSR's DF2K) from a folder of .pth files, against its own engine too,
ncnn (if installed). All take turns, so that another load of the machine falls on each; the quickest
of the repeats counts. Outputs must agree within 1e-4, ncnn's within 1e-3. A new α is compared with
the published way: interpolate, write the file, load it, run; in this process, and as the published
scripts do it, in two processes of their own.

Ours is timed with `--backend openvino`, too, where that is installed, and with its dense blocks in
bfloat16 on a processor with units for it.

The share of the machine's peak counts the arithmetic of direct convolutions, against PyTorch's
float32 matrix product in the same run: fewer multiplications can bring it above 100 %.
With CUDA, spandrel and ours run there; ours also in TF32, in float16 and compiled, and all of the
slider's 21 α in one batch of stacked weights. `--variants` measures these on a CPU too.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.machine import describe_machine
from benchmarks.peers import (
    MODELS,
    Run,
    eager,
    networks,
    ours,
    real_esrgan_engine,
    runtimes,
    spandrel_network,
)
from benchmarks.variants import SLIDER, at_all_alphas, variants
from esrgan.inference.backends import OPENVINO
from esrgan.inference.devices import choose_device
from esrgan.inference.openvino import openvino_version
from esrgan.inference.precision import native_dtype
from esrgan.models.interpolation import alpha_weights, interpolate_networks
from esrgan.networks import RRDBNet

TOLERANCE = 1e-4
NCNN_TOLERANCE = 1e-3  # a quarter of a grey level: it rounds more on its own way
MATRIX = 2048
COUNTED_SIDE = 16
ALPHA = 0.3
# The published net_interp.py and test.py, without their reading and writing of pictures.
WRITE_SCRIPT = """
import sys, torch
first, second = (torch.load(file, weights_only=True) for file in sys.argv[1:3])
alpha = float(sys.argv[4])
torch.save({key: (1 - alpha) * first[key] + alpha * second[key] for key in first}, sys.argv[3])
"""
RUN_SCRIPT = """
import json, sys, torch
from esrgan.networks.rrdb import RRDBConfig, RRDBNet
network = RRDBNet(RRDBConfig(**json.loads(sys.argv[2]))).eval()
network.load_state_dict(torch.load(sys.argv[1], weights_only=True))
side = int(sys.argv[3])
with torch.no_grad():
    network(torch.rand(1, 3, side, side))
"""
Clock = Callable[[], float]


def main() -> None:
    given = options()
    if given.threads:
        torch.set_num_threads(given.threads)
    device = choose_device(given.device)
    clock = time.process_time if given.cpu_time else time.perf_counter
    rows = []
    print(
        "| model | LR | what | seconds | × spandrel | % of GEMM peak |\n|---|---|---|---|---|---|"
    )
    for name in given.models:
        with tempfile.TemporaryDirectory() as folder:
            for row in measure(name, given, device, clock, Path(folder)):
                rows.append({"model": name, **row})
                share = f"{row['share']:.0%}" if "share" in row else ""
                print(
                    f"| {name} | {row['side']}² | {row['what']} | {row['seconds']:.3g} "
                    f"| {row['ratio']:.2f} | {share} |",
                    flush=True,
                )
    figures = {
        "machine": describe_machine(),
        "threads": torch.get_num_threads(),
        "clock": clock.__name__,
        "rows": rows,
    }
    print(figures["machine"])
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inference")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS[:2])
    parser.add_argument("--downloads", type=Path, default=Path(), help="folder of real-esrgan's")
    parser.add_argument("--sides", nargs="+", type=int, default=[64, 128, 256], help="of LR")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--variants", action="store_true", help="reduced precision, compiled, 21 α")
    parser.add_argument(
        "--cpu-time", action="store_true", help="count the processor's time, on a busy machine"
    )
    parser.add_argument("--json", type=Path, help="also write the numbers there")
    return parser.parse_args()


def measure(
    name: str, given: argparse.Namespace, device: torch.device, clock: Clock, folder: Path
) -> Iterator[dict[str, Any]]:
    first, second = networks(name, given.downloads)
    peer = eager(spandrel_network(second), device)
    runs: dict[str, Run] = {"spandrel": peer, "ours": ours(second, device)}
    if device.type == "cpu":
        peers = runtimes(second, folder)
        if name == "real-esrgan":
            peers["ncnn"] = real_esrgan_engine()
        for title, run in peers.items():
            if isinstance(run, str):
                print(f"{title}: {run}")
            else:
                runs[title] = run
        if openvino_version():
            runs["ours, OpenVINO"] = ours(second, device, backend=OPENVINO)
    flops = operations(second)
    more = variants(second, device) if given.variants or device.type == "cuda" else {}
    reduced: dict[str, Run] = {}
    if device.type == "cpu" and native_dtype(device) == torch.bfloat16:
        reduced["ours, bfloat16"] = ours(second, device, torch.bfloat16)
    for side in given.sides:
        lr = torch.rand(1, 3, side, side)
        check(runs, lr)
        timed: dict[str, Callable[[], object]] = {
            title: partial(run, lr) for title, run in runs.items()
        }
        for title, run in (*reduced.items(), *more.items()):
            run(lr)  # to warm up
            timed[title] = partial(run, lr)
        matrix = torch.rand(MATRIX, MATRIX, device=device)
        timed["GEMM"] = partial(multiplied, matrix)
        seconds = take_turns(timed, given.repeats, clock)
        peak = 2 * MATRIX**3 / seconds.pop("GEMM")
        for title, value in seconds.items():
            share = flops * side**2 / value / peak
            yield row(side, title, value, seconds["spandrel"], share=share)
        yield from new_alpha(first, second, side, given.repeats, device, clock, folder)
        if more:
            yield from all_alphas(first, second, lr, given.repeats, device, clock)


def multiplied(matrix: torch.Tensor) -> float:
    """One number of the product: with CUDA, to wait for it."""
    return float((matrix @ matrix)[0, 0])


def row(side: int, what: str, seconds: float, peer: float, **more: float) -> dict[str, Any]:
    return {"side": side, "what": what, "seconds": seconds, "ratio": peer / seconds, **more}


def operations(network: RRDBNet) -> float:
    """Multiplications and additions of the direct convolutions, for a pixel of LR."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.cpu()(torch.rand(1, 3, COUNTED_SIDE, COUNTED_SIDE))
    return counter.get_total_flops() / COUNTED_SIDE**2


def check(runs: Mapping[str, Run], lr: torch.Tensor) -> None:
    """Also the warm-up. Raises SystemExit where outputs differ."""
    expected = runs["spandrel"](lr)
    for title, run in runs.items():
        difference = float((run(lr) - expected).abs().max())
        if not difference <= (NCNN_TOLERANCE if title == "ncnn" else TOLERANCE):
            raise SystemExit(f"{title} differs from spandrel by {difference:.2g}.")


def take_turns(
    timed: Mapping[str, Callable[[], object]], repeats: int, clock: Clock
) -> dict[str, float]:
    """The quickest of each."""
    seconds: dict[str, list[float]] = {title: [] for title in timed}
    for _ in range(repeats):
        for title, call in timed.items():
            begun = clock()
            call()
            seconds[title].append(clock() - begun)
    return {title: min(values) for title, values in seconds.items()}


def new_alpha(
    first: RRDBNet,
    second: RRDBNet,
    side: int,
    repeats: int,
    device: torch.device,
    clock: Clock,
    folder: Path,
) -> list[dict[str, Any]]:
    """From two loaded models to the picture at α, in memory and through a file."""
    lr, weights = torch.rand(1, 3, side, side), alpha_weights(ALPHA)
    ends = [spandrel_network(network).cpu().state_dict() for network in (first, second)]
    file = folder / "interpolated.pth"

    def in_memory() -> torch.Tensor:
        return ours(interpolate_networks([first, second], weights), device)(lr)

    def interpolated_file() -> dict[str, torch.Tensor]:
        torch.save(
            {key: weights[0] * ends[0][key] + weights[1] * ends[1][key] for key in ends[0]}, file
        )
        return torch.load(file, weights_only=True)

    def through_a_file() -> torch.Tensor:
        network = spandrel_network(first)
        network.load_state_dict(interpolated_file())
        return eager(network, device)(lr)

    if not float((in_memory() - through_a_file()).abs().max()) <= TOLERANCE:
        raise SystemExit("The pictures at α differ.")
    seconds = take_turns(
        {
            "α: write, load, run": through_a_file,
            "α: in memory, run": in_memory,
            "α: write, load": interpolated_file,
            "α: in memory": lambda: interpolate_networks([first, second], weights),
        },
        repeats,
        clock,
    )
    whole, loaded = seconds["α: write, load, run"], seconds["α: write, load"]
    if device.type == "cpu" and clock is time.perf_counter:  # which alone counts other processes
        seconds["α: the published scripts"] = by_scripts(first, second, side, folder)
    return [
        row(side, what, value, loaded if what in ("α: write, load", "α: in memory") else whole)
        for what, value in seconds.items()
    ]


def all_alphas(
    first: RRDBNet,
    second: RRDBNet,
    lr: torch.Tensor,
    repeats: int,
    device: torch.device,
    clock: Clock,
) -> list[dict[str, Any]]:
    """The pictures at the slider's key α from two loaded models, one by one and in one batch."""
    together = at_all_alphas(first, second, SLIDER, device)

    def one_by_one() -> torch.Tensor:
        networks = [interpolate_networks([first, second], alpha_weights(a)) for a in SLIDER]
        return torch.cat([ours(network, device)(lr) for network in networks])

    if not float((one_by_one() - together(lr)).abs().max()) <= TOLERANCE:
        raise SystemExit("The pictures at all α differ.")
    count = len(SLIDER)
    timed = {f"α: {count}, one by one": one_by_one, f"α: {count} at once": lambda: together(lr)}
    seconds = take_turns(timed, repeats, clock)
    peer = next(iter(seconds.values()))
    return [row(lr.shape[-1], what, value, peer) for what, value in seconds.items()]


def by_scripts(first: RRDBNet, second: RRDBNet, side: int, folder: Path) -> float:
    """Seconds of a new α by two scripts, from two files to a result."""
    files = [str(folder / name) for name in ("first.pth", "second.pth", "between.pth")]
    for network, file in zip((first, second), files, strict=False):
        torch.save(network.state_dict(), file)
    begun = time.perf_counter()
    for script, *arguments in (
        (WRITE_SCRIPT, *files, str(ALPHA)),
        (RUN_SCRIPT, files[-1], json.dumps(asdict(first.config)), str(side)),
    ):
        subprocess.run([sys.executable, "-c", script, *arguments], check=True)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
