"""Stop: what runs for a visitor ends at the next tile, and nothing else does."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from esrgan.demo.server.sharing import SharedUpscaler
from esrgan.demo.server.stopping import Runs, StoppedError, go_on
from esrgan.networks import RRDBNet


class Steps:
    """Numbers, one at a time, as a run; knows how it ended."""

    def __init__(self) -> None:
        self.closed = False

    def __call__(self, total: int = 3) -> Generator[int, None, None]:
        try:
            for number in range(total):
                go_on()
                yield number
        finally:
            self.closed = True


def test_a_run_goes_to_its_end() -> None:
    runs, steps = Runs(), Steps()
    assert list(runs.carry(runs.begin(), steps())) == [0, 1, 2]
    assert steps.closed
    assert not runs.stop(), "nothing is at work any more"


def test_stop_ends_it_and_closes_it() -> None:
    runs, steps = Runs(), Steps()
    carried = runs.carry(runs.begin(), steps())
    assert next(carried) == 0
    assert runs.stop()
    with pytest.raises(StoppedError):
        next(carried)
    assert steps.closed
    assert not runs.stop()


def test_a_later_run_ends_an_earlier_one_only() -> None:
    runs, other = Runs(), Runs()
    first = runs.carry(runs.begin(), Steps()())
    elsewhere = other.carry(other.begin(), Steps()())
    assert (next(first), next(elsewhere)) == (0, 0)
    second = runs.carry(runs.begin(), Steps()())
    assert next(second) == 0
    with pytest.raises(StoppedError):
        next(first)
    assert list(second) == [1, 2]
    assert list(elsewhere) == [1, 2]


def test_a_failed_run_is_not_at_work() -> None:
    def failing() -> Generator[int, None, None]:
        yield 0
        raise ValueError

    runs = Runs()
    with pytest.raises(ValueError):  # noqa: PT011
        list(runs.carry(runs.begin(), failing()))
    assert not runs.stop()


def test_a_run_that_is_given_up_before_its_first_step_is_not_at_work() -> None:
    """As when a browser is closed while "Loading …" is all that it was told."""
    runs = Runs()

    def event() -> Generator[object, None, None]:
        with runs.running() as run:
            yield "Loading …"
            yield from runs.carry(run, Steps()())

    told = event()
    assert (next(told), runs.at_work) == ("Loading …", True)
    told.close()
    assert not runs.at_work


def test_an_earlier_run_that_ends_leaves_a_later_one_at_work() -> None:
    runs = Runs()
    with runs.running() as first:
        later = runs.begin()
    assert runs.wants(later)
    assert not runs.wants(first)


def test_what_belongs_to_no_run_goes_on() -> None:
    runs = Runs()
    carried = runs.carry(runs.begin(), Steps()())
    next(carried)
    runs.stop()
    go_on()


def test_each_step_may_run_in_another_thread() -> None:
    runs = Runs()
    carried = runs.carry(runs.begin(), Steps()(6))
    with ThreadPoolExecutor(3) as threads:
        assert [threads.submit(next, carried).result() for _ in range(4)] == [0, 1, 2, 3]
        runs.stop()
        with pytest.raises(StoppedError):
            threads.submit(next, carried).result()
        threads.submit(go_on).result()


def test_an_upscaler_stops_between_tiles(tiny_network: RRDBNet) -> None:
    """Stop comes while the second of four tiles is computed."""
    runs, tiles = Runs(), []

    def stopped_at_the_second(of: int) -> None:
        assert of == 4
        tiles.append(1)
        if len(tiles) == 2:
            runs.stop()

    upscaler = SharedUpscaler(tiny_network, tile=16, before_tile=stopped_at_the_second)
    lr = np.zeros((32, 32, 3), np.uint8)

    def upscaling() -> Generator[np.ndarray, None, None]:
        yield upscaler(lr)

    with pytest.raises(StoppedError):
        next(runs.carry(runs.begin(), upscaling()))
    assert len(tiles) == 2
    assert upscaler(lr).shape == (128, 128, 3), "outside of a run, all tiles are computed"
