"""The Batch tab: what it computes, and the whole of it in a real Chromium."""

import io
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image

from esrgan.demo import limits
from esrgan.demo.batch import job as compute
from esrgan.demo.batch.job import Batch, Wish
from esrgan.demo.batch.report import caption, progress
from esrgan.demo.server import quota, sharing
from esrgan.demo.server import uploads as reception
from esrgan.demo.server.served import FOLDER_VARIABLE
from esrgan.demo.server.sharing import SharedUpscaler
from esrgan.demo.server.stopping import Runs, StoppedError
from esrgan.demo.server.uploads import Uploaded
from esrgan.inference.upscale import Upscaler
from esrgan.models import zoo
from esrgan.models.checkpoints import load_generator, save_generator
from esrgan.models.interpolation import interpolate_images, interpolate_networks
from esrgan.networks import RRDBConfig, RRDBNet, SRResNet, SRResNetConfig
from esrgan.pictures.encoding import encode_image
from esrgan.pictures.images import decode_image, load_image
from tests.conftest import PATIENCE
from tests.tiny import related_models

if TYPE_CHECKING:
    from playwright.sync_api import Page

JOBS = f"*/{compute.FOLDER}/*"  # below what is served
Refused = Callable[..., AbstractContextManager[None]]


@pytest.fixture(autouse=True)
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "served"))
    monkeypatch.setenv("ESRGAN_RUNS", str(tmp_path / "runs"))
    return tmp_path / "served"


@pytest.fixture
def models(tmp_path: Path, tiny_network: RRDBNet) -> list[Path]:
    """Two related weights files."""
    return related_models(tmp_path, tiny_network, "first", "second", factor=1.05)


@pytest.fixture
def pictures(photo: np.ndarray) -> dict[str, np.ndarray]:
    """One of each kind, by the name under which it is uploaded."""
    sixteen = photo[:20, :16].astype(np.uint16) * 257 + 3
    return {
        "rgb.png": photo[:24, :20],
        "grey.png": photo[:9, :30, 0],
        "transparent.png": np.dstack([photo[:16, :16], photo[16:32, :16, 0]]),
        "deep.png": sixteen,
        "deep-transparent.png": np.dstack([sixteen, sixteen[..., 1]]),
    }


@pytest.fixture
def uploads(tmp_path: Path, pictures: dict[str, np.ndarray]) -> list[Path]:
    return [written(tmp_path / "uploads" / name, image) for name, image in pictures.items()]


@pytest.fixture
def wish(uploads: list[Path], models: list[Path]) -> Wish:
    return Wish(uploads, models[:1])


def written(path: Path, image: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_image(image, path.suffix))
    return path


