"""Random clicks of an impatient visitor: what is shown always belongs to one comparison.

`ESRGAN_STORM=50` clicks so often, with three seeds.
"""

import os
import random
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from esrgan.demo import examples
from esrgan.demo.compare.family import ANY, BUILTIN
from esrgan.demo.compare.source import AS_HR, AS_LR
from tests.conftest import go_to, new_page

CLICKS = int(os.environ.get("ESRGAN_STORM", "3"))
SEEDS = range(3) if "ESRGAN_STORM" in os.environ else range(1)
# Ended, and nothing new for a second and a half: what was clicked last may still be on its way.
IS_QUIET = """() => {
    const {run, state} = document.querySelector('.viewer').dataset, now = performance.now();
    if (window.quiet?.what !== run + state) window.quiet = {what: run + state, since: now};
    return /done|stopped|failed/.test(state) && now - window.quiet.since > 1500;
}"""
pytestmark = pytest.mark.browser


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    opened = new_page(
        browser,
        viewport={"width": 1280, "height": 900},
        permissions=["clipboard-read", "clipboard-write"],
    )
    go_to(opened, address)
    expect(opened.locator(".viewer")).to_have_attribute("data-run", re.compile("."))
    yield opened
    opened.context.close()


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_shown_belongs_together(page: Page, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    for number in range(3):
        size = 60 + 4 * number, 64 + 4 * number
        Image.new("RGB", size, (40 * number, 90, 120)).save(tmp_path / f"own{number}.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    actions = [
        *[lambda i=i: page.locator("#examples img").nth(i).click() for i in range(6)],
        lambda: page.locator("#stop").dispatch_event("click"),
        lambda: page.locator("#kind").get_by_text(chance.choice((AS_HR, AS_LR))).click(),
        lambda: choose(page, "models", chance.choice((BUILTIN, ANY))),
        *[lambda i=i: upload(page, tmp_path / f"own{i}.png") for i in range(3)],
        lambda: upload(page, tmp_path / "bad.png"),
    ]
    done: list[str] = []
    for click in range(CLICKS):
        for _ in range(chance.randint(1, 3)):
            action = chance.randrange(len(actions))
            done.append(str(action))
            actions[action]()
            page.wait_for_timeout(chance.choice((0, 50, 400)))  # how long a visitor waits
        try:
            check(page)
        except AssertionError as error:
            raise AssertionError(f"after click {click}, {' '.join(done)}: {error}") from error


def upload(page: Page, file: Path) -> None:
    remove = page.locator("#upload").get_by_label("Remove Image")
    if remove.count():
        remove.click()
    page.locator("#upload input[type=file]").set_input_files(file)


def choose(page: Page, dropdown: str, option: str) -> None:
    page.locator(f"#{dropdown} input").click()
    page.locator(f"#{dropdown}").get_by_role("option", name=option, exact=True).click()


def check(page: Page) -> None:
    """Wait until it is quiet, and compare what each part of the page names."""
    viewer, news = page.locator(".viewer"), page.locator(".viewer .news")
    page.wait_for_function(IS_QUIET)
    chosen = page.locator("#upload img")
    if viewer.get_attribute("data-empty") == "true":
        for part in (".panes", ".histogram", ".strip"):
            expect(page.locator(part)).to_be_hidden()
        return
    expect(chosen).to_have_count(1)
    name = Path(urlsplit(chosen.get_attribute("src") or "").path).stem
    assert viewer.get_attribute("data-name") == name
    is_hr = page.locator("#kind").get_by_label(AS_HR).is_checked()
    assert page.locator("[data-pane=hr]").is_visible() == is_hr
    page.locator("[data-do=link]").click()
    link = parse_qs(urlsplit(page.locator("input.link").input_value()).query)
    assert link.get("example", [""])[0] == (name if name in examples.pictures() else "")
    assert link["as"] == ["hr" if is_hr else "lr"]
    if viewer.get_attribute("data-state") == "done":
        expect(news).to_contain_text(f"Done: {name},")
        expect(page.locator("[data-pane=network] figcaption")).to_contain_text("α = 0.8")
        if name in examples.pictures() and is_hr:
            width, height = Image.open(examples.pictures()[name]).size
            expect(page.locator("[data-pane=hr] figcaption")).to_have_text(f"{width}×{height}")
