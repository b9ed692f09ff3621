"""Visitors' pictures are decoded in processes of their own, which may fail without harm."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from esrgan.demo import comparison
from esrgan.demo.batch import job as batch
from esrgan.demo.comparison import Trio
from esrgan.demo.evaluate import job as evaluation
from esrgan.demo.finetune.training_pictures import unpacked
from esrgan.demo.server import decoding
from esrgan.demo.server.stopping import Runs, StoppedError
from esrgan.models.checkpoints import save_generator
from esrgan.pictures import images
from esrgan.pictures.encoding import save_image
from tests.conftest import PATIENCE

ROOT = Path(__file__).parents[3]


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No process waits from before, nor is left; those started meanwhile have a test's limits."""
    end_all()
    yield
    end_all()


def end_all() -> None:
    while decoding._idle:
        decoding._idle.pop().end()


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of some kB that takes seconds: 4096×4096 pixels in a hundred scans."""
    buffer = io.BytesIO()
    Image.new("L", (4096, 4096), 99).save(buffer, "JPEG", progressive=True)
    jpeg = buffer.getvalue()
    last, end = jpeg.rindex(b"\xff\xda"), jpeg.rindex(b"\xff\xd9")
    path = tmp_path_factory.mktemp("slow") / "slow.jpg"
    path.write_bytes(jpeg[:last] + jpeg[last:end] * (101 - jpeg.count(b"\xff\xda")) + jpeg[end:])
    return path


def wait_until(ready: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not ready():
        assert time.monotonic() < until
        time.sleep(0.01)


def when_at_work(do: Callable[[], object]) -> threading.Thread:
    """Do something as soon as the only process that waited decodes."""

    def work() -> None:
        wait_until(lambda: not decoding._idle)
        do()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.fixture(params=["by memory", "by pipe"])
def road(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How the picture comes: a system may have no call for the first, or not allow it."""
    if request.param == "by pipe":
        monkeypatch.setattr(decoding, "_process_vm_readv", lambda: lambda *_: -1)
    elif decoding._process_vm_readv() is None:
        pytest.skip("only Linux copies another process's memory")


@pytest.mark.usefixtures("road")
@pytest.mark.parametrize("name", ["a.png", "é 語\n.png", "\udce4.png"])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_it_gives_what_decoding_here_gives(tmp_path, rng, name, channels, dtype):
    shape = (5, 7, channels) if channels > 1 else (5, 7)
    picture = rng.integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)
    save_image(picture, tmp_path / name)
    found = decoding.load_image(tmp_path / name)
    np.testing.assert_array_equal(found, picture, strict=True)
    found[0, 0] = 0  # it is ours


def test_what_is_warned_of_is_told(tmp_path, photo):
    several = [Image.fromarray(photo), Image.fromarray(255 - photo)]
    several[0].save(tmp_path / "a.gif", save_all=True, append_images=several[1:])
    told: list[str] = []
    for name in ("a.gif", "a.gif"):
        decoding.load_image(tmp_path / name, tell=told.append)
    assert told == ["a.gif holds several frames or pages: the first one is used."] * 2


@pytest.mark.usefixtures("road")
def test_large_pictures_come_whole(tmp_path):
    picture = np.arange(3000 * 4000 * 3, dtype=np.uint32).view(np.uint8)[: 3000 * 4000 * 3]
    save_image(picture.reshape(3000, 4000, 3), tmp_path / "large.png")
    np.testing.assert_array_equal(
        decoding.load_image(tmp_path / "large.png"), picture.reshape(3000, 4000, 3)
    )


def test_refusals_are_those_of_decoding_here(tmp_path, photo, refused):
    good, cut, text, empty = (tmp_path / f"{name}.png" for name in ("good", "cut", "text", "empty"))
    save_image(photo, good)
    cut.write_bytes(good.read_bytes()[:-100])
    text.write_text("text")
    empty.touch()
    for path, limit, words in (
        (good, 100, "good.png is 48×64 pixels"),
        (cut, 10_000, "cut.png is damaged"),
        (text, 10_000, "text.png is not a picture"),
        (empty, 10_000, "empty.png is empty"),
        (tmp_path / "absent.png", 10_000, "absent.png could not be read"),
    ):
        for load in (images.load_image, decoding.load_image):
            with refused(words):
                load(path, limit)


