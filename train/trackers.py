"""Experiment trackers that a lab may want beside TensorBoard, each by the library of its makers.

What a run logs once is logged there once, under the same name and iteration. A tracker that fails,
for want of a network say, ends no training: the run's folder has all of it anyway.
"""

import importlib
import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from esrgan.errors import UserError

TrackerName = Literal["wandb", "mlflow"]
PROJECT = "esrgan"


class Tracker(Protocol):
    """What the journal tells a tracker."""

    def numbers(self, numbers: Mapping[str, float], iteration: int) -> None: ...

    def sample(self, picture: np.ndarray, iteration: int) -> None:
        """The sample picture: H×W×3 `uint8`."""


class Wandb:
    """Weights & Biases; where it logs to, and whether offline, are its own settings."""

    def __init__(self, wandb: Any, session: Any) -> None:
        self._wandb, self._session = wandb, session
        session.define_metric("*", step_metric="iteration")  # its own steps can't go back

    def numbers(self, numbers: Mapping[str, float], iteration: int) -> None:
        self._session.log({"iteration": iteration, **numbers})

    def sample(self, picture: np.ndarray, iteration: int) -> None:
        self._session.log({"iteration": iteration, "sample": self._wandb.Image(picture)})


class MLflow:
    """MLflow; where it logs to is its own setting."""

    def __init__(self, mlflow: Any) -> None:
        self._mlflow = mlflow

    def numbers(self, numbers: Mapping[str, float], iteration: int) -> None:
        self._mlflow.log_metrics(dict(numbers), step=iteration)

    def sample(self, picture: np.ndarray, iteration: int) -> None:
        self._mlflow.log_image(picture, f"samples/{iteration:07d}.png")


class Guarded:
    """A tracker that is left alone from its first error on, which is told once."""

    def __init__(self, tracker: Tracker, tell: Callable[[str], None]) -> None:
        self._tracker: Tracker | None = tracker
        self._tell = tell

    def numbers(self, numbers: Mapping[str, float], iteration: int) -> None:
        self._try(lambda tracker: tracker.numbers(numbers, iteration))

    def sample(self, picture: np.ndarray, iteration: int) -> None:
        self._try(lambda tracker: tracker.sample(picture, iteration))

    def _try(self, call: Callable[[Tracker], None]) -> None:
        if self._tracker is None:
            return
        try:
            call(self._tracker)
        except Exception as error:  # of any kind: it is another's program, and a network
            self._tell(f"{type(self._tracker).__name__} is told no more: {error}")
            self._tracker = None


@contextmanager
def open_trackers(
    names: Sequence[TrackerName],
    run: Path,
    settings: Mapping[str, Any],
    tell: Callable[[str], None],
) -> Iterator[list[Tracker]]:
    """The trackers of a run; one that was stopped goes on there, too.

    Raises:
        UserError: a library is missing, or does not start.
    """
    openers = {"wandb": _wandb, "mlflow": _mlflow}
    with ExitStack() as stack:
        yield [
            Guarded(stack.enter_context(openers[name](_library(name), run, settings)), tell)
            for name in names
        ]


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UserError(f"trackers: {name} is not installed (pip install {name}).") from error


@contextmanager
def _wandb(wandb: Any, run: Path, settings: Mapping[str, Any]) -> Iterator[Tracker]:
    known = _known(run, "wandb", lambda: uuid.uuid4().hex)
    with _started("wandb"):
        session = wandb.init(
            project=PROJECT,
            name=run.name,
            id=known,
            resume="allow",
            dir=str(run),
            config=dict(settings),
        )
    try:
        yield Wandb(wandb, session)
    finally:
        session.finish()


@contextmanager
def _mlflow(mlflow: Any, run: Path, settings: Mapping[str, Any]) -> Iterator[Tracker]:
    with _started("mlflow"):
        mlflow.set_experiment(PROJECT)
        known = _known(run, "mlflow", lambda: str(_new_mlflow_run(mlflow, run, settings)))
        mlflow.start_run(run_id=known)
    try:
        yield MLflow(mlflow)
    finally:
        mlflow.end_run()


def _new_mlflow_run(mlflow: Any, run: Path, settings: Mapping[str, Any]) -> str:
    with mlflow.start_run(run_name=run.name) as begun:
        mlflow.log_dict(dict(settings), "config.json")
        return begun.info.run_id


def _known(run: Path, name: str, make: Callable[[], str]) -> str:
    """The number under which a tracker knows this run: it is kept in the run's folder."""
    file = run / f"{name}.json"
    if not file.is_file():
        file.write_text(json.dumps({"id": make()}), "utf-8")
    return str(json.loads(file.read_text("utf-8"))["id"])


@contextmanager
def _started(name: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # of any kind
        raise UserError(f"trackers: {name} does not start: {error}".rstrip(".") + ".") from error
