"""Training from the page: real runs of a few iterations, and what is refused."""

import json
import os
import re
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from playwright.sync_api import Browser, expect

from esrgan import assets
from esrgan.demo import finetuned, page
from esrgan.demo.finetune import job as finetuning
from esrgan.demo.finetune import spoilt, training_pictures
from esrgan.demo.finetune.job import Settings
from esrgan.demo.finetune.tab import AFTER, CLEAN, GAN, PSNR, STANDARD, UPLOADED
from esrgan.demo.finetune.training_pictures import Receiving, allowed_folders, unpacked
from esrgan.demo.server.decoding import load_image
from esrgan.demo.server.stopping import Runs, StoppedError
from esrgan.demo.server.visitors import COOKIE, visiting
from esrgan.models.checkpoints import load_generator, read_facts, save_generator
from esrgan.networks import RRDBNet
from esrgan.pictures.encoding import encode_image
from esrgan.pictures.resize import imresize
from esrgan.run_folder import Status, config_path, read_metrics, weights_path, write_status
from tests.conftest import PATIENCE, new_page, stop_the_first_comparison
from tests.processes import Forked, forked_trainings

OWNERS_CHOICES = (
    *("SPACE_ID", "SPACES_ZERO_GPU", "GRADIO_SERVER_NAME", "GRADIO_SHARE"),
    *("ESRGAN_TRAINING_FOLDERS", "ESRGAN_ALLOW_TRAINING", "ESRGAN_SHARED_RUNS"),
)


