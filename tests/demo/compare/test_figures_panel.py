"""What a visitor takes home of a comparison: figures and animations, also in a real Chromium."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from esrgan.demo import comparison as compute
from esrgan.demo.compare import animation
from esrgan.demo.compare import figure as figures
from esrgan.demo.compare.animation import AnimationWish
from esrgan.demo.compare.figure import FigureWish, Marks
from esrgan.demo.compare.session import Session, add_result, begin
from esrgan.demo.compare.source import AS_HR, AS_LR
from esrgan.demo.comparison import Trio
from esrgan.demo.figure_file import FigureFile
from esrgan.demo.limits import MAX_CROPS
from esrgan.demo.server.served import FOLDER_VARIABLE
from esrgan.demo.viewer import Alphas, Link
from esrgan.evaluation.metrics import psnr, ssim
from esrgan.evaluation.niqe import load_pristine, niqe
from esrgan.figures import draw_crops
from esrgan.networks import RRDBNet
from esrgan.pictures.resize import imresize
from tests.conftest import choose_picture, go_to, new_page
from tests.tiny import related_models

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

EXAMPLE = Path(__file__).parents[3] / "assets" / "examples" / "astronaut.png"
Refused = Callable[..., AbstractContextManager[None]]
ALL = tuple(figures.TITLES)
FIRST, SECOND = (8, 16, 24, 16), (30, 40, 32, 32)


@pytest.fixture
def trio(tmp_path: Path, tiny_network: RRDBNet, monkeypatch: pytest.MonkeyPatch) -> Trio:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "served"))
    return Trio(tuple(related_models(tmp_path, tiny_network, *compute.RESULTS, factor=1.1)))


@pytest.fixture
def picture(tmp_path: Path) -> str:
    """A picture that NIQE can judge."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (52, 54, 3), dtype=np.uint8))
    coarse.resize((216, 208), Image.Resampling.BICUBIC).save(tmp_path / "picture.png")
    return str(tmp_path / "picture.png")


def compared(picture: str, trio: Trio, is_hr: bool = True, run: str = "run") -> Session:
    session = begin(run, compute.begin(picture, is_hr, trio), Link())
    for comparison in compute.run(session.comparison):
        session = add_result(session, comparison)
    return session


@pytest.fixture
def session(picture: str, trio: Trio) -> Session:
    return compared(picture, trio)


def wish(**changes: object) -> FigureWish:
    settings = {"panes": ALL, "layout": figures.WHOLE, "suffix": "svg", "width": 3.4}
    return FigureWish(**{**settings, **changes})  # type: ignore[arg-type]


def drawn(session: Session, marks: Marks, wanted: FigureWish) -> FigureFile:
    *_, last = figures.figure(session, marks, wanted, {})
    assert last.figure is not None
    return last.figure


def crops_drawn(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int, int, int]]:
    """The crops that figures will show from here on."""
    seen: list[tuple[int, int, int, int]] = []

    def draw(blocks: list[Any], width: float) -> Figure:
        seen.extend((c.x, c.y, c.width, c.height) for block in blocks for c in block.crops)
        return draw_crops(blocks, width)

    monkeypatch.setattr("esrgan.figures.compose.draw_crops", draw)
    return seen


def test_below_each_crop_stand_the_numbers_of_the_whole_picture(session: Session) -> None:
    wanted = wish(title="my cat", at=Alphas(network=0.3, image=0.6), width=7.0)
    text = drawn(session, Marks(FIRST), wanted).file.read_text()
    comparison, hr = session.comparison, session.comparison.hr
    assert hr is not None
    pictures = {
        "bicubic": imresize(comparison.lr, 4),
        "PSNR": comparison.results["psnr"],
        "GAN": comparison.results["gan"],
        "GAN, after activation": comparison.results["after"],
        "network α = 0.3": compute.network_interpolated(comparison, 0.3),
        "image α = 0.6": compute.image_interpolated(comparison, 0.6),
    }
    for name, shown in pictures.items():
        natural = niqe(shown, load_pristine())
        numbers = f"({psnr(shown, hr):.2f} / {ssim(shown, hr):.4f} / {natural:.2f})"
        assert f">{name}<" in text
        assert f">{numbers}<" in text
    assert f">(∞ / 1.0000 / {niqe(hr, load_pristine()):.2f})<" in text
    for words in ("my cat", "LR", "HR", "(PSNR / SSIM / NIQE (fitted))"):
        assert f">{words}<" in text


