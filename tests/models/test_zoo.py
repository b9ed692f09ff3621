"""The table of models, and how names become files."""

import hashlib
import re
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
import torch

from esrgan import assets
from esrgan.errors import UserError
from esrgan.models import downloads, zoo
from esrgan.models.checkpoints import save_features, save_generator
from esrgan.models.downloads import Download
from esrgan.networks import VGGFeatures
from tests.processes import Forked

CONTENT = b"weights"
DOWNLOAD = Download("w.pth", ("first/repo", "second/repo"), hashlib.sha256(CONTENT).hexdigest())


def test_every_model_says_what_it_is():
    for name, model in zoo.MODELS.items():
        assert re.fullmatch(r"[a-z-]+", name)
        assert model.title
        assert model.description
        assert model.licence
        if isinstance(model.source, Download):
            assert re.fullmatch(r"[0-9a-f]{64}", model.source.sha256 or "0" * 64)
            assert model.source.repositories or model.source.addresses
            assert all(address.startswith("https://") for address in model.source.addresses)
        else:
            assert model.source.parent == assets.MODELS
    titles = [model.title for model in zoo.MODELS.values()]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize(
    "name", [name for name, model in zoo.MODELS.items() if isinstance(model.source, Path)]
)
def test_builtin_models_upscale_by_four(name):
    if not zoo.find(name).is_file():
        pytest.skip("the built-in models are not trained yet")
    with torch.no_grad():
        out = zoo.load(name).network(torch.full((1, 3, 24, 24), 0.5))
    assert out.shape == (1, 3, 96, 96)
    assert out[..., 40:56, 40:56].mean().item() == pytest.approx(0.5, abs=0.05)


def test_a_file_is_loaded_by_its_path(tmp_path, tiny_network):
    path = tmp_path / "mine.safetensors"
    save_generator(path, tiny_network, {})
    assert zoo.find(path) == zoo.find(str(path)) == path
    assert zoo.load(str(path)).network.config == tiny_network.config
    assert zoo.load(path, scale=4).network.scale == 4


def test_a_loaded_model_tells_what_its_file_says(tmp_path, tiny_network):
    path = tmp_path / "mine.safetensors"
    save_generator(path, tiny_network, {"loss": {"adversarial": "standard"}}, half=False)
    loaded = zoo.load(path)
    assert (loaded.title, loaded.file) == ("mine.safetensors", path)
    assert loaded.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert loaded.facts == {"loss": {"adversarial": "standard"}}
    for key, tensor in tiny_network.state_dict().items():
        assert torch.equal(loaded.network.state_dict()[key], tensor), key


def test_a_named_model_has_the_title_of_its_card():
    loaded = zoo.load("gan")
    assert loaded.title == zoo.MODELS["gan"].title
    assert loaded.file == assets.MODELS / "gan.safetensors"
    assert loaded.facts["loss"]["adversarial"] == "relativistic"


def test_a_downloaded_file_is_hashed_once(tmp_path, tiny_network, monkeypatch):
    path = tmp_path / "mine.safetensors"
    save_generator(path, tiny_network, {})
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    card = zoo.ModelCard("Mine", "for a test", Download(path.name, (), digest), "none")
    monkeypatch.setitem(zoo.MODELS, "mine", card)
    monkeypatch.setattr(downloads, "_in_hub_cache", lambda _: path)
    hashed: list[Path] = []
    real = downloads.file_digest
    for module in (zoo, downloads):
        monkeypatch.setattr(module, "file_digest", lambda f: (hashed.append(f), real(f))[1])
    assert zoo.load("mine").digest == digest
    assert hashed == [path]


def test_a_name_comes_before_a_file_of_that_name(tmp_path, monkeypatch):
    (tmp_path / "psnr").write_text("not the model")
    monkeypatch.chdir(tmp_path)
    assert zoo.find("psnr") == assets.MODELS / "psnr.safetensors"


def test_unknown_names_are_refused_with_the_known_ones(refused):
    with refused("no model 'nonsense'", *zoo.MODELS):
        zoo.load("nonsense")


def test_a_missing_builtin_file_is_named(tmp_path, monkeypatch, refused):
    gone = zoo.ModelCard("Gone", "was here", tmp_path / "gone.safetensors", "none")
    monkeypatch.setitem(zoo.MODELS, "gone", gone)
    with refused("no weights file", "gone.safetensors"):
        zoo.load("gone")


# Downloads, through the real client from a Hub on this machine


class Hub(BaseHTTPRequestHandler):
    """As much of the Hub as `hf_hub_download` asks for: files by path, 404 for the rest."""

    files: ClassVar[dict[str, bytes]] = {}

    def do_HEAD(self) -> None:
        self.answer(with_body=False)

    def do_GET(self) -> None:
        self.answer(with_body=True)

    def answer(self, with_body: bool) -> None:
        content = self.files.get(self.path)
        self.send_response(200 if content is not None or self.path == "/" else 404)
        body = content or b""
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
        self.send_header("X-Repo-Commit", "0" * 40)
        self.end_headers()
        if with_body:
            self.wfile.write(body)


@pytest.fixture
def hub(monkeypatch) -> Iterator[dict[str, bytes]]:
    """A running Hub; what is put into the dictionary can be downloaded from it."""
    monkeypatch.setattr(Hub, "files", {})
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        yield Hub.files
        server.shutdown()


def write_what_is_fetched() -> None:
    try:
        sys.stdout.write(downloads.fetch(DOWNLOAD).read_text() + "\n")
    except UserError as error:
        sys.stdout.write(f"{error}\n")


def fetch(home: Path) -> tuple[str, str]:
    """Fetch `DOWNLOAD` in a process of its own, as the Hub's client reads the environment once:
    stdout and stderr."""
    _, out, err = Forked(write_what_is_fetched, environment={"HF_HOME": str(home)}).ended()
    return out, err


@pytest.mark.slow
def test_downloaded_once_from_the_repository_that_has_it(hub, tmp_path, monkeypatch):
    hub["/second/repo/resolve/main/w.pth"] = CONTENT
    assert fetch(tmp_path)[0] == CONTENT.decode() + "\n"
    hub.clear()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert fetch(tmp_path)[0] == CONTENT.decode() + "\n"


def test_altered_files_are_not_loaded(hub, tmp_path):
    hub["/first/repo/resolve/main/w.pth"] = CONTENT + b"!"
    assert re.match(r"w\.pth is not the published file .* not loaded", fetch(tmp_path)[0])


def test_without_the_repositories(hub, tmp_path):
    hub["/third/repo/resolve/main/w.pth"] = CONTENT
    assert fetch(tmp_path)[0].startswith("w.pth could not be downloaded")


def test_without_a_network_one_look_is_enough(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    out, err = fetch(tmp_path)
    assert out.startswith("w.pth could not be downloaded")
    assert "Retrying" not in err


# Perceptual networks


def test_a_perceptual_network_is_loaded_by_its_path(tmp_path):
    network = VGGFeatures([4] * 5)
    save_features(tmp_path / "vgg.safetensors", network, {})
    loaded = zoo.load_perceptual(str(tmp_path / "vgg.safetensors"))
    assert loaded.widths == [4] * 5


def test_torchvisions_weights_without_a_network(tmp_path, monkeypatch, refused):
    def unreachable(*args, **kwargs):
        raise OSError("offline")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", unreachable)
    with refused("VGG19 could not be downloaded"):
        zoo.load_perceptual("torchvision")


def test_a_missing_perceptual_file_is_refused(refused):
    with refused("no weights file", "absent.pth"):
        zoo.load_perceptual("absent.pth")
