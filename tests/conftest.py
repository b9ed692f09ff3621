"""Shared fixtures: pictures, tiny networks, the benchmark data if present, and the served page."""

import os
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from esrgan.errors import UserError
from esrgan.web_page import policy_digest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from esrgan.networks import RRDBNet

# What imports torch is imported where it is needed: what hands out the tests to workers needs none.

# A shell that begins the tests in the background has them ignore Ctrl-C, and with them the
# processes that they begin, some of which are to be ended by it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# The many processes that tests begin compile the project once.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Nothing is timed in tests, nor kept in the user's cache folder.
os.environ.setdefault("ESRGAN_BACKEND", "winograd")
# There are more workers than cores: a thread that waits for another of its process does not spin.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Nor is what the user keeps for NIQE of concern.
os.environ["ESRGAN_HOME"] = os.devnull

ROOT = Path(__file__).parent.parent
DATA = Path(__file__).parent.parent.parent / "shared" / "data"
CASES = DATA.with_name("cases")
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Of all that waits for another process, in seconds. Nothing waits so long unless it failed. Under
# load one download was seen to take nine seconds: Chromium writes a PNG when it is idle.
PATIENCE = 180
# Modules that open the page that `python app.py` serves: one worker takes them all, so that it is
# served once.
SERVED = (
    *("test_page", "test_first_screen", "test_evaluate_tab", "test_requests", "test_study"),
    *("test_batch_tab", "test_source", "test_api"),
)
# Others that take longest, in order. A worker takes a module as a whole, and the workers begin with
# these, so that none waits for another's last.
LONGEST = (
    *("test_train_loop", "test_figures", "test_figures_panel", "test_checkpoints", "test_package"),
    *("test_decoding", "test_saved_page", "test_blind_test_page", "test_finetune_tab"),
)


def pytest_xdist_auto_num_workers() -> int:
    """One worker more than there are cores: tests of the page wait for its server and browser."""
    return (os.cpu_count() or 1) + 1


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Modules as wholes, and those of `SERVED` as one."""
    from xdist.scheduler import LoadFileScheduling

    class OneServer(LoadFileScheduling):  # type: ignore[misc] # it has no types
        def _split_scope(self, nodeid: str) -> str:
            module = super()._split_scope(nodeid)
            return "the page" if Path(module).stem in SERVED else module

    return OneServer(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest modules first, of which those of the page are one."""
    first = {name: place for place, name in enumerate((*SERVED, *LONGEST))}
    items.sort(key=lambda item: first.get(item.path.stem, len(first)))


@pytest.fixture(autouse=True, scope="session")
def any_machine() -> None:
    from tests.processes import on_any_machine

    on_any_machine()


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Every test draws the same numbers whichever ran before it."""
    import torch

    random.seed(0)
    torch.manual_seed(0)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def photo() -> np.ndarray:
    """A 64×48 RGB picture with smooth parts, edges and texture, `uint8`."""
    y, x = np.mgrid[0:64, 0:48]
    waves = 128 + 60 * np.sin(x / 7) * np.cos(y / 5)
    checks = ((x // 8 + y // 8) % 2) * 90.0
    ramp = 255 * (x + y) / (x.max() + y.max())
    return np.stack([waves, checks + waves / 2, ramp], axis=2).clip(0, 255).astype(np.uint8)


@pytest.fixture
def tiny_network() -> "RRDBNet":
    import torch

    from esrgan.networks import RRDBNet
    from tests.tiny import TINY

    torch.manual_seed(0)
    return RRDBNet(TINY).eval()


@pytest.fixture(scope="session")
def benchmark_data() -> Path:
    """The folder with Set5 and Set14; the test is skipped where it is absent."""
    if not (DATA / "Set5").is_dir():
        pytest.skip("the benchmark pairs are not on this machine (../shared/data)")
    return DATA


@pytest.fixture(scope="session")
def cases() -> Path:
    """The folder of odd and hostile files; the test is skipped where it is absent."""
    if not CASES.is_dir():
        pytest.skip("the odd and hostile files are not on this machine (../shared/cases)")
    return CASES


PUBLISHED = [
    "RealESRGAN_x4plus_anime_6B.pth",  # of 6 blocks
    "RealESRGAN_x4plus.pth",  # of 23, as the next
    "RealSR_DF2K.pth",  # RealSR's
]


@pytest.fixture(scope="session", params=PUBLISHED)
def published(request: pytest.FixtureRequest) -> Path:
    """A weights file of others in the folder that ESRGAN_GENUINE_MODELS names; the test is skipped
    where it is absent."""
    folder = os.environ.get("ESRGAN_GENUINE_MODELS")
    file = Path(folder or "", request.param)
    if not folder or not file.is_file():
        pytest.skip(f"{file.name} is not at hand (ESRGAN_GENUINE_MODELS)")
    return file


@pytest.fixture
def refused() -> Callable[..., AbstractContextManager[None]]:
    """`with refused("x.png", "damaged"): …` expects a UserError of one or two plain sentences
    that hold these words."""

    @contextmanager
    def expect(*words: str) -> Iterator[None]:
        with pytest.raises(UserError) as caught:
            yield
        message = str(caught.value)
        assert re.fullmatch(r"[^\n]{10,600}\.", message), message
        assert len(re.findall(r"[.!?;] +[A-Z]", message)) <= 1, message
        assert not re.search(r"Traceback|Error\b|\berrno\b", message), message
        for word in words:
            assert word in message

    return expect


@pytest.fixture(scope="session")
def training_pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three generated pictures, 64 to 96 pixels wide and high."""
    folder = tmp_path_factory.mktemp("pictures")
    generator = np.random.default_rng(1)
    for number, (height, width) in enumerate([(64, 96), (72, 72), (96, 64)]):
        coarse = generator.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
        smooth = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        smooth.save(folder / f"{number}.png")
    return folder


