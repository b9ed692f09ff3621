"""Which way computes which picture: OpenVINO and bfloat16 only where measured to be worth it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from esrgan.commands.cli import main
from esrgan.inference import backends
from esrgan.inference.backends import (
    BACKENDS,
    MARGIN,
    Backend,
    measured_tiles,
    openvino_from,
    pays_from,
    quickest_tile,
)
from esrgan.inference.on_cpu import OnCPU
from esrgan.inference.openvino import OpenVINORRDBNet, openvino_version
from esrgan.inference.precision import PROBE_SIDE
from esrgan.inference.tiles import DEFAULT_TILE, OPENVINO_TILE, TILES
from esrgan.inference.upscale import Choice, Upscaler
from esrgan.models.checkpoints import save_generator
from esrgan.networks import BFloat16RRDBNet, RRDBConfig, RRDBNet
from esrgan.pictures.encoding import save_image

NARROW = RRDBConfig(8, 1, 4)
LARGE = (40, 41)  # a picture over WHOLE_PIXELS here
needs_openvino = pytest.mark.skipif(openvino_version() is None, reason="openvino is not installed")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of its own, and nothing that the user wishes."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("ESRGAN_BACKEND")
    backends._known_seconds.cache_clear()
    return tmp_path / "esrgan" / "backends"


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """What is measured, which tests may change: OpenVINO pays for each picture in tiles."""
    seconds = {"256": 3.0, "384": 2.0, "openvino": 1.0, "preparing": 0.0}
    monkeypatch.setattr(backends, "openvino_version", lambda: "1")
    monkeypatch.setattr(backends, "measured", lambda *_: {"direct": 2.0, "phases": 1.0})
    monkeypatch.setattr(backends, "measured_tiles", lambda _: dict(seconds))
    monkeypatch.setattr("esrgan.inference.on_cpu.WHOLE_PIXELS", 40 * 40)
    return seconds


def lively() -> RRDBNet:
    """A network whose results are neither flat nor out of range."""
    torch.manual_seed(0)
    network = RRDBNet(NARROW).eval()
    network.conv_last.weight.data.mul_(20)
    network.conv_last.bias.data.fill_(0.5)
    return network


# From which picture on


def test_a_picture_of_that_size_takes_as_long_either_way() -> None:
    pixels = pays_from({"256": 3.0, "384": 2.0, "openvino": 0.5, "preparing": 7.0})
    assert pixels * 2.0 == pytest.approx(pixels * 0.5 + 7.0)


def test_what_is_not_clearly_faster_never_pays() -> None:
    seconds = {"256": MARGIN, "384": 9.0, "preparing": 0.0}
    assert pays_from({**seconds, "openvino": 1.001}) == float("inf")
    assert pays_from({**seconds, "openvino": 0.999}) == 0
    assert pays_from(seconds) == float("inf")


def test_where_it_is_not_installed_it_never_pays(timed, monkeypatch) -> None:
    assert openvino_from(NARROW) == 0
    monkeypatch.setattr(backends, "openvino_version", lambda: None)
    assert openvino_from(NARROW) == float("inf")


def test_what_other_processes_would_not_know_is_not_taken(timed, tmp_path, monkeypatch) -> None:
    timed["256"] = 1.0
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert openvino_from(NARROW) == float("inf")
    assert quickest_tile(NARROW) == DEFAULT_TILE


def test_another_process_reads_the_same(timed) -> None:
    assert (openvino_from(NARROW), quickest_tile(NARROW)) == (0, 384)
    timed |= {"openvino": 5.0, "256": 1.0}  # as another process might measure it
    backends._known_seconds.cache_clear()
    assert (openvino_from(NARROW), quickest_tile(NARROW)) == (0, 384)


# What computes a picture


@needs_openvino
def test_large_pictures_of_a_frozen_network_are_computed_by_openvino(timed) -> None:
    upscaler = Upscaler(lively(), "cpu", frozen=True)
    for size, by_openvino in (((40, 40), False), (LARGE, True)):
        x = torch.rand(1, 3, *size)
        expected = Upscaler(lively(), "cpu", backend="direct").tensor(x)
        found = upscaler.tensor(x)
        assert (upscaler.how == {"by OpenVINO"}) == by_openvino
        assert expected.std() > 0.01
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


@needs_openvino
def test_a_picture_in_tiles_is_decided_for_as_a_whole(timed) -> None:
    upscaler = Upscaler(lively(), "cpu", frozen=True, tile=20)
    upscaler(np.zeros((*LARGE, 3), np.uint8))
    assert upscaler.how == {"by OpenVINO"}


@needs_openvino
def test_a_picture_that_does_not_save_what_compiling_takes_stays_with_pytorch(timed) -> None:
    timed["preparing"] = 40 * 50 * 1.0
    for width, by_openvino in ((49, False), (50, True)):
        upscaler = Upscaler(lively(), "cpu", frozen=True)
        upscaler.tensor(torch.rand(1, 3, 40, width))
        assert (upscaler.how == {"by OpenVINO"}) == by_openvino


@pytest.mark.parametrize("why", ["not frozen", "the user's", "the variable's", "bf16", "slower"])
def test_otherwise_it_stays_with_pytorch(why: str, timed, monkeypatch) -> None:
    monkeypatch.setattr(OpenVINORRDBNet, "__init__", None)  # calling it would fail
    if why == "the variable's":
        monkeypatch.setenv("ESRGAN_BACKEND", "phases")
    if why == "slower":
        timed["openvino"] = 5.0
    backend: Choice = "direct" if why == "the user's" else "auto"
    dtype = torch.bfloat16 if why == "bf16" else torch.float32
    upscaler = Upscaler(lively(), "cpu", dtype, backend=backend, frozen=why != "not frozen")
    upscaler.tensor(torch.rand(1, 3, *LARGE))
    assert "by OpenVINO" not in upscaler.how


@needs_openvino
def test_a_network_that_it_computes_otherwise_stays_with_pytorch(timed, monkeypatch) -> None:
    enlarged = OpenVINORRDBNet.enlarged
    monkeypatch.setattr(OpenVINORRDBNet, "enlarged", lambda *of: enlarged(*of) + 2e-4)
    upscaler = Upscaler(lively(), "cpu", frozen=True)
    upscaler.tensor(torch.rand(1, 3, *LARGE))
    assert "by OpenVINO" not in upscaler.how


# bfloat16


@pytest.fixture
def large(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (*LARGE, 3), dtype=np.uint8)


def test_large_pictures_are_computed_in_bfloat16_where_nobody_sees_it(timed, large) -> None:
    timed["bf16"] = 1.0
    upscaler = Upscaler(lively(), "cpu", None, frozen=True)
    exact = Upscaler(lively(), "cpu")
    small = large[:, :40]
    np.testing.assert_array_equal(upscaler(small), exact(small))
    assert upscaler.how == set()
    differences = np.abs(upscaler(large).astype(int) - exact(large))
    assert 0 < differences.max() <= 1
    assert upscaler.how == {"in bf16"}


@pytest.mark.parametrize(
    "why", ["not frozen", "the user's", "fp32", "slower", "no units", "16 bits", "seen"]
)
def test_otherwise_they_are_not(why: str, timed, large, monkeypatch) -> None:
    monkeypatch.setattr(BFloat16RRDBNet, "enlarged", lambda *_: torch.zeros(1))
    timed |= {"bf16": 1.0, "openvino": 9.0}
    if why == "no units":
        del timed["bf16"]
    if why == "slower":
        timed["bf16"] = 2.0 / MARGIN + 0.01
    backend: Choice = "direct" if why == "the user's" else "auto"
    dtype = torch.float32 if why == "fp32" else None
    upscaler = Upscaler(lively(), "cpu", dtype, backend=backend, frozen=why != "not frozen")
    found = upscaler(large.astype(np.uint16) if why == "16 bits" else large)
    assert found.std() > 0
    assert upscaler.how == set()


def test_who_wishes_for_bfloat16_gets_it(large) -> None:
    upscaler = Upscaler(lively(), "cpu", torch.bfloat16)
    found = upscaler(large[:20, :20])
    assert (upscaler.precision, upscaler.how) == ("bf16", {"in bf16"})
    exact = Upscaler(lively(), "cpu")(large[:20, :20]).astype(int)
    assert 0 < np.abs(found - exact).max() <= 1


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("backend", [*BACKENDS, pytest.param("openvino", marks=needs_openvino)])
@pytest.mark.parametrize("features", [16, 32, 64])
@pytest.mark.parametrize("size", [(9, 77), (14, 333), (20, 296)])
def test_the_number_of_threads_changes_no_bit(
    backend: Backend, features: int, size: tuple[int, int]
) -> None:
    """So that processes that share the cores make the files of one that has them all."""
    x, found = torch.rand(1, 3, *size), []
    torch.manual_seed(0)
    network = RRDBNet(RRDBConfig(features, 1, features // 2)).eval()
    for count in (1, 2):
        torch.set_num_threads(count)
        found.append(Upscaler(network, "cpu", backend=backend).tensor(x))
    assert found[0].std() > 1e-4
    assert torch.equal(found[0], found[1])


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("features", [16, 32, 64])
@pytest.mark.parametrize("size", [(9, 77), (14, 333), (20, 296)])
def test_nor_does_it_in_bfloat16(features: int, size: tuple[int, int]) -> None:
    x, found = torch.rand(1, 3, *size), []
    torch.manual_seed(0)
    network = RRDBNet(RRDBConfig(features, 1, features // 2)).eval()
    for count in (1, 2):
        torch.set_num_threads(count)
        found.append(Upscaler(network, "cpu", torch.bfloat16).tensor(x))
    assert found[0].std() > 1e-4
    assert torch.equal(found[0], found[1])


# What is measured


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "TILES", (4, 8))
    monkeypatch.setattr(backends, "OPENVINO_TILE", 6)
    monkeypatch.setattr(backends, "OVERLAP", 2)
    monkeypatch.setattr(backends, "fastest", lambda *_: "direct")
    monkeypatch.setattr(backends, "native_dtype", lambda _: None)
    monkeypatch.setattr(backends, "BFLOAT16_TILE", 4)


@needs_openvino
@pytest.mark.usefixtures("small_tiles")
def test_all_tiles_are_measured_with_what_is_around_them(monkeypatch) -> None:
    sizes: dict[type, set[tuple[int, int]]] = {RRDBNet: set(), OpenVINORRDBNet: set()}
    for way, seen in sizes.items():
        features = way.features
        monkeypatch.setattr(
            way,
            "features",
            lambda self, x, f=features, s=seen: s.add((*x.shape[-2:],)) or f(self, x),
        )
    seconds = measured_tiles(NARROW)
    assert set(seconds) == {"4", "8", "openvino", "preparing"}
    assert min(seconds.values()) > 0
    checked = (PROBE_SIDE, PROBE_SIDE)
    assert sizes[RRDBNet] - {checked} == {(8, 8), (12, 12)}
    assert sizes[OpenVINORRDBNet] == {checked, (10, 10)}


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize(("native", "measured"), [(torch.bfloat16, {"bf16"}), (None, set())])
def test_bfloat16_is_measured_where_there_are_units(native, measured, monkeypatch) -> None:
    monkeypatch.setattr(backends, "native_dtype", lambda _: native)
    monkeypatch.setattr(backends, "openvino_version", lambda: None)
    assert set(measured_tiles(NARROW)) == {"4", "8"} | measured


@pytest.mark.usefixtures("small_tiles")
def test_a_broken_openvino_is_no_candidate(monkeypatch) -> None:
    monkeypatch.setattr(backends, "openvino_version", lambda: "1")
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert set(measured_tiles(NARROW)) == {"4", "8"}


# Tiles


def test_the_quicker_tiles_are_taken(timed) -> None:
    timed |= {"256": 1.0, "openvino": 5.0}
    wishes: tuple[tuple[Backend | None, bool, int], ...] = (
        (None, False, 256),
        (None, True, 256),
        ("direct", True, DEFAULT_TILE),
    )
    for backend, frozen, expected in wishes:
        on_cpu = OnCPU(lively(), backend, torch.float32, frozen)
        assert on_cpu.way(40 * 40).tile_side == 0
        assert on_cpu.way(40 * 41).tile_side == expected


def test_of_equal_tiles_the_larger_are_taken(timed) -> None:
    timed["256"] = timed["384"]
    assert quickest_tile(NARROW) == DEFAULT_TILE == max(TILES)


@needs_openvino
def test_openvino_has_tiles_of_its_own(timed) -> None:
    assert OnCPU(lively(), None, torch.float32, True).way(40 * 41).tile_side == OPENVINO_TILE
    assert OnCPU(lively(), "openvino", None, True).way(1).tile_side == OPENVINO_TILE


def test_tiles_of_that_side_are_really_used(timed, monkeypatch) -> None:
    monkeypatch.setattr("esrgan.inference.on_cpu.quickest_tile", lambda _: 25)
    counts: list[int] = []
    Upscaler(lively(), "cpu", before_tile=counts.append).tensor(torch.rand(1, 3, *LARGE))
    assert counts == [4] * 4


# What is told


@needs_openvino
@pytest.mark.parametrize("wish", [["--precision", "fp32"], ["--backend", "openvino"]])
def test_the_command_tells_what_ran(timed, wish, tmp_path, rng, capsys) -> None:
    save_generator(tmp_path / "model.safetensors", lively(), {})
    save_image(rng.integers(0, 256, (*LARGE, 3), dtype=np.uint8), tmp_path / "a.png")
    words = ["upscale", f"{tmp_path / 'a.png'}", "--model", f"{tmp_path / 'model.safetensors'}"]
    assert main([*words, "-o", f"{tmp_path / 'x'}", *wish]) == 0
    assert capsys.readouterr().out == f"1 written to {tmp_path / 'x'} (by OpenVINO), 0 failed\n"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        ({}, "OpenVINO, 2.00× as fast, from 0.26 megapixels on"),
        ({"preparing": 4e6}, "OpenVINO, 2.00× as fast, from 4.00 megapixels on"),
        ({"openvino": 2.5}, "OpenVINO is 0.80× as fast, and taken from 1.1× on"),
        (
            {"bf16": 1.6},
            "bf16 is 1.25× as fast, taken where it is not seen; "
            "OpenVINO, 2.00× as fast, from 0.26 megapixels on",
        ),
        (
            {"bf16": 2.0},
            "bf16 is 1.00× as fast, and taken from 1.1× on; "
            "OpenVINO, 2.00× as fast, from 0.26 megapixels on",
        ),
    ],
)
def test_bench_says_from_which_picture_on(seconds, told, timed, monkeypatch, capsys) -> None:
    monkeypatch.setattr("esrgan.commands.bench.openvino_seconds", lambda *_: None)
    timed |= seconds
    assert main(["bench"]) == 0
    assert f"over 512²: tiles of 384²; {told}\n" in capsys.readouterr().out
