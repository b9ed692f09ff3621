"""`python -m esrgan figure`: from models, and from what `evaluate` kept."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from esrgan.commands import cli
from esrgan.evaluation.results import load_results
from esrgan.figures import compose, draw_strip
from esrgan.inference.upscale import Upscaler
from esrgan.models.checkpoints import load_generator, save_generator
from esrgan.networks import RRDBNet
from esrgan.pictures.images import load_image
from esrgan.pictures.resize import imresize
from tests.tiny import TINY

CROP = ["--crop", "8", "12", "24", "16"]
ALPHAS = ["--alphas", "0", "0.5", "1"]


@pytest.fixture(scope="module")
def hr(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An HR picture that NIQE can judge."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (52, 54, 3), dtype=np.uint8))
    path = tmp_path_factory.mktemp("hr") / "picture.png"
    coarse.resize((216, 208), Image.Resampling.BICUBIC).save(path)
    return path


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two weights files; the second says what it was trained with."""
    torch.manual_seed(0)
    network, folder = RRDBNet(TINY), tmp_path_factory.mktemp("models")
    first, second = folder / "first.safetensors", folder / "second.safetensors"
    save_generator(first, network, {})
    for parameter in network.parameters():
        parameter.data.mul_(1.1)
    loss = {"before_activation": True, "adversarial": "relativistic"}
    save_generator(second, network, {"loss": loss})
    return [str(first), str(second)]


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory, hr: Path, models: list[str]) -> str:
    """The folder of an evaluation of both models and what is between them, which nobody changes."""
    words = ["evaluate", str(hr.parent), "--models", "bicubic", *models, *ALPHAS]
    folder = str(tmp_path_factory.mktemp("evaluation") / "evaluation")
    assert run(*words, "--mode", "network", "image", "-o", folder) == 0
    return folder


def run(*words: str) -> int:
    return cli.main(["figure", *words] if words[0] != "evaluate" else words)


def words_of(path: Path) -> list[str]:
    """The texts of an SVG file."""
    return re.findall(r"<text [^>]*>([^<]*)</text>", path.read_text("utf-8"))


def kinds(hr: str, models: list[str]) -> dict[str, list[str]]:
    return {
        "crops": [hr, *CROP, "--models", "bicubic", *models],
        "ablation": [hr, *CROP, "--models", *models],
        "brightness": [hr, *CROP, "--models", *models],
        "strip": [hr, *CROP, *ALPHAS, "--models", *models],
    }


