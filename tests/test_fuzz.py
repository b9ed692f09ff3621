"""Whatever a file, a setting or a request holds: what is documented, or a UserError in plain words.

Never another exception, never a hang, never much more memory than allowed. Sound files are broken
byte by byte, also behind their checksums; settings and requests are drawn from all that can be
sent. By default a small share runs, always the same; `ESRGAN_FUZZ_CASES=20000` runs so many new
ones.
"""

import faulthandler
import io
import json
import os
import re
import shutil
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import cv2
import gradio as gr
import imagecodecs
import numpy as np
import pytest
import tifffile
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo
from safetensors.torch import save
from scipy.io import savemat

from esrgan.demo import choice, point
from esrgan.demo.batch import job as batch
from esrgan.demo.compare import page_link
from esrgan.demo.compare.figure import Marks, marked
from esrgan.demo.comparison import Trio
from esrgan.demo.evaluate import figures
from esrgan.demo.evaluate import job as evaluation
from esrgan.demo.finetune import job
from esrgan.demo.finetune.settings import Settings
from esrgan.demo.finetune.training_pictures import unpacked
from esrgan.demo.viewer import Alphas, alphas_of
from esrgan.errors import UserError
from esrgan.evaluation.matfile import read_matrices
from esrgan.evaluation.niqe import FITTED, PristineModel, load_pristine
from esrgan.inference.upscale import Upscaler
from esrgan.models import zoo
from esrgan.models.checkpoints import load_features, load_generator, read_facts
from esrgan.networks import RRDBConfig, RRDBNet, SRResNet, SRResNetConfig, VGGFeatures
from esrgan.pictures.images import decode_image, image_size
from tests.pictures import samples
from train.config import CONFIGS, make_config, to_settings
from train.settings import PRESETS, configured, load_preset, override, preset_names

CASES = int(os.environ.get("ESRGAN_FUZZ_CASES", "0"))
TESTS = 26  # below, each of which runs its share of the cases
SECONDS = 60  # after which a case is taken for a hang: all stacks are printed, and the process ends
MAX_PIXELS = 1_000_000
MEMORY = 100 * 2**20  # that a case may need at most, in bytes

