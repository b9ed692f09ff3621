"""Sessions: those that own something stay, whatever names others invent."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from fastapi.testclient import TestClient
from gradio.routes import App

from esrgan.demo.batch.job import Batch
from esrgan.demo.batch.tab import ONE, upscale_all
from esrgan.demo.compare.session import Latest
from esrgan.demo.compare.source import AS_LR
from esrgan.demo.compare.tab import compare
from esrgan.demo.evaluate.tab import AS_EXAMPLES, evaluate
from esrgan.demo.server import sessions
from esrgan.demo.server.sessions import Sessions
from esrgan.demo.server.stopping import Runs

deleted: list[str] = []

Refused = Callable[..., AbstractContextManager[None]]


@pytest.fixture
def page() -> gr.Blocks:
    deleted.clear()
    with gr.Blocks() as blocks:
        gr.State(None, time_to_live=3600, delete_callback=lambda batch: deleted.append(batch))
        gr.State(Runs())
    return blocks


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MAX_EMPTY", 3)
    monkeypatch.setattr(sessions, "MAX_OWNING", 2)


def states(page: gr.Blocks) -> tuple[int, int]:
    """The ids of the two states: what is owned, and the runs."""
    result, runs = (key for key, block in page.blocks.items() if isinstance(block, gr.State))
    return result, runs


def test_invented_sessions_evict_each_other_only(page: gr.Blocks, few: None) -> None:
    held = Sessions(page, 3600)
    result, _ = states(page)
    held["victim"][result] = "a finished batch"
    for number in range(510):
        held[f"invented {number}"]
    assert held["victim"][result] == "a finished batch"
    assert deleted == []
    assert len(held.session_data) <= 1 + 3


def test_what_is_at_work_stays(page: gr.Blocks, few: None) -> None:
    held = Sessions(page, 3600)
    _, runs = states(page)
    run = held["working"][runs].begin()
    for number in range(510):
        held[f"invented {number}"]
    assert held["working"][runs].wants(run)


def test_a_newcomer_is_told_that_the_server_is_busy(page: gr.Blocks, few: None) -> None:
    held = Sessions(page, 3600)
    result, _ = states(page)
    for name in "ab":
        held[name][result] = name
    with pytest.raises(gr.Error, match="The server is busy"):
        held["c"]
    assert [held[name][result] for name in "ab"] == ["a", "b"]


@pytest.mark.parametrize("route", ["queue/join", "call/look", "run/look"])
def test_the_routes_say_so_too(page: gr.Blocks, few: None, route: str) -> None:
    with page:
        gr.Button().click(lambda: 7, None, gr.Number(), api_name="look", queue=False)
    (look,) = page.fns
    page.queue()
    app = App.create_app(page)
    app.state_holder = held = Sessions(page, 3600)
    result, _ = states(page)
    for name in "ab":
        held[name][result] = name
    asked = {"data": [], "fn_index": look, "session_hash": "c"}
    client = TestClient(app)
    answer = client.post(f"/gradio_api/{route}", json=asked)
    assert (answer.status_code, answer.json()["detail"]) == (503, sessions.BUSY)
    assert client.post(f"/gradio_api/{route}", json={**asked, "session_hash": "a"}).is_success


def test_the_oldest_goes_with_its_files(page: gr.Blocks, few: None) -> None:
    held = Sessions(page, 0)
    result, _ = states(page)
    for name in "abc":
        held[name][result] = name
    assert deleted == ["a"]
    assert "a" not in held


def test_the_page_lets_a_batch_go_with_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: None
) -> None:
    from esrgan.demo import page as the_page

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    built = the_page.build()
    held = Sessions(built, 0)
    blocks = [block for block in built.blocks.values() if isinstance(block, gr.State)]
    folders = [tmp_path / f"batch {number}" for number in range(3)]
    for number, folder in enumerate(folders):
        folder.mkdir()
        (state,) = (b for b in blocks if "batch" in b.delete_callback.__module__)
        held[str(number)][state._id] = Batch(folder)
    assert [folder.exists() for folder in folders] == [False, True, True]


def given_up() -> dict[str, Callable[[Runs], Iterator[Any]]]:
    """Events of the page that have begun a run, by their names."""
    nothing: list[str] = []
    return {
        "batch": lambda runs: upscale_all(
            runs, None, ["a.png"], "png", ONE, "gan", None, "psnr", None, 1.0, "network", False, 0
        ),
        "evaluate": lambda runs: evaluate(
            *(runs, None, AS_EXAMPLES, nothing, nothing, nothing, "", [], [], ["gan"], nothing),
            *(False, 0, None, False),
        ),
    }


@pytest.mark.parametrize("event", given_up())
def test_whoever_leaves_at_the_first_words_is_not_at_work(event: str) -> None:
    runs = Runs()
    told = given_up()[event](runs)
    next(told)
    assert runs.at_work
    told.close()
    assert not runs.at_work


def test_a_comparison_that_can_not_begin_is_not_at_work(tmp_path: Path) -> None:
    (tmp_path / "notes.png").write_bytes(b"just a text")
    runs = Runs()
    file = str(tmp_path / "notes.png")
    *_, (session, view) = compare(
        runs, Latest(), file, AS_LR, "", "", None, [], "", "", "", None, None, runs.wish()
    )
    assert session is None
    assert (view.state, view.pictures, view.panes) == ("failed", [], ())
    assert "not a picture" in view.words
    assert not runs.at_work
