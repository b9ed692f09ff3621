"""What the page shows while a model is downloaded, from a server on this machine."""

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser, Page, expect

from esrgan import assets
from esrgan.demo import page
from esrgan.demo.downloading import Arriving, arriving
from esrgan.demo.server.stopping import StoppedError
from esrgan.errors import UserError
from esrgan.models import downloads, zoo
from esrgan.models.checkpoints import save_generator
from esrgan.models.downloads import Download, is_here, kept_path
from esrgan.networks import RRDBConfig, RRDBNet
from tests.conftest import go_to, stop_the_first_comparison

NAMES = ("official-psnr", "official-gan")
PATIENCE = 120_000  # in milliseconds


class Server(ThreadingHTTPServer):
    """One file, of which the second half is sent when `rest` is set."""

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.rest, self.asked = content, threading.Event(), 0
        self.is_there = True


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked += 1
        if not self.server.is_there:
            self.send_error(404)
            return
        content, half = self.server.content, len(self.server.content) // 2
        begin = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=")[:-1])
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        self.wfile.write(content[begin : max(begin, half)])
        self.wfile.flush()
        self.server.rest.wait(60)
        self.wfile.write(content[max(begin, half) :])

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The official models come from it, and are of 2 MB."""
    torch.manual_seed(0)
    network = RRDBNet(RRDBConfig(num_features=24, num_blocks=4, growth_channels=16))
    save_generator(tmp_path / "w.safetensors", network, {}, half=False)
    content = (tmp_path / "w.safetensors").read_bytes()
    monkeypatch.setattr(downloads, "folder", lambda: tmp_path / "kept")
    digest = hashlib.sha256(content).hexdigest()
    with Server(content) as running:
        address = f"http://127.0.0.1:{running.server_port}/"
        for name in NAMES:
            source = Download(f"{name}.safetensors", (), digest, (address + name,))
            monkeypatch.setitem(zoo.MODELS, name, replace(zoo.MODELS[name], source=source))
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.rest.set()
        running.shutdown()


def source_of(name: str) -> Download:
    source = zoo.MODELS[name].source
    assert isinstance(source, Download)
    return source


def until_half(steps: Iterator[Arriving], size: int) -> Arriving:
    return next(file for file in steps if file.have >= size // 2)


def test_it_is_told_how_far_a_download_is(server: Server) -> None:
    assert list(arriving(["psnr", "bicubic", Path("own.pth")], lambda: True)) == []
    size = len(server.content)
    steps = arriving(NAMES, lambda: True)
    assert next(steps).name == "official-psnr.safetensors"
    file = until_half(steps, size)
    assert (file.have, file.total) == (size // 2, size)
    assert file.share == pytest.approx(0.5, abs=0.01)
    assert file.words == f"Downloading {file.name}: {size / 2e6:.0f} of {size / 1e6:.0f} MB"
    server.rest.set()
    assert {file.name for file in steps} <= {f"{name}.safetensors" for name in NAMES}
    for name in NAMES:
        assert kept_path(source_of(name)).read_bytes() == server.content
    assert list(arriving(NAMES, lambda: True)) == []
    assert server.asked == 2


def test_a_download_that_is_stopped_goes_on_the_next_time(server: Server) -> None:
    wanted = True
    steps = arriving(NAMES[:1], lambda: wanted)
    until_half(steps, len(server.content))
    wanted = False
    with pytest.raises(StoppedError):
        list(steps)
    assert not is_here(source_of(NAMES[0]))
    server.rest.set()
    *_, last = arriving(NAMES[:1], lambda: True)
    assert last.have >= len(server.content) // 2
    assert kept_path(source_of(NAMES[0])).read_bytes() == server.content


def test_a_download_that_fails_says_what_to_do(server: Server) -> None:
    server.is_there = False
    with pytest.raises(UserError, match=r"could not be downloaded.+Try again later, take a built"):
        list(arriving(NAMES[:1], lambda: True))


# ---------------------------------------------------------------- on the page


@pytest.fixture
def visitor(
    browser: Browser, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Page]:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "served"))
    monkeypatch.setenv("ESRGAN_RUNS", str(tmp_path / "runs"))
    demo = page.build()
    _, address, _ = page.launch(demo, prevent_thread_lock=True, quiet=True)
    shown = browser.new_page(viewport={"width": 1280, "height": 1000})
    shown.set_default_timeout(PATIENCE)
    go_to(shown, address)
    stop_the_first_comparison(shown)
    yield shown
    shown.close()
    demo.close()


@pytest.mark.slow
@pytest.mark.browser
def test_compare_shows_how_far_and_stops_and_fails(visitor: Page, server: Server) -> None:
    def ask_for(family: str) -> None:
        visitor.locator("#models input").click()
        visitor.locator("#models").get_by_role("option", name=family).click()

    news = visitor.locator(".viewer .news span")
    ask_for("Official (downloaded)")
    size = len(server.content)
    words = f"Downloading official-psnr.safetensors: {size / 2e6:.0f} of {size / 1e6:.0f} MB"
    expect(news).to_have_text(words, timeout=PATIENCE)
    assert float(visitor.locator(".viewer .news progress").get_attribute("value") or 0) > 0.4
    visitor.locator("#stop").click()
    expect(news).to_have_text("Stopped.", timeout=PATIENCE)

    server.is_there = False
    server.rest.set()
    ask_for("Built-in")
    ask_for("Official (downloaded)")
    expect(news).to_contain_text("Try again later, take a built-in model", timeout=PATIENCE)

    server.is_there = True
    ask_for("Built-in")
    ask_for("Official (downloaded)")
    complete = visitor.locator(".viewer[data-complete=true]:not(:has([data-chip=after]))")
    expect(complete).to_be_visible(timeout=PATIENCE)


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize(
    ("tab", "name", "choice"),
    [
        ("Batch", "batch", "#batch-first"),
        ("Evaluate", "evaluate", "#evaluate-models"),
        ("Fine-tune", "train", "#train-from"),
    ],
)
def test_other_tabs_show_it_too(
    visitor: Page, server: Server, tab: str, name: str, choice: str
) -> None:
    title = zoo.MODELS["official-gan"].title
    visitor.get_by_role("tab", name=tab).click()
    if tab == "Evaluate":
        visitor.locator(choice).get_by_label(title).check()
    else:
        visitor.locator(f"{choice} input").first.click()
        visitor.get_by_role("option", name=title).click()
    if tab == "Batch":
        photo = assets.EXAMPLES / "coffee.png"
        visitor.locator("#batch-files input[type=file]").set_input_files(photo)
        expect(visitor.locator("#batch-files")).to_contain_text("coffee")
    visitor.locator(f"#{name}-start").click()
    status = visitor.locator(f"#{name}-status")
    expect(status).to_contain_text("Downloading official-gan.safetensors: 1 of", timeout=PATIENCE)
    visitor.locator(f"#{name}-stop").click()
    expect(status).not_to_contain_text("Downloading", timeout=PATIENCE)
    assert not is_here(source_of("official-gan"))
