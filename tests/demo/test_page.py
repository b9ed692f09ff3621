"""The page in a real Chromium, served by the real `python app.py`, offline."""

import io
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Route, expect

from esrgan.demo.compare.session import nothing
from esrgan.demo.compare.source import AS_HR, AS_LR
from esrgan.evaluation.histogram import brightness
from esrgan.evaluation.metrics import psnr, ssim
from esrgan.inference.upscale import Upscaler
from esrgan.models import zoo
from esrgan.models.checkpoints import load_generator, save_generator
from esrgan.models.interpolation import alpha_weights, interpolate_images, interpolate_networks
from esrgan.networks import RRDBConfig, RRDBNet, build_generator
from esrgan.pictures.images import load_image
from esrgan.pictures.resize import imresize
from tests.conftest import choose_picture, new_page

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "assets" / "examples"
EXAMPLE = EXAMPLES / "chelsea.png"  # the smallest
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def shown(browser: Browser, address: str) -> Iterator[Page]:
    """The page after its first comparison, opened once for all that only look at it."""
    with visit(browser, address) as page:
        wait_for_result(page)
        yield page


@pytest.fixture
def page(shown: Page) -> Iterator[Page]:
    """The page after its first comparison; whatever a test does to the viewer is undone."""
    yield shown
    shown.context.set_offline(False)
    shown.locator("[data-mode=grid]").click()
    for key in ("Escape", "0"):
        shown.locator(".viewer").press(key)
    for slider, alpha in {"network-alpha": 0.8, "image-alpha": 0.8, "third-share": 0}.items():
        slide(shown, slider, alpha)
    shown.evaluate("scrollTo(0, 0)")


@pytest.fixture
def fresh(browser: Browser, address: str) -> Iterator[Page]:
    """The page of a visitor of one's own, whose first comparison has begun."""
    with visit(browser, address) as opened:
        expect(opened.locator(".viewer")).to_have_attribute("data-run", re.compile("."))
        yield opened


@contextmanager
def visit(browser: Browser, address: str, **options: Any) -> Iterator[Page]:
    """The page with the smallest example; every request must stay on this machine."""
    settings = {"viewport": {"width": 1280, "height": 1000}, **options}
    opened = new_page(browser, **settings)
    elsewhere: list[str] = []
    opened.on(
        "request",
        lambda r: (
            None if r.url.startswith((address, "data:", "blob:")) else elsewhere.append(r.url)
        ),
    )
    opened.goto(f"{address}/?example={EXAMPLE.stem}&zoom=fit")
    yield opened
    opened.context.close()
    assert elsewhere == []


def wait_for_result(page: Page, **marks: str) -> None:
    """Wait until a comparison is complete, and its viewer has these marks."""
    wait_until(page, complete="true", **marks)


def wait_until(page: Page, **marks: str) -> None:
    """Wait until the viewer has these marks."""
    for name, value in marks.items():
        expect(page.locator(".viewer")).to_have_attribute(f"data-{name}", value)


def saved(page: Page, pane: str) -> np.ndarray:
    """What a pane shows, through its download."""
    with page.expect_download() as download:
        page.locator(f"[data-pane={pane}]").get_by_label("Save as PNG").click()
    picture = load_image(download.value.path())
    if picture.shape[2] == 4:  # as canvases write it
        assert (picture[..., 3] == 255).all()
    return picture[..., :3]


def assert_nearly_equal(shown: np.ndarray, expected: np.ndarray) -> None:
    """Equal but for the rounding of the machine on which an example's results were stored."""
    error = np.abs(shown.astype(int) - expected)
    assert error.max() <= 1
    assert error.mean() < 0.001


def caption(page: Page, pane: str) -> Locator:
    return page.locator(f"[data-pane={pane}] figcaption")


def upload(page: Page, file: Path, kind: str = AS_HR) -> None:
    """Choose a file and say what to do with it, as a visitor does."""
    choose_picture(page, file)
    expect(page.locator("#kind").get_by_label(AS_LR)).to_be_checked()
    if kind == AS_HR:
        page.locator("#kind").get_by_text(AS_HR).click()


def news(page: Page) -> Locator:
    return page.locator(".viewer .news")


JOINING = "**/queue/join*"  # requests of events


