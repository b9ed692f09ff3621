"""Runs from start to result, estimates, and what is refused."""

import re
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from esrgan.demo import finetuned
from esrgan.demo.finetune import job
from esrgan.demo.finetune.run import curve, latest_sample, look, running
from esrgan.demo.finetune.settings import Settings
from esrgan.demo.finetune.training_pictures import Receiving
from esrgan.demo.server.stopping import Runs, StoppedError
from esrgan.models.checkpoints import load_generator
from esrgan.run_folder import read_metrics
from tests.demo.finetune.helpers import ended, wait_until
from tests.processes import Forked


@pytest.mark.slow
def test_a_run_from_start_to_result(
    settings: Settings, pictures: list[str], tmp_path: Path, refused
) -> None:
    name = job.start(settings, pictures)
    assert look(name).state == "running"
    assert running() == name
    with refused("Busy", name):
        job.start(settings, pictures)
    with refused("Busy", name):
        job.resume(name)

    run = ended(name)
    assert (run.state, run.iteration, run.iterations, run.stage) == ("finished", 12, 12, "psnr")
    metrics = read_metrics(run.folder)
    assert [x for x, _ in curve(metrics, "loss/l1")] == list(range(1, 13))
    sample = latest_sample(run.folder)
    assert sample is not None
    assert Image.open(sample).size == (96, 128)
    with refused("finished"):
        job.resume(name)
    with refused("not in progress"):
        job.stop(name)

    assert finetuned.finished_names() == [name]
    settings.start.unlink()  # the run has a copy of what it started from
    ends = finetuned.trio(name)
    assert ends.files[1].name == f"{name}.safetensors"
    assert ends.titles == (settings.start.name, name)
    before, after = (load_generator(file).state_dict() for file in ends.files)
    assert any((before[key] != after[key]).any() for key in before)


@pytest.mark.slow
def test_stopped_by_a_restarted_server_and_resumed(
    settings: Settings, pictures: list[str], forked, refused
) -> None:
    name = job.start(replace(settings, iterations=2000), pictures)
    wait_until(lambda: look(name).iteration > 20)
    assert look(name).seconds_left is not None
    script = (
        "from esrgan.demo.finetune.job import stop\n"
        "from esrgan.demo.finetune.run import look, running\n"
        f"print(running(), look({name!r}).state)\n"
        f"stop({name!r})\n"
        f"print(look({name!r}).state)"
    )
    code, told, error = Forked(partial(exec, script)).ended()
    assert code == 0, error
    assert told.split()[:2] == [name, "running"]
    assert told.split()[2] in ("stopping", "stopped")
    run = ended(name)
    assert run.state == "stopped"
    assert 0 < run.iteration < 2000
    first = finetuned.result(name)
    assert first is not None

    job.resume(name)
    wait_until(lambda: look(name).iteration > run.iteration + 20)
    job.stop(name)
    with refused("stopping already"):  # a second Ctrl-C would end it without saving
        job.stop(name)
    assert ended(name).state == "stopped"
    second = finetuned.result(name)
    assert second is not None
    assert second != first
    for name in ("loss/l1", "validation/flat"):
        seen = [line["iteration"] for line in read_metrics(run.folder) if name in line]
        assert seen
        assert seen == sorted(set(seen))


@pytest.mark.slow
def test_what_the_training_refuses_is_a_failed_run_with_its_sentence(
    settings: Settings, pictures: list[str], forked, refused
) -> None:
    run = ended(job.start(replace(settings, crop_size=256), pictures))
    assert run.state == "failed"
    assert run.message.startswith("No picture of the training data is 256 pixels or larger.")
    with refused("never came to begin"):
        job.resume(run.name)
    assert finetuned.finished_names() == []


