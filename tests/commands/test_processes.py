"""Several processes of one command, as torchrun starts them, against one."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from torch.distributed import TCPStore

from esrgan.commands.processes import Processes
from esrgan.models.checkpoints import save_generator
from esrgan.networks import RRDBNet
from esrgan.pictures.encoding import save_image
from tests.conftest import PATIENCE
from tests.processes import ROOT, Forked, Together
from tests.tiny import TINY

PICTURES = 9


def command() -> None:
    """`python -m esrgan …`"""
    from esrgan.__main__ import start

    start()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("processes")


@pytest.fixture(scope="module")
def photos(folder: Path) -> Path:
    """Pictures of many sizes, and one that is none."""
    rng = np.random.default_rng(0)
    for number in range(PICTURES):
        picture = rng.integers(256, size=(5 + 2 * number, 9 + number, 3), dtype=np.uint8)
        save_image(picture, folder / "photos" / f"{number}.png")
    (folder / "photos" / "broken.png").write_bytes(b"no picture")
    return folder / "photos"


@pytest.fixture(scope="module")
def model(folder: Path) -> Path:
    save_generator(folder / "model.safetensors", RRDBNet(TINY), {})
    return folder / "model.safetensors"


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture(scope="module")
def expected(photos: Path, model: Path, folder: Path) -> dict[str, bytes]:
    """What one process makes of them."""
    out = folder / "by one"
    code, _, err = Forked(command, "upscale", photos, "-o", out, "--model", model).ended()
    assert code == 1, err  # one is broken
    assert len(contents(out)) == PICTURES
    return contents(out)


@pytest.mark.parametrize("count", [2, 4])
def test_several_processes_make_the_same_files_and_one_report(
    count: int, photos: Path, model: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ended = Together(command, count, "upscale", photos, "-o", out, "--model", model).ended()
    assert contents(out) == expected
    (code, said, errors), *others = ended
    assert code == 1
    assert said.splitlines() == [f"{PICTURES} written to {out}, 1 failed"]
    assert errors.count("broken.png is not a picture") == 1
    assert f"{PICTURES + 1}/{PICTURES + 1}" in errors  # the progress of all
    assert others == [(0, "", "")] * (count - 1)


def test_what_is_wrong_with_the_command_is_said_once(photos: Path, tmp_path: Path) -> None:
    first, second = Together(
        command, 2, "upscale", photos, "-o", tmp_path, "--model", "none"
    ).ended()
    assert (first[0], first[1]) == (2, "")
    assert first[2].count("There is no model 'none'") == 1
    assert second == (2, "", "")


def test_what_killed_processes_have_left_is_done_on_the_next_run(
    photos: Path, model: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    killed = Together(command, 2, "upscale", photos, "-o", out, "--model", model)
    until = time.monotonic() + PATIENCE
    while not (out.is_dir() and list(out.glob("*.png"))) and time.monotonic() < until:
        time.sleep(0.01)
    for process in killed.processes:  # one of them is lost, and torchrun ends the other
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = {file: file.stat().st_mtime_ns for file in out.glob("[!.]*.png")}
    assert done
    again = Together(command, 2, "upscale", photos, "-o", out, "--model", model, "--skip-existing")
    (code, said, _), _ = again.ended()
    assert code == 1
    assert f"{PICTURES - len(done)} written to {out}, {len(done)} skipped, 1 failed" in said
    assert {file: file.stat().st_mtime_ns for file in done} == done
    assert {name: made for name, made in contents(out).items() if name[0] != "."} == expected


@pytest.mark.slow
def test_an_evaluation_by_two_processes_is_that_of_one(
    model: Path, photo: np.ndarray, tmp_path: Path
) -> None:
    hr, outs = tmp_path / "hr", [tmp_path / "one", tmp_path / "two"]
    for number in range(4):
        save_image(np.roll(photo, 5 * number, 1)[:44, : 40 + 4 * number], hr / f"{number}.png")
    (hr / "broken.png").write_bytes(b"no picture")
    words = ("evaluate", hr, "--models", "bicubic", model, "--means", "-o")
    alone = Forked(command, *words, outs[0]).ended()
    both, (code, said, errors) = Together(command, 2, *words, outs[1]).ended()
    assert alone[0] == both[0] == 1
    assert both[1] == alone[1].replace(str(outs[0]), str(outs[1]))
    assert both[2].count("left out: ") == 1
    assert (code, said, errors) == (0, "", "")
    found = [json.loads((out / "results.json").read_text("utf-8")) for out in outs]
    assert found[0] == found[1]
    assert len(found[1]["scores"]) == 2 * 4
    assert not (outs[1] / "processes").exists()


@pytest.mark.slow
def test_several_data_sets_and_degradations_by_two_processes_are_those_of_one(
    model: Path, photo: np.ndarray, tmp_path: Path
) -> None:
    sets, outs = [tmp_path / "first", tmp_path / "second"], [tmp_path / "one", tmp_path / "two"]
    for data, count in zip(sets, (3, 1), strict=True):  # one process has nothing of the second
        for number in range(count):
            save_image(photo[: 40 + 4 * number, :44], data / f"{number}.png")
    words: list[object] = [
        "evaluate",
        *sets,
        "--models",
        "bicubic",
        model,
        "--columns",
        "psnr_y",
        "ssim_y",
    ]
    words += ["--degrade", "clean", "--degrade", "noise:5+jpeg:60", "-o"]
    alone = Forked(command, *words, outs[0]).ended()
    both, other = Together(command, 2, *words, outs[1]).ended()
    assert (alone[0], both[0], other) == (0, 0, (0, "", ""))
    assert both[1] == alone[1].replace(str(outs[0]), str(outs[1]))
    assert alone[1].count("PSNR-Y noise:5+jpeg:60") == 2  # a table of degradations each
    files = [sorted(f.relative_to(out) for f in out.rglob("*") if f.is_file()) for out in outs]
    assert files[0] == files[1]
    for file in files[0]:
        assert (outs[0] / file).read_bytes() == (outs[1] / file).read_bytes(), file
    means = (outs[1] / "means.csv").read_text("utf-8").splitlines()
    rows = [line.split(",")[:2] for line in means[1:]]
    methods = ["bicubic", "bicubic noise:5+jpeg:60", "model", "model noise:5+jpeg:60"]
    assert rows == [[data.name, method] for data in sets for method in methods]


@pytest.mark.slow
def test_rows_of_killed_processes_are_not_measured_again(
    model: Path, photo: np.ndarray, tmp_path: Path
) -> None:
    hr, out = tmp_path / "hr", tmp_path / "out"
    for number in range(3):
        save_image(photo[: 40 + number, :44], hr / f"{number}.png")
    words = ("evaluate", hr, "--models", "bicubic", model, "--means", "--no-pictures", "-o", out)
    assert Forked(command, *words).ended()[0] == 0
    results = json.loads((out / "results.json").read_text("utf-8"))
    for score in results["scores"]:
        score["psnr_y"] = 1234.5  # to be known again
    (out / "processes" / "1").mkdir(parents=True)
    (out / "processes" / "1" / "results.json").write_text(json.dumps(results), "utf-8")
    (out / "results.json").unlink()
    (code, said, _), _ = Together(command, 2, *words).ended()
    assert code == 0
    assert said.count("1234.5") == 2


def test_alone_all_is_its_own() -> None:
    alone = Processes()
    assert (alone.rank, alone.count, alone.is_first) == (0, 1, True)
    assert alone.agree(lambda: [1]) == [1]
    assert list(alone.shared("abc", "letter", str)) == ["a", "b", "c"]
    assert alone.gather({"x": 1}) == [{"x": 1}]


def test_what_is_agreed_may_be_larger_than_the_store_takes(monkeypatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    monkeypatch.setattr("esrgan.commands.processes._store", lambda: store)
    first, second = (_with_rank(rank, monkeypatch) for rank in (0, 1))
    jobs = [f"{number:0400}ä" for number in range(50_000)]
    assert first.agree(lambda: jobs) == jobs
    assert second.agree(list) == jobs
    assert second.gather(jobs) == []
    assert first.gather([]) == [[], jobs]


def _with_rank(rank: int, patch: pytest.MonkeyPatch) -> Processes:
    patch.setenv("RANK", f"{rank}")
    return Processes()


@pytest.mark.skipif(
    not os.environ.get("ESRGAN_LAUNCHER_TESTS"), reason="takes long; ESRGAN_LAUNCHER_TESTS=1"
)
def test_torchrun_itself(photos: Path, model: Path, expected: dict[str, bytes], tmp_path: Path):
    out = tmp_path / "out"
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    plain = ["--precision", "fp32"]  # as `expected`, whatever this machine has units for
    words = ["-m", "esrgan", "upscale", photos, "-o", out, "--model", model, *plain]
    ended = subprocess.run(
        [sys.executable, *launcher, *map(str, words)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 1, ended.stderr  # one picture is none
    assert ended.stdout.count("written to") == 1
    assert contents(out) == expected
