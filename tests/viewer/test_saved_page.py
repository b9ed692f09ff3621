"""The saved comparison in a real Chromium: offline, from disk, by keyboard, mouse and finger."""

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from esrgan.commands import cli
from esrgan.evaluation.histogram import brightness
from esrgan.evaluation.metrics import psnr, ssim
from esrgan.inference.upscale import Upscaler
from esrgan.models.checkpoints import load_generator, save_generator
from esrgan.models.interpolation import interpolate_images, interpolate_networks
from esrgan.networks import RRDBNet
from esrgan.pictures.encoding import save_image
from esrgan.pictures.images import decode_image, load_image
from esrgan.pictures.resize import imresize
from tests.conftest import new_page
from tests.tiny import TINY

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page

pytestmark = pytest.mark.browser

ODD = "<img src=x onerror=alert(1)>&quot;"
TITLE = "</script><script>document.title='owned'</script><b>$title"
LAPTOP = {"viewport": {"width": 1366, "height": 768}}
PHONE = {
    "viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True,
    "is_mobile": True,
}  # fmt: skip
Opened = Callable[..., "Page"]


@dataclass(frozen=True)
class Study:
    """A saved page, and what it was made of."""

    file: Path
    networks: list[Any]
    hrs: list[np.ndarray]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Two pictures, one of them oddly named, by three tiny models, at α = 0, 0.5 and 1."""
    folder = tmp_path_factory.mktemp("study")
    torch.manual_seed(0)
    network = RRDBNet(TINY).eval()
    weights = [folder / f"{name}.safetensors" for name in ("first", "second", "third")]
    for file in weights:
        save_generator(file, network, {})
        for parameter in network.parameters():
            parameter.data.mul_(1.2)
        network.conv_last.bias.data.add_(0.1)
    generator = np.random.default_rng(1)
    pictures, hrs = [], []
    for name, (height, width) in {ODD: (64, 96), "plain": (80, 64)}.items():
        coarse = generator.integers(60, 200, (height // 8, width // 8, 3), dtype=np.uint8)
        hrs.append(imresize(coarse, 8))
        pictures.append(folder / f"{name}.png")
        save_image(hrs[-1], pictures[-1])
    out = folder / "comparison.html"
    models = [str(file) for file in weights]
    options = ["--models", *models, "--frames", "3", "--title", TITLE, "-o", str(out)]
    assert cli.main(["compare", *map(str, pictures), *options]) == 0
    return Study(out, [load_generator(file) for file in weights], hrs)


@pytest.fixture
def opened(browser: "Browser") -> Iterator[Opened]:
    """`opened(file, …)` is the page offline, when its first comparison is there; what it complains
    of fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def heard(said: "ConsoleMessage") -> None:
        if said.type == "error":
            complaints.append(said.text)

    def open_page(file: Path, **options: Any) -> "Page":
        settings = {"offline": True, **LAPTOP, **options}
        page = new_page(browser, **settings)
        contexts.append(page.context)
        page.on("console", heard)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.goto(file.as_uri())
        complete(page, 1)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def complete(page: "Page", times: int) -> None:
    """Until the comparison that was chosen so many times after another is there."""
    page.wait_for_selector(f".viewer[data-run='{times}'][data-complete=true]")


def saved(page: "Page", pane: str, folder: Path) -> np.ndarray:
    """The picture that a pane's button saves."""
    chip = page.locator(f"[data-chip={pane}]")
    if chip.get_attribute("aria-pressed") == "false":
        chip.click()
    button = page.locator(f"[data-pane={pane}]").get_by_role("button", name="Save as PNG")
    with page.expect_download() as download:
        button.press("Enter")  # a chip moves panes, and with them what a mouse would have hit
    download.value.save_as(folder / "pane.png")
    picture = load_image(folder / "pane.png")
    return picture[..., :3]


def slide(page: "Page", slider: str, alpha: float) -> None:
    page.locator(f"#{slider} input").evaluate(
        """(range, alpha) => {
            range.value = alpha;
            range.dispatchEvent(new Event('input', {bubbles: true}));
        }""",
        alpha,
    )


def caption(page: "Page", pane: str) -> str:
    return str(page.locator(f"[data-pane={pane}] figcaption").text_content())


def drawn(page: "Page", pane: str) -> np.ndarray:
    """H×W×3 pixels of a pane's canvas."""
    url = page.locator(f"[data-pane={pane}] canvas").evaluate(
        "async canvas => { await new Promise(requestAnimationFrame); return canvas.toDataURL(); }"
    )
    return decode_image(base64.b64decode(url.partition(",")[2]), pane)[..., :3]


def centre(picture: "Locator") -> tuple[float, float]:
    box = picture.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_every_pane_is_the_librarys_own_pixel_by_pixel(
    study: Study, opened: Opened, tmp_path: Path
) -> None:
    page = opened(study.file)
    for number, hr in enumerate(study.hrs):
        if number:
            page.locator("nav button").nth(number).click()
            complete(page, number + 1)
        lr = imresize(hr, 1 / 4)
        own = [Upscaler(network)(lr) for network in study.networks]
        expected = {"lr": lr, "hr": hr, "bicubic": imresize(lr, 4)}
        expected |= dict(zip(("psnr", "gan", "after"), own, strict=True))
        for pane, picture in expected.items():
            np.testing.assert_array_equal(saved(page, pane, tmp_path), picture, err_msg=pane)
            if pane not in ("lr", "hr"):
                line = f"PSNR {psnr(picture, hr, 4):.2f} dB · SSIM {ssim(picture, hr, 4):.4f}"
                assert caption(page, pane) == line
        for alpha in (0.5, 0.0):
            slide(page, "network-alpha", alpha)
            weights = (1 - alpha, alpha)
            between = Upscaler(interpolate_networks(study.networks[:2], weights))(lr)
            np.testing.assert_array_equal(saved(page, "network", tmp_path), between)
            line = f"PSNR {psnr(between, hr, 4):.2f} dB · SSIM {ssim(between, hr, 4):.4f}"
            assert caption(page, "network") == f"α = {alpha:.2f} · {line}"
            assert page.locator("#network-alpha em").text_content() == "exact"
        slide(page, "image-alpha", 0.3)
        blend = interpolate_images(own[:2], (0.7, 0.3))
        np.testing.assert_array_equal(saved(page, "image", tmp_path), blend)
        for name, picture in {"hr": hr, "gan": own[1], "after": own[2]}.items():
            mean = float(page.locator(f"[data-curve={name}]").get_attribute("data-mean") or "nan")
            assert mean == pytest.approx(brightness(picture)[::2, ::2].mean(), abs=1e-3)