fuzzed = settings(
    max_examples=-(-CASES // TESTS) if CASES else 12,
    derandomize=not CASES,
    database=None,
    deadline=None,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)


@contextmanager
def lawful(memory: int = MEMORY) -> Iterator[None]:
    """A case may end well or with a UserError, soon, and in little memory."""
    faulthandler.dump_traceback_later(SECONDS, exit=True)
    before = memory_at(peak=False)
    words = "A result."
    try:
        yield
    except UserError as error:
        words = str(error)
    finally:
        faulthandler.cancel_dump_traceback_later()
    assert re.fullmatch(r"[^\n]{9,700}", words), repr(words)
    assert not re.search(r"Traceback|Error\b|\berrno\b", words), words
    used = memory_at(peak=True) - before
    assert used < memory, f"{used / 2**20:.0f} MiB"


def memory_at(peak: bool) -> int:
    """Resident memory of this process in bytes: now, or the most since it was last asked for."""
    try:
        text = Path("/proc/self/status").read_text("ascii")
        if not peak:
            Path("/proc/self/clear_refs").write_text("5", "ascii")
    except OSError:
        return 0
    found = re.search(rf"{'VmHWM' if peak else 'VmRSS'}:\s+(\d+) kB", text)
    return int(found[1]) * 1024 if found else 0


# Breaking what is sound

EXTREMES = (b"\0", b"\xff", b"\x7f", b"\x80", b"\0\0\0\0", b"\xff" * 4, b"\xff\xff\xff\x7f")


@st.composite
def broken(draw: st.DrawFn, samples: Sequence[bytes]) -> bytes:
    """One of these with a few bytes set, put in, taken out or doubled, or cut off."""
    data = draw(st.sampled_from(samples))
    for _ in range(draw(st.integers(1, 4))):
        at, length = draw(st.integers(0, len(data))), draw(st.integers(1, 40))
        new = draw(st.one_of(st.sampled_from(EXTREMES), st.binary(min_size=1, max_size=8)))
        data = draw(
            st.sampled_from(
                [
                    data[:at] + new + data[at + len(new) :],
                    data[:at] + new + data[at:],
                    data[:at] + data[at + length :],
                    data[: at + length] + data[at:],
                    data[:at],
                ]
            )
        )
    return data


JSON_VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.sampled_from([0, 1, -1, 2, 3, 4, 2**31, 10**30]),
        st.floats(),
        st.text(max_size=20),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("fuzz")
    check_weights(written(made, "sound.pth", pickled(states()[0], True)), memory=2**40)
    return made  # and torch has loaded what it loads late


def written(folder: Path, name: str, data: bytes) -> Path:
    (folder / name).write_bytes(data)
    return folder / name


# Pictures


@cache
def pictures() -> dict[str, list[bytes]]:
    """Small pictures of every format and layout."""
    rng = np.random.default_rng(0)
    rgba = rng.integers(0, 256, (9, 12, 4)).astype(np.uint8)
    deep = rng.integers(0, 65536, (9, 12, 4)).astype(np.uint16)
    rgb, grey = Image.fromarray(rgba[..., :3]), Image.fromarray(rgba[..., 0])
    whole, cmyk = Image.fromarray(rgba), Image.fromarray(rgba, "CMYK")
    exif = Image.Exif()
    exif[0x0112] = 6
    texts = PngInfo()
    texts.add_text("prompt", "a cat " * 50, zip=True)
    texts.add_itxt("XML:com.adobe.xmp", '<x tiff:Orientation="6"/>', zip=True)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()

    def encoded(picture: Image.Image, fmt: str, **options: Any) -> bytes:
        buffer = io.BytesIO()
        picture.copy().save(buffer, fmt, **options)
        return buffer.getvalue()

    def animated(picture: Image.Image, fmt: str, **options: Any) -> bytes:
        others = [picture.transpose(Image.Transpose.ROTATE_180), picture.copy()]
        return encoded(picture, fmt, save_all=True, append_images=others, **options)

    def tiff(pixels: np.ndarray, **options: Any) -> bytes:
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, pixels, **options)
        return buffer.getvalue()

    found = {
        "PNG": [
            *(encoded(each, "PNG") for each in (rgb, grey, whole, grey.convert("1"))),
            encoded(rgb.quantize(16), "PNG", transparency=3),
            encoded(rgb, "PNG", exif=exif, icc_profile=profile),
            encoded(Image.fromarray(deep[..., 0]), "PNG", exif=exif),
            cv2.imencode(".png", deep)[1].tobytes(),
            cv2.imencode(".png", deep[..., :3])[1].tobytes(),
            encoded(rgb, "PNG", pnginfo=texts),
            animated(rgb, "PNG"),
        ],
        "JPEG": [
            encoded(rgb, "JPEG", exif=exif, icc_profile=profile),
            encoded(rgb, "JPEG", progressive=True),
            encoded(grey, "JPEG"),
            encoded(cmyk, "JPEG"),
            animated(rgb, "MPO"),
        ],
        "TIFF": [
            *(encoded(each, "TIFF") for each in (rgb, whole, cmyk, grey.convert("1"))),
            *(encoded(rgb, "TIFF", compression=c) for c in ("tiff_lzw", "jpeg", "packbits")),
            encoded(rgb, "TIFF", exif=exif),
            animated(rgb, "TIFF"),
            tiff(deep[..., :3], photometric="rgb"),
            tiff(deep[..., :3], photometric="rgb", compression="zlib", byteorder=">"),
            tiff(deep[..., :3], photometric="rgb", tile=(16, 16), bigtiff=True),
            tiff(deep[..., :3].transpose(2, 0, 1), photometric="rgb", planarconfig="separate"),
            tiff(deep[..., 0].astype(np.float32) / 65535),
            tiff(deep[..., 0].astype(np.int32)),
        ],
        "WebP": [
            encoded(rgb, "WEBP", exif=exif),
            encoded(whole, "WEBP", lossless=True, icc_profile=profile),
            animated(rgb, "WEBP"),
        ],
        "others": [
            encoded(rgb.quantize(16), "GIF"),
            animated(rgb.quantize(16), "GIF", transparency=3),
            *(encoded(each, "BMP") for each in (rgb, grey, whole, rgb.quantize(16))),
            *(encoded(each, "PPM") for each in (rgb, grey, grey.convert("1"))),
            encoded(Image.fromarray(deep[..., 0]), "PPM"),
            b"P3 2 1 255 1 2 3 40 50 60",
            b"P2\n# a comment\n3 1 65535 1 2 60000",
        ],
    }
    with suppress(KeyError):  # Pillow without AVIF
        found["AVIF"] = [encoded(rgb, "AVIF", exif=exif), animated(whole, "AVIF")]
    return found


