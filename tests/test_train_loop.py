"""`python -m train` from the command line to the files: resuming, stopping, what goes wrong."""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from esrgan.checkpoints import load_features, load_generator, read_facts
from esrgan.command_line import run as run_command
from esrgan.images import list_images
from train.__main__ import main
from train.stages import PSNRStage

ROOT = Path(__file__).parent.parent
ITERATIONS = 120
OFTEN = ["--iterations", ITERATIONS, "--set", "save_every=4", "--set", "sample_every=60"]


# ---------------------------------------------------------------- runs as processes of their own


class Process:
    """`python -m train …` in the background, the leader of its process group."""

    def __init__(self, *arguments: object) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "train", *map(str, arguments)],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def ended(self) -> tuple[int, str, str]:
        """Exit code, stdout and stderr."""
        try:
            out, err = self.popen.communicate(timeout=120)
        finally:
            self.popen.kill()
        return self.popen.returncode, out, err

    def signal_when(self, ready: Callable[[], bool], number: int) -> tuple[int, str, str]:
        """Send a signal, as a terminal does to the whole group, some time after `ready`."""
        until = time.monotonic() + 60
        while not ready() and self.popen.poll() is None and time.monotonic() < until:
            time.sleep(0.005)
        time.sleep(random.uniform(0, 0.2))
        os.killpg(self.popen.pid, number)
        return self.ended()


@pytest.fixture(scope="module")
def arguments(training_pictures: Path, perceptual_file: Path) -> dict[str, list[object]]:
    """By stage, all arguments but --out."""
    common = ["--preset", "tiny", "--data", training_pictures, *OFTEN]
    return {
        "psnr": ["psnr", *common, "--validation", training_pictures],
        "gan": ["gan", *common, "--perceptual", perceptual_file],
    }


