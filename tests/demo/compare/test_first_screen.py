"""What a visitor sees before and while they touch anything, on laptops and phones."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Route, expect

from esrgan.demo import examples
from tests.conftest import choose_picture, go_to, new_page

FIRST_ROW = ("lr", "psnr", "gan", "network")
AXE = Path(__file__).parents[3] / "node_modules" / "axe-core" / "axe.min.js"
pytestmark = pytest.mark.browser


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Callable[..., Page]]:
    """`visit(width, height, "?query", **options)` is the page of a visitor of one's own."""
    contexts = []

    def open_page(width: int, height: int, query: str = "", **options: Any) -> Page:
        phone = {"has_touch": True, "is_mobile": True} if width < 600 else {}
        settings = {**phone, **options}
        page = new_page(browser, viewport={"width": width, "height": height}, **settings)
        contexts.append(page.context)
        page.add_init_script(WATCH_SHIFTS)
        go_to(page, f"{address}/{query}")
        return page

    yield open_page
    for context in contexts:
        context.close()


# Sum of the layout shifts since the first paint that no input explains.
WATCH_SHIFTS = """
window.shifts = [];
new PerformanceObserver(list => {
  for (const {hadRecentInput, value, startTime, sources} of list.getEntries()) {
    if (hadRecentInput) continue;
    const what = sources.map(({node, previousRect: a, currentRect: b}) =>
      `${node?.nodeName} ${node?.id} ${node?.className} y ${a.y} to ${b.y}`);
    window.shifts.push({value, startTime, what});
  }
}).observe({type: 'layout-shift', buffered: true});
"""


def wait_until_painted(page: Page, *panes: str) -> None:
    """Until each of these panes shows a picture of many colours."""
    for pane in panes:
        page.wait_for_function(
            """pane => {
                const canvas = document.querySelector(`[data-pane=${pane}] canvas`);
                if (!canvas || !canvas.clientWidth) return false;
                const {width, height} = canvas;
                const {data} = canvas.getContext('2d').getImageData(0, 0, width, height);
                return new Set(new Uint32Array(data.buffer)).size > 100;
            }""",
            arg=pane,
        )


def wait_until_begun(page: Page) -> None:
    """Until a comparison of one's own is on show, not only what the page opens with."""
    expect(page.locator(".viewer")).to_have_attribute("data-run", re.compile("."))


@pytest.mark.parametrize("size", [pytest.param((1440, 900), marks=pytest.mark.slow), (1366, 768)])
def test_four_pictures_stand_side_by_side_on_a_laptops_first_screen(
    visit: Callable[..., Page], size: tuple[int, int]
) -> None:
    page = visit(*size)
    wait_until_painted(page, *FIRST_ROW)
    boxes = [page.locator(f"[data-pane={pane}]").bounding_box() for pane in FIRST_ROW]
    slider = page.locator("#network-alpha").bounding_box()
    assert slider
    assert all(box and box["y"] == boxes[0]["y"] for box in boxes if boxes[0])
    assert all(box and box["y"] + box["height"] <= size[1] for box in boxes)
    assert all(box and box["width"] > 280 for box in boxes)
    assert 0 < slider["y"] < size[1]
    # Zoomed in on what was chosen for it.
    x, y, wide = examples.DETAILS[examples.FIRST]
    left, top, scale, across = page.locator("[data-pane=gan] canvas").evaluate(
        """canvas => {
            const {a, e, f} = canvas.getContext('2d').getTransform();
            return [-e / a, -f / a, a, canvas.width];
        }"""
    )
    assert left == pytest.approx(x, abs=1)
    assert top == pytest.approx(y, abs=1)
    assert across / scale == pytest.approx(wide, abs=1)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


GRADIO = re.compile(r"/assets/index-[^/]*\.js$")


@dataclass
class Unbuilt:
    """A page that gradio does not build before `build`."""

    page: Page
    held: list[Route] = field(default_factory=list)

    def open(self, address: str) -> Page:
        self.page.route(GRADIO, lambda route: self.held.append(route))
        self.page.goto(address, wait_until="commit")
        return self.page

    def build(self) -> None:
        while not self.held:
            self.page.wait_for_timeout(50)
        for route in self.held:
            route.continue_()


