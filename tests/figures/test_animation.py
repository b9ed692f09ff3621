"""esrgan/animation.py and its command: frames, and what other readers find in the files."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from esrgan.commands import cli
from esrgan.figures import Crop
from esrgan.figures.animation import CAPTION, GAP, Look, frames, save_animation
from esrgan.inference.upscale import Upscaler
from esrgan.models.checkpoints import save_generator
from esrgan.models.interpolation import alpha_weights, interpolate_images, interpolate_networks
from esrgan.networks import RRDBConfig, RRDBNet
from esrgan.pictures.resize import imresize

Refused = Callable[..., AbstractContextManager[None]]


def fading(photo: np.ndarray) -> Callable[[float], np.ndarray]:
    """The photo at α = 0, its negative at 1."""
    return lambda alpha: interpolate_images([photo, 255 - photo], alpha_weights(alpha))


def pillow_frames(path: Path) -> tuple[list[np.ndarray], list[int]]:
    """The frames of a GIF or WebP file, and how long each is shown, in milliseconds."""
    shown, durations = [], []
    with Image.open(path) as file:
        for number in range(getattr(file, "n_frames", 1)):
            file.seek(number)
            shown.append(np.asarray(file.convert("RGB")))
            durations.append(file.info["duration"])
        assert file.info["loop"] == 0
    return shown, durations


def video_frames(path: Path) -> tuple[list[np.ndarray], float]:
    """The frames of a video as OpenCV reads it, and its length in seconds by its header."""
    video = cv2.VideoCapture(str(path))
    shown = []
    while (frame := video.read())[0]:
        shown.append(cv2.cvtColor(frame[1], cv2.COLOR_BGR2RGB))
    video.release()
    with av.open(str(path)) as file:
        length = file.streams.video[0].duration * file.streams.video[0].time_base
    return shown, float(length)


def test_a_crop_is_magnified_pixel_by_pixel_at_every_alpha(photo: np.ndarray) -> None:
    crop = Crop(8, 12, 20, 10)
    drawn = list(frames({"network": fading(photo)}, Look(crop, steps=4, size=205)))
    assert len(drawn) == 5
    for alpha, frame in zip((0, 0.25, 0.5, 0.75, 1), drawn, strict=True):
        assert frame.shape == (100 + CAPTION, 200, 3)
        expected = crop.cut(fading(photo)(alpha)).repeat(10, 0).repeat(10, 1)
        np.testing.assert_array_equal(frame[:100], expected)
    captions = [frame[100:] for frame in drawn]
    assert all((a != b).any() for a, b in pairwise(captions))


def test_the_bar_is_as_long_as_alpha(photo: np.ndarray) -> None:
    for alpha, frame in enumerate(frames({"network": fading(photo)}, Look(steps=4, size=192))):
        row = frame[192].astype(int)
        blue = (row[:, 2] - row[:, 0] > 50).sum()
        assert abs(blue - alpha / 4 * frame.shape[1]) <= 1


def test_both_interpolations_stand_side_by_side(photo: np.ndarray) -> None:
    sources = {"network": fading(photo), "image": lambda _: photo}
    look = Look(steps=1, size=256, captioned=False)
    *_, last = frames(sources, look)
    assert last.shape == (256, 2 * 192 + GAP, 3)
    np.testing.assert_array_equal(last[::4, :192:4], 255 - photo)
    np.testing.assert_array_equal(last[::4, 192 + GAP :: 4], photo)


def test_frames_have_even_sides_and_large_pictures_are_shrunk(rng: np.random.Generator) -> None:
    picture = rng.integers(0, 256, (301, 455, 3), dtype=np.uint8)
    first, _ = frames({"network": lambda _: picture}, Look(steps=1, size=101, captioned=False))
    assert first.shape == (68, 102, 3)  # 101×67, and a line of white each
    assert (first[-1] == 255).all()
    assert (first[:, -1] == 255).all()
    assert abs(first[:67, :101].mean() - picture.mean()) < 3


def test_a_narrow_picture_has_room_for_its_caption(photo: np.ndarray) -> None:
    first, _ = frames({"network": fading(photo)}, Look(Crop(0, 0, 2, 64), steps=1, size=64))
    assert first.shape[1] > 100
    ink = (first[64 + 8 :].min(axis=2) < 128).any(axis=0)
    assert ink.any()
    assert not ink[-1]


def test_grey_transparent_and_deep_pictures_become_rgb(photo: np.ndarray) -> None:
    look = Look(steps=1, size=64, captioned=False)
    transparent = np.dstack((photo, np.full_like(photo[..., 0], 255)))
    for picture, expected in (
        (photo[..., 0], np.repeat(photo[..., :1], 3, axis=2)),
        (transparent, photo),
        (photo.astype(np.uint16) * 257, photo),
    ):
        first, _ = frames({"image": lambda _, shown=picture: shown}, look)  # type: ignore[misc]
        np.testing.assert_array_equal(first, expected)


@pytest.mark.parametrize("suffix", ["gif", "webp", "mp4"])
def test_a_file_goes_there_and_back_in_the_time_that_was_asked_for(
    tmp_path: Path, photo: np.ndarray, suffix: str
) -> None:
    drawn = list(frames({"network": fading(photo)}, Look(steps=6, size=192)))
    path = tmp_path / "sub" / f"a.{suffix}"
    save_animation(drawn, path, 2.5)
    expected = [*drawn, *drawn[-2::-1]]
    if suffix == "mp4":
        shown, seconds = video_frames(path)
        assert seconds == pytest.approx(2.5, abs=0.01)
    else:
        shown, durations = pillow_frames(path)
        assert sum(durations) == 2500
        assert durations[6] == 2 * durations[0]
        assert durations[0] == durations[12] > 3 * durations[1] > 0
    assert len(shown) == 13
    tolerance = {"gif": 6, "webp": 0, "mp4": 3}[suffix]
    for frame, wanted in zip(shown, expected, strict=True):
        assert np.abs(frame.astype(int) - wanted).mean() <= tolerance
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_what_stands_still_in_a_gif_does_not_flicker(
    tmp_path: Path, photo: np.ndarray, rng: np.random.Generator
) -> None:
    still = rng.integers(0, 256, photo.shape, dtype=np.uint8)
    moving = fading(photo)
    both = [np.hstack((still, moving(alpha))) for alpha in np.linspace(0, 1, 6)]
    save_animation(both, tmp_path / "a.gif", 2)
    shown, _ = pillow_frames(tmp_path / "a.gif")
    assert len(shown) == 11
    for frame in shown:
        np.testing.assert_array_equal(frame[:, :48], shown[0][:, :48])
    colours = np.concatenate([frame.reshape(-1, 3) for frame in shown])
    assert len(np.unique(colours, axis=0)) <= 256


def test_a_video_keeps_colours(tmp_path: Path) -> None:
    """With the wrong matrix (BT.601 for BT.709) green would be off by 20 and more."""
    colours = [(200, 40, 40), (40, 200, 40), (40, 40, 200), (250, 250, 5)]
    picture = np.zeros((64, 256, 3), np.uint8)
    for number, colour in enumerate(colours):
        picture[:, 64 * number : 64 * number + 64] = colour
    save_animation([picture, picture], tmp_path / "a.mp4", 1)
    with av.open(str(tmp_path / "a.mp4")) as file:
        stream = file.streams.video[0]
        context = stream.codec_context
        assert (context.name, context.pix_fmt, context.colorspace) == ("h264", "yuv420p", 1)
        planes = next(file.decode(stream)).to_ndarray()  # Y over U over V
    for number, (red, green, blue) in enumerate(colours):
        luma = 16 + 219 / 255 * (0.2126 * red + 0.7152 * green + 0.0722 * blue)
        assert planes[32, 64 * number + 32] == pytest.approx(luma, abs=2)


def test_what_is_no_animation_is_refused(
    photo: np.ndarray, tmp_path: Path, refused: Refused
) -> None:
    for settings, words in (
        ({"steps": 0}, "1 to 100 steps"),
        ({"steps": 101}, "1 to 100 steps"),
        ({"seconds": 0}, "up to 60 seconds"),
        ({"seconds": float("nan")}, "up to 60 seconds"),
        ({"steps": 100, "seconds": 1}, "too short for 100 steps"),
        ({"size": 5}, "32 to 1920 pixels"),
    ):
        with refused(words):
            Look(**settings)
    large = np.zeros((1200, 1200, 3), np.uint8)
    with refused("41 frames of 1200×1230 pixels are too much"):
        list(frames({"network": lambda _: large}, Look(steps=40, size=1200)))
    with refused("not inside the picture"):
        list(frames({"network": lambda _: photo}, Look(Crop(40, 0, 20, 20))))
    with refused(".gif, .webp or .mp4"):
        save_animation([photo, photo], tmp_path / "a.avi", 1)
    assert list(tmp_path.iterdir()) == []


# The command


@pytest.fixture
def models(tmp_path: Path, tiny_network: RRDBNet) -> list[RRDBNet]:
    """Two related networks, also as first.safetensors and second.safetensors."""
    second = RRDBNet(tiny_network.config).eval()
    second.load_state_dict({k: v * 1.3 for k, v in tiny_network.state_dict().items()})
    networks = [tiny_network, second]
    for name, network in zip(("first", "second"), networks, strict=True):
        save_generator(tmp_path / f"{name}.safetensors", network, {}, half=False)
    return networks


def animate(folder: Path, *words: object) -> int:
    names = [folder / "first.safetensors", folder / "second.safetensors"]
    options = map(str, [*words, "--models", *names])
    return cli.main(["animate", str(folder / "photo.png"), *options])


@pytest.mark.parametrize("is_lr", [False, True])
def test_each_frame_is_the_network_s_own_picture(
    tmp_path: Path, photo: np.ndarray, models: list[RRDBNet], is_lr: bool
) -> None:
    Image.fromarray(photo).save(tmp_path / "photo.png")
    options = ["--steps", 4, "--no-caption", "--size", 256, "-o", tmp_path / "a.webp"]
    assert animate(tmp_path, *options, *(["--lr"] if is_lr else [])) == 0
    shown, durations = pillow_frames(tmp_path / "a.webp")
    assert sum(durations) == 4000
    lr = photo if is_lr else imresize(photo, 1 / 4)
    for frame, alpha in zip(shown, (0, 0.25, 0.5, 0.75, 1, 0.75, 0.5, 0.25, 0), strict=True):
        expected = Upscaler(interpolate_networks(models, alpha_weights(alpha)))(lr)
        factor = 256 // expected.shape[0]
        np.testing.assert_array_equal(frame, expected.repeat(factor, 0).repeat(factor, 1))


def test_a_crop_by_both_interpolations(
    tmp_path: Path, photo: np.ndarray, models: list[RRDBNet]
) -> None:
    Image.fromarray(photo).save(tmp_path / "photo.png")
    crop = ["--crop", 10, 20, 32, 32, "--size", 64, "--no-caption"]
    options = ["--steps", 2, "--mode", "network", "image", *crop, "-o", tmp_path / "a.webp"]
    assert animate(tmp_path, *options) == 0
    middle = pillow_frames(tmp_path / "a.webp")[0][1]
    lr = imresize(photo, 1 / 4)
    network = Upscaler(interpolate_networks(models, [0.5, 0.5]))(lr)
    image = interpolate_images([Upscaler(end)(lr) for end in models], [0.5, 0.5])
    cut = slice(20, 52), slice(10, 42)
    np.testing.assert_array_equal(middle[::2, :64:2], network[cut])
    np.testing.assert_array_equal(middle[::2, 64 + GAP :: 2], image[cut])


def test_the_command_says_what_is_wrong_before_it_runs(
    tmp_path: Path,
    photo: np.ndarray,
    models: list[RRDBNet],
    refused: Refused,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Image.fromarray(photo).save(tmp_path / "photo.png")
    other = RRDBNet(RRDBConfig(num_features=4, num_blocks=1, growth_channels=4, scale=2))
    monkeypatch.setattr(Upscaler, "__call__", lambda *_: pytest.fail("a network ran"))
    out = ["-o", tmp_path / "a.gif"]
    for words, message in (
        (["-o", tmp_path / "a.png"], ".gif, .webp or .mp4"),
        ([*out, "--seconds", 0.1], "too short"),
        ([*out, "--size", 5000], "32 to 1920"),
    ):
        with refused(message):
            animate(tmp_path, *words)
    save_generator(tmp_path / "second.safetensors", other, {})
    with refused("can't be interpolated"):
        animate(tmp_path, *out)
    with refused("one scale"):
        animate(tmp_path, *out, "--mode", "image")
    assert not (tmp_path / "a.gif").exists()
