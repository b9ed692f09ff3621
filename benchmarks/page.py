"""Waiting times of a visitor: the page, the first panes, the α slider; in a real Chromium.

    python -m benchmarks.page --json page.json

A slider's latency is the time from the input event to the moment after the browser has painted
(a message posted in the animation frame arrives then), so that one frame of a 60 Hz screen is up to
16.7 ms. Needs Playwright and a Chromium, as the tests do.
"""

import argparse
import json
import re
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.machine import describe_machine
from benchmarks.server import Server, running

MOVES = 60
EXAMPLE = Path(__file__).parent.parent / "assets" / "examples" / "astronaut.png"
PAINTED = """async moves => {
    const slider = document.querySelector('#network-alpha input'), latencies = [];
    const painted = () => new Promise(done => requestAnimationFrame(() => {
        const channel = new MessageChannel();
        channel.port1.onmessage = () => done(performance.now());
        channel.port2.postMessage(0);
    }));
    for (let move = 0; move < moves; move++) {
        await new Promise(done => setTimeout(done, 20 + 17 * Math.random()));
        const begun = performance.now();
        slider.value = ((move * 37) % 101) / 100;
        slider.dispatchEvent(new Event('input', {bubbles: true}));
        latencies.push(await painted() - begun);
    }
    return latencies;
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="also write the numbers there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        executable = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        with running(Path(folder)) as server:
            figures = {
                "machine": describe_machine(),
                "server answers after s": round(server.seconds, 2),
                "idle memory MiB": round(server.memory()),
                **first_visit(browser, server),
                **upload(browser, server, Path(folder)),
                **slider(browser, server, Path(folder)),
            }
    for name, value in figures.items():
        print(f"{name:45} {value}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")


PATIENCE = 120_000  # ms, for a comparison to its end
FOUR_PAINTED = """() => document.querySelector('.viewer')?.dataset.empty === 'false'
    && document.querySelectorAll('.pane:not([hidden], .waiting)').length >= 4"""
WATCH_PAINTS = f"""
window.painted = null;
requestAnimationFrame(function look() {{
    if (({FOUR_PAINTED})()) window.painted = performance.now();
    else requestAnimationFrame(look);
}});
"""
# A picture of the comparison: in a folder of its own with a random name, or one of those stored.
RESULT = re.compile(r"/file=.*/([0-9a-f]{32}/[^/]+|[0-9a-f]{64}/[a-z]+_[^/]+\.webp)$")
FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
SINCE_FIRST_PAINT = f"() => window.painted - {FIRST_PAINT}"


def first_visit(browser: Browser, server: Server) -> dict[str, float]:
    """A visitor's first load, until the first example's comparison is complete."""
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    protocol = page.context.new_cdp_session(page)
    protocol.send("Network.enable")
    addresses: dict[str, str] = {}
    received: dict[str, float] = {}  # bytes by the request's number
    protocol.on(
        "Network.requestWillBeSent",
        lambda event: addresses.update({event["requestId"]: event["request"]["url"]}),
    )
    protocol.on(
        "Network.loadingFinished",
        lambda event: received.update({event["requestId"]: event["encodedDataLength"]}),
    )
    page.add_init_script(WATCH_PAINTS)
    begun = time.monotonic()
    page.goto(server.url, wait_until="commit")
    page.wait_for_selector("#viewer")
    drawn = time.monotonic() - begun
    page.wait_for_selector(".viewer[data-complete=true]", timeout=PATIENCE)
    own = [size for key, size in received.items() if not RESULT.search(addresses[key])]
    paint = page.evaluate(f"() => {FIRST_PAINT}") / 1000
    figures = {
        "first paint after s": round(paint, 2),
        "from the server's start to the first paint s": round(server.seconds + paint, 2),
        "page built after s": round(drawn, 2),
        "page weight MB": round(sum(own) / 1e6, 2),
        "requests for the page": len(own),
        "four panes painted, ms after the page's first paint": round(
            page.evaluate(SINCE_FIRST_PAINT)
        ),
        "first comparison complete after s": round(time.monotonic() - begun, 2),
        "weight with its 26 pictures MB": round(sum(received.values()) / 1e6, 2),
        "requests with them": len(received),
    }
    page.close()
    return figures


def upload(browser: Browser, server: Server, folder: Path) -> dict[str, float]:
    """From choosing a 128×128 file to four panes with pictures; the median of five."""
    page = _opened(browser, server)
    seconds = []
    for turn in range(5):
        file = folder / f"upload-{turn}.png"
        picture = Image.open(EXAMPLE).crop((turn * 16, 0, turn * 16 + 128, 128))
        picture.save(file)
        _remove(page)
        begun = time.monotonic()
        page.locator("#upload input[type=file]").set_input_files(file)
        page.wait_for_function(FOUR_PAINTED)
        seconds.append(time.monotonic() - begun)
        page.wait_for_selector(".viewer[data-complete=true]", timeout=PATIENCE)
    page.close()
    return {"128×128: upload to four panes s": round(statistics.median(seconds), 2)}


def slider(browser: Browser, server: Server, folder: Path) -> dict[str, float]:
    """Input to paint for results of 512² and 1024²."""
    figures = {}
    for side in (512, 1024):
        page = _opened(browser, server)
        file = folder / f"slider-{side}.png"
        Image.open(EXAMPLE).resize((side, side)).save(file)
        _remove(page)
        page.locator("#upload input[type=file]").set_input_files(file)
        page.locator("#kind").get_by_text("Test it").click()
        page.wait_for_selector(".viewer[data-complete=true]", timeout=PATIENCE)
        latencies = page.evaluate(PAINTED, MOVES)
        figures[f"slider {side}²: input to paint, median ms"] = round(
            float(np.median(latencies)), 1
        )
        figures[f"slider {side}²: 95th percentile ms"] = round(
            float(np.quantile(latencies, 0.95)), 1
        )
        page.close()
    return figures


def _remove(page: Page) -> None:
    """Remove the picture, and wait until nothing of it is on show."""
    page.locator("#upload").get_by_label("Remove Image").click()
    page.wait_for_selector(".viewer[data-empty=true]", state="attached")


def _opened(browser: Browser, server: Server) -> Page:
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.goto(server.url)
    page.wait_for_selector(".viewer[data-complete=true]", timeout=PATIENCE)
    return page


if __name__ == "__main__":
    main()