def sealed(data: bytes) -> bytes:
    """A PNG with the right length and sum for each of its chunks."""
    parts, at = [data[:8]], 8
    while at + 12 <= len(data):
        size = min(int.from_bytes(data[at : at + 4], "big"), len(data) - at - 12)
        kind_and_content = data[at + 4 : at + 8 + size]
        parts += [struct.pack(">I", size), kind_and_content]
        parts.append(struct.pack(">I", zlib.crc32(kind_and_content)))
        at += 12 + size
    return b"".join(parts)


def check_picture(data: bytes, folder: Path) -> None:
    file = written(folder, "picture.png", data)
    size = None
    with lawful():
        size = image_size(file, MAX_PIXELS)
    with lawful():
        pixels = decode_image(data, "picture.png", MAX_PIXELS)
        assert pixels.dtype in (np.uint8, np.uint16)
        assert pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (3, 4))
        assert 0 < pixels.shape[0] * pixels.shape[1] <= MAX_PIXELS
        assert size == pixels.shape[:2]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WebP", "others", "AVIF"])
@fuzzed
@given(data=st.data())
def test_broken_pictures(folder: Path, kind: str, data: st.DataObject) -> None:
    samples = pictures().get(kind)
    if samples is None:
        pytest.skip("this Pillow has no AVIF")
    check_picture(data.draw(broken(samples)), folder)


@fuzzed
@given(data=st.data())
def test_broken_png_with_right_sums(folder: Path, data: st.DataObject) -> None:
    check_picture(sealed(data.draw(broken(pictures()["PNG"]))), folder)


TAGS = (254, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 282, 284, 317, 320, 322, 323)
MORE_TAGS = (324, 325, 338, 339, 347, 530, 700, 34675, 34665)
VALUES = st.sampled_from([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 32, 108, 1000, 30000, 2**16, 2**31])


@st.composite
def tiffs(draw: st.DrawFn) -> bytes:
    """A TIFF of any tags, the usual ones mostly, some of them twice."""
    usual = {256: 12, 257: 9, 258: 8, 259: 1, 262: 2, 273: 8, 277: 3, 278: 9, 279: 324}
    tags = [(tag, 4, 1, value) for tag, value in usual.items()]
    kinds, count = st.integers(1, 13), st.sampled_from([1, 1, 1, 2, 3, 4, 1000, 2**31])
    entry = st.tuples(st.sampled_from(TAGS + MORE_TAGS), kinds, count, VALUES)
    tags += draw(st.lists(entry, max_size=5))
    if draw(st.booleans()):  # 16 bits, for the other decoder
        tags = [t for t in tags if t[0] != 258] + [(258, 3, 3, 400)]
    if draw(st.booleans()):
        tags.sort(key=lambda tag: tag[0])
    directory = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    pixels = bytes(range(256)) + bytes(136)
    deep = struct.pack("<HHH", 16, 16, 16) + bytes(594)
    header = b"II*\0" + struct.pack("<I", 1000)
    return header + pixels + deep + struct.pack("<H", len(tags)) + directory + bytes(4)


@fuzzed
@given(data=tiffs())
def test_made_up_tiffs(folder: Path, data: bytes) -> None:
    check_picture(data, folder)


@st.composite
def chunky(draw: st.DrawFn) -> list[bytes]:
    """Chunks of PNG that say the colours, of any numbers."""
    kinds = {b"gAMA": 4, b"cHRM": 32, b"cICP": 4, b"sRGB": 1, b"tRNS": 6, b"eXIf": 20, b"iCCP": 40}
    chunks = []
    for kind in draw(st.lists(st.sampled_from(sorted(kinds)), max_size=3, unique=True)):
        content = draw(st.binary(min_size=kinds[kind], max_size=kinds[kind]))
        if kind == b"cICP":
            numbers = st.integers(0, 24)
            content = bytes((draw(numbers), draw(numbers), 0, 1))
        if kind == b"iCCP":
            content = b"p\0\0" + zlib.compress(draw(broken(profiles())))
        chunks.append(samples.chunk(kind, content))
    return chunks