@pytest.fixture(scope="module")
def uninterrupted(
    arguments: dict[str, list[object]], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """The folder of a finished run of a stage; each stage is trained once."""
    runs: dict[str, Path] = {}

    def finished(stage: str) -> Path:
        if stage not in runs:
            folder = tmp_path_factory.mktemp("runs") / stage
            code, out, err = Process(*arguments[stage], "--out", folder).ended()
            assert code == 0, err
            assert out.splitlines()[-1].startswith(f"finished at iteration {ITERATIONS}: ")
            runs[stage] = folder
        return runs[stage]

    return finished


def checkpoint(run: Path) -> Any:
    """A checkpoint with its tensors as bytes, to be compared bit for bit."""
    return as_bytes(torch.load(run / "checkpoint.pt", weights_only=True))


def as_bytes(state: Any) -> Any:
    if isinstance(state, torch.Tensor):
        return state.dtype, tuple(state.shape), state.contiguous().numpy().tobytes()
    if isinstance(state, dict):
        return {key: as_bytes(value) for key, value in state.items()}
    return [as_bytes(value) for value in state] if isinstance(state, list) else state


def scalars(run: Path) -> dict[str, list[int]]:
    """The iterations at which each number was logged, as TensorBoard shows them."""
    events = EventAccumulator(str(run / "tensorboard")).Reload()
    return {tag: [e.step for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def metrics(run: Path) -> list[dict[str, float]]:
    """The lines of metrics.jsonl, but for the time of day in them."""
    lines = (run / "metrics.jsonl").read_text("utf-8").splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != "time"} for line in lines]


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_run_leaves_weights_samples_and_curves(
    uninterrupted: Callable[[str], Path], training_pictures: Path
) -> None:
    run = uninterrupted("psnr")
    assert checkpoint(run)["iteration"] == ITERATIONS
    assert json.loads((run / "config.json").read_text("utf-8"))["iterations"] == ITERATIONS
    assert load_generator(run / "generator.safetensors").config.num_features == 8
    facts = read_facts(run / "generator.safetensors")
    assert facts["iterations"] == ITERATIONS
    assert facts["data"] == [training_pictures.name]
    assert facts["validation/psnr_y"] > 10
    samples = list_images(run / "samples")
    assert [sample.stem for sample in samples] == ["0000060", "0000120"]
    assert Image.open(samples[0]).size == (3 * 32, 4 * 32)
    every_fifth, every_fourth = (list(range(n, ITERATIONS + 1, n)) for n in (5, 4))
    assert scalars(run) == {
        "loss/l1": every_fifth,
        "learning_rate": every_fifth,
        "validation/psnr_y": every_fourth,
        "validation/ssim_y": every_fourth,
    }
    for name, iterations in scalars(run).items():
        assert [line["iteration"] for line in metrics(run) if name in line] == iterations


def test_a_gan_run_logs_all_its_losses(uninterrupted: Callable[[str], Path]) -> None:
    assert set(scalars(uninterrupted("gan"))) == {
        "loss/perceptual",
        "loss/adversarial",
        "loss/l1",
        "loss/discriminator",
        "logit/real",
        "logit/fake",
        "brightness/drift",
        "learning_rate",
    }


@pytest.mark.parametrize("stage", ["psnr", "gan"])
def test_a_killed_run_resumes_to_the_same_bits(
    stage: str, arguments, uninterrupted: Callable[[str], Path], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    code, _, _ = Process(*arguments[stage], "--out", run).signal_when(
        (run / "checkpoint.pt").is_file, signal.SIGKILL
    )
    assert code == -signal.SIGKILL
    assert 0 < checkpoint(run)["iteration"] < ITERATIONS
    assert not (run / "generator.safetensors").exists()

    code, out, err = Process(stage, "--preset", "tiny", "--out", run, "--resume").ended()
    assert code == 0, err
    assert "resuming at iteration" in out
    assert checkpoint(run) == checkpoint(uninterrupted(stage))
    assert scalars(run) == scalars(uninterrupted(stage))  # nothing twice, nothing missing
    assert metrics(run) == metrics(uninterrupted(stage))


def test_a_run_killed_before_its_first_checkpoint_starts_anew(
    arguments, uninterrupted: Callable[[str], Path], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    code, _, _ = Process(*arguments["psnr"], "--out", run, "--set", "save_every=1000").signal_when(
        (run / "tensorboard").is_dir, signal.SIGKILL
    )
    assert code == -signal.SIGKILL
    assert not (run / "checkpoint.pt").exists()
    code, out, err = Process("psnr", "--preset", "tiny", "--out", run, "--resume").ended()
    assert code == 0, err
    assert "starting anew" in out
    assert checkpoint(run) == checkpoint(uninterrupted("psnr"))


def test_ctrl_c_saves_and_the_run_goes_on_later(
    arguments, uninterrupted: Callable[[str], Path], tmp_path: Path
) -> None:
    """The signal reaches the loader's processes too, which are to stay quiet."""
    run = tmp_path / "run"
    code, out, err = Process(
        *arguments["gan"], "--out", run, "--set", "num_workers=2", "--set", "save_every=1000"
    ).signal_when((run / "tensorboard").is_dir, signal.SIGINT)
    assert code == 0, err
    assert "Traceback" not in err
    reached = checkpoint(run)["iteration"]
    assert 0 < reached < ITERATIONS
    assert out.splitlines()[-1].startswith(f"stopped; go on with --resume at iteration {reached}")
    assert read_facts(run / "generator.safetensors")["iterations"] == reached
    load_generator(run / "generator.safetensors")

    rest = ["--out", run, "--resume", "--set", "num_workers=0"]
    code, _, err = Process("gan", "--preset", "tiny", *rest).ended()
    assert code == 0, err
    assert checkpoint(run) == checkpoint(uninterrupted("gan"))


# ---------------------------------------------------------------- runs within this process


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Call `python -m train …` without the seconds that importing torch takes: code and stderr."""

    def call(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["train", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            run_command(main, "python -m train")
        return int(ended.value.code or 0), capsys.readouterr().err

    return call


def assert_refused(result: tuple[int, str], *words: str) -> None:
    """Exit code 2 and one line on stderr, apart from the progress bar's."""
    code, err = result
    assert code == 2, err
    lines = [line for line in err.splitlines() if "it/s" not in line and "?it" not in line]
    assert len([line for line in lines if line.strip()]) == 1, err
    assert lines[-1].startswith("python -m train")
    for word in words:
        assert word in lines[-1]


@pytest.fixture
def begun(command, training_pictures: Path, tmp_path: Path) -> Path:
    """A run of five iterations."""
    run = tmp_path / "begun"
    code, err = command(
        "psnr", "--preset", "tiny", "--data", training_pictures, "--out", run, "--iterations", 5
    )
    assert code == 0, err
    return run


def resumed(run: Path, *changes: str) -> list[object]:
    options = [part for change in changes for part in ("--set", change)]
    return ["psnr", "--preset", "tiny", "--out", run, "--resume", *options]


def test_resuming_a_finished_run_changes_nothing(
    command, uninterrupted: Callable[[str], Path], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(uninterrupted("psnr"), run)
    before, facts = contents(run), read_facts(run / "generator.safetensors")
    curves = scalars(run)
    assert command(*resumed(run))[0] == 0
    for path in ("checkpoint.pt", "config.json"):
        assert (run / path).read_bytes() == before[run / path]
    now = read_facts(run / "generator.safetensors")
    assert now["validation/psnr_y"] == facts["validation/psnr_y"]
    assert now["iterations"] == facts["iterations"]
    weights = (load_generator(r / "generator.safetensors") for r in (run, uninterrupted("psnr")))
    assert len({str(as_bytes(network.state_dict())) for network in weights}) == 1
    assert scalars(run) == curves


def test_metrics_are_cut_back_to_the_checkpoint(command, begun: Path) -> None:
    """What a crash left behind the last checkpoint, half a line included, is logged anew."""
    with (begun / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"iteration": 6, "time": 0, "loss/l1": 1}\n{"iteration": 7, "ti')
    assert command(*resumed(begun, "iterations=10"))[0] == 0
    assert [line["iteration"] for line in metrics(begun)] == [5, 10]


def test_a_resumed_classifier_equals_an_uninterrupted_one(
    command, training_pictures: Path, tmp_path: Path
) -> None:
    """Its batch normalisation's statistics and its momentum are in the checkpoint too."""
    for name in ("ant", "bee"):
        shutil.copytree(training_pictures, tmp_path / "classes" / name)
    common = ["vgg", "--preset", "tiny", "--data", tmp_path / "classes"]
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    assert command(*common, "--out", whole, "--iterations", 8)[0] == 0
    assert command(*common, "--out", halves, "--iterations", 3)[0] == 0
    assert command(*common, "--out", halves, "--iterations", 8, "--resume")[0] == 0
    assert checkpoint(halves) == checkpoint(whole)
    load_features(whole / "vgg19.safetensors")


def test_a_second_start_is_refused(command, begun: Path, training_pictures: Path) -> None:
    before = contents(begun)
    start = ["psnr", "--preset", "tiny", "--data", training_pictures, "--out", begun]
    assert_refused(command(*start), "already holds a run", "--resume")
    assert_refused(command("gan", *start[1:], "--resume"), "psnr run", "gan")
    assert_refused(command(*resumed(begun, "generator.num_features=6")), "other networks")
    assert contents(begun) == before


def test_a_diverging_run_stops_and_keeps_its_checkpoint(command, begun: Path) -> None:
    before = (begun / "checkpoint.pt").read_bytes()
    changes = resumed(begun, "schedule.learning_rate=1e30", "iterations=20", "sample_every=7")
    assert_refused(command(*changes), "diverged", "iteration 7")
    assert (begun / "checkpoint.pt").read_bytes() == before
    assert not (begun / "samples" / "0000007.png").exists()


def test_weights_that_are_not_numbers_are_never_saved(
    command, begun: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A finite loss says nothing of the weights after the update that it led to."""

    def broken_step(stage: PSNRStage, *batch: torch.Tensor) -> dict[str, torch.Tensor]:
        losses = step(stage, *batch)
        torch.nn.init.constant_(stage.generator.conv_last.bias, float("nan"))
        return losses

    before, step = (begun / "checkpoint.pt").read_bytes(), PSNRStage.step
    monkeypatch.setattr(PSNRStage, "step", broken_step)
    changes = resumed(begun, "iterations=20", "save_every=6")
    assert_refused(command(*changes), "weights", "iteration 6")
    assert (begun / "checkpoint.pt").read_bytes() == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["psnr", "--preset", "tiny"], ["--data"]),
        (["psnr", "--preset", "tiny", "--data", "no/such/folder"], ["no/such/folder"]),
        (["psnr", "--preset", "huge"], ["huge", "paper-psnr"]),
        (["vgg", "--preset", "paper-gan"], ["paper-gan", "gan", "vgg"]),
        (["psnr", "--preset", "tiny", "--set", "colour=1"], ["colour"]),
        (["psnr", "--preset", "tiny", "--set", "device=abacus"], ["abacus"]),
        (["psnr", "--preset", "tiny", "--perceptual", "builtin"], ["--perceptual"]),
        (["psnr", "--preset", "tiny", "--iterations", "many"], ["many"]),
        (["psnr", "--preset", "tiny", "--init", "no/model.pth"], ["no/model.pth"]),
        (["gan", "--preset", "tiny", "--perceptual", "no/vgg.pth"], ["no/vgg.pth"]),
    ],
)
def test_a_wrong_command_leaves_no_folder(
    command, options: list[str], words: list[str], training_pictures: Path, tmp_path: Path
) -> None:
    if {"--init", "--perceptual"} & set(options):
        options = [*options, "--data", str(training_pictures)]
    assert_refused(command(*options, "--out", tmp_path / "run"), *words)
    assert not (tmp_path / "run").exists()


def test_an_output_folder_that_can_t_be_made(
    command, training_pictures: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    run = tmp_path / "file" / "run"
    start = ["psnr", "--preset", "tiny", "--data", training_pictures, "--out", run]
    assert_refused(command(*start), str(run))


@pytest.mark.parametrize(
    "name", ["tensorboard", "samples", "checkpoint.pt", "generator.safetensors"]
)
def test_a_part_of_the_run_that_can_t_be_written(command, begun: Path, name: str) -> None:
    part = begun / name
    shutil.rmtree(part) if part.is_dir() else part.unlink(missing_ok=True)
    part.touch() if name in ("tensorboard", "samples") else part.mkdir()
    assert_refused(command(*resumed(begun, "iterations=10")), "could not be written")


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file of this process can grow beyond 20 kB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk(command, begun: Path, full_disk: None) -> None:
    before = (begun / "checkpoint.pt").read_bytes()
    assert len(before) > 20_000
    assert_refused(
        command(*resumed(begun, "iterations=10")), "checkpoint.pt could not be written", "large"
    )
    assert (begun / "checkpoint.pt").read_bytes() == before
    assert not list(begun.glob(".*.tmp"))


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 nothing", "half"])
def test_a_damaged_checkpoint(command, begun: Path, damage: bytes | str) -> None:
    path = begun / "checkpoint.pt"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if isinstance(damage, str) else damage)
    assert_refused(command(*resumed(begun)), "checkpoint.pt", "damaged")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"stage": "psnr", "iterations": "many"}'])
def test_a_damaged_configuration(command, begun: Path, text: str) -> None:
    (begun / "config.json").write_text(text, "utf-8")
    assert_refused(command(*resumed(begun)))
