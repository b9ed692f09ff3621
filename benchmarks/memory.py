"""Peak memory and seconds of large pictures, ours and others'; memory is above the idle process.

    python -m benchmarks.memory --json memory.json

Each case runs in a process of its own that has loaded the model before. With the built-in
configuration: a 1024×1024 picture by spandrel, untiled, and by us; a 2000×1500 one by spandrel and
by ONNX Runtime, in tiles of 256 with 32 pixels around each; that and a 4000×3000 one by us, in
float32 and as `upscale` does, in bfloat16 where that is not seen. Ours includes the result in
8 bits. The smallest pictures are compared whole; of the largest one, which untiled would take some
70 GB, windows at the seams of our tiles, with what spandrel makes of them and of the 128 pixels
around each.
Linux only. Takes a quarter of an hour; --quick takes small pictures.
"""

import argparse
import json
import math
import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from benchmarks.machine import describe_machine
from benchmarks.peers import Run, eager, networks, runtimes, spandrel_network
from esrgan.inference.tiles import TILES, tiles
from esrgan.inference.upscale import Upscaler
from esrgan.networks import RRDBNet
from esrgan.pictures.images import to_image, to_tensor
from esrgan.pictures.resize import imresize

SIZES = ((1024, 1024), (1500, 2000), (3000, 4000))
QUICK = ((256, 256), (400, 500), (480, 640))
CPU = torch.device("cpu")
SIDE, AROUND = 16, 128  # LR pixels: half a window, and around it
Window = tuple[slice, slice]
SPANDREL, SPANDREL_TILED, ONNX_TILED = "spandrel", "spandrel in tiles", "ONNX Runtime in tiles"
OURS, AUTO = "ours", "ours, auto"
PEERS_TILE = 256


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory")
    parser.add_argument("--models", nargs="+", choices=("builtin", "paper"), default=["builtin"])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path, help="also write the numbers there")
    given = parser.parse_args()
    small, middle, large = QUICK if given.quick else SIZES
    rows = []
    for model in given.models:
        results: list[list[np.ndarray]] = []
        cases = [(SPANDREL, small), (OURS, small)]
        cases += [(who, middle) for who in (SPANDREL_TILED, ONNX_TILED, OURS, AUTO)]
        cases += [(OURS, large), (AUTO, large)]
        for who, size in cases:
            peak, seconds, parts = in_a_process(model, who, size)
            height, width = size
            rows.append(
                {"model": model, "who": who, "LR": f"{width}×{height}", "peak MiB": peak}
                | {"seconds": seconds}
            )
            print(f"{model} {who} {width}×{height}: {peak} MiB above idle, {seconds} s", flush=True)
            results.append(parts)
        results.append(untiled_windows(model, large))
        *others, ours, auto, expected = results
        compared = [(small, others[0], others[1]), *[(middle, others[2], b) for b in others[3:]]]
        compared += [(large, ours, expected), (large, auto, expected)]
        for (height, width), first, second in compared:
            difference = max(
                np.abs(a.astype(int) - b).max() for a, b in zip(first, second, strict=True)
            )
            rows.append(
                {"model": model, "LR": f"{width}×{height}"}
                | {"largest difference, grey levels": int(difference), "windows": len(first)}
            )
            print(f"{model} {width}×{height}: differ by at most {difference} grey levels")
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
    upscale = upscaling(who, network)
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


def upscaling(who: str, network: RRDBNet) -> Callable[[np.ndarray], np.ndarray]:
    """A picture of 8 bits -> its SR, by one of the above."""
    if who == OURS:
        return Upscaler(network, CPU)
    if who == AUTO:
        return Upscaler(network, CPU, None, frozen=True)
    if who == ONNX_TILED:
        with TemporaryDirectory() as folder:
            run = runtimes(network, Path(folder))["ONNX Runtime"]
        assert not isinstance(run, str)
    else:
        run = eager(spandrel_network(network), CPU)
    if who == SPANDREL:
        return lambda picture: to_image(run(to_tensor(picture)), np.uint8)
    return partial(in_tiles, run, network.scale)


def in_tiles(run: Run, scale: int, picture: np.ndarray) -> np.ndarray:
    """As whoever runs such a network tile by tile."""
    height, width = picture.shape[:2]
    out = np.empty((height * scale, width * scale, 3), np.uint8)
    for tile in tiles(height, width, PEERS_TILE, scale):
        sr = run(to_tensor(picture[tile.rows_seen, tile.columns_seen]))
        kept = sr[..., tile.rows_kept, tile.columns_kept]
        out[tile.rows_made, tile.columns_made] = to_image(kept, np.uint8)
    return out


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
