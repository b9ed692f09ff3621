"""Settings of a run: their limits, and that the training is told all of them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from esrgan.demo.finetune import job
from esrgan.demo.finetune.settings import Settings
from esrgan.models.checkpoints import read_facts
from esrgan.run_folder import config_path, weights_path
from tests.demo.finetune.helpers import ended


@pytest.mark.parametrize(
    "change",
    [
        {"iterations": 0},
        {"iterations": None},
        {"iterations": True},
        {"iterations": float("nan")},
        {"iterations": 10**9},
        {"batch_size": 1},
        {"crop_size": 40},
        {"learning_rate": 1.0},
        {"gan_weight": -1.0},
        {"start": "../../etc"},
        {"start": Path("weights.exe")},
    ],
)
def test_choices_out_of_their_limits(
    settings: Settings, pictures: list[str], runs: Path, refused, change: dict[str, Any]
) -> None:
    with refused():
        job.start(replace(settings, **change), pictures)
    assert not runs.exists() or list(runs.iterdir()) == []


@pytest.mark.slow
def test_a_gan_run_is_told_all_its_settings(
    settings: Settings, pictures: list[str], forked
) -> None:
    chosen = replace(
        settings,
        stage="gan",
        iterations=2,
        before_activation=False,
        relativistic=False,
        gan_weight=0.25,
        pixel_weight=3.0,
        learning_rate=2e-5,
    )
    run = ended(job.start(chosen, pictures))
    assert run.state == "finished", run.message
    config = json.loads((run.folder / "config.json").read_text("utf-8"))
    assert config["before_activation"] is False
    assert config["adversarial"] == "standard"
    assert (config["gan_weight"], config["pixel_weight"]) == (0.25, 3.0)
    assert config["schedule"]["learning_rate"] == 2e-5
    assert (config["batch_size"], config["crop_size"], config["log_every"]) == (2, 32, 1)


@pytest.mark.slow
def test_a_run_on_spoilt_pictures_says_so_in_its_name_settings_and_result(
    settings: Settings, pictures: list[str], forked
) -> None:
    run = ended(job.start(replace(settings, degradation="photo", iterations=2), pictures))
    assert run.state == "finished", run.message
    assert "-psnr-photo-" in run.name
    assert job.RUN.fullmatch(run.name)
    assert json.loads(config_path(run.folder).read_text("utf-8"))["degradation"] == "photo"
    assert read_facts(weights_path(run.folder))["degradation"] == "photo"
