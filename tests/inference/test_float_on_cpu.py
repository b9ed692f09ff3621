"""Which way computes which picture: OpenVINO only where it is measured to be worth it."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from esrgan.commands.cli import main
from esrgan.inference import backends
from esrgan.inference.backends import (
    LARGE,
    MARGIN,
    SMALL_PIXELS,
    measured,
    openvino_from,
    pays_from,
    quickest_tile,
)
from esrgan.inference.float_on_cpu import FloatOnCPU
from esrgan.inference.openvino import OpenVINORRDBNet, openvino_version
from esrgan.inference.tiles import DEFAULT_TILE, TILES
from esrgan.inference.upscale import Choice, Upscaler
from esrgan.models.checkpoints import save_generator
from esrgan.networks import RRDBConfig, RRDBNet
from esrgan.pictures.encoding import save_image

NARROW = RRDBConfig(8, 1, 4)
TORCH_S, OPENVINO_S = 1.0, 0.5  # of a LARGE tile
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
    """What is measured of a tile, which tests may change; OpenVINO pays from the first picture on
    for which it is measured."""
    seconds = {"direct": 2.0, "phases": TORCH_S, "openvino": OPENVINO_S, "preparing": 0.0}
    monkeypatch.setattr(backends, "openvino_version", lambda: "1")
    monkeypatch.setattr(backends, "measured", lambda *_: dict(seconds))
    monkeypatch.setattr(backends, "measured_tiles", lambda _: {"256": 1.0, "384": 2.0})
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
    seconds = {"direct": 2.0, "phases": TORCH_S, "openvino": OPENVINO_S, "preparing": 7.0}
    tiles = pays_from(seconds) / LARGE**2
    assert tiles * TORCH_S == pytest.approx(tiles * OPENVINO_S + 7.0)


def test_what_is_not_clearly_faster_never_pays() -> None:
    seconds = {"direct": MARGIN, "preparing": 0.0}
    assert pays_from({**seconds, "openvino": 1.001}) == float("inf")
    assert pays_from({**seconds, "openvino": 0.999}) < float("inf")
    assert pays_from(seconds) == float("inf")


def test_where_it_is_not_installed_it_never_pays(timed, monkeypatch) -> None:
    assert openvino_from(NARROW) == SMALL_PIXELS + 1
    monkeypatch.setattr(backends, "openvino_version", lambda: None)
    assert openvino_from(NARROW) == float("inf")


def test_what_other_processes_would_not_know_is_not_taken(timed, tmp_path, monkeypatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert openvino_from(NARROW) == float("inf")
    assert quickest_tile(NARROW) == DEFAULT_TILE


def test_another_process_reads_the_same(timed) -> None:
    assert openvino_from(NARROW) == SMALL_PIXELS + 1
    timed["openvino"] = 5.0  # as another process might measure it
    backends._known_seconds.cache_clear()
    assert openvino_from(NARROW) == SMALL_PIXELS + 1


# What computes a picture


@needs_openvino
def test_large_pictures_of_a_frozen_network_are_computed_by_openvino(timed) -> None:
    upscaler = Upscaler(lively(), "cpu", frozen=True)
    for width, by_openvino in ((96, False), (97, True)):
        x = torch.rand(1, 3, 96, width)
        expected = Upscaler(lively(), "cpu", backend="direct").tensor(x)
        found = upscaler.tensor(x)
        assert upscaler.used_openvino == by_openvino
        assert expected.std() > 0.01
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


@needs_openvino
def test_a_picture_in_tiles_is_decided_for_as_a_whole(timed) -> None:
    upscaler = Upscaler(lively(), "cpu", frozen=True, tile=40)
    upscaler(np.zeros((97, 96, 3), np.uint8))
    assert upscaler.used_openvino


@pytest.mark.parametrize("why", ["not frozen", "the user's", "the variable's", "slower"])
def test_otherwise_it_stays_with_pytorch(why: str, timed, monkeypatch) -> None:
    monkeypatch.setattr(OpenVINORRDBNet, "__init__", None)  # calling it would fail
    if why == "the variable's":
        monkeypatch.setenv("ESRGAN_BACKEND", "phases")
    if why == "slower":
        timed["openvino"] = 5.0
    backend: Choice = "direct" if why == "the user's" else "auto"
    upscaler = Upscaler(lively(), "cpu", backend=backend, frozen=why != "not frozen")
    upscaler.tensor(torch.rand(1, 3, 97, 96))
    assert not upscaler.used_openvino


@needs_openvino
def test_a_network_that_it_computes_otherwise_stays_with_pytorch(timed, monkeypatch) -> None:
    compiled = OpenVINORRDBNet.enlarged
    monkeypatch.setattr(OpenVINORRDBNet, "enlarged", lambda *of: compiled(*of) + 2e-4)
    upscaler = Upscaler(lively(), "cpu", frozen=True)
    upscaler.tensor(torch.rand(1, 3, 97, 96))
    assert not upscaler.used_openvino


@needs_openvino
@pytest.mark.parametrize("size", [(20, 24), (97, 96), (64, 130)])
def test_the_number_of_threads_changes_no_bit(size: tuple[int, int], monkeypatch) -> None:
    """So that processes that share the cores make the files of one that has them all."""
    x, found = torch.rand(1, 3, *size), []
    torch.manual_seed(0)
    network = RRDBNet(RRDBConfig(32, 2, 16)).eval()
    for threads in (1, 2, 3):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        with torch.inference_mode():
            compiled = OpenVINORRDBNet(network)
            found.append(compiled.enlarged(compiled.features(x)))
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


# What is measured


@needs_openvino
def test_openvino_is_measured_beside_the_others() -> None:
    seconds = measured(NARROW, LARGE)
    assert {"direct", "phases", "openvino", "preparing"} == set(seconds)
    assert min(seconds.values()) > 0


def test_a_broken_openvino_is_no_candidate(monkeypatch) -> None:
    monkeypatch.setattr(backends, "openvino_version", lambda: "1")
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert set(measured(NARROW, LARGE)) == {"direct", "phases"}


# Tiles


def test_the_quicker_tiles_are_taken(timed, monkeypatch) -> None:
    network = lively()
    large = 1000 * 1000
    assert FloatOnCPU(network, None, frozen=False).tile_side(large) == 256
    assert FloatOnCPU(network, "direct", frozen=False).tile_side(large) == DEFAULT_TILE
    monkeypatch.setattr(backends, "measured_tiles", lambda _: {"256": 1.0, "384": 1.0})
    assert quickest_tile(RRDBConfig(8, 2, 4)) == DEFAULT_TILE  # the larger of equals


def test_tiles_of_that_side_are_really_used(timed, monkeypatch) -> None:
    monkeypatch.setattr("esrgan.inference.upscale.WHOLE_PIXELS", 30 * 30)
    monkeypatch.setattr("esrgan.inference.float_on_cpu.quickest_tile", lambda _: 20)
    counts: list[int] = []
    Upscaler(lively(), "cpu", before_tile=counts.append).tensor(torch.rand(1, 3, 30, 31))
    assert counts == [4] * 4


def test_all_tiles_are_measured_with_what_is_around_them(monkeypatch) -> None:
    monkeypatch.setattr(backends, "TILES", (4, 8))
    monkeypatch.setattr(backends, "OVERLAP", 2)
    sizes = []
    features = RRDBNet.features
    monkeypatch.setattr(backends, "fastest", lambda *_: "direct")
    monkeypatch.setattr(
        RRDBNet, "features", lambda self, x: sizes.append(x.shape[-2:]) or features(self, x)
    )
    assert set(backends.measured_tiles(NARROW)) == {"4", "8"}
    assert set(sizes) == {(8, 8), (12, 12)}
    assert max(TILES) == DEFAULT_TILE


# What is told


@needs_openvino
@pytest.mark.parametrize("wish", [["--precision", "fp32"], ["--backend", "openvino"]])
def test_the_command_tells_what_ran(timed, wish, tmp_path, rng, capsys) -> None:
    save_generator(tmp_path / "model.safetensors", lively(), {})
    save_image(rng.integers(0, 256, (97, 96, 3), dtype=np.uint8), tmp_path / "a.png")
    words = ["upscale", f"{tmp_path / 'a.png'}", "--model", f"{tmp_path / 'model.safetensors'}"]
    assert main([*words, "-o", f"{tmp_path / 'x'}", *wish]) == 0
    assert capsys.readouterr().out == f"1 written to {tmp_path / 'x'} (by OpenVINO), 0 failed\n"


def test_bench_says_from_which_picture_on(timed, capsys) -> None:
    timed["preparing"] = 4 * (TORCH_S - OPENVINO_S)
    assert main(["bench"]) == 0
    assert capsys.readouterr().out.count(f"phases; openvino from {2 * LARGE}²\n") == 2
