"""Comparisons of the page become a blind test, which others answer."""

import base64
import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from esrgan.demo.compare import study
from esrgan.demo.compare.session import Session, add_result, begin
from esrgan.demo.comparison import Comparison, Trio, image_interpolated, network_interpolated
from esrgan.demo.comparison import run as run_models
from esrgan.demo.limits import MAX_STUDY_PICTURES
from esrgan.demo.server.served import FOLDER_VARIABLE
from esrgan.demo.viewer import Alphas, Link
from esrgan.networks import RRDBNet
from esrgan.pictures.images import decode_image
from esrgan.pictures.resize import imresize
from tests.conftest import go_to, new_page
from tests.tiny import related_models

AT = Alphas(network=0.3, image=0.6)
PANES = ("psnr", "gan", "network", "image", "bicubic")
Refused = Callable[..., AbstractContextManager[None]]


@pytest.fixture
def trio(tmp_path: Path, tiny_network: RRDBNet, monkeypatch: pytest.MonkeyPatch) -> Trio:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "served"))
    return Trio(tuple(related_models(tmp_path, tiny_network, "psnr", "gan", factor=1.1)))


def compared(
    trio: Trio, hr: np.ndarray, run: str, name: str = "cat", known: bool = True
) -> Session:

    begun = Comparison(trio, imresize(hr, 1 / 4), hr if known else None)
    session = begin(run, begun, Link(), name=name)
    for comparison in run_models(begun):
        session = add_result(session, comparison)
    return session


def held(page: str, name: str) -> bytes:
    found = re.search(rf'<script type="text/plain" id="{name}">([\w+/=]*)</script>', page)
    assert found is not None
    return base64.b64decode(found[1])


def contents(file: Path) -> dict[str, Any]:
    """The study of a page, with pictures in place of the numbers of their files."""
    page = file.read_text("utf-8")
    found: dict[str, Any] = json.loads(held(page, "study"))
    for picture in found["pictures"]:
        picture["files"] = [decode_image(held(page, f"file-{n}"), "x") for n in picture["files"]]
        if picture["reference"] is not None:
            picture["reference"] = decode_image(held(page, f"file-{picture['reference']}"), "x")
    return found


def test_the_page_holds_each_pictures_results(trio: Trio, photo: np.ndarray) -> None:
    collected: study.Study = ()
    sessions = [compared(trio, photo, "1"), compared(trio, photo[::-1].copy(), "2")]
    for session in (*sessions, sessions[0]):  # the first is told again, and stands last
        collected = study.with_current(collected, session, PANES, AT)
    assert "cat 2, cat." in study.words(collected)
    found = contents(study.page(collected, True, None))
    assert found["methods"] == ["bicubic", "PSNR", "GAN", "network α = 0.3", "image α = 0.6"]
    assert [picture["name"] for picture in found["pictures"]] == ["cat 2", "cat"]
    for picture, session in zip(found["pictures"], reversed(sessions), strict=True):
        made = session.comparison
        expected = [
            imresize(made.lr, 4),
            made.results["psnr"],
            made.results["gan"],
            network_interpolated(made, 0.3),
            image_interpolated(made, 0.6),
        ]
        for shown, result in zip(picture["files"], expected, strict=True):
            np.testing.assert_array_equal(shown, result)
        np.testing.assert_array_equal(picture["reference"], made.hr)


def test_a_crop_and_no_original(trio: Trio, photo: np.ndarray) -> None:
    known = study.with_current((), compared(trio, photo, "1"), ("psnr", "gan"), AT)
    (picture,) = contents(study.page(known, False, 32))["pictures"]
    assert [shown.shape for shown in picture["files"]] == [(32, 32, 3)] * 2
    assert picture["reference"] is None
    unknown = compared(trio, photo, "2", name="dog", known=False)
    both = study.with_current(known, unknown, ("psnr", "gan"), AT)
    assert [each["reference"] for each in contents(study.page(both, True, 32))["pictures"]] == [
        None,
        None,
    ]


def test_what_is_no_blind_test_is_refused_in_words(
    trio: Trio, photo: np.ndarray, refused: Refused
) -> None:
    session = compared(trio, photo, "new", name="a\n" * 100)
    with refused("There is nothing"):
        study.with_current((), None, PANES, AT)
    with refused("two methods or more"):
        study.with_current((), session, ("psnr", "hr", "lr", "after"), AT)
    first = study.with_current((), session, PANES, AT)
    assert first[0].name == "a" * 50
    with refused("network α = 0.3", "network α = 0.9", "choose the same"):
        study.with_current(first, compared(trio, photo, "2"), PANES, Alphas(network=0.9, image=0.6))
    full = tuple(
        study.Entry(str(n), str(n), first[0].results, None) for n in range(MAX_STUDY_PICTURES)
    )
    with refused("pictures at most"):
        study.with_current(full, session, PANES, AT)
    Path(first[0].results["PSNR"]).unlink()
    with refused("no longer kept"):
        study.page(first, True, None)


@pytest.mark.browser
@pytest.mark.slow
def test_a_visitor_makes_one_of_the_example(browser: Browser, address: str, tmp_path: Path) -> None:
    page = new_page(browser, viewport={"width": 1280, "height": 900})
    go_to(page, address)
    expect(page.locator(".viewer")).to_have_attribute("data-complete", "true")
    page.get_by_role("button", name="Blind test").click()
    page.locator("#study-crop").get_by_text("128×128").click()
    page.locator("#study-add").click()
    expect(page.locator("#study-pictures")).to_contain_text(
        "PSNR, GAN, network α = 0.8 on chelsea."
    )
    page.locator("#study-make").click()
    with page.expect_download() as download:
        page.locator("#study-file").click()
    assert download.value.suggested_filename == study.FILE_NAME
    download.value.save_as(tmp_path / "study.html")
    page.context.set_offline(True)
    page.goto((tmp_path / "study.html").as_uri())
    page.get_by_role("button", name="Begin").click()
    expect(page.locator("[data-pane=left] canvas")).to_be_visible()
    page.context.close()
