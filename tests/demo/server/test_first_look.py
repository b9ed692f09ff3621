"""What the page's HTML shows before gradio has built the page, over the wire."""

import json
import re
import urllib.request
from collections.abc import Sequence
from typing import Any

import pytest
from starlette.testclient import TestClient

from esrgan.demo.server.first_look import FirstLook
from tests.demo.server.test_guard import ask, served  # noqa: F401 - the page over the wire

PIECES = [b"<body><p>\xce\xb1", b"</p><gra", b"dio-app></gradio-app>", b"</body>"]
LOOK = '<div id="first-look">α</div>'
PICTURES = ["/gradio_api/file=/tmp/%C3%A9%20x/lr.webp", "/gradio_api/file=/tmp/hr.webp"]


async def behind(scope, receive, send):
    """An app that answers in pieces, and says how long they are."""
    length = str(sum(map(len, PIECES))).encode()
    headers = [(b"content-type", b"text/html"), (b"content-length", length)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for piece in PIECES:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body"})


@pytest.fixture
def client() -> TestClient:
    return TestClient(FirstLook(behind, LOOK, PICTURES, ["example", "zoom"]))


@pytest.mark.parametrize("query", ["", "?__theme=system", "?from=zoom"])
def test_a_page_asked_for_nothing_else_shows_it_where_it_will_be_built(
    client: TestClient, query: str
) -> None:
    answer = client.get(f"/{query}")
    assert answer.text == f"<body><p>α</p>{LOOK}<gradio-app></gradio-app></body>"
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert answer.headers["content-type"] == "text/html"


def test_its_pictures_are_named_before_the_page(client: TestClient) -> None:
    links = client.get("/").headers["link"].split(", ")
    assert [link.split(";")[0] for link in links] == [
        "<gradio_api/file=/tmp/%C3%A9%20x/lr.webp>",
        "<gradio_api/file=/tmp/hr.webp>",
    ]
    assert all({"rel=preload", "as=fetch", "crossorigin"} <= {*link.split("; ")} for link in links)


@pytest.mark.parametrize("path", ["/?__theme=dark&example=chelsea", "/?zoom=", "/elsewhere"])
def test_what_asks_for_something_else_is_the_apps_own(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.content == b"".join(PIECES)
    assert "link" not in answer.headers


def test_other_methods_are_the_apps_own(client: TestClient) -> None:
    assert client.post("/").content == b"".join(PIECES)


def test_the_page_has_it_and_serves_what_it_shows(served: str) -> None:  # noqa: F811
    _, headers, page = ask(served, "GET", "/", {})
    (view,) = re.findall(r'id="first-view">(.*?)</script>', page)
    shown = [picture["file"]["url"] for picture in pictures_of(json.loads(view))]
    assert len(shown) == 7
    named = re.findall("<(.*?)>", headers["link"])
    assert [f"/{address}" for address in named] == shown
    for address in (*named, *re.findall(r'href="(theme\.css[^"]*)"', page)):
        with urllib.request.urlopen(f"http://{served}/{address}") as answer:
            assert answer.status == 200
    assert page.index("first-look") < page.index("<gradio-app") < page.index("</body>")


def pictures_of(view: dict[str, Any]) -> Sequence[dict[str, Any]]:
    return [*view["pictures"], *view["frames"]]