def zip_of(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def ended(wish: Wish) -> Batch:
    *_, batch = compute.run(wish)
    assert batch.ended
    return batch


def contents(file: Path | None) -> dict[str, bytes]:
    assert file is not None
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def results(batch: Batch) -> dict[str, np.ndarray]:
    return {name: decode_image(data, name) for name, data in contents(batch.file).items()}


# What comes out


def test_results_are_the_upscalers_own_of_every_kind(
    wish: Wish, pictures: dict[str, np.ndarray], models: list[Path]
) -> None:
    upscaler = Upscaler(load_generator(models[0]))
    found = results(ended(wish))
    assert list(found) == list(pictures)
    for name, picture in pictures.items():
        assert found[name].dtype == picture.dtype
        np.testing.assert_array_equal(found[name], upscaler(picture))


@pytest.mark.parametrize("mode", compute.MODES)
def test_between_two_models(
    wish: Wish, pictures: dict[str, np.ndarray], models: list[Path], mode: str
) -> None:
    batch = ended(replace(wish, models=models, alpha=0.3, mode=mode))
    assert not batch.strangers
    networks = [load_generator(model) for model in models]
    lr = pictures["rgb.png"]
    if mode == "network":
        expected = Upscaler(interpolate_networks(networks, [0.7, 0.3]))(lr)
    else:
        expected = interpolate_images([Upscaler(n)(lr) for n in networks], [0.7, 0.3])
    np.testing.assert_array_equal(results(batch)["rgb.png"], expected)
    assert (expected != Upscaler(networks[0])(lr)).any()


def test_self_ensemble_and_back_projection(
    wish: Wish, pictures: dict[str, np.ndarray], models: list[Path]
) -> None:
    found = results(ended(replace(wish, ensemble=True, back_projections=2)))["rgb.png"]
    refined = Upscaler(load_generator(models[0]), ensemble=True, back_projections=2)
    np.testing.assert_array_equal(found, refined(pictures["rgb.png"]))


def test_other_formats(wish: Wish, pictures: dict[str, np.ndarray], models: list[Path]) -> None:
    upscaler = Upscaler(load_generator(models[0]))
    webp = results(ended(replace(wish, suffix="webp")))
    for name in ("rgb", "transparent"):
        np.testing.assert_array_equal(webp[f"{name}.webp"], upscaler(pictures[f"{name}.png"]))
    files = contents(ended(replace(wish, suffix="jpg")).file)
    assert set(files) == {Path(name).with_suffix(".jpg").name for name in pictures}
    for data in files.values():
        assert Image.open(io.BytesIO(data)).format == "JPEG"


def test_folders_of_zips_are_kept_and_names_made_different(
    tmp_path: Path, wish: Wish, photo: np.ndarray
) -> None:
    shades = [np.full((4, 4, 3), shade, np.uint8) for shade in range(0, 250, 40)]
    png = [encode_image(shade) for shade in shades]
    one = zip_of(tmp_path / "one.zip", {"x/a.png": png[0], "x/y/a.png": png[1], "a.png": png[2]})
    two = zip_of(tmp_path / "two.zip", {"X/A.PNG": png[3], "x\\a.bmp": png[4], 'a"b:?.png': png[5]})
    alone = written(tmp_path / "alone" / "a.png", shades[6])
    batch = ended(replace(wish, uploads=[one, two, alone]))
    assert batch.failures == []
    assert list(results(batch)) == [
        "x/a.png",
        "x/y/a.png",
        "a.png",
        "X/A (2).png",
        "x/a (3).png",
        "a_b__.png",
        "a (2).png",
    ]
    upscaler = Upscaler(load_generator(batch_model(wish)))
    for found, shade in zip(results(batch).values(), shades, strict=True):
        np.testing.assert_array_equal(found, upscaler(shade))


def batch_model(wish: Wish) -> Path:
    model = wish.models[0]
    assert isinstance(model, Path)
    return model


@pytest.mark.parametrize("name", ["x" * 300 + ".png", "é" * 120 + ".png", "d/" * 400 + "x.png"])
def test_names_that_no_disk_takes(tmp_path: Path, wish: Wish, photo: np.ndarray, name: str) -> None:
    upload = zip_of(tmp_path / "long.zip", {name: encode_image(photo[:8, :8])})
    (found,) = results(ended(replace(wish, uploads=[upload])))
    assert all(len(part.encode()) <= 160 for part in found.split("/"))
    assert found.count("/") < 10


def test_previews_are_small(wish: Wish, tmp_path: Path, photo: np.ndarray) -> None:
    wide = written(tmp_path / "wide.png", np.tile(photo, (1, 9, 1)))
    batch = ended(replace(wish, uploads=[*wish.uploads, wide]))
    for done in batch.done:
        height, width = load_image(done.preview).shape[:2]
        assert max(height, width) <= compute.PREVIEW_SIDE
        assert done.after == (4 * done.before[0], 4 * done.before[1])
        assert height / width == pytest.approx(done.after[0] / done.after[1], rel=0.1)


def test_the_first_frame_is_said_to_be_it(wish: Wish, tmp_path: Path, photo: np.ndarray) -> None:
    frames = [Image.fromarray(photo), Image.fromarray(255 - photo)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    still, moving = ended(replace(wish, uploads=[wish.uploads[0], tmp_path / "moving.gif"])).done
    assert "frames" not in caption(still)
    assert caption(moving).startswith("moving.gif → moving.png · ")
    assert caption(moving).endswith(" · the first of its frames")


# What goes wrong


def test_reduced_precision_is_told(wish: Wish, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_generator(tmp_path / "resnet.safetensors", SRResNet(SRResNetConfig(8, 1)), {})
    wish = replace(wish, models=[tmp_path / "resnet.safetensors"])
    assert "pictures done<" in progress(ended(wish))
    monkeypatch.setattr("esrgan.inference.precision.native_dtype", lambda _: torch.float16)
    assert "pictures done in fp16<" in progress(ended(wish))


def test_what_fails_is_named_and_the_rest_is_done(
    wish: Wish, tmp_path: Path, served: Path, photo: np.ndarray
) -> None:
    text = tmp_path / "text.png"
    text.write_text("no picture")
    large = tmp_path / "large.png"
    Image.new("1", (10_000, 5001)).save(large)
    good, cut = encode_image(photo[:8, :8]), encode_image(photo)[:900]
    inner = zip_of(tmp_path / "inner.zip", {"x.png": good}).read_bytes()
    members = {
        "sub/cut.png": cut,
        "sub/inner.zip": inner,
        "notes.txt": b"text",
        "__MACOSX/._x.png": b"x",
        ".DS_Store": b"x",
        "fine.png": good,
    }
    mixed = zip_of(tmp_path / "mixed.zip", members)
    evil = zip_of(tmp_path / "evil.zip", {"../../evil.png": good})
    batch = ended(replace(wish, uploads=[text, large, mixed, evil, wish.uploads[0]]))
    files = contents(batch.file)
    assert list(files) == ["fine.png", "rgb.png", "errors.txt"]
    assert files["errors.txt"].decode().splitlines() == batch.failures
    expected = [
        ("sub/inner.zip", "in mixed.zip", "unpack it first"),
        ("notes.txt in mixed.zip", "no picture"),
        ("evil.zip was refused", "points out of it"),
        ("text.png is not a picture",),
        ("large.png is 10000×5001 pixels", "limit"),
        ("sub/cut.png: cut.png is damaged",),
    ]
    assert len(batch.failures) == len(expected)
    for line, words in zip(batch.failures, expected, strict=True):
        assert all(word in line for word in words), line
        assert str(served) not in line
    assert (batch.handled, batch.complete) == (5, True)
    assert not list(tmp_path.rglob("evil.png"))


def test_one_picture_that_needs_too_much_memory(
    wish: Wish, monkeypatch: pytest.MonkeyPatch
) -> None:
    upscale = Upscaler._run
    errors = [MemoryError(), RuntimeError("CUDA out of memory. Tried\nto allocate"), None]

    def failing(upscaler, lr, pixels):
        error = errors.pop(0) if errors else None
        if error is not None:
            raise error
        return upscale(upscaler, lr, pixels)

    monkeypatch.setattr(Upscaler, "_run", failing)
    batch = ended(wish)
    assert [line.split(":")[0] for line in batch.failures] == [
        "rgb.png could not be upscaled",
        "grey.png could not be upscaled",
    ]
    assert all("not enough memory" in line for line in batch.failures)
    assert len(batch.done) == 3


def test_no_zip_where_nothing_was_done(wish: Wish, tmp_path: Path) -> None:
    text = tmp_path / "text.png"
    text.write_text("no picture")
    batch = ended(replace(wish, uploads=[text]))
    assert batch.file is None
    assert batch.complete
    assert len(batch.failures) == 1


def test_what_is_wrong_is_said_before_anything_is_computed(
    wish: Wish, tmp_path: Path, served: Path, refused: Refused
) -> None:
    text = tmp_path / "text.pth"
    text.write_text("no model")
    other = tmp_path / "other.safetensors"
    save_generator(other, RRDBNet(RRDBConfig(16, 1, 4)), {})
    twice = tmp_path / "x2.safetensors"
    save_generator(twice, RRDBNet(RRDBConfig(8, 2, 4, scale=2)), {})
    first = batch_model(wish)
    empty = zip_of(tmp_path / "empty.zip", {})
    cases: list[tuple[dict[str, Any], str]] = [
        ({"uploads": []}, "Choose pictures first"),
        ({"uploads": [empty]}, "no pictures"),
        ({"uploads": [zip_of(tmp_path / "evil.zip", {"/x.png": b""})]}, "points out of it"),
        ({"models": []}, "Choose a model"),
        ({"models": ["../../first.safetensors"]}, "not there any more"),
        ({"models": [str(first)]}, "not there any more"),
        ({"models": [text]}, "text"),
        ({"models": [first, other]}, "can't be interpolated"),
        ({"models": [first, twice], "mode": "image"}, "scale"),
        ({"models": [first, first], "alpha": 1.5}, "alpha"),
        ({"models": [first, first], "mode": "both"}, "Choose"),
        ({"back_projections": 51}, "back-projection"),
        ({"suffix": "exe"}, "format"),
    ]
    for changes, words in cases:
        with refused(words):
            next(compute.run(replace(wish, **changes)))
    assert list(served.glob(JOBS)) == []


def test_limits_of_one_visitor(
    wish: Wish, served: Path, monkeypatch: pytest.MonkeyPatch, refused: Refused
) -> None:
    sizes = [upload.stat().st_size for upload in wish.uploads]
    for limit, value, words in (
        ("MAX_PICTURES", 4, "up to 4 pictures"),
        ("MAX_TOTAL_BYTES", sum(sizes) - 1, "more than"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(compute, limit, value)
            with refused(words):
                next(compute.run(wish))
    assert list(served.glob(JOBS)) == []
    with monkeypatch.context() as patch:
        patch.setattr(compute, "MAX_PICTURE_BYTES", max(sizes) - 1)
        batch = ended(wish)
        assert len(batch.done) == 4
        assert "is larger than" in batch.failures[0]
    with monkeypatch.context() as patch:
        patch.setattr(compute, "MAX_RESULT_BYTES", 1)
        batch = ended(wish)
        assert [done.task.name for done in batch.done] == ["rgb.png"]
        assert all("results are" in line for line in batch.failures)
        assert len(batch.failures) == 4
    with monkeypatch.context() as patch:
        patch.setattr(quota, "MIN_FREE_BYTES", 2**60)
        with refused("disk is full"):
            next(compute.run(wish))


def test_an_upload_that_is_named_many_times_is_done_once(wish: Wish) -> None:
    batch = ended(replace(wish, uploads=[wish.uploads[0]] * 300))
    assert [done.task.name for done in batch.done] == [wish.uploads[0].name]


def test_a_request_holds_a_bounded_number_of_files_and_zips(
    wish: Wish, tmp_path: Path, served: Path, monkeypatch: pytest.MonkeyPatch, refused: Refused
) -> None:
    zips = []
    for number in range(3):
        zips.append(tmp_path / f"{number}.zip")
        with zipfile.ZipFile(zips[-1], "w") as archive:
            for member in range(4):
                archive.writestr(f"{number} {member}.txt", "no picture")
    monkeypatch.setattr(reception, "MAX_MEMBERS", 10)
    with refused("more than 10 files"):
        next(compute.run(replace(wish, uploads=zips)))
    monkeypatch.setattr(reception, "MAX_ZIPS", 2)
    with refused("up to 2 zips"):
        next(compute.run(replace(wish, uploads=zips)))
    assert list(served.glob(JOBS)) == []


def test_stop_is_heard_while_files_are_received(
    wish: Wish, served: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, received = Runs(), []

    def stopped_at_the_second(file: Uploaded, target: Path, limit: int) -> int:
        received.append(file.name)
        if len(received) == 2:
            runs.stop()
        return copy_to(file, target, limit)

    copy_to = Uploaded.copy_to
    monkeypatch.setattr(Uploaded, "copy_to", stopped_at_the_second)
    with pytest.raises(StoppedError):
        next(runs.carry(runs.begin(), compute.run(wish)))
    assert len(received) == 2 < len(wish.uploads)
    assert list(served.glob(JOBS)) == []


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every picture is a large one, in tiles of 16 pixels; words come without a rest."""
    monkeypatch.setattr(compute, "MAX_LR_PIXELS", 1)
    monkeypatch.setattr(compute, "SECONDS_BETWEEN_WORDS", 0.001)
    monkeypatch.setattr(sharing, "SharedUpscaler", partial(SharedUpscaler, tile=16))


@pytest.mark.usefixtures("large")
def test_a_large_picture_is_done_in_tiles_that_are_counted(
    wish: Wish, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = contents(ended(wish).file)
    begin_tile, shares = Batch.begin_tile, set()

    def until_seen(batch: Batch, of: int) -> None:
        begin_tile(batch, of)
        until = time.monotonic() + PATIENCE
        while batch.share not in shares and time.monotonic() < until:
            time.sleep(0.001)

    monkeypatch.setattr(Batch, "begin_tile", until_seen)
    for batch in compute.run(wish):
        shares.add(batch.share)
    assert {0.0, 0.25, 0.5, 0.75} <= shares  # 24×20 in tiles of 16×16 are four
    assert contents(batch.file) == expected


@pytest.mark.usefixtures("large")
def test_a_large_picture_hears_stop_and_leaves_the_place_to_others(
    wish: Wish, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = threading.Event()

    def for_ever(batch: Batch, of: int) -> None:
        begun.set()
        while True:
            batch.go_on()
            time.sleep(0.01)

    monkeypatch.setattr(Batch, "begin_tile", for_ever)
    states = compute.run(wish)
    while not begun.is_set():
        batch = next(states)
    states.close()
    assert batch.ended
    assert compute._large.acquire(blocking=False)
    compute._large.release()


@pytest.mark.usefixtures("large")
def test_a_large_picture_is_refused_what_can_not_be_done_in_tiles(
    wish: Wish, monkeypatch: pytest.MonkeyPatch
) -> None:
    for change in ({"back_projections": 2}, {"ensemble": True}):
        failures = ended(replace(wish, **change)).failures
        assert failures[0].startswith("rgb.png is large (20×24)")
    monkeypatch.setattr(compute, "MAX_DECODED_BYTES", 20 * 24 * 3 * 16 - 1)
    assert "takes more than the page's" in ended(wish).failures[0]


# Stopping and forgetting


def test_a_batch_that_the_pages_limit_will_end_is_told_so(
    wish: Wish, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = compute.run(wish)
    for _ in range(3):
        batch = next(states)
    assert "the command line" not in progress(batch)
    monkeypatch.setattr(limits, "MAX_SECONDS", batch.seconds_left)  # and some time has passed
    assert "use the command line" in progress(batch)
    batch.end()


def test_stop_keeps_what_is_done(wish: Wish) -> None:
    states = compute.run(wish)
    for _ in range(3):
        batch = next(states)
    assert (batch.handled, batch.current) == (2, batch.tasks[2])
    assert batch.seconds_left is not None
    assert batch.file is None
    assert not (batch.folder / compute.RESULTS).exists()
    batch.end()
    assert list(results(batch)) == ["rgb.png", "grey.png"]
    before = contents(batch.file)
    assert list(states) == []
    assert contents(batch.file) == before
    assert not batch.complete
    assert [file.name for file in batch.folder.glob("*.zip*")] == [compute.RESULTS]


def test_stop_ends_the_picture_in_hand_at_its_next_tile(
    wish: Wish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("esrgan.inference.on_cpu.WHOLE_PIXELS", 8 * 8)
    monkeypatch.setattr("esrgan.inference.on_cpu.DEFAULT_TILE", 8)
    states = compute.run(wish)
    batch = next(states)
    network = compute.comparison.upscaler(batch_model(wish)).network
    tiles = []

    def stop_at_the_second_tile(*_: object) -> None:
        tiles.append(1)
        if len(tiles) == 2:
            batch.end()

    hook = network.conv_first.register_forward_pre_hook(stop_at_the_second_tile)
    try:
        assert list(states) == []
    finally:
        hook.remove()
    assert len(tiles) == 2  # of nine
    assert (batch.done, batch.failures) == ([], [])
    assert batch.file is None


@pytest.mark.parametrize("steps", [1, 3, 6])
def test_nothing_is_left_of_a_batch_that_is_forgotten(wish: Wish, served: Path, steps: int) -> None:
    states: Iterator[Batch] = compute.run(wish)
    for _ in range(steps):
        batch = next(states)
    compute.forget(batch)
    compute.forget(None)
    assert list(states) == []
    assert list(served.glob(JOBS)) == []


def test_pictures_are_deleted_as_they_are_done(wish: Wish) -> None:
    batch = ended(wish)
    names = {file.name for file in batch.folder.rglob("*") if file.is_file()}
    assert names == {compute.RESULTS, *(done.preview.name for done in batch.done)}


# In the browser


@pytest.mark.browser
def test_a_picture_is_made_larger(
    opened: Callable[..., "Page"], uploads: list[Path], photo: np.ndarray
) -> None:
    from playwright.sync_api import expect

    page = opened(viewport={"width": 1280, "height": 1000})
    page.get_by_role("tab", name="Batch").click()
    page.locator("#batch-files input[type=file]").set_input_files(uploads[:1])
    expect(page.locator("#batch-files")).to_contain_text("rgb")
    page.locator("#batch-start").click()
    expect(page.locator("#batch-status")).to_contain_text("1 of 1 pictures done")
    with page.expect_download() as download:
        page.locator("#batch-download").click()
    ((name, found),) = contents(download.value.path()).items()
    expected = Upscaler(zoo.load("gan").network)(photo[:24, :20])
    np.testing.assert_array_equal(decode_image(found, name), expected)


@pytest.mark.slow
@pytest.mark.browser
def test_two_pictures_and_a_zip(
    opened: Callable[..., "Page"], uploads: list[Path], tmp_path: Path, photo: np.ndarray
) -> None:
    from playwright.sync_api import expect

    members = {
        "sub/cat.png": encode_image(photo[:20]),
        "sub/cut.png": encode_image(photo)[:500],
        "dog.png": encode_image(photo[:, :30]),
    }
    upload = zip_of(tmp_path / "more.zip", members)
    page = opened(viewport={"width": 1280, "height": 1000})
    page.get_by_role("tab", name="Batch").click()
    page.locator("#batch-files input[type=file]").set_input_files([*uploads[:2], upload])
    expect(page.locator("#batch-files")).to_contain_text("more")
    page.locator("#batch-kind").get_by_text("Between two").click()
    expect(page.locator("#batch-first input")).to_have_value("PSNR (built-in)")
    expect(page.locator("#batch-second input")).to_have_value("GAN (built-in)")
    page.locator("#batch-start").click()
    expect(page.locator("#batch-status")).to_contain_text("4 of 5 pictures done")
    expect(page.locator("#batch-failures")).to_contain_text("sub/cut.png: cut.png is damaged")
    expect(page.locator("#batch-previews img")).to_have_count(4)
    expect(page.locator("#batch-previews")).to_contain_text("sub/cat.png · 48×20 → 192×80")
    with page.expect_download() as download:
        page.locator("#batch-download").click()
    assert download.value.suggested_filename == "esrgan-results.zip"
    files = contents(download.value.path())
    assert list(files) == ["rgb.png", "grey.png", "sub/cat.png", "dog.png", "errors.txt"]
    network = interpolate_networks(
        [zoo.load(name).network for name in ("psnr", "gan")], [1 - 0.8, 0.8]
    )
    given = {"rgb.png": photo[:24, :20], "sub/cat.png": photo[:20], "dog.png": photo[:, :30]}
    for name, lr in given.items():
        expected = Upscaler(network)(lr)
        np.testing.assert_array_equal(decode_image(files[name], name), expected)


@pytest.mark.slow
@pytest.mark.browser
def test_stop_on_a_phone_keeps_what_is_done(
    opened: Callable[..., "Page"],
    after_the_device: Callable[[], None],
    tmp_path: Path,
    photo: np.ndarray,
) -> None:
    from playwright.sync_api import expect

    picture = np.tile(photo, (4, 5, 1))
    names = [f"a picture with a rather long name that no phone can show {n}.png" for n in range(12)]
    many = [written(tmp_path / "many" / name, picture) for name in names]
    page = opened(viewport={"width": 390, "height": 844})
    page.get_by_role("tab", name="Batch").click()
    page.locator("#batch-start").click()
    expect(page.locator("[data-testid=toast-body]")).to_contain_text("Choose pictures first")
    page.locator("[data-testid=toast-close]").click()
    page.locator("#batch-files input[type=file]").set_input_files(many)
    expect(page.locator("#batch-files")).to_contain_text("long name")
    page.locator("#batch-start").click()
    status = page.locator("#batch-status")
    expect(status.locator("progress")).to_be_visible()
    expect(status).to_contain_text("left")
    expect(status).to_contain_text("of 12")
    expect(status).to_contain_text("rather long name")
    widths = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert widths[0] <= widths[1]
    page.locator("#batch-stop").click()
    expect(status).to_contain_text("of 12 pictures done, stopped")
    words = status.inner_text()
    done = int(words.split()[0])
    assert 0 < done < 12
    with page.expect_download() as download:
        page.locator("#batch-download").click()
    assert list(contents(download.value.path())) == names[:done]
    widths = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert widths[0] <= widths[1]
    # The picture in hand when Stop was pressed must not come any more.
    after_the_device()
    page.locator("#batch-kind").get_by_text("Between two models").click()
    expect(page.locator("#batch-first")).to_contain_text("First model")
    assert status.inner_text() == words
