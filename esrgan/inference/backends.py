"""The fastest of the ways to run an RRDBNet on this processor: measured, not assumed.

Those in float32 give the same but for rounding (1e-4). Which is the fastest depends on the
processor's maker and cache, the network's shape and the tile. The parts of such a network are timed
when a shape is met for the first time; the numbers are kept in the user's cache folder. They hold
for any number of threads, so that one process and several, each with some of the cores, give the
same bytes. That is also why OpenVINO, which has to compile a network, is decided for by each
picture's own size, never by how many pictures a process has done, and bfloat16 by the picture.
"""

import json
import math
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from functools import lru_cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from filelock import FileLock

from esrgan.errors import UserError
from esrgan.inference.devices import place, processor
from esrgan.inference.openvino import OpenVINORRDBNet, openvino_version
from esrgan.inference.precision import native_dtype, probe
from esrgan.inference.streaming import run_in_strips
from esrgan.inference.tiles import BFLOAT16_TILE, OPENVINO_TILE, OVERLAP, TILES
from esrgan.networks import BFloat16RRDBNet, FastRRDBNet, RRDBConfig, RRDBNet
from esrgan.networks.fast_rrdb import WINOGRAD_FEATURES
from esrgan.pictures.files import atomic_path

# Direct convolutions, channels last; those after the upsampling by their phases; the trunk's by
# Winograd's F(4, 3) besides.
TorchBackend = Literal["direct", "phases", "winograd"]
BACKENDS: tuple[TorchBackend, ...] = get_args(TorchBackend)
Backend = TorchBackend | Literal["openvino"]
VARIABLE = "ESRGAN_BACKEND"
# Sides in LR pixels of the tiles that are timed, and up to how many pixels the first two stand for.
# Of the largest, beyond the caches, only the trunk is.
SMALL, MEDIUM, LARGE = 64, 128, 256
SMALL_PIXELS, MEDIUM_PIXELS = 96 * 96, 192 * 192
# In the place of a side, of what `measured_trunk` and `measured_tiles` find.
TRUNK, TILED = "trunk", "tiles"
REPEATS = 2  # of which the quicker one counts
# OpenVINO and bfloat16 are taken where they are so many times as fast, OpenVINO where it differs by
# at most so much.
MARGIN = 1.1
TOLERANCE = 1e-4
BFLOAT16 = "bf16"
OPENVINO: Literal["openvino"] = "openvino"
PREPARING = "preparing"  # what that takes before the first tile
Seconds = Mapping[str, float]
CPU = torch.device("cpu")


def chosen_by_user() -> TorchBackend | None:
    """What the environment variable ESRGAN_BACKEND says.

    Raises:
        UserError: it says something else.
    """
    name = os.environ.get(VARIABLE)
    found = next((backend for backend in BACKENDS if backend == name), None)
    if name and found is None:
        raise UserError(f"{VARIABLE} is one of {', '.join(BACKENDS)}, not {name!r}.")
    return found


def fastest(config: RRDBConfig, pixels: int) -> TorchBackend:
    """PyTorch's quickest way for networks of this shape and tiles of so many LR pixels.

    Where it isn't known yet, it is measured, which takes some seconds for the paper's network.
    """
    if pixels > MEDIUM_PIXELS and considers_winograd(config):
        return quickest(_known_seconds(config, TRUNK))
    return quickest(_known_seconds(config, SMALL if pixels <= SMALL_PIXELS else MEDIUM))


def considers_winograd(config: RRDBConfig) -> bool:
    """Whether a network is wide: in others moving the data costs what Winograd saves."""
    return config.num_features >= WINOGRAD_FEATURES


def quickest(seconds: Seconds) -> TorchBackend:
    return min(BACKENDS, key=lambda backend: seconds.get(backend, math.inf))


def run_by(network: RRDBNet, backend: TorchBackend) -> RRDBNet | FastRRDBNet:
    """What has the `features` and `enlarged` of a network, computed that way."""
    if backend == "direct":
        return network
    return FastRRDBNet(network, winograd=backend == "winograd")