def test_without_an_hr_there_is_niqe_only(picture: str, trio: Trio, tmp_path: Path) -> None:
    session = compared(picture, trio, is_hr=False)
    text = drawn(session, Marks(), wish(panes=("psnr", "hr"))).file.read_text()
    natural = niqe(session.comparison.results["psnr"], load_pristine())
    assert f">({natural:.2f})<" in text
    assert ">LR (bicubic) (NIQE (fitted))<" in text  # the line above, as LR is not shown whole
    assert ">HR<" not in text


def test_small_and_deep_pictures_are_shown_without_what_can_t_be_measured(
    trio: Trio, tmp_path: Path, photo: np.ndarray
) -> None:
    import cv2

    cv2.imwrite(str(tmp_path / "deep.png"), photo[:16, :16].astype(np.uint16) * 257)
    session = compared(str(tmp_path / "deep.png"), trio)
    text = drawn(session, Marks(), wish(panes=("gan",))).file.read_text()
    assert ">(– / – / –)<" in text


def test_the_figure_shows_what_was_collected_else_the_mark_else_where_models_differ(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = crops_drawn(monkeypatch)
    for marks, expected in (
        (Marks(SECOND, (FIRST, SECOND)), [FIRST, SECOND]),
        (Marks(SECOND, (FIRST,)), [FIRST]),
        (Marks(SECOND), [SECOND]),
        (Marks((200, 200, 64, 64), ((0, 0, 999, 9), FIRST)), [FIRST]),  # the rest does not fit
    ):
        seen.clear()
        drawn(session, marks, wish(panes=("psnr",)))
        assert seen == expected
    seen.clear()
    changed = session.comparison.results["psnr"].copy()
    changed[100:140, 30:70] ^= 255
    results = {**session.comparison.results, "gan": changed}
    session = replace(session, comparison=replace(session.comparison, results=results))
    drawn(session, Marks(), wish(panes=("psnr",)))
    ((x, y, width, height),) = seen
    assert (width, height) == (64, 64)
    assert x <= 30 <= 70 <= x + 64
    assert y <= 100 <= 140 <= y + 64


@pytest.mark.parametrize("layout", [figures.WHOLE, figures.CROPS_ONLY, figures.STRIP])
@pytest.mark.parametrize("width", [3.4, 7.0])
def test_every_layout_as_pdf_with_its_latex(session: Session, layout: str, width: float) -> None:
    marks = Marks(None, (FIRST, SECOND))
    wanted = wish(panes=("psnr", "gan"), layout=layout, suffix="pdf", width=width, title="50 %_a")
    figure = drawn(session, marks, wanted)
    assert figure.file.read_bytes().startswith(b"%PDF")
    with Image.open(figure.shown) as shown:
        assert shown.width == round(300 * width)
    assert f"\\includegraphics[width={width:g}in]{{{figure.file.name}}}" in figure.latex
    if layout == figures.STRIP:
        assert r"50 \%\_a" in figure.latex


def test_what_was_measured_is_not_measured_again(
    session: Session, monkeypatch: pytest.MonkeyPatch, picture: str, trio: Trio
) -> None:
    *_, first = figures.figure(session, Marks(), wish(panes=("psnr", "network")), {})
    assert len(first.numbers) == 2
    other = compared(picture, trio, run="another")
    with monkeypatch.context() as patch:
        patch.setattr("esrgan.evaluation.evaluate.niqe", lambda *_: pytest.fail("measured again"))
        wanted = wish(panes=("network", "psnr"), layout=figures.CROPS_ONLY)
        *_, second = figures.figure(session, Marks(FIRST), wanted, first.numbers)
        assert second.numbers == first.numbers
    *_, third = figures.figure(other, Marks(), wish(panes=("psnr",)), first.numbers)
    assert [run for run, _ in third.numbers] == [other.view.run]


def test_marks_come_from_a_browser(refused: Refused) -> None:
    marks = figures.marked(Marks(), {"x": 8, "y": 16, "w": 24, "h": 16})
    assert marks == Marks(FIRST)
    marks = figures.with_current(figures.with_current(marks))
    assert marks == Marks(FIRST, (FIRST,))
    assert figures.marked(marks, None) == Marks(None, (FIRST,))
    for wrong in ({"x": 1}, {**dict.fromkeys("xywh", 1), "x": -1}, dict.fromkeys("xywh", "1"), 7):
        with refused("four whole numbers"):
            figures.marked(marks, wrong)
    with refused("Mark a crop first"):
        figures.with_current(Marks())
    full = Marks(SECOND, tuple((x, 0, 9, 9) for x in range(MAX_CROPS)))
    with refused("6 crops"):
        figures.with_current(full)


def test_a_crop_of_an_animation_is_the_mark(session: Session) -> None:
    wanted = AnimationWish(animation.CROP, "network", "webp", steps=5, seconds=2, captioned=False)
    made = list(animation.animate(session, Marks(FIRST, (SECOND,)), wanted))
    assert [each.status for each in made[:2]] == ["Frame 1 of 6", "Frame 2 of 6"]
    assert made[-1].file is not None
    with Image.open(made[-1].file) as file:
        assert getattr(file, "n_frames", 1) == 11
        x, y, w, h = FIRST
        for number, alpha in ((0, 0.0), (2, 0.4), (5, 1.0)):
            file.seek(number)
            frame = np.asarray(file.convert("RGB"))
            whole = compute.network_interpolated(session.comparison, alpha)
            expected = whole[y : y + h, x : x + w]
            np.testing.assert_array_equal(frame[::26, ::26], expected)


def test_the_whole_picture_by_both_interpolations(session: Session) -> None:
    wanted = AnimationWish(animation.WHOLE, "both", "gif", steps=5)
    *_, last = animation.animate(session, Marks(FIRST), wanted)
    assert last.file is not None
    with Image.open(last.file) as file:
        assert file.width == 2 * 216 * 2 + 8
        assert file.info["loop"] == 0


def test_what_is_wrong_is_said(session: Session, refused: Refused) -> None:
    begun = begin("run", replace(session.comparison, results={}), Link())
    for unready in (None, begun):
        with refused("nothing to draw yet"):
            next(figures.figure(unready, Marks(), wish(), {}))
        with refused("nothing to draw yet"):
            next(animation.animate(unready, Marks(), AnimationWish("whole", "network", "gif")))
    for changes, words in (
        ({"suffix": "exe"}, "format and a width"),
        ({"width": 99.0}, "format and a width"),
        ({"panes": ()}, "at least one"),
    ):
        with refused(words):
            list(figures.figure(session, Marks(), wish(**changes), {}))
    for wanted, words in (
        (AnimationWish("whole", "network", "exe"), "a format"),
        (AnimationWish("whole", "neither", "gif"), "what to animate"),
        (AnimationWish("whole", "network", "gif", steps=99), "30 steps"),
        (AnimationWish("whole", "network", "gif", seconds=0.2), "too short"),
    ):
        with refused(words):
            next(animation.animate(session, Marks(), wanted))


# In the browser


@pytest.fixture(scope="module")
def page(
    browser: "Browser", address: str, tmp_path_factory: pytest.TempPathFactory
) -> "Iterator[Page]":
    """The page with a small picture compared, and a crop of it marked."""
    from playwright.sync_api import expect

    with Image.open(EXAMPLE) as astronaut:
        face = tmp_path_factory.mktemp("uploads") / "face.png"
        astronaut.crop((160, 60, 368, 268)).save(face)
    opened = new_page(browser, viewport={"width": 800, "height": 844}, has_touch=True)
    go_to(opened, address)
    expect(opened.locator("[data-pane=hr] canvas")).to_be_visible()
    choose_picture(opened, face)
    expect(opened.locator("#kind").get_by_label(AS_LR)).to_be_checked()
    opened.locator("#kind").get_by_text(AS_HR).click()
    expect(opened.locator("[data-pane=hr] figcaption")).to_have_text("208×208")
    expect(opened.locator(".viewer")).to_have_attribute("data-complete", "true")
    opened.locator("[data-pane=psnr] canvas").click(position={"x": 150, "y": 150})
    yield opened
    widths = opened.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert widths[0] <= widths[1]
    opened.context.close()


@pytest.mark.slow
@pytest.mark.browser
def test_a_marked_crop_becomes_a_figure(page: "Page") -> None:
    from playwright.sync_api import expect

    page.locator("#paper-panel > button").click()
    mark = (page.locator(".viewer").get_attribute("data-mark") or "").split(",")
    listed = f"{mark[2]}×{mark[3]} at {mark[0]}, {mark[1]}"
    expect(page.locator("#paper-crops")).to_have_text(f"Marked: {listed}")
    page.locator("#paper-add").click()
    expect(page.locator("#paper-crops")).to_have_text(f"Crops: {listed}")
    page.locator("[data-pane=gan] canvas").click(position={"x": 60, "y": 60})
    page.locator("#paper-add").click()
    expect(page.locator("#paper-crops")).to_contain_text(f"{listed}; 64×64")
    for suffix, start in (("pdf", b"%PDF"), ("png", b"\x89PNG")):
        page.locator("#paper-format").get_by_text(suffix.upper(), exact=True).click()
        page.locator("#paper-start").click()
        expect(page.locator("#paper-file")).to_contain_text(f"crops.{suffix}")
        latex = page.locator("#paper-latex textarea")
        expect(latex).to_have_value(re.compile(f"crops.{suffix}"))
        with page.expect_download() as download:
            page.locator("#paper-file").click()
        assert download.value.path().read_bytes().startswith(start)
    with Image.open(download.value.path()) as figure:
        assert figure.width == 2100
    natural = page.locator("#paper-figure img").evaluate("image => image.naturalWidth")
    assert natural == 2100
    page.locator("#paper-clear").click()
    expect(page.locator("#paper-crops")).to_contain_text("Marked: 64×64")


@pytest.mark.slow
@pytest.mark.browser
def test_an_animation_is_shown_and_downloaded(page: "Page") -> None:
    from playwright.sync_api import expect

    page.locator("#animation-panel > button").click()
    page.locator("#animation-steps input[type=number]").fill("5")
    page.locator("#animation-start").click()
    expect(page.locator("#animation img")).to_be_visible()
    width = "image => image.decode().then(() => image.naturalWidth)"
    assert page.locator("#animation img").evaluate(width) == 640
    page.locator("#animation-format").get_by_text("MP4").click()
    page.locator("#animation-start").click()
    video = page.locator("#film video")
    expect(video).to_be_visible()
    expect(page.locator("#animation img")).to_be_hidden()
    page.wait_for_function("document.querySelector('#film video').readyState === 4")
    told = video.evaluate("v => [v.videoWidth, v.videoHeight, v.duration, v.loop, v.error]")
    assert [*told[:2], round(told[2], 1), *told[3:]] == [640, 670, 4, True, None]
    page.wait_for_function("document.querySelector('#film video').currentTime > 0.2")
    with page.expect_download() as download:
        page.locator("#animation-file").click()
    assert download.value.suggested_filename == "alpha.mp4"
    assert download.value.path().read_bytes()[4:8] == b"ftyp"