@cache
def profiles() -> list[bytes]:
    numbers = [0.68, 0.32, 1, 0.265, 0.69, 1, 0.15, 0.06, 1]
    white = [0.3127, 0.329, 1]
    return [
        imagecodecs.cms_profile("rgb", whitepoint=white, primaries=numbers, gamma=2.2),
        imagecodecs.cms_profile("gray", gamma=1.8),
        imagecodecs.cms_profile("srgb"),
    ]


def agree(eight: np.ndarray, sixteen: np.ndarray) -> None:
    """The same picture at 8 and at 16 bits, but for one of 255."""
    assert eight.dtype == np.uint8
    assert sixteen.dtype == np.uint16
    assert eight.shape == sixteen.shape
    assert np.abs(sixteen / 257 - eight).max() <= 1.05


@fuzzed
@given(chunks=chunky(), channels=st.integers(1, 4), depth=st.sampled_from([8, 16, 3]))
def test_made_up_png_headers(folder: Path, chunks: list[bytes], channels: int, depth: int) -> None:
    pixels = samples.ramps()[..., :channels] if channels > 1 else samples.ramps()[..., 1]
    data = samples.png_of(samples.deep(pixels) if depth == 16 else pixels, *chunks)
    header = data[:24] + bytes((depth,)) + data[25:]
    check_picture(sealed(header), folder)


@fuzzed
@given(profile=st.sampled_from(range(3)), gamma=st.sampled_from([0, 45455, 100000, 55556, 30000]))
def test_depths_agree_through_png(folder: Path, profile: int, gamma: int) -> None:
    chunk = samples.icc_chunk(profiles()[profile])
    if gamma:
        chunk = samples.chunk(b"gAMA", struct.pack(">I", gamma))
    for pixels in (samples.ramps(), samples.ramps()[..., :3], samples.ramps()[..., 1]):
        agree(
            decode_image(samples.png_of(pixels, chunk), "8.png"),
            decode_image(samples.png_of(samples.deep(pixels), chunk), "16.png"),
        )


@fuzzed
@given(
    channels=st.integers(1, 5),
    photometric=st.sampled_from(["minisblack", "miniswhite", "rgb", "separated"]),
    extra=st.sampled_from(["unspecified", "assocalpha", "unassalpha"]),
    compression=st.sampled_from([None, "lzw", "zlib", "packbits", "lzma", "zstd"]),
    planar=st.booleans(),
    tile=st.sampled_from([None, (16, 16), (32, 16)]),
    byteorder=st.sampled_from("<>"),
)
def test_depths_agree_through_tiff(
    channels: int,
    photometric: str,
    extra: str,
    compression: str | None,
    planar: bool,
    tile: tuple[int, int] | None,
    byteorder: Any,
) -> None:
    """Whatever the layout, also premultiplied: 16 bits are what Pillow and tifffile make of 8."""
    colours = {"rgb": 3, "separated": 4}.get(photometric, 1)
    if channels < colours or channels > colours + 2:
        return
    pixels = np.dstack([samples.ramps(), samples.ramps()[..., 1]])[..., :channels]
    if extra == "assocalpha":
        pixels = np.minimum(pixels, pixels[..., -1:])
    made = []
    for each in (pixels, samples.deep(pixels)):
        each = np.squeeze(each)
        options: dict[str, Any] = {"planarconfig": "contig" if channels > 1 else None}
        if planar and channels > 1:
            each, options = np.moveaxis(each, -1, 0).copy(), {"planarconfig": "separate"}
        if channels > colours:
            options["extrasamples"] = [extra] * (channels - colours)
        buffer = io.BytesIO()
        tifffile.imwrite(
            buffer,
            each,
            photometric=photometric,
            compression=compression,
            tile=tile,
            byteorder=byteorder,
            **options,
        )
        with lawful():
            made.append(decode_image(buffer.getvalue(), "any.tif"))
    if len(made) == 2:
        found, deep = made
        assert found.dtype == np.uint8
        assert found.shape == deep.shape
        # premultiplied: Pillow cuts where 16 bits round, and white ends both
        most = 255 / max(1, int(pixels[..., -1].min())) if extra == "assocalpha" else 1
        assert np.abs(deep / 257 - found).max() <= most + 0.05


# Weights


@cache
def networks() -> list[torch.nn.Module]:
    torch.manual_seed(0)
    return [
        RRDBNet(RRDBConfig(4, 1, 2)),
        RRDBNet(RRDBConfig(4, 1, 2, scale=2, unshuffle=2)),
        SRResNet(SRResNetConfig(4, 1, scale=2)),
        VGGFeatures((1, 1, 1, 1, 1)),
    ]


