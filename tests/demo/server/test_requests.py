"""Files named in requests: no endpoint opens one that the server did not store."""

import asyncio
import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from gradio.state_holder import SessionState
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from pydantic import ValidationError

from esrgan.demo import page
from esrgan.demo.server.requests import (
    MAX_FILES,
    REFUSAL,
    WRONG_KIND,
    check_values,
    is_stored,
)
from esrgan.demo.upload import Upload
from tests.conftest import PATIENCE

META = {"_type": "gradio.FileData"}
UPLOAD = "a" * 64


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("served")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(folder))
        yield folder


@pytest.fixture(scope="module")
def built(served: Path) -> gr.Blocks:
    return page.build()


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("private") / "private.png"
    Image.new("RGB", (16, 16), "red").save(file)
    return file


def hostile_paths(served: Path, private: Path) -> dict[str, Any]:
    """Paths that no request may name, by what they are."""
    job = served / "batch" / ("b" * 32)
    for folder in (served / UPLOAD, served / ("c" * 32), job):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "ours.png").write_bytes(private.read_bytes())
    link, fifo = served / UPLOAD / "link.png", served / UPLOAD / "fifo.png"
    if not link.is_symlink():
        link.symlink_to(private)
        os.mkfifo(fifo)
    return {
        "another folder": str(private),
        "none there": str(private.with_name("none.png")),
        "a device": "/dev/zero",
        "a folder": str(served / UPLOAD),
        "the folder of all": str(served),
        "relative": os.path.relpath(private),
        "out of the folder": f"{served}/{UPLOAD}/../../{private.parent.name}/private.png",
        "a link out of it": str(link),
        "a pipe": str(fifo),
        "another's job": str(job / "ours.png"),
        "a result": str(served / ("c" * 32) / "ours.png"),
        "an address": "http://127.0.0.1:1/private.png",
        "a file's address": f"file://{private}",
        "data": "data:image/png;base64,AAAA",
        "a NUL": f"{private}\0.png",
        "too long": "/" + "a" * 5000,
        "nothing": "",
        "no text": 7,
        "a list": [str(private)],
    }


def preprocess(built: gr.Blocks, function: Any, inputs: list[Any]) -> None:
    with ThreadPoolExecutor(1) as thread:  # Playwright has an event loop in this one
        thread.submit(asyncio.run, built.preprocess_data(function, inputs, None)).result()


def refused(built: gr.Blocks, function: Any, inputs: list[Any]) -> bool:
    try:
        preprocess(built, function, inputs)
    except gr.Error as error:
        return error.message == REFUSAL
    return False


def test_stored_files_and_no_others_may_be_named(served: Path, private: Path) -> None:
    named = hostile_paths(served, private)
    assert [kind for kind, path in named.items() if is_stored(path)] == []
    assert is_stored(str(served / UPLOAD / "ours.png"))


def test_every_input_of_every_endpoint_refuses_every_other_path(
    built: gr.Blocks, served: Path, private: Path
) -> None:
    files = [{"path": path} for path in hostile_paths(served, private).values()]
    files += [{"path": str(private), "meta": meta} for meta in (META, {"_type": "other"}, None)]
    files += [{"path": str(private), "url": "http://127.0.0.1:1/a.png", "is_stream": True}]
    shapes = [*files, [files[0]], {"value": files[0]}, {"files": [{"image": files[0]}]}]
    kept = []
    for number, function in built.fns.items():
        for place in range(len(function.inputs)):
            for shape in shapes:
                inputs: list[Any] = [None] * len(function.inputs)
                inputs[place] = shape
                if not refused(built, function, inputs):
                    kept.append((number, function.api_name, place, shape))
    assert kept == []
    names = {function.api_name for function in built.fns.values()}
    assert {"upscale", "measure", "compare", "evaluate", "upscale_all", "fine_tune"} <= names
    assert sum(len(function.inputs) for function in built.fns.values()) > 100


@pytest.mark.parametrize("number", [float("nan"), float("inf"), True, "1", [1], 10**400])
def test_a_number_that_is_none_is_told(built: gr.Blocks, number: object) -> None:
    tried = 0
    for function in built.fns.values():
        for place, block in enumerate(function.inputs):
            if isinstance(block, gr.Number | gr.Slider):
                inputs: list[Any] = [None] * len(function.inputs)
                inputs[place] = number
                with pytest.raises(gr.Error, match="must be a number"):
                    preprocess(built, function, inputs)
                tried += 1
    assert tried > 10


@pytest.mark.parametrize(
    ("part", "value"),
    [
        (gr.Dropdown, []),
        (gr.Dropdown, ["psnr"]),
        (gr.Checkbox, "x"),
        (gr.CheckboxGroup, {"psnr": 1}),
        (gr.CheckboxGroup, ""),
        (gr.CheckboxGroup, None),
        (gr.Dataset, None),
        (gr.Textbox, "half a pair: \ud800"),
    ],
)
def test_a_value_of_a_wrong_kind_never_reaches_a_function(
    built: gr.Blocks, part: type, value: object
) -> None:
    tried = 0
    for function in built.fns.values():
        for place, block in enumerate(function.inputs):
            if type(block) is part:
                inputs: list[Any] = [
                    1 if type(each) is gr.Dataset else None for each in function.inputs
                ]
                inputs[place] = value
                with pytest.raises(gr.Error) as raised:
                    preprocess(built, function, inputs)
                assert raised.value.message == WRONG_KIND
                assert not raised.value.print_exception
                tried += 1
    assert tried


