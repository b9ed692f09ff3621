"""`python -m train prepare`: what is cut, what is left out, and going on after a stop."""

import itertools
import json
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from esrgan.command_line import run as run_command
from tests.conftest import PATIENCE
from tests.processes import Forked
from tests.train.samples import noise, save
from train import prepare as preparing
from train.__main__ import main, start
from train.prepare import prepare
from train.prepared import Cut, SubImages, prepared_folders, read_index
from train.sources import Skipped

CUT = Cut(size=48, step=24, smallest=16)
SIZES = ["--size", "48", "--step", "24", "--smallest", "16"]


def contents(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def sub_images(folder: Path) -> dict[tuple[str, int, int], np.ndarray]:
    """By source file and position, as the index says."""
    found: dict[tuple[str, int, int], np.ndarray] = {}
    for each in read_index(folder).pictures:
        cut = iter(np.load(folder / each.file))
        found |= {(each.source, y, x): next(cut) for y in each.tops for x in each.lefts}
        assert next(cut, None) is None
    return found


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (2040, [0, 240, 480, 720, 960, 1200, 1440, 1560]),
        (1404, [0, 240, 480, 720, 924]),
        (960, [0, 240, 480]),
        (480, [0]),
        (300, [0]),
    ],
)
def test_sub_images_end_flush_with_the_border(length: int, expected: list[int]) -> None:
    assert Cut().starts(length) == expected


def test_sub_images_are_the_pictures_pixels(tmp_path: Path) -> None:
    pictures = {"a.png": noise(100, 61, 1), "deep/b.png": noise(48, 48, 2), "c.bmp": noise(20, 99)}
    for name, pixels in pictures.items():
        save(tmp_path / "hr" / name, pixels)
    assert prepare([tmp_path / "hr"], tmp_path / "out", CUT, workers=2) == []
    cut = sub_images(tmp_path / "out" / "hr")
    assert len(cut) == 4 * 2 + 1 + 4
    for (name, y, x), pixels in cut.items():
        np.testing.assert_array_equal(pixels, pictures[name][y : y + 48, x : x + 48])
    for name, picture in pictures.items():  # no pixel is left uncovered
        covered = np.zeros(picture.shape[:2], bool)
        for (source, y, x), pixels in cut.items():
            if source == name:
                covered[y : y + pixels.shape[0], x : x + pixels.shape[1]] = True
        assert covered.all()