def quickest_tile(config: RRDBConfig) -> int:
    """Side of PyTorch's tiles of a large picture, in LR pixels; the largest if not measured."""
    seconds = _known_seconds(config, TILED)
    return min(TILES[::-1], key=lambda side: seconds.get(f"{side}", math.inf))


@torch.inference_mode()
def measured_tiles(config: RRDBConfig) -> dict[str, float]:
    """Estimated seconds of the trunk for one LR pixel of a picture in tiles, by their sides.

    What is around the tiles is computed too, and counted. With bfloat16, where the processor has
    units for it, and OpenVINO, where it is installed, in their own tiles, and the seconds that
    OpenVINO takes to compile and check a network.
    """
    sample = _one_block(config)
    ways: dict[str, tuple[RRDBNet | FastRRDBNet, int]] = {}
    for side in TILES:
        ways[f"{side}"] = run_by(sample, fastest(config, (side + 2 * OVERLAP) ** 2)), side
    preparing = {}
    if native_dtype(CPU) == torch.bfloat16:
        ways[BFLOAT16] = BFloat16RRDBNet(sample), BFLOAT16_TILE
    if openvino_version():
        with suppress(UserError, RuntimeError):  # what is broken is no candidate
            begun = time.perf_counter()
            agrees(network := RRDBNet(config).eval(), OpenVINORRDBNet(network))
            preparing[PREPARING] = time.perf_counter() - begun
            ways[OPENVINO] = OpenVINORRDBNet(sample), OPENVINO_TILE
    turns = [
        {name: config.num_blocks * _trunk_seconds(*way) for name, way in ways.items()}
        for _ in range(REPEATS)  # in turn, so that another load falls on each
    ]
    return {name: min(turn[name] for turn in turns) for name in ways} | preparing


def _trunk_seconds(network: RRDBNet | FastRRDBNet, side: int) -> float:
    """For one LR pixel of tiles of that side."""
    seen = side + 2 * OVERLAP
    x = _noise(network.config, seen)
    begun = time.perf_counter()
    network.features(x)
    return (time.perf_counter() - begun) / side**2


def bfloat16_pays(config: RRDBConfig) -> bool:
    """Whether a picture in tiles is done clearly faster with dense blocks in bfloat16."""
    seconds = _known_seconds(config, TILED)
    return seconds.get(BFLOAT16, math.inf) * MARGIN <= best_of_tiles(seconds)


def best_of_tiles(seconds: Seconds) -> float:
    """PyTorch's seconds for one LR pixel in float32, by what `measured_tiles` found; or 0."""
    return min((seconds[f"{side}"] for side in TILES if f"{side}" in seconds), default=0.0)


def openvino_from(config: RRDBConfig) -> float:
    """LR pixels from which a picture in tiles is done sooner by OpenVINO, compiled for it alone.

    Infinite where it is not clearly faster, not installed, or its times can't be kept: then other
    processes might find otherwise.
    """
    return pays_from(_known_seconds(config, TILED)) if openvino_version() else math.inf


def pays_from(seconds: Seconds) -> float:
    """As `openvino_from`, by what `measured_tiles` found."""
    ours = best_of_tiles(seconds)
    openvinos = seconds.get(OPENVINO, math.inf)
    if openvinos * MARGIN > ours:
        return math.inf
    return seconds[PREPARING] / (ours - openvinos)


@torch.inference_mode()
def agrees(network: RRDBNet, openvinos: OpenVINORRDBNet) -> bool:
    """Whether OpenVINO computes this network within `TOLERANCE` of PyTorch, on `probe`."""
    x = probe()
    difference = (run_in_strips(openvinos, x) - run_in_strips(network, x)).abs().max()
    return bool(difference <= TOLERANCE)  # not where it is NaN


