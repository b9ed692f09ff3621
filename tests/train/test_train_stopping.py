"""train/stopping.py: which signals are heard, and by whom."""

import os
import signal

import pytest

from train.stopping import SIGNALS, ignore_stop_requests, stop_requests


@pytest.fixture(autouse=True)
def handlers():
    """Those that were there, after the test."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_the_signals_are_those_of_terminals_and_schedulers() -> None:
    assert {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1} == set(SIGNALS)


@pytest.mark.parametrize("number", SIGNALS)
def test_each_is_heard_and_given_back(number: int) -> None:
    signal.signal(number, signal.SIG_DFL)  # as a terminal begins what it runs
    with stop_requests() as asked:
        assert not asked()
        os.kill(os.getpid(), number)
        assert asked()
    assert signal.getsignal(number) == signal.SIG_DFL


def test_a_second_ctrl_c_interrupts() -> None:
    with stop_requests():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize(("number", "heard"), [(signal.SIGHUP, False), (signal.SIGINT, True)])
def test_what_nohup_and_a_script_s_background_have_ignored(number: int, heard: bool) -> None:
    signal.signal(number, signal.SIG_IGN)
    with stop_requests() as asked:
        os.kill(os.getpid(), number)
        assert asked() == heard
    assert signal.getsignal(number) == signal.SIG_IGN


def test_a_loader_process_hears_none() -> None:
    ignore_stop_requests()
    for number in SIGNALS:
        os.kill(os.getpid(), number)
