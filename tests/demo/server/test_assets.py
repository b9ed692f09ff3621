"""The page's scripts and styles, from memory."""

import gzip
import re
from pathlib import Path

import brotli
import pytest
from gradio.route_utils import BUILD_PATH_LIB
from starlette.testclient import TestClient

from esrgan.demo.server.assets import Assets
from tests.demo.server.test_guard import ask, served  # noqa: F401 - the page over the wire

SCRIPT = "const α = 0.8; // " + "between PSNR and GAN " * 100
PAGE = "<p>" + "page " * 1000


async def behind(scope, receive, send):
    """An app that tells which path it was asked for."""
    body = PAGE if scope["path"] == "/" else f"app: {scope['path']}"
    headers = [(b"content-type", b"text/html")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body.encode()})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "assets"
    folder.mkdir()
    (folder / "index-1a2b.js").write_text(SCRIPT, "utf-8")
    (folder / "font.woff2").write_bytes(b"font")
    (tmp_path / "secret.js").write_text("secret", "utf-8")
    return folder


@pytest.fixture
def client(folder: Path) -> TestClient:
    return TestClient(Assets(behind, folder), headers={"Accept-Encoding": "gzip, deflate, br"})


def test_a_script_is_compressed_once_and_kept_for_good(client: TestClient, folder: Path) -> None:
    for _ in range(2):
        with client.stream("GET", "/assets/index-1a2b.js") as answer:
            assert brotli.decompress(b"".join(answer.iter_raw())).decode() == SCRIPT
        assert answer.headers["content-encoding"] == "br"
        assert answer.headers["content-type"].endswith("javascript; charset=utf-8")
        assert "immutable" in answer.headers["cache-control"]
        assert int(answer.headers["content-length"]) < len(SCRIPT) / 4
        (folder / "index-1a2b.js").unlink(missing_ok=True)  # it is in memory


@pytest.mark.parametrize(
    "path",
    [
        "/assets/absent.js",
        "/assets/font.woff2",
        "/assets/..%2Fsecret.js",
        "/assets/%2e%2e/secret.js",
        "/assets//secret.js",
        "/assets/.js",
        "/assets/index-1a2b.js/",
        "/other/index-1a2b.js",
    ],
)
def test_all_else_is_the_apps_own(client: TestClient, path: str) -> None:
    assert client.get(path).text.startswith("app: ")


@pytest.mark.parametrize("accepted", ["gzip", "identity", "brotli", ""])
def test_who_can_not_read_brotli_is_answered_by_the_app(client: TestClient, accepted: str) -> None:
    answer = client.get("/assets/index-1a2b.js", headers={"Accept-Encoding": accepted})
    assert answer.text.startswith("app: ")


def test_other_methods_are_the_apps(client: TestClient) -> None:
    assert client.post("/assets/index-1a2b.js").text.startswith("app: ")


def test_the_page_itself_is_compressed(client: TestClient) -> None:
    with client.stream("GET", "/") as answer:
        assert gzip.decompress(b"".join(answer.iter_raw())).decode() == PAGE
    assert client.get("/", headers={"Accept-Encoding": "identity"}).text == PAGE


def test_what_the_page_loads_first_is_gradios_own_file(served: str) -> None:  # noqa: F811
    _, headers, page = ask(served, "GET", "/", {})
    assert "esrgan-visitor" in headers["set-cookie"]
    (script,) = re.findall(r'src="\./(assets/[^"]+\.js)"', page)
    status, headers, text = ask(served, "GET", f"/{script}", {})
    assert (status, text) == (200, (Path(BUILD_PATH_LIB).parent / script).read_text("utf-8"))
    assert "immutable" not in str(headers)