def test_several_at_once(tmp_path, photo, fresh):
    files = []
    for number in range(8):
        files.append(tmp_path / f"{number}.png")
        save_image(photo // (number + 1), files[-1])
    with ThreadPoolExecutor(len(files)) as threads:
        found = list(threads.map(decoding.load_image, files * 5))
    for number, picture in enumerate(found):
        np.testing.assert_array_equal(picture, photo // (number % 8 + 1))
    assert 1 <= len(decoding._idle) <= decoding.PROCESSES


def test_it_starts_without_torch_and_gradio():
    script = (
        "import sys; from esrgan.demo.server import decoding\n"
        "print({'torch', 'gradio', 'scipy'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", script]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"


# What takes too much


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's memory")
def test_too_much_memory(tmp_path, monkeypatch, fresh, refused):
    save_image(np.zeros((4000, 4000, 3), np.uint8), tmp_path / "large.png")
    with monkeypatch.context() as patch:
        patch.setattr(decoding, "MEMORY_BYTES", 30_000_000)
        with refused("large.png", "memory"):
            decoding.load_image(tmp_path / "large.png")
        end_all()
    assert decoding.load_image(tmp_path / "large.png").shape == (4000, 4000, 3)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no process's computing")
def test_too_much_computing(slow, monkeypatch, fresh, refused):
    monkeypatch.setattr(decoding, "CPU_SECONDS", 0)
    with refused("slow.jpg takes more memory or time"):
        decoding.load_image(slow)
    assert decoding._idle == []


def test_too_long(slow, photo, tmp_path, monkeypatch, fresh, refused):
    with monkeypatch.context() as patch:
        patch.setattr(decoding, "SECONDS", 0.2)
        with refused("slow.jpg takes more memory or time"):
            decoding.load_image(slow)
    save_image(photo, tmp_path / "next.png")
    assert decoding.load_image(tmp_path / "next.png").shape == photo.shape


def test_stop_is_heard_while_decoding(slow, photo, tmp_path, fresh):
    runs = Runs()
    run = runs.begin()
    save_image(photo, tmp_path / "next.png")
    decoding.load_image(tmp_path / "next.png")
    (decoder,) = decoding._idle
    stopping = threading.Thread(
        target=lambda: (wait_until(lambda: not decoding._idle), runs.stop())
    )
    stopping.start()
    with runs.listening(run), pytest.raises(StoppedError):
        decoding.load_image(slow)
    stopping.join()
    assert decoder.process.poll() is not None
    assert decoding.load_image(tmp_path / "next.png").shape == photo.shape


def test_a_process_that_has_died_is_replaced(tmp_path, photo, slow, fresh, refused):
    save_image(photo, tmp_path / "a.png")
    decoding.load_image(tmp_path / "a.png")
    decoding._idle[0].process.kill()
    decoding._idle[0].process.wait()
    np.testing.assert_array_equal(decoding.load_image(tmp_path / "a.png"), photo)
    (decoder,) = decoding._idle
    killing = when_at_work(decoder.process.kill)
    with refused("slow.jpg takes more memory or time"):
        decoding.load_image(slow)
    killing.join()
    np.testing.assert_array_equal(decoding.load_image(tmp_path / "a.png"), photo)


@pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_it_ends_with_the_page(tmp_path, photo, how):
    save_image(photo, tmp_path / "a.png")
    script = f"""
import pathlib, time
from esrgan.demo.server import decoding
decoding.load_image(pathlib.Path({str(tmp_path / "a.png")!r}))
print(decoding._idle[0].process.pid, flush=True)
time.sleep(600)
"""
    command = [sys.executable, "-c", script]
    page = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert page.stdout is not None
    decoder = int(page.stdout.readline())
    assert is_alive(decoder)
    page.send_signal(how)
    page.communicate()
    wait_until(lambda: not is_alive(decoder))


# Where the page decodes


def compared(file: Path, models: Trio, folder: Path) -> None:
    comparison.begin(str(file), True, models)


def in_a_batch(file: Path, models: Trio, folder: Path) -> None:
    *_, done = batch.run(batch.Wish([file], [models.files[0]]))
    assert len(done.failures) == 1
    raise images.UserError(done.failures[0])


def evaluated(file: Path, models: Trio, folder: Path) -> None:
    list(evaluation.run(evaluation.Wish([file], [], [], "", [], models.files, [1.0], ["network"])))


def trained_on(file: Path, models: Trio, folder: Path) -> None:
    list(unpacked([str(file)], folder / "to-train-on"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no process's computing")
@pytest.mark.parametrize("decode", [compared, in_a_batch, evaluated, trained_on])
def test_every_tab_has_its_pictures_decoded_there(
    decode, slow, tmp_path, tiny_network, monkeypatch, fresh, refused
):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "served"))
    monkeypatch.setattr(decoding, "CPU_SECONDS", 0)
    for module, limit in (
        (comparison, "MAX_PICTURE_PIXELS"),
        (batch, "MAX_PICTURE_PIXELS"),
        (evaluation, "MAX_UPLOAD_PIXELS"),
        (evaluation, "MAX_LR_PIXELS"),
    ):
        monkeypatch.setattr(module, limit, 10**9)
    files = (tmp_path / "psnr.safetensors", tmp_path / "gan.safetensors")
    for file in files:
        save_generator(file, tiny_network, {})
    with refused("slow.jpg takes more memory or time"):
        decode(slow, Trio(files), tmp_path)
