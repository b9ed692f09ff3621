"""A reloaded page shows the comparison that it showed before."""

import gc
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from esrgan.demo.compare import kept
from esrgan.demo.compare.session import Session, nothing
from esrgan.demo.comparison import Comparison, Trio
from tests.conftest import choose_picture, go_to, new_page


def of_run(run: str) -> Session:
    black = np.zeros((4, 4, 3), np.uint8)
    return Session(Comparison(Trio(()), black, None), nothing(run, "done", "Done."))


def test_a_comparison_is_there_as_long_as_anybody_holds_it() -> None:
    held = kept.keep(of_run("a run"))
    found = kept.again('{"run": "a run", "network": "0.25", "view": "wipe", "pair": "lr,gan"}')
    assert found is not None
    session, address = found
    assert session is held
    view = kept.looked_at(session, address).view
    assert view.start is not None
    assert view.start.network == 0.25
    assert (view.link.view, view.link.pair) == ("wipe", ("lr", "gan"))
    del held, session, found
    gc.collect()
    assert kept.again('{"run": "a run"}') is None


NOT_NOTES = (None, "", "{", "[]", "1", "null", "{}", "[" * 10**6)
NO_NAMES = ('{"run": 1}', '{"run": ["a run"]}', '{"run": "another"}')
TOO_LONG = json.dumps({"run": "a run", "x": "x" * kept.MOST_CHARACTERS})


@pytest.mark.parametrize("note", [*NOT_NOTES, *NO_NAMES, TOO_LONG])
def test_what_else_a_browser_says_brings_nothing_back(note: str | None) -> None:
    held = kept.keep(of_run("a run"))
    assert kept.again(note) is None
    assert kept.again(json.dumps({"run": held.view.run}))


@pytest.mark.slow
@pytest.mark.browser
def test_reloading_brings_the_comparison_back(
    browser: Browser, address: str, tmp_path: Path
) -> None:
    noise = np.random.default_rng(7).integers(0, 256, (20, 28, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "mine.png")
    page = new_page(browser, viewport={"width": 1280, "height": 900})
    go_to(page, address)
    viewer, slider = page.locator(".viewer"), page.locator("#network-alpha input")
    expect(viewer).to_have_attribute("data-complete", "true")
    first = viewer.get_attribute("data-run")
    choose_picture(page, tmp_path / "mine.png")
    expect(viewer).to_have_attribute("data-name", "mine")
    expect(viewer).to_have_attribute("data-complete", "true")
    run = viewer.get_attribute("data-run") or ""
    page.get_by_role("button", name="Wipe").click()
    slider.fill("0.37")
    page.reload()
    expect(viewer).to_have_attribute("data-run", run)
    expect(viewer).to_have_attribute("data-complete", "true")
    expect(slider).to_have_value("0.37")
    expect(page.locator("[data-mode=wipe]")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_label("Make it 4× larger")).to_be_checked()
    expect(page.locator("#upload img")).to_have_attribute("src", re.compile("mine.png"))
    slider.fill("0.42")  # the server goes on with it
    expect(page.locator("#network-alpha .exactness")).to_contain_text("exact")
    go_to(page, address)  # not reloaded, but opened
    expect(viewer).to_have_attribute("data-name", "chelsea")
    assert viewer.get_attribute("data-run") not in (first, run)
    page.context.close()