@pytest.fixture(autouse=True, scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder from which the page serves; its owner has chosen nothing."""
    folder = tmp_path_factory.mktemp("served")
    with pytest.MonkeyPatch.context() as patch:
        for name in OWNERS_CHOICES:
            patch.delenv(name, raising=False)
        patch.setenv("GRADIO_TEMP_DIR", str(folder))
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("CUDA_VISIBLE_DEVICES", "")
        yield folder


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder of runs; a run that a test leaves is stopped."""
    monkeypatch.setenv("ESRGAN_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(finetuning, "NICENESS", 0)  # CI has other tests to do, which would go first
    yield tmp_path / "runs"
    left = finetuning.running()
    if left:
        os.kill(json.loads((tmp_path / "runs" / left / "process.json").read_text())["pid"], 9)
        wait_until(lambda: finetuning.running() is None)


@pytest.fixture
def settings(tmp_path: Path, tiny_network: RRDBNet) -> Settings:
    save_generator(tmp_path / "mine.safetensors", tiny_network, {})
    start = tmp_path / "mine.safetensors"
    return Settings(stage="psnr", start=start, iterations=12, batch_size=2, crop_size=32)


@pytest.fixture
def pictures(training_pictures: Path) -> list[str]:
    return sorted(map(str, training_pictures.iterdir()))


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The command lines of trainings, each of which waits to be stopped and does nothing else."""
    begin = subprocess.Popen
    begun: list[list[str]] = []

    def waiting(command: list[str], **options: Any) -> Any:
        if "train" in command:
            begun.append(command)
            command = [*command[: command.index(sys.executable)], "sleep", "1000"]
        return begin(command, **options)

    monkeypatch.setattr("subprocess.Popen", waiting)
    return begun


@pytest.fixture
def forked() -> Iterator[None]:
    """Trainings begin without the seconds that importing torch takes."""
    with forked_trainings():
        yield


def wait_until(ready: Callable[[], bool], seconds: float = PATIENCE) -> None:
    until = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < until
        time.sleep(0.05)


def ended(name: str) -> finetuning.Run:
    wait_until(lambda: not finetuning.look(name).alive)
    return finetuning.look(name)


def test_a_run_from_start_to_result(
    settings: Settings, pictures: list[str], tmp_path: Path, refused
) -> None:
    name = finetuning.start(settings, pictures)
    assert finetuning.look(name).state == "running"
    assert finetuning.running() == name
    with refused("Busy", name):
        finetuning.start(settings, pictures)
    with refused("Busy", name):
        finetuning.resume(name)

    run = ended(name)
    assert (run.state, run.iteration, run.iterations, run.stage) == ("finished", 12, 12, "psnr")
    metrics = read_metrics(run.folder)
    assert [x for x, _ in finetuning.curve(metrics, "loss/l1")] == list(range(1, 13))
    sample = finetuning.latest_sample(run.folder)
    assert sample is not None
    assert Image.open(sample).size == (96, 128)
    with refused("finished"):
        finetuning.resume(name)
    with refused("not in progress"):
        finetuning.stop(name)

    assert finetuned.finished_names() == [name]
    settings.start.unlink()  # the run has a copy of what it started from
    ends = finetuned.trio(name)
    assert ends.files[1].name == f"{name}.safetensors"
    assert ends.titles == (settings.start.name, name)
    before, after = (load_generator(file).state_dict() for file in ends.files)
    assert any((before[key] != after[key]).any() for key in before)


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
        name = finetuning.running()
        assert name is not None
        seen.append(finetuning.look(name).state)
        process = begin(command, **options)
        seen.append(finetuning.look(name).state)
        return process

    monkeypatch.setattr("subprocess.Popen", watched)
    name = finetuning.start(settings, pictures)
    config_path(runs / name).write_text('{"stage": "psnr"}')
    finetuning.stop(name)
    assert ended(name).state == "stopped"
    finetuning.resume(name)
    assert seen == ["running"] * 4
    assert "--resume" in idle[1]


def test_the_page_comes_before_a_training(
    settings: Settings, pictures: list[str], runs: Path, idle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finetuning, "NICENESS", 1)
    name = finetuning.start(settings, pictures)
    pid = json.loads((runs / name / "process.json").read_text())["pid"]
    mine = os.getpriority(os.PRIO_PROCESS, 0)
    wait_until(lambda: os.getpriority(os.PRIO_PROCESS, pid) == min(mine + 1, 19))


def test_a_run_that_could_not_be_started_is_not_at_work(
    settings: Settings, pictures: list[str], monkeypatch: pytest.MonkeyPatch, refused
) -> None:
    monkeypatch.setattr("sys.executable", "/absent/python")
    monkeypatch.setattr("shutil.which", lambda _: None)
    with refused("The training could not be started"):
        finetuning.start(settings, pictures)
    assert finetuning.running() is None


def test_a_run_that_is_only_just_starting_is_not_stopped(runs: Path, refused) -> None:
    """Its number is still the server's: this process would be interrupted."""
    folder = runs / "run"
    folder.mkdir(parents=True)
    (folder / "log.txt").touch()
    identity = finetuning._identity(os.getpid())
    (folder / "process.json").write_text(json.dumps({**identity, "starting": True}))
    with refused("only just starting"):
        finetuning.stop("run")
    (folder / "process.json").unlink()


@pytest.mark.slow
def test_stopped_by_a_restarted_server_and_resumed(
    settings: Settings, pictures: list[str], forked, refused
) -> None:
    name = finetuning.start(replace(settings, iterations=2000), pictures)
    wait_until(lambda: finetuning.look(name).iteration > 20)
    assert finetuning.look(name).seconds_left is not None
    script = (
        "from esrgan.demo.finetune import job as finetuning\n"
        f"print(finetuning.running(), finetuning.look({name!r}).state)\n"
        f"finetuning.stop({name!r})\n"
        f"print(finetuning.look({name!r}).state)"
    )
    code, told, error = Forked(partial(exec, script)).ended()
    assert code == 0, error
    assert told.split()[:2] == [name, "running"]
    assert told.split()[2] in ("stopping", "stopped")
    run = ended(name)
    assert run.state == "stopped"
    assert 0 < run.iteration < 2000
    first = finetuned.result(name)
    assert first is not None

    finetuning.resume(name)
    wait_until(lambda: finetuning.look(name).iteration > run.iteration + 20)
    finetuning.stop(name)
    with refused("stopping already"):  # a second Ctrl-C would end it without saving
        finetuning.stop(name)
    assert ended(name).state == "stopped"
    second = finetuned.result(name)
    assert second is not None
    assert second != first
    for name in ("loss/l1", "validation/flat"):
        seen = [line["iteration"] for line in read_metrics(run.folder) if name in line]
        assert seen
        assert seen == sorted(set(seen))


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
    run = ended(finetuning.start(chosen, pictures))
    assert run.state == "finished", run.message
    config = json.loads((run.folder / "config.json").read_text("utf-8"))
    assert config["before_activation"] is False
    assert config["adversarial"] == "standard"
    assert (config["gan_weight"], config["pixel_weight"]) == (0.25, 3.0)
    assert config["schedule"]["learning_rate"] == 2e-5
    assert (config["batch_size"], config["crop_size"], config["log_every"]) == (2, 32, 1)


def test_a_run_on_spoilt_pictures_says_so_in_its_name_settings_and_result(
    settings: Settings, pictures: list[str], forked
) -> None:
    run = ended(finetuning.start(replace(settings, degradation="photo", iterations=2), pictures))
    assert run.state == "finished", run.message
    assert "-psnr-photo-" in run.name
    assert finetuning.RUN.fullmatch(run.name)
    assert json.loads(config_path(run.folder).read_text("utf-8"))["degradation"] == "photo"
    assert read_facts(weights_path(run.folder))["degradation"] == "photo"


@pytest.mark.parametrize("zipped", [False, True])
def test_spoilt_pictures_are_shown_beside_the_paper_s(
    tmp_path: Path, rng: np.random.Generator, zipped: bool
) -> None:
    """Of pictures that are large enough: the middle of LR, each pixel enlarged."""
    shown = [rng.integers(0, 256, (side, 240, 3), dtype=np.uint8) for side in (200, 40, 212)]
    files = [tmp_path / f"{number}.png" for number in range(3)]
    for file, picture in zip(files, shown, strict=True):
        file.write_bytes(encode_image(picture, ".png"))
    uploads = list(map(str, files))
    if zipped:
        uploads = [zip_of(tmp_path / "all.zip", {file.name: file.read_bytes() for file in files})]
    sheet = spoilt.sheet("photo", uploads, None)
    assert sheet is not None
    assert sheet.shape == (24 * 8, 4 * 24 * 8, 3)
    lr = imresize(shown[0], 1 / 4)
    np.testing.assert_array_equal(sheet[::8, : 24 * 8 : 8], lr[13:37, 18:42])
    drawn = [sheet[::8, 24 * 8 * n : 24 * 8 * (n + 1) : 8] for n in range(1, 4)]
    assert all((one != other).any() for one, other in combinations(drawn, 2))
    assert spoilt.sheet("photo", uploads, None) is not None
    assert spoilt.sheet("photo", uploads[1:2] if not zipped else [], None) is None


def test_what_the_training_refuses_is_a_failed_run_with_its_sentence(
    settings: Settings, pictures: list[str], forked, refused
) -> None:
    run = ended(finetuning.start(replace(settings, crop_size=256), pictures))
    assert run.state == "failed"
    assert run.message.startswith("No picture of the training data is 256 pixels or larger.")
    with refused("never came to begin"):
        finetuning.resume(run.name)
    assert finetuned.finished_names() == []


@pytest.mark.parametrize(
    ("status", "stopping", "state", "words"),
    [
        (Status("failed", 3, 9, "loss/l1 became nan."), False, "failed", "loss/l1 became nan."),
        (Status("running", 3, 9), False, "failed", "ended from outside"),
        (Status("stopped", 3, 9), True, "stopped", ""),
        (Status("finished", 9, 9), False, "finished", ""),
        (Status("finished", 9, 9, time=1.0), False, "failed", "before it began"),  # resumed since
        (None, False, "failed", "before it began"),
        (None, True, "stopped", ""),
    ],
)
def test_how_a_run_ended_is_read_from_its_status(
    runs: Path, status: Status | None, stopping: bool, state: str, words: str
) -> None:
    """The process of `process.json` is one that is alive, but began at another time."""
    folder = runs / "run"
    folder.mkdir(parents=True)
    (folder / "log.txt").touch()
    identity = {"pid": os.getpid(), "started": "never", "time": 2.0, "stopping": stopping}
    (folder / "process.json").write_text(json.dumps(identity))
    if status is not None:
        write_status(folder, status)
    run = finetuning.look("run")
    assert run.state == state
    assert words in run.message
    assert bool(run.message) == bool(words)


def test_a_moment_of_a_run_that_has_ended_becomes_its_result(
    runs: Path, tiny_network: RRDBNet, refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = runs / "run"
    files = ["generator", "best/generator", "samples/0000025", "samples/0000050"]
    for seed, file in enumerate(files):
        tiny_network.conv_last.bias.data.fill_(seed)
        save_generator(folder / f"{file}.safetensors", tiny_network, {})
    (folder / "log.txt").touch()
    (folder / "process.json").write_text('{"pid": 999999999, "started": "never", "time": 2}')
    (folder / "gain.json").write_text('{"words": "Better by far."}')
    Image.new("RGB", (9, 9)).save(folder / "gain.png")
    write_status(folder, Status("finished", 50, 50))
    run = finetuning.look("run")
    assert run.gain == "Better by far."
    assert finetuning.picture(run) == folder / "gain.png"
    assert list(finetuning.moments(folder)) == ["the best", "iteration 25", "iteration 50"]
    for seed, moment in ((2, "iteration 25"), (3, "iteration 50"), (1, "the best")):
        finetuning.choose("run", moment)
        bias = load_generator(weights_path(folder)).conv_last.bias
        assert bias is not None
        assert (bias == seed).all()
    with refused("no weights of that moment"):
        finetuning.choose("run", "../../generator")
    with monkeypatch.context() as patch:
        patch.setattr(finetuning, "_is_running", lambda _folder: True)
        assert finetuning.look("run").gain == ""
        with refused("in progress"):
            finetuning.choose("run", "iteration 25")


def test_curves_are_thinned_to_what_a_browser_draws_well() -> None:
    metrics = [{"iteration": float(n), "loss": float(n % 2)} for n in range(1, 10_001)]
    points = finetuning.curve(metrics, "loss")
    assert len(points) <= finetuning.SHOWN_POINTS
    assert points[-1][0] == 10_000
    assert all(value == pytest.approx(0.5, abs=0.05) for _, value in points)


# ---------------------------------------------------------------- what is refused


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
        finetuning.start(replace(settings, **change), pictures)
    assert not runs.exists() or list(runs.iterdir()) == []


def zip_of(path: Path, members: dict[str, bytes]) -> str:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return str(path)


def test_a_zip_is_unpacked_under_names_of_ours(tmp_path: Path) -> None:
    one, two = (encode_image(np.full((2, 2, 3), value, np.uint8)) for value in (1, 2))
    members = {"a/1.PNG": one, "b/1.png": two, "notes.txt": b"x", "__MACOSX/._1.png": b"x"}
    steps = unpacked([zip_of(tmp_path / "x.zip", members)], tmp_path / "out")
    assert [(each.copied, each.checked) for each in steps] == [(1, 0), (2, 0), (2, 1), (2, 2)]
    assert {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()} == {
        "00001.png": one,
        "00002.png": two,
    }


def test_a_picture_that_can_not_be_decoded_is_named_before_the_training(
    settings: Settings, pictures: list[str], tmp_path: Path, runs: Path, refused
) -> None:
    members = {"good.png": Path(pictures[0]).read_bytes(), "b/bad.png": b"text"}
    with refused("bad.png is not a picture"):
        finetuning.start(settings, [zip_of(tmp_path / "x.zip", members)])
    assert list(runs.iterdir()) == []


@pytest.mark.parametrize("copied_first", [True, False], ids=["copied", "looked at"])
def test_a_start_that_is_stopped_leaves_nothing(
    settings: Settings, pictures: list[str], runs: Path, copied_first: bool
) -> None:
    mine = Runs()
    steps = mine.carry(mine.begin(), finetuning.starting(settings, pictures))
    last = Receiving(len(pictures), 0 if copied_first else 1)
    for _, receiving in steps:
        if receiving == last:
            break
    mine.stop()
    with pytest.raises(StoppedError):
        next(steps)
    assert list(runs.iterdir()) == []


@pytest.mark.slow
def test_the_time_of_a_run_is_measured_by_a_few_steps_that_leave_nothing(
    settings: Settings, pictures: list[str], runs: Path, forked, refused
) -> None:
    *receiving, words = finetuning.estimating(settings, pictures)
    assert receiving[-1] == Receiving(len(pictures), len(pictures))
    assert isinstance(words, str)
    found = re.fullmatch(
        r"about (\S+) s, (\S+) s a step and (\S+) s to validate, fp32 on .+", words
    )
    assert found, words
    whole, step, validating = map(float, found.groups())
    assert whole == pytest.approx(12 * step + validating, rel=0.02, abs=0.1)
    assert list(runs.iterdir()) == []
    with refused("128 pixels or larger"):
        *_, words = finetuning.estimating(replace(settings, crop_size=128), pictures)
    *_, words = finetuning.estimating(replace(settings, degradation="photo"), pictures)
    assert list(runs.iterdir()) == []


def test_an_estimate_that_is_stopped_leaves_no_process(
    settings: Settings, pictures: list[str], runs: Path, idle
) -> None:
    mine = Runs()
    steps = mine.carry(mine.begin(), finetuning.estimating(settings, pictures))
    stopping = threading.Timer(1, mine.stop)
    stopping.start()
    with pytest.raises(StoppedError):
        list(steps)
    stopping.join()
    assert len(idle) == 1
    assert list(runs.iterdir()) == []


def test_a_start_that_nobody_waits_for_leaves_nothing(
    settings: Settings, pictures: list[str], runs: Path
) -> None:
    steps = finetuning.starting(settings, pictures)
    assert [next(steps)[1].copied for _ in range(2)] == [0, 1]
    assert len(list(runs.glob("*/pictures/*"))) == 1
    steps.close()
    assert list(runs.iterdir()) == []


def test_what_a_killed_server_had_received_goes_with_the_next_start(
    settings: Settings, pictures: list[str], runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiving = finetuning.starting(settings, pictures)
    name, _ = next(receiving)  # as if it were killed here, it neither goes on nor tidies up
    (runs / ".estimate-x" / "pictures").mkdir(parents=True)
    (runs / "my own").mkdir()
    begun = runs / "2026-01-01-000000-psnr-0000"
    begun.mkdir()
    (begun / "log.txt").touch()
    next(young := finetuning.starting(settings, pictures))
    assert (runs / name).is_dir()
    young.close()
    monkeypatch.setattr(finetuning, "MAX_SECONDS", -1)
    next(old := finetuning.starting(settings, pictures))
    old.close()
    assert sorted(each.name for each in runs.iterdir()) == [begun.name, "my own"]
    receiving.close()


@pytest.mark.parametrize("name", ["../evil.png", "/evil.png", "a/../../evil.png", "C:\\evil.png"])
def test_a_zip_that_points_out_of_itself(settings, tmp_path, runs: Path, refused, name) -> None:
    upload = zip_of(tmp_path / "evil.zip", {"ok.png": b"1", name: b"2"})
    with refused("evil.zip", "points out of it"):
        finetuning.start(settings, [upload])
    assert list(runs.iterdir()) == []
    assert not list(tmp_path.rglob("evil.png"))


def test_uploads_that_are_too_much_or_too_little(
    settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused
) -> None:
    many = zip_of(tmp_path / "many.zip", {f"{n}.png": bytes(100) for n in range(5)})
    (tmp_path / "broken.zip").write_bytes(Path(many).read_bytes()[:-30])
    (tmp_path / "notes.txt").write_text("no picture")
    for name, words in (("broken.zip", "damaged"), ("notes.txt", "Choose HR")):
        with refused(words):
            finetuning.start(settings, [str(tmp_path / name)])
    for limit, value in (("MAX_PICTURES", 4), ("MAX_TOTAL_BYTES", 450), ("MAX_PICTURE_BYTES", 99)):
        with monkeypatch.context() as patch:
            patch.setattr(f"esrgan.demo.finetune.training_pictures.{limit}", value)
            with refused("more than" if "E_B" not in limit else "larger than"):
                finetuning.start(settings, [many])


def test_only_folders_that_the_owner_allows(
    settings, training_pictures: Path, idle, monkeypatch: pytest.MonkeyPatch, refused
) -> None:
    allowed = os.pathsep.join([str(training_pictures), f"/elsewhere/{training_pictures.name}"])
    monkeypatch.setenv("ESRGAN_TRAINING_FOLDERS", allowed)
    name = training_pictures.name
    assert list(allowed_folders()) == [name, f"{name} (2)"]
    for folder in ("/etc", str(training_pictures), f"../{name}"):
        with refused("owner allows"):
            finetuning.start(settings, folder=folder)
    finetuning.start(settings, folder=name)
    (command,) = idle
    assert command[command.index("--data") + 1] == str(training_pictures)


def test_no_training_on_a_space(
    settings, pictures: list[str], runs: Path, monkeypatch: pytest.MonkeyPatch, refused
) -> None:
    monkeypatch.setenv("SPACE_ID", "someone/esrgan")
    for call in (
        lambda: finetuning.start(settings, pictures),
        lambda: finetuning.resume("any"),
        lambda: finetuning.stop("any"),
    ):
        with refused("off on this Space"):
            call()
    assert not runs.exists()
    monkeypatch.setenv("ESRGAN_ALLOW_TRAINING", "1")
    assert finetuning.refusal() is None
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    with refused("ZeroGPU"):
        finetuning.start(settings, pictures)


@pytest.mark.parametrize(
    "reached", [{"GRADIO_SERVER_NAME": "0.0.0.0"}, {"GRADIO_SHARE": "True"}], ids=["host", "share"]
)
def test_training_is_off_where_others_reach_the_page(
    settings, pictures, runs: Path, monkeypatch: pytest.MonkeyPatch, refused, reached
) -> None:
    assert finetuning.refusal() is None
    for name, value in reached.items():
        monkeypatch.setenv(name, value)
    with refused("Training is off", "ESRGAN_ALLOW_TRAINING=1"):
        finetuning.start(settings, pictures)
    assert not runs.exists()
    monkeypatch.setenv("ESRGAN_ALLOW_TRAINING", "1")
    assert finetuning.refusal() is None


def test_a_run_belongs_to_who_started_it(
    settings, pictures, idle, tiny_network, monkeypatch, refused
) -> None:
    mine, theirs = ({COOKIE: letter * 43} for letter in "ab")
    with visiting(mine, None):
        name = finetuning.start(settings, pictures)
    with visiting(theirs, None):
        assert finetuned.names() == finetuned.finished_names() == []
        for touch in (finetuning.stop, finetuning.resume, finetuning.look, finetuned.result):
            with refused("no such training run"):
                touch(name)
        with refused("another visitor trains"):
            finetuning.start(settings, pictures)
        monkeypatch.setenv("ESRGAN_SHARED_RUNS", "1")
        assert finetuned.names() == [name]
        monkeypatch.delenv("ESRGAN_SHARED_RUNS")
    assert finetuned.names() == [], "nor does the page list it before anybody has asked"
    with visiting(mine, "another session"):
        finetuning.stop(name)
        wait_until(lambda: finetuning.look(name).state == "stopped")
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


# ---------------------------------------------------------------- through the page


@pytest.fixture(scope="module")
def served(kept: Path) -> Iterator[str]:
    """The page, served by this process."""
    demo = page.build()
    _, address, _ = page.launch(demo, prevent_thread_lock=True, quiet=True)
    yield address
    demo.close()


def test_the_server_itself_refuses_on_a_space(
    served: str, pictures: list[str], runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(served, verbose=False)
    files = [handle_file(file) for file in pictures]
    choices = ["psnr", None, UPLOADED, files, CLEAN, GAN, AFTER, STANDARD, 5e-3, 1, 5, 1e-4, 2, 32]
    monkeypatch.setenv("SPACE_ID", "someone/esrgan")
    with pytest.raises(AppError, match="off on this Space"):
        client.predict(*choices, api_name="/fine_tune")
    for name in ("/fine_tune_stop", "/fine_tune_resume"):
        with pytest.raises(AppError, match="off on this Space"):
            client.predict(None, api_name=name)
    assert not runs.exists()


def test_stop_is_heard_while_pictures_are_received(
    served: str, pictures: list[str], runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(path: Path) -> np.ndarray:
        time.sleep(0.5)
        return load_image(path)

    monkeypatch.setattr(training_pictures, "load_image", slow)
    client = Client(served, verbose=False)
    files = [handle_file(file) for file in pictures]
    choices: list[Any] = ["psnr", None, UPLOADED, files * 10, CLEAN, PSNR, AFTER, STANDARD]
    choices += [5e-3, 1, 5, 1e-4, 2, 32]
    start = client.submit(*choices, api_name="/fine_tune")
    wait_until(lambda: any("Looking at the pictures" in str(each) for each in start.outputs()))
    stopped = client.predict(None, api_name="/fine_tune_stop")
    assert "Stopping …" in stopped
    assert "**Stopped** before the training began" in start.result(PATIENCE)
    assert list(runs.iterdir()) == []
    with pytest.raises(AppError, match="no such training run"):
        client.predict(None, api_name="/fine_tune_stop")


@pytest.mark.parametrize("iterations", [True, "5"])
def test_a_number_that_is_none_is_told(
    served: str, pictures: list[str], runs: Path, iterations: object
) -> None:
    client = Client(served, verbose=False)
    files = [handle_file(file) for file in pictures]
    choices = [
        "psnr",
        None,
        UPLOADED,
        files,
        CLEAN,
        GAN,
        AFTER,
        STANDARD,
        5e-3,
        1,
        iterations,
        1e-4,
        2,
        32,
    ]
    with pytest.raises(AppError, match="Iterations must be a number"):
        client.predict(*choices, api_name="/fine_tune")
    assert not runs.exists()


def test_looking_at_a_run_again_copies_no_sample_again(
    served: str, kept: Path, settings: Settings, pictures: list[str], idle, tiny_network: RRDBNet
) -> None:
    name = finetuning.start(settings, pictures)
    finetuning.stop(name)
    folder = ended(name).folder
    sample = encode_image(np.full((128, 96, 3), 7, np.uint8))
    (folder / "samples").mkdir()
    (folder / "samples" / "0000002.png").write_bytes(sample)
    save_generator(weights_path(folder), tiny_network, {})
    write_status(folder, Status("finished", 2, 2))
    assert finetuning.look(name).state == "finished"
    client = Client(served, verbose=False)
    client.predict(api_name="/opened")
    counts = set()
    for _ in range(4):
        client.predict(name, api_name="/watch_anew")
        counts.add(sum(file.read_bytes() == sample for file in kept.rglob("*.png")))
    assert len(counts) == 1
    assert counts != {0}


@pytest.mark.slow
@pytest.mark.browser
def test_a_visitor_trains_a_model_and_compares_it(
    served: str, browser: Browser, settings: Settings, pictures: list[str], tmp_path: Path, forked
) -> None:
    visitor = new_page(browser, viewport={"width": 1280, "height": 1000})
    visitor.goto(served)
    stop_the_first_comparison(visitor)
    visitor.get_by_role("tab", name="Fine-tune").click()
    visitor.locator("#train-from input").click()
    visitor.get_by_role("option", name="My own file").click()
    visitor.locator("#train-from-own input[type=file]").set_input_files(settings.start)
    visitor.locator("#train-pictures input[type=file]").set_input_files(pictures)
    visitor.locator("#train-stage").get_by_text(PSNR).click()
    visitor.locator("#train-iterations input").fill("40")
    visitor.locator("#train-crop input").click()
    visitor.get_by_role("option", name="32").click()
    expect(visitor.locator("#train-pictures")).to_contain_text("2")
    visitor.locator("#train-estimate").click()
    expect(visitor.locator("#train-status")).to_contain_text("It would take about")
    visitor.locator("#train-start").click()
    expect(visitor.locator("#train-status")).to_contain_text("Training")

    visitor.reload()  # the run is found again
    stop_the_first_comparison(visitor)
    visitor.get_by_role("tab", name="Fine-tune").click()
    expect(visitor.locator("#train-status")).to_contain_text("Finished · iteration 40 of 40")
    expect(visitor.locator("#train-plot-l1 canvas, #train-plot-l1 svg").first).to_be_visible()
    expect(visitor.locator("#train-plot-perceptual")).to_have_count(0)
    sample = visitor.locator("#train-sample img")
    expect(sample).to_be_visible()
    assert sample.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [96, 128]
    with visitor.expect_download() as download:
        visitor.locator("#train-download").click()
    download.value.save_as(tmp_path / "result.safetensors")
    load_generator(tmp_path / "result.safetensors")

    visitor.get_by_role("tab", name="Compare").click()
    visitor.locator("#models input").click()
    visitor.locator("#models").get_by_role("option", name="Fine-tuned here").click()
    expect(visitor.locator("#tuned input")).to_have_value(finetuned.all_names()[0])
    # Unlike the page's first comparison, this is one of two models.
    compared = visitor.locator(".viewer[data-complete=true]:not(:has([data-chip=after]))")
    expect(compared).to_be_visible()
    names = Path(settings.start).name, finetuned.all_names()[0]
    expect(visitor.locator("[data-pane=psnr] header")).to_contain_text(f"{names[0]} (α = 0)")
    expect(visitor.locator("[data-pane=gan] header")).to_contain_text(f"{names[1]} (α = 1)")
    expect(visitor.locator("[data-testid=toast-body]")).to_have_count(0)
    visitor.context.close()


@pytest.mark.browser
def test_a_visitor_sees_what_will_be_spoilt_before_the_training(
    served: str, browser: Browser, idle: list[list[str]]
) -> None:
    visitor = new_page(browser, viewport={"width": 1280, "height": 1000})
    visitor.goto(served)
    stop_the_first_comparison(visitor)
    visitor.get_by_role("tab", name="Fine-tune").click()
    sheet = visitor.locator("#train-spoilt img")
    file = assets.EXAMPLES / "coffee.png"
    visitor.locator("#train-pictures input[type=file]").set_input_files(file)
    expect(visitor.locator("#train-pictures")).to_contain_text("coffee")
    expect(visitor.locator("#train-from input")).to_have_value("PSNR (built-in)")
    visitor.locator("#train-degradation").get_by_text("photos or JPEGs").click()
    expect(sheet).to_be_visible()
    size = "image => [image.naturalWidth, image.naturalHeight]"
    assert sheet.evaluate(size) == [4 * 24 * 8, 24 * 8]
    expect(visitor.locator("#train-from input")).to_have_value("PSNR for photographs (built-in)")
    visitor.locator("#train-start").click()
    expect(visitor.locator("#train-run input")).to_have_value(re.compile("-gan-photo-"))
    (command,) = idle
    assert "degradation=photo" in command
    assert command[command.index("--init") + 1].endswith("photo-psnr.safetensors")
    visitor.locator("#train-degradation").get_by_text(CLEAN).click()
    expect(sheet).to_have_count(0)
    expect(visitor.locator("#train-from input")).to_have_value("PSNR (built-in)")
    visitor.context.close()
