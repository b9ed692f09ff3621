"""Downloads from addresses, and models of OpenModelDB, from a server on this machine."""

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from esrgan.errors import UserError
from esrgan.models import downloads, open_model_db, zoo
from esrgan.models.checkpoints import save_generator
from esrgan.models.downloads import Download, fetch, kept_path

CONTENT = bytes(range(256)) * 40
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Files by path, with ranges; every request is noted, and an answer can be cut short."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.ranges = True
        self.cut_after: int | None = None

    def at(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.asked.append((self.path, wanted))
        content = self.server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        begin = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        begin = begin if self.server.ranges else 0
        if begin >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        self.wfile.write(content[begin : self.server.cut_after])

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(downloads, "folder", lambda: tmp_path / "kept")
    monkeypatch.setattr(open_model_db, "folder", lambda: tmp_path / "kept")
    with Server() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def download(server: Server) -> Download:
    return Download("w.pth", (), SHA256, (server.at("/first"), server.at("/second")))


def test_fetched_once(server: Server, download: Download) -> None:
    server.files["/first"] = CONTENT
    path = fetch(download)
    assert path.read_bytes() == CONTENT
    assert fetch(download) == path
    assert server.asked == [("/first", None)]
    assert [file for file in path.parent.iterdir() if file.suffix == ".part"] == []


def test_addresses_follow_one_another(server: Server, download: Download) -> None:
    server.files["/second"] = CONTENT
    assert fetch(download).read_bytes() == CONTENT
    assert [path for path, _ in server.asked] == ["/first", "/second"]


def test_other_bytes_are_left_for_the_next_address(server: Server, download: Download) -> None:
    server.files.update({"/first": CONTENT[:-1] + b"!", "/second": CONTENT})
    assert fetch(download).read_bytes() == CONTENT


def test_other_bytes_everywhere_are_refused_and_not_kept(
    server: Server, download: Download, refused
) -> None:
    server.files.update(dict.fromkeys(("/first", "/second"), CONTENT + b"!"))
    with refused("not the published file"):
        fetch(download)
    assert not kept_path(download).exists()


def test_nobody_answers(download: Download, refused) -> None:
    nowhere = replace(download, addresses=("http://127.0.0.1:9/w.pth",))
    with refused("w.pth could not be downloaded"):
        fetch(nowhere)


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_download_goes_on(server: Server, download: Download, ranges: bool) -> None:
    alone = replace(download, addresses=download.addresses[:1])
    server.files["/first"] = CONTENT
    server.cut_after = 3000
    with pytest.raises(UserError, match="could not be downloaded"):
        fetch(alone)
    server.cut_after, server.ranges = None, ranges
    assert fetch(alone).read_bytes() == CONTENT
    assert server.asked[1:] == [("/first", "bytes=3000-")]


def test_a_whole_part_is_taken_over(server: Server, download: Download) -> None:
    server.files["/first"] = CONTENT
    part = kept_path(download).with_name("w.pth.part")
    part.parent.mkdir()
    part.write_bytes(CONTENT)
    assert fetch(download).read_bytes() == CONTENT


def test_without_a_published_digest_the_first_one_is_kept_to(
    server: Server, download: Download, capsys: pytest.CaptureFixture[str], refused
) -> None:
    unknown = replace(download, sha256=None)
    server.files["/first"] = CONTENT
    path = fetch(unknown)
    assert SHA256 in "".join(capsys.readouterr())
    path.unlink()
    server.files["/first"] = CONTENT + b"!"
    with refused("not the published file"):
        fetch(unknown)


def test_too_large_a_file_is_not_fetched(
    server: Server, download: Download, monkeypatch: pytest.MonkeyPatch, refused
) -> None:
    server.files["/first"] = CONTENT
    monkeypatch.setattr(downloads, "MOST_BYTES", 1000)
    with refused("could not be downloaded"):
        fetch(download)


# ---------------------------------------------------------------- OpenModelDB


@pytest.fixture
def catalogue(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setattr(open_model_db, "CATALOGUE", server.at("/data/models/{}.json"))
    return server


def publish(server: Server, content: bytes, **changed: object) -> None:
    """An entry as the catalogue has them, and its file."""
    file = {
        "platform": "pytorch",
        "type": "pth",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "urls": ["https://mega.nz/folder/x", server.at("/files/sharp.pth")],
    }
    entry = {
        "name": "Sharp",
        "author": ["ann", "bob"],
        "license": "CC-BY-NC-SA-4.0",
        "tags": ["photo"],
        "architecture": "esrgan",
        "size": ["8nf", "1nb"],
        "scale": 4,
        "resources": [file],
        **changed,
    }
    server.files["/data/models/4x-Sharp.json"] = json.dumps(entry).encode()
    server.files["/files/sharp.pth"] = content


@pytest.fixture
def weights(tmp_path: Path, tiny_network) -> bytes:
    save_generator(tmp_path / "tiny.safetensors", tiny_network, {})
    return (tmp_path / "tiny.safetensors").read_bytes()


@pytest.mark.parametrize(
    "name", ["openmodeldb:4x-Sharp", "https://openmodeldb.info/models/4x-Sharp"]
)
def test_a_model_of_the_catalogue_is_loaded(
    catalogue: Server, weights: bytes, tiny_network, name: str
) -> None:
    publish(catalogue, weights)
    loaded = zoo.load(name)
    assert loaded.network.config == tiny_network.config
    assert loaded.title == "Sharp by ann, bob (CC-BY-NC-SA-4.0)"
    assert loaded.digest == hashlib.sha256(weights).hexdigest()
    catalogue.files.clear()  # from now on what is here must do
    assert zoo.find(name) == loaded.file
    catalogue.shutdown()
    catalogue.server_close()
    assert zoo.load(name).title == loaded.title


def test_altered_files_of_the_catalogue_are_refused(
    catalogue: Server, weights: bytes, refused
) -> None:
    publish(catalogue, weights)
    catalogue.files["/files/sharp.pth"] = weights + b"!"
    with refused("not the published file"):
        zoo.load("openmodeldb:4x-Sharp")


def test_what_can_only_be_saved_by_hand_is_told(catalogue: Server, weights: bytes, refused) -> None:
    digest = hashlib.sha256(weights).hexdigest()
    file = {"platform": "pytorch", "type": "pth", "sha256": digest}
    publish(catalogue, weights, resources=[{**file, "urls": ["https://mega.nz/folder/x"]}])
    with refused("save it from https://mega.nz/folder/x", digest, "CC-BY-NC-SA-4.0"):
        zoo.load("openmodeldb:4x-Sharp")


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"architecture": "swinir"}, "swinir"),
        ({"resources": []}, "SHA-256"),
        ({"scale": "four"}, "can't be read"),
    ],
)
def test_entries_of_no_use_are_named(
    catalogue: Server, weights: bytes, changed: dict[str, object], named: str, refused
) -> None:
    publish(catalogue, weights, **changed)
    with refused(named):
        zoo.load("openmodeldb:4x-Sharp")


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("openmodeldb:4x-Nobody", "no model '4x-Nobody'"),
        ("openmodeldb:../../etc/passwd", "can't be a model"),
        ("openmodeldb:", "can't be a model"),
    ],
)
def test_names_that_are_nobody_s(catalogue: Server, name: str, named: str, refused) -> None:
    with refused(named):
        zoo.load(name)


def test_without_the_catalogue(monkeypatch: pytest.MonkeyPatch, server: Server, refused) -> None:
    monkeypatch.setattr(open_model_db, "CATALOGUE", "http://127.0.0.1:9/{}.json")
    with refused("can't be reached"):
        zoo.load("openmodeldb:4x-Sharp")