@pytest.mark.parametrize(
    ("value", "words"), [("other", "Value: .*other"), ("x" * 10_000, WRONG_KIND)]
)
def test_what_is_not_among_the_choices_is_told_shortly_and_not_logged(
    built: gr.Blocks, value: str, words: str
) -> None:
    function = next(each for each in built.fns.values() if each.api_name == "upscale")
    for place in (1, 4):  # a drop-down list, a radio button
        inputs: list[Any] = [None] * len(function.inputs)
        inputs[place] = value
        with pytest.raises(gr.Error, match=words) as raised:
            preprocess(built, function, inputs)
        assert not raised.value.print_exception


@pytest.mark.parametrize("sent", [None, 3, True, float("nan"), [], "mark", {}])
@pytest.mark.parametrize(
    ("name", "expected"),
    [("mark", nullcontext()), ("rest", pytest.raises(gr.Error, match="must be a number"))],
)
def test_what_comes_with_an_event_may_be_anything(
    built: gr.Blocks, name: str, expected: AbstractContextManager[Any], sent: object
) -> None:
    function = next(each for each in built.fns.values() if each.api_name == name)
    running = built.process_api(
        function,
        [None] * len(function.inputs),
        state=SessionState(built),
        event_data=gr.EventData(None, sent),
    )
    with ThreadPoolExecutor(1) as thread, expected:  # Playwright has an event loop in this one
        thread.submit(asyncio.run, running).result()


def post(address: str, route: str, body: Any) -> str:
    request = urllib.request.Request(
        f"{address}/gradio_api/{route}",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        return str(urllib.request.urlopen(request, timeout=PATIENCE).read().decode())
    except urllib.error.HTTPError as error:
        return str(error.read().decode())


def asked(address: str, name: str, data: list[Any]) -> str:
    """The queue's answer, as it is streamed."""
    event = json.loads(post(address, f"call/{name}", {"data": data}))["event_id"]
    stream = f"{address}/gradio_api/call/{name}/{event}"
    return str(urllib.request.urlopen(stream, timeout=PATIENCE).read().decode())


@pytest.mark.parametrize("name", ["upscale", "measure"])
def test_the_running_page_says_the_same_of_what_is_there_and_what_is_not(
    address: str, private: Path, name: str
) -> None:
    answers = set()
    for path in (private, private.with_name("none.png"), Path("/dev/zero"), Path("/etc")):
        for meta in ({}, {"meta": META}):
            given = [{"path": str(path), **meta}, "psnr", "gan", 0.0, "network"]
            answers.add(asked(address, name, given))
    (answer,) = answers
    assert answer.startswith("event: error")
    assert REFUSAL in answer


@pytest.mark.parametrize("route", ["api", "run"])
def test_nobody_passes_the_queue(address: str, private: Path, route: str) -> None:
    given = [{"path": str(private)}, "psnr", "gan", 0.0, "network"]
    answer = post(address, f"{route}/upscale", {"data": given})
    assert "Please join the queue" in answer


def test_only_what_is_quickly_done_needs_no_turn(built: gr.Blocks) -> None:
    """What is not queued can be asked for by direct calls, any number at once."""
    unqueued = [f.api_name for f in built.fns.values() if f.fn is not None and not f.queue]
    assert unqueued == ["watch"]  # a run's latest numbers


def test_a_picture_must_be_marked_as_a_file(served: Path, private: Path) -> None:
    """A second lock: gradio looks only at files that are marked so."""
    upload = Upload()
    assert upload.data_model is not None
    context = {"validate_meta": True}
    marked = upload.data_model.model_validate({"path": "x", "meta": META}, context=context)
    assert upload.preprocess(marked) == "x"
    others: tuple[dict[str, Any], ...] = ({}, {"meta": {}}, {"meta": {"_type": "other"}})
    for meta in others:
        with pytest.raises(ValidationError):
            upload.data_model.model_validate({"path": "x", **meta}, context=context)


def test_values_of_a_wrong_kind_are_told_in_words(address: str) -> None:
    """What gradio's own parts stumble over, and what reaches the function."""
    good = [None, "psnr", "gan", 0.5, "network"]
    wrong = [
        *([{"path": None}, *good[1:]], ["text", *good[1:]], [7, *good[1:]]),
        *([good[0], [], *good[2:]], [good[0], {"a": 1}, *good[2:]], [good[0], None, *good[2:]]),
        *([*good[:4], None], [*good[:4], []]),
    ]
    for data in wrong:
        event = json.loads(post(address, "call/upscale", {"data": data}))["event_id"]
        stream = f"{address}/gradio_api/call/upscale/{event}"
        answer = urllib.request.urlopen(stream, timeout=PATIENCE).read().decode()
        assert re.search(r'event: error\ndata: .*"error": "[A-Z][^"]{8,}"', answer), (
            data,
            answer,
        )


def test_one_request_names_a_bounded_number_of_files(served: Path, private: Path) -> None:
    hostile_paths(served, private)
    file = {"path": str(served / UPLOAD / "ours.png"), "meta": META}
    check_values([[file] * MAX_FILES])
    with pytest.raises(gr.Error, match="up to 2000 files"):
        check_values([[file] * MAX_FILES, [{"value": file}]])


def test_an_upload_is_taken_and_an_address_is_not(address: str, private: Path) -> None:
    client = Client(address, verbose=False)
    try:
        result = client.predict(picture=handle_file(private), alpha=0, api_name="/upscale")
        assert Path(result).name == "private_x4.png"
        with pytest.raises(AppError, match=REFUSAL):
            client.predict(picture={"path": f"{address}/x.png", "meta": META}, api_name="/upscale")
    finally:
        client.close()
