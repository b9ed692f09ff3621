"""The Evaluate tab: what it computes, and the whole of it in a real Chromium."""

import csv
import io
import re
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from esrgan.demo.evaluate import figures
from esrgan.demo.evaluate import job as evaluation
from esrgan.demo.evaluate.job import Evaluation, Wish
from esrgan.demo.evaluate.tab import clicked
from esrgan.demo.server import quota
from esrgan.demo.server.served import FOLDER_VARIABLE
from esrgan.evaluation.evaluate import measure
from esrgan.evaluation.methods import model_settings
from esrgan.evaluation.metrics import psnr
from esrgan.evaluation.niqe import niqe
from esrgan.evaluation.pairs import load_pair
from esrgan.evaluation.results import load_results, picture_path
from esrgan.figures import compose, draw_ablation
from esrgan.inference.upscale import Upscaler
from esrgan.models import zoo
from esrgan.networks import RRDBNet
from esrgan.pictures.resize import imresize
from tests.tiny import related_models

if TYPE_CHECKING:
    from playwright.sync_api import Page

Refused = Callable[..., AbstractContextManager[None]]


@pytest.fixture(autouse=True)
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "served"))
    return tmp_path / "served"


@pytest.fixture
def uploads(tmp_path: Path) -> list[Path]:
    """Two HR pictures that NIQE can judge, each in a folder of its own, as gradio keeps them."""
    rng = np.random.default_rng(0)
    files = []
    for name, (height, width) in {"one": (208, 216), "two": (212, 208)}.items():
        coarse = rng.integers(0, 256, (height // 4, width // 4, 3), dtype=np.uint8)
        file = tmp_path / "uploads" / name / f"{name}.png"
        file.parent.mkdir(parents=True)
        Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(file)
        files.append(file)
    return files


@pytest.fixture
def models(tmp_path: Path, tiny_network: RRDBNet) -> list[Path]:
    """Two related weights files."""
    return related_models(tmp_path, tiny_network, "first", "second", factor=1.01)


@pytest.fixture
def wish(uploads: list[Path], models: list[Path]) -> Wish:
    return Wish(uploads, models=["bicubic"], weights=models, alphas=[0.0, 0.5, 1.0])


def last(wish: Wish) -> Evaluation:
    *_, state = evaluation.run(wish)
    return state


def test_rows_come_one_by_one_and_are_those_of_the_library(wish: Wish, models: list[Path]) -> None:
    states = list(evaluation.run(wish))
    assert [len(state.results.scores) for state in states] == list(range(2 * 9 + 1))
    assert {state.total for state in states} == {18}
    first = states[-1].results.scores[0]
    pair = load_pair(wish.hr[0], None, 4)
    sr = imresize(pair.lr, 4)
    assert (first.model, first.picture) == ("bicubic", "one.png")
    pristine = evaluation.load_pristine()
    learned = {"ma": "not asked for", "lpips": "not asked for"}
    expected = measure(sr, pair.hr, 4, evaluation.Measures(pristine, learned))
    assert {name: first.reasons.get(name, getattr(first, name)) for name in expected} == expected
    assert [score.model for score in states[-1].results.scores[1:3]] == ["first", "second"]


def test_lr_and_results_of_another_method_are_matched_by_name(
    uploads: list[Path], tmp_path: Path
) -> None:
    lr, others = [], []
    for file in uploads:
        picture = np.asarray(Image.open(file))
        lr.append(tmp_path / f"{file.stem}x4.png")
        Image.fromarray(picture[2::4, 2::4]).save(lr[-1])
        others.append(tmp_path / f"{file.stem}_SRGAN.png")
        Image.fromarray(picture).save(others[-1])
    state = last(Wish(uploads, lr, others, "SRGAN", models=["bicubic"]))
    bicubic, srgan, *_ = state.results.scores
    assert srgan.model == "SRGAN"
    assert srgan.rmse_y == 0
    sr = imresize(np.asarray(Image.open(lr[0])), 4)
    pair = load_pair(uploads[0], lr[0], 4)
    assert bicubic.psnr_y == psnr(sr, pair.hr, 4)
    assert state.results.lr == "LR"


def test_self_ensemble_and_back_projection_stand_in_the_name(wish: Wish) -> None:
    refined = replace(wish, hr=wish.hr[:1], alphas=[], ensemble=True, back_projections=2)
    assert [score.model for score in last(refined).results.scores] == [
        "bicubic",
        "first ×8 BP2",
        "second ×8 BP2",
    ]


@pytest.mark.slow
def test_tables_and_figures_without_computing_again(
    wish: Wish, models: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    state = last(wish)
    monkeypatch.setattr(Upscaler, "tensor", None)  # no network runs from here on
    files = evaluation.tables(state)
    assert [file.name for file in files] == [
        "results.csv",
        "means.csv",
        "results.md",
        "results.html",
        "table.tex",
        "pictures.tex",
        "results.json",
    ]
    assert load_results(files[-1]) == state.results
    assert str(state.folder) not in "".join(file.read_text() for file in files)
    starts = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}
    for kind, suffix in (
        *((figures.PLANE, suffix) for suffix in starts),
        (figures.FEATURES, "png"),
        (figures.CROPS, "svg"),
        (figures.ABLATION, "pdf"),
        (figures.STRIP, "png"),
    ):
        drawn = figures.draw(state, kind, "two.png", suffix, 3.4)
        assert drawn.file.read_bytes().startswith(starts[suffix])
        assert drawn.shown.suffix == ".png"
        assert f"{{{drawn.file.name}}}" in drawn.latex
        assert (drawn.place is not None) == (kind in figures.OF_CROPS)


def test_niqe_is_of_the_parameters_that_were_uploaded(wish: Wish, tmp_path: Path) -> None:
    fitted = evaluation.load_pristine()
    file = tmp_path / "mine.mat"
    savemat(file, {"mu_prisparam": fitted.mean[None] + 1, "cov_prisparam": fitted.covariance})
    state = last(replace(wish, models=["hr"], weights=[], alphas=[], pristine=file))
    assert state.results.niqe_label == "NIQE (mine)"
    expected = niqe(np.asarray(Image.open(wish.hr[0])), evaluation.load_pristine(file))
    assert state.results.scores[0].niqe == expected


def test_the_ablation_figure_says_what_each_network_is_made_of(
    wish: Wish, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[object] = []
    monkeypatch.setattr(
        compose,
        "draw_ablation",
        lambda *args: drawn.extend(args) or draw_ablation(*args),
    )
    state = last(replace(wish, alphas=[], back_projections=1))
    crops = [(8, 12, 24, 16), (40, 0, 24, 16)]
    figures.draw(state, figures.ABLATION, "one.png", "png", 7.0, crops)
    columns, rows, references, _ = drawn
    assert [column.title for column in columns] == ["first BP1", "second BP1"]  # no bicubic
    assert columns[0].settings == model_settings(zoo.load(wish.weights[0]))
    assert rows == ["one", "one"]
    hr = np.asarray(Image.open(wish.hr[0]))
    np.testing.assert_array_equal(references[1], hr[:16, 40:64])
    state = last(replace(wish, weights=[], alphas=[]))
    with refused("compares models"):
        figures.draw(state, figures.ABLATION, None, "png", 7.0)


def test_crops_are_lines_of_four_numbers(refused: Refused) -> None:
    boxes = [(60, 40, 64, 48), (0, 0, 8, 8)]
    assert figures.read_crops(figures.write_crops(boxes)) == boxes
    assert figures.read_crops(" 1, 2, 3, 4 \n\n") == [(1, 2, 3, 4)]
    assert figures.read_crops("") == []
    for text in ("1 2 3", "1 2 3 4 5", "1 2 3 -4", "a b c d", "1 2 3 4.5", "1 2 3 ٤"):
        with refused("x y width height"):
            figures.read_crops(text)
    with refused("up to 6 crops, not 7"):
        figures.read_crops("1 2 3 4\n" * 7)


def test_a_figure_shows_the_crops_and_where_they_are(wish: Wish, refused: Refused) -> None:
    state = last(replace(wish, weights=[], alphas=[]))
    crops = [(8, 12, 60, 40), (100, 120, 60, 40)]

    def height(*wanted: figures.Box) -> int:
        drawn = figures.draw(state, figures.CROPS, "one.png", "png", 7.0, wanted)
        return Image.open(drawn.shown).height

    assert height(*crops) > height(crops[0])
    drawn = figures.draw(state, figures.CROPS, "one.png", "png", 7.0, crops)
    assert drawn.place is not None
    marked, hr = np.asarray(Image.open(drawn.place)).copy(), np.asarray(Image.open(wish.hr[0]))
    for x, y, width, high in crops:
        assert (marked[y, x : x + width] == figures.MARK).all()
        assert (marked[y : y + high, x] == figures.MARK).all()
        marked[y - 2 : y + high + 3, x - 2 : x + width + 3] = hr[
            y - 2 : y + high + 3, x - 2 : x + width + 3
        ]
    np.testing.assert_array_equal(marked, hr)
    with refused("not inside the picture of 216×208"):
        height((200, 0, 64, 64))


def test_a_figure_without_crops_shows_where_the_methods_differ(wish: Wish) -> None:
    state = last(replace(wish, alphas=[]))
    kept = state.folder / evaluation.KEPT
    scores = [s for s in state.results.scores if s.picture == "one.png" and s.model != "bicubic"]
    first, second = (picture_path(kept, score) for score in scores)
    changed = np.asarray(Image.open(first)).copy()
    changed[100:140, 30:70] ^= 128
    Image.fromarray(changed).save(second)
    drawn = figures.draw(state, figures.CROPS, "one.png", "png", 7.0)
    assert drawn.place is not None
    shown = np.asarray(Image.open(drawn.place)).astype(int)
    (ys, xs) = np.nonzero((shown == figures.MARK).all(axis=2))
    assert xs.min() - 2 <= 30 <= 70 <= xs.max() + 2
    assert ys.min() - 2 <= 100 <= 140 <= ys.max() + 2


def test_a_click_sets_a_crop_around_it(wish: Wish, tmp_path: Path, refused: Refused) -> None:
    large = tmp_path / "large.png"
    Image.effect_noise((1280, 320), 50).save(large)
    state = last(Wish([large, wish.hr[0]], models=["bicubic"]))
    around = figures.crop_around
    # the page shows it half as large
    assert around(state, "large.png", (100, 80), []) == (168, 128, 64, 64)
    assert around(state, "large.png", (639, 0), [(0, 0, 20, 30)]) == (1260, 0, 20, 30)
    assert around(state, "one.png", (0, 207), [(0, 0, 999, 40)]) == (0, 168, 216, 40)
    with refused("nothing to draw"):
        around(state, "../HR/one.png", (0, 0), [])


def test_what_is_no_click_is_refused(refused: Refused) -> None:
    assert clicked(gr.EventData(None, {"index": [3, 4], "value": None})) == (3, 4)
    others: tuple[Any, ...] = (None, [], {}, {"index": [1]}, {"index": ["1", 2]}, {"index": True})
    for sent in (*others, {"index": [1.5, float("nan")]}):
        with refused("Click on the picture"):
            clicked(gr.EventData(None, sent))


def test_the_brightness_figure_needs_both_gan_models(
    wish: Wish, models: list[Path], refused: Refused
) -> None:
    with refused("gan with gan-after"):
        figures.draw(last(wish), figures.BRIGHTNESS, None, "png", 3.4)
    names = ("gan", "gan-after")
    named = [file.rename(file.with_stem(name)) for file, name in zip(models, names, strict=True)]
    state = last(replace(wish, weights=named, alphas=[], back_projections=1))
    drawn = figures.draw(state, figures.BRIGHTNESS, None, "png", 3.4)
    assert drawn.file.name == "brightness-one.png"


def test_the_picture_of_a_figure_is_a_name_and_never_a_path(wish: Wish, refused: Refused) -> None:
    state = last(replace(wish, alphas=[], weights=[]))
    for picture in (str(wish.hr[0]), "../HR/one.png", "three.png"):
        with refused("nothing to draw"):
            figures.draw(state, figures.CROPS, picture, "png", 3.4)


def test_what_is_wrong_is_said_before_anything_is_computed(
    wish: Wish, tmp_path: Path, served: Path, refused: Refused
) -> None:
    one = wish.hr[0]
    text = tmp_path / "text.png"
    text.write_text("no picture")
    large = tmp_path / "large.png"
    Image.new("1", (5000, 5000)).save(large)
    small = tmp_path / "one_LR.png"
    Image.new("RGB", (10, 10)).save(small)
    tiny = tmp_path / "tiny.png"
    Image.new("RGB", (12, 40)).save(tiny)
    psnr = shutil.copy(wish.weights[0], tmp_path / "psnr.safetensors")
    alphas = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 1.0]
    cases: list[tuple[dict[str, Any], str]] = [
        ({"hr": []}, "HR pictures first"),
        ({"hr": [one] * 31}, "30 pictures, not 31"),
        ({"hr": [one, one]}, "same name"),
        ({"hr": [text]}, "not a picture"),
        ({"hr": [large]}, "limit"),
        ({"hr": [tiny]}, "too small"),
        ({"lr": [small]}, "lacks two.png"),
        ({"hr": [one], "lr": [small]}, "LR/one_LR.png is 10×10"),
        ({"results": [one], "results_name": "SRGAN"}, "lacks two.png"),
        ({"results": [one]}, "name"),
        ({"models": [], "weights": [], "alphas": []}, "Choose a model"),
        ({"modes": []}, "what α interpolates"),
        ({"alphas": alphas}, "13 results a picture"),
        ({"weights": wish.weights[:1]}, "names only first"),
        ({"weights": [text]}, "text"),
        ({"weights": [psnr], "models": ["psnr"]}, "Two models are called psnr"),
        ({"models": [str(wish.weights[0])]}, "not there any more"),
        ({"back_projections": 51}, "back-projection"),
        ({"pristine": text}, "not a pristine model"),
    ]
    for changes, words in cases:
        with refused(words):
            next(evaluation.run(replace(wish, **changes)))
    assert list(served.glob(f"*/{evaluation.FOLDER}/*")) == []


def test_a_full_disk_is_told_before_it_is_filled(
    wish: Wish, served: Path, monkeypatch: pytest.MonkeyPatch, refused: Refused
) -> None:
    monkeypatch.setattr(quota, "MIN_FREE_BYTES", 2**60)
    with refused("disk is full"):
        next(evaluation.run(wish))
    assert list(served.glob(f"*/{evaluation.FOLDER}/*")) == []


def test_nothing_is_left_when_the_disk_fills_meanwhile(
    wish: Wish, served: Path, full_disk: None
) -> None:
    assert wish.hr[0].stat().st_size > 20_000, "more than a file may now have"
    with pytest.raises(OSError, match="File too large"):
        next(evaluation.run(wish))
    assert list(served.glob(f"*/{evaluation.FOLDER}/*")) == []


def test_a_model_that_was_fine_tuned_here_stands_under_its_name(
    wish: Wish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "runs" / "2026-01-31-gan"
    run.mkdir(parents=True)
    (run / "log.txt").touch()
    shutil.copy(wish.weights[0], run / "generator.safetensors")
    monkeypatch.setenv("ESRGAN_RUNS", str(run.parent))
    state = last(replace(wish, hr=wish.hr[:1], models=[run.name], alphas=[]))
    numbers = {score.model: score.psnr_y for score in state.results.scores}
    assert list(numbers) == [run.name, "first", "second"]
    assert numbers[run.name] == numbers["first"] != numbers["second"]


def test_an_evaluation_is_forgotten(wish: Wish) -> None:
    state = last(replace(wish, alphas=[], weights=[]))
    assert state.folder.is_dir()
    evaluation.forget(state)
    evaluation.forget(None)
    assert not state.folder.exists()


# In the browser


@pytest.mark.browser
def test_a_picture_is_measured(opened: Callable[..., "Page"], uploads: list[Path]) -> None:
    from playwright.sync_api import expect

    page = opened(viewport={"width": 1280, "height": 1000})
    page.get_by_role("tab", name="Evaluate").click()
    page.locator("#evaluate-source").get_by_text("My own").click()
    page.locator("#evaluate-hr input[type=file]").set_input_files(uploads[:1])
    expect(page.locator("#evaluate-hr")).to_contain_text("one")
    for unwanted in page.locator("#evaluate-models input:checked").all()[::-1][:-1]:
        unwanted.uncheck()  # all but the first
    for unwanted in page.locator("#evaluate-alphas input:checked").all()[::-1]:
        unwanted.uncheck()
    page.locator("#evaluate-start").click()
    expect(page.locator("#evaluate-status")).to_contain_text("1 of 1 rows, done")
    with page.expect_download() as download:
        page.locator("#results-csv").click()
    (row,) = csv.DictReader(io.StringIO(download.value.path().read_text()))
    assert (row["picture"], row["model"]) == ("one.png", "bicubic")
    with Image.open(uploads[0]) as hr:
        pixels = np.asarray(hr)
    expected = psnr(imresize(imresize(pixels, 1 / 4), 4), pixels)
    assert float(row["psnr_y"]) == pytest.approx(expected, abs=1e-6)


@pytest.mark.slow
@pytest.mark.browser
def test_two_pictures_by_two_models_and_alphas(
    opened: Callable[..., "Page"], uploads: list[Path]
) -> None:
    from playwright.sync_api import expect

    page = opened(viewport={"width": 1280, "height": 1000})
    page.get_by_role("tab", name="Evaluate").click()
    page.locator("#evaluate-source").get_by_text("My own").click()
    page.locator("#evaluate-hr input[type=file]").set_input_files(uploads)
    expect(page.locator("#evaluate-hr")).to_contain_text("two")
    for unwanted in ("Bicubic", "GAN, loss after activation"):
        page.locator("#evaluate-models").get_by_label(unwanted).uncheck()
    for unwanted in ("0.2", "0.4", "0.6"):
        page.locator("#evaluate-alphas").get_by_label(unwanted).uncheck()
    page.locator("#evaluate-start").click()
    expect(page.locator("#evaluate-status")).to_contain_text("10 of 10 rows, done")
    expect(page.locator("#means tbody tr")).to_have_count(5)
    expect(page.locator("#rows tbody tr")).to_have_count(10)
    expect(page.locator("#means thead")).to_contain_text("NIQE (fitted)")
    expect(page.locator("#figure img")).to_be_visible()
    expect(page.locator("#figure-latex textarea")).to_have_value(re.compile("includegraphics"))

    with page.expect_download() as download:
        page.locator("#results-csv").click()
    assert download.value.suggested_filename == "results.csv"
    table = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert len(table) == 10
    assert [row["alpha"] for row in table if row["picture"] == "one.png"] == [
        "",
        "",
        "0",
        "0.8",
        "1",
    ]

    page.locator("#figure-kind").get_by_text("Crops").click()
    expect(page.locator("#figure-file")).to_contain_text("crops-one.pdf")
    with page.expect_download() as download:
        page.locator("#figure-file").click()
    assert download.value.path().read_bytes().startswith(b"%PDF")
    place, crops = page.locator("#figure-place img"), page.locator("#figure-crops textarea")
    box = place.bounding_box()
    assert box is not None
    place.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    expect(crops).to_have_value(re.compile(r"^7[5-7] 7[1-3] 64 64$"))
    page.locator("#figure-several").get_by_role("checkbox").check()
    place.click(position={"x": 20, "y": 20})
    expect(crops).to_have_value(re.compile(r"^7[5-7] 7[1-3] 64 64\n0 0 64 64$"))
    crops.fill("8 12 300 16")
    crops.blur()
    expect(page.locator("[data-testid=toast-body]")).to_contain_text("not inside the picture")
    page.locator("[data-testid=toast-close]").click()
    crops.fill("")
    crops.blur()
    expect(crops).to_have_value("")
    page.locator("#figure-kind").get_by_text("strip").click()  # for which the image's is missing
    expect(page.locator("[data-testid=toast-body]")).to_contain_text("both interpolations")


@pytest.mark.slow
@pytest.mark.browser
def test_stop_keeps_what_is_done(
    opened: Callable[..., "Page"], after_the_device: Callable[[], None]
) -> None:
    from playwright.sync_api import expect

    page = opened(viewport={"width": 390, "height": 800})
    page.locator(".overflow-menu > button").click()
    page.locator(".overflow-dropdown").get_by_text("Evaluate").click()
    page.locator("#evaluate-start").click()
    expect(page.locator("#means tbody tr").nth(1)).to_be_visible()
    page.locator("#evaluate-stop").click()
    expect(page.locator("#evaluate-status")).to_contain_text("of 60 rows, stopped")
    expect(page.locator("#figure img")).to_be_visible()
    words = page.locator("#evaluate-status").inner_text()
    assert words.endswith("of 60 rows, stopped")
    assert page.locator("#rows tbody tr").count() == int(words.split()[0]) < 60
    widths = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert widths[0] <= widths[1]
    # The row in hand when Stop was pressed must not come any more.
    after_the_device()
    page.locator("#figure-kind").get_by_text("Crops").click()
    expect(page.locator("#figure-file")).to_contain_text("crops-")
    assert page.locator("#evaluate-status").inner_text() == words
