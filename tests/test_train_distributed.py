"""train/distributed.py: two real processes, begun by torchrun, against one."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

ROOT = Path(__file__).parent.parent
LAUNCHER = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
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
    for line in (run / "metrics.jsonl").read_text("utf-8").splitlines():
        for name, value in json.loads(line).items():
            if name.startswith("loss/"):
                found.setdefault(name, []).append(value)
    return found


@pytest.fixture
def arguments(training_pictures: Path, perceptual_file: Path) -> Callable[[str], list[object]]:
    """Of a run of 20 iterations with a batch of 16, in which all losses move the weights."""

    def of(stage: str) -> list[object]:
        settings = ["batch_size=16", "log_every=1", "schedule.learning_rate=1e-3"]
        given = [stage, "--preset", "tiny", "--data", training_pictures, "--iterations", 20]
        if stage == "gan":  # a CPU can't synchronise batch normalisation
            given += ["--perceptual", perceptual_file]
            settings += ["discriminator_batch_norm=false", "gan_weight=1", "clip_norm=0.5"]
            settings += ["discriminator_rate=10"]  # so that it can tell soon
        return [*given, *(part for each in settings for part in ("--set", each))]

    return of


@pytest.mark.parametrize(
    ("stage", "changes"),
    [("psnr", []), ("gan", []), ("gan", ["--set", "accumulate=2"])],
)
def test_two_processes_with_half_a_batch_equal_one_with_the_whole(
    stage: str, changes: list[str], arguments, training_pictures: Path, tmp_path: Path
) -> None:
    common = [*arguments(stage), *changes, "--validation", training_pictures]
    runs = [tmp_path / "one", tmp_path / "two"]
    one = started("-m", "train", *common, "--out", runs[0])
    two = started(*LAUNCHER, "-m", "train", *common, "--out", runs[1])
    for process in (one, two):
        code, out, err = ended(process)
        assert code == 0, err
    assert "in 2 processes" in out
    assert out.count("finished at iteration 20") == 1  # the main one speaks
    alone, together = map(losses, runs)
    assert alone.keys() == together.keys()
    for name, expected in alone.items():
        assert len(expected) == 20
        assert np.ptp(expected) > 1e-2, f"{name} did not move"
        np.testing.assert_allclose(together[name], expected, rtol=0, atol=1e-4, err_msg=name)
    assert json.loads((runs[1] / "environment.json").read_text())[0]["processes"] == 2
    one_model, two_model = (
        torch.load(run / "checkpoint.pt", weights_only=True)["modules"]["generator"] for run in runs
    )
    for name, weight in one_model.items():
        torch.testing.assert_close(two_model[name], weight, rtol=0, atol=2e-3)


# Each process has its own x; the loss is the relativistic one of all of them.
GRADIENTS = """
import sys, torch
from train import distributed
from train.losses import RelativisticAverageGANLoss
with distributed.processes(torch.device("cpu")):
    torch.manual_seed(0)
    x, weight = torch.randn(2, 8, 3, dtype=float), torch.nn.Parameter(torch.randn(3, dtype=float))
    real, fake = x[:, distributed.rank() :: distributed.world_size()] @ weight
    RelativisticAverageGANLoss().discriminator(real, fake).backward()
    distributed.average_gradients([weight])
    if distributed.is_main():
        print(*weight.grad.tolist())
"""


def test_the_gradient_of_the_relativistic_loss_is_that_of_the_whole_batch(tmp_path: Path) -> None:
    script = tmp_path / "gradients.py"
    script.write_text(GRADIENTS, "utf-8")
    code, out, err = ended(started(*LAUNCHER, script))
    assert code == 0, err

    torch.manual_seed(0)
    x, weight = torch.randn(2, 8, 3, dtype=float), torch.randn(3, dtype=float, requires_grad=True)
    real, fake = x @ weight
    on_real = F.softplus(-(real - fake.mean())).mean()  # −log σ(·)
    on_fake = F.softplus(fake - real.mean()).mean()
    ((on_real + on_fake) / 2).backward()
    np.testing.assert_allclose([float(part) for part in out.split()], weight.grad, rtol=1e-10)


def waited_for(path: Path, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 120
    while not path.is_file() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)


def test_torchrun_goes_on_from_the_last_checkpoint(arguments, tmp_path: Path) -> None:
    """A process is killed; torchrun starts both again, and the result is what it would have been."""
    common = [
        *arguments("gan"),
        "--iterations",
        200,
        "--set",
        "save_every=5",
        "--set",
        "num_workers=1",
    ]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    undisturbed = started(*LAUNCHER, "-m", "train", *common, "--out", whole)
    process = started(*LAUNCHER, "--max-restarts", 3, "-m", "train", *common, "--out", killed)
    waited_for(killed / "checkpoint.pt", process)
    victim = json.loads((killed / "environment.json").read_text())[0]["pid"]
    os.kill(victim, signal.SIGKILL)
    code, out, err = ended(process)
    assert code == 0, err
    assert "resuming at iteration" in out
    assert ended(undisturbed)[0] == 0
    assert losses(killed) == losses(whole)
    sessions = json.loads((killed / "environment.json").read_text())
    assert [session["from_iteration"] > 0 for session in sessions] == [False, True]


def test_all_processes_stop_together(arguments, tmp_path: Path) -> None:
    """torchrun passes SIGTERM on to the processes, and to those that load for them."""
    run = tmp_path / "run"
    changes = ["--iterations", 5000, "--set", "num_workers=1", "--set", "save_every=5000"]
    process = started(*LAUNCHER, "-m", "train", *arguments("psnr"), *changes, "--out", run)
    waited_for(run / "metrics.jsonl", process)
    until = time.monotonic() + 120
    while not losses(run) and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, out, err = ended(process)
    assert "stopped; go on with --resume at iteration" in out, err
    assert (run / "generator.safetensors").is_file()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("batch_size=3", "batch_size 3 does not divide by 2"),
        ("discriminator_batch_norm=true", "batch normalisation"),
    ],
)
def test_what_two_processes_can_t_do(change: str, words: str, arguments, tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = started(*LAUNCHER, "-m", "train", *arguments("gan"), "--set", change, "--out", run)
    code, _, err = ended(process)
    assert code != 0
    assert any(line.startswith("python -m train: ") and words in line for line in err.splitlines())
    assert not run.exists()
