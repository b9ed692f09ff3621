"""`python -m esrgan upscale`: which files it reads and writes, and in which colours."""

import os
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from esrgan.commands.cli import main
from esrgan.inference.upscale import Upscaler
from esrgan.models.checkpoints import load_generator, save_generator
from esrgan.pictures.encoding import save_image
from esrgan.pictures.images import load_image, load_with_profile


@pytest.fixture
def model(tmp_path, tiny_network) -> Path:
    path = tmp_path / "model.safetensors"
    save_generator(path, tiny_network, {})
    return path


@pytest.fixture
def photos(tmp_path, photo) -> Path:
    folder = tmp_path / "photos"
    save_image(photo[:7, :9], folder / "a.png")
    save_image(photo[8:15, :9], folder / "sub" / "b.jpg")
    return folder


@pytest.fixture
def upscale(model):
    """The command with a tiny model."""

    def run(*words: object) -> int:
        return main(["upscale", *map(str, words), "--model", str(model)])

    return run


def files(folder: Path) -> list[str]:
    return sorted(f.relative_to(folder).as_posix() for f in folder.rglob("*") if f.is_file())


def test_results_within_the_input_are_not_read_again(photos, upscale):
    for _ in range(2):
        assert upscale(photos, "-o", photos / "out", "--overwrite") == 0
    assert files(photos) == ["a.png", "out/a.png", "out/sub/b.png", "sub/b.jpg"]


def test_the_input_itself_is_no_folder_for_results(photos, upscale, refused):
    with refused("photos is an input too", "choose another -o"):
        upscale(photos, "-o", photos)


def test_what_is_there_is_neither_replaced_nor_done_again_unasked(
    photos, upscale, tmp_path, refused, capsys
):
    out = tmp_path / "out"
    assert upscale(photos / "a.png", "-o", out) == 0
    (out / "a.png").write_bytes(whole := (out / "a.png").read_bytes()[:-1] + b"\x82")
    for inputs in (photos, photos / "a.png"):
        with refused("a.png is there already", "--skip-existing or --overwrite"):
            upscale(inputs, "-o", out)
    assert upscale(photos, "-o", out, "--skip-existing") == 0
    assert "1 written" in (told := capsys.readouterr().out)
    assert "1 skipped" in told
    assert (out / "a.png").read_bytes() == whole
    with refused("a.png and 1 others are there already"):
        upscale(photos, "-o", out)
    (out / "a.png").write_bytes(whole[: len(whole) // 2])  # a copy that was interrupted
    (out / "sub" / "b.png").write_bytes(b"")
    assert upscale(photos, "-o", out, "--skip-existing") == 0
    assert load_image(out / "a.png").shape == load_image(out / "sub" / "b.png").shape
    (out / "a.png").write_bytes(b"other")
    assert upscale(photos, "-o", out, "--overwrite") == 0
    assert load_image(out / "a.png").shape == (28, 36, 3)


def test_names_follow_a_pattern(photos, upscale, tmp_path, refused):
    out = tmp_path / "out"
    assert upscale(photos, "-o", out, "--name", "{name}_{suffix}_x4") == 0
    assert files(out) == ["a_png_x4.png", "sub/b_jpg_x4.png"]
    for pattern in ("same", "{nam}", "{name", "x/{name}", "{name.x}", "{}", "{suffix}"):
        with refused("--name is a pattern with {name}"):
            upscale(photos, "-o", out, "--name", pattern)


def test_a_file_for_the_result_of_one_picture(photos, upscale, tmp_path, refused):
    assert upscale(photos / "a.png", "-o", tmp_path / "new" / "o.webp") == 0
    assert files(tmp_path / "new") == ["o.webp"]
    assert load_image(tmp_path / "new" / "o.webp").shape == (28, 36, 3)
    with refused("o.png is the file of one picture"):
        upscale(photos, "-o", tmp_path / "o.png")
    with refused("o.png is no jpg"):
        upscale(photos / "a.png", "-o", tmp_path / "o.png", "--format", "jpg")
    with refused("not '.gif'"):
        upscale(photos / "a.png", "-o", tmp_path / "o.gif")


def test_hidden_and_linked_files(photos, upscale, tmp_path, capsys):
    (photos / "._a.png").write_bytes(b"of macOS")
    (photos / "dead.png").symlink_to(tmp_path / "gone.png")
    (photos / "c.jfif").write_bytes((photos / "sub" / "b.jpg").read_bytes())
    save_image(load_image(photos / "a.png"), tmp_path / "elsewhere" / "d.png")
    (photos / "linked").symlink_to(tmp_path / "elsewhere")
    assert upscale(photos, "-o", tmp_path / "out") == 1
    assert files(tmp_path / "out") == ["a.png", "c.png", "linked/d.png", "sub/b.png"]
    failed = [line for line in capsys.readouterr().err.splitlines() if "failed:" in line]
    assert len(failed) == 1
    assert "dead.png could not be read: No such file" in failed[0]


def test_long_names(photos, upscale, tmp_path, capsys):
    for stem in ("x" * 251, "é" * 125):
        (photos / f"{stem}.png").write_bytes((photos / "a.png").read_bytes())
    assert upscale(photos, "-o", tmp_path / "out") == 0
    (photos / ("y" * 250 + ".webp")).write_bytes((photos / "a.png").read_bytes())
    assert upscale(photos, "-o", tmp_path / "out", "--name", "{name}_x4", "--overwrite") == 1
    told = capsys.readouterr().err
    assert told.count("the result's name would be too long; choose another --name") == 3


def test_what_a_format_cannot_hold_is_told_before_computing(
    photos, upscale, tmp_path, monkeypatch, capsys
):
    save_image(np.zeros((2, 4200, 3), np.uint8), photos / "long.png")
    calls = []
    monkeypatch.setattr(Upscaler, "__call__", lambda *_: calls.append(1))
    assert upscale(photos / "long.png", "-o", tmp_path / "out", "--format", "webp") == 1
    assert "16383 pixels a side, not 16800" in capsys.readouterr().err
    assert not calls


def test_colours_become_srgb_or_are_kept(photos, upscale, tmp_path, model):
    profile = imagecodecs.cms_profile("rgb", gamma=1.8)
    pixels = load_image(photos / "a.png").astype(np.uint16) * 257
    save_image(pixels, tmp_path / "wide.png", profile)
    network = Upscaler(load_generator(model))
    assert upscale(tmp_path / "wide.png", "-o", tmp_path / "out") == 0
    found, told = load_with_profile(tmp_path / "out" / "wide.png")
    np.testing.assert_array_equal(found, network(load_image(tmp_path / "wide.png")))
    assert told != profile
    assert upscale(tmp_path / "wide.png", "-o", tmp_path / "kept", "--keep-profile") == 0
    found, told = load_with_profile(tmp_path / "kept" / "wide.png")
    np.testing.assert_array_equal(found, network(pixels))
    assert told == profile


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_to(photos, upscale, tmp_path, capsys):
    (tmp_path / "locked").mkdir(mode=0o500)
    assert upscale(photos, "-o", tmp_path / "locked") == 1
    assert "Permission denied" in capsys.readouterr().err
