"""`python -m train` from the command line to the files: resuming, stopping, what goes wrong."""

import importlib.metadata
import json
import os
import platform
import random
import shutil
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
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from esrgan.errors import UserError
from esrgan.models.checkpoints import load_features, load_generator, read_facts
from esrgan.pictures.folders import list_images
from esrgan.pictures.images import to_image
from esrgan.run_folder import Status, kept_weights, read_metrics, read_status
from tests.processes import Forked
from tests.train.commands import ended
from train import loop
from train.__main__ import start
from train.checkpoint import CheckpointWriter
from train.data import PairDataset
from train.loop import set_rate
from train.stages import PSNRStage, Stage

ROOT = Path(__file__).parents[2]
DELAYS = random.Random(0)  # before a signal, the same in each run of the tests
ENDINGS = (signal.SIGKILL, signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM)
ITERATIONS = 60
OFTEN = ["--iterations", ITERATIONS, "--set", "save_every=4", "--set", "sample_every=30"]


# ---------------------------------------------------------------- runs as processes of their own


def start_slowly() -> None:
    """`python -m train …` with a pause before each step: a signal finds it at work, and is heard
    even if the tests were begun by `nohup`."""

    def pausing(stage: Stage, rate: float) -> None:
        time.sleep(0.02)
        set_rate(stage, rate)

    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    loop.set_rate = pausing
    start()


