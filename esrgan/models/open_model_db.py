"""Models of OpenModelDB (openmodeldb.info) by their names, from its public catalogue.

The catalogue is the repository OpenModelDB/open-model-database: a JSON file a model, with its
architecture, scale, licence, SHA-256 and addresses.
"""

import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from esrgan.errors import UserError
from esrgan.models.downloads import CONNECTION_SECONDS, Download, fetch, folder
from esrgan.pictures.files import atomic_path

CATALOGUE = (
    "https://raw.githubusercontent.com/OpenModelDB/open-model-database/main/data/models/{}.json"
)
NAME = re.compile(r"(?:openmodeldb:|https://openmodeldb\.info/models/)(.*)", re.DOTALL)
IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
MOST_BYTES = 2**20  # of an entry
# The catalogue's word for RRDBNet; and hosts that show a page where a file is expected.
RRDBNET = "esrgan"
PAGES = ("mega.nz", "drive.google.com", "1drv.ms", "mediafire.com", "pixeldrain.com")


@dataclass(frozen=True)
class Resource:
    """A file of a model."""

    platform: str
    type: str
    sha256: str | None
    urls: list[str]


@dataclass(frozen=True)
class Entry:
    """What the catalogue says of a model."""

    name: str
    author: str | list[str]
    license: str | None
    architecture: str
    scale: int
    resources: list[Resource]

    @property
    def licence(self) -> str:
        return self.license or "no licence given"

    @property
    def title(self) -> str:
        author = self.author if isinstance(self.author, str) else ", ".join(self.author)
        return f"{self.name} by {author} ({self.licence})"


def identifier(name: str) -> str | None:
    """4x-UltraSharp of "openmodeldb:4x-UltraSharp" or of its page's address; None of others.

    Raises:
        UserError: it can be no model's.
    """
    match = NAME.fullmatch(name)
    if match is None:
        return None
    if not IDENTIFIER.fullmatch(match[1]):
        raise UserError(f"{match[1]!r} can't be a model of OpenModelDB; one is 4x-UltraSharp.")
    return match[1]


def find(model: str) -> tuple[Path, Entry]:
    """The weights file of a model, downloaded and checked if need be, and its entry.

    Raises:
        UserError: there is no such model, it is no RRDBNet, or it can't be had from here.
    """
    entry = _entry(model)
    if entry.architecture != RRDBNET:
        raise UserError(
            f"{model} is a network of the kind {entry.architecture!r}; only RRDBNet "
            f"({RRDBNET!r}) can be run here."
        )
    files = [r for r in entry.resources if r.platform == "pytorch" and _is_digest(r.sha256)]
    if not files:
        raise UserError(f"The catalogue names no weights file of {model} with a SHA-256.")
    file = files[0]
    direct = tuple(filter(_is_direct, file.urls))
    name = f"{model}.{'safetensors' if file.type == 'safetensors' else 'pth'}"
    try:
        found = fetch(Download(name, (), str(file.sha256).lower(), direct, entry.licence))
    except UserError as error:
        if "could not be downloaded" not in str(error):
            raise
        raise UserError(
            f"{model} ({entry.licence}) could not be downloaded by itself; save it from "
            f"{' or '.join(file.urls) or 'its page'} and name the file instead of it. Its SHA-256 "
            f"must be {file.sha256}."
        ) from error
    return found, entry


def _is_digest(text: str | None) -> bool:
    return bool(re.fullmatch(r"[0-9a-fA-F]{64}", text or ""))


def _is_direct(address: str) -> bool:
    parts = urlsplit(address)
    host = (parts.hostname or "").removeprefix("www.")
    return parts.scheme in ("https", "http") and host not in PAGES


def _entry(model: str) -> Entry:
    """From the network, or as it was at the last time where that gives none."""
    kept = folder() / f"{model}.json"
    try:
        text = _read(CATALOGUE.format(model))
    except (OSError, HTTPException) as error:
        if not kept.is_file():
            raise _missing(model, error) from error
        text = kept.read_bytes()
    try:
        entry = TypeAdapter(Entry).validate_json(text)
    except ValidationError as error:
        raise UserError(f"OpenModelDB's entry of {model} can't be read.") from error
    with atomic_path(kept) as temporary:
        temporary.write_bytes(text)
    return entry


def _read(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=CONNECTION_SECONDS) as response:
        return response.read(MOST_BYTES)


def _missing(model: str, error: Exception) -> UserError:
    if not isinstance(error, urllib.error.HTTPError):
        return UserError(
            f"OpenModelDB's catalogue can't be reached, and {model} is not here yet; try again "
            "later, or give the file if you have it."
        )
    if error.code != 404:
        return UserError(f"OpenModelDB's catalogue answered with {error.code}; try later.")
    return UserError(
        f"OpenModelDB has no model {model!r}; its name stands at the end of its page's address, "
        "such as https://openmodeldb.info/models/4x-UltraSharp."
    )
