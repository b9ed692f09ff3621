"""Weights that others have published, through every command."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from esrgan import assets
from esrgan.commands.cli import main
from esrgan.inference.upscale import Upscaler
from esrgan.models.checkpoints import load_generator, read_facts
from esrgan.pictures.images import load_image
from tests.train.commands import ended

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tuned(
    published: Path, training_pictures: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """What fifty iterations make of them."""
    run = tmp_path_factory.mktemp("tuned") / "run"
    # None is held out, so that the result is the last state, whatever it has gained.
    settings = ["crop_size=64", "batch_size=1", "hold_out=0", "ema_decay=0.5"]
    told = [part for setting in settings for part in ("--set", setting)]
    start = ["psnr", "--preset", "finetune", "--init", published, "--iterations", 50]
    code, _, err = ended(*start, "--data", training_pictures, "--out", run, *told)
    assert code == 0, err
    return run / "generator.safetensors"


def test_upscaled(published: Path, tmp_path: Path) -> None:
    lr = np.array(Image.open(assets.EXAMPLES / "chelsea.png").convert("RGB"))[80:104, 100:132]
    Image.fromarray(lr).save(tmp_path / "lr.png")
    told = ["--model", str(published), "-o", str(tmp_path / "sr.png")]
    assert main(["upscale", str(tmp_path / "lr.png"), *told]) == 0
    expected = Upscaler(load_generator(published), "cpu")(lr).astype(int)
    assert np.abs(load_image(tmp_path / "sr.png") - expected).max() <= 1


def test_fine_tuned(published: Path, tuned: Path) -> None:
    before, after = load_generator(published), load_generator(tuned)
    assert after.config == before.config
    assert read_facts(tuned)["iterations"] == 50
    moved = [(after.state_dict()[n] != tensor).any() for n, tensor in before.state_dict().items()]
    assert np.mean(moved) > 0.9


def test_interpolated(published: Path, tuned: Path, tmp_path: Path) -> None:
    out = tmp_path / "between.safetensors"
    assert main(["interpolate", str(published), str(tuned), "--alpha", "0.25", "-o", str(out)]) == 0
    ends = [load_generator(file).state_dict() for file in (published, tuned)]
    for name, tensor in load_generator(out).state_dict().items():
        torch.testing.assert_close(tensor, 0.75 * ends[0][name] + 0.25 * ends[1][name])


def test_exported(published: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    assert main(["export", str(published), "-o", str(tmp_path / "published.onnx")]) == 0
    lr = np.random.default_rng(0).random((1, 3, 16, 20), dtype=np.float32)
    (found,) = runtime.InferenceSession(tmp_path / "published.onnx").run(None, {"lr": lr})
    with torch.no_grad():
        expected = load_generator(published)(torch.from_numpy(lr)).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-3)
