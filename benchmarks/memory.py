"""Peak memory of large pictures, above the idle process; ours against spandrel's, untiled.

    python -m benchmarks.memory --json memory.json

Each case runs in a process of its own that has loaded the model before. With the built-in
configuration: a 1024×1024 picture by spandrel and by us, and a 4000×3000 one by us. Ours includes
the result in 8 bits. The small pictures are compared whole; of the large one, which untiled would
take some 70 GB, windows at the seams of our tiles, with what spandrel makes of them and of the 128
pixels around each.
Linux only. Takes minutes; --quick takes a 256×256 and a 640×480 picture.
"""

import argparse
import json
import math
import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch

from benchmarks.machine import describe_machine
from benchmarks.peers import eager, networks, spandrel_network
from esrgan.inference.tiles import TILES
from esrgan.inference.upscale import Upscaler
from esrgan.pictures.images import to_image, to_tensor
from esrgan.pictures.resize import imresize

SIZES = ((1024, 1024), (3000, 4000))
QUICK = ((256, 256), (480, 640))
CPU = torch.device("cpu")
SIDE, AROUND = 16, 128  # LR pixels: half a window, and around it
Window = tuple[slice, slice]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory")
    parser.add_argument("--models", nargs="+", choices=("builtin", "paper"), default=["builtin"])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path, help="also write the numbers there")
    given = parser.parse_args()
    small, large = QUICK if given.quick else SIZES
    rows = []
    for model in given.models:
        results: list[list[np.ndarray]] = []
        for who, size in (("spandrel", small), ("ours", small), ("ours", large)):
            peak, seconds, parts = in_a_process(model, who, size)
            height, width = size
            rows.append(
                {"model": model, "who": who, "LR": f"{width}×{height}", "peak MiB": peak}
                | {"seconds": seconds}
            )
            print(f"{model} {who} {width}×{height}: {peak} MiB above idle, {seconds} s", flush=True)
            results.append(parts)
        results.append(untiled_windows(model, large))
        for (height, width), (first, second) in ((small, results[:2]), (large, results[2:])):
            difference = max(
                np.abs(a.astype(int) - b).max() for a, b in zip(first, second, strict=True)
            )
            rows.append(
                {"model": model, "LR": f"{width}×{height}"}
                | {"largest difference, grey levels": int(difference), "windows": len(first)}
            )
            print(f"{model} {width}×{height}: differs by at most {difference} grey levels")
    if given.json:
        figures = {"machine": describe_machine(), "rows": rows}
        given.json.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")


def in_a_process(
    model: str, who: str, size: tuple[int, int]
) -> tuple[int, float, list[np.ndarray]]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(case, model, who, size).result()


def case(model: str, who: str, size: tuple[int, int]) -> tuple[int, float, list[np.ndarray]]:
    """MiB above idle, seconds, and the windows of the result."""
    network = networks(model)[1]
    upscale: Callable[[np.ndarray], np.ndarray] = Upscaler(network, CPU)
    if who == "spandrel":
        run = eager(spandrel_network(network), CPU)
        upscale = lambda picture: to_image(run(to_tensor(picture)), np.uint8)  # noqa: E731
    picture = smooth_noise(*size)
    upscale(picture[:32, :32])
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins here
    idle, begun = memory("VmRSS"), time.monotonic()
    result = upscale(picture)
    seconds = round(time.monotonic() - begun, 1)
    peak = memory("VmHWM") - idle
    return (
        peak,
        seconds,
        [result[scaled(window, network.scale)].copy() for window in windows(*size)],
    )


def windows(height: int, width: int) -> list[Window]:
    """All of a picture that is done whole, and places at the seams of one that is done in tiles."""
    if height * width <= 1024 * 1024:
        return [(slice(0, height), slice(0, width))]
    common = math.lcm(*TILES)
    seams = [range(common, length - SIDE, common) for length in (height, width)]
    return [
        (slice(y - SIDE, y + SIDE), slice(x - SIDE, x + SIDE)) for y in seams[0] for x in seams[1]
    ]


def scaled(window: Window, scale: int) -> Window:
    rows, columns = (slice(part.start * scale, part.stop * scale) for part in window)
    return rows, columns


def untiled_windows(model: str, size: tuple[int, int]) -> list[np.ndarray]:
    """The windows as spandrel makes them from as much of the picture as they depend on."""
    network, picture = networks(model)[1], smooth_noise(*size)
    run, results = eager(spandrel_network(network), CPU), []
    for window in windows(*size):
        seen = tuple(slice(max(0, part.start - AROUND), part.stop + AROUND) for part in window)
        inside = tuple(
            slice(part.start - around.start, part.stop - around.start)
            for part, around in zip(window, seen, strict=True)
        )
        result = to_image(run(to_tensor(picture[seen])), np.uint8)
        results.append(result[scaled((inside[0], inside[1]), network.scale)])
    return results


def smooth_noise(height: int, width: int) -> np.ndarray:
    """A picture that is neither flat nor only noise."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    return imresize(coarse, 8)


def memory(what: str) -> int:
    """A line of /proc/self/status, in MiB."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    (line,) = (line for line in lines if line.startswith(what))
    return int(line.split()[1]) // 1024


if __name__ == "__main__":
    main()
