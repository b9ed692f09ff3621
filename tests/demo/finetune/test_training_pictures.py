"""Pictures to train on: uploads, zips, folders that the owner allows, and what becomes of them."""

import os
import zipfile
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from esrgan.demo.finetune import job, spoilt
from esrgan.demo.finetune.settings import Settings
from esrgan.demo.finetune.training_pictures import allowed_folders, unpacked
from esrgan.pictures.encoding import encode_image
from esrgan.pictures.resize import imresize


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
        job.start(settings, [zip_of(tmp_path / "x.zip", members)])
    assert list(runs.iterdir()) == []


@pytest.mark.parametrize("name", ["../evil.png", "/evil.png", "a/../../evil.png", "C:\\evil.png"])
def test_a_zip_that_points_out_of_itself(settings, tmp_path, runs: Path, refused, name) -> None:
    upload = zip_of(tmp_path / "evil.zip", {"ok.png": b"1", name: b"2"})
    with refused("evil.zip", "points out of it"):
        job.start(settings, [upload])
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
            job.start(settings, [str(tmp_path / name)])
    for limit, value in (("MAX_PICTURES", 4), ("MAX_TOTAL_BYTES", 450), ("MAX_PICTURE_BYTES", 99)):
        with monkeypatch.context() as patch:
            patch.setattr(f"esrgan.demo.finetune.training_pictures.{limit}", value)
            with refused("more than" if "E_B" not in limit else "larger than"):
                job.start(settings, [many])


def test_only_folders_that_the_owner_allows(
    settings, training_pictures: Path, idle, monkeypatch: pytest.MonkeyPatch, refused
) -> None:
    allowed = os.pathsep.join([str(training_pictures), f"/elsewhere/{training_pictures.name}"])
    monkeypatch.setenv("ESRGAN_TRAINING_FOLDERS", allowed)
    name = training_pictures.name
    assert list(allowed_folders()) == [name, f"{name} (2)"]
    for folder in ("/etc", str(training_pictures), f"../{name}"):
        with refused("owner allows"):
            job.start(settings, folder=folder)
    job.start(settings, folder=name)
    (command,) = idle
    assert command[command.index("--data") + 1] == str(training_pictures)


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
