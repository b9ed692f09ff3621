"""Hosts and origins that are the page's own, by what its owner says."""

import os

import pytest

from esrgan.demo.server.access import host_of, is_local, is_own_host, is_own_origin, open_to

VARIABLES = ("GRADIO_SERVER_NAME", "GRADIO_SHARE", "ESRGAN_ALLOWED_HOSTS", "SPACE_HOST", "SPACE_ID")
FOREIGN = (
    "evil.example:7860",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "localhost@evil.example",
    "evil.example#localhost",
    "evil.example/localhost",
    "localhost:x",
    "",
    "[::1",
)


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, "")  # so that what a test sets is undone
        monkeypatch.delenv(name)


def test_on_this_machine_only_loopback_names_are_the_pages_own() -> None:
    for host in ("localhost:7860", "127.0.0.1:7860", "LOCALHOST", "[::1]:7860", "127.8.8.8"):
        assert is_own_host(host)
    for host in (*FOREIGN, "192.168.1.5:7860", "203.0.113.9"):
        assert not is_own_host(host)
    assert is_local()


def test_the_owners_names_join_them() -> None:
    open_to("0.0.0.0", False, ["demo.example", "box"])
    for host in ("demo.example", "Demo.Example:443", "box:7860", "192.168.1.5:7860", "[fe80::1]"):
        assert is_own_host(host)
    assert is_own_host("x.gradio.live", ["x.gradio.live"])
    for host in FOREIGN:
        assert not is_own_host(host)
    assert not is_local()
    assert os.environ["ESRGAN_ALLOWED_HOSTS"] == "demo.example,box"


def test_a_space_has_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "someone/esrgan")
    monkeypatch.setenv("SPACE_HOST", "someone-esrgan.hf.space")
    assert is_own_host("someone-esrgan.hf.space")
    assert not is_own_host("other-esrgan.hf.space")
    assert not is_local()


def test_a_share_link_makes_the_page_public() -> None:
    open_to(None, True, [])
    assert not is_local()


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://localhost:7860", "localhost:7860"),
        ("http://localhost:7860", "127.0.0.1:7860"),
        ("https://demo.example", "demo.example"),
        ("https://demo.example", "127.0.0.1:7860"),
    ],
)
def test_origins_of_the_page_itself(origin: str, host: str) -> None:
    open_to(None, False, ["demo.example"])
    assert is_own_origin(origin, host)


@pytest.mark.parametrize(
    "origin",
    [
        *(f"http://{host}" for host in FOREIGN),
        "null",
        "http://localhost:3000",
        "file://localhost:7860",
        "localhost:7860",
        "http://203.0.113.9",
    ],
)
def test_origins_of_other_sites(origin: str) -> None:
    assert not is_own_origin(origin, "localhost:7860")


@pytest.mark.parametrize("host", ["127.0.0.1", "203.0.113.9", "pc.example"])
def test_another_server_on_the_host_listened_on_is_another_site(host: str) -> None:
    open_to(host, False, ())
    assert is_own_origin(f"http://{host}:7860", f"{host}:7860")
    for origin in (f"http://{host}", f"http://{host}:3000", f"https://{host}:443"):
        assert not is_own_origin(origin, f"{host}:7860")


def test_host_of_a_netloc() -> None:
    assert host_of("A.example:80") == "a.example"
    assert host_of("[::1]:80") == "::1"
