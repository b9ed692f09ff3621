"""The saved page in a real Chromium: offline, from disk, by keyboard, mouse and finger."""

import base64
import io
import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from esrgan.commands import cli
from esrgan.pictures.resize import imresize
from esrgan.studies.answers import read_answers
from esrgan.studies.blind_test import Item, blind_test_page
from esrgan.studies.preferences import count_votes
from tests.conftest import new_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

pytestmark = pytest.mark.browser

# Each method's pictures are of one grey: scripted voters see pixels, and know it by them.
GREYS = {"alpha-method": 60, "beta-method": 120, "gamma-method": 180}
TASTE = {60: 1.2, 120: 0.0, 180: -1.2}
VOTERS = 6
LAPTOP = {"viewport": {"width": 1366, "height": 768}}
PHONE = {
    "viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True,
    "is_mobile": True,
}  # fmt: skip
PIXEL = """side => {
  const canvas = document.querySelector(`[data-pane=${side}] canvas`), {width, height} = canvas;
  return [...canvas.getContext('2d').getImageData(width / 2, height / 2, 1, 1).data];
}"""
Opened = Callable[..., "Page"]


def items(pictures: int) -> list[Item]:
    """Pictures of flat greys, of which each has a corner of its own, with an HR of white."""
    made = []
    for n in range(pictures):
        results = {name: np.full((48, 64, 3), grey, np.uint8) for name, grey in GREYS.items()}
        for picture in results.values():
            picture[: n + 1, :8] = 255
        made.append(Item(f"picture-{n}", results, np.full((48, 64, 3), 255, np.uint8)))
    return made


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("study") / "study.html"
    path.write_text(blind_test_page(items(5), limit=15, ties=True), encoding="utf-8")
    return path


