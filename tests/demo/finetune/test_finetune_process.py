"""Processes of runs: found again, begun once, of low priority."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from esrgan.demo.finetune import job, process
from esrgan.demo.finetune.run import look, running
from esrgan.demo.finetune.settings import Settings
from esrgan.run_folder import config_path
from tests.demo.finetune.helpers import ended, wait_until


def test_a_run_is_at_work_from_its_first_moment(
    settings: Settings,
    pictures: list[str],
    runs: Path,
    idle: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also while its process is being started, and when it is resumed."""
    seen = []
    begin = subprocess.Popen

    def watched(command: list[str], **options: Any) -> Any:
        if "train" not in command:  # it decodes
            return begin(command, **options)
        name = running()
        assert name is not None
        seen.append(look(name).state)
        process = begin(command, **options)
        seen.append(look(name).state)
        return process

    monkeypatch.setattr("subprocess.Popen", watched)
    name = job.start(settings, pictures)
    config_path(runs / name).write_text('{"stage": "psnr"}')
    job.stop(name)
    assert ended(name).state == "stopped"
    job.resume(name)
    assert seen == ["running"] * 4
    assert "--resume" in idle[1]


def test_the_page_comes_before_a_training(
    settings: Settings, pictures: list[str], runs: Path, idle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "NICENESS", 1)
    name = job.start(settings, pictures)
    pid = json.loads((runs / name / "process.json").read_text())["pid"]
    mine = os.getpriority(os.PRIO_PROCESS, 0)
    wait_until(lambda: os.getpriority(os.PRIO_PROCESS, pid) == min(mine + 1, 19))


def test_a_run_that_could_not_be_started_is_not_at_work(
    settings: Settings, pictures: list[str], monkeypatch: pytest.MonkeyPatch, refused
) -> None:
    monkeypatch.setattr("sys.executable", "/absent/python")
    monkeypatch.setattr("shutil.which", lambda _: None)
    with refused("The training could not be started"):
        job.start(settings, pictures)
    assert running() is None


def test_a_run_that_is_only_just_starting_is_not_stopped(runs: Path, refused) -> None:
    """Its number is still the server's: this process would be interrupted."""
    folder = runs / "run"
    folder.mkdir(parents=True)
    (folder / "log.txt").touch()
    identity = process.identity(os.getpid())
    (folder / "process.json").write_text(json.dumps({**identity, "starting": True}))
    with refused("only just starting"):
        job.stop("run")
    (folder / "process.json").unlink()
