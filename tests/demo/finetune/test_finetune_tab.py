"""The Fine-tune tab, through the server and in a browser."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from playwright.sync_api import Browser, expect

from esrgan import assets
from esrgan.demo import finetuned, page
from esrgan.demo.finetune import job, training_pictures
from esrgan.demo.finetune.run import look
from esrgan.demo.finetune.settings import Settings
from esrgan.demo.finetune.settings_form import AFTER, CLEAN, GAN, PSNR, STANDARD, UPLOADED
from esrgan.demo.server.decoding import load_image
from esrgan.models.checkpoints import load_generator, save_generator
from esrgan.networks import RRDBNet
from esrgan.pictures.encoding import encode_image
from esrgan.run_folder import Status, weights_path, write_status
from tests.conftest import PATIENCE, go_to, new_page, stop_the_first_comparison
from tests.demo.finetune.helpers import ended, wait_until


@pytest.fixture(scope="module")
def served(kept: Path) -> Iterator[str]:
    """The page, served by this process."""
    demo = page.build()
    _, address, _ = page.launch(demo, prevent_thread_lock=True, quiet=True)
    yield address
    demo.close()


def test_the_server_itself_refuses_on_a_space(
    served: str, pictures: list[str], runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(served, verbose=False)
    files = [handle_file(file) for file in pictures]
    choices = ["psnr", None, UPLOADED, files, CLEAN, GAN, AFTER, STANDARD, 5e-3, 1, 5, 1e-4, 2, 32]
    monkeypatch.setenv("SPACE_ID", "someone/esrgan")
    with pytest.raises(AppError, match="off on this Space"):
        client.predict(*choices, api_name="/fine_tune")
    for name in ("/fine_tune_stop", "/fine_tune_resume"):
        with pytest.raises(AppError, match="off on this Space"):
            client.predict(None, api_name=name)
    assert not runs.exists()


@pytest.mark.slow
def test_stop_is_heard_while_pictures_are_received(
    served: str, pictures: list[str], runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(path: Path) -> np.ndarray:
        time.sleep(0.5)
        return load_image(path)

    monkeypatch.setattr(training_pictures, "load_image", slow)
    client = Client(served, verbose=False)
    files = [handle_file(file) for file in pictures]
    choices: list[Any] = ["psnr", None, UPLOADED, files * 10, CLEAN, PSNR, AFTER, STANDARD]
    choices += [5e-3, 1, 5, 1e-4, 2, 32]
    start = client.submit(*choices, api_name="/fine_tune")
    wait_until(lambda: any("Looking at the pictures" in str(each) for each in start.outputs()))
    stopped = client.predict(None, api_name="/fine_tune_stop")
    assert "Stopping …" in stopped
    assert "**Stopped** before the training began" in start.result(PATIENCE)
    assert list(runs.iterdir()) == []
    with pytest.raises(AppError, match="no such training run"):
        client.predict(None, api_name="/fine_tune_stop")


@pytest.mark.parametrize("iterations", [True, "5"])
def test_a_number_that_is_none_is_told(
    served: str, pictures: list[str], runs: Path, iterations: object
) -> None:
    client = Client(served, verbose=False)
    files = [handle_file(file) for file in pictures]
    choices = [
        "psnr",
        None,
        UPLOADED,
        files,
        CLEAN,
        GAN,
        AFTER,
        STANDARD,
        5e-3,
        1,
        iterations,
        1e-4,
        2,
        32,
    ]
    with pytest.raises(AppError, match="Iterations must be a number"):
        client.predict(*choices, api_name="/fine_tune")
    assert not runs.exists()


def test_looking_at_a_run_again_copies_no_sample_again(
    served: str, kept: Path, settings: Settings, pictures: list[str], idle, tiny_network: RRDBNet
) -> None:
    name = job.start(settings, pictures)
    job.stop(name)
    folder = ended(name).folder
    sample = encode_image(np.full((128, 96, 3), 7, np.uint8))
    (folder / "samples").mkdir()
    (folder / "samples" / "0000002.png").write_bytes(sample)
    save_generator(weights_path(folder), tiny_network, {})
    write_status(folder, Status("finished", 2, 2))
    assert look(name).state == "finished"
    client = Client(served, verbose=False)
    client.predict(api_name="/opened")
    counts = set()
    for _ in range(4):
        client.predict(name, api_name="/watch_anew")
        counts.add(sum(file.read_bytes() == sample for file in kept.rglob("*.png")))
    assert len(counts) == 1
    assert counts != {0}


@pytest.mark.slow
@pytest.mark.browser
def test_a_visitor_trains_a_model_and_compares_it(
    served: str, browser: Browser, settings: Settings, pictures: list[str], tmp_path: Path, forked
) -> None:
    visitor = new_page(browser, viewport={"width": 1280, "height": 1000})
    go_to(visitor, served)
    stop_the_first_comparison(visitor)
    visitor.get_by_role("tab", name="Fine-tune").click()
    visitor.locator("#train-from input").click()
    visitor.get_by_role("option", name="My own file").click()
    visitor.locator("#train-from-own input[type=file]").set_input_files(settings.start)
    visitor.locator("#train-pictures input[type=file]").set_input_files(pictures)
    visitor.locator("#train-stage").get_by_text(PSNR).click()
    visitor.locator("#train-iterations input").fill("40")
    visitor.locator("#train-crop input").click()
    visitor.get_by_role("option", name="32").click()
    expect(visitor.locator("#train-pictures")).to_contain_text("2")
    visitor.locator("#train-estimate").click()
    expect(visitor.locator("#train-status")).to_contain_text("It would take about")
    visitor.locator("#train-start").click()
    expect(visitor.locator("#train-status")).to_contain_text("Training")

    visitor.reload()  # the run is found again
    stop_the_first_comparison(visitor)
    visitor.get_by_role("tab", name="Fine-tune").click()
    expect(visitor.locator("#train-status")).to_contain_text("Finished · iteration 40 of 40")
    expect(visitor.locator("#train-plot-l1 canvas, #train-plot-l1 svg").first).to_be_visible()
    expect(visitor.locator("#train-plot-perceptual")).to_have_count(0)
    sample = visitor.locator("#train-sample img")
    expect(sample).to_be_visible()
    assert sample.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [96, 128]
    with visitor.expect_download() as download:
        visitor.locator("#train-download").click()
    download.value.save_as(tmp_path / "result.safetensors")
    load_generator(tmp_path / "result.safetensors")

    visitor.get_by_role("tab", name="Compare").click()
    visitor.locator("#models input").click()
    visitor.locator("#models").get_by_role("option", name="Fine-tuned here").click()
    expect(visitor.locator("#tuned input")).to_have_value(finetuned.all_names()[0])
    # Unlike the page's first comparison, this is one of two models.
    compared = visitor.locator(".viewer[data-complete=true]:not(:has([data-chip=after]))")
    expect(compared).to_be_visible()
    names = Path(settings.start).name, finetuned.all_names()[0]
    expect(visitor.locator("[data-pane=psnr] header")).to_contain_text(f"{names[0]} (α = 0)")
    expect(visitor.locator("[data-pane=gan] header")).to_contain_text(f"{names[1]} (α = 1)")
    expect(visitor.locator("[data-testid=toast-body]")).to_have_count(0)
    visitor.context.close()


@pytest.mark.slow
@pytest.mark.browser
def test_a_visitor_chooses_another_moment_than_the_best(
    served: str, browser: Browser, runs: Path, tiny_network: RRDBNet, tmp_path: Path
) -> None:
    """A finished run of 50 iterations, of which 25 and 50 have pictures of their own size."""
    name = "2026-01-01-1200-gan-mine"
    folder = runs / name
    for seed, weights in enumerate(
        ["generator", "best/generator", "samples/0000025", "samples/0000050"]
    ):
        tiny_network.conv_last.bias.data.fill_(seed)
        save_generator(folder / f"{weights}.safetensors", tiny_network, {})
    for number, picture in enumerate(["gain", "samples/0000025", "samples/0000050"]):
        pixels = np.full((40, 60 + number, 3), 80 * number, np.uint8)
        (folder / f"{picture}.png").write_bytes(encode_image(pixels))
    (folder / "config.json").write_text('{"iterations": 50, "stage": "gan"}')
    (folder / "gain.json").write_text('{"words": "Better by far."}')
    (folder / "log.txt").touch()
    (folder / "process.json").write_text('{"pid": 999999999, "started": "never", "time": 2}')
    write_status(folder, Status("finished", 50, 50))

    visitor = new_page(browser, viewport={"width": 1280, "height": 1000})
    go_to(visitor, served)
    stop_the_first_comparison(visitor)
    visitor.get_by_role("tab", name="Fine-tune").click()
    expect(visitor.locator("#train-status")).to_contain_text("Better by far.")
    moment, sample = visitor.locator("#train-moment input"), visitor.locator("#train-sample img")
    expect(moment).to_have_value("the best")
    for chosen, width, bias in (("iteration 25", 61, 2), ("iteration 50", 62, 3)):
        moment.click()
        visitor.get_by_role("option", name=chosen).click()
        expect(moment).to_have_value(chosen)
        expect(sample).to_have_js_property("naturalWidth", width)
        with visitor.expect_download() as download:
            visitor.locator("#train-download").click()
        download.value.save_as(tmp_path / "result.safetensors")
        found = load_generator(tmp_path / "result.safetensors").conv_last.bias
        assert found is not None
        assert (found == bias).all()
    expect(visitor.locator("[data-testid=toast-body]")).to_have_count(0)

    visitor.reload()
    stop_the_first_comparison(visitor)
    visitor.get_by_role("tab", name="Fine-tune").click()
    expect(moment).to_have_value("iteration 50")
    visitor.context.close()


@pytest.mark.browser
@pytest.mark.slow
def test_a_visitor_sees_what_will_be_spoilt_before_the_training(
    served: str, browser: Browser, idle: list[list[str]]
) -> None:
    visitor = new_page(browser, viewport={"width": 1280, "height": 1000})
    go_to(visitor, served)
    stop_the_first_comparison(visitor)
    visitor.get_by_role("tab", name="Fine-tune").click()
    sheet = visitor.locator("#train-spoilt img")
    file = assets.EXAMPLES / "coffee.png"
    visitor.locator("#train-pictures input[type=file]").set_input_files(file)
    expect(visitor.locator("#train-pictures")).to_contain_text("coffee")
    expect(visitor.locator("#train-from input")).to_have_value("PSNR (built-in)")
    visitor.locator("#train-degradation").get_by_text("photos or JPEGs").click()
    expect(sheet).to_be_visible()
    size = "image => [image.naturalWidth, image.naturalHeight]"
    assert sheet.evaluate(size) == [4 * 24 * 8, 24 * 8]
    expect(visitor.locator("#train-from input")).to_have_value("PSNR for photographs (built-in)")
    visitor.locator("#train-start").click()
    expect(visitor.locator("#train-run input")).to_have_value(re.compile("-gan-photo-"))
    (command,) = idle
    assert "degradation=photo" in command
    assert command[command.index("--init") + 1].endswith("photo-psnr.safetensors")
    visitor.locator("#train-degradation").get_by_text(CLEAN).click()
    expect(sheet).to_have_count(0)
    expect(visitor.locator("#train-from input")).to_have_value("PSNR (built-in)")
    visitor.context.close()
