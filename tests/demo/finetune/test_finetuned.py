"""Whose runs are shown to whom."""

from pathlib import Path

import pytest

from esrgan.demo import finetuned
from esrgan.demo.finetune import job
from esrgan.demo.finetune.run import look
from esrgan.demo.server.visitors import COOKIE, visiting
from esrgan.models.checkpoints import save_generator
from esrgan.run_folder import weights_path
from tests.demo.finetune.helpers import wait_until


def test_a_run_belongs_to_who_started_it(
    settings, pictures, idle, tiny_network, monkeypatch, refused
) -> None:
    mine, theirs = ({COOKIE: letter * 43} for letter in "ab")
    with visiting(mine, None):
        name = job.start(settings, pictures)
    with visiting(theirs, None):
        assert finetuned.names() == finetuned.finished_names() == []
        for touch in (job.stop, job.resume, look, finetuned.result):
            with refused("no such training run"):
                touch(name)
        with refused("another visitor trains"):
            job.start(settings, pictures)
        monkeypatch.setenv("ESRGAN_SHARED_RUNS", "1")
        assert finetuned.names() == [name]
        monkeypatch.delenv("ESRGAN_SHARED_RUNS")
    assert finetuned.names() == [], "nor does the page list it before anybody has asked"
    with visiting(mine, "another session"):
        job.stop(name)
        wait_until(lambda: look(name).state == "stopped")
        save_generator(weights_path(finetuned.folder_of(name)), tiny_network, {})
        assert finetuned.finished_names() == [name]
    assert "a" * 43 not in (finetuned.runs_folder() / name / "owner.json").read_text()


@pytest.mark.parametrize("owner", ["", "{}", '{"visitor": null}', "damaged", "[]"])
def test_a_run_of_an_unknown_owner_is_shown_on_this_machine_only(
    runs: Path, monkeypatch: pytest.MonkeyPatch, owner: str
) -> None:
    run = runs / "2026-01-01-000000-gan-0000"
    run.mkdir(parents=True)
    (run / "log.txt").touch()
    if owner:
        (run / "owner.json").write_text(owner)
    visitors: list[tuple[dict[str, str], str | None]] = [({}, None), ({COOKIE: "a" * 43}, "one")]
    for cookies, session in visitors:
        with visiting(cookies, session):
            assert finetuned.names() == [run.name]
            monkeypatch.setenv("GRADIO_SERVER_NAME", "0.0.0.0")
            assert finetuned.names() == []
            monkeypatch.setenv("ESRGAN_SHARED_RUNS", "1")
            assert finetuned.names() == [run.name]
            monkeypatch.delenv("ESRGAN_SHARED_RUNS")
            monkeypatch.delenv("GRADIO_SERVER_NAME")
