"""Waiting: one visitor takes some of the queue's places, never all."""

import threading
from collections.abc import Iterator

import gradio as gr
import httpx
import pytest

from esrgan.demo import page
from esrgan.demo.server.visitors import COOKIE
from esrgan.demo.server.waiting import BUSY, MAX_WAITING

ME, YOU = {COOKIE: "a" * 43}, {COOKIE: "b" * 43}


@pytest.fixture
def slow() -> Iterator[tuple[str, threading.Event]]:
    """A page whose one event waits to be let go, one at a time."""
    go = threading.Event()
    with gr.Blocks() as blocks:
        gr.Button().click(lambda: go.wait(60) and None, api_name="slow", concurrency_limit=1)
    _, address, _ = page.launch(blocks, prevent_thread_lock=True, quiet=True)
    try:
        yield f"{address}gradio_api/call/slow", go
    finally:
        go.set()
        blocks.close()


def ask(address: str, cookies: dict[str, str]) -> tuple[int, str]:
    with httpx.Client(cookies=cookies, timeout=30) as client:
        answer = client.post(address, json={"data": []})
    return answer.status_code, answer.text


@pytest.mark.parametrize(("greedy", "other"), [(ME, YOU), ({}, YOU), (ME, {})])
def test_who_asks_too_often_is_told_so_and_others_are_served(
    slow: tuple[str, threading.Event], greedy: dict[str, str], other: dict[str, str]
) -> None:
    address, _ = slow
    answers = [ask(address, greedy) for _ in range(MAX_WAITING + 5)]
    taken = [status for status, _ in answers if status == 200]
    assert MAX_WAITING <= len(taken) <= MAX_WAITING + 2, "those waiting, and what is being done"
    refused = {answer for answer in answers if answer[0] != 200}
    assert {status for status, _ in refused} == {503}
    assert all(BUSY in words for _, words in refused)
    assert ask(address, other)[0] == 200