def test_grey_deep_and_transparent_pictures_become_rgb(tmp_path: Path) -> None:
    grey = noise(48, 48)[..., 0]
    save(tmp_path / "hr" / "grey.png", grey)
    save(tmp_path / "hr" / "deep.png", grey.astype(np.uint16) * 257)
    opaque = np.full((48, 48, 1), 255, np.uint8)
    save(tmp_path / "hr" / "alpha.png", np.concatenate([grey[..., None]] * 3 + [opaque], axis=2))
    prepare([tmp_path / "hr"], tmp_path / "out", CUT, workers=1)
    found = sub_images(tmp_path / "out" / "hr")
    assert len(found) == 3
    for pixels in found.values():
        assert pixels.dtype == np.uint8
        np.testing.assert_array_equal(pixels, np.repeat(grey[..., None], 3, axis=2))


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Two good pictures and five of no use."""
    folder = tmp_path / "mixed"
    save(folder / "good.png", noise(60, 60))
    save(folder / "grey.png", noise(60, 60)[..., 1])
    save(folder / "tiny.png", noise(15, 60))
    cut = save(folder / "truncated.png", noise(60, 60))
    cut.write_bytes(cut.read_bytes()[:3000])
    (folder / "empty.jpg").touch()
    (folder / "text.png").write_text("not a picture")
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    return folder


REASONS = {
    "tiny.png": "60×15",
    "truncated.png": "damaged",
    "empty.jpg": "empty (0 bytes)",
    "text.png": "not a picture",
    "gone.png": "could not be read",
}


def test_files_of_no_use_are_named_and_do_not_stop(command, mixed: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, printed, err = command("prepare", mixed, "-o", out, *SIZES)
    assert code == 0, err
    lines = [line for line in printed.splitlines() if line.startswith("left out ")]
    assert len(lines) == len(REASONS)
    for name, reason in REASONS.items():
        assert any(str(mixed / name) in line and reason in line for line in lines)
    index = read_index(out / "mixed")
    assert [each.source for each in index.pictures] == ["good.png", "grey.png"]
    assert {each.source for each in index.left_out} == set(REASONS)
    code, printed, err = command(
        "psnr", "--preset", "tiny", "--data", out, "--out", tmp_path / "run", "--iterations", 2
    )
    assert code == 0, err


def test_a_training_names_them_too(command, mixed: Path, tmp_path: Path) -> None:
    """Damage behind the header shows when a picture is drawn."""
    start = ["psnr", "--preset", "tiny", "--data", mixed, "--out", tmp_path / "run"]
    code, printed, err = command(*start, "--iterations", 8)
    assert code == 0, err
    for name, reason in REASONS.items():
        lines = [line for line in (printed + err).splitlines() if f"/{name}:" in line]
        assert len(lines) == 1, name
        assert "left out" in lines[0]
        assert name == "tiny.png" or reason in lines[0]


def test_a_training_on_pairs_names_them_too(command, mixed: Path, tmp_path: Path) -> None:
    lr = tmp_path / "lr"
    for name in ("good", "grey", "tiny", "truncated"):
        save(lr / f"{name}x4.png", noise(15, 15 + (name == "grey")))
    start = ["psnr", "--preset", "tiny", "--data", mixed, "--lr", lr, "--out", tmp_path / "run"]
    code, printed, err = command(*start, "--iterations", 8)
    assert code == 0, err
    lines = [line for line in (printed + err).splitlines() if "left out" in line]
    assert len(lines) == len(REASONS) + 1
    assert any("grey.png" in line and "greyx4.png is 16×15" in line for line in lines)
    settings = json.loads((tmp_path / "run" / "config.json").read_text())
    assert settings["lr"] == [str(lr)]


def test_nothing_of_use_is_an_error(command, mixed: Path, tmp_path: Path) -> None:
    for name in ("good.png", "grey.png"):
        (mixed / name).write_bytes(b"")
    code, _, err = command("prepare", mixed, "-o", tmp_path / "out", *SIZES)
    assert code == 2
    assert "None of the 7 pictures is of use" in err.splitlines()[-1]
    run = tmp_path / "run"
    code, _, err = command("psnr", "--preset", "tiny", "--data", mixed, "--out", run)
    assert code == 2
    assert "All of the training pictures are damaged" in err
    (mixed / "truncated.png").unlink()
    other = tmp_path / "other"
    code, _, err = command("psnr", "--preset", "tiny", "--data", mixed, "--out", other)
    assert code == 2
    assert "No picture of the training data" in err
    assert len(err.strip().splitlines()) == 1


# ---------------------------------------------------------------- going on


def start_slowly() -> None:
    """`python -m train …` which after ten pictures takes its time: a signal finds it at work."""
    at_once, begun = preparing._cut, itertools.count()

    def slow(job: preparing.Job, cut: Cut) -> SubImages | Skipped:
        if next(begun) >= 10:
            time.sleep(1)
        return at_once(job, cut)

    preparing._cut = slow
    start()


def end_when_begun(process: Forked, out: Path, number: int) -> tuple[int, str]:
    """Send a signal after a few pictures: the exit code and stderr."""
    until = time.monotonic() + PATIENCE
    while len(list(out.rglob("*.npy"))) < 5 and process.poll() is None and time.monotonic() < until:
        time.sleep(0.001)
    process.send_signal(number)
    code, _, err = process.ended()
    return code, err


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures") / "many"
    for number in range(40):
        save(folder / f"{number:03d}.png", noise(200, 160, number))
    (folder / "text.png").write_text("not a picture")
    return folder


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_run_goes_on_to_the_same_folder(
    command, many: Path, tmp_path: Path, number: int
) -> None:
    prepare([many], tmp_path / "whole", CUT, workers=2)
    out = tmp_path / "out"
    words = ["prepare", many, "-o", out, *SIZES, "--workers", 2]
    code, err = end_when_begun(Forked(start_slowly, *words), out, number)
    assert code == (130 if number == signal.SIGINT else -number), err
    assert "Traceback" not in err
    done = {file: file.stat().st_mtime_ns for file in out.rglob("*.npy")}
    assert 5 <= len(done) < 40
    assert not (out / "many" / "sub-images.json").exists()
    code, _, err = command(*words)
    assert code == 0, err
    assert all(file.stat().st_mtime_ns == then for file, then in done.items())  # not cut again
    assert contents(out) == contents(tmp_path / "whole")


def test_only_what_is_new_or_changed_is_cut_again(mixed: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepare([mixed], out, CUT, workers=1)
    before = {file: file.stat().st_mtime_ns for file in out.rglob("*.npy")}
    save(mixed / "new.png", noise(50, 50))
    later = time.time() + 10
    os.utime(save(mixed / "grey.png", noise(60, 60, 7)), (later, later))
    prepare([mixed], out, CUT, workers=1)
    cut = sub_images(out / "mixed")
    assert {name for name, _, _ in cut} == {"good.png", "grey.png", "new.png"}
    np.testing.assert_array_equal(cut["grey.png", 0, 0], noise(60, 60, 7)[:48, :48])
    changed = {file.name for file, then in before.items() if file.stat().st_mtime_ns != then}
    assert changed == {"grey.png.npy"}


def test_a_source_more(mixed: Path, tmp_path: Path, refused) -> None:
    out = tmp_path / "out"
    save(tmp_path / "more" / "a.png", noise(50, 50))
    prepare([mixed], out, CUT, workers=1)
    prepare([tmp_path / "more"], out, CUT, workers=1)
    assert prepared_folders(out) == [out / "mixed", out / "more"]
    with refused("--size 48 --step 24"):
        prepare([mixed], out, Cut(size=32), workers=1)
    save(tmp_path / "other" / "more" / "a.png", noise(50, 50))
    with refused("already has a source more"):
        prepare([tmp_path / "other" / "more"], out, CUT, workers=1)


# ---------------------------------------------------------------- what goes wrong


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Call `python -m train …` in this process: code, stdout and stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["train", *map(str, arguments)])
        monkeypatch.setattr("warnings.showwarning", None)
        with pytest.raises(SystemExit) as ended:
            run_command(main, "python -m train")
        return int(ended.value.code or 0), *capsys.readouterr()

    return call


def test_a_full_disk(many: Path, tmp_path: Path, full_disk: None, refused) -> None:
    with refused("could not be written", "large"):
        prepare([many], tmp_path / "out", CUT, workers=2)
    assert not list(tmp_path.rglob("*.npy"))
    assert not list((tmp_path / "out").rglob(".*.tmp"))


def test_a_disk_that_is_too_small_is_known_before(
    mixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 30_000}))
    with refused("GB more", "--step"):
        prepare([mixed], tmp_path / "out", CUT, workers=1)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("options", [["--size", "0"], ["--step", "x"], ["--workers", "-1"]])
def test_wrong_options(command, mixed: Path, tmp_path: Path, options: list[str]) -> None:
    code, _, err = command("prepare", mixed, "-o", tmp_path / "out", *options)
    assert code == 2
    assert options[0] in err
    assert len(err.strip().splitlines()) == 1