def slide(page: Page, slider: str, alpha: float) -> None:
    page.locator(f"#{slider} input[type=range]").evaluate(
        """(range, value) => {
            Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value')
                .set.call(range, value);
            range.dispatchEvent(new Event('input', {bubbles: true}));
        }""",
        str(alpha),
    )


def test_first_comparison_is_lossless_and_offline(page: Page) -> None:
    hr, lr = load_image(EXAMPLE), lr_of_example()
    np.testing.assert_array_equal(saved(page, "hr"), hr)
    np.testing.assert_array_equal(saved(page, "lr"), lr)
    for name in ("psnr", "gan"):
        result = saved(page, name)
        assert_nearly_equal(result, Upscaler(zoo.load(name).network)(lr))
        expect(caption(page, name)).to_have_text(
            f"PSNR {psnr(result, hr):.2f} dB · SSIM {ssim(result, hr):.4f}"
        )


def test_canvas_shows_the_very_pixels(page: Page) -> None:
    page.locator("[data-do=one]").click()
    expect(page.locator(".viewer")).to_have_attribute("data-zoom", "1")
    shown = page.locator("[data-pane=hr] canvas").evaluate(
        """canvas => {
            const {width, height} = canvas, context = canvas.getContext('2d');
            const {data} = context.getImageData(0, 0, width, height);
            const {e, f} = context.getTransform();
            return [-f, -e, height, width, [...data]];
        }"""
    )
    top, left, height, width, values = shown
    seen = np.array(values, np.uint8).reshape(height, width, 4)[..., :3]
    hr = load_image(EXAMPLE)
    assert 0 < top < 150
    assert 0 < left < 224
    np.testing.assert_array_equal(seen, hr[top : top + height, left : left + width])


def test_histogram_is_that_of_the_library(page: Page) -> None:
    hr, lr = load_image(EXAMPLE), lr_of_example()
    pictures = {"hr": hr, "gan": Upscaler(zoo.load("gan").network)(lr)}
    pictures["after"] = Upscaler(zoo.load("gan-after").network)(lr)
    for name, picture in pictures.items():
        mean = float(page.locator(f"[data-curve={name}]").get_attribute("data-mean") or "nan")
        assert mean == pytest.approx(brightness(picture)[::2, ::2].mean(), abs=1e-3)


def test_the_slider_that_moves_before_the_answer_gets_one_of_its_own(page: Page) -> None:
    slide(page, "network-alpha", 0.21)
    expect(page.locator(".viewer")).to_have_attribute("data-exact", "true")  # all is answered
    held: list[Route] = []
    asked: list[tuple[int, float]] = []
    released = False

    def hold(route: Route) -> None:
        wish = route.request.post_data_json
        asked.append((wish["fn_index"], wish["event_data"]["network"]))
        if released:
            route.continue_()
        else:
            held.append(route)

    page.route(JOINING, hold)
    with page.expect_request(JOINING):
        slide(page, "network-alpha", 0.33)
    slide(page, "network-alpha", 0.44)
    page.evaluate("new Promise(done => setTimeout(done, 300))")  # it rests after 250
    released = True
    for route in held:
        route.continue_()
    expect(page.locator(".viewer")).to_have_attribute("data-exact", "true")
    expect(caption(page, "network")).to_contain_text("α = 0.44 · PSNR")
    page.unroute(JOINING)
    assert asked.count(asked[0]) == 1


def test_uploaded_photo_as_lr_and_both_sliders(fresh: Page, tmp_path: Path) -> None:
    lr = load_image(EXAMPLE)[100:130, 150:190]
    Image.fromarray(lr).save(tmp_path / "my photo.png")
    before = fresh.locator(".viewer").get_attribute("data-run")
    upload(fresh, tmp_path / "my photo.png", kind=AS_LR)
    expect(fresh.locator(".viewer")).not_to_have_attribute("data-run", before or "")
    wait_for_result(fresh)
    np.testing.assert_array_equal(saved(fresh, "lr"), lr)
    expect(fresh.locator("[data-pane=hr]")).to_be_hidden()
    expect(caption(fresh, "psnr")).to_have_text("160×120")

    networks = [zoo.load(name).network for name in ("psnr", "gan")]
    ends = [Upscaler(network)(lr) for network in networks]
    for alpha in (0.0, 0.35, 1.0):
        weights = alpha_weights(alpha)
        slide(fresh, "network-alpha", alpha)
        expect(fresh.locator(".viewer")).to_have_attribute("data-exact", "true")
        expected = Upscaler(interpolate_networks(networks, weights))(lr)
        np.testing.assert_array_equal(saved(fresh, "network"), expected)

        slide(fresh, "image-alpha", alpha)
        expect(caption(fresh, "image")).to_contain_text(f"α = {alpha:.2f}")
        np.testing.assert_array_equal(saved(fresh, "image"), interpolate_images(ends, weights))
    assert (ends[0] != ends[1]).mean() > 0.1


