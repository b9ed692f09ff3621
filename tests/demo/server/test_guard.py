"""Requests that never reach the page: over the wire, to the page as it is served."""

import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from esrgan.demo import page
from esrgan.demo.server import guard, quota
from esrgan.demo.server.quota import Quota
from tests.conftest import PATIENCE

ROUTES = ("/", "/config", "/gradio_api/info", "/gradio_api/mcp/", "/gradio_api/queue/join")
EVIL = "http://evil.example"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """host:port of the page, served by this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("served")))
        demo = page.build()
        _, address, _ = page.launch(demo, prevent_thread_lock=True, quiet=True)
        yield urlsplit(address).netloc
        demo.close()


def ask(
    address: str, method: str, path: str, headers: dict[str, str], body: bytes | None = None
) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection(address, timeout=PATIENCE)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_foreign_host_or_origin_is_refused_everywhere(served: str, method: str) -> None:
    for path in ROUTES:
        for headers in (
            {"Host": "evil.example:7860"},
            {"Host": "evil.example:7860", "Origin": EVIL},
            {"Origin": EVIL},
            {"Origin": "null"},
        ):
            status, told, body = ask(served, method, path, headers)
            assert (status, path) == (403, path)
            assert body in (guard.FOREIGN_HOST, guard.FOREIGN_ORIGIN)
            assert not [name for name in told if name.lower().startswith("access-control")]


def test_the_page_itself_and_programs_are_answered(served: str) -> None:
    port = served.rpartition(":")[2]
    for headers in ({}, {"Origin": f"http://{served}"}, {"Host": f"localhost:{port}"}):
        assert ask(served, "GET", "/config", headers)[0] == 200


def test_the_owner_may_allow_a_host(served: str, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = {"Host": "demo.example", "Origin": "https://demo.example"}
    assert ask(served, "GET", "/config", headers)[0] == 403
    monkeypatch.setenv("ESRGAN_ALLOWED_HOSTS", "other.example, demo.example")
    assert ask(served, "GET", "/config", headers)[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/monitoring",
        "/monitoring/summary",
        "/gradio_api/proxy=https://evil.example/x.png",
        "/gradio_api/file=http://evil.example/x.png",
        "/gradio_api/file=HTTPS://evil.example/x.png",
        "/gradio_api/file=http%3A//evil.example/x.png",
        "/gradio_api/file/https://evil.example/x.png",
        "/gradio_api/deep_link?session_hash=x",
        "/gradio_api/component_server",
        "//gradio_api//component_server",
        "/gradio_api/process_recording",
        "/gradio_api/vibe-edit/",
    ],
)
def test_routes_that_the_page_does_not_use_are_closed(served: str, path: str) -> None:
    for method in ("GET", "POST"):
        assert ask(served, method, path, {}, b"{}" if method == "POST" else None)[0] == 404


def test_files_of_the_server_are_not_served(served: str) -> None:
    paths = ("/etc/hostname", str(Path(__file__)), "/proc/self/environ", "/dev/zero", "/none")
    for path in paths:
        status, _, body = ask(served, "GET", f"/gradio_api/file={path}", {})
        assert (status, path in body) == (403, True)


def test_a_request_says_how_long_it_is_and_may_not_be_too_long(served: str) -> None:
    path = "/gradio_api/queue/join"
    long = str(guard.MAX_BODY_BYTES + 1)
    assert ask(served, "POST", path, {"Content-Length": long})[0] == 413
    chunked = {"Transfer-Encoding": "chunked"}
    assert ask(served, "POST", path, chunked, b"0\r\n\r\n")[0] == 411
    data = json.dumps({"data": []}).encode()
    assert ask(served, "POST", "/gradio_api/call/models", {}, data)[0] in (200, 422)


def upload(size: int) -> tuple[dict[str, str], bytes]:
    """Headers and body of a form with one file."""
    head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    return {"Content-Type": "multipart/form-data; boundary=x"}, head + bytes(size) + b"\r\n--x--"


def test_uploads_have_a_quota_per_visitor(served: str, monkeypatch: pytest.MonkeyPatch) -> None:
    headers, body = upload(600)
    monkeypatch.setattr(quota, "VISITOR_BYTES", 1500)
    first = {**headers, "Cookie": "esrgan-visitor=" + "a" * 43}
    answers = [ask(served, "POST", "/gradio_api/upload", first, body) for _ in range(3)]
    assert [status for status, _, _ in answers] == [200, 200, 413]
    assert "try again later" in answers[-1][2]
    second = {**headers, "Cookie": "esrgan-visitor=" + "b" * 43}
    assert ask(served, "POST", "/gradio_api/upload", second, body)[0] == 200


def announce(address: str, size: int, cookie: str) -> socket.socket:
    """A connection that has announced an upload of so many bytes, and sent none."""
    host, _, port = address.rpartition(":")
    connection = socket.create_connection((host, int(port)), timeout=PATIENCE)
    lines = [
        "POST /gradio_api/upload HTTP/1.1",
        f"Host: {address}",
        f"Cookie: esrgan-visitor={cookie * 43}",
        "Content-Type: multipart/form-data; boundary=x",
        f"Content-Length: {size}",
    ]
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    return connection


def test_uploads_that_never_come_count_in_no_quota(
    served: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    headers, body = upload(600)
    taken = ask(served, "POST", "/gradio_api/upload", headers, body)
    assert taken[0] == 200
    monkeypatch.setattr(quota, "SERVER_BYTES", 2**40)
    monkeypatch.setattr(quota, "VISITOR_BYTES", 2**38)
    monkeypatch.setattr(quota, "MIN_FREE_BYTES", -(2**50))
    for cookie in "abcdefgh":
        with announce(served, 2**37, cookie) as connection:
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(2**16) == b"", "nobody is there to be told"
    assert ask(served, "POST", "/gradio_api/upload", headers, body)[0] == 200
    assert "Traceback" not in "".join(capfd.readouterr())


def test_uploads_at_once_pass_no_quota_together(
    served: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers, body = upload(1000)
    monkeypatch.setattr(quota, "VISITOR_BYTES", len(body) * 3 // 2)
    cookie = {"Cookie": "esrgan-visitor=" + "c" * 43}
    with announce(served, len(body), "c") as first:
        second = ask(served, "POST", "/gradio_api/upload", {**headers, **cookie}, body)
        assert second[0] == 200
        first.sendall(body)
        with first.makefile("rb") as answering:
            answer = answering.read().decode()
    assert answer.startswith("HTTP/1.1 413")
    assert "try again later" in answer


def test_a_full_disk_is_said_in_a_sentence(served: str, monkeypatch: pytest.MonkeyPatch) -> None:
    headers, body = upload(100_000)
    with monkeypatch.context() as patch:
        patch.setattr(quota, "MIN_FREE_BYTES", 2**62)
        status, _, words = ask(served, "POST", "/gradio_api/upload", headers, body)
    assert (status, words) == (507, quota.DISK_FULL)
    assert ask(served, "POST", "/gradio_api/upload", headers, body)[0] == 200


def test_a_disk_that_fills_meanwhile_is_said_too(served: str, full_disk: None) -> None:
    headers, body = upload(100_000)  # no file can be larger than 20 kB
    status, _, words = ask(served, "POST", "/gradio_api/upload", headers, body)
    assert (status, words) == (507, quota.DISK_FULL)


def test_the_servers_quota_counts_all_and_forgets_what_is_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quota, "SERVER_BYTES", 100)
    uploads = Quota(tmp_path, 3600)
    assert uploads.take("a", 60) is None
    assert "as it can hold" in (uploads.take("b", 60) or "")
    assert uploads.take("b", 40) is None
    gone = Quota(tmp_path, 0)
    assert [gone.take("a", 60) for _ in range(3)] == [None] * 3


def test_a_browser_gets_one_secret_of_its_own(served: str) -> None:
    cookies = [ask(served, "GET", "/", {})[1]["set-cookie"] for _ in range(2)]
    assert cookies[0] != cookies[1]
    assert all("HttpOnly; SameSite=Strict" in cookie for cookie in cookies)
    again = {"Cookie": cookies[0].partition(";")[0]}
    assert "set-cookie" not in ask(served, "GET", "/", again)[1]
    framed = ask(served, "GET", "/", {"X-Forwarded-Proto": "https"})[1]["set-cookie"]
    assert "SameSite=None; Secure" in framed
