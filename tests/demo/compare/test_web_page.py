"""The comparison at hand, saved as a web page."""

import base64
import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from esrgan.demo import comparison as compute
from esrgan.demo.compare import web_page
from esrgan.demo.compare.session import Session, add_frame, add_result, at_rest, begin
from esrgan.demo.comparison import Trio
from esrgan.demo.viewer import Alphas, Link
from esrgan.models.checkpoints import save_generator
from esrgan.networks import RRDBNet
from esrgan.pictures.images import decode_image
from tests.conftest import new_page

Refused = Callable[..., AbstractContextManager[None]]
NAME = "odd </script><script> name"


@pytest.fixture
def session(
    tmp_path: Path, tiny_network: RRDBNet, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> Session:
    """A comparison of two tiny models as far as α = 0.5, with the sliders at 0.35."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "served"))
    files = (tmp_path / "a.safetensors", tmp_path / "b.safetensors")
    for file in files:
        save_generator(file, tiny_network, {})
        tiny_network.conv_last.bias.data.add_(0.1)
    Image.fromarray(photo).save(tmp_path / "x.png")
    comparison = compute.begin(str(tmp_path / "x.png"), True, Trio(files))
    started = begin("run", comparison, Link(), name=NAME)
    for further in compute.run(started.comparison):
        started = add_result(started, further)
    between = compute.network_interpolated(started.comparison, 0.5)
    return at_rest(add_frame(started, 0.5, between), Alphas(network=0.35, image=0.4))


def event(**said: object) -> gr.EventData:
    return gr.EventData(None, said)


def data(page: str, name: str) -> bytes:
    found = re.search(rf'<script type="text/plain" id="{name}">([\w+/=]*)</script>', page)
    assert found is not None
    return base64.b64decode(found[1])


def view_of(page: str) -> dict[str, Any]:
    (view,) = json.loads(data(page, "comparisons"))
    return dict(view)


def test_it_holds_what_the_browser_has_with_the_exact_picture(session: Session) -> None:
    file = web_page.save(session, event(network="0.35", crop="4,8,32,32", view="wipe", zoom="fit"))
    page = file.read_text("utf-8")
    view = view_of(page)
    assert [frame["alpha"] for frame in view["frames"]] == [0, 0.35, 0.5, 1]
    for frame in view["frames"]:
        held = decode_image(data(page, frame["file"]["url"]), "frame")
        own = compute.network_interpolated(session.comparison, frame["alpha"])
        np.testing.assert_array_equal(held, own)
    assert {"network 0.35", "image 0.4", "network 0.5"} <= view["scores"].keys()
    assert view["start"] == {"network": 0.35, "image": 0.8, "third": 0}
    assert view["link"]["mark"] == [4, 8, 32, 32]
    assert (view["link"]["view"], view["link"]["zoom"]) == ("wipe", [])
    assert view["panes"] == ["lr", "bicubic", "hr", "psnr", "gan", "network", "image"]


def test_its_name_is_the_pictures_and_only_text(session: Session) -> None:
    file = web_page.save(session, event())
    assert file.name.endswith("_comparison.html")
    assert "/" not in file.name
    assert NAME not in file.read_text("utf-8")
    assert view_of(file.read_text("utf-8"))["name"] == NAME


@pytest.mark.parametrize("said", [7, None, ["x"], {"a": 1}, "nan", "-1", "</script>"])
def test_what_a_browser_says_may_be_anything(session: Session, said: object) -> None:
    parts = ("network", "crop", "view", "pair", "zoom", "models", "example")
    file = web_page.save(session, event(**dict.fromkeys(parts, said)))
    assert view_of(file.read_text("utf-8"))["start"]["network"] == 0.8


def test_without_a_comparison_there_is_a_sentence(session: Session, refused: Refused) -> None:
    with refused("no comparison to save yet"):
        web_page.save(None, event())
    empty = Session(session.comparison, session.view.model_copy(update={"frames": []}))
    with refused("no comparison to save yet"):
        web_page.save(empty, event())


def test_one_that_is_too_large_is_refused(
    session: Session, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_page, "MAX_WEB_PAGE_BYTES", 1000)
    with refused("python -m esrgan compare"):
        web_page.save(session, event())


def test_pictures_that_are_gone_are_named_as_such(session: Session, refused: Refused) -> None:
    Path(session.view.frames[0].file.path or "").unlink()
    with refused("no longer kept"):
        web_page.save(session, event())


@pytest.mark.slow
@pytest.mark.browser
def test_a_click_saves_the_comparison_at_hand(
    browser: Browser, opened: Callable[..., Page], tmp_path: Path
) -> None:
    page = opened(viewport={"width": 1366, "height": 768})
    page.locator("#examples img").nth(1).click()
    expect(page.locator(".viewer")).to_have_attribute("data-name", "astronaut")
    expect(page.locator(".viewer")).to_have_attribute("data-frames", re.compile(r"[2-9]|\d\d"))
    page.locator("#network-alpha input").evaluate(
        "range => { range.value = 0.3; range.dispatchEvent(new Event('input')); }"
    )
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as a web page").click()
    assert download.value.suggested_filename == "astronaut_comparison.html"
    download.value.save_as(tmp_path / "page.html")
    alone = new_page(browser, offline=True)
    alone.goto((tmp_path / "page.html").as_uri())
    expect(alone.locator(".viewer")).to_have_attribute("data-complete", "true")
    expect(alone.locator("#network-alpha output")).to_have_text("0.30")
    expect(alone.locator("h1")).to_have_text("astronaut")
