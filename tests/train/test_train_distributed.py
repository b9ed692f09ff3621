"""train/distributed.py: two real processes against one."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from esrgan.errors import UserError
from esrgan.run_folder import read_metrics, read_status
from tests.processes import Together
from train import distributed
from train.config import StageName, make_config
from train.loop import loaded, set_rate, to_numbers
from train.losses import RelativisticAverageGANLoss
from train.settings import load_preset
from train.stages import build_stage

ROOT = Path(__file__).parents[2]
LAUNCHER = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
STAGES: dict[str, StageName] = {
    "psnr": "psnr",
    "psnr in parts": "psnr",
    "gan": "gan",
    "gan in parts": "gan",
    "unet in parts": "gan",
}
CPU = torch.device("cpu")
# Of Adam, which with a smaller one makes whole steps of gradients that are rounding errors alone.
EPSILON = 1e-6
ENVIRONMENT = {
    **os.environ,
    "OMP_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "",
    "TQDM_DISABLE": "1",
    "PYTHONPATH": str(ROOT),
}


def started(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code, stdout and stderr."""
    try:
        out, err = process.communicate(timeout=300)
    finally:
        process.kill()
    return process.returncode, out, err


def losses(run: Path) -> dict[str, list[float]]:
    """By name, as logged, in the order of the iterations."""
    found: dict[str, list[float]] = {}
    for line in read_metrics(run):
        for name, value in line.items():
            if name.startswith("loss/"):
                found.setdefault(name, []).append(value)
    return found


@pytest.fixture(scope="module")
def settings(training_pictures: Path, perceptual_file: Path) -> dict[str, Any]:
    """By stage, of 10 or 20 iterations with a batch of 16 in which all losses move the weights."""
    common = {
        "data": [str(training_pictures)],
        "validation": str(training_pictures),
        "iterations": 20,
        "batch_size": 16,
        "schedule": {"learning_rate": 1e-3},
    }
    second = {
        "perceptual": str(perceptual_file),
        "layers": {"conv2_2": 100.0},  # those of an untrained network are small
        "discriminator_batch_norm": False,  # a CPU can't synchronise it
        "gan_weight": 1.0,
        "clip_norm": 0.5,
        "schedule": {"learning_rate": 7e-4},  # adversaries amplify rounding errors as they go
    }
    psnr = {**load_preset("psnr", "tiny"), **common, "iterations": 10}
    gan = {**load_preset("gan", "tiny"), **common, **second}
    parts, unet = {"accumulate": 2}, {"discriminator": "unet"}
    return {
        "psnr": psnr,
        "psnr in parts": {**psnr, **parts},
        "gan": gan,
        "gan in parts": {**gan, **parts},
        "unet in parts": {**gan, **parts, **unet},
    }


def trained(stage: StageName, settings: dict[str, Any]) -> dict[str, Any]:
    """The losses of each iteration, and the validation after them."""
    config = make_config(stage, settings)
    built = build_stage(config, CPU)
    for optimizer in built.optimizers.values():
        optimizer.param_groups[0]["eps"] = EPSILON
    found: list[dict[str, float]] = []
    for first, second in loaded(built, config, 0, CPU):
        set_rate(built, config.schedule.learning_rate)
        found.append(to_numbers(built.step(first, second)))
    return {"losses": found, "validation": built.validate()}


def gradient() -> list[float]:
    """Of the relativistic loss of 8 pictures of 3 pixels, by a discriminator with 3 weights."""
    torch.manual_seed(0)
    x = torch.randn(2, 8, 3, dtype=torch.float64)
    weight = torch.nn.Parameter(torch.randn(3, dtype=torch.float64))
    real, fake = x[:, distributed.rank() :: distributed.world_size()] @ weight
    averager = distributed.GradientAverager([weight])
    averager.begin()
    RelativisticAverageGANLoss().discriminator(real, fake).backward()
    averager.finish()
    assert weight.grad is not None
    return weight.grad.tolist()


def sent() -> list[int]:
    """The parts of gradients that are under way when the backward pass is in each layer."""
    torch.manual_seed(0)
    layers = [torch.nn.Linear(20, 20, bias=False) for _ in range(3)]
    weights = [weight for layer in layers for weight in layer.parameters()]
    averager = distributed.GradientAverager(weights)
    found: list[int] = []
    x = torch.ones(1, 20, requires_grad=True)
    for layer in layers:
        x = layer(x)
        x.register_hook(lambda _: found.append(len(averager._sent)))
    averager.begin()
    x.sum().backward()
    averager.finish()
    return found


def votes() -> list[int]:
    """The answers to wishes that differ."""
    vote = distributed.Vote()
    own = ([0, 1, 1, 0, 0], [0, 0, 0, 2, 0])[distributed.rank()]
    return [*map(vote, own), vote.end(), vote.end()]


def refusal(stage: StageName, settings: dict[str, Any]) -> str:
    try:
        build_stage(make_config(stage, settings), CPU)
    except UserError as error:
        return str(error)
    return ""


def in_each_process() -> None:
    """What the two processes do: a stage, and what else needs two."""
    name, given, out = sys.argv[1:]
    settings = json.loads(Path(given).read_text("utf-8"))
    distributed.PART = 200  # so that there are several
    with distributed.processes(CPU):
        result = {
            **trained(STAGES[name], settings[name]),
            "gradient": gradient(),
            "votes": votes(),
            "sent": sent(),
            "three": refusal("gan", {**settings["gan"], "batch_size": 3}),
            "norm": refusal("gan", {**settings["gan"], "discriminator_batch_norm": True}),
        }
        if distributed.is_main():
            Path(out).write_text(json.dumps(result), "utf-8")