@cache
def states() -> list[dict[str, torch.Tensor]]:
    """The networks' tensors, and in the other dialects."""
    found = [dict(network.state_dict()) for network in networks()]
    old = {"conv_first": "model.0", "conv_body": "model.1.sub.1", "conv_up1": "model.3"}
    old |= {"conv_up2": "model.6", "conv_hr": "model.8", "conv_last": "model.10"}
    for names in (
        old | {"body.0.rdb": "model.1.sub.0.RDB"},
        {"body.0.rdb": "RRDB_trunk.0.RDB", "conv_body": "trunk_conv", "conv_hr": "HRconv"}
        | {"conv_up": "upconv"},
    ):
        state = {}
        for key, tensor in found[0].items():
            for canonical, foreign in names.items():
                key = key.replace(canonical, foreign)
            state[re.sub(r"(RDB\d\.conv\d)\.", r"\1.0.", key) if "sub" in key else key] = tensor
        found.append(state)
    return found


def check_weights(file: Path, memory: int = MEMORY) -> None:
    with lawful(memory):
        network = load_generator(file)
        assert not network.training
        state = network.state_dict().values()
        assert all(t.isfinite().all() for t in state)
        assert {t.dtype for t in state} <= {torch.float32, torch.int64}
        pixels = np.full((5, 4, 3), 100, np.uint8)
        assert Upscaler(network)(pixels).shape == (5 * network.scale, 4 * network.scale, 3)
    with lawful():
        load_features(file)
    with lawful():
        assert isinstance(read_facts(file), dict)


NAMES = (
    "conv_first.weight",
    "conv_up3.weight",
    "conv_up00.weight",
    "model.99999999999999999999.weight",
    "model.1.sub.7.weight",
    "body.5.rdb1.conv1.weight",
    "trunk.0.rdb1.conv1.weight",
    "upsampling.9.0.weight",
    "model.",
    "ema.",
    "n_averaged",
    "generator.conv_first.weight",
    "body.0.conv1.weight",
    "activation.weight",
    "conv1x1",
    "module.x",
)
SHAPES = st.lists(st.sampled_from([0, 1, 2, 3, 4, 12, 48]), max_size=5)
DTYPES = st.sampled_from([torch.float32, torch.float16, torch.bfloat16, torch.int8, torch.bool])


class State(dict[str, torch.Tensor]):
    def __repr__(self) -> str:
        return str({key: (tuple(each.shape), each.dtype) for key, each in self.items()})


@st.composite
def states_changed(draw: st.DrawFn) -> State:
    """A network's tensors, of which some are missing, renamed, reshaped or of another kind."""
    state = State(draw(st.sampled_from(states())))
    for _ in range(draw(st.integers(0, 4))):
        key = draw(st.sampled_from([*state, *NAMES]))
        state[key] = torch.ones(draw(SHAPES), dtype=draw(DTYPES))
        if draw(st.booleans()):
            state.pop(draw(st.sampled_from(list(state))))
    return state


METADATA = st.dictionaries(
    st.sampled_from(["config", "facts", "architecture"]),
    st.one_of(
        st.text(max_size=20),
        JSON_VALUES.map(json.dumps),
        st.fixed_dictionaries({"scale": JSON_VALUES}).map(json.dumps),
        st.just("[" * 100_000),
    ),
)


AROUND = st.sampled_from(["module.", "_orig_mod.", "netG.", "generator.", "ema.", "model.", "x."])
WRAPPED = st.sampled_from(["params_ema", "params", "state_dict", "model", "generator", "modules"])


@fuzzed
@given(
    number=st.integers(0, 5),
    prefixes=st.lists(AROUND, max_size=4),
    wrappers=st.lists(WRAPPED, max_size=4),
    beside=st.dictionaries(st.text(max_size=9), JSON_VALUES, max_size=3),
    zipped=st.booleans(),
)
def test_any_wrapping_holds_the_same_network(
    folder: Path,
    number: int,
    prefixes: list[str],
    wrappers: list[str],
    beside: dict[str, Any],
    zipped: bool,
) -> None:
    """Or it is refused: no other network comes out."""
    state = states()[number]
    content: dict[str, Any] = {"".join(prefixes) + key: tensor for key, tensor in state.items()}
    for wrapper in wrappers:
        content = {**beside, wrapper: content}
    file = written(folder, "wrapped.safetensors", pickled(content, zipped))
    plain = written(folder, "plain.pth", pickled(state, zipped))
    with lawful():
        if number == 3:  # a perceptual network
            return
        found = load_generator(file).state_dict()
        expected = load_generator(plain).state_dict()
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[key], expected[key]) for key in found)


