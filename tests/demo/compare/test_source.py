"""The question what a picture is, what the file answers, and which models follow."""

from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr
import numpy as np
import pytest
from PIL import Image
from skimage import data

from esrgan.demo import choice, examples
from esrgan.demo.compare import page_link
from esrgan.demo.compare.arrival import _named
from esrgan.demo.compare.family import ANY, BUILTIN, CLEAN, OFFICIAL, PHOTO, trio_of
from esrgan.demo.compare.session import Latest
from esrgan.demo.compare.source import AS_HR, AS_LR, asked, estimate, is_asked, proposed
from esrgan.demo.compare.tab import compare
from esrgan.demo.server.stopping import Runs
from esrgan.models import zoo
from esrgan.models.checkpoints import save_generator
from esrgan.pictures.degrade import jpeg
from esrgan.pictures.resize import imresize
from tests.conftest import choose_picture, go_to, new_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NO_CHOICE = ("psnr", "gan", "")


@pytest.fixture(scope="module")
def clean() -> np.ndarray:
    return imresize(data.astronaut(), 1 / 4)


@pytest.fixture
def photo_pair(tmp_path: Path, tiny_network, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The built-in models for photographs, as if they had been trained."""
    files = [tmp_path / f"{name}.safetensors" for name in choice.PHOTO]
    for name, file in zip(choice.PHOTO, files, strict=True):
        save_generator(file, tiny_network, {})
        monkeypatch.setitem(zoo.MODELS, name, zoo.ModelCard(name, "for a test", file, "none"))
    return files


def test_a_jpeg_s_tables_answer(tmp_path: Path, clean: np.ndarray) -> None:
    Image.fromarray(clean).save(tmp_path / "web.jpg", quality=72)
    answer, reason = estimate(tmp_path / "web.jpg")
    assert answer == PHOTO
    assert "quality 72" in reason
    Image.fromarray(clean).save(tmp_path / "fine.jpg", quality=98)
    answer, reason = estimate(tmp_path / "fine.jpg")
    assert answer == CLEAN
    assert "quality 98" in reason


def test_blocks_answer_where_there_are_no_tables(tmp_path: Path, clean: np.ndarray) -> None:
    Image.fromarray(clean).save(tmp_path / "clean.png")
    assert estimate(tmp_path / "clean.png") == (CLEAN, "No trace of JPEG was found in it.")
    Image.fromarray(jpeg(clean, 40)).save(tmp_path / "saved-again.png")
    answer, reason = estimate(tmp_path / "saved-again.png")
    assert answer == PHOTO
    assert "blocks" in reason


def test_what_is_no_picture_is_told_of_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"just a text")
    assert estimate(tmp_path / "a.png") == (CLEAN, "")
    assert estimate(tmp_path / "gone.png") == (CLEAN, "")


def test_it_is_asked_where_there_are_two_answers(photo_pair: list[Path]) -> None:
    assert is_asked(AS_LR, BUILTIN)
    assert is_asked(AS_LR, OFFICIAL)
    assert not is_asked(AS_HR, BUILTIN)  # shrunk first, a JPEG is clean
    assert not is_asked(AS_LR, ANY)
    assert asked(AS_LR, BUILTIN).visible is True
    assert asked(AS_HR, BUILTIN).visible is False


def test_models_that_are_not_there_are_not_offered(
    photo_pair: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    others = {name: card for name, card in zoo.MODELS.items() if name not in choice.PHOTO}
    monkeypatch.setattr(zoo, "MODELS", others)  # taken out of it, they would come back as the last
    assert not is_asked(AS_LR, BUILTIN)


def test_the_answer_is_proposed_with_its_reason(
    photo_pair: list[Path], tmp_path: Path, clean: np.ndarray
) -> None:
    Image.fromarray(clean).save(tmp_path / "web.jpg", quality=60)
    question = proposed(str(tmp_path / "web.jpg"), AS_LR, BUILTIN)
    assert (question.value, question.visible) == (PHOTO, True)
    assert "quality 60" in str(question.info)


def test_the_answer_chooses_the_models(photo_pair: list[Path]) -> None:
    photographs = trio_of(BUILTIN, True, None, [], NO_CHOICE)
    assert (photographs.files, photographs.names) == (tuple(photo_pair), choice.PHOTO)
    assert trio_of(BUILTIN, False, None, [], NO_CHOICE).names == choice.BUILTIN


@pytest.mark.parametrize(("kind", "names"), [(AS_LR, choice.PHOTO), (AS_HR, choice.BUILTIN)])
def test_a_comparison_is_by_the_models_of_the_answer(
    photo_pair: list[Path],
    photo: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    names: tuple[str, ...],
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "served"))
    Image.fromarray(photo[:24, :24]).save(tmp_path / "x.jpg", quality=50)
    wish = (str(tmp_path / "x.jpg"), kind, BUILTIN, PHOTO, None, None, *NO_CHOICE)
    runs = Runs()
    session, view = next(compare(runs, Latest(), *wish, None, None, runs.wish()))
    assert session is not None
    assert not isinstance(session, gr.State)
    assert view.link.models == names


def test_an_address_without_models_has_the_answer_of_the_file() -> None:
    for query, answer in (({"example": "cat"}, PHOTO), ({"example": "coffee"}, CLEAN)):
        source = _named(page_link.read({**query, "as": "lr"}), Runs()).source
        assert (source.value, source.visible) == (answer, True)
        assert "JPEG" in source.info
    named = page_link.read({"example": "cat", "as": "lr", "models": "psnr,gan,gan-after"})
    assert _named(named, Runs()).source == CLEAN


@pytest.mark.browser
@pytest.mark.slow
def test_an_example_from_the_web_is_made_larger_by_the_models_for_photographs(
    browser: "Browser", address: str
) -> None:
    from playwright.sync_api import expect

    page = new_page(browser, viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    page.goto(f"{address}/?example=coffee")
    expect(page.locator(".viewer")).to_have_attribute("data-name", "coffee")
    number = [*examples.pictures()].index("hopper")
    page.locator("#examples .gallery-item").nth(number).click()
    viewer, question = page.locator(".viewer"), page.locator("#source")
    expect(viewer).to_have_attribute("data-name", "hopper")
    expect(page.locator("#kind").get_by_label(AS_LR)).to_be_checked()
    expect(question.get_by_label(PHOTO)).to_be_checked()
    expect(question).to_contain_text("a JPEG of quality 70")
    expect(page.locator("[data-pane=gan] figcaption")).to_contain_text("640×752")
    expect(page.locator("[data-pane=hr]")).to_be_hidden()
    page.locator("#examples .gallery-item").first.click()
    expect(viewer).to_have_attribute("data-name", examples.FIRST)
    expect(page.locator("#kind").get_by_label(AS_HR)).to_be_checked()
    expect(question).to_be_hidden()
    page.context.close()


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.skipif(not choice.are_known(choice.PHOTO), reason="the pair is not trained yet")
def test_a_jpeg_goes_through_the_models_for_photographs(
    browser: "Browser", address: str, tmp_path: Path, clean: np.ndarray
) -> None:
    from playwright.sync_api import expect

    Image.fromarray(clean[:32, :40]).save(tmp_path / "from the web.jpg", quality=60)
    page = new_page(browser, viewport={"width": 1280, "height": 900})
    go_to(page, address)
    viewer, question = page.locator(".viewer"), page.locator("#source")
    expect(viewer).to_have_attribute("data-complete", "true")
    expect(question).to_be_hidden()
    choose_picture(page, tmp_path / "from the web.jpg")
    expect(question.get_by_label(PHOTO)).to_be_checked()
    expect(question).to_contain_text("a JPEG of quality 60")
    expect(viewer).to_have_attribute("data-name", "from the web")
    expect(viewer).to_have_attribute("data-complete", "true")
    expect(page.locator("[data-pane=after]")).to_be_hidden()  # the pair has no third model
    run = viewer.get_attribute("data-run") or ""
    question.get_by_label(CLEAN).click()
    expect(viewer).not_to_have_attribute("data-run", run)
    expect(viewer).to_have_attribute("data-complete", "true")
    expect(page.locator(".chips")).to_contain_text("After")
    page.context.close()
