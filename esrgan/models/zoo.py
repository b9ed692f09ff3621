"""The models: one visible table, and how each comes to be a network in memory."""

import contextlib
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import safe_open

from esrgan import assets
from esrgan.errors import UserError
from esrgan.pictures.files import file_digest

if TYPE_CHECKING:  # the page shows this table before torch is there
    from esrgan.networks import Generator, VGGFeatures
    from esrgan.networks.vgg import InputName

BUILTIN_LICENCE = "trained on pictures for non-commercial research; see assets/models/README.md"
CONNECTION_SECONDS = 10
OFFICIAL_LICENCE = "Apache-2.0 (the authors of ESRGAN)"
BUILTIN_PERCEPTUAL = assets.MODELS / "vgg19-caltech101.safetensors"


@dataclass(frozen=True)
class Download:
    """A file on the Hugging Face Hub, the same bytes in each of the repositories."""

    filename: str
    repositories: tuple[str, ...]
    sha256: str


@dataclass(frozen=True)
class ModelCard:
    """A generator that can be named: an entry of `MODELS`.

    Attributes:
        title: for people.
        description: what it was trained for.
        source: a file of the project, or a download.
        licence: of the weights.
    """

    title: str
    description: str
    source: Path | Download
    licence: str


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A generator, and what is known of the file that it came from.

    Attributes:
        network: in evaluation mode, float32, on the CPU.
        title: for people: of `MODELS`, or the file's name.
        file: the weights file.
        digest: its SHA-256, lower-case hexadecimal.
        facts: how the network was trained, as its file says; empty for a foreign one.
    """

    network: "Generator"
    title: str
    file: Path
    digest: str
    facts: Mapping[str, Any]


MODELS: dict[str, ModelCard] = {
    "psnr": ModelCard(
        "PSNR (built-in)",
        "compact RRDBNet trained with L1",
        assets.MODELS / "psnr.safetensors",
        BUILTIN_LICENCE,
    ),
    "gan": ModelCard(
        "GAN (built-in)",
        "fine-tuned from psnr with Eq. 3, perceptual loss before activation",
        assets.MODELS / "gan.safetensors",
        BUILTIN_LICENCE,
    ),
    "gan-after": ModelCard(
        "GAN, loss after activation (built-in)",
        "as gan, but with the perceptual loss after activation",
        assets.MODELS / "gan-after.safetensors",
        BUILTIN_LICENCE,
    ),
    "official-psnr": ModelCard(
        "RRDB_PSNR_x4 (official)",
        "the authors' 23-block PSNR model",
        Download(
            "RRDB_PSNR_x4.pth",
            ("databuzzword/esrgan", "kadirnar/RRDB_PSNR_x4"),
            "f372b59f22929e1bc83fa58d78215c96f976de3b2eaeee736da1b348913da6cc",
        ),
        OFFICIAL_LICENCE,
    ),
    "official-gan": ModelCard(
        "RRDB_ESRGAN_x4 (official)",
        "the authors' 23-block ESRGAN model",
        Download(
            "RRDB_ESRGAN_x4.pth",
            ("databuzzword/esrgan", "kadirnar/RRDB_ESRGAN_x4"),
            "65fece06e1ccb48853242aa972bdf00ad07a7dd8938d2dcbdf4221b59f6372ce",
        ),
        OFFICIAL_LICENCE,
    ),
}


def load(name_or_file: str | Path, scale: int | None = None) -> LoadedModel:
    """Load a generator by a name of `MODELS` or from any weights file: `load("gan").network`.

    Args:
        name_or_file: a key of `MODELS` or a path.
        scale: as in `load_generator`.

    Raises:
        UserError: as `find` and `load_generator`.
    """
    from esrgan.models.checkpoints import load_generator_and_facts

    card = MODELS.get(str(name_or_file))
    file = find(name_or_file)
    network, facts = load_generator_and_facts(file, scale)
    if card is None:
        return LoadedModel(network, file.name, file, file_digest(file), facts)
    # A download's digest was compared with the published one on the way here.
    digest = card.source.sha256 if isinstance(card.source, Download) else file_digest(file)
    return LoadedModel(network, card.title, file, digest, facts)


def builtin_config(file: Path) -> dict[str, Any] | None:
    """Architecture and configuration of a built-in model, by its file's header and without torch;
    None for any other file."""
    if file.parent != assets.MODELS:
        return None
    with safe_open(file, "np") as opened:
        metadata = opened.metadata()
    return {"architecture": metadata["architecture"], **json.loads(metadata["config"])}


def find(name_or_file: str | Path) -> Path:
    """The weights file of a model, downloaded and checked first if need be.

    Raises:
        UserError: neither a name nor a file, or the download failed or was altered.
    """
    model = MODELS.get(str(name_or_file))
    if model is None:
        path = Path(name_or_file)
        if path.is_file():
            return path
        raise UserError(
            f"There is no model {str(name_or_file)!r}: it is no file, and the names are "
            f"{', '.join(MODELS)}."
        )
    if isinstance(model.source, Path):
        return model.source
    return fetch(model.source)


def fetch(download: Download) -> Path:
    """Download a file once, with a progress bar, and check its SHA-256.

    Raises:
        UserError: no repository could be reached, or the bytes are not the published ones.
    """
    path = _downloaded_before(download) or _download(download)
    check_sha256(path, download.sha256)
    return path


def _downloaded_before(download: Download) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    for repository in download.repositories:
        found = try_to_load_from_cache(repository, download.filename)
        if isinstance(found, str):
            return Path(found)
    return None


def _download(download: Download) -> Path:
    from huggingface_hub import hf_hub_download

    if _hub_answers():
        for repository in download.repositories:
            with contextlib.suppress(Exception):  # the Hub's client raises errors of many kinds
                return Path(hf_hub_download(repository, download.filename))
    raise UserError(
        f"{download.filename} could not be downloaded: the Hugging Face Hub can't be reached or "
        "refused. The built-in models work without it; if you have the file, choose it instead."
    )


def _hub_answers() -> bool:
    """One look: the Hub's own client tries for almost a minute where there is no network."""
    from huggingface_hub import constants

    try:
        request = urllib.request.Request(constants.ENDPOINT, method="HEAD")
        urllib.request.urlopen(request, timeout=CONNECTION_SECONDS).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def check_sha256(path: Path, expected: str) -> None:
    """Raises UserError if the file's SHA-256 is not `expected` (lower-case hexadecimal)."""
    found = file_digest(path)
    if found != expected:
        raise UserError(
            f"{path.name} is not the published file (SHA-256 {found[:12]}…, expected "
            f"{expected[:12]}…); it was not loaded. Delete it and try again: {path}"
        )


def load_perceptual(name_or_file: str, input_name: "InputName | None" = None) -> "VGGFeatures":
    """The perceptual network: "builtin", "torchvision" (ImageNet VGG19), or a VGG16's or 19's file.

    Args:
        input_name: as in `load_features`, of a file.

    Raises:
        UserError: torchvision's weights can't be downloaded, or as `load_features`.
    """
    from esrgan.models.checkpoints import load_features

    if name_or_file == "builtin":
        return load_features(BUILTIN_PERCEPTUAL)
    if name_or_file == "torchvision":
        return load_features(_torchvision_vgg19())
    return load_features(name_or_file, input_name)


def _torchvision_vgg19() -> Path:
    """torchvision's ImageNet weights, downloaded once; torch checks the hash in the name."""
    import torch
    from torchvision.models import VGG19_Weights

    url = VGG19_Weights.IMAGENET1K_V1.url
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    path = folder / url.rpartition("/")[2]
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(url, str(path), hash_prefix="dcbb9e9d")
        except (OSError, RuntimeError) as error:
            raise UserError(
                "torchvision's VGG19 could not be downloaded. Give the file of a VGG16 or VGG19 "
                "with --perceptual FILE, or use --perceptual builtin."
            ) from error
    return path