@pytest.fixture
def unbuilt(browser: Browser) -> Iterator[Callable[..., Unbuilt]]:
    """`unbuilt(width, height, **options)`, of a visitor of one's own."""
    made: list[Unbuilt] = []

    def make(width: int, height: int, **options: Any) -> Unbuilt:
        made.append(
            Unbuilt(new_page(browser, viewport={"width": width, "height": height}, **options))
        )
        return made[-1]

    yield make
    for each in made:
        each.page.context.close()


# Where each part of the viewer stands, and what its canvas shows.
STANDING = """() => ['h1', '.sliders > *', '.toolbar > *', '.pane:not([hidden])']
    .flatMap(parts => [...document.querySelectorAll(parts)])
    .map(part => [part, part.getBoundingClientRect()]).filter(([, {width}]) => width)
    .map(([part, {x, y, width, height}]) => [
        part.dataset.pane ?? part.className, [x, y, width, height],
        part.querySelector('canvas')?.toDataURL(),
    ])"""
PIXELS = "pane => document.querySelector(`[data-pane=${pane}] canvas`).toDataURL()"
COLOURS = """([words, ground]) => [
    getComputedStyle(document.querySelector(words)).color,
    getComputedStyle(document.querySelector(ground)).backgroundColor,
]"""


@pytest.mark.parametrize(
    ("size", "scheme", "query"),
    [
        ((1440, 900), "light", ""),
        ((390, 844), "dark", ""),
        pytest.param(
            (1366, 768), "light", "?__theme=dark", marks=pytest.mark.slow
        ),  # as in a Space
    ],
)
def test_before_it_is_built_the_page_looks_as_it_will(
    unbuilt: Callable[..., Unbuilt], address: str, size: tuple[int, int], scheme: str, query: str
) -> None:
    visit = unbuilt(*size, color_scheme=scheme)
    visit.page.route("**/queue/join*", lambda _: None)  # what it opens with is all
    page = visit.open(f"{address}/{query}")
    panes = FIRST_ROW if size[0] > 999 else ("wipe",)
    wait_until_painted(page, *panes)
    assert page.locator("#viewer").count() == 0
    first, colours = page.evaluate(STANDING), page.evaluate(COLOURS, ["#first-look"] * 2)
    visit.build()
    page.wait_for_selector("#first-look", state="detached")
    wait_until_painted(page, *panes)
    own = page.evaluate(STANDING)
    assert [name for name, _, _ in own] == [name for name, _, _ in first]
    for (name, before, shown), (_, after, shows) in zip(first, own, strict=True):
        assert after == pytest.approx(before, abs=1), name
        assert shows == shown, name
    assert page.evaluate(COLOURS, [".gradio-container", "gradio-app"]) == colours


def test_what_the_hand_has_done_before_it_is_built_stays(
    unbuilt: Callable[..., Unbuilt], address: str
) -> None:
    visit = unbuilt(1280, 900)
    fetched: list[str] = []
    visit.page.on("request", lambda request: fetched.append(request.url.split("/")[-1]))
    page = visit.open(address)
    wait_until_painted(page, *FIRST_ROW)
    shown = page.evaluate(PIXELS, "gan")
    slider = page.locator("#network-alpha input")
    page.locator("[data-mode=wipe]").click()
    page.locator(".pair .right").select_option("psnr")
    slider.press("Home")
    visit.build()
    page.wait_for_selector("#first-look", state="detached")
    viewer = page.locator(".viewer")
    expect(viewer).to_have_attribute("data-network", "0")
    expect(page.locator("[data-pane=wipe] header")).to_contain_text("LR | Network interpolation")
    expect(slider).to_be_focused()
    wait_until_begun(page)
    expect(viewer).to_have_attribute("data-network", "0")
    # The comparison that began shows the same pictures, and does not fetch them again.
    page.locator("[data-mode=grid]").click()
    expect(page.locator("[data-pane=gan] figcaption")).to_contain_text("PSNR")
    assert page.evaluate(PIXELS, "gan") == shown
    assert page.evaluate(PIXELS, "network") == page.evaluate(PIXELS, "psnr")
    assert fetched.count("chelsea_lr.webp") == 1


