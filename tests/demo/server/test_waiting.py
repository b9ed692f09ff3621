"""Waiting: one visitor takes some of the queue's places, never all."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import gradio as gr
import httpx
import pytest

from esrgan.demo import page
from esrgan.demo.server.visitors import COOKIE
from esrgan.demo.server.waiting import BUSY, MAX_WAITING, UNKNOWN
from tests.conftest import PATIENCE

ME, YOU = {COOKIE: "a" * 43}, {COOKIE: "b" * 43}


@contextmanager
def served(done: Callable[[], object]) -> Iterator[str]:
    """Address of a page's one event, which is over when `done` is, one at a time."""
    with gr.Blocks() as blocks:
        gr.Button().click(lambda: done() and None, api_name="slow", concurrency_limit=1)
    _, address, _ = page.launch(blocks, prevent_thread_lock=True, quiet=True)
    try:
        yield f"{address}gradio_api/call/slow"
    finally:
        blocks.close()


@pytest.fixture
def slow() -> Iterator[str]:
    """An event that waits until the test is over."""
    go = threading.Event()
    with served(lambda: go.wait(PATIENCE)) as address:
        yield address
        go.set()


@pytest.fixture(scope="module")
def quick() -> Iterator[str]:
    with served(lambda: True) as address:
        yield address


def ask(address: str, cookies: dict[str, str]) -> tuple[int, str]:
    with httpx.Client(cookies=cookies, timeout=PATIENCE) as client:
        answer = client.post(address, json={"data": []})
    return answer.status_code, answer.text


@pytest.mark.parametrize(("greedy", "other"), [(ME, YOU), ({}, YOU), (ME, {})])
def test_who_asks_too_often_is_told_so_and_others_are_served(
    slow: str, greedy: dict[str, str], other: dict[str, str]
) -> None:
    answers = [ask(slow, greedy) for _ in range(MAX_WAITING + 5)]
    taken = [status for status, _ in answers if status == 200]
    assert MAX_WAITING <= len(taken) <= MAX_WAITING + 2, "those waiting, and what is being done"
    refused = {answer for answer in answers if answer[0] != 200}
    assert {status for status, _ in refused} == {503}
    assert all(BUSY in words for _, words in refused)
    assert ask(slow, other)[0] == 200


@pytest.mark.parametrize("number", [10**6, -1, 2**70])
def test_a_function_that_is_not_there_is_told_of(quick: str, number: int) -> None:
    address = quick.replace("call/slow", "queue/join")
    body = {"data": [], "fn_index": number, "session_hash": "x"}
    answer = httpx.post(address, json=body, timeout=PATIENCE)
    assert (answer.status_code, answer.json()["detail"]) == (400, UNKNOWN)


@pytest.mark.parametrize("route", ["cancel", "reset", "queue/join"])
@pytest.mark.parametrize(
    "body", ["NaN", '{"event_id": NaN, "fn_index": Infinity}', "[", '"\\ud800"']
)
def test_a_body_that_is_none_is_told_of(quick: str, route: str, body: str) -> None:
    address = quick.replace("call/slow", route)
    headers = {"Content-Type": "application/json"}
    answer = httpx.post(address, content=body, headers=headers, timeout=PATIENCE)
    assert answer.status_code == 422
    assert answer.json()["detail"] == "The body of this request is not what is taken here."
