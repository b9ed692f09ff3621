"""train/acceleration.py in the stages' steps: lower precision, parts of batches, clipped gradients,
compiled networks."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from train.acceleration import chosen_precision
from train.checkpoint import load_checkpoint, save_checkpoint
from train.config import StageName, make_config
from train.data import batches
from train.settings import load_preset
from train.stages import Stage, build_stage

CPU = torch.device("cpu")
Build = Callable[..., Stage]


@pytest.fixture
def build(training_pictures: Path, perceptual_file: Path) -> Build:
    def built(name: StageName, **changes: Any) -> Stage:
        settings = {**load_preset(name, "tiny"), "data": [str(training_pictures)], "batch_size": 4}
        if name == "gan":
            settings |= {"perceptual": str(perceptual_file), "discriminator_batch_norm": False}
        return build_stage(make_config(name, {**settings, **changes}), CPU)

    return built


def stepped(stage: Stage, steps: int = 2) -> list[dict[str, float]]:
    """The losses of some steps."""
    pairs = batches(stage.dataset, 4, 0, steps, num_workers=0, device=CPU)
    return [{n: v.item() for n, v in stage.step(*pair).items()} for pair in pairs]


def set_scale(stage: Stage, scale: float) -> None:
    stage.scaler.load_state_dict({**stage.scaler.state_dict(), "scale": scale})


def gradients(stage: Stage) -> list[Tensor]:
    """Of the last step, by network."""
    return [
        torch.cat([p.grad.flatten() for group in o.param_groups for p in group["params"]])
        for o in stage.optimizers.values()
    ]


@pytest.mark.parametrize("name", ["psnr", "gan"])
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_lower_precision_nearly_gives_the_same_losses(
    build: Build, name: StageName, precision: str
) -> None:
    exact, lower = build(name), build(name, precision=precision)
    expected, found = stepped(exact), stepped(lower)
    assert found != expected  # it was computed otherwise
    for one, other in zip(expected, found, strict=True):
        for key, value in one.items():
            assert other[key] == pytest.approx(value, rel=0.03, abs=0.3), key
    for module in lower.modules.values():
        assert {p.dtype for p in module.parameters()} == {torch.float32}


def test_fp16_s_loss_scale_survives_in_the_checkpoint(build: Build, tmp_path: Path) -> None:
    stage, other = build("psnr", precision="fp16"), build("psnr", precision="fp16")
    set_scale(stage, 123.0)
    save_checkpoint(tmp_path, 1, stage)
    load_checkpoint(tmp_path, other)
    assert other.scaler.get_scale() == 123.0


def test_a_step_whose_fp16_gradients_overflow_is_left_out(build: Build) -> None:
    stage = build("psnr", precision="fp16")
    set_scale(stage, 1e38)
    before = [weight.clone() for weight in stage.modules["generator"].parameters()]
    stepped(stage, 1)
    after = stage.modules["generator"].parameters()
    assert all(torch.equal(*pair) for pair in zip(before, after, strict=True))
    assert stage.scaler.get_scale() < 1e38


@pytest.mark.parametrize("name", ["psnr", "gan"])
def test_parts_of_a_batch_add_up_to_its_gradient(build: Build, name: StageName) -> None:
    """The relativistic loss has its E[·] over each part; the standard one is a plain mean."""
    changes = {"adversarial": "standard"} if name == "gan" else {}
    whole, parts = build(name, **changes), build(name, accumulate=2, **changes)
    assert stepped(parts, 1)[0] == pytest.approx(stepped(whole, 1)[0], rel=1e-4, abs=1e-5)
    for expected, found in zip(gradients(whole), gradients(parts), strict=True):
        assert expected.norm() > 1e-4
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-6)


def test_a_batch_that_does_not_divide_is_refused(build: Build, refused) -> None:
    with refused("batch_size 4", "3"):
        build("psnr", accumulate=3)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_gradients_are_clipped_by_their_norm(build: Build, precision: str) -> None:
    """Before any scaling of fp16's, and each network's by itself."""
    free, clipped = (build("gan", precision=precision, **c) for c in ({}, {"clip_norm": 5e-5}))
    stepped(free, 1)
    stepped(clipped, 1)
    for before, after in zip(gradients(free), gradients(clipped), strict=True):
        assert before.norm() > 1e-4
        assert after.norm() == pytest.approx(5e-5, rel=1e-2)
        torch.testing.assert_close(
            after / after.norm(), before / before.norm(), rtol=0.05, atol=1e-3
        )


def test_a_compiler_that_does_not_work_is_told_of(
    build: Build, refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = build("psnr", compile=True)
    monkeypatch.setattr("torch._inductor.compile_fx.compile_fx", broken_compiler)
    torch._dynamo.reset()
    with refused("torch.compile", "compile=false"):
        stepped(stage, 1)


def broken_compiler(*_arguments: Any, **_options: Any) -> None:
    raise RuntimeError("no compiler was found")


@pytest.mark.parametrize(
    "backend",
    [
        "aot_eager",  # the graphs of both passes, but no machine code: seconds, not a minute
        pytest.param(
            "inductor",
            marks=pytest.mark.skipif(
                "ESRGAN_COMPILER_TESTS" not in os.environ,
                reason="compiles for a minute; asked for by ESRGAN_COMPILER_TESTS=1",
            ),
        ),
    ],
)
@pytest.mark.parametrize(
    "changes",
    [
        {},
        # Far above the loss, of an untrained discriminator.
        pytest.param({"gradient_penalty": 1e5}, marks=pytest.mark.slow),
        pytest.param({"gradient_penalty": 1e5, "discriminator": "unet"}, marks=pytest.mark.slow),
    ],
    ids=["plain", "R1", "R1 of a U-Net"],
)
def test_compiled_networks_give_the_same_step(
    build: Build, backend: str, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also R1, which takes the discriminator's second derivatives."""
    monkeypatch.setattr("torch.compile", partial(torch.compile, backend=backend))
    plain, compiled = (build("gan", compile=each, **changes) for each in (False, True))
    assert not compiled.notes
    for expected, found in zip(stepped(plain), stepped(compiled), strict=True):
        assert found == pytest.approx(expected, rel=1e-3, abs=1e-4)
    for exact, gradient in zip(gradients(plain), gradients(compiled), strict=True):
        assert (gradient - exact).norm() < 1e-3 * exact.norm()
    assert plain.modules["generator"].state_dict().keys() == (
        compiled.modules["generator"].state_dict().keys()
    )