def test_between_key_frames_the_picture_is_approximate_until_the_hand_rests(page: Page) -> None:
    held: list[Route] = []
    page.route("**/queue/join*", lambda route: held.append(route))
    slide(page, "network-alpha", 0.53)
    expect(page.locator("#network-alpha em")).to_contain_text("≈ approximate")
    moved = saved(page, "network")
    for route in held:
        route.continue_()
    page.unroute("**/queue/join*")
    slide(page, "network-alpha", 0.53)
    expect(page.locator(".viewer")).to_have_attribute("data-exact", "true")
    exact = saved(page, "network")
    error = np.abs(moved.astype(int) - exact)
    assert 0 < error.mean() <= 0.15  # rounding alone makes 0.1
    assert np.quantile(error, 0.999) <= 2
    told = page.locator(".viewer").get_attribute("data-error")
    high = np.quantile(error, 0.999, method="inverted_cdf")
    assert told == f"{error.mean():.3f},{high:.0f}"
    expect(page.locator("#network-alpha em")).to_have_text(
        f"exact; the blend was off by {error.mean():.2f} grey levels (99.9th percentile {high:.0f})"
    )


def test_a_moving_slider_repaints_in_the_next_frame_without_a_request(page: Page) -> None:
    page.context.set_offline(True)
    painted = page.evaluate(
        """async () => {
            const slider = document.querySelector('#network-alpha input');
            const context = document.querySelector('[data-pane=network] canvas').getContext('2d');
            const painted = [];
            for (const alpha of [0.1, 0.33, 0.66, 0.95]) {
                slider.value = alpha;
                slider.dispatchEvent(new Event('input'));
                await new Promise(requestAnimationFrame);
                painted.push(context.getImageData(150, 150, 50, 50).data.join());
            }
            return painted;
        }"""
    )
    assert len(set(painted)) == 4


def test_zoom_is_common_and_a_click_marks_the_same_crop_everywhere(page: Page) -> None:
    canvas = page.locator("[data-pane=psnr] canvas")
    canvas.click(position={"x": 100, "y": 100})
    mark = page.locator(".viewer").get_attribute("data-mark")
    assert mark is not None
    assert mark.endswith(",64,64")
    expect(page.locator(".strip canvas")).to_be_visible()
    size = page.locator(".strip canvas").evaluate("canvas => [canvas.width, canvas.height]")
    assert size == [6 * 68 - 4, 2 * 64 + 4]
    page.locator(".viewer").press("+")
    expect(page.locator(".viewer")).not_to_have_attribute("data-zoom", "fit")
    shown = page.locator(".pane:not([hidden]) canvas").evaluate_all(
        """all => all.map(canvas => {
            const matrix = canvas.getContext('2d').getTransform();
            return [matrix.a, matrix.e, matrix.f].join();
        })"""
    )
    assert len(shown) == 6
    assert len(set(shown)) == 1
    page.locator(".viewer").press("Escape")
    expect(page.locator(".strip")).to_be_hidden()
    page.locator(".viewer").press("0")
    expect(page.locator(".viewer")).to_have_attribute("data-zoom", "fit")


def test_a_wheel_scrolls_the_page_or_zooms(page: Page) -> None:
    page.locator("[data-pane=psnr] canvas").hover()
    page.mouse.wheel(0, 200)  # there is nothing to zoom out of
    page.wait_for_function("scrollY > 0")
    expect(page.locator(".viewer")).to_have_attribute("data-zoom", "fit")
    page.locator("[data-pane=gan] canvas").hover()
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    expect(page.locator(".viewer")).not_to_have_attribute("data-zoom", "fit")