@pytest.mark.slow
def test_what_evaluate_kept_is_drawn_as_if_made_anew(
    tmp_path: Path,
    hr: Path,
    models: list[str],
    evaluation: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, kept = tmp_path / "made", tmp_path / "kept"
    for kind, words in kinds(str(hr), models).items():
        assert run(kind, *words, "-o", str(made / f"{kind}.png")) == 0
    monkeypatch.setattr(Upscaler, "tensor", None)  # no network runs from here on
    for kind, words in kinds(hr.name, models).items():
        path = kept / f"{kind}.png"
        assert run(kind, *words, "--evaluation", evaluation, "-o", str(path)) == 0
        if kind != "crops":  # there, an evaluation gives HR no number
            assert path.read_bytes() == (made / path.name).read_bytes()


def test_a_strip_goes_from_the_psnr_to_the_gan_model(
    tmp_path: Path, hr: Path, models: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[list[np.ndarray]] = []

    def draw(alphas: Any, network: Any, image: Any, width: float) -> Figure:
        drawn.extend((network, image))
        return draw_strip(alphas, network, image, width)

    monkeypatch.setattr(compose, "draw_strip", draw)
    words = [str(hr), *CROP, *ALPHAS, "--models", *models]
    assert run("strip", *words, "-o", str(tmp_path / "strip.png")) == 0
    lr = imresize(load_image(hr), 1 / 4)
    for number, model in zip((0, 2), models, strict=True):
        crop = Upscaler(load_generator(model))(lr)[12:28, 8:32]
        for crops in drawn:  # network and image interpolation end in the same
            np.testing.assert_array_equal(crops[number], crop)


def test_the_plane_of_an_evaluation(
    tmp_path: Path, evaluation: str, capsys: pytest.CaptureFixture[str], refused
) -> None:
    path = tmp_path / "plane.svg"
    assert run("plane", evaluation, "-o", str(path), "--latex") == 0
    written = words_of(path)
    assert {"bicubic", "first", "second", "α = 0", "α = 1"} <= set(written)
    assert "Region 3" not in written  # which are of PIRM's pictures
    assert "NIQE (fitted) (lower is better)" in written
    printed = capsys.readouterr().out
    assert f"\\includegraphics[width=3.4in]{{{path.as_posix()}}}" in printed
    more = ["--regions", "--intervals", "--ours", "second", "--name", "second=Ours"]
    assert run("plane", evaluation, "-o", str(path), *more) == 0
    assert {"Region 3", "Ours"} <= set(words_of(path))
    assert "second" not in words_of(path)
    with refused("no method 'nobody'"):
        run("plane", evaluation, "-o", str(path), "--ours", "nobody")


def test_crops_have_the_numbers_of_the_evaluation(
    tmp_path: Path, hr: Path, evaluation: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "crops.svg"
    assert run("crops", hr.name, "--evaluation", evaluation, "-o", str(path)) == 0
    written = words_of(path)
    for score in load_results(Path(evaluation)).scores:
        if score.alpha is None:
            assert score.niqe is not None
            numbers = f"({score.psnr_y:.2f} / {score.ssim_y:.4f} / {score.niqe:.2f})"
            assert numbers in written
    assert "(PSNR / SSIM / NIQE (fitted))" in written


def test_crops_of_several_pictures_have_chosen_metrics_names_and_pages(
    tmp_path: Path, hr: Path, evaluation: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "crops.svg"
    crops = [word for n in range(9) for word in ("--crop", str(n), "0", "24", "24")]
    names = ["--name", "second=Ours", "picture.png=Noise"]
    more = ["--metrics", "rmse_y", "brightness", *names, *crops, "--latex"]
    words = [hr.name, "--evaluation", evaluation, "-o", str(path), *more]
    assert run("crops", *words, "--for", "springer") == 0
    second = tmp_path / "crops-2.svg"
    printed = capsys.readouterr().out
    assert "Part 1 of 2" in printed
    assert "Part 2 of 2" in printed
    assert f"]{{{second.as_posix()}}}" in printed
    written = [*words_of(path), *words_of(second)]
    assert [written.count(each) for each in ("Ours", "second", "picture")] == [3, 0, 0]
    for score in load_results(Path(evaluation)).scores:
        if score.alpha is None:
            assert f"({score.rmse_y:.3f} / {score.brightness:+.2f})" in written
    for page in (path, second):
        (points,) = re.findall(r'<svg [^>]*?height="([\d.]+)pt"', page.read_text("utf-8"))
        assert float(points) / 72 < 7.6 - 0.8


def test_a_metric_that_is_not_measured_here_is_refused_before_any_model_is_read(refused) -> None:
    with refused("no lpips", "--evaluation"):
        run("crops", "absent.png", "--models", "absent.pth", "--metrics", "lpips", "-o", "x.png")


def test_another_picture_of_the_same_name_is_refused(
    tmp_path: Path, hr: Path, evaluation: str, refused
) -> None:
    other = tmp_path / hr.name
    Image.fromarray(load_image(hr)[::-1]).save(other)
    words = ["--evaluation", evaluation, "-o", str(tmp_path / "crops.png")]
    with refused("not the picture of this name"):
        run("crops", str(other), *words)
    other.write_bytes(hr.read_bytes())
    assert run("crops", str(other), *words) == 0


def test_the_brightness_of_a_whole_evaluation(
    tmp_path: Path, evaluation: str, capsys: pytest.CaptureFixture[str], refused
) -> None:
    path = tmp_path / "brightness.svg"
    words = ["--models", "first", "second", "-o", str(path)]
    assert run("brightness", *words, "--evaluation", evaluation, "--latex") == 0
    shifts = {s.model: s.brightness for s in load_results(Path(evaluation)).scores}
    written = "".join(words_of(path)).replace("−", "-")
    for side, model in (("before", "first"), ("after", "second")):
        assert f"{side} activation: {shifts[model]:+.2f}" in written
    assert "less HR" in written
    assert "Brightness of 1 pictures" in capsys.readouterr().out
    with refused("Name a picture"):
        run("brightness", *words)


@pytest.mark.parametrize(
    ("span", "template", "width"),
    [("column", "cvpr", 3.28), ("page", "ieee", 7.16), ("page", "neurips", 5.5)],
)
def test_figures_for_a_template_have_its_width_and_a_serif(
    tmp_path: Path, evaluation: str, span: str, template: str, width: float
) -> None:
    path = tmp_path / "plane.svg"
    words = ["plane", evaluation, "-o", str(path), "--for", template, "--span", span]
    assert run(*words) == 0
    text = path.read_text("utf-8")
    (points,) = re.findall(r'<svg [^>]*?width="([\d.]+)pt"', text)
    assert float(points) / 72 == pytest.approx(width, abs=0.01)
    assert "STIXGeneral" in text
    assert "DejaVu" not in text
    sizes = [float(size) for size in re.findall(r"font(?:-size)?: ([\d.]+)px", text)]
    assert sizes
    assert min(sizes) >= 6
    run("plane", evaluation, "-o", str(path))
    assert "STIXGeneral" not in path.read_text("utf-8")


def test_the_ablation_names_what_is_known(tmp_path: Path, hr: Path, models: list[str]) -> None:
    path = tmp_path / "ablation.svg"
    assert run("ablation", str(hr), "--models", *models, "-o", str(path)) == 0
    assert {"–", "before", "RaGAN", "2 RRDB", "HR", "picture"} <= set(words_of(path))


def test_features_of_a_picture(
    tmp_path: Path, hr: Path, perceptual_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "features.pdf"
    words = ["features", str(hr), "--perceptual", str(perceptual_file), "--channels", "2"]
    assert run(*words, "--layers", "conv1_2", "-o", str(path)) == 0
    told = capsys.readouterr()
    assert "note:" not in told.err  # only of the built-in network, which is not the paper's
    printed = told.out.splitlines()
    assert len(printed) == 17
    assert re.fullmatch(r"conv5_4 +[\d.]+ % active", printed[15])
    assert path.stat().st_size > 1000


def test_what_is_wrong_is_said(
    tmp_path: Path, hr: Path, models: list[str], evaluation: str, refused
) -> None:
    png = ["-o", str(tmp_path / "x.png")]
    kept = ["--evaluation", evaluation]
    with refused(".png, .pdf or .svg"):
        run("plane", evaluation, "-o", "x.gif")
    with refused("no result of other.png"):
        run("crops", "other.png", *kept, *png)
    with refused("no result of picture.png by third"):
        run("crops", hr.name, "--models", "third", *kept, *png)
    with refused("no network interpolation of picture at α = 0.3"):
        run("strip", hr.name, "--alphas", "0.3", *kept, *png)
    with refused("give --crop once"):
        run("strip", hr.name, *ALPHAS, *CROP, *CROP, *kept, *png)
    with refused("one --crop a picture: 1, not 2"):
        run("ablation", str(hr), "--models", *models, *CROP, *CROP, *png)
    with refused("not inside the picture"):
        run("crops", hr.name, "--crop", "0", "0", "999", "9", *kept, *png)
    assert not (tmp_path / "x.png").exists()