def of_two_processes(name: str, settings: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Their results, by a stage of `STAGES`."""
    given, out = folder / "settings.json", folder / "result.json"
    given.write_text(json.dumps(settings), "utf-8")
    for code, _, err in Together(in_each_process, 2, name, given, out).ended():
        assert code == 0, err
    return json.loads(out.read_text("utf-8"))


@pytest.fixture(scope="module")
def together(settings: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The results of two processes in the first stage."""
    return of_two_processes("psnr", settings, tmp_path_factory.mktemp("together"))


@pytest.mark.slow
def test_two_processes_with_half_a_batch_equal_one_with_the_whole(
    settings: dict[str, Any], together: dict[str, Any]
) -> None:
    assert_equal_to_one("psnr", settings, together)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(STAGES)[1:])
def test_two_processes_equal_one_in_parts_and_with_adversaries_too(
    name: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    assert_equal_to_one(name, settings, of_two_processes(name, settings, tmp_path))


def assert_equal_to_one(name: str, settings: dict[str, Any], together: dict[str, Any]) -> None:
    alone = trained(STAGES[name], settings[name])
    for key in [key for key in alone["losses"][0] if key.startswith("loss/")]:
        expected, found = ([step[key] for step in run["losses"]] for run in (alone, together))
        assert len(expected) == settings[name]["iterations"]
        assert np.ptp(expected) > 2e-3, f"{key} did not move"
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4, err_msg=key)
    assert together["validation"] == pytest.approx(alone["validation"], abs=1e-2)


def test_the_gradient_of_the_relativistic_loss_is_that_of_the_whole_batch(
    together: dict[str, Any],
) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 8, 3, dtype=torch.float64)
    weight = torch.randn(3, dtype=torch.float64, requires_grad=True)
    real, fake = x @ weight
    on_real = F.softplus(-(real - fake.mean())).mean()  # −log σ(·)
    on_fake = F.softplus(fake - real.mean()).mean()
    ((on_real + on_fake) / 2).backward()
    np.testing.assert_allclose(together["gradient"], weight.grad, rtol=1e-10)  # type: ignore[arg-type]


def test_a_wish_of_one_process_is_all_s_at_the_next_step_and_once(together: dict[str, Any]) -> None:
    assert together["votes"] == [0, 0, 1, 0, 2, 0, 0]


def test_gradients_are_exchanged_while_the_backward_pass_goes_on(together: dict[str, Any]) -> None:
    assert together["sent"] == [0, 1, 2]


def test_alone_a_wish_is_granted_at_once() -> None:
    vote = distributed.Vote()
    assert [vote(own) for own in (0, 1, 2)] == [0, 1, 2]
    assert vote.end() == 0


def test_what_two_processes_can_t_do_is_said(together: dict[str, Any]) -> None:
    assert "batch_size 3 does not divide by 2" in together["three"]
    assert "batch normalisation" in together["norm"]
    assert "discriminator_batch_norm=false" in together["norm"]


@pytest.fixture
def arguments(settings: dict[str, Any]) -> list[object]:
    """Of `python -m train gan`."""
    given = settings["gan"]
    changes = ["batch_size=4", "discriminator_batch_norm=false", "num_workers=1", "log_every=1"]
    return [
        *("gan", "--preset", "tiny", "--data", *given["data"], "--perceptual", given["perceptual"]),
        *(part for change in changes for part in ("--set", change)),
    ]


by_request = pytest.mark.skipif(
    "ESRGAN_LAUNCHER_TESTS" not in os.environ,
    reason="takes minutes of two cores; asked for by ESRGAN_LAUNCHER_TESTS=1",
)


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 300
    while not ready() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)


@by_request
def test_torchrun_goes_on_from_the_last_checkpoint(arguments: list[object], tmp_path: Path) -> None:
    """A process is killed; torchrun starts both again, and nothing of the result differs."""
    common = [*arguments, "--iterations", 300, "--set", "save_every=5"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    undisturbed = started(*LAUNCHER, "-m", "train", *common, "--out", whole)
    process = started(*LAUNCHER, "--max-restarts", 3, "-m", "train", *common, "--out", killed)
    wait_until((killed / "checkpoint.pt").is_file, process)
    os.kill(json.loads((killed / "environment.json").read_text())[0]["pid"], signal.SIGKILL)
    code, out, err = ended(process)
    assert code == 0, err
    assert "in 2 processes" in out
    assert "resuming at iteration" in out
    status = read_status(killed)
    assert status is not None
    assert (status.state, status.iteration) == ("finished", 300)
    assert ended(undisturbed)[0] == 0
    assert losses(killed) == losses(whole)
    sessions = json.loads((killed / "environment.json").read_text())
    assert [session["from_iteration"] > 0 for session in sessions] == [False, True]


@by_request
def test_all_processes_stop_together(arguments: list[object], tmp_path: Path) -> None:
    """torchrun passes SIGTERM on to the processes, and to those that load for them."""
    run = tmp_path / "run"
    changes = ["--iterations", 50_000, "--set", "save_every=50000"]
    process = started(*LAUNCHER, "-m", "train", *arguments, *changes, "--out", run)
    wait_until(lambda: len(read_metrics(run)) > 3, process)
    process.send_signal(signal.SIGTERM)
    _, out, err = ended(process)
    assert "stopped; go on with --resume at iteration" in out, err
    assert (run / "generator.safetensors").is_file()