@pytest.fixture
def opened(browser: "Browser") -> Iterator[Opened]:
    """`opened(file, …)` is the page offline, in a browser that knows nothing of it yet; what it
    complains of fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def heard(said: "ConsoleMessage") -> None:
        if said.type == "error":
            complaints.append(said.text)

    def open_page(file: Path, **options: Any) -> "Page":
        page = new_page(browser, offline=True, **(options or LAPTOP))
        contexts.append(page.context)
        page.on("console", heard)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(file.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def begin(page: "Page", name: str = "") -> None:
    page.get_by_label("Your name or number").fill(name)
    page.get_by_role("button", name="Begin").click()
    ready(page, 1)


def ready(page: "Page", question: int) -> None:
    """Until a question can be answered: nobody does so within a fifth of a second."""
    page.wait_for_selector(f"body[data-ready='{question}']")
    page.wait_for_timeout(220)


def grey(page: "Page", side: str) -> int:
    return int(page.evaluate(PIXEL, side)[0])


VOTE_ON = """async ([taste, draws]) => {
  const pause = ms => new Promise(done => setTimeout(done, ms));
  const seen = side => {
    const canvas = document.querySelector(`[data-pane=${side}] canvas`), {width, height} = canvas;
    return taste[canvas.getContext('2d').getImageData(width / 2, height / 2, 1, 1).data[0]];
  };
  for (const [n, draw] of draws.entries()) {
    while (document.body.dataset.ready !== String(n + 1)) await pause(10);
    await pause(210);
    const chance = 1 / (1 + Math.exp(seen('right') - seen('left')));
    dispatchEvent(new KeyboardEvent('keydown', {key: draw < chance ? 'ArrowLeft' : 'ArrowRight'}));
  }
}"""


def save(page: "Page", folder: Path) -> Path:
    with page.expect_download() as download:
        page.keyboard.press("Enter")  # the button has the focus
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


@pytest.mark.slow
def test_voters_with_a_known_taste_give_it_back(
    study: Path,
    opened: Opened,
    tmp_path: Path,
    rng: np.random.Generator,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = []
    # Evenly spread, in a random order: voters that stand for many.
    draws = rng.permutation((np.arange(VOTERS * 15) + 0.5) / (VOTERS * 15)).reshape(VOTERS, 15)
    page = opened(study)
    page.get_by_label("Your name or number").wait_for()
    for person in range(VOTERS):
        page.get_by_label("Your name or number").fill(f"Voter {person}")
        page.get_by_role("button", name="Begin").click()
        page.evaluate(VOTE_ON, [TASTE, draws[person].tolist()])
        page.get_by_text("You have answered all 15 questions.").wait_for()
        files.append(save(page, tmp_path))
        page.get_by_role("button", name="Another participant").click()
        page.locator("#welcome").wait_for()
    assert len({file.name for file in files}) == VOTERS
    answers = read_answers(files)
    assert len(answers) == VOTERS * 15
    # Each pair five times a person, of five pictures, and every answer as quick as these voters.
    pairs = [(a.session, *sorted((a.left, a.right)), a.picture) for a in answers]
    assert len(set(pairs)) == len(pairs)
    assert all(0.2 <= answer.seconds < 20 for answer in answers)
    votes = count_votes(answers)
    assert votes.scores is not None
    for (name, colour), wanted in zip(GREYS.items(), TASTE.values(), strict=True):
        low, high = votes.scores[name].low, votes.scores[name].high
        assert low is not None
        assert high is not None
        assert low <= wanted <= high, (name, colour)
    table = tmp_path / "table.tex"
    assert cli.main(["votes", *map(str, files), "-o", str(table)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("6 participants, 90 answers")
    assert re.findall(r"^(\w+)-method +[+-]", printed, re.M) == ["alpha", "beta", "gamma"]
    assert "alpha-method & " in table.read_text("utf-8")


def test_nothing_tells_the_methods(study: Path, opened: Opened) -> None:
    page = opened(study)
    begin(page)
    for question in (2, 3):
        page.keyboard.press("ArrowRight")
        ready(page, question)
    page.get_by_role("button", name="Stop here").click()
    page.locator("#thanks").wait_for()
    assert not re.search(r"-method|picture-\d", page.content())


def test_answers_are_taken_back_and_outlive_a_reload(
    study: Path, opened: Opened, tmp_path: Path
) -> None:
    page = opened(study)
    begin(page, " Ada ")
    shown = [[grey(page, "left"), grey(page, "right")]]
    page.keyboard.press("ArrowLeft")
    ready(page, 2)
    shown.append([grey(page, "left"), grey(page, "right")])
    page.keyboard.press("ArrowDown")
    ready(page, 3)
    page.keyboard.press("Backspace")
    ready(page, 2)
    assert [grey(page, "left"), grey(page, "right")] == shown[1]
    page.keyboard.press("ArrowRight")
    ready(page, 3)
    page.reload()
    ready(page, 3)  # at once, without a welcome
    page.get_by_role("button", name="Stop here").click()
    page.get_by_text("You have answered 2 of 15 questions.").wait_for()
    lines = [json.loads(line) for line in save(page, tmp_path).read_text("utf-8").splitlines()]
    assert [line["answer"] for line in lines] == ["left", "right"]
    assert [[GREYS[line["left"]], GREYS[line["right"]]] for line in lines] == shown
    assert [(line["number"], line["participant"]) for line in lines] == [(1, "Ada"), (2, "Ada")]
    page.get_by_role("button", name="Go on").click()
    ready(page, 3)


AT_ONCE = """() => new Promise(done => {
  new MutationObserver(() => {
    if (document.body.dataset.ready !== '1') return;
    for (let n = 0; n < 5; n++) dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowLeft'}));
    done(document.querySelector('.count').textContent);
  }).observe(document.body, {attributes: true});
  document.querySelector('form button').click();
})"""


def test_an_answer_needs_a_look_and_a_key_of_its_own(study: Path, opened: Opened) -> None:
    page = opened(study)
    assert page.evaluate(AT_ONCE) == "Question 1 of 15"
    page.wait_for_timeout(220)
    page.evaluate("dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowLeft', repeat: true}))")
    page.keyboard.press("Control+ArrowLeft")
    page.keyboard.press("ArrowUp")
    assert page.get_by_text("Question 1 of 15").is_visible()
    page.keyboard.press("ArrowLeft")
    page.get_by_text("Question 2 of 15").wait_for()


def pane(page: "Page", side: str) -> np.ndarray:
    """All that a pane shows, H×W×4."""
    draw = "side => document.querySelector(`[data-pane=${side}] canvas`).toDataURL()"
    _, _, encoded = page.evaluate(draw, side).partition(",")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))))


def centred(picture: np.ndarray, size: tuple[int, ...], zoom: int) -> np.ndarray:
    """A pane of this size with the picture in its middle, magnified pixel by pixel."""
    opaque = np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])
    large = opaque.repeat(zoom, 0).repeat(zoom, 1)
    y, x = (
        math.floor((whole - side) / 2 + 0.5)
        for whole, side in zip(size[:2], large.shape[:2], strict=True)
    )
    shown = np.zeros((*size[:2], 4), np.uint8)
    part = large[max(-y, 0) :, max(-x, 0) :][: size[0] - max(y, 0), : size[1] - max(x, 0)]
    shown[max(y, 0) :, max(x, 0) :][: part.shape[0], : part.shape[1]] = part
    return shown


def test_the_very_pixels_are_shown_and_all_panes_zoom_together(
    opened: Opened, tmp_path: Path, photo: np.ndarray
) -> None:
    file = tmp_path / "study.html"
    low = imresize(photo, 1 / 4)
    file.write_text(
        blind_test_page([Item("x", {"a": photo, "b": 255 - photo}, low)]), encoding="utf-8"
    )
    page = opened(file, viewport={"width": 1210, "height": 700})
    begin(page)
    size = pane(page, "left").shape
    left, right = photo, 255 - photo
    if not np.array_equal(pane(page, "left"), centred(left, size, 8)):
        left, right = right, left

    def shows(zoom: int) -> bool:
        return all(
            np.array_equal(pane(page, side), centred(picture, size, zoom))
            for side, picture in (("left", left), ("right", right))
        )

    assert shows(8)
    page.keyboard.press("+")
    page.keyboard.press("+")
    assert shows(18)
    box = page.locator("[data-pane=right] canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 170, box["y"] + 185)
    page.mouse.up()
    before = centred(left, size, 18)
    np.testing.assert_array_equal(pane(page, "left")[:-15, :-30], before[15:, 30:])
    page.keyboard.press("0")
    page.keyboard.down("r")  # LR stands where the results do
    for side in ("left", "reference", "right"):
        np.testing.assert_array_equal(pane(page, side), centred(low, size, 32))
    page.keyboard.up("r")
    assert shows(8)
    page.mouse.wheel(0, -500)
    assert page.evaluate("() => new Promise(done => requestAnimationFrame(() => done(true)))")
    assert not shows(8)
    page.mouse.dblclick(box["x"] + 100, box["y"] + 100)
    assert shows(8)


CONTRAST = """() => {
  const light = colour => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map(v => v / 255)
      .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (!/, 0\\)$/.test(colour)) return colour;
    }
    return getComputedStyle(document.body).backgroundColor;
  };
  return [...document.querySelectorAll('h1, p, label, dd, kbd, figcaption, button:enabled, .soft')]
    .filter(element => element.checkVisibility() && element.textContent.trim()).map(element => {
      const [a, b] = [getComputedStyle(element).color, ground(element)].map(light);
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      return [element.textContent.trim().slice(0, 20), ratio];
    }).filter(([, ratio]) => ratio < 4.5);
}"""
OVERFLOWS = """() => [document.documentElement.scrollWidth > innerWidth,
  document.documentElement.scrollHeight > innerHeight]"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_all_is_read_reached_and_seen(
    study: Path, opened: Opened, device: dict[str, Any], scheme: str
) -> None:
    page = opened(study, color_scheme=scheme, **device)
    assert page.evaluate(CONTRAST) == []
    assert page.evaluate(OVERFLOWS)[0] is False
    begin(page)
    assert page.evaluate(CONTRAST) == []
    assert page.evaluate(OVERFLOWS) == [False, False]  # pictures and buttons are on one screen
    for pane in ("left", "right"):
        box = page.locator(f"[data-pane={pane}] canvas").bounding_box()
        assert box is not None
        assert box["width"] > 300
        assert box["height"] > 250
    names = [button.accessible_name() if hasattr(button, "accessible_name") else
             button.get_attribute("aria-label") or button.inner_text()
             for button in page.locator("#asking button:visible").all()]  # fmt: skip
    assert names == [
        "Back", "A", "No difference", "B", "Zoom out", "Whole", "Zoom in", "Original", "Stop here",
    ]  # fmt: skip
    for _ in range(8):  # from the heading on, but for Back, which does nothing yet
        page.keyboard.press("Tab")
        style = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert style == "solid"
    assert page.evaluate("document.activeElement.dataset.do") == "stop"
    page.keyboard.press("Enter")
    page.get_by_text("You have answered 0 of 15").wait_for()
    assert page.evaluate(CONTRAST) == []


