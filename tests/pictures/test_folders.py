"""The listing of a folder's pictures that all commands share."""

import os
from pathlib import Path

import pytest

from esrgan.pictures.folders import list_files, list_images
from esrgan.pictures.images import load_image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "photos"
    made.mkdir()
    return made


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def names(folder: Path, found: list[Path]) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in found]


def test_pictures_by_suffix_in_all_sub_folders(folder, refused):
    with refused("holds no pictures"):
        list_images(folder)
    touch(folder, "b.PNG", "a.jpg", "notes.txt", "deeper/c.webp", "d.jfif", "deeper/still/e.tif")
    expected = ["a.jpg", "b.PNG", "d.jfif", "deeper/c.webp", "deeper/still/e.tif"]
    assert names(folder, list_images(folder)) == expected
    assert names(folder, list_images(folder, recursive=False)) == [*expected[:2], "d.jfif"]
    assert "notes.txt" in names(folder, list_files(folder))
    with refused("is not a folder"):
        list_images(folder / "absent")


def test_what_systems_keep_beside_pictures_is_hidden(folder):
    touch(folder, "a.png", "._a.png", ".hidden.png", ".thumbnails/a.png", "__MACOSX/sub/._a.png")
    (folder / "folder.png").mkdir()
    assert names(folder, list_files(folder)) == ["a.png"]


def test_linked_folders_are_entered_once(folder, tmp_path):
    touch(tmp_path / "elsewhere", "c.png", "deep/d.png")
    touch(folder, "a.png", "sub/b.png")
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    (folder / "again").symlink_to(tmp_path / "elsewhere" / "deep")
    (tmp_path / "elsewhere" / "loop").symlink_to(folder)
    (folder / "sub" / "up").symlink_to(folder)
    found = names(folder, list_images(folder))
    assert found == ["a.png", "again/d.png", "linked/c.png", "sub/b.png"]
    assert names(folder, list_images(folder, recursive=False)) == ["a.png"]


def test_links_that_lead_nowhere_are_told_of(folder):
    touch(folder, "a.png")
    (folder / "b.png").symlink_to(folder / "gone.png")
    (folder / "c.png").symlink_to(folder / "a.png")
    assert names(folder, list_images(folder)) == ["a.png", "b.png", "c.png"]


def test_folders_that_cannot_be_entered_are_told_of(folder, monkeypatch, refused):
    touch(folder, "a.png", "closed/b.png", "open/c.png")
    scandir = os.scandir

    def guarded(place):  # as the system does for anybody but root
        if Path(place).name == "closed":
            raise PermissionError(13, "Permission denied", str(place))
        return scandir(place)

    monkeypatch.setattr(os, "scandir", guarded)
    assert names(folder, list_images(folder)) == ["a.png", "closed", "open/c.png"]
    with refused("closed could not be read: Permission denied"):
        list_images(folder / "closed")
    with refused("closed could not be read"):
        load_image(folder / "closed")


def test_a_folder_of_results_is_left_out(folder):
    touch(folder, "a.png", "out/a.png", "out/sub/b.png", "other/c.png")
    assert names(folder, list_images(folder, without=folder / "out")) == ["a.png", "other/c.png"]
    assert len(list_images(folder, without=folder.parent / "elsewhere")) == 4
