"""A picture too large to be compared at once: a part is chosen on it, the whole is offered."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from tests.conftest import choose_picture, go_to, new_page

pytestmark = pytest.mark.browser


@pytest.mark.slow
def test_the_frame_is_dragged_and_the_whole_goes_to_batch(
    browser: Browser, address: str, tmp_path: Path
) -> None:
    picture = np.full((400, 800), 255, np.uint8)
    picture[:300, :400] = np.random.default_rng(0).integers(0, 99, (300, 400))  # most detail
    Image.fromarray(picture).save(tmp_path / "large.png")
    page = new_page(browser, viewport={"width": 1280, "height": 900})
    go_to(page, address)
    expect(page.locator(".viewer")).to_have_attribute("data-complete", "true")
    expect(page.locator(".part")).to_be_hidden()
    choose_picture(page, tmp_path / "large.png")
    expect(page.locator(".part")).to_contain_text("800×400 is large")
    expect(page.locator("[data-pane=lr] figcaption")).to_have_text("400×300")
    run = page.locator(".viewer").get_attribute("data-run")
    overview, frame = page.locator(".overview").bounding_box(), page.locator(".taken")
    box = frame.bounding_box()
    assert overview
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(overview["x"] + overview["width"], overview["y"], steps=3)
    page.mouse.up()
    expect(page.locator(".viewer")).not_to_have_attribute("data-run", run or "")
    expect(page.locator("[data-pane=lr] figcaption")).to_have_text("400×300")
    assert frame.evaluate("frame => frame.style.left") == "50%"
    brightest = page.locator("[data-pane=lr] canvas").evaluate(
        "canvas => canvas.getContext('2d').getImageData(canvas.width - 3, 9, 1, 1).data[0]"
    )
    assert brightest == 255
    expect(page.locator("[data-do=whole]")).to_contain_text("The whole in Batch: 3200×1600")
    page.locator("[data-do=whole]").click()
    expect(page.locator("#batch-files")).to_contain_text(re.compile("large .*KB"))
    page.context.close()
