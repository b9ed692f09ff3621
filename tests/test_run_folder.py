"""esrgan/run_folder.py: what is written is read again, and what is damaged is no word."""

import os
import time
from pathlib import Path

import pytest

from esrgan.run_folder import Status, metrics_path, read_metrics, read_status, status_path
from esrgan.run_folder import write_status as write

LOGGED = '{"iteration": 1, "time": 0.5, "loss/l1": 0.5}\n'


def test_a_status_says_whose_it_is_and_of_when(tmp_path: Path) -> None:
    before = time.time()
    write(tmp_path, Status("failed", 3, 20, "no picture"))
    status = read_status(tmp_path)
    assert status is not None
    assert (status.state, status.iteration, status.iterations) == ("failed", 3, 20)
    assert (status.message, status.pid) == ("no picture", os.getpid())
    assert before <= status.time <= time.time()
    assert [file.name for file in tmp_path.iterdir()] == ["status.json"]


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"state": "asleep"}', "\x00"])
def test_a_status_that_can_t_be_read_is_none(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        status_path(tmp_path).write_text(text)
    assert read_status(tmp_path) is None


def test_a_line_that_is_being_written_is_left_out(tmp_path: Path) -> None:
    assert read_metrics(tmp_path) == []
    metrics_path(tmp_path).write_text(LOGGED + '{"iteration": 2, "lo')
    assert read_metrics(tmp_path) == [{"iteration": 1, "time": 0.5, "loss/l1": 0.5}]


@pytest.mark.parametrize(
    "line",
    [
        b'{"iteration": 2, "time": 1, "lo\xff": 1}',
        b'{"iteration": "2", "time": 1, "loss/l1": 1}',
        b'{"iteratio\x00": 2, "time": 1, "loss/l1": 1}',
        b'{"iteration": 2, "time": 1, "loss/l1": "1"}',
        b'{"iteration": 2, "time": 1, "warning": 7}',
        b"[" * 100_000 + b"}",
        b"}",
        b"[2]",
        b"\x00" * 50,
    ],
)
def test_a_damaged_line_is_left_out(tmp_path: Path, line: bytes) -> None:
    metrics_path(tmp_path).write_bytes(LOGGED.encode() + line + b"\n" + LOGGED.encode())
    assert [found["iteration"] for found in read_metrics(tmp_path)] == [1, 1]