def test_the_canvas_shows_the_very_pixels(study: Study, opened: Opened) -> None:
    page = opened(study.file)
    page.keyboard.press("Tab")
    page.locator(".viewer").press("1")
    page.wait_for_selector(".viewer[data-zoom='1']")
    hr, seen = study.hrs[0], drawn(page, "hr")
    top, left = ((seen.shape[axis] - hr.shape[axis] + 1) // 2 for axis in (0, 1))
    np.testing.assert_array_equal(seen[top : top + hr.shape[0], left : left + hr.shape[1]], hr)


def test_sliders_wipe_and_lens_repaint(study: Study, opened: Opened) -> None:
    page = opened(study.file)
    slide(page, "network-alpha", 0.5)
    before = drawn(page, "network")
    slide(page, "network-alpha", 0.53)
    assert not np.array_equal(drawn(page, "network"), before)
    words = page.locator("#network-alpha em").text_content()
    assert words == "≈ approximate: blended from its neighbours"
    page.locator(".viewer").press("l")
    plain = drawn(page, "gan")
    page.mouse.move(*centre(page.locator("[data-pane=gan] canvas")))
    assert not np.array_equal(drawn(page, "gan"), plain)
    page.locator(".viewer").press("l")
    page.locator("[data-mode=wipe]").click()
    half = drawn(page, "wipe")
    page.mouse.move(*centre(page.locator("[data-pane=wipe] canvas")))
    page.mouse.down()
    page.mouse.move(300, 400, steps=4)
    page.mouse.up()
    assert not np.array_equal(drawn(page, "wipe"), half)
    at = int(page.locator(".knob").get_attribute("aria-valuenow") or "nan")
    page.locator(".viewer").press("ArrowRight")
    page.wait_for_selector(f".knob[aria-valuenow='{at + 2}']")
    page.locator("[data-pane=wipe] canvas").click()
    page.wait_for_selector(".strip canvas")


def test_pictures_are_chosen_by_keyboard_and_read_when_chosen(study: Study, opened: Opened) -> None:
    page = opened(study.file)
    assert page.locator("nav img").evaluate_all("all => all.map(i => i.alt)") == [ODD, "plain"]
    slide(page, "network-alpha", 0.35)
    for times, (key, name) in enumerate([("Tab", "plain"), ("Shift+Tab", ODD)], 2):
        if times == 2:
            page.locator("nav button").first.focus()
        page.keyboard.press(key)
        page.keyboard.press("Enter")
        complete(page, times)
        chosen = page.locator("nav button[aria-current=true] img")
        assert chosen.get_attribute("alt") == name
        assert (page.locator("p.picture").text_content() or "").startswith(f"{name}, ")
        assert page.locator("#network-alpha output").text_content() == "0.35"  # the hand's


def test_names_are_text_whatever_they_hold(study: Study, opened: Opened) -> None:
    page = opened(study.file)
    assert page.title() == TITLE
    assert page.locator("h1").text_content() == TITLE
    assert (
        page.locator("body script").count() == 1 + page.locator("script[type='text/plain']").count()
    )
    assert page.locator("body b:not(.pane b)").count() == 0


def test_what_only_a_server_can_do_is_not_offered(study: Study, opened: Opened) -> None:
    page = opened(study.file)
    assert not page.get_by_role("button", name="Copy link").is_visible()
    assert not page.get_by_role("button", name="Save as a web page").is_visible()
    assert not page.locator(".news").is_visible()
    assert "until" not in str(page.locator("#network-alpha em").text_content())


def test_a_page_with_a_damaged_picture_says_so(
    study: Study, opened: Opened, tmp_path: Path
) -> None:
    whole = study.file.read_text("utf-8")
    page = opened(study.file)
    page.close()
    damaged = tmp_path / "damaged.html"
    found = re.search(r'id="file-0">[^<]+', whole)
    assert found is not None
    damaged.write_text(whole.replace(found[0], 'id="file-0">AAAA'), "utf-8")
    page = page.context.new_page()
    page.goto(damaged.as_uri())
    page.get_by_text("Some pictures of this file could not be read").wait_for()


def test_a_phone_shows_the_wipe_and_all_of_it_fits(study: Study, opened: Opened) -> None:
    page = opened(study.file, **PHONE)
    assert page.locator("[data-pane=wipe] canvas").is_visible()
    assert page.locator("#network-alpha input").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    before = drawn(page, "wipe")
    canvas = page.locator("[data-pane=wipe] canvas").bounding_box()
    assert canvas is not None
    page.touchscreen.tap(canvas["x"] + 60, canvas["y"] + 60)
    page.locator("nav button").nth(1).tap()
    complete(page, 2)
    assert drawn(page, "wipe").shape != before.shape