@pytest.fixture(scope="session")
def perceptual_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A perceptual network of a few hundred weights, untrained, as a file."""
    import torch

    from esrgan.models.checkpoints import save_features
    from esrgan.networks import VGGFeatures

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("perceptual") / "vgg19.safetensors"
    save_features(path, VGGFeatures((2, 3, 4, 5, 6)), {})
    return path


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file of this process can grow beyond 20 kB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """A running `python app.py`, with the downloads of models switched off."""
    port = free_port()
    # One thread: several servers share the machine, and threads that wait for each other starve.
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    environment.pop("GRADIO_TEMP_DIR", None)
    server = subprocess.Popen(
        [sys.executable, "app.py", "--port", str(port)], cwd=ROOT, env=environment
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(url, server)
        yield url
    finally:
        server.terminate()
        server.wait(PATIENCE)


def assert_only_its_own(page: str) -> None:
    """A page that is one file allows its own style and script, and no others."""
    for kind, element in (("style", "<style>"), ("script", '<script type="module">')):
        (text,) = re.findall(f"{element}(.*?)</{kind}>", page, re.DOTALL)
        assert f"{kind}-src '{policy_digest(text)}'" in page


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    """Until the page answers."""
    for _ in range(4 * PATIENCE):
        assert server.poll() is None, "app.py ended by itself"
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.25)
    pytest.fail("app.py did not answer in time")


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """A headless Chromium; its tests are skipped where there is none."""
    from playwright.sync_api import Error, expect, sync_playwright

    expect.set_options(timeout=1000 * PATIENCE)
    executable = next(
        filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome"))), None
    )
    with sync_playwright() as playwright:
        try:
            started = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_FLAGS)
        except Error as error:
            pytest.skip(f"no Chromium to drive the page with: {error.message.splitlines()[0]}")
        yield started
        started.close()


@pytest.fixture
def opened(browser: "Browser", address: str) -> Iterator[Callable[..., "Page"]]:
    """`opened(viewport=…)` is the page, without its first comparison."""
    pages = []

    def open_page(**options: Any) -> "Page":
        page = new_page(browser, **options)
        pages.append(page)
        go_to(page, address)
        stop_the_first_comparison(page)
        return page

    yield open_page
    for page in pages:
        page.context.close()


def new_page(browser: "Browser", **options: Any) -> "Page":
    """An empty page in a context of its own, which waits as long as `PATIENCE`; of a visitor who
    likes no motion, unless it is said otherwise: α on its way repaints the page without end."""
    context = browser.new_context(**{"reduced_motion": "reduce", **options})
    context.set_default_timeout(1000 * PATIENCE)
    return context.new_page()


def go_to(page: "Page", address: str) -> None:
    """Open the demo's page, and wait until it is its own, and no longer the first look."""
    page.goto(address)
    page.wait_for_selector("#viewer .viewer")
    page.wait_for_selector("#first-look", state="detached")


def choose_picture(page: "Page", file: Path) -> None:
    """A file in place of the picture that Compare has."""
    from playwright.sync_api import expect

    page.locator("#upload").get_by_label("Remove Image").click()
    expect(page.locator(".viewer .news")).to_contain_text("Choose a picture")
    page.locator("#upload input[type=file]").set_input_files(file)


@pytest.fixture
def after_the_device(address: str, tmp_path: Path) -> Callable[[], None]:
    """Wait until the server has ended what its device is at, by having it upscale a picture."""
    from gradio_client import Client, handle_file

    Image.new("RGB", (8, 8)).save(tmp_path / "last in line.png")

    def upscale() -> None:
        client = Client(address, verbose=False)
        client.predict(picture=handle_file(tmp_path / "last in line.png"), api_name="/upscale")

    def wait() -> None:
        with ThreadPoolExecutor(1) as thread:  # the test's own has Playwright's event loop
            thread.submit(upscale).result()

    return wait


def stop_the_first_comparison(page: "Page") -> None:
    """It keeps the device."""
    from playwright.sync_api import expect

    viewer = page.locator(".viewer")
    expect(viewer).to_have_attribute("data-run", re.compile("."))
    page.locator("#stop").dispatch_event("click")  # there only while something runs