@pytest.mark.slow
def test_a_hand_that_drags_is_waited_for(unbuilt: Callable[..., Unbuilt], address: str) -> None:
    visit = unbuilt(1280, 900)
    page = visit.open(address)
    wait_until_painted(page, *FIRST_ROW)
    box = page.locator("#network-alpha input").bounding_box()
    assert box
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + box["height"] / 2)
    page.mouse.down()
    visit.build()
    page.wait_for_selector("#viewer .viewer[data-empty=false]")
    page.mouse.move(box["x"] + 2, box["y"] + box["height"] / 2, steps=3)
    assert page.locator("#first-look").count() == 1
    page.mouse.up()
    page.wait_for_selector("#first-look", state="detached")
    expect(page.locator("#network-alpha output")).to_have_text(re.compile(r"0\.0[0-3]"))


@pytest.mark.slow
def test_an_address_that_asks_for_something_else_opens_without_them(
    visit: Callable[..., Page], address: str
) -> None:
    page = visit(1440, 900).context.new_page()
    held: list[Route] = []
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.route("**/queue/join*", lambda route: held.append(route))  # never answered
    page.goto(f"{address}/?example=coffee")
    page.wait_for_selector("[data-pane=gan].waiting")
    # The small pictures to choose from are drawn after the viewer.
    page.wait_for_function(
        """() => {
            const images = [...document.querySelectorAll('#examples img')];
            return images.length > 5 && images.every(image => image.complete);
        }"""
    )
    assert page.locator(".pane:not([hidden], .waiting)").count() == 0
    assert not [url for url in asked if url.endswith("chelsea_lr.webp")]


def test_a_phone_shows_one_picture_to_wipe_with_the_slider_below(
    visit: Callable[..., Page],
) -> None:
    page = visit(390, 844)
    wait_until_painted(page, "wipe")
    pane = page.locator("[data-pane=wipe]")
    assert page.locator(".pane:not([hidden])").count() == 1
    expect(pane.locator(".side.left")).to_have_text("LR")
    expect(pane.locator(".side.right")).to_have_text("GAN")
    picture, slider = pane.bounding_box(), page.locator("#network-alpha").bounding_box()
    assert picture
    assert slider
    assert picture["width"] > 340
    assert picture["y"] + picture["height"] <= slider["y"] < 844 - 30
    gallery = page.locator("#examples img")
    tops = {box["y"] for box in map(Locator.bounding_box, gallery.all()) if box}
    assert len(tops) == 1  # one row, which scrolls
    expect(page.locator(".toolbar")).to_be_hidden()
    # The slider shows what it moves.
    page.locator("#network-alpha input").press("ArrowLeft")
    expect(pane.locator(".side.right")).to_have_text("Network α")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.slow
def test_a_wipe_is_dragged_anywhere_and_moved_by_keys(visit: Callable[..., Page]) -> None:
    page = visit(1280, 900, "?example=chelsea&view=wipe")
    wait_until_painted(page, "wipe")
    expect(page.locator("[data-pane=wipe] header")).to_contain_text("LR | GAN model")
    knob = page.locator(".knob")
    box = page.locator("[data-pane=wipe] canvas").bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.8 * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.25 * box["width"], middle, steps=5)
    page.mouse.up()
    expect(knob).to_have_attribute("aria-valuenow", "25")
    assert page.locator(".viewer").get_attribute("data-mark") in (None, "")
    knob.focus()
    page.keyboard.press("ArrowRight")
    expect(knob).to_have_attribute("aria-valuenow", "27")


@pytest.mark.slow
def test_alpha_moves_by_itself_on_the_first_visit_only(visit: Callable[..., Page]) -> None:
    page = visit(1280, 900, reduced_motion="no-preference")
    page.wait_for_function("Number(document.querySelector('.viewer')?.dataset.network) < 0.3")
    page.wait_for_function("localStorage.getItem('esrgan-seen') !== null")
    expect(page.locator(".viewer")).to_have_attribute("data-network", "0.8")
    still = """() => {
        window.moved = false;
        new MutationObserver(() => { window.moved = true; }).observe(
            document.querySelector('#network-alpha output'), {childList: true, subtree: true});
    }"""
    page.reload()
    page.locator(".viewer").wait_for()
    page.evaluate(still)
    expect(page.locator(".viewer")).to_have_attribute("data-complete", "true")
    assert not page.evaluate("window.moved")
    calm = visit(1280, 900)
    calm.locator(".viewer").wait_for()
    calm.evaluate(still)
    expect(calm.locator(".viewer")).to_have_attribute("data-complete", "true")
    assert not calm.evaluate("window.moved")


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
def test_nothing_jumps_after_the_first_paint(
    visit: Callable[..., Page], size: tuple[int, int]
) -> None:
    """In two of three visits: where the machine stalls between two of gradio's parts, the browser
    paints what otherwise nobody sees."""
    jumps = jumps_of(visit(*size))
    if jumps:
        again = [jumps_of(visit(*size)) for _ in range(2)]
        assert again == ["", ""], "\n\n".join([jumps, *again])


