"""The fastest of the ways to run an RRDBNet on this processor in float32: measured, not assumed.

All give the same but for rounding (1e-4). Which is the fastest depends on the processor's maker and
cache, the network's shape and the tile. The parts of such a network are timed when a shape is met
for the first time; the numbers are kept in the user's cache folder. They hold for any number of
threads, so that one process and several, each with some of the cores, give the same bytes.
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from filelock import FileLock

from esrgan.errors import UserError
from esrgan.inference.devices import place, processor
from esrgan.inference.openvino import openvino_network, openvino_version
from esrgan.networks import FastRRDBNet, RRDBConfig, RRDBNet
from esrgan.networks.fast_rrdb import WINOGRAD_FEATURES
from esrgan.pictures.files import atomic_path

# Direct convolutions, channels last; those after the upsampling by their phases; the trunk's by
# Winograd's F(4, 3) besides.
Backend = Literal["direct", "phases", "winograd"]
BACKENDS: tuple[Backend, ...] = get_args(Backend)
VARIABLE = "ESRGAN_BACKEND"
# Sides in LR pixels of the tiles that are timed; up to how many pixels the first one stands for.
SMALL, LARGE = 64, 128
SMALL_PIXELS = 96 * 96
REPEATS = 2  # of which the quicker one counts
Seconds = Mapping[str, float]


def chosen_by_user() -> Backend | None:
    """What the environment variable ESRGAN_BACKEND says.

    Raises:
        UserError: it says something else.
    """
    name = os.environ.get(VARIABLE)
    found = next((backend for backend in BACKENDS if backend == name), None)
    if name and found is None:
        raise UserError(f"{VARIABLE} is one of {', '.join(BACKENDS)}, not {name!r}.")
    return found


def fastest(config: RRDBConfig, pixels: int) -> Backend:
    """The quickest way for networks of this shape and tiles of so many LR pixels.

    Where it isn't known yet, it is measured, which takes a second or two for the paper's network.
    """
    side = SMALL if pixels <= SMALL_PIXELS else LARGE
    return quickest(_known_seconds(config, side))


def quickest(seconds: Seconds) -> Backend:
    return min(BACKENDS, key=lambda backend: seconds.get(backend, float("inf")))


def run_by(network: RRDBNet, backend: Backend) -> RRDBNet | FastRRDBNet:
    """What has the `features` and `enlarged` of a network, computed that way."""
    if backend == "direct":
        return network
    return FastRRDBNet(network, winograd=backend == "winograd")


@torch.inference_mode()
def measured(config: RRDBConfig, side: int) -> dict[str, float]:
    """Estimated seconds of a tile of side×side LR pixels by each way that there is.

    One block is timed, and what comes after the trunk: a block's time is that of all others.
    """
    sample = place(RRDBNet(replace(config, num_blocks=1)), torch.device("cpu")).eval()
    x = torch.rand(1, config.in_channels, side, side).to(memory_format=torch.channels_last)
    features = sample.features(x)
    phases, winograd = (FastRRDBNet(sample, winograd=wide) for wide in (False, True))
    blocks = config.num_blocks
    trunk = blocks * best(lambda: sample.features(x))
    after = best(lambda: phases.enlarged(features))
    seconds = {
        "direct": trunk + best(lambda: sample.enlarged(features)),
        "phases": trunk + after,
    }
    if config.num_features >= WINOGRAD_FEATURES:  # else moving the data costs what it saves
        seconds["winograd"] = blocks * best(lambda: winograd.features(x)) + after
    return seconds


def best(call: Callable[[], object]) -> float:
    """Seconds of the quickest of some calls."""

    def once() -> float:
        begun = time.perf_counter()
        call()
        return time.perf_counter() - begun

    return min(once() for _ in range(REPEATS))


@lru_cache(maxsize=64)
def _known_seconds(config: RRDBConfig, side: int) -> Seconds:
    facts = _facts(config, side)
    file = _file(facts)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(file.with_suffix(".lock")):  # several processes shall agree
            return _read(file) or _kept(measured(config, side), facts, file)
    except (OSError, UserError):  # no such place: this process keeps it for itself
        return measured(config, side)


def measure_anew(config: RRDBConfig, side: int) -> tuple[Seconds, Path]:
    """What `fastest` decides by from now on, and the file in which it is kept.

    Raises:
        UserError: it can't be kept.
    """
    facts = _facts(config, side)
    file = _file(facts)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(file.with_suffix(".lock")):
            seconds = _kept(measured(config, side), facts, file)
    except OSError as error:
        raise UserError(f"{file} could not be written: {error.strerror}.") from error
    _known_seconds.cache_clear()
    return seconds, file


def _facts(config: RRDBConfig, side: int) -> dict[str, Any]:
    """All on which it depends which is the fastest."""
    return {
        "network": asdict(config),
        "side": side,
        "processor": processor(),
        "torch": torch.__version__,
    }


def _file(facts: Mapping[str, Any]) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    digest = sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    return cache / "esrgan" / "backends" / f"{digest[:16]}.json"


def _read(file: Path) -> Seconds | None:
    """The times that a file keeps; None if there is none, or it is damaged."""
    try:
        seconds = json.loads(file.read_text("utf-8"))["seconds"]
        return {backend: float(seconds[backend]) for backend in BACKENDS if backend in seconds}
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _kept(seconds: Seconds, facts: Mapping[str, Any], file: Path) -> Seconds:
    with atomic_path(file) as temporary:
        temporary.write_text(json.dumps({**facts, "seconds": seconds}, indent=2) + "\n", "utf-8")
    return seconds


def openvino_seconds(network: RRDBNet, side: int) -> float | None:
    """Seconds of a tile by OpenVINO, once it has compiled the network; None where it is missing."""
    if openvino_version() is None:
        return None
    run, x = openvino_network(network), torch.rand(1, 3, side, side)
    return best(lambda: run(x))
