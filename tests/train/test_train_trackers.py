"""train/trackers.py: what labs' trackers are told, by stand-ins for their libraries."""

import sys
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.train.commands import ended
from train.trackers import open_trackers

Told = list[tuple[str, Any]]


def fake_wandb(told: Told) -> SimpleNamespace:
    def init(**options: Any) -> SimpleNamespace:
        told.append(("init", options))
        return SimpleNamespace(
            define_metric=lambda *_, **__: None,
            log=lambda content: told.append(("log", content)),
            finish=lambda: told.append(("finish", None)),
        )

    return SimpleNamespace(init=init, Image=lambda picture: ("image", picture.shape))


def fake_mlflow(told: Told) -> SimpleNamespace:
    @contextmanager
    def started() -> Any:
        yield SimpleNamespace(info=SimpleNamespace(run_id="7"))

    def start_run(**options: Any) -> Any:
        told.append(("start", options))
        return started()

    return SimpleNamespace(
        set_experiment=lambda _: None,
        start_run=start_run,
        end_run=lambda: told.append(("finish", None)),
        log_dict=lambda content, _: told.append(("settings", content)),
        log_metrics=lambda numbers, step: told.append(("log", {"iteration": step, **numbers})),
        log_image=lambda picture, name: told.append((name, picture.shape)),
    )


@pytest.mark.parametrize(("name", "fake"), [("wandb", fake_wandb), ("mlflow", fake_mlflow)])
def test_a_run_tells_its_tracker_what_it_logs(
    name: str,
    fake: Any,
    training_pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: Told = []
    monkeypatch.setitem(sys.modules, name, fake(told))
    run = tmp_path / "run"
    start = ["psnr", "--preset", "tiny", "--data", training_pictures, "--out", run]
    changes = [f'trackers=["{name}"]', "log_every=2", "sample_every=4", "save_every=4"]
    options = [part for change in changes for part in ("--set", change)]
    validated = ["--validation", training_pictures]
    code, _, err = ended(*start, *options, *validated, "--iterations", 4)
    assert code == 0, err
    logged = [content for what, content in told if what == "log" and "loss/l1" in content]
    assert [content["iteration"] for content in logged] == [2, 4]
    assert any("validation/psnr_y" in content for what, content in told if what == "log")
    assert (128, 96, 3) in [
        content if isinstance(content, tuple) else content["sample"][1]
        for what, content in told
        if what.startswith("samples/") or (what == "log" and "sample" in content)
    ]
    assert told[-1][0] == "finish"

    code, _, err = ended(*start, "--resume", "--iterations", 6)
    assert code == 0, err
    begun = [content for what, content in told if what in ("init", "start")]
    numbers = [each.get("id") or each.get("run_id") for each in begun]
    assert numbers[-1] == numbers[-2] != None  # noqa: E711  # it goes on there
    assert [content["iteration"] for what, content in told if what == "log"][-1] == 6


def test_a_library_that_is_missing_is_named(tmp_path: Path, refused, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with refused("wandb is not installed"), open_trackers(["wandb"], tmp_path, {}, print):
        pass


def test_a_tracker_that_fails_is_told_once_and_left_alone(
    tmp_path: Path, refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: Told = []
    library = fake_mlflow(told)

    def unreachable(*_: object, **__: object) -> None:
        raise ConnectionError("no route to the server")

    library.log_metrics = unreachable
    monkeypatch.setitem(sys.modules, "mlflow", library)
    words: list[str] = []
    with open_trackers(["mlflow"], tmp_path, {}, words.append) as (tracker,):
        tracker.numbers({"a": 1.0}, 1)
        tracker.numbers({"a": 1.0}, 2)
        tracker.sample(np.zeros((2, 2, 3), np.uint8), 2)
    assert words == ["MLflow is told no more: no route to the server"]
    library.set_experiment = unreachable
    with refused("mlflow does not start"), open_trackers(["mlflow"], tmp_path, {}, print):
        pass