def test_wipe_and_difference(page: Page) -> None:
    page.locator("[data-mode=difference]").click()
    page.locator(".pair .left").select_option("psnr")
    page.locator(".gain input").fill("1")
    gan, psnr_result = (
        Upscaler(zoo.load(name).network)(lr_of_example()) for name in ("gan", "psnr")
    )
    error = np.abs(gan.astype(int) - psnr_result)
    expect(caption(page, "difference")).to_contain_text("mean")
    told = re.search(r"mean ([\d.]+)", caption(page, "difference").text_content() or "")
    assert told
    assert float(told[1]) == pytest.approx(error.mean(), abs=0.02)
    assert_nearly_equal(saved(page, "difference"), error.astype(np.uint8))
    page.locator("[data-mode=wipe]").click()
    expect(page.locator("[data-pane=wipe] header")).to_contain_text("PSNR model (α = 0) | GAN")
    expect(page.locator("[data-pane=difference]")).to_be_hidden()
    expect(page.locator("[data-pane=wipe]").get_by_label("Show this one alone")).to_be_hidden()


def lr_of_example() -> np.ndarray:
    return imresize(load_image(EXAMPLE), 1 / 4)


@pytest.mark.slow
def test_another_example_by_a_click(fresh: Page) -> None:
    fresh.locator("#examples img").nth(2).click()
    expect(caption(fresh, "hr")).to_have_text("600×400")
    np.testing.assert_array_equal(saved(fresh, "hr"), load_image(EXAMPLES / "coffee.png"))


@pytest.fixture(scope="module")
def phone(browser: Browser, address: str) -> Iterator[Page]:
    screen: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True}
    with visit(browser, address, has_touch=True, **screen) as opened:
        wait_for_result(opened)
        yield opened


@pytest.mark.slow
def test_readable_on_a_phone(phone: Page) -> None:
    widths = phone.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert widths[0] <= widths[1]
    boxes = [pane.bounding_box() for pane in phone.locator(".pane:not([hidden])").all()]
    assert all(box and box["width"] > 300 for box in boxes)


def test_fingers_scroll_zoom_move_and_mark(phone: Page) -> None:
    phone.locator(".tools > summary").click()
    phone.locator("[data-mode=grid]").click()
    canvas, viewer = phone.locator("[data-pane=psnr] canvas"), phone.locator(".viewer")
    canvas.evaluate("canvas => canvas.scrollIntoView({block: 'center', behavior: 'instant'})")
    top = phone.evaluate("scrollY")
    _touch(phone, *(_around(canvas, 0, -10 * step) for step in range(12)))
    phone.wait_for_function(f"scrollY > {top}")
    assert viewer.get_attribute("data-mark") is None
    # The sliders stay in sight, under the thumb.
    bottom = phone.locator(".sliders").evaluate("box => box.getBoundingClientRect().bottom")
    assert bottom == pytest.approx(phone.evaluate("innerHeight"), abs=1)

    # What lies under a finger that rests stays there.
    scale = "canvas => canvas.getContext('2d').getTransform().a"
    fit = canvas.evaluate(scale)
    spread = [_around(canvas, -50, 0) + _around(canvas, 10 * n, 0) for n in range(12)]
    _touch(phone, *spread)
    expect(viewer).not_to_have_attribute("data-zoom", "fit")
    assert phone.evaluate("visualViewport.scale") == 1
    move = "canvas => canvas.getContext('2d').getTransform().e"
    factor = canvas.evaluate(scale) / fit
    # But for some pixels: the browser interpolates between the moves that were sent.
    assert factor == pytest.approx((50 + 110) / 50, rel=0.05)
    middle = canvas.evaluate("canvas => canvas.width") / 2
    assert canvas.evaluate(move) == pytest.approx((middle - 50) * (1 - factor), abs=2)
    before, top = canvas.evaluate(move), phone.evaluate("scrollY")
    _touch(phone, *(_around(canvas, -10 * step, 0) for step in range(6)))
    phone.wait_for_function(
        f"""document.querySelector('[data-pane=psnr] canvas')
            .getContext('2d').getTransform().e < {before}"""
    )
    assert phone.evaluate("scrollY") == top
    canvas.tap()
    expect(viewer).to_have_attribute("data-mark", re.compile(r"^\d+,\d+,64,64$"))


