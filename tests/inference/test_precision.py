"""Reduced precision is taken where a device has it and nobody can see it."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from esrgan.commands.cli import main
from esrgan.inference import precision
from esrgan.inference.precision import (
    BUSIEST,
    busiest_parts,
    chosen_dtype,
    native_dtype,
    probe,
    stays_unseen,
    unseen,
)
from esrgan.inference.upscale import Upscaler
from esrgan.models import zoo
from esrgan.models.checkpoints import save_generator
from esrgan.networks import RRDBNet, SRResNet, SRResNetConfig
from esrgan.pictures.encoding import save_image
from esrgan.pictures.images import to_image

CPU = torch.device("cpu")


@pytest.fixture
def halves(monkeypatch) -> None:
    """This processor computes float16 by itself, so they say."""
    monkeypatch.setattr(precision, "native_dtype", lambda _: torch.float16)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("fpu avx2 avx512f avx512_bf16 sha", torch.bfloat16),
        ("amx_bf16 amx_tile", torch.bfloat16),
        ("avx512f avx512bw amx_tile", None),
        ("", None),
    ],
)
def test_a_processor_has_what_its_flags_say(flags, expected, tmp_path, monkeypatch) -> None:
    (tmp_path / "cpuinfo").write_text(f"model name\t: A\nflags\t\t: {flags}\n")
    monkeypatch.setattr(precision, "CPU_FACTS", tmp_path / "cpuinfo")
    assert native_dtype(CPU) == expected
    monkeypatch.setattr(precision, "CPU_FACTS", tmp_path / "none")
    assert native_dtype(CPU) is None
    assert native_dtype(torch.device("cuda")) == torch.float16
    assert native_dtype(torch.device("mps")) is None


def test_the_probe_is_the_same_each_time_and_has_everything() -> None:
    first, second = probe(), probe()
    assert torch.equal(first, second)
    assert first.shape == (1, 3, 64, 64)
    assert first.min() >= 0
    assert first.max() <= 1
    quarters = [first[..., y : y + 32, x : x + 32] for y in (0, 32) for x in (0, 32)]
    assert all(quarter.std() > 0.1 for quarter in quarters)


@pytest.mark.slow
def test_what_differs_by_more_than_a_grey_level_is_seen() -> None:
    network = zoo.load("psnr").network
    assert stays_unseen(network, torch.float16, CPU)
    assert not stays_unseen(network, torch.bfloat16, CPU)  # 1.75 levels on a photograph


def test_the_busiest_parts_are_found(rng: np.random.Generator) -> None:
    picture = np.full((200, 270, 3), 128, np.uint8)
    picture[64:128, 128:192] = rng.integers(0, 256, (64, 64, 3))
    picture[:64, 64:128] = rng.integers(0, 99, (64, 64, 3))
    first, second, *rest = busiest_parts(picture)
    for part, expected in ((first, picture[64:128, 128:192]), (second, picture[:64, 64:128])):
        np.testing.assert_array_equal(to_image(part[None]), expected)
    assert [part.shape for part in rest] == [(3, 64, 64)] * 6


@pytest.mark.parametrize("size", [(3, 5000), (1, 1), (64, 64), (100, 63)])
def test_small_pictures_have_smaller_parts(size: tuple[int, int], rng: np.random.Generator) -> None:
    picture = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    parts = busiest_parts(picture)
    assert 1 <= len(parts) <= BUSIEST
    assert parts.shape[1:] == (3, *[min(64, *size)] * 2)


def test_a_grey_level_is_the_most_that_is_not_seen() -> None:
    grey = torch.full((1, 3, 4, 4), 0.5)
    for difference, expected in ((0.99 / 255, True), (1.01 / 255, False), (math.nan, False)):
        other = grey.clone()
        other[0, 1, 2, 3] += difference
        assert unseen(grey, other) == expected
    assert unseen(grey + 1, grey + 2)  # both are white


def test_what_overflows_is_not_taken(tiny_network: RRDBNet, halves) -> None:
    assert chosen_dtype(tiny_network, CPU) == torch.float16
    with torch.no_grad():  # beyond float16 inside, and back in range at the end
        tiny_network.conv_hr.weight.mul_(1e8)
        tiny_network.conv_last.weight.mul_(1e-8)
    assert chosen_dtype(tiny_network, CPU) == torch.float32


def test_without_such_units_it_is_float32(tiny_network: RRDBNet, monkeypatch) -> None:
    monkeypatch.setattr(precision, "native_dtype", lambda _: None)
    upscaler = Upscaler(tiny_network, "cpu", None)
    assert (upscaler.dtype, upscaler.precision) == (torch.float32, "fp32")


def test_a_picture_differs_by_a_grey_level_at_most(photo: np.ndarray, halves) -> None:
    network = zoo.load("psnr").network
    reduced = Upscaler(network, "cpu", chosen_dtype(network, CPU))
    assert reduced.precision == "fp16"
    exact = Upscaler(network, "cpu")(photo[:24, :24]).astype(int)
    assert np.abs(reduced(photo[:24, :24]) - exact).max() <= 1


def test_the_command_tells_it(photo: np.ndarray, halves, tmp_path: Path, capsys) -> None:
    save_generator(tmp_path / "model.safetensors", SRResNet(SRResNetConfig(8, 1)), {})
    save_image(photo[:9, :9], tmp_path / "a.png")
    words = ["upscale", f"{tmp_path / 'a.png'}", "--model", f"{tmp_path / 'model.safetensors'}"]
    assert main([*words, "-o", f"{tmp_path / 'x'}"]) == 0
    assert capsys.readouterr().out == f"1 written to {tmp_path / 'x'} (in fp16), 0 failed\n"
    assert main([*words, "-o", f"{tmp_path / 'y'}", "--precision", "fp32"]) == 0
    assert capsys.readouterr().out == f"1 written to {tmp_path / 'y'}, 0 failed\n"
