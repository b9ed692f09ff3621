"""Weights files from the network: once, from several addresses in turn, checked by their SHA-256.

Proxies are those of the environment (`HTTPS_PROXY`), for the Hugging Face Hub too.
"""

import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

from filelock import FileLock
from tqdm import tqdm

from esrgan.errors import UserError
from esrgan.pictures.files import atomic_path, file_digest

CONNECTION_SECONDS = 10
CHUNK = 2**20
# No model that this project can run is as large.
MOST_BYTES = 2**30
# Is told how many bytes are here, and how many there are if that is known; what it raises ends a
# download, which goes on from there the next time.
Tell = Callable[[int, int | None], object]


class GivenUpError(Exception):
    """Raised by a `Tell`: nobody waits for the file any more."""


@dataclass(frozen=True)
class Download:
    """A file that lies at several places, the same bytes each.

    Attributes:
        filename: the file's.
        repositories: of the Hugging Face Hub, which are asked first.
        sha256: lower-case hexadecimal; None if no published one is confirmed. What the first
            download has is then shown, noted, and asked of all later ones.
        addresses: of the file elsewhere.
        note: shown beside the progress bar, such as a licence.
    """

    filename: str
    repositories: tuple[str, ...]
    sha256: str | None
    addresses: tuple[str, ...] = ()
    note: str = ""


def folder() -> Path:
    """Where files lie that are not of the Hub, whose client keeps its own."""
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints" / "esrgan"


def is_here(download: Download) -> bool:
    """Whether the file needs not be downloaded."""
    return (_kept(download) or _in_hub_cache(download)) is not None


def fetch(download: Download, tell: Tell = lambda _have, _total: None) -> Path:
    """The file, downloaded with a progress bar if it is not here yet, and checked.

    A download that broke off goes on where it ended; an address that fails, or gives other bytes,
    is followed by the next one.

    Raises:
        UserError: no address could be reached, or none has the published bytes.
        GivenUpError: `tell` has raised it.
    """
    known = _kept(download) or _in_hub_cache(download)
    if known is not None:
        check_sha256(known, _expected(download))
        return known
    altered: UserError | None = None
    for found in _from_hub(download, tell):
        try:
            check_sha256(found, _expected(download))
            return found
        except UserError as error:
            altered = altered or error
    for address in download.addresses:
        try:
            return _from_address(address, download, tell)
        except UserError as error:
            altered = altered or error
        except (OSError, HTTPException, ValueError):  # not to be had from there
            continue
    if altered:
        raise altered
    raise UserError(
        f"{download.filename} could not be downloaded: none of its addresses can be reached, or "
        "they refused. Try again later, take a built-in model, or give the file if you have it."
    )


def check_sha256(path: Path, expected: str | None) -> None:
    """Raises UserError if the file's SHA-256 is not `expected` (lower-case hexadecimal)."""
    found = file_digest(path)
    if expected is not None and found != expected:
        raise UserError(f"{_altered(path.name, found, expected)} Delete {path} and try again.")


def _altered(name: str, found: str, expected: str) -> str:
    return (
        f"{name} is not the published file (SHA-256 {found[:12]}…, expected {expected[:12]}…); it "
        "was not loaded."
    )


# ---------------------------------------------------------------- from an address


def kept_path(download: Download) -> Path:
    return folder() / download.filename


def _kept(download: Download) -> Path | None:
    path = kept_path(download)
    return path if path.is_file() else None


def _expected(download: Download) -> str | None:
    """The SHA-256 that is published, or that the first download had."""
    if download.sha256:
        return download.sha256
    noted = _note_of_digest(download)
    return noted.read_text("utf-8").strip() if noted.is_file() else None


def _note_of_digest(download: Download) -> Path:
    return kept_path(download).with_suffix(".sha256")


def _bar(tell: Tell) -> type["tqdm[Any]"]:
    """A progress bar that tells of the bytes, also where it is not drawn."""

    class Telling(tqdm):  # type: ignore[type-arg]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self._have, self._of = options.get("initial", 0), options.get("total")
            tell(self._have, self._of)

        def update(self, n: float | None = 1) -> bool | None:
            self._have += int(n or 0)
            tell(self._have, self._of)
            return super().update(n)

    return Telling


def _from_address(address: str, download: Download, tell: Tell) -> Path:
    """Raises UserError if the bytes are not the published ones; nothing is kept then."""
    target = kept_path(download)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    with FileLock(f"{target}.lock"):
        if target.is_file():  # another process was faster
            return target
        _receive(address, part, download, tell)
        digest, expected = file_digest(part), _expected(download)
        if expected is not None and digest != expected:
            part.unlink()
            raise UserError(_altered(download.filename, digest, expected))
        if expected is None:
            with atomic_path(_note_of_digest(download)) as temporary:
                temporary.write_text(digest + "\n", "utf-8")
            tqdm.write(f"{download.filename}: SHA-256 {digest}, which later downloads must have")
        part.replace(target)
    return target


def _receive(address: str, part: Path, download: Download, tell: Tell) -> None:
    """Fetch what is missing of a file into `part`."""
    have = part.stat().st_size if part.is_file() else 0
    asked = urllib.request.Request(address)
    if have:
        asked.add_header("Range", f"bytes={have}-")
    try:
        response: HTTPResponse = urllib.request.urlopen(asked, timeout=CONNECTION_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # nothing is missing
            return
        raise
    with response:
        have = have if response.status == 206 else 0  # a server that knows no ranges begins anew
        total = _length(response, have)
        title = f"{download.filename} ({download.note})" if download.note else download.filename
        with (
            part.open("ab" if have else "wb") as file,
            _bar(tell)(desc=title, total=total, initial=have, unit="B", unit_scale=True) as shown,
        ):
            while chunk := response.read1(CHUNK):
                file.write(chunk)
                shown.update(len(chunk))
                if file.tell() > MOST_BYTES:
                    raise ValueError("too large for a model")
        if total is not None and part.stat().st_size < total:
            raise OSError("the connection broke off")


def _length(response: HTTPResponse, have: int) -> int | None:
    """Bytes of the whole file, if the server says it."""
    told = response.headers.get("Content-Length", "")
    if not re.fullmatch(r"\d+", told):
        return None
    if int(told) > MOST_BYTES:
        raise ValueError("too large for a model")
    return have + int(told)


# ---------------------------------------------------------------- from the Hub


def _in_hub_cache(download: Download) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    for repository in download.repositories:
        found = try_to_load_from_cache(repository, download.filename)
        if isinstance(found, str):
            return Path(found)
    return None


def _from_hub(download: Download, tell: Tell) -> Iterator[Path]:
    """The file of each repository that has it."""
    from huggingface_hub import hf_hub_download

    if not download.repositories or not _hub_answers():
        return
    for repository in download.repositories:
        try:
            found = hf_hub_download(repository, download.filename, tqdm_class=_bar(tell))
        except GivenUpError:
            raise
        except Exception:  # the Hub's client raises errors of many kinds
            continue
        yield Path(found)


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