def _around(canvas: Locator, x: float, y: float) -> list[dict[str, float]]:
    """One finger, so far from the middle of a pane."""
    box = canvas.bounding_box()
    assert box is not None
    return [{"x": box["x"] + box["width"] / 2 + x, "y": box["y"] + box["height"] / 2 + y}]


def _touch(page: Page, *places: list[dict[str, float]]) -> None:
    """Put fingers down, move them, and lift them."""
    protocol = page.context.new_cdp_session(page)

    def send(kind: str, fingers: list[dict[str, float]]) -> None:
        points = [{**finger, "id": number} for number, finger in enumerate(fingers)]
        protocol.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    send("touchStart", places[0])
    for place in places[1:]:
        send("touchMove", place)
    send("touchEnd", [])
    protocol.detach()


def huge_png() -> bytes:
    """A 20,000×20,000 PNG of a few kilobytes."""
    side = 20_000

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")
        )

    header = side.to_bytes(4, "big") * 2 + bytes([1, 0, 0, 0, 0])
    rows = zlib.compress(bytes(side * (1 + side // 8)))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


BAD_PICTURES: list[tuple[str, Callable[[], bytes], str]] = [
    ("notes.png", lambda: b"just a text", "is not a picture"),
    ("empty.png", bytes, "empty"),
    ("cut.jpg", lambda: jpeg()[:2000], "damaged or incomplete"),
    ("huge.png", huge_png, "limit"),
    ("drawing.svg", lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
]


def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.open(EXAMPLES / "coffee.png").save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.mark.slow
def test_bad_pictures_are_refused_in_one_sentence(fresh: Page, tmp_path: Path) -> None:
    for name, make, words in BAD_PICTURES:
        (tmp_path / name).write_bytes(make())
        upload(fresh, tmp_path / name, kind=AS_LR)
        expect(news(fresh)).to_contain_text(words)
        expect(fresh.locator(".viewer")).to_have_attribute("data-state", "failed")
        expect(fresh.locator(".panes")).to_be_hidden()  # nothing of another picture
    fresh.locator("#examples img").nth(2).click()  # the server goes on
    expect(caption(fresh, "hr")).to_have_text("600×400")


@pytest.mark.slow
def test_own_models_and_what_is_wrong_with_them(fresh: Page, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = RRDBNet(RRDBConfig(num_features=8, num_blocks=1, growth_channels=4))
    save_generator(tmp_path / "mine.safetensors", network, {})
    wider = RRDBConfig(num_features=16, num_blocks=1, growth_channels=4)
    wide = build_generator(wider)
    save_generator(tmp_path / "wider.safetensors", wide, {})
    (tmp_path / "evil.pth").write_bytes(b"cos\nsystem\n(S'touch /tmp/evil'\ntR.")

    choose(fresh, "models", "Any two or three")
    names = ["evil.pth", "mine.safetensors", "wider.safetensors"]
    fresh.locator("#own-files input[type=file]").set_input_files(
        [tmp_path / name for name in names]
    )
    expect(fresh.locator("#own-files")).to_contain_text("wider")
    choose(fresh, "first-model", "mine.safetensors")
    choose(fresh, "second-model", "evil.pth")
    expect(news(fresh)).to_contain_text("evil.pth")
    expect(fresh.locator(".panes")).to_be_hidden()

    choose(fresh, "second-model", "wider.safetensors")
    told = fresh.locator("#network-alpha em")
    expect(told).to_contain_text("can't be interpolated: they differ in num features (8 and 16)")
    wait_for_result(fresh)
    expect(fresh.locator("#network-alpha input")).to_be_disabled()
    expect(fresh.locator("[data-chip=network]")).to_have_count(0)
    ends = [saved(fresh, "psnr"), saved(fresh, "gan")]
    blend = interpolate_images(ends, alpha_weights(0.8))
    np.testing.assert_array_equal(saved(fresh, "image"), blend)
    for end, each in zip(ends, (network, wide), strict=True):
        assert np.abs(end - Upscaler(each)(lr_of_example()).astype(int)).max() <= 1

    choose(fresh, "second-model", "mine.safetensors")
    expect(fresh.locator("[data-chip=gan]")).to_have_text("mine.safetensors (α = 1)")
    wait_for_result(fresh, exact="true")
    expect(fresh.locator("[data-chip=after]")).to_have_count(0)
    expect(fresh.locator("[data-chip=gan]")).to_have_text("mine.safetensors (α = 1)")
    np.testing.assert_array_equal(saved(fresh, "gan"), ends[0])


@pytest.mark.slow
def test_genuine_weights_of_others(fresh: Page, published: Path, tmp_path: Path) -> None:
    """At one end; at the other the same, but for its last layer."""
    networks = [load_generator(published) for _ in range(2)]
    networks[1].conv_last.weight.data.mul_(0.5)
    save_generator(tmp_path / "paler.safetensors", networks[1], {}, half=False)
    lr = lr_of_example()[:12, :16]  # of which each key frame takes its time
    Image.fromarray(lr).save(tmp_path / "lr.png")
    choose(fresh, "models", "Any two or three")
    files = [published, tmp_path / "paler.safetensors"]
    fresh.locator("#own-files input[type=file]").set_input_files(files)
    expect(fresh.locator("#own-files")).to_contain_text("paler")
    choose(fresh, "first-model", published.name)
    choose(fresh, "second-model", "paler.safetensors")
    upload(fresh, tmp_path / "lr.png", kind=AS_LR)
    wait_for_result(fresh, exact="true")
    between = interpolate_networks(networks, alpha_weights(0.8))
    for pane, network in zip(("psnr", "gan", "network"), (*networks, between), strict=True):
        assert_nearly_equal(saved(fresh, pane), Upscaler(network, "cpu")(lr))


def choose(page: Page, dropdown: str, option: str) -> None:
    page.locator(f"#{dropdown} input").click()
    page.locator(f"#{dropdown}").get_by_role("option", name=option, exact=True).click()


@pytest.mark.slow
def test_a_third_model_takes_its_share(page: Page) -> None:
    slide(page, "third-share", 0.25)
    slide(page, "network-alpha", 0.6)
    slide(page, "image-alpha", 0.6)
    expect(page.locator(".viewer")).to_have_attribute("data-exact", "true")
    lr = lr_of_example()
    networks = [zoo.load(name).network for name in ("psnr", "gan", "gan-after")]
    shares = [0.75 * 0.4, 0.75 * 0.6, 0.25]
    expected = Upscaler(interpolate_networks(networks, shares))(lr)
    np.testing.assert_array_equal(saved(page, "network"), expected)
    blend = interpolate_images([Upscaler(network)(lr) for network in networks], shares)
    assert_nearly_equal(saved(page, "image"), blend)
    expect(caption(page, "image")).to_contain_text("third model 0.25 · PSNR")


@pytest.mark.slow
def test_an_address_restores_example_models_alpha_and_crop(fresh: Page, address: str) -> None:
    fresh.goto(
        f"{address}/?example=chelsea&models=gan-after,psnr&network=0.5&image=0.2&crop=8,16,64,64"
    )
    wait_until(fresh, network="0.5", image="0.2", mark="8,16,64,64", exact="true")
    fresh.locator("#stop").click()
    expect(fresh.locator("[data-pane=psnr] header")).to_contain_text("GAN, loss after activation")
    lr = lr_of_example()
    networks = [zoo.load(name).network for name in ("gan-after", "psnr")]
    expected = Upscaler(interpolate_networks(networks, alpha_weights(0.5)))(lr)
    np.testing.assert_array_equal(saved(fresh, "network"), expected)
    fresh.locator("#paper-panel > button").click()
    fresh.locator("#paper-format").get_by_text("SVG").click()
    fresh.locator("#paper-start").click()
    with fresh.expect_download() as download:
        fresh.locator("#paper-file").get_by_text("crops.svg").click()
    assert ">network α = 0.5<" in download.value.path().read_text("utf-8")

    slide(fresh, "image-alpha", 0.9)
    fresh.locator("[data-do=link]").click()
    copied = fresh.locator("input.link").input_value()
    fresh.goto(copied)
    wait_until(fresh, network="0.5", image="0.9", mark="8,16,64,64", exact="true")
    expect(caption(fresh, "hr")).to_have_text("448×300")


@pytest.mark.slow
def test_a_new_wish_ends_the_comparison_at_hand(fresh: Page, tmp_path: Path) -> None:
    """The panes go from one picture to the last one wished for, and never back."""
    fresh.evaluate(
        """() => {
            const viewer = document.querySelector('.viewer'), seen = window.seenRuns = [];
            new MutationObserver(() => {
                if (seen.at(-1) !== viewer.dataset.run) seen.push(viewer.dataset.run);
            }).observe(viewer, {attributes: true, attributeFilter: ['data-run']});
        }"""
    )
    for number, size in ((2, "600×400"), (5, "640×424")):
        fresh.locator("#examples img").nth(number).click()
        expect(caption(fresh, "hr")).to_have_text(size)
    small = load_image(EXAMPLES / "rocket.png")[:96, :128]
    Image.fromarray(small).save(tmp_path / "small.png")
    upload(fresh, tmp_path / "small.png")
    expect(caption(fresh, "hr")).to_have_text("128×96")
    wait_for_result(fresh)
    np.testing.assert_array_equal(saved(fresh, "hr"), small)
    seen = fresh.evaluate("window.seenRuns")
    assert len(seen) == len(set(seen)) == 5  # two examples, no picture, enlarged, tested


# A second viewer, to which the test says what arrives; `asked` is what it asks the server for.
VIEWER_OF_ITS_OWN = """() => {
    const isViewer = part => part.props.js_on_load?.includes('start(element');
    const {props} = gradio_config.components.find(isViewer);
    const element = document.createElement('div'), given = {value: null}, asked = [];
    element.innerHTML = props.html_template;
    document.body.append(element);
    const names = ['element', 'trigger', 'props', 'server', 'upload', 'watch'];
    const start = Function(...names, props.js_on_load);
    window.own = {asked};
    start(element, name => asked.push(name), given, {}, null, (_, changed) => {
        own.arrive = views => {         // at once: gradio tells of the last one only
            given.value = views.at(-1);
            changed();
        };
    });
    own.tell = event => element.querySelector('.viewer').dispatchEvent(new Event(event));
    own.remove = () => element.remove();
    own.news = () => element.querySelector('.news').textContent.trim();
}"""


def test_a_last_word_that_is_lost_is_asked_for(page: Page) -> None:
    """A late view of the comparison before may arrive together with the one that ends this one."""
    views = {
        "before": nothing("before", "running", "PSNR, 1 of 3 …"),
        "begun": nothing("this", "running", "2 %"),
        "failed": nothing("this", "failed", "It could not be downloaded."),
    }
    page.evaluate(VIEWER_OF_ITS_OWN)
    sent = {name: view.model_dump() for name, view in views.items()}
    page.evaluate("views => { own.views = views; }", sent)
    page.evaluate("own.arrive([own.views.before])")
    page.evaluate("own.tell('wished')")
    page.evaluate("own.arrive([own.views.begun])")
    page.wait_for_function("own.news() === '2 %'")
    page.evaluate("own.arrive([own.views.failed, own.views.before]); own.tell('ended')")
    page.wait_for_function("own.asked.includes('retry')")
    page.evaluate("own.arrive([own.views.failed])")
    page.wait_for_function("own.news() === 'It could not be downloaded.'")
    page.evaluate("own.asked.length = 0; own.tell('ended')")
    page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
    assert page.evaluate("own.asked") == []
    page.evaluate("own.remove()")
    served = page.locator("#viewer .viewer")
    with page.expect_request(re.compile("/queue/join")):
        served.evaluate(
            "v => { v.dataset.state = 'running'; v.dispatchEvent(new Event('ended')); }"
        )
    served.evaluate("v => { v.dataset.state = 'done'; }")


@pytest.mark.slow
def test_official_models_without_a_network(fresh: Page) -> None:
    choose(fresh, "models", "Official (downloaded)")
    expect(news(fresh)).to_contain_text("could not be downloaded")
    expect(fresh.locator(".panes")).to_be_hidden()
    before = fresh.locator(".viewer").get_attribute("data-run")
    choose(fresh, "models", "Built-in")
    expect(fresh.locator(".viewer")).not_to_have_attribute("data-run", before or "")
    wait_for_result(fresh)
