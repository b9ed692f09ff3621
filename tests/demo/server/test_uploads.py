"""Files that visitors upload, and hostile zips, each made as an attacker would."""

import io
import struct
import zipfile
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from esrgan.demo.server import uploads
from esrgan.demo.server.stopping import Runs, StoppedError
from esrgan.demo.server.uploads import Reception, TooManyError, Uploaded, uploaded_files

Refused = Callable[..., AbstractContextManager[None]]
MB = 2**20


def zip_of(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def only(upload: Path) -> Uploaded:
    """The one file of an upload, as long as its zip is open."""
    return next(uploaded_files(upload))


def test_files_and_members_by_the_names_that_their_sender_knows(tmp_path: Path) -> None:
    members = {
        "a/b/1.png": b"one",
        "windows\\2.png": b"two",
        "a/": b"",
        "notes.txt": b"text",
        ".hidden.png": b"x",
        "__MACOSX/a/._1.png": b"x",
        "a/.git/3.png": b"x",
    }
    zipped = zip_of(tmp_path / "x.ZIP", members)
    alone = tmp_path / "alone.png"
    alone.write_bytes(b"alone")
    found = {}
    for upload in (zipped, alone):
        for file in uploaded_files(upload):
            assert file.copy_to(tmp_path / "copy", MB) == file.size
            found[str(file.name)] = (tmp_path / "copy").read_bytes()
    assert found == {
        "a/b/1.png": b"one",
        "windows/2.png": b"two",
        "notes.txt": b"text",
        "alone.png": b"alone",
    }


@pytest.mark.parametrize(
    "name", ["../x.png", "/x.png", "a/../../x.png", "C:\\x.png", "..\\x.png", "\\\\host\\x.png"]
)
def test_zips_that_point_out_of_themselves(tmp_path: Path, refused: Refused, name: str) -> None:
    upload = zip_of(tmp_path / "evil.zip", {"ok.png": b"1", name: b"2"})
    with refused("evil.zip", "points out of it"):
        list(uploaded_files(upload))


def changed(upload: Path, old: bytes, new: bytes, count: int = -1) -> Path:
    data = upload.read_bytes()
    assert old in data
    upload.write_bytes(data.replace(old, new, count))
    return upload


def test_encrypted_damaged_and_unusual_zips(tmp_path: Path, refused: Refused) -> None:
    member = {"x.png": bytes(100)}
    encrypted = zip_of(tmp_path / "secret.zip", member)
    flags = b"PK\x01\x02" + encrypted.read_bytes().partition(b"PK\x01\x02")[2][:4]
    changed(encrypted, flags + b"\x00\x00", flags + b"\x01\x00")
    broken = zip_of(tmp_path / "broken.zip", member)
    broken.write_bytes(broken.read_bytes()[:-30])
    text = tmp_path / "text.zip"
    text.write_text("no zip")
    cases = {
        encrypted: "secret.zip is encrypted",
        broken: "broken.zip is damaged",
        text: "text.zip is damaged",
        zip_of(tmp_path / "lzma.zip", member, zipfile.ZIP_LZMA): "unusual",
    }
    for upload, words in cases.items():
        with refused(words):
            list(uploaded_files(upload))


def test_a_damaged_member_does_not_spoil_the_others(tmp_path: Path, refused: Refused) -> None:
    members = {"bad.png": b"12345678", "good.png": b"good"}
    upload = zip_of(tmp_path / "x.zip", members, zipfile.ZIP_STORED)
    bad, good = uploaded_files(changed(upload, b"12345678", b"12345679"))
    with refused("bad.png is damaged"):  # and the zip is closed by now
        bad.copy_to(tmp_path / "copy", MB)
    files = uploaded_files(upload)
    with refused("bad.png is damaged"):
        next(files).copy_to(tmp_path / "copy", MB)
    assert next(files).copy_to(tmp_path / "copy", MB) == 4
    assert (tmp_path / "copy").read_bytes() == members["good.png"]
    assert good.name == only(zip_of(tmp_path / "y.zip", {"good.png": b""})).name


def test_bombs_by_what_they_say_and_by_what_they_are(tmp_path: Path, refused: Refused) -> None:
    bomb = zip_of(tmp_path / "bomb.zip", {"x.png": bytes(64 * MB)})
    assert bomb.stat().st_size < MB
    files = uploaded_files(bomb)
    with refused("x.png is larger than 1 MB"):
        next(files).copy_to(tmp_path / "copy", MB)
    assert not (tmp_path / "copy").exists()

    real, told = struct.pack("<L", 64 * MB), struct.pack("<L", 1000)
    liar = changed(bomb, real, told)
    files = uploaded_files(liar)
    with refused("x.png is damaged"):
        next(files).copy_to(tmp_path / "copy", MB)
    assert (tmp_path / "copy").stat().st_size <= 1000

    endless = Uploaded(only(bomb).name, 1000, lambda: io.BytesIO(bytes(64 * MB)))
    with refused("x.png is larger than 1 MB"):
        endless.copy_to(tmp_path / "copy", MB)
    assert (tmp_path / "copy").stat().st_size <= 2 * MB


def test_a_table_of_contents_that_would_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Refused
) -> None:
    upload = zip_of(tmp_path / "many.zip", {f"{number}.png": b"" for number in range(2000)})
    assert len(list(uploaded_files(upload))) == 2000
    monkeypatch.setattr(uploads, "MAX_CONTENTS_BYTES", 70_000)
    with refused("many.zip holds too many files"):
        list(uploaded_files(upload))


def test_hidden_files_and_folders_count_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "hidden.zip"
    with zipfile.ZipFile(archive, "w") as written:
        for number in range(4):
            written.writestr(f".hidden {number}", "")
            written.mkdir(f"folder {number}")
    monkeypatch.setattr(uploads, "MAX_MEMBERS", 8)
    assert list(Reception([archive]).files(archive)) == []
    monkeypatch.setattr(uploads, "MAX_MEMBERS", 7)
    with pytest.raises(TooManyError, match="more than 7 files"):
        list(Reception([archive]).files(archive))


def test_stop_is_heard_between_zips_of_hidden_files(tmp_path: Path) -> None:
    archives = [tmp_path / f"{number}.zip" for number in range(3)]
    for archive in archives:
        with zipfile.ZipFile(archive, "w") as written:
            written.writestr(".hidden", "")
    runs, looked_at = Runs(), []

    def receiving() -> Generator[None, None, None]:
        for archive in archives:
            looked_at.append(archive)
            list(Reception(archives).files(archive))
            runs.stop()
        yield

    with pytest.raises(StoppedError):
        next(runs.carry(runs.begin(), receiving()))
    assert looked_at == archives[:2]
