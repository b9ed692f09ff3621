"""The ways of computing a network on the CPU: equal results, and the fastest is remembered."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from esrgan.commands.cli import main
from esrgan.inference import backends
from esrgan.inference.backends import (
    BACKENDS,
    MEDIUM,
    SMALL,
    TRUNK,
    Backend,
    fastest,
    measured,
    measured_trunk,
    run_by,
)
from esrgan.inference.upscale import Upscaler
from esrgan.models.checkpoints import save_generator
from esrgan.networks import FastRRDBNet, RRDBConfig, RRDBNet
from esrgan.networks.fast_rrdb import WINOGRAD_FEATURES
from esrgan.networks.rrdb import RRDB

WIDE = RRDBConfig(WINOGRAD_FEATURES, 3, 4)
NARROW = RRDBConfig(8, 3, 4)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("ESRGAN_BACKEND")
    backends._known_seconds.cache_clear()
    return tmp_path / "esrgan" / "backends"


@pytest.fixture
def timed(monkeypatch) -> list[tuple[RRDBConfig, int | str]]:
    """What is measured: tiles are quickest by phases, but for those of 128 pixels by Winograd."""
    calls: list[tuple[RRDBConfig, int | str]] = []

    def measure(config: RRDBConfig, side: int) -> dict[str, float]:
        calls.append((config, side))
        return {"direct": 3, "phases": 1, "winograd": 2 if side == SMALL else 0.5}

    def measure_trunk(config: RRDBConfig) -> dict[str, float]:
        calls.append((config, TRUNK))
        return {"phases": 1, "winograd": 2}

    monkeypatch.setattr(backends, "measured", measure)
    monkeypatch.setattr(backends, "measured_trunk", measure_trunk)
    monkeypatch.setattr(backends, "measured_tiles", lambda _: {"256": 1.0, "384": 2.0})
    return calls


def as_a_new_process() -> None:
    backends._known_seconds.cache_clear()


@pytest.mark.parametrize("config", [WIDE, NARROW, replace(NARROW, scale=3)])
@pytest.mark.parametrize("backend", BACKENDS)
def test_all_ways_give_the_same(backend: Backend, config: RRDBConfig) -> None:
    network = RRDBNet(config).eval()
    for name, parameter in network.named_parameters():
        torch.nn.init.normal_(parameter, std=0.1 if name.endswith("bias") else 0.05)
    x = torch.rand(1, 3, 21, 18)
    with torch.inference_mode():
        expected = network(x)
    assert expected.std() > 1e-3
    found = Upscaler(network, "cpu", backend=backend).tensor(x)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


def test_each_way_is_what_it_is_called(monkeypatch) -> None:
    used: list[str] = []
    monkeypatch.setattr(RRDB, "forward", lambda _, x: used.append("direct trunk") or x)
    doubled = FastRRDBNet.enlarged
    monkeypatch.setattr(FastRRDBNet, "enlarged", lambda *of: used.append("phases") or doubled(*of))
    ways: dict[Backend, set[str]] = {
        "direct": {"direct trunk"},
        "phases": {"direct trunk", "phases"},
        "winograd": {"phases"},
    }
    for backend, expected in ways.items():
        used.clear()
        Upscaler(RRDBNet(WIDE), "cpu", backend=backend).tensor(torch.rand(1, 3, 5, 5))
        assert set(used) == expected


def test_the_fastest_is_measured_once_and_kept(timed, cache) -> None:
    for _ in range(2):
        assert fastest(WIDE, 40 * 60) == "phases"
        assert fastest(WIDE, 150 * 200) == "winograd"
        assert fastest(WIDE, 200 * 300) == "phases"
        as_a_new_process()
    assert timed == [(WIDE, SMALL), (WIDE, MEDIUM), (WIDE, TRUNK)]
    assert len([*cache.glob("*.json")]) == 3


def test_of_a_narrow_network_no_large_tile_is_measured(timed) -> None:
    fastest(NARROW, 200 * 300)
    assert timed == [(NARROW, MEDIUM)]


@pytest.mark.parametrize(
    "change",
    [
        lambda patch: patch.setattr(backends, "processor", lambda: "another"),
        lambda patch: patch.setattr(torch, "__version__", "99"),
        lambda patch: patch.setattr(backends, "openvino_version", lambda: "99"),
    ],
    ids=["processor", "PyTorch", "OpenVINO"],
)
def test_it_is_measured_again_where_it_may_be_another(timed, monkeypatch, change) -> None:
    for _ in range(2):
        fastest(WIDE, 1)
    fastest(replace(WIDE, num_blocks=4), 1)
    assert len(timed) == 2
    change(monkeypatch)
    as_a_new_process()
    fastest(WIDE, 1)
    assert len(timed) == 3


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"seconds": {"direct": "x"}}', '{"seconds": 1}']
)
def test_a_damaged_file_is_measured_anew(timed, cache, damage) -> None:
    fastest(WIDE, 1)
    (file,) = cache.glob("*.json")
    file.write_text(damage)
    as_a_new_process()
    assert fastest(WIDE, 1) == "phases"
    assert len(timed) == 2
    assert backends._read(file) == {"direct": 3, "phases": 1, "winograd": 2}


def test_without_a_place_to_keep_it_it_is_measured_in_each_process(
    timed, tmp_path, monkeypatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert [fastest(WIDE, 1) for _ in range(3)] == ["phases"] * 3
    assert len(timed) == 1


def test_the_user_has_the_last_word(timed, monkeypatch, refused) -> None:
    network = RRDBNet(WIDE)
    assert Upscaler(network, "cpu", backend="direct").backend == "direct"
    monkeypatch.setenv("ESRGAN_BACKEND", "phases")
    assert Upscaler(network, "cpu").backend == "phases"
    assert Upscaler(network, "cpu", backend="direct").backend == "direct"
    Upscaler(network, "cpu").tensor(torch.rand(1, 3, 4, 4))
    assert not timed
    monkeypatch.setenv("ESRGAN_BACKEND", "fastest")
    with refused("ESRGAN_BACKEND is one of direct, phases, winograd, not 'fastest'"):
        Upscaler(network, "cpu")


def test_a_picture_is_computed_by_the_fastest(timed, monkeypatch) -> None:
    used: list[str] = []
    monkeypatch.setattr(
        "esrgan.inference.on_cpu.run_by",
        lambda n, backend: used.append(backend) or run_by(n, backend),
    )
    upscaler = Upscaler(RRDBNet(WIDE), "cpu")
    for side in (20, 100):
        upscaler.tensor(torch.rand(1, 3, side, side))
    assert used == ["phases", "winograd"]


def test_what_is_measured_are_all_ways_that_a_network_has() -> None:
    assert set(measured(WIDE, 6)) == set(BACKENDS)
    assert set(measured(NARROW, 6)) == {"direct", "phases"}  # narrow: Winograd does not pay
    assert min(measured(replace(NARROW, unshuffle=2, scale=2), 7).values()) > 0


def test_of_a_large_tile_the_trunk_is_measured(monkeypatch) -> None:
    monkeypatch.setattr(backends, "LARGE", 6)
    seconds = measured_trunk(WIDE)
    assert set(seconds) == {"phases", "winograd"}
    assert min(seconds.values()) > 0


def test_bench_shows_the_times_and_the_choice(timed, cache, monkeypatch, capsys) -> None:
    monkeypatch.setattr("esrgan.commands.bench.openvino_seconds", lambda *_: None)
    assert main(["bench"]) == 0
    head, columns, small, large, tiled, kept = capsys.readouterr().out.splitlines()
    assert "PyTorch" in head
    assert "OpenVINO" in head
    assert columns.split() == ["model", "LR", "direct", "phases", "winograd", "openvino", "auto"]
    assert small.split() == ["gan", "64²", "3.000", "1.000", "2.000", "–", "phases"]
    assert large.split() == ["gan", "128²", "3.000", "1.000", "0.500", "–", "winograd"]
    assert tiled.split() == ["gan", "over", "512²:", "tiles", "of", "256²"]
    assert kept == f"kept in {cache}"
    assert main(["bench"]) == 0  # measured anew
    assert len(timed) == 4


def test_bench_shows_the_trunk_of_a_wide_network(timed, monkeypatch, capsys, tmp_path) -> None:
    monkeypatch.setattr("esrgan.commands.bench.openvino_seconds", lambda *_: None)
    save_generator(tmp_path / "wide.safetensors", RRDBNet(WIDE), {})
    assert main(["bench", str(tmp_path / "wide.safetensors")]) == 0
    _, _, _, _, trunk, _, _ = capsys.readouterr().out.splitlines()
    cells = "256² – 1.000 2.000 – phases (of the trunk alone)"
    assert trunk.split()[1:] == cells.split()


@pytest.mark.parametrize(
    ("by_openvino", "told"), [(0.95, ""), (0.8, " (--backend openvino: 1.25×)")]
)
def test_bench_points_to_a_quicker_openvino(by_openvino, told, timed, monkeypatch, capsys) -> None:
    monkeypatch.setattr("esrgan.commands.bench.openvino_seconds", lambda *_: by_openvino)
    assert main(["bench"]) == 0
    small = capsys.readouterr().out.splitlines()[2]
    assert small.endswith(f"{by_openvino:.3f}  phases{told}")


def test_several_processes_choose_the_same(timed, monkeypatch) -> None:
    """Each has some of the cores, and its results shall be those of one that has all."""
    for threads in (1, 2):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        as_a_new_process()
        assert fastest(WIDE, 1) == "phases"
    assert len(timed) == 1
