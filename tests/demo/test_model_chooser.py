"""The choice of models: one and the same in all tabs."""

from pathlib import Path

import gradio as gr
import pytest

from esrgan.demo import model_chooser
from esrgan.demo.model_chooser import OWN, model_of, offer
from esrgan.demo.page import build
from esrgan.models import zoo

CHOOSERS = ("first-model", "batch-first", "batch-second", "evaluate-models", "train-from")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of the only training run, which has a result."""
    folder = tmp_path / "runs" / "2026-01-31-gan"
    folder.mkdir(parents=True)
    for file in ("log.txt", "generator.safetensors"):
        (folder / file).touch()
    monkeypatch.setenv("ESRGAN_RUNS", str(folder.parent))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "served"))
    return folder.name


def test_every_tab_offers_named_and_fine_tuned_models_and_own_files(run: str) -> None:
    parts = {getattr(block, "elem_id", None): block for block in build().blocks.values()}
    for chooser in CHOOSERS:
        offered = {value for _, value in parts[chooser].choices}
        assert {*zoo.MODELS, run} <= offered, chooser
    for own in ("own-files", "batch-first-own", "evaluate-weights", "train-from-own"):
        assert isinstance(parts[own], gr.File)


def test_a_run_that_ended_meanwhile_is_offered_when_its_tab_is_opened(run: str) -> None:
    page = build()
    parts = {getattr(block, "elem_id", None): block for block in page.blocks.values()}
    for chooser in CHOOSERS[1:]:
        (refresh,) = [
            event.fn
            for event in page.fns.values()
            if event.outputs == [parts[chooser]] and event.targets[0][1] == "select"
        ]
        before = parts[chooser].value
        assert refresh is not None
        later = refresh(before)
        assert run in {value for _, value in later.choices}
        assert later.value == before


def test_own_files_are_offered_and_what_is_gone_is_as_at_first(run: str) -> None:
    first, second, third = offer(["/uploads/mine.pth"], "file 0", "file 1", run)
    assert ("mine.pth", "file 0") in first.choices
    assert [first.value, second.value, third.value] == ["file 0", "gan", run]
    assert third.choices[0] == ("none", "")


def test_one_model_is_a_name_or_the_visitors_file(refused) -> None:
    assert model_of("gan", None) == "gan"
    assert model_of("gan", "/uploads/mine.pth") == "gan"
    assert model_of(OWN, "/uploads/mine.pth") == Path("/uploads/mine.pth")
    with refused("Choose the weights file of your own model"):
        model_of(OWN, None)
    with refused("not there any more"):
        model_of(f"{model_chooser.choice.FILE}1", "/uploads/mine.pth")