@pytest.mark.slow
def test_the_time_of_a_run_is_measured_by_a_few_steps_that_leave_nothing(
    settings: Settings, pictures: list[str], runs: Path, forked, refused
) -> None:
    *receiving, words = job.estimating(settings, pictures)
    assert receiving[-1] == Receiving(len(pictures), len(pictures))
    assert isinstance(words, str)
    found = re.fullmatch(
        r"about (\S+) s, (\S+) s a step and (\S+) s to validate, fp32 on .+", words
    )
    assert found, words
    whole, step, validating = map(float, found.groups())
    assert whole == pytest.approx(12 * step + validating, rel=0.02, abs=0.1)
    assert list(runs.iterdir()) == []
    with refused("128 pixels or larger"):
        *_, words = job.estimating(replace(settings, crop_size=128), pictures)
    *_, words = job.estimating(replace(settings, degradation="photo"), pictures)
    assert list(runs.iterdir()) == []


def test_an_estimate_that_is_stopped_leaves_no_process(
    settings: Settings, pictures: list[str], runs: Path, idle
) -> None:
    mine = Runs()
    steps = mine.carry(mine.begin(), job.estimating(settings, pictures))
    stopping = threading.Timer(1, mine.stop)
    stopping.start()
    with pytest.raises(StoppedError):
        list(steps)
    stopping.join()
    assert len(idle) == 1
    assert list(runs.iterdir()) == []


@pytest.mark.parametrize("copied_first", [True, False], ids=["copied", "looked at"])
def test_a_start_that_is_stopped_leaves_nothing(
    settings: Settings, pictures: list[str], runs: Path, copied_first: bool
) -> None:
    mine = Runs()
    steps = mine.carry(mine.begin(), job.starting(settings, pictures))
    last = Receiving(len(pictures), 0 if copied_first else 1)
    for _, receiving in steps:
        if receiving == last:
            break
    mine.stop()
    with pytest.raises(StoppedError):
        next(steps)
    assert list(runs.iterdir()) == []


def test_a_start_that_nobody_waits_for_leaves_nothing(
    settings: Settings, pictures: list[str], runs: Path
) -> None:
    steps = job.starting(settings, pictures)
    assert [next(steps)[1].copied for _ in range(2)] == [0, 1]
    assert len(list(runs.glob("*/pictures/*"))) == 1
    steps.close()
    assert list(runs.iterdir()) == []


def test_what_a_killed_server_had_received_goes_with_the_next_start(
    settings: Settings, pictures: list[str], runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiving = job.starting(settings, pictures)
    name, _ = next(receiving)  # as if it were killed here, it neither goes on nor tidies up
    (runs / ".estimate-x" / "pictures").mkdir(parents=True)
    (runs / "my own").mkdir()
    begun = runs / "2026-01-01-000000-psnr-0000"
    begun.mkdir()
    (begun / "log.txt").touch()
    next(young := job.starting(settings, pictures))
    assert (runs / name).is_dir()
    young.close()
    monkeypatch.setattr(job, "MAX_SECONDS", -1)
    next(old := job.starting(settings, pictures))
    old.close()
    assert sorted(each.name for each in runs.iterdir()) == [begun.name, "my own"]
    receiving.close()


def test_no_training_on_a_space(
    settings, pictures: list[str], runs: Path, monkeypatch: pytest.MonkeyPatch, refused
) -> None:
    monkeypatch.setenv("SPACE_ID", "someone/esrgan")
    for call in (
        lambda: job.start(settings, pictures),
        lambda: job.resume("any"),
        lambda: job.stop("any"),
    ):
        with refused("off on this Space"):
            call()
    assert not runs.exists()
    monkeypatch.setenv("ESRGAN_ALLOW_TRAINING", "1")
    assert job.refusal() is None
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    with refused("ZeroGPU"):
        job.start(settings, pictures)


@pytest.mark.parametrize(
    "reached", [{"GRADIO_SERVER_NAME": "0.0.0.0"}, {"GRADIO_SHARE": "True"}], ids=["host", "share"]
)
def test_training_is_off_where_others_reach_the_page(
    settings, pictures, runs: Path, monkeypatch: pytest.MonkeyPatch, refused, reached
) -> None:
    assert job.refusal() is None
    for name, value in reached.items():
        monkeypatch.setenv(name, value)
    with refused("Training is off", "ESRGAN_ALLOW_TRAINING=1"):
        job.start(settings, pictures)
    assert not runs.exists()
    monkeypatch.setenv("ESRGAN_ALLOW_TRAINING", "1")
    assert job.refusal() is None
