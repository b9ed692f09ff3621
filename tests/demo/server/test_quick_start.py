"""gradio's start, quicker."""

import importlib
import inspect
import sys
from contextlib import nullcontext
from pathlib import Path

import gradio as gr
import pytest

from esrgan.demo.server.quick_start import without_drafts, without_stubs

COMPONENT = """
import gradio as gr

class Note(gr.HTML):
    pass
"""


@pytest.mark.parametrize("quick", [True, False])
def test_no_stub_is_written_beside_a_component(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick: bool
) -> None:
    file = tmp_path / "note_component.py"
    file.write_text(COMPONENT, "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    before = inspect.getfile
    with without_stubs() if quick else nullcontext():
        module = importlib.import_module(file.stem)
    del sys.modules[file.stem]
    assert file.with_suffix(".pyi").exists() != quick
    assert inspect.getfile is before
    assert issubclass(module.Note, module.gr.HTML)


def test_other_classes_have_their_files_meanwhile() -> None:
    with without_stubs():
        assert Path(inspect.getfile(nullcontext)).name == "contextlib.py"


def test_a_page_has_no_app_and_no_configuration_meanwhile() -> None:
    with without_drafts(), gr.Blocks() as first:
        gr.Markdown("first")
        first.queue(max_size=3)
    assert first.app is None
    assert first.config == {}
    with gr.Blocks() as second:
        gr.Markdown("as ever")
    assert second.app.blocks is second
    assert second.config["components"][0]["props"]["value"] == "as ever"
