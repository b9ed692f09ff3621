"""Visitors take turns at the device."""

import threading
import time

import numpy as np
import pytest
import torch

from esrgan.demo.server.sharing import SharedUpscaler
from esrgan.inference.upscale import Upscaler
from esrgan.networks import RRDBNet
from tests.conftest import PATIENCE


def test_only_one_computes_at_a_time_and_none_waits_for_the_others_end(
    tiny_network: RRDBNet, rng: np.random.Generator
) -> None:
    inside: list[str] = []
    order: list[str] = []
    begun = threading.Event()

    def slow(*_: object) -> None:
        inside.append(threading.current_thread().name)
        order.append(inside[-1])
        begun.set()
        time.sleep(0.05)  # the work of a tile
        assert len(inside) == 1
        inside.pop()

    tiny_network.conv_first.register_forward_pre_hook(slow)
    picture = rng.integers(0, 256, (16, 96, 3), dtype=np.uint8)
    results: dict[str, np.ndarray] = {}

    def work(name: str, tile: int) -> None:
        results[name] = SharedUpscaler(tiny_network, tile=tile)(picture)

    long = threading.Thread(target=work, args=("long", 8), name="long")
    short = threading.Thread(target=work, args=("short", 0), name="short")
    long.start()
    assert begun.wait(PATIENCE)
    short.start()
    for thread in (long, short):
        thread.join(PATIENCE)
    assert order.count("long") == 24
    assert order.index("short") < len(order) - 1
    np.testing.assert_array_equal(results["short"], Upscaler(tiny_network)(picture))


def test_who_fails_gives_up_the_turn(tiny_network: RRDBNet) -> None:
    upscaler = SharedUpscaler(tiny_network)
    with pytest.raises(RuntimeError):
        upscaler.tensor(torch.zeros(1, 5, 8, 8))
    upscaler.tensor(torch.zeros(1, 3, 8, 8))