@torch.inference_mode()
def measured(config: RRDBConfig, side: int) -> dict[str, float]:
    """Estimated seconds of a tile of side×side LR pixels by each way that there is.

    One block is timed, and what comes after the trunk: a block's time is that of all others.
    """
    sample, x = _one_block(config), _noise(config, side)
    features = sample.features(x)
    phases, winograd = (FastRRDBNet(sample, winograd=wide) for wide in (False, True))
    blocks = config.num_blocks
    trunk = blocks * best(lambda: sample.features(x))
    after = best(lambda: phases.enlarged(features))
    seconds = {
        "direct": trunk + best(lambda: sample.enlarged(features)),
        "phases": trunk + after,
    }
    if considers_winograd(config):
        seconds["winograd"] = blocks * best(lambda: winograd.features(x)) + after
    return seconds


@torch.inference_mode()
def measured_trunk(config: RRDBConfig) -> dict[str, float]:
    """As `measured`, of the trunk in a large tile: what comes after it is the same."""
    sample, x = _one_block(config), _noise(config, LARGE)
    ways: dict[str, RRDBNet | FastRRDBNet] = {"phases": sample, "winograd": FastRRDBNet(sample)}
    return {name: config.num_blocks * best(partial(way.features, x)) for name, way in ways.items()}


def _one_block(config: RRDBConfig) -> RRDBNet:
    return place(RRDBNet(replace(config, num_blocks=1)), CPU).eval()


def _noise(config: RRDBConfig, side: int) -> torch.Tensor:
    x = torch.rand(1, config.in_channels, side, side)
    return x.to(memory_format=torch.channels_last)


def best(call: Callable[[], object]) -> float:
    """Seconds of the quickest of some calls."""

    def once() -> float:
        begun = time.perf_counter()
        call()
        return time.perf_counter() - begun

    return min(once() for _ in range(REPEATS))


@lru_cache(maxsize=64)
def _known_seconds(config: RRDBConfig, side: int | str) -> Seconds:
    facts = _facts(config, side)
    file = _file(facts)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(file.with_suffix(".lock")):  # several processes shall agree
            return _read(file) or _kept(_measured(config, side), facts, file)
    except (OSError, UserError):  # no such place: this process keeps it for itself
        seconds = _measured(config, side)
        return {backend: seconds[backend] for backend in BACKENDS if backend in seconds}


def _measured(config: RRDBConfig, side: int | str) -> Seconds:
    if isinstance(side, int):
        return measured(config, side)
    return measured_trunk(config) if side == TRUNK else measured_tiles(config)


def measure_anew(config: RRDBConfig, side: int | str) -> tuple[Seconds, Path]:
    """What is decided by from now on, by `side`, and the file that keeps it.

    Raises:
        UserError: it can't be kept.
    """
    facts = _facts(config, side)
    file = _file(facts)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(file.with_suffix(".lock")):
            seconds = _kept(_measured(config, side), facts, file)
    except OSError as error:
        raise UserError(f"{file} could not be written: {error.strerror}.") from error
    _known_seconds.cache_clear()
    return seconds, file


def _facts(config: RRDBConfig, side: int | str) -> dict[str, Any]:
    """All on which it depends which is the fastest."""
    return {
        "network": asdict(config),
        "side": side,
        "processor": processor(),
        "reduced": f"{native_dtype(CPU)}",
        "torch": torch.__version__,
        "openvino": openvino_version(),
    }


def _file(facts: Mapping[str, Any]) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    digest = sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    return cache / "esrgan" / "backends" / f"{digest[:16]}.json"


def _read(file: Path) -> Seconds | None:
    """The times that a file keeps; None if there is none, or it is damaged."""
    try:
        seconds = json.loads(file.read_text("utf-8"))["seconds"]
        return {str(name): float(value) for name, value in seconds.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def _kept(seconds: Seconds, facts: Mapping[str, Any], file: Path) -> Seconds:
    with atomic_path(file) as temporary:
        temporary.write_text(json.dumps({**facts, "seconds": seconds}, indent=2) + "\n", "utf-8")
    return seconds


@torch.inference_mode()
def openvino_seconds(config: RRDBConfig, side: int) -> float | None:
    """Of a tile of side×side LR pixels, once compiled; None where it is not installed."""
    if openvino_version() is None:
        return None
    run = OpenVINORRDBNet(RRDBNet(config).eval())
    x = torch.rand(1, config.in_channels, side, side)
    return best(lambda: run_in_strips(run, x))
