"""What a visitor's browser is sent: lossless files, each once."""

from dataclasses import replace
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from esrgan.demo import comparison as compute
from esrgan.demo.compare.family import BUILTIN, CLEAN
from esrgan.demo.compare.session import (
    Latest,
    Session,
    add_frame,
    add_result,
    at_rest,
    begin,
    finished,
)
from esrgan.demo.compare.source import AS_HR
from esrgan.demo.compare.tab import compare, exactly, stop_comparing
from esrgan.demo.comparison import Trio
from esrgan.demo.server.stopping import Runs
from esrgan.demo.viewer import Alphas, Link
from esrgan.models.checkpoints import save_generator
from esrgan.networks import RRDBNet
from esrgan.pictures.images import load_image

NOTHING = (gr.skip(), gr.skip())
ENDS = ("psnr", "gan", "")


@pytest.fixture
def session(
    tmp_path: Path, tiny_network: RRDBNet, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> Session:
    """A comparison of two tiny models on an RGBA picture, with both results."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "served"))
    files = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    for file in files:
        save_generator(file, tiny_network, {})
        tiny_network.conv_last.bias.data.add_(0.1)
    alpha = np.linspace(0, 255, photo[..., 0].size).reshape(photo.shape[:2]).astype(np.uint8)
    Image.fromarray(np.dstack((photo, alpha))).save(tmp_path / "x.png")
    started = begin("run", compute.begin(str(tmp_path / "x.png"), True, Trio(tuple(files))), Link())
    for comparison in compute.run(started.comparison):
        started = add_result(started, comparison)
    return started


def test_transparent_results_are_shown_on_white_and_downloaded_whole(session: Session) -> None:
    first = session.view.frames[0]
    assert first.original is not None
    whole = load_image(Path(first.original.path or ""))
    np.testing.assert_array_equal(whole, session.comparison.results["psnr"])
    assert whole.shape == (64, 48, 4)
    assert load_image(Path(first.file.path or "")).shape == (64, 48, 3)


def test_frames_are_the_ends_and_what_is_added(session: Session) -> None:
    assert [frame.alpha for frame in session.view.frames] == [0, 1]
    picture = compute.network_interpolated(session.comparison, 0.5)
    more = add_frame(session, 0.5, picture)
    assert [frame.alpha for frame in more.view.frames] == [0, 1, 0.5]
    assert "PSNR" in more.view.scores["network 0.5"]
    assert len(session.view.frames) == 2


def test_a_known_alpha_is_not_computed_again(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    rested = at_rest(session, Alphas(network=0.25, image=0.75))
    assert rested.view.exact is not None
    assert rested.view.exact.alpha == 0.25
    assert rested.view.image is not None
    assert rested.view.image.alpha == 0.75
    monkeypatch.setattr(compute, "network_interpolated", lambda *_: pytest.fail("computed again"))
    assert at_rest(rested, Alphas(network=0.25, image=0.5)).view.exact == rested.view.exact
    assert at_rest(session, Alphas(network=1.0, image=0.5)).view.exact is None


def test_only_the_latest_of_a_visitors_comparisons_goes_on(
    photo: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "served"))
    Image.fromarray(photo).save(tmp_path / "x.png")
    runs, latest = Runs(), Latest()
    wish = (
        str(tmp_path / "x.png"),
        AS_HR,
        BUILTIN,
        CLEAN,
        None,
        None,
        "psnr",
        "gan",
        "",
        None,
        None,
        runs.wish(),
    )
    first = compare(runs, latest, *wish)
    shown = [next(first)[0] for _ in range(4)][-1]
    rest = gr.EventData(None, {"run": shown.view.run, "network": 0.33, "image": 0.5, "third": 0})
    assert next(exactly(shown, runs, latest, rest))[1].exact
    second = compare(runs, latest, *wish)
    newer = next(second)[0].view
    assert list(first) == [NOTHING]
    assert list(exactly(shown, runs, latest, rest)) == [NOTHING]
    assert {view.run for _, view in second} == {newer.run}


def test_a_wish_that_a_later_one_overtook_does_not_begin(
    photo: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "served"))
    Image.fromarray(photo).save(tmp_path / "x.png")
    runs = Runs()
    wish = (str(tmp_path / "x.png"), AS_HR, BUILTIN, CLEAN, None, None, *ENDS, None, None)
    earlier, later = runs.wish(), runs.wish()
    first = compare(runs, Latest(), *wish, later)
    assert next(first)[0] is not None
    assert list(compare(runs, Latest(), *wish, earlier)) == [NOTHING]
    assert next(first)[0] is not None  # it goes on
    assert next(compare(runs, Latest(), *wish, None))[0] is not None  # a program's


@pytest.mark.parametrize("known", [True, False])
def test_a_wish_that_was_stopped_before_it_began_does_not_begin(
    photo: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    """The browser does not know its first wish yet when the page has just come."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "served"))
    Image.fromarray(photo).save(tmp_path / "x.png")
    runs = Runs()
    this = runs.wish()
    stop_comparing(runs, this if known else None)
    wish = (str(tmp_path / "x.png"), AS_HR, BUILTIN, CLEAN, None, None, *ENDS, None, None)
    ((session, view),) = compare(runs, Latest(), *wish, this)
    assert session is None
    assert (view.state, view.words) == ("stopped", "Stopped.")
    assert next(compare(runs, Latest(), *wish, runs.wish()))[0] is not None
    runs.stop()
    stop_comparing(runs, None)  # nothing is there to be stopped, nor to come
    assert next(compare(runs, Latest(), *wish, runs.wish()))[0] is not None


def test_what_rests_takes_nothing_from_a_comparison_that_has_gone_on(session: Session) -> None:
    """The exact picture is begun on an early session, and done when the comparison is."""
    latest = Latest()
    early = latest.compared(session)
    exact = at_rest(early, Alphas(network=0.33, image=0.4))
    further = add_frame(early, 0.5, compute.network_interpolated(early.comparison, 0.5))
    done = latest.compared(finished(further))
    merged = latest.rested(exact)
    assert merged.view.complete
    assert [frame.alpha for frame in merged.view.frames] == [0, 1, 0.5]
    assert merged.view.exact == exact.view.exact
    assert merged.view.image == exact.view.image
    assert merged.comparison is done.comparison


def test_a_comparison_that_goes_on_keeps_what_is_exact(session: Session) -> None:
    latest = Latest()
    early = latest.compared(session)
    exact = latest.rested(at_rest(early, Alphas(network=0.33, image=0.4)))
    done = latest.compared(finished(early))
    assert done.view.complete
    assert (done.view.exact, done.view.image) == (exact.view.exact, exact.view.image)


def test_a_new_comparison_has_nothing_of_the_one_before(session: Session) -> None:
    latest = Latest()
    kept = latest.rested(at_rest(session, Alphas(network=0.33)))
    other = replace(session, view=session.view.model_copy(update={"run": "other"}))
    assert latest.compared(other).view.exact is None
    assert latest.view == other.view
    late = at_rest(session, Alphas(network=0.34))
    assert latest.rested(late) is late  # and takes nothing away
    assert latest.view == other.view
    del kept, other


def test_what_was_said_last_of_a_comparison_can_be_said_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `test_a_last_word_that_is_lost_is_asked_for` on the page asks."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "served"))
    runs, latest = Runs(), Latest()
    bad = tmp_path / "x.png"
    bad.write_bytes(b"no picture")
    wish = (str(bad), AS_HR, BUILTIN, CLEAN, None, None, *ENDS, None, None)
    *_, (_, view) = compare(runs, latest, *wish, runs.wish())
    assert view.state == "failed"
    assert latest.view == view


@pytest.mark.parametrize(
    ("precision", "words"),
    [("fp32", "Done: x, 48×64."), ("fp16", "Done: x, 48×64, computed in fp16.")],
)
def test_reduced_precision_is_told(
    session: Session, monkeypatch: pytest.MonkeyPatch, precision: str, words: str
) -> None:
    monkeypatch.setattr(compute, "precision", lambda _: precision)
    named = replace(session, view=session.view.model_copy(update={"name": "x"}))
    assert finished(named).view.words == words