class Process(Forked):
    """`python -m train …` in the background, the leader of its process group."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(start_slowly, *arguments)

    def signal_when(self, ready: Callable[[], bool], number: int) -> tuple[int, str, str]:
        """Send a signal, as a terminal does to the whole group, some time after `ready`."""
        until = time.monotonic() + 300
        while not ready() and self.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(DELAYS.uniform(0, 0.2))
        if self.poll() is None:
            os.killpg(self.pid, number)
        return self.ended()


@pytest.fixture(scope="module")
def arguments(training_pictures: Path, perceptual_file: Path) -> dict[str, list[object]]:
    """By stage, all arguments but --out."""
    common = ["--preset", "tiny", "--data", training_pictures, *OFTEN]
    validated = ["--validation", training_pictures]
    return {
        "psnr": ["psnr", *common, *validated],
        "gan": ["gan", *common, *validated, "--perceptual", perceptual_file],
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
            code, out, err = ended(*arguments[stage], "--out", folder)
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


def standing(run: Path) -> tuple[str, int, int, str]:
    """What `status.json` says, but for whose and when it is."""
    status = read_status(run)
    assert isinstance(status, Status)
    assert status.pid > 0
    assert time.time() - 1000 < status.time <= time.time()
    return status.state, status.iteration, status.iterations, status.message


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_run_leaves_weights_samples_and_curves(
    uninterrupted: Callable[[str], Path], training_pictures: Path
) -> None:
    run = uninterrupted("psnr")
    assert checkpoint(run)["iteration"] == ITERATIONS
    assert standing(run) == ("finished", ITERATIONS, ITERATIONS, "")
    assert json.loads((run / "config.json").read_text("utf-8"))["iterations"] == ITERATIONS
    assert load_generator(run / "generator.safetensors").config.num_features == 8
    facts = read_facts(run / "generator.safetensors")
    assert facts["iterations"] == ITERATIONS
    assert facts["data"] == [training_pictures.name]
    assert facts["validation/psnr_y"] > 10
    samples = list_images(run / "samples")
    assert list(kept_weights(run)) == [30, 60]
    assert [sample.stem for sample in samples] == ["0000030", "0000060"]
    assert Image.open(samples[0]).size == (3 * 32, 4 * 32)
    every_fifth, every_fourth = (list(range(n, ITERATIONS + 1, n)) for n in (5, 4))
    assert scalars(run) == {
        "loss/l1": every_fifth,
        "learning_rate": every_fifth,
        "validation/psnr_y": every_fourth,
        "validation/ssim_y": every_fourth,
        "validation/delta_e": every_fourth,
        "validation/delta_e_95": every_fourth,
        "validation/flat": every_fourth,
    }
    for name, iterations in scalars(run).items():
        assert [line["iteration"] for line in metrics(run) if name in line] == iterations


def test_the_weights_beside_a_sample_picture_are_those_that_made_it(
    uninterrupted: Callable[[str], Path], training_pictures: Path
) -> None:
    run = uninterrupted("psnr")
    network = load_generator(kept_weights(run)[30])
    lr, _ = PairDataset([str(training_pictures)], 32, 4, seed=0)[2]
    sr = to_image(network(lr[None] / 255))
    shown = np.asarray(Image.open(run / "samples" / "0000030.png"))[64:96, 32:64]
    assert np.abs(sr.astype(int) - shown).max() <= 1  # they are kept as float16
    assert read_facts(kept_weights(run)[30])["iterations"] == 30


def test_a_gan_run_logs_all_its_losses(uninterrupted: Callable[[str], Path]) -> None:
    assert set(scalars(uninterrupted("gan"))) == {
        "loss/perceptual",
        "loss/adversarial",
        "loss/l1",
        "loss/discriminator",
        "logit/real",
        "logit/fake",
        "brightness/drift",
        "gan_weight",
        "gradient/perceptual",
        "gradient/adversarial",
        "gradient/l1",
        "share/adversarial",
        "share/l1",
        "validation/psnr_y",
        "validation/ssim_y",
        "validation/delta_e",
        "validation/delta_e_95",
        "validation/flat",
        "learning_rate",
    }


@pytest.mark.parametrize("discriminator", ["vgg", pytest.param("unet", marks=pytest.mark.slow)])
def test_all_of_the_second_stage_goes_on_to_the_same_bits(
    arguments, tmp_path: Path, discriminator: str
) -> None:
    """Spectral normalisation, features' scales, head start and ramp, cut in each of the two."""
    changes = {
        "discriminator": discriminator,
        "normalise_features": "true",
        "gan_share": 0.5,
        "gan_weight": 1e4,
        "discriminator_head_start": 2,
        "gan_ramp": 4,
        "gradient_penalty": 0.1,
        "log_every": 1,
        "save_every": 1,
    }
    settings = [part for item in changes.items() for part in ("--set", "{}={}".format(*item))]
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    common = [*arguments["gan"], *settings]
    for out, *more in ((whole, 6), (cut, 1), (cut, 4, "--resume"), (cut, 6, "--resume")):
        code, _, err = ended(*common, "--out", out, "--iterations", *more)
        assert code == 0, err
    assert checkpoint(cut) == checkpoint(whole)
    assert metrics(cut) == metrics(whole)
    shares = [line["share/adversarial"] for line in metrics(whole) if "gan_weight" in line]
    assert shares == pytest.approx([0.125, 0.25, 0.375, 0.5], rel=1e-4)


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_same_bits(
    arguments, uninterrupted: Callable[[str], Path], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    code, _, _ = Process(*arguments["psnr"], "--out", run).signal_when(
        (run / "checkpoint.pt").is_file, signal.SIGKILL
    )
    assert code == -signal.SIGKILL
    assert 0 < checkpoint(run)["iteration"] < ITERATIONS
    assert standing(run)[0] == "running"  # there was nobody left to say otherwise
    assert not (run / "generator.safetensors").exists()

    code, out, err = ended("psnr", "--preset", "tiny", "--out", run, "--resume")
    assert code == 0, err
    assert "resuming at iteration" in out
    assert checkpoint(run) == checkpoint(uninterrupted("psnr"))
    assert scalars(run) == scalars(uninterrupted("psnr"))  # nothing twice, nothing missing
    assert metrics(run) == metrics(uninterrupted("psnr"))


@pytest.mark.slow
def test_many_ends_of_a_gan_run_leave_no_trace(
    arguments, uninterrupted: Callable[[str], Path], tmp_path: Path
) -> None:
    """Ended at random moments, in the middle of a save or a validation too, by what a scheduler, a
    closed terminal and the system's killer send; ESRGAN_KILLS sets how often."""
    run, ends = tmp_path / "run", int(os.environ.get("ESRGAN_KILLS", 4))
    start = [*arguments["gan"], "--out", run]
    reached, stops = 0, set()
    for number in range(ends):
        ending = ENDINGS[number % len(ENDINGS)]
        process = Process(*start)
        until = (number + 1) * ITERATIONS // (ends + 1)

        def far_enough(until: int = until, pid: int = process.pid) -> bool:
            status = read_status(run)
            at_work = status is not None and status.pid == pid
            return at_work and any(line["iteration"] >= until for line in read_metrics(run))

        code, out, err = process.signal_when(far_enough, ending)
        if code == 0 and "finished" in out:  # it was quicker
            assert number > ends // 2
            break
        assert code == (-ending if ending == signal.SIGKILL else 0), err
        assert "Traceback" not in err
        start = ["gan", "--out", run, "--resume"]
        if (run / "checkpoint.pt").is_file():
            assert checkpoint(run)["iteration"] >= reached
            reached = checkpoint(run)["iteration"]
        if code == 0:
            assert standing(run) == ("stopped", reached, ITERATIONS, "")
            stops.add(reached)
    code, _, err = ended("gan", "--out", run, "--resume")
    assert code == 0, err
    whole = uninterrupted("gan")
    assert checkpoint(run) == checkpoint(whole)
    # Nothing twice, nothing missing; where it was stopped it was measured too.
    logged_between, expected_between = (
        [line for line in metrics(r) if line["iteration"] not in stops and "warning" not in line]
        for r in (run, whole)
    )
    assert logged_between == expected_between
    logged = scalars(run)
    assert set(logged) == set(scalars(whole))
    for name, expected in scalars(whole).items():
        assert set(expected) <= set(logged[name]) <= set(expected) | stops
        assert len(logged[name]) == len(set(logged[name]))
    pictures = {path.relative_to(whole) for path in whole.rglob("*.png")}
    assert pictures <= {path.relative_to(run) for path in run.rglob("*.png")}
    assert not list(run.rglob(".*.tmp"))


@pytest.mark.slow
def test_a_run_killed_before_its_first_checkpoint_starts_anew(
    arguments, uninterrupted: Callable[[str], Path], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    code, _, _ = Process(*arguments["psnr"], "--out", run, "--set", "save_every=1000").signal_when(
        (run / "tensorboard").is_dir, signal.SIGKILL
    )
    assert code == -signal.SIGKILL
    assert not (run / "checkpoint.pt").exists()
    code, out, err = ended("psnr", "--preset", "tiny", "--out", run, "--resume")
    assert code == 0, err
    assert "starting anew" in out
    assert checkpoint(run) == checkpoint(uninterrupted("psnr"))


@pytest.mark.slow
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
    assert standing(run) == ("stopped", reached, ITERATIONS, "")
    assert read_facts(run / "generator.safetensors")["iterations"] == reached
    load_generator(run / "generator.safetensors")

    rest = ["--out", run, "--resume", "--set", "num_workers=0"]
    code, _, err = ended("gan", "--preset", "tiny", *rest)
    assert code == 0, err
    assert checkpoint(run) == checkpoint(uninterrupted("gan"))


# ---------------------------------------------------------------- runs within this process


@pytest.fixture
def command() -> Callable[..., tuple[int, str]]:
    """Call `python -m train …`: exit code and stderr."""

    def call(*arguments: object) -> tuple[int, str]:
        code, _, err = ended(*arguments)
        return code, err

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


def test_the_folder_says_how_and_where_it_was_trained(command, begun: Path) -> None:
    """One entry a session, as a run may go on with other code or on another machine."""
    assert command("psnr", "--out", begun, "--resume", "--iterations", 10)[0] == 0
    assert json.loads((begun / "config.json").read_text("utf-8"))["seed"] == 0
    first, second = json.loads((begun / "environment.json").read_text("utf-8"))
    assert (first["from_iteration"], second["from_iteration"]) == (0, 5)
    assert second["command"] == ["psnr", "--out", str(begun), "--resume", "--iterations", "10"]
    lines = read_facts(begun / "generator.safetensors")["command"].splitlines()
    assert lines[0].startswith("python -m train psnr ")
    assert (
        lines[1]
        == f"python -m train psnr --out {begun.name} --resume --iterations 10  # from iteration 5"
    )
    assert str(begun.parent) not in lines[0], "the folders of this machine are nobody's business"
    assert first["torch"] == importlib.metadata.version("torch")
    assert first["python"] == platform.python_version()
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (first["git"] or "").rstrip("+") == commit.stdout.strip()


def test_without_a_preset_there_must_be_a_run(command, tmp_path: Path) -> None:
    assert_refused(command("psnr", "--out", tmp_path / "run", "--resume"), "--preset")


def test_a_dry_run_tells_what_will_be_and_writes_nothing(
    command, training_pictures: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    options = ["psnr", "--preset", "tiny", "--data", training_pictures, "--out", run, "--dry-run"]
    code, out, err = ended(*options)
    assert code == 0, err
    assert '"crop_size": 32' in out
    assert "20 iterations, 40 crops" in out
    for words in (
        "loss/l1",
        "s a step",
        "to validate",
        "s for one picture",
        "GiB",
        "nothing was written",
    ):
        assert words in out
    assert list(tmp_path.iterdir()) == []
    assert_refused(command(*options, "--set", "crop_size=30"), "crop_size 30")


def test_a_dry_run_of_a_begun_run_changes_no_file(command, begun: Path) -> None:
    before = contents(begun)
    assert command(*resumed(begun, "iterations=10"), "--dry-run")[0] == 0
    assert contents(begun) == before


def test_the_best_weights_are_those_of_the_best_validation(
    command, training_pictures: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    options = ["--validation", training_pictures, "--set", "save_every=1", "--set", "log_every=1"]
    start = ["psnr", "--preset", "tiny", "--data", training_pictures, "--out", run, *options]
    changes = ["--set", "ema_decay=0", "--set", "schedule.learning_rate=0.02"]  # up and down
    assert command(*start, *changes, "--iterations", 8)[0] == 0
    name = "validation/psnr_y"
    figures = {line["iteration"]: line[name] for line in metrics(run) if name in line}
    best = max(figures, key=lambda iteration: figures[iteration])
    facts = read_facts(run / "best" / "generator.safetensors")
    assert facts["iterations"] == best < 8
    assert facts["validation/psnr_y"] == figures[best]

    # A session that does worse leaves them; one that counts otherwise would not have.
    worse = resumed(run, "iterations=9", "schedule.learning_rate=1.0")
    assert command(*worse, "--allow-changes")[0] == 0
    assert read_facts(run / "best" / "generator.safetensors")["iterations"] == best


def test_pictures_of_the_validation_set_are_kept(
    command, training_pictures: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    start = ["psnr", "--preset", "tiny", "--data", training_pictures, "--out", run]
    assert command(*start, "--validation", training_pictures)[0] == 0
    for file in list_images(training_pictures):
        for iteration in ("0000010", "0000020"):
            kept = Image.open(run / "validation" / iteration / file.name)
            assert kept.size == Image.open(file).size


def test_pictures_of_one_name_but_for_their_suffixes_are_both_kept(
    command, training_pictures: Path, tmp_path: Path
) -> None:
    validation = tmp_path / "validation"
    for name in ("a.png", "b.bmp"):
        (validation / name[0]).mkdir(parents=True)
        picture = Image.open(training_pictures / f"{'ab'.index(name[0])}.png")
        picture.save(validation / name[0] / f"img{name[1:]}")
    start = ["psnr", "--preset", "tiny", "--data", training_pictures, "--out", tmp_path / "run"]
    assert command(*start, "--validation", validation, "--iterations", 1)[0] == 0
    kept = (tmp_path / "run" / "validation" / "0000001").iterdir()
    assert sorted(path.name for path in kept) == ["img.bmp.png", "img.png.png"]


def test_only_the_latest_weights_are_kept(command, training_pictures: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    start = ["psnr", "--preset", "tiny", "--data", training_pictures, "--out", run]
    often = ["--iterations", 5, "--set", "sample_every=1"]
    assert command(*start, *often, "--set", "keep=2")[0] == 0
    assert list(kept_weights(run)) == [4, 5]
    assert len(list_images(run / "samples")) == 5
    assert command(*resumed(run, "iterations=6", "keep=0"))[0] == 0
    assert list(kept_weights(run)) == []


# ---------------------------------------------------------------- saved before it is looked at


@pytest.mark.parametrize(
    ("error", "word"), [(MemoryError(), "memory"), (UserError("It is too dark."), "too dark")]
)
def test_a_failing_validation_loses_nothing(
    command,
    training_pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    word: str,
) -> None:
    """Resumed, the run has the validation of that iteration too, and all else once."""
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    start = ["psnr", "--preset", "tiny", "--data", training_pictures, "--iterations", 10]
    start += ["--validation", training_pictures, "--set", "sample_every=5"]

    def fail(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(PSNRStage, "validate", fail)
        assert_refused(command(*start, "--out", broken), word, "--resume", "iteration 5")
        assert checkpoint(broken)["iteration"] == 5
    assert command(*resumed(broken))[0] == 0
    assert command(*start, "--out", whole)[0] == 0
    assert metrics(broken) == metrics(whole)
    assert scalars(broken) == scalars(whole)
    assert checkpoint(broken) == checkpoint(whole)
    for folder in ("samples", "best", "validation"):
        names = [{path.name for path in (run / folder).rglob("*")} for run in (whole, broken)]
        assert names[0] == names[1]


def test_a_run_goes_on_without_the_validation_that_fails(
    command, training_pictures: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    start = ["psnr", "--preset", "tiny", "--data", training_pictures, "--out", run]
    assert command(*start, "--validation", training_pictures, "--iterations", 5)[0] == 0
    assert command(*resumed(run, "iterations=10"), "--validation", "")[0] == 0
    assert [line["iteration"] for line in metrics(run) if "validation/psnr_y" in line] == [5]


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_a_validation_picture_that_can_t_be_measured_is_named_at_the_start(
    command, training_pictures: Path, tmp_path: Path, more: list[str]
) -> None:
    (tmp_path / "small").mkdir()
    Image.new("RGB", (18, 40)).save(tmp_path / "small" / "dot.png")
    start = ["psnr", "--preset", "tiny", "--data", training_pictures, "--out", tmp_path / "run"]
    given = [*start, "--validation", tmp_path / "small", *more]
    assert_refused(command(*given), "dot.png", "too small", "16×40", "19")
    assert not (tmp_path / "run").exists()
    Image.new("RGB", (20, 40)).save(tmp_path / "small" / "dot.png")
    assert command(*given)[0] == 0


def test_a_checkpoint_is_written_when_the_last_one_is_old(
    command, training_pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[int] = []

    def record(_writer: CheckpointWriter, iteration: int, _stage: Stage) -> None:
        saved.append(iteration)

    monkeypatch.setattr(CheckpointWriter, "save", record)
    start = ["psnr", "--preset", "tiny", "--data", training_pictures, "--iterations", 4]
    rarely = ["--set", "save_every=1000", "--set", "sample_every=1000"]
    assert command(*start, *rarely, "--out", tmp_path / "slow")[0] == 0
    assert saved == [4]
    changes = ["--set", "save_minutes=1e-9"]
    assert command(*start, *rarely, *changes, "--out", tmp_path / "often")[0] == 0
    assert saved[1:] == [1, 2, 3, 4]
    validated = [line for line in metrics(tmp_path / "often") if "validation/flat" in line]
    assert [line["iteration"] for line in validated] == [4]


def test_a_warning_is_in_the_terminal_and_in_the_metrics(
    command,
    training_pictures: Path,
    perceptual_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A fresh generator's pictures are darker than HR by far; the run goes on all the same."""
    run = tmp_path / "run"
    start = ["gan", "--preset", "tiny", "--data", training_pictures, "--perceptual"]
    written: list[str] = []
    monkeypatch.setattr("train.loop.tqdm.write", lambda _self, text: written.append(text))
    code, err = command(*start, perceptual_file, "--out", run, "--set", "log_every=1")
    assert code == 0, err
    (warning,) = [line for line in metrics(run) if "warning" in line]
    assert warning["iteration"] == 10
    assert "darker" in warning["warning"]
    assert written == [f"warning at iteration 10: {warning['warning']}"]
    assert command("gan", "--out", run, "--resume", "--iterations", 14)[0] == 0
    told = [line["warning"] for line in metrics(run) if "warning" in line]
    assert sum("darker" in each for each in told) == 1  # not again


def test_metrics_are_cut_back_to_the_checkpoint(command, begun: Path) -> None:
    """What a crash left behind the last checkpoint, half a line included, is logged anew; a broken
    byte costs its line."""
    with (begun / "metrics.jsonl").open("ab") as file:
        file.write(b'{"iteration": 4, "time\xff": 0}\n')
        file.write(b'{"iteration": 6, "time": 0, "loss/l1": 1}\n{"iteration": 7, "ti')
    assert command(*resumed(begun, "iterations=10"))[0] == 0
    assert [line["iteration"] for line in metrics(begun) if "loss/l1" in line] == [5, 10]


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


CHANGED = {
    "seed=7": "seed 0 → 7",
    "batch_size=4": "batch_size 2 → 4",
    "crop_size=40": "crop_size 32 → 40",
    "precision=bf16": "precision auto → bf16",
    "schedule.learning_rate=5": "schedule.learning_rate 0.001 → 5",
}


@pytest.mark.parametrize("change", CHANGED)
def test_what_makes_another_run_of_it_is_refused(command, begun: Path, change: str) -> None:
    before = contents(begun)
    assert_refused(command(*resumed(begun, change)), CHANGED[change], "--allow-changes")
    assert contents(begun) == before


def test_what_is_changed_all_the_same_is_told_and_noted(begun: Path) -> None:
    more = resumed(begun, "iterations=8", "batch_size=1")
    code, out, err = ended(*more, "--allow-changes")
    assert code == 0, err
    assert "changed: iterations 5 → 8, batch_size 2 → 1" in out
    sessions = json.loads((begun / "environment.json").read_text("utf-8"))
    assert "changes" not in sessions[0]
    assert sessions[1]["changes"] == {"iterations": [5, 8], "batch_size": [2, 1]}
    facts = read_facts(begun / "generator.safetensors")
    assert facts["changes"] == ["from iteration 5: iterations 5 → 8, batch_size 2 → 1"]
    assert facts["preset"] == "tiny"


def test_other_pictures_are_other_data(command, begun: Path, tmp_path: Path) -> None:
    """In another folder, and in the same one."""
    data = tmp_path / "data"
    settings = json.loads((begun / "config.json").read_text("utf-8"))
    shutil.copytree(settings["data"][0], data)
    assert_refused(command(*resumed(begun), "--data", data), "data", str(data), "--allow-changes")
    (begun / "config.json").write_text(json.dumps({**settings, "data": [str(data)]}), "utf-8")
    assert command(*resumed(begun, "iterations=6"))[0] == 0
    Image.new("RGB", (40, 50)).save(data / "another.png")
    assert_refused(command(*resumed(begun, "iterations=7")), "training pictures", "3 ", "4 ")
    assert command(*resumed(begun, "iterations=7"), "--allow-changes")[0] == 0
    changes = json.loads((begun / "environment.json").read_text("utf-8"))[-1]["changes"]
    assert set(changes) == {"iterations", "training pictures"}
    facts = read_facts(begun / "generator.safetensors")
    assert str(tmp_path) not in str(facts)


def test_a_run_is_gone_on_with_from_any_folder(
    command, training_pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(training_pictures.parent)
    start = ["psnr", "--preset", "tiny", "--iterations", 1, "--data", training_pictures.name]
    run = ["--out", tmp_path / "run", "--validation", training_pictures.name]
    assert command(*start, *run)[0] == 0
    assert command(*start, *run, "--resume")[0] == 0  # the same words mean the same
    monkeypatch.chdir(tmp_path)
    assert command("psnr", "--out", "run", "--resume", "--iterations", 2)[0] == 0


def test_a_run_goes_on_with_its_own_networks_and_preset(
    command, begun: Path, training_pictures: Path
) -> None:
    again = ["psnr", "--out", begun, "--resume"]
    told = ["init none → psnr", "other networks", "--out"]
    assert_refused(command(*again, "--init", "psnr", "--allow-changes"), *told)
    assert_refused(command(*again, "--preset", "builtin-psnr"), "'tiny'", "--set")
    (begun / "checkpoint.pt").unlink()  # nothing was trained yet that would be lost
    start = [*again, "--preset", "tiny", "--set", "generator.num_features=6"]
    assert command(*start, "--iterations", 1)[0] == 0
    assert load_generator(begun / "generator.safetensors").config.num_features == 6


def test_fewer_iterations_than_were_made_are_refused(command, begun: Path) -> None:
    assert_refused(command(*resumed(begun, "iterations=4")), "iteration 5", "give 5 or more")


def test_a_checkpoint_of_other_networks_says_in_what_they_differ(
    command, begun: Path, training_pictures: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    start = ["psnr", "--preset", "tiny", "--data", training_pictures, "--iterations", 1]
    assert command(*start, "--out", other, "--set", "generator.num_features=6")[0] == 0
    shutil.copy(other / "checkpoint.pt", begun / "checkpoint.pt")
    named = ["conv_first.weight of the generator is 6×3×3×3 there, and 8×3×3×3 here"]
    assert_refused(command(*resumed(begun)), *named)
    frozen = resumed(other, 'freeze=["conv_first"]')
    assert_refused(command(*frozen, "--allow-changes"), "other weights that are trained")


def test_the_best_of_another_validation_is_set_aside(
    command, training_pictures: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    start = ["psnr", "--preset", "tiny", "--data", training_pictures, "--out", run]
    assert command(*start, "--validation", training_pictures, "--iterations", 1)[0] == 0
    assert command(*resumed(run, "iterations=2", "best_by=delta_e"))[0] == 0
    known = [read_facts(run / f / "generator.safetensors") for f in ("best-until-0000001", "best")]
    assert [facts["iterations"] for facts in known] == [1, 2]


def test_a_gan_run_whose_pictures_are_too_small_for_niqe_has_its_best(
    arguments, tmp_path: Path
) -> None:
    code, out, err = ended(*arguments["gan"], "--out", tmp_path / "run", "--iterations", 4)
    assert code == 0, err
    assert "note: best/ holds the weights of the smallest ΔE" in out
    assert read_facts(tmp_path / "run" / "best" / "generator.safetensors")["iterations"] == 4


def test_a_diverging_run_stops_and_keeps_its_checkpoint(command, begun: Path) -> None:
    before = (begun / "checkpoint.pt").read_bytes()
    changes = resumed(begun, "schedule.learning_rate=1e30", "iterations=20", "sample_every=7")
    again = command(*changes, "--allow-changes")
    assert_refused(again, "diverged", "iteration 7", "checkpoint is intact")
    state, _, iterations, message = standing(begun)
    assert (state, iterations) == ("failed", 20)
    assert "diverged" in message
    assert (begun / "checkpoint.pt").read_bytes() == before
    assert not (begun / "samples" / "0000007.png").exists()


def test_a_run_that_diverges_before_its_first_checkpoint_says_so(
    command, training_pictures: Path, tmp_path: Path
) -> None:
    start = ["psnr", "--preset", "tiny", "--data", training_pictures, "--out", tmp_path / "run"]
    changes = ["--set", "schedule.learning_rate=1e30"]
    assert_refused(command(*start, *changes), "diverged", "no checkpoint yet")


def test_weights_that_are_not_numbers_are_never_saved(
    command, begun: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A finite loss says nothing of the weights after the update that it led to."""

    def broken_step(stage: PSNRStage, *batch: torch.Tensor) -> dict[str, torch.Tensor]:
        losses = step(stage, *batch)
        torch.nn.init.constant_(stage.generator.conv_last.bias, float("nan"))  # type: ignore[arg-type]
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
        (["psnr"], ["--preset"]),
        (["psnr", "--preset", "huge"], ["huge", "paper-psnr"]),
        (["psnr", "--preset", "tiny", "--set", "precision=fp8"], ["precision"]),
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


def test_a_full_disk(command, begun: Path, full_disk: None) -> None:
    before = (begun / "checkpoint.pt").read_bytes()
    assert len(before) > 20_000
    assert_refused(
        command(*resumed(begun, "iterations=10")), "checkpoint.pt could not be written", "large"
    )
    assert (begun / "checkpoint.pt").read_bytes() == before
    assert not list(begun.glob(".*.tmp"))


def test_what_a_killed_save_left_behind_is_deleted(command, begun: Path) -> None:
    left = [begun / ".checkpoint.pt.1.tmp", begun / "samples" / ".0000005.png.1.tmp"]
    others = begun / ".process.json.1.tmp"  # the page's
    for path in (*left, others):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert command(*resumed(begun, "iterations=6"))[0] == 0
    assert [path.exists() for path in (*left, others)] == [False, False, True]


def test_two_processes_can_t_train_in_one_folder(command, begun: Path) -> None:
    before = contents(begun)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(begun / ".lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    assert_refused(command(*resumed(begun, "iterations=10")), "Another process", str(begun))
    assert contents(begun) == before
    holder.kill()  # as `kill -9` of a training: its hold ends with it
    holder.wait()
    assert command(*resumed(begun, "iterations=10"))[0] == 0


HOLD = """
import sys, filelock
with filelock.FileLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_folder_that_may_only_be_read(command, training_pictures: Path, tmp_path: Path) -> None:
    place = tmp_path / "closed"
    place.mkdir(mode=0o555)
    if os.access(place, os.W_OK):  # root may write anywhere but here
        place = Path("/proc")
    start = ["psnr", "--preset", "tiny", "--data", training_pictures, "--out", place / "run"]
    assert_refused(command(*start), str(place / "run"), "could not be written")


@pytest.mark.parametrize("workers", [0, 1])
def test_bad_data_are_told_of_in_one_line(
    command, begun: Path, tmp_path: Path, workers: int
) -> None:
    """Also from a loader process, whose errors come with its traceback."""
    (tmp_path / "bad").mkdir()
    picture = Image.effect_noise((64, 64), 50).convert("RGB")
    picture.save(tmp_path / "bad" / "cut.png")
    data = (tmp_path / "bad" / "cut.png").read_bytes()
    (tmp_path / "bad" / "cut.png").write_bytes(data[: len(data) // 2])
    changes = resumed(begun, "iterations=10", f"num_workers={workers}")
    more = ["--data", tmp_path / "bad", "--allow-changes"]
    assert_refused(command(*changes, *more), "damaged")


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