def test_the_compiler_is_asked_for_its_mode(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[str] = []

    def compiled(call: Any, mode: str) -> Any:
        modes.append(mode)
        return call

    monkeypatch.setattr("torch.compile", compiled)
    options = {"compile": True, "compile_mode": "reduce-overhead"}
    build("gan", **options)
    assert modes == ["reduce-overhead"] * 3  # generator, perceptual network, discriminator
    build("gan", **options, gradient_penalty=0.1)
    assert modes == ["reduce-overhead"] * 7  # and the penalty


def test_batch_normalisation_beside_r1_is_not_compiled(build: Build) -> None:
    changes = {"discriminator_batch_norm": True, "gradient_penalty": 0.1}
    (note,) = build("gan", compile=True, **changes).notes
    assert "the discriminator is not compiled" in note
    assert not build("gan", **changes).notes


@pytest.mark.parametrize(
    ("device", "has", "chosen"),
    [
        ("cuda", True, "bf16"),
        ("cuda", False, "fp32"),
        ("cpu", True, "fp32"),
    ],
)
def test_the_precision_is_chosen_by_the_device(
    device: str, has: bool, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda **_: has)
    assert chosen_precision("auto", torch.device(device)) == chosen
    assert chosen_precision("fp16", torch.device(device)) == "fp16"
