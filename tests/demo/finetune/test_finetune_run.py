"""Runs as they stand on disk: their ends, curves and moments."""

import json
import os
from pathlib import Path

import pytest
from PIL import Image

from esrgan.demo.finetune import job
from esrgan.demo.finetune.run import SHOWN_POINTS, curve, look, moments, picture, result_of
from esrgan.models.checkpoints import load_generator, save_generator
from esrgan.networks import RRDBNet
from esrgan.run_folder import Status, weights_path, write_status


@pytest.mark.parametrize(
    ("status", "stopping", "state", "words"),
    [
        (Status("failed", 3, 9, "loss/l1 became nan."), False, "failed", "loss/l1 became nan."),
        (Status("running", 3, 9), False, "failed", "ended from outside"),
        (Status("stopped", 3, 9), True, "stopped", ""),
        (Status("finished", 9, 9), False, "finished", ""),
        (Status("finished", 9, 9, time=1.0), False, "failed", "before it began"),  # resumed since
        (None, False, "failed", "before it began"),
        (None, True, "stopped", ""),
    ],
)
def test_how_a_run_ended_is_read_from_its_status(
    runs: Path, status: Status | None, stopping: bool, state: str, words: str
) -> None:
    """The process of `process.json` is one that is alive, but began at another time."""
    folder = runs / "run"
    folder.mkdir(parents=True)
    (folder / "log.txt").touch()
    identity = {"pid": os.getpid(), "started": "never", "time": 2.0, "stopping": stopping}
    (folder / "process.json").write_text(json.dumps(identity))
    if status is not None:
        write_status(folder, status)
    run = look("run")
    assert run.state == state
    assert words in run.message
    assert bool(run.message) == bool(words)


def test_a_moment_of_a_run_that_has_ended_becomes_its_result(
    runs: Path, tiny_network: RRDBNet, refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = runs / "run"
    files = ["generator", "best/generator", "samples/0000025", "samples/0000050"]
    for seed, file in enumerate(files):
        tiny_network.conv_last.bias.data.fill_(seed)
        save_generator(folder / f"{file}.safetensors", tiny_network, {})
    (folder / "log.txt").touch()
    (folder / "process.json").write_text('{"pid": 999999999, "started": "never", "time": 2}')
    (folder / "gain.json").write_text('{"words": "Better by far."}')
    for file in ("gain", *files[2:]):
        Image.new("RGB", (9, 9)).save(folder / f"{file}.png")
    write_status(folder, Status("finished", 50, 50))
    run = look("run")
    assert run.gain == "Better by far."
    assert picture(run) == folder / "gain.png"
    assert list(moments(folder)) == ["the best", "iteration 25", "iteration 50"]
    assert result_of(folder) == "the best"
    for seed, moment in ((2, "iteration 25"), (3, "iteration 50"), (1, "the best")):
        job.choose("run", moment)
        assert result_of(folder) == moment
        told = look("run").gain
        assert told == "Better by far." if moment == "the best" else moment in told
        shown = {1: "gain.png", 2: "samples/0000025.png", 3: "samples/0000050.png"}
        assert picture(look("run")) == folder / shown[seed]
        bias = load_generator(weights_path(folder)).conv_last.bias
        assert bias is not None
        assert (bias == seed).all()
    with refused("no weights of that moment"):
        job.choose("run", "../../generator")
    with monkeypatch.context() as patch:
        patch.setattr("esrgan.demo.finetune.run.is_running", lambda _folder: True)
        assert look("run").gain == ""
        with refused("in progress"):
            job.choose("run", "iteration 25")


def test_curves_are_thinned_to_what_a_browser_draws_well() -> None:
    metrics = [{"iteration": float(n), "loss": float(n % 2)} for n in range(1, 10_001)]
    points = curve(metrics, "loss")
    assert len(points) <= SHOWN_POINTS
    assert points[-1][0] == 10_000
    assert all(value == pytest.approx(0.5, abs=0.05) for _, value in points)