def test_on_a_phone_fingers_do_all(study: Path, opened: Opened) -> None:
    page = opened(study, **PHONE)
    assert page.get_by_text("Pinch or tap twice").is_visible()
    assert not page.get_by_text("Backspace").is_visible()
    begin(page)
    upper, lower = (
        page.locator(f"[data-pane={pane}] canvas").bounding_box() for pane in ("left", "right")
    )
    assert upper is not None
    assert lower is not None
    assert upper["y"] + upper["height"] < lower["y"]
    page.get_by_role("button", name="No difference").tap()
    ready(page, 2)
    page.get_by_role("button", name="B", exact=True).tap()
    ready(page, 3)
    page.get_by_role("button", name="Back").tap()
    ready(page, 2)
    original = page.get_by_role("button", name="Original")
    original.dispatch_event("pointerdown", {"pointerId": 1})
    assert grey(page, "left") == 255
    original.dispatch_event("pointerup", {"pointerId": 1})
    assert grey(page, "left") in GREYS.values()


def test_without_ties_and_reference_neither_is_offered(opened: Opened, tmp_path: Path) -> None:
    file = tmp_path / "study.html"
    bare = [Item(item.name, item.results) for item in items(2)]
    file.write_text(blind_test_page(bare), encoding="utf-8")
    page = opened(file)
    assert not page.get_by_text("no difference", exact=True).is_visible()
    begin(page)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("r")
    assert page.get_by_text("Question 1 of 6").is_visible()
    assert page.locator("[data-do=same], [data-do=reference], [data-pane=reference]").locator(
        "visible=true"
    ).count() == 0  # fmt: skip


def test_a_name_can_come_with_the_address(study: Path, opened: Opened) -> None:
    page = opened(study)
    page.goto(f"{study.as_uri()}?participant=P07")
    assert page.get_by_label("Your name or number").input_value() == "P07"