def jumps_of(page: Page) -> str:
    """The layout shifts of a visit, if they are more than 0.02 together."""
    expect(page.locator(".viewer")).to_have_attribute("data-complete", "true")
    shifts = page.evaluate("window.shifts")
    told = [f"{s['value']:.4f} at {s['startTime']:.0f}: {s['what']}" for s in shifts]
    return "\n".join(told) if sum(shift["value"] for shift in shifts) > 0.02 else ""


@pytest.mark.slow
def test_stop_is_there_while_something_runs_and_what_happens_is_said(
    visit: Callable[..., Page], tmp_path: Path
) -> None:
    Image.new("RGB", (24, 20), "navy").save(tmp_path / "navy.png")
    page = visit(1280, 900)
    news, stop = page.locator(".news"), page.locator("#stop")
    expect(stop).to_be_visible()
    stop.click()
    expect(news).to_contain_text("Stopped")  # with what was there until then, if it had begun
    expect(stop).to_be_hidden()
    page.locator("#examples img").nth(1).click()
    expect(stop).to_be_visible()
    page.locator("#upload input[type=file]").set_input_files(tmp_path / "navy.png")
    expect(news).to_contain_text("Done: navy, 96×80.")
    expect(stop).to_be_hidden()
    page.locator("#upload").get_by_label("Remove Image").click()
    expect(news).to_contain_text("Choose a picture")
    expect(page.locator(".panes")).to_be_hidden()


@pytest.mark.slow
def test_while_another_is_wished_for_the_old_one_is_dimmed_and_named(
    visit: Callable[..., Page],
) -> None:
    page = visit(1280, 900)
    wait_until_begun(page)
    page.route("**/queue/join*", lambda _: None)  # the server does not hear of it
    page.locator("#examples img").nth(1).click()
    expect(page.locator(".news")).to_contain_text("What is dimmed is of the comparison before.")
    opacity = page.locator(".panes").evaluate("panes => getComputedStyle(panes).opacity")
    assert float(opacity) < 0.5
    page.unroute("**/queue/join*")
    page.locator("#examples img").nth(2).click()
    expect(page.locator("[data-pane=hr] figcaption")).to_have_text("600×400")
    opacity = page.locator(".panes").evaluate("panes => getComputedStyle(panes).opacity")
    assert float(opacity) == 1


@pytest.mark.slow
def test_a_picture_is_pasted_anywhere(visit: Callable[..., Page]) -> None:
    page = visit(1280, 900)
    wait_until_painted(page, *FIRST_ROW)
    page.evaluate(
        """async () => {
            const canvas = new OffscreenCanvas(48, 40), data = new DataTransfer();
            canvas.getContext('2d').fillRect(0, 0, 20, 20);
            const bytes = await canvas.convertToBlob(), options = {type: 'image/png'};
            data.items.add(new File([bytes], 'pasted.png', options));
            const event = new ClipboardEvent('paste', {clipboardData: data, bubbles: true});
            document.body.dispatchEvent(event);
        }"""
    )
    expect(page.locator(".news")).to_contain_text("Done: pasted, 192×160.")


@pytest.mark.slow
def test_a_picture_that_fails_to_come_is_asked_for_again(
    visit: Callable[..., Page], tmp_path: Path
) -> None:
    page = visit(1280, 900)
    wait_until_painted(page, *FIRST_ROW)
    refused: list[str] = []
    files = re.compile(r"network-alpha-1\.00")

    def refuse_once(route: Route) -> None:
        if refused:
            route.continue_()
        else:
            refused.append(route.request.url)
            route.abort()

    page.route(files, refuse_once)
    for colour in ("navy", "teal"):
        Image.new("RGB", (24, 20), colour).save(tmp_path / f"{colour}.png")
    page.locator("#upload input[type=file]").set_input_files(tmp_path / "navy.png")
    expect(page.locator(".news")).to_contain_text("Done: navy")
    expect(page.locator(".viewer")).to_have_attribute("data-complete", "true")
    assert len(refused) == 1
    page.unroute(files, refuse_once)
    page.route(files, lambda route: route.abort())
    choose_picture(page, tmp_path / "teal.png")
    expect(page.locator(".news")).to_contain_text("could not be fetched")