@fuzzed
@given(state=states_changed(), metadata=METADATA)
def test_odd_tensors_and_metadata(folder: Path, state: State, metadata: dict[str, str]) -> None:
    check_weights(written(folder, "odd.safetensors", save(state, metadata)))


def with_length(data: bytes) -> bytes:
    """A safetensors file of which the first eight bytes tell the header's length as it is."""
    header = data[8:].partition(b"}}")[0] + b"}}"
    return struct.pack("<Q", len(header)) + data[8:]


@fuzzed
@given(data=st.data(), mended=st.booleans())
def test_broken_safetensors(folder: Path, data: st.DataObject, mended: bool) -> None:
    changed = data.draw(broken([save(state) for state in states()]))
    changed = with_length(changed) if mended else changed
    check_weights(written(folder, "broken.safetensors", changed))


def pickled(content: Any, zipped: bool) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


@fuzzed
@given(data=st.data(), zipped=st.booleans())
def test_broken_pickles(folder: Path, data: st.DataObject, zipped: bool) -> None:
    samples = [pickled({"params": state}, zipped) for state in states()]
    check_weights(written(folder, "broken.pth", data.draw(broken(samples))))


def members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@fuzzed
@given(data=st.data(), method=st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
def test_broken_pickles_in_sound_zips(folder: Path, data: st.DataObject, method: int) -> None:
    found = members(pickled(data.draw(st.sampled_from(states())), zipped=True))
    name = data.draw(st.sampled_from([name for name in found if "/data/" not in name]))
    found[name] = data.draw(broken([found[name]]))
    check_weights(written(folder, "broken.pth", zipped(found, method)))


CONTENTS = st.recursive(
    st.one_of(
        states_changed(),
        st.sampled_from([None, 1, "text", 1.5, b"bytes"]),
        st.just(torch.ones(1).expand(10**6, 10**6)),
        st.just(torch.ones(2, 2).to_sparse()),
    ),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["params", "params_ema", "model", "generator", "x", "conv_first.weight"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=5,
)


@fuzzed
@given(content=CONTENTS, zipped=st.booleans())
def test_odd_contents_of_pickles(folder: Path, content: Any, zipped: bool) -> None:
    check_weights(written(folder, "odd.pth", pickled(content, zipped)))


# Matrices


@cache
def matrices() -> dict[str, np.ndarray]:
    model = load_pristine(FITTED)
    return {"mean": model.mean[None], "covariance": model.covariance}


def matlab(compressed: bool) -> bytes:
    buffer = io.BytesIO()
    savemat(buffer, matrices(), do_compression=compressed)  # type: ignore[arg-type]
    return buffer.getvalue()


def check_pristine(file: Path) -> None:
    with lawful():
        model = load_pristine(file)
        assert isinstance(model, PristineModel)
        assert model.mean.shape == (36,)
        assert model.covariance.shape == (36, 36)
        assert np.isfinite(model.covariance).all()
        assert len(model.label) < 60


@fuzzed
@given(data=st.data())
def test_broken_matlab_files(folder: Path, data: st.DataObject) -> None:
    plain = data.draw(broken([matlab(compressed=False)]))
    packed = zlib.compress(plain[128:])
    behind_sums = plain[:128] + struct.pack("<II", 15, len(packed)) + packed
    changed = data.draw(st.sampled_from([plain, behind_sums]))
    check_pristine(written(folder, "broken.mat", changed))
    check_pristine(written(folder, "packed.mat", data.draw(broken([matlab(compressed=True)]))))
    with suppress(ValueError), lawful():
        for matrix in read_matrices(changed, matrices(), 100_000).values():
            assert matrix.nbytes <= 100_000


@fuzzed
@given(data=st.data(), method=st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
def test_broken_npz_files(folder: Path, data: st.DataObject, method: int) -> None:
    whole = FITTED.read_bytes()
    check_pristine(written(folder, "broken.npz", data.draw(broken([whole]))))
    found = members(whole)
    name = data.draw(st.sampled_from(list(found)))
    found[name] = data.draw(broken([found[name]]))
    check_pristine(written(folder, "behind.npz", zipped(found, method)))


# Configuration


@fuzzed
@given(data=st.data(), stage=st.sampled_from(list(CONFIGS)))
def test_broken_presets(folder: Path, data: st.DataObject, stage: Any) -> None:
    presets = [path.read_bytes() for path in PRESETS.glob("*.toml")]
    file = written(folder, "mine.toml", data.draw(broken(presets)))
    with lawful():
        check_config(stage, load_preset(stage, str(file)))


def check_config(stage: Any, settings: dict[str, Any]) -> None:
    config = configured(stage, settings)
    assert make_config(stage, to_settings(config)) == config
    assert configured(stage, to_settings(config)) == config


KEYS = sorted({name for config in CONFIGS.values() for name in config.__dataclass_fields__})


@fuzzed
@given(
    stage=st.sampled_from(list(CONFIGS)),
    changed=st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=9), JSON_VALUES, max_size=3),
)
def test_odd_settings(stage: Any, changed: dict[str, Any]) -> None:
    with lawful():
        preset = next(name for name in preset_names() if stage in load_stages(name))
        check_config(stage, {**load_preset(stage, preset), **changed})


@cache
def load_stages(name: str) -> set[str]:
    found: set[str] = set()
    for stage in CONFIGS:
        with suppress(UserError):
            load_preset(stage, name)
            found.add(stage)
    return found


@fuzzed
@given(
    stage=st.sampled_from(list(CONFIGS)),
    assignments=st.lists(
        st.text(max_size=30)
        | st.tuples(
            st.sampled_from([*KEYS, "schedule.learning_rate", "layers.conv5_4", "generator.scale"]),
            st.text(max_size=20) | JSON_VALUES.map(json.dumps) | st.just("[" * 5000),
        ).map("=".join),
        max_size=3,
    ),
)
def test_odd_assignments(stage: Any, assignments: list[str]) -> None:
    with lawful():
        preset = next(name for name in preset_names() if stage in load_stages(name))
        check_config(stage, override(load_preset(stage, preset), assignments))


# The page


@cache
def small_zip() -> bytes:
    png, jpeg = pictures()["PNG"][0], pictures()["JPEG"][0]
    content = {"a/1.png": png, "2.jpg": jpeg, "notes.txt": b"text", ".x.png": b"", "inner.zip": png}
    return zipped(content, zipfile.ZIP_DEFLATED)


@st.composite
def uploads(draw: st.DrawFn) -> list[tuple[str, bytes]]:
    """Names and contents: pictures, zips of them, both broken or not."""
    content = st.sampled_from([pictures()["PNG"][0], b""]) | broken(pictures()["JPEG"])
    names = st.text(max_size=12) | st.sampled_from(["../x.png", "C:x.png", "a/b.png", "\udc80.png"])
    made = st.dictionaries(names.map(lambda n: n + ".png"), content, max_size=3).map(zippable)
    any_zip = st.one_of(broken([small_zip()]), made)
    return draw(
        st.lists(
            st.tuples(st.just("some.zip"), any_zip) | st.tuples(st.just("one.png"), content),
            max_size=2,
        )
    )


def zippable(content: dict[str, bytes]) -> bytes:
    """A zip of these, of whatever names a zip can hold."""
    named = {name.encode("utf-8", "replace").decode(): data for name, data in content.items()}
    return zipped(named)


@pytest.fixture(scope="module")
def trio(folder: Path) -> Trio:
    files = []
    for number, name in enumerate(("psnr", "gan")):
        state = networks()[0].state_dict()
        changed = {key: tensor * (1 + number / 50) for key, tensor in state.items()}
        files.append(written(folder, f"{name}.safetensors", save(changed)))
    return Trio(tuple(files))


@pytest.fixture(scope="module", autouse=True)
def served(folder: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(folder / "served"))
        patch.setenv("ESRGAN_RUNS", str(folder / "runs"))
        yield


ALPHAS = st.none() | st.floats() | st.sampled_from([0, 0.5, 1])


def saved(folder: Path, files: list[tuple[str, bytes]]) -> list[Path]:
    shutil.rmtree(folder / "uploads", ignore_errors=True)
    for number, (name, data) in enumerate(files):
        (folder / "uploads" / f"{number}").mkdir(parents=True)
        written(folder / "uploads" / f"{number}", name, data)
    return sorted(path for path in (folder / "uploads").rglob("*") if path.is_file())


@fuzzed
@given(
    files=uploads(),
    alpha=ALPHAS,
    mode=st.sampled_from(["network", "image", "", None]),
    rounds=st.integers(-1, 2),
    suffix=st.sampled_from(["png", "jpg", "webp", "exe", None]),
)
def test_batches(
    folder: Path,
    trio: Trio,
    files: list[tuple[str, bytes]],
    alpha: Any,
    mode: Any,
    rounds: int,
    suffix: Any,
) -> None:
    wish = batch.Wish(saved(folder, files), trio.files, alpha, mode, False, rounds, suffix)
    done = None
    with lawful():
        for done in batch.run(wish):  # noqa: B007
            pass
        assert done is not None
        assert done.ended
        assert len(done.done) + len(done.failures) >= len(done.tasks)
        if done.file:
            with zipfile.ZipFile(done.file) as archive:
                assert archive.testzip() is None
                assert {task.task.result for task in done.done} <= set(archive.namelist())
    batch.forget(done)
    shutil.rmtree(folder / "to-train-on", ignore_errors=True)
    with lawful():
        unpacked([str(path) for path in wish.uploads], folder / "to-train-on")


@fuzzed
@given(
    files=uploads(),
    alphas=st.lists(st.sampled_from([0, 0.5, 1, 2, -1, float("nan")]), max_size=3),
    modes=st.lists(st.sampled_from(["network", "image", "x"]), max_size=2),
    name=st.text(max_size=8),
)
def test_evaluations(
    folder: Path,
    trio: Trio,
    files: list[tuple[str, bytes]],
    alphas: list[float],
    modes: list[str],
    name: str,
) -> None:
    found = saved(folder, files)
    wish = evaluation.Wish(found, [], found[:1], name, [], trio.files, alphas, modes)
    state = None
    with lawful():
        for state in evaluation.run(wish):  # noqa: B007
            pass
        assert state is not None
        assert len(state.results.scores) == state.total
    evaluation.forget(state)


@fuzzed
@given(
    picture=st.none() | st.deferred(lambda: broken(list(chain(*pictures().values())))),
    alpha=ALPHAS,
    mode=st.sampled_from(["network", "image", None]),
)
def test_endpoints(folder: Path, trio: Trio, picture: bytes | None, alpha: Any, mode: Any) -> None:
    file = None if picture is None else str(written(folder, "asked.png", picture))
    with lawful():
        made = Path(point.upscaled(file, trio, alpha, mode))
        assert decode_image(made.read_bytes(), "made").size > 0
        shutil.rmtree(made.parent)
    with lawful():
        told = point.measured(file, trio, alpha, mode)
        assert set(told) == set(point.MEASURED)


@fuzzed
@given(
    query=st.dictionaries(
        st.sampled_from(["example", "as", "models", "network", "image", "third", "crop"]),
        st.text(max_size=20)
        | st.lists(st.sampled_from([*zoo.MODELS, "1", "99", "²", "x"]), max_size=5).map(",".join),
    ),
    names=st.lists(st.text(max_size=9) | st.sampled_from(["file 0", "file ²", "run ../x"])),
    text=st.text(alphabet="0123456789 ,\n٣²x", max_size=40),
    sent=st.dictionaries(st.sampled_from([*"xywh", "mark", *Alphas.model_fields]), JSON_VALUES),
    numbers=st.lists(JSON_VALUES, min_size=6, max_size=6),
)
def test_what_browsers_send(
    folder: Path,
    query: dict[str, str],
    names: list[str],
    text: str,
    sent: dict[str, Any],
    numbers: list[Any],
) -> None:
    address = page_link.read(query)
    assert address.example.is_file()
    assert all(0 <= alpha <= 1 for alpha in address.alphas.values())
    assert len(address.models) in (0, 2, 3)
    assert len(address.mark) in (0, 4)
    with lawful():
        choice.chosen_trio(*(*names, "", "", "")[:3], [str(folder / "psnr.safetensors")])  # type: ignore[call-arg]
    with lawful():
        assert all(len(crop) == 4 for crop in figures.read_crops(text))
    with lawful():
        assert isinstance(marked(Marks(), sent), Marks)
    with lawful():
        assert isinstance(alphas_of(gr.EventData(None, sent)), Alphas)
    with lawful():
        job.start(Settings("gan", "psnr", "photo", True, True, *numbers))
    assert not list((folder / "runs").glob("*"))
