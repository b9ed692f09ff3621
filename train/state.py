"""A run's folder: its configuration and its checkpoint, always whole."""

import io
import json
from pathlib import Path
from typing import Any

import torch

from esrgan.errors import UserError
from esrgan.files import atomic_path
from train.config import Config, StageName, make_config, to_settings
from train.stages import Stage


def config_path(run: Path) -> Path:
    return run / "config.json"


def checkpoint_path(run: Path) -> Path:
    return run / "checkpoint.pt"


def metrics_path(run: Path) -> Path:
    return run / "metrics.jsonl"


def read_metrics(run: Path) -> list[dict[str, float]]:
    """What a run logged, in order; a line that was cut short by a crash is left out."""
    try:
        lines = metrics_path(run).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines if line.endswith("}")]


def save_config(run: Path, stage: StageName, config: Config) -> None:
    """Write the resolved configuration beside the run's results."""
    text = json.dumps({"stage": stage, **to_settings(config)}, indent=2)
    with atomic_path(config_path(run)) as temporary:
        temporary.write_text(text + "\n", "utf-8")


def read_settings(run: Path, stage: StageName) -> dict[str, Any] | None:
    """The settings of a run that was begun, or None.

    Raises:
        UserError: it is another stage's, or damaged.
    """
    path = config_path(run)
    if not path.is_file():
        return None
    try:
        settings = json.loads(path.read_text("utf-8"))
        begun = settings.pop("stage")
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise UserError(f"{path} is damaged; delete the run's folder to begin anew.") from error
    if begun != stage:
        raise UserError(f"{run} holds a {begun} run, not a {stage} one.")
    make_config(stage, settings)
    return settings


def save_checkpoint(run: Path, iteration: int, stage: Stage) -> None:
    """Write everything that the rest of the run depends on."""
    state = {
        "iteration": iteration,
        "modules": {name: module.state_dict() for name, module in stage.modules.items()},
        "optimizers": {name: o.state_dict() for name, o in stage.optimizers.items()},
    }
    whole = io.BytesIO()  # torch.save to a file hides why it can't be written
    torch.save(state, whole)
    with atomic_path(checkpoint_path(run)) as temporary:
        temporary.write_bytes(whole.getbuffer())


def load_checkpoint(run: Path, stage: Stage) -> int:
    """Restore the stage and return the iteration it had reached; 0 if there is no checkpoint.

    Raises:
        UserError: the checkpoint is damaged or of other networks.
    """
    path = checkpoint_path(run)
    if not path.is_file():
        return 0
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        for name, module in stage.modules.items():
            module.load_state_dict(state["modules"][name])
        for name, optimizer in stage.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        return int(state["iteration"])
    except Exception as error:  # torch.load raises anything on broken files
        raise UserError(f"{path} is damaged or belongs to other networks.") from error
