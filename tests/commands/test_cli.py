"""`python -m esrgan`, run as a user runs it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from esrgan import command_line
from esrgan.commands import cli
from esrgan.errors import UserError
from esrgan.evaluation.results import load_results, picture_path
from esrgan.inference.upscale import Upscaler
from esrgan.models.checkpoints import load_generator, read_facts, save_generator
from esrgan.models.interpolation import interpolate_images, interpolate_networks
from esrgan.networks import RRDBConfig, RRDBNet, build_generator
from esrgan.pictures.images import load_image
from esrgan.pictures.resize import imresize

ROOT = Path(__file__).parents[2]


@pytest.fixture
def models(tmp_path: Path, tiny_network: RRDBNet) -> tuple[Path, Path]:
    """Two weights files of one shape."""
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    save_generator(first, tiny_network, {})
    for parameter in tiny_network.parameters():
        parameter.data.mul_(1.1)
    save_generator(second, tiny_network, {})
    return first, second


@pytest.fixture
def pictures(tmp_path: Path, photo: np.ndarray) -> Path:
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    Image.fromarray(photo[:16, :12]).save(folder / "a.png")
    Image.fromarray(photo[:8, :20]).save(folder / "sub" / "b.jpg")
    (folder / "notes.txt").write_text("not a picture")
    return folder


def run(*arguments: object) -> int:
    return cli.main([str(argument) for argument in arguments])


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "esrgan", *map(str, arguments)]
    return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True)


def test_folder_is_upscaled_with_its_subfolders(
    tmp_path: Path, pictures: Path, models: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run("upscale", pictures, "-o", out, "--model", models[0]) == 0
    upscaler = Upscaler(load_generator(models[0]))
    for source, target in (("a.png", "a.png"), ("sub/b.jpg", "sub/b.png")):
        expected = upscaler(load_image(pictures / source))
        np.testing.assert_array_equal(load_image(out / target), expected)
    printed = capsys.readouterr()
    assert "notes.txt is no picture by its name; left out" in printed.err
    assert "2 written" in printed.out


@pytest.mark.parametrize("mode", ["network", "image", None])
def test_alpha_between_two_models(
    tmp_path: Path, pictures: Path, models: tuple[Path, Path], mode: str | None
) -> None:
    out = tmp_path / "out"
    options = ["--mode", mode] if mode else []
    assert (
        run("upscale", pictures / "a.png", "-o", out, "--models", *models, "--alpha", 0.3, *options)
        == 0
    )
    networks = [load_generator(model) for model in models]
    lr = load_image(pictures / "a.png")
    if mode == "image":
        expected = interpolate_images([Upscaler(n)(lr) for n in networks], [0.7, 0.3])
    else:
        expected = Upscaler(interpolate_networks(networks, [0.7, 0.3]))(lr)
    np.testing.assert_array_equal(load_image(out / "a.png"), expected)


def test_bad_files_are_listed_and_the_rest_is_done(
    tmp_path: Path, pictures: Path, models: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    (pictures / "broken.png").write_text("no picture")
    (pictures / "a.bmp").write_bytes((pictures / "a.png").read_bytes())
    out = tmp_path / "out"
    assert run("upscale", pictures, "missing.png", "-o", out, "--model", models[0]) == 1
    assert (out / "sub" / "b.png").is_file()
    failed = [line for line in capsys.readouterr().err.splitlines() if line.startswith("failed:")]
    assert len(failed) == 3
    for words in ("missing.png: there is no such", "is already the result", "broken.png is not a"):
        assert any(words in line for line in failed)


def test_a_result_never_replaces_its_input(
    pictures: Path, models: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    before = (pictures / "a.png").read_bytes()
    assert run("upscale", pictures / "a.png", "-o", pictures, "--model", models[0]) == 1
    assert (pictures / "a.png").read_bytes() == before
    assert "choose another -o" in capsys.readouterr().err


def test_interpolated_model_is_the_weighted_sum(tmp_path: Path, models: tuple[Path, Path]) -> None:
    out = tmp_path / "between.safetensors"
    assert run("interpolate", *models, "--alpha", 0.8, "-o", out) == 0
    first, second, between = (load_generator(path).state_dict() for path in (*models, out))
    for key, tensor in between.items():
        np.testing.assert_allclose(tensor, 0.2 * first[key] + 0.8 * second[key], atol=1e-6)
    names = ["first.safetensors", "second.safetensors"]
    assert read_facts(out) == {"interpolation": {"models": names, "alpha": 0.8}}


def test_evaluate_prints_a_line_a_picture_and_the_means(
    tmp_path: Path, photo: np.ndarray, models: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(photo).save(tmp_path / "x.png")
    assert run("evaluate", tmp_path, "--models", "bicubic", models[0]) == 0
    lines = capsys.readouterr().out.splitlines()
    numbers = [
        "PSNR-Y",
        "SSIM-Y",
        "PSNR-RGB",
        "RMSE-Y",
        "Brightness",
        "ΔE",
        "ΔE",
        "95",
        "%",
        "Flat",
    ]
    assert lines[0].split() == ["model", "picture", "n", *numbers]
    assert [line.split()[:2] for line in lines[1:5]] == [
        [model, picture] for model in ("bicubic", "first") for picture in ("x.png", "mean")
    ]
    assert lines[1].split()[2:] == lines[2].split()[3:]  # n between them
    assert lines[5:] == [
        "NIQE (fitted): too small.",
        "Ma, PI (fitted), LPIPS: pyiqa not installed.",
    ]


@pytest.fixture
def data_set(tmp_path: Path, photo: np.ndarray) -> Path:
    """Two pictures of 64×48 in the layout HR, LRbicx4."""
    for number, picture in enumerate((photo, photo[::-1])):
        for folder, image in (("HR", picture), ("LRbicx4", imresize(picture, 1 / 4))):
            (tmp_path / "set" / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(tmp_path / "set" / folder / f"{number}.png")
    return tmp_path / "set"


def test_evaluate_measures_the_curves_between_two_models(
    tmp_path: Path, data_set: Path, models: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    others = tmp_path / "others"
    others.mkdir()
    for file in (data_set / "HR").iterdir():
        (others / f"{file.stem}_SRGAN.png").write_bytes(file.read_bytes())
    out = tmp_path / "out"
    chosen = ["--models", "hr", "bicubic", *models, "--alphas", 0, 0.5, 1]
    chosen += ["--mode", "network", "image", "--results", f"SRGAN={others}"]
    assert run("evaluate", data_set, *chosen, "-o", out, "--means") == 0
    results = load_results(out)
    rows = [(m.model, m.mode, m.alpha) for m in results.means()]
    single = [(name, None, None) for name in ("HR", "bicubic", "first", "second", "SRGAN")]
    modes = ("network", "image")
    assert rows == single + [("first–second", mode, a) for mode in modes for a in (0, 0.5, 1)]
    scores = {(*s.method, s.picture): s.psnr_y for s in results.scores}
    assert len(scores) == 2 * len(rows)
    for picture in ("0.png", "1.png"):
        assert scores["SRGAN", None, None, picture] == float("inf")
        for mode in modes:
            for alpha, end in ((0, "first"), (1, "second")):
                expected = scores[end, None, None, picture]
                assert scores["first–second", mode, alpha, picture] == expected
    assert {file.name for file in out.iterdir()} == {
        "results.json", "results.csv", "means.csv", "results.md", "results.html", "table.tex",
        "pictures.tex", "pictures",
    }  # fmt: skip
    assert capsys.readouterr().out.count(" mean ") == len(rows)


def test_evaluate_of_several_data_sets_makes_one_table(
    tmp_path: Path,
    data_set: Path,
    models: tuple[Path, Path],
    capsys: pytest.CaptureFixture[str],
    refused: Callable[..., AbstractContextManager[None]],
) -> None:
    """And significance reads what it kept."""
    shutil.copytree(data_set, tmp_path / "other")
    (tmp_path / "other" / "HR" / "1.png").unlink()
    out = tmp_path / "out"
    arguments = ["evaluate", data_set, tmp_path / "other", "--models", "bicubic", *models]
    arguments += ["--columns", "psnr_y", "-o", out, "--name", f"{models[0]}=Ours", "set=Set 5"]
    with refused("called 'nobody'"):
        run(*arguments, "nobody=x")
    with refused("Ours", "not 'first'"):
        run(*arguments, "--reference", "first")
    assert run(*arguments, "--reference", "Ours") == 0
    printed = capsys.readouterr().out
    table = printed[printed.index("Set 5 (n = 2)") :].splitlines()
    assert table[0].split("  ")[-1] == "other (n = 1)"
    assert [line.split()[0] for line in table[2:5]] == ["bicubic", "Ours", "second"]
    kept = {name: load_results(out / name) for name in ("set", "other")}
    assert {score.model for score in kept["set"].scores} == {"bicubic", "first", "second"}
    written = (out / "table.tex").read_text()
    means = {name: results.means()[0].psnr_y for name, results in kept.items()}
    for mean in means.values():
        assert f"{mean:.2f}" in written
    words = ["significance", "first", "bicubic", "--evaluation", out / "set", out / "other"]
    assert run(*words, "--columns", "psnr_y", "-o", tmp_path / "s.csv") == 0
    head, row = capsys.readouterr().out.splitlines()[:2]
    assert head.split()[:3] == ["data", "metric", "n"]
    assert row.split()[:4] == ["set", "PSNR-Y", "2", f"{kept['set'].means()[1].psnr_y:.2f}"]
    assert len((tmp_path / "s.csv").read_text().splitlines()) == 2  # one picture is too few
    with refused("no method 'third'"):
        run("significance", "first", "third", "--evaluation", out / "set")
    with refused(".csv or .tex"):
        run(*words, "-o", tmp_path / "s.pdf")


def test_results_of_others_with_shaved_borders_are_measured_if_that_is_wanted(
    tmp_path: Path,
    photo: np.ndarray,
    capsys: pytest.CaptureFixture[str],
    refused: Callable[..., AbstractContextManager[None]],
) -> None:
    hr, other, out = (tmp_path / name for name in ("hr", "other", "out"))
    hr.mkdir()
    other.mkdir()
    for name in "ab":
        Image.fromarray(photo).save(hr / f"{name}.png")
        Image.fromarray(photo[4:-4, 4:-4] if name == "a" else photo).save(other / f"{name}.png")
    asked = ["evaluate", hr, "--models", "bicubic", "--results", f"Theirs={other}", "-o", out]
    assert run(*asked) == 1
    assert "--crop-to-common" in capsys.readouterr().err
    assert run(*asked, "--crop-to-common") == 0
    note = "1 of 2 pictures are cropped to what all results show"
    assert note in capsys.readouterr().out
    assert note in (out / "table.tex").read_text()
    areas = {(row.model, row.picture): row.area for row in load_results(out).scores}
    assert {area for (_, picture), area in areas.items() if picture == "a.png"} == {(4, 4, 56, 40)}
    assert {area for (_, picture), area in areas.items() if picture == "b.png"} == {None}
    figure = ["figure", "crops", "a.png", "--evaluation", out, "-o", tmp_path / "figure.png"]
    assert run(*figure, "--crop", "0", "0", "40", "56") == 0
    with refused("not inside the picture of 40×56"):
        run(*figure, "--crop", "8", "8", "40", "56")


def test_one_command_makes_the_table_and_the_figure(
    tmp_path: Path,
    data_set: Path,
    models: tuple[Path, Path],
    capsys: pytest.CaptureFixture[str],
    refused: Callable[..., AbstractContextManager[None]],
) -> None:
    out = tmp_path / "out"
    asked = ["evaluate", data_set, "--models", "bicubic", *models, "--crops"]
    with refused("--crops", "-o"):
        run(*asked)
    assert run(*asked, "--name", "first=Ours", "0.png=cat", "-o", out) == 0
    assert f"{out / 'crops.pdf'}, {out / 'crops.tex'}" in capsys.readouterr().out
    assert (out / "crops.pdf").read_bytes().startswith(b"%PDF")
    assert f"{{{(out / 'crops.pdf').as_posix()}}}" in (out / "crops.tex").read_text()
    with refused("no result of 7.png"):
        run(*asked, "7.png", "-o", out)


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
def test_table_and_figure_fit_a_paper_of_two_columns(
    tmp_path: Path, data_set: Path, models: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    columns = ["--columns", "psnr_y", "ssim_y", "psnr_rgb", "rmse_y", "delta_e", "--intervals"]
    words = ["evaluate", data_set, "--models", "bicubic", *models, *columns]
    assert run(*words, "--crops", "0.png", "1.png", "-o", "out") == 0
    Path("paper.tex").write_text(PAPER)
    subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper"], check=True, timeout=120
    )
    log = Path("paper.log").read_text("latin-1")
    assert "Overfull" not in log
    assert "undefined" not in log


PAPER = r"""
\documentclass[10pt,twocolumn,letterpaper]{article}
\usepackage[textwidth=6.875in,textheight=8.875in,columnsep=0.3125in]{geometry}
\usepackage{booktabs,graphicx}
\begin{document}
\begin{table}\input{out/table}\caption{Means.}\end{table}
\begin{table*}\centering\input{out/pictures}\caption{Pictures.}\end{table*}
\input{out/crops}
\end{document}
"""


def test_a_folder_for_the_hub(tmp_path: Path, data_set: Path, models: tuple[Path, Path]) -> None:
    scores, hub = tmp_path / "scores", tmp_path / "hub"
    assert run("evaluate", data_set, "--models", models[0], "-o", scores) == 0
    assert run("export", models[0], "--hf", "--evaluation", scores, "-o", hub) == 0
    assert {file.name for file in hub.iterdir()} == {"model.safetensors", "README.md"}
    mean = load_results(scores).means()[0].psnr_y
    assert f"{mean:.2f}" in (hub / "README.md").read_text()
    written, given = (load_generator(file) for file in (hub / "model.safetensors", models[0]))
    for name, values in given.state_dict().items():
        assert values.equal(written.state_dict()[name])


def test_evaluate_leaves_out_what_it_cannot_measure_and_says_so(
    tmp_path: Path, photo: np.ndarray, models: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "hr"
    folder.mkdir()
    for name, picture in (("a.png", photo), ("b.jfif", photo), ("tiny.png", photo[:12, :12])):
        Image.fromarray(picture).save(folder / name, "PNG")
    (folder / "broken.png").write_text("no picture")
    (folder / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (folder / "._a.png").write_bytes(b"of macOS")
    out = tmp_path / "out"
    assert run("evaluate", folder, "--models", "bicubic", models[0], "-o", out) == 1
    printed = capsys.readouterr()
    assert {score.picture for score in load_results(out).scores} == {"a.png", "b.jfif"}
    assert printed.out.count(" mean  ") == 2
    assert "Means are over 2 of 5 pictures" in printed.out
    told = [line for line in printed.err.splitlines() if line.startswith("left out:")]
    assert len(told) == 3
    for name in ("tiny.png", "broken.png is not a picture", "gone.png could not be read"):
        assert any(name in line for line in told)


def test_evaluate_keeps_no_two_pictures_as_one_file(
    tmp_path: Path, photo: np.ndarray, refused: Callable[..., AbstractContextManager[None]]
) -> None:
    """Not a.png and a.jpg either; names that end alike all the same are refused."""
    hr, out = tmp_path / "hr", tmp_path / "out"
    hr.mkdir()
    for name, picture in (("a.png", photo), ("a.jpg", photo[::-1])):
        Image.fromarray(picture).save(hr / name)
    arguments = ["evaluate", hr, "--models", "hr", "-o", out]
    assert run(*arguments) == 0
    for score in load_results(out).scores:
        kept = load_image(picture_path(out, score))
        np.testing.assert_array_equal(kept, load_image(hr / score.picture))
    Image.fromarray(photo).save(hr / "a.jpg.png")
    with refused("a.jpg by HR", "a.jpg.png by HR", "one file"):
        run(*arguments)
    assert run(*arguments, "--no-pictures") == 0
    assert len(load_results(out).scores) == 3


def test_evaluate_goes_on_where_it_was_stopped(
    tmp_path: Path, data_set: Path, models: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    upscale = Upscaler.__call__

    def stopping(upscaler: Upscaler, image: np.ndarray) -> np.ndarray:
        if image.min() < image.max():  # not a flat one, on which each model is tried once
            calls.append(1)
            if len(calls) == 4:
                raise KeyboardInterrupt
        return upscale(upscaler, image)

    monkeypatch.setattr(Upscaler, "__call__", stopping)
    out = tmp_path / "out"
    arguments = ["evaluate", data_set, "--models", *models, "--mode", "image", "-o", out]
    arguments.append("--alphas")
    with pytest.raises(KeyboardInterrupt):
        run(*arguments, 0.5)
    assert [(s.model, s.picture) for s in load_results(out).scores] == [
        ("first", "0.png"), ("second", "0.png"), ("first–second", "0.png"), ("first", "1.png"),
    ]  # fmt: skip
    assert run(*arguments, 0.5) == 0
    assert len(calls) == 6  # the second picture by the second model, and the first for α = 0.5
    complete = load_results(out)
    assert run(*arguments, 0.5) == 0
    assert len(calls) == 6
    assert load_results(out) == complete
    assert run(*arguments, 1) == 0
    assert len(load_results(out).scores) == 6
    assert {s.alpha for s in load_results(out).earlier} == {0.5}


def test_evaluate_names_the_pristine_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(ROOT / "assets" / "examples" / "chelsea.png", tmp_path)
    np.savez(tmp_path / "mine.npz", mean=np.zeros(36), covariance=np.eye(36))
    for options, heading in (
        ((), "NIQE (fitted)"),
        (("--niqe-model", tmp_path / "mine.npz"), "NIQE (mine)"),
    ):
        assert run("evaluate", tmp_path, "--models", "hr", *options) == 0
        assert capsys.readouterr().out.splitlines()[0].endswith(f"  {heading}")


def test_a_pristine_model_is_kept_for_the_user(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    refused: Callable[..., AbstractContextManager[None]],
) -> None:
    monkeypatch.setenv("ESRGAN_HOME", str(tmp_path / "home"))
    shutil.copy(ROOT / "assets" / "examples" / "chelsea.png", tmp_path)
    np.savez(tmp_path / "mine.npz", mean=np.zeros(36), covariance=np.eye(36))

    def heading() -> str:
        capsys.readouterr()
        assert run("evaluate", tmp_path, "--models", "hr") == 0
        return capsys.readouterr().out.splitlines()[0].split("  ")[-1]

    assert run("niqe-model") == 0
    assert "NIQE (fitted)" in capsys.readouterr().out
    assert run("niqe-model", tmp_path / "mine.npz") == 0
    assert "NIQE (mine)" in capsys.readouterr().out
    assert heading() == "NIQE (mine)"
    with refused("no pristine model"):
        run("niqe-model", tmp_path / "missing.mat")
    assert run("niqe-model", "--forget") == 0
    assert heading() == "NIQE (fitted)"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--mode", "image"], "needs --alphas"),
        (["--models", "bicubic", "FIRST", "--alphas", "0"], "names only"),
        (["--models", "FIRST", "SECOND", "--alphas", "2"], "between 0 and 1"),
        (["--models", "FIRST", "--back-projection", "-1"], "0 or more, not -1"),
        (["--models", "hr", "--results", "x"], "NAME=DIR"),
        (["--models", "hr", "--results", "HR=assets"], "called 'HR'"),
        (["--models", "hr", "--niqe-model", "x.mat"], "no pristine model x.mat"),
    ],
)
def test_evaluate_refuses_what_contradicts_itself(
    pictures: Path, models: tuple[Path, Path], options: list[str], words: str
) -> None:
    named = {"FIRST": models[0], "SECOND": models[1]}
    with pytest.raises(UserError, match=words):
        run("evaluate", pictures, *(named.get(option, option) for option in options))


def test_models_of_two_scales_stand_in_no_table(tmp_path: Path, pictures: Path) -> None:
    files = []
    for scale in (2, 4):
        files.append(tmp_path / f"x{scale}.safetensors")
        save_generator(files[-1], build_generator(RRDBConfig(8, 1, 4, scale=scale)), {})
    with pytest.raises(UserError, match="one scale"):
        run("evaluate", pictures, "--models", *files)


def test_refined_results(tmp_path: Path, pictures: Path, models: tuple[Path, Path]) -> None:
    out = tmp_path / "out"
    refined = ["--self-ensemble", "--back-projection", 3]
    assert run("upscale", pictures / "a.png", "-o", out, "--model", models[0], *refined) == 0
    upscaler = Upscaler(load_generator(models[0]), ensemble=True, back_projections=3)
    np.testing.assert_array_equal(
        load_image(out / "a.png"), upscaler(load_image(pictures / "a.png"))
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["upscale", "x.png"], "-o/--out"),
        (["upscale", "x.png", "-o", "out", "--model", "nothing"], "no model 'nothing'"),
        (["upscale", "x.png", "-o", "out", "--alpha", "1.5"], "between 0 and 1"),
        (["upscale", "x.png", "-o", "out", "--mode", "image"], "need --alpha"),
        (["evaluate", "nowhere"], "nowhere is not a folder"),
        (["figure", "plane", "nowhere", "-o", "x.png"], "no nowhere; `python -m esrgan evaluate`"),
        (
            ["ablation", "--data", "nowhere", "--out", "out", "--columns", "x"],
            "invalid choice: 'x'",
        ),
    ],
)
def test_a_wrong_command_is_one_line_and_exit_code_2(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command_line.run(lambda: cli.main(arguments), "python -m esrgan")
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert len(told.strip().splitlines()) == 1
    assert words in told


@pytest.mark.slow
def test_a_model_that_can_not_be_downloaded_is_one_line_and_exit_code_2() -> None:
    ended = command("upscale", "x.png", "-o", "out", "--model", "official-gan")
    assert ended.returncode == 2
    assert len(ended.stderr.strip().splitlines()) == 1
    assert "could not be downloaded" in ended.stderr


def test_models_of_different_shape_name_the_difference(
    tmp_path: Path, models: tuple[Path, Path]
) -> None:
    wider = tmp_path / "wider.safetensors"
    config = RRDBConfig(num_features=16, num_blocks=2, growth_channels=4)
    save_generator(wider, build_generator(config), {})
    with pytest.raises(UserError, match=r"num features \(8 and 16\)"):
        run("interpolate", models[0], wider, "--alpha", 0.5, "-o", tmp_path / "x.safetensors")
    assert not (tmp_path / "x.safetensors").exists()