@pytest.mark.slow
def test_a_copied_link_brings_back_how_it_was_looked_at(
    visit: Callable[..., Page], address: str
) -> None:
    page = visit(1280, 900, permissions=["clipboard-read", "clipboard-write"])
    wait_until_begun(page)
    wait_until_painted(page, *FIRST_ROW)
    page.locator("[data-mode=wipe]").click()
    page.locator(".pair .left").select_option("psnr")
    viewer = page.locator(".viewer")
    before = viewer.get_attribute("data-zoom") or ""
    page.locator("[data-do=in]").click()
    expect(viewer).not_to_have_attribute("data-zoom", before)  # it is told with the next frame
    zoom = viewer.get_attribute("data-zoom")
    page.locator("[data-do=link]").click()
    expect(page.locator("[data-do=link]")).to_have_text("Copied")
    link = page.evaluate("navigator.clipboard.readText()")
    page.goto(link)
    wait_until_painted(page, "wipe")
    expect(page.locator("[data-pane=wipe] header")).to_contain_text("PSNR model (α = 0) | GAN")
    shown = float(viewer.get_attribute("data-zoom") or "nan")
    assert shown == pytest.approx(float(zoom or "nan"), abs=0.01)
    page.goto(f"{address}/?example=nobody&view=wipe")
    expect(page.locator("[data-testid=toast-body]")).to_contain_text("left out: example")


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
def test_no_barrier_that_axe_finds(visit: Callable[..., Page], size: tuple[int, int]) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: npm ci")
    page = visit(*size, color_scheme="light")
    expect(page.locator(".viewer")).to_have_attribute("data-complete", "true")
    page.add_style_tag(content="*, ::before, ::after { transition: none !important; }")
    assert_no_barrier(page)
    page.locator("#examples .gallery-item").last.click()  # a JPEG, of which something is asked
    expect(page.locator("#source")).to_contain_text("a JPEG of quality")
    expect(page.locator(".viewer")).to_have_attribute("data-name", [*examples.pictures()][-1])
    expect(page.locator("[data-pane=gan]")).not_to_have_class(re.compile("waiting"))
    assert_no_barrier(page)
    page.emulate_media(color_scheme="dark")
    expect(page.locator("body.dark")).to_be_visible()
    assert_no_barrier(page)


def assert_no_barrier(page: Page) -> None:
    page.add_script_tag(path=AXE)
    # Ours; what gradio draws by itself is not ours to mend.
    found = page.evaluate(
        "axe.run({include: ['.viewer', '#source']}, {resultTypes: ['violations']})"
    )
    told = [
        (rule["id"], [node["html"][:120] for node in rule["nodes"]]) for rule in found["violations"]
    ]
    assert told == []


@pytest.mark.slow
def test_every_control_of_the_viewer_is_reached_by_tab_and_shows_it(
    visit: Callable[..., Page],
) -> None:
    page = visit(1440, 900)
    expect(page.locator(".viewer")).to_have_attribute("data-complete", "true")
    page.locator(".viewer").focus()
    seen = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        told = page.evaluate(
            """() => {
                const at = document.activeElement;
                if (!at.closest('.viewer')) return null;
                const {outlineStyle, outlineWidth} = getComputedStyle(at);
                const name = at.ariaLabel || at.title || at.textContent;
                return [name, outlineStyle !== 'none' && parseFloat(outlineWidth) >= 1];
            }"""
        )
        if told is None:
            break
        assert told[1], f"no visible focus on {told[0]}"
        seen.add(told[0])
    controls = page.locator(".viewer :is(button, input, select, summary):visible").evaluate_all(
        "all => all.filter(e => !e.disabled).map(e => e.ariaLabel || e.title || e.textContent)"
    )
    assert set(controls) <= seen
