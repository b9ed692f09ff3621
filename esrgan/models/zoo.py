"""The models: one visible table, and how each comes to be a network in memory."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import safe_open

from esrgan import assets
from esrgan.errors import UserError
from esrgan.models import open_model_db
from esrgan.models.downloads import Download, fetch
from esrgan.pictures.files import file_digest

if TYPE_CHECKING:  # the page shows this table before torch is there
    from esrgan.networks import Generator, VGGFeatures
    from esrgan.networks.vgg import InputName

BUILTIN_LICENCE = "trained on pictures for non-commercial research; see assets/models/README.md"
OFFICIAL_LICENCE = "Apache-2.0 (the authors of ESRGAN)"
REAL_LICENCE = "BSD-3-Clause (the authors of Real-ESRGAN)"
REAL_RELEASES = "https://github.com/xinntao/Real-ESRGAN/releases/download"
BUILTIN_PERCEPTUAL = assets.MODELS / "vgg19-caltech101.safetensors"


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


_MODELS: dict[str, ModelCard] = {
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
    "photo-psnr": ModelCard(
        "PSNR for photographs (built-in)",
        "psnr, which went on with pictures as phones and web pages leave them",
        assets.MODELS / "photo-psnr.safetensors",
        BUILTIN_LICENCE,
    ),
    "photo-gan": ModelCard(
        "GAN for photographs (built-in)",
        "fine-tuned from photo-psnr as gan from psnr",
        assets.MODELS / "photo-gan.safetensors",
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
            ("https://github.com/cszn/KAIR/releases/download/v1.0/ESRGAN.pth",),
        ),
        OFFICIAL_LICENCE,
    ),
    "real-psnr": ModelCard(
        "RealESRNet_x4plus (Real-ESRGAN's authors)",
        "the 23-block PSNR model for photographs, from which real-gan was fine-tuned",
        Download(
            "RealESRNet_x4plus.pth",
            (),
            None,  # the hashes that public sources name contradict each other
            (f"{REAL_RELEASES}/v0.1.1/RealESRNet_x4plus.pth",),
        ),
        REAL_LICENCE,
    ),
    "real-gan": ModelCard(
        "RealESRGAN_x4plus (Real-ESRGAN's authors)",
        "the 23-block GAN model for photographs: JPEG, noise, blur",
        Download(
            "RealESRGAN_x4plus.pth",
            ("lllyasviel/Annotators",),
            "4fa0d38905f75ac06eb49a7951b426670021be3018265fd191d2125df9d682f1",
            (f"{REAL_RELEASES}/v0.1.0/RealESRGAN_x4plus.pth",),
        ),
        REAL_LICENCE,
    ),
    "real-anime": ModelCard(
        "RealESRGAN_x4plus_anime_6B (Real-ESRGAN's authors)",
        "a 6-block GAN model for drawings",
        Download(
            "RealESRGAN_x4plus_anime_6B.pth",
            ("ximso/RealESRGAN_x4plus_anime_6B",),
            "f872d837d3c90ed2e05227bed711af5671a6fd1c9f7d7e91c911a61f155e99da",
            (f"{REAL_RELEASES}/v0.2.2.4/RealESRGAN_x4plus_anime_6B.pth",),
        ),
        REAL_LICENCE,
    ),
}
# Built-in models that have been trained, and all that can be downloaded.
MODELS = {
    name: card
    for name, card in _MODELS.items()
    if isinstance(card.source, Download) or card.source.is_file()
}


def load(name_or_file: str | Path, scale: int | None = None) -> LoadedModel:
    """Load a generator by a name of `MODELS` or from any weights file: `load("gan").network`.

    Args:
        name_or_file: as in `find`.
        scale: as in `load_generator`.

    Raises:
        UserError: as `find` and `load_generator`.
    """
    from esrgan.models.checkpoints import load_generator_and_facts

    card, published = MODELS.get(str(name_or_file)), open_model_db.identifier(str(name_or_file))
    if card is None and published:
        file, entry = open_model_db.find(published)
        network, facts = load_generator_and_facts(file, scale or entry.scale)
        return LoadedModel(network, entry.title, file, file_digest(file), facts)
    file = find(name_or_file)
    network, facts = load_generator_and_facts(file, scale)
    if card is None:
        return LoadedModel(network, file.name, file, file_digest(file), facts)
    # A download's digest was compared with the published one on the way here.
    digest = card.source.sha256 if isinstance(card.source, Download) else None
    return LoadedModel(network, card.title, file, digest or file_digest(file), facts)


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

    Args:
        name_or_file: a key of `MODELS`, a path, or a model of OpenModelDB, "openmodeldb:4x-…" or
            its page's address.

    Raises:
        UserError: neither a name nor a file, or the download failed or was altered.
    """
    model, published = MODELS.get(str(name_or_file)), open_model_db.identifier(str(name_or_file))
    if model is None and published:
        return open_model_db.find(published)[0]
    if model is None:
        path = Path(name_or_file)
        if path.is_file():
            return path
        raise UserError(
            f"There is no model {str(name_or_file)!r}: it is no file, and the names are "
            f"{', '.join(MODELS)}, and openmodeldb:NAME."
        )
    if isinstance(model.source, Path):
        return model.source
    return fetch(model.source)


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
