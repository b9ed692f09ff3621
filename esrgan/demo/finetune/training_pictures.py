"""Pictures that a visitor may train on: uploaded ones, zips of them, and the owner's folders."""

import os
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count, islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from esrgan.demo.limits import MAX_PICTURE_BYTES
from esrgan.demo.server.decoding import load_image
from esrgan.demo.server.quota import check_free
from esrgan.demo.server.stopping import go_on
from esrgan.demo.server.uploads import Reception
from esrgan.errors import UserError
from esrgan.pictures.folders import IMAGE_SUFFIXES, list_images
from esrgan.pictures.images import to_rgb, to_uint8

# What one visitor may ask of the machine; `python -m train` has no such limits.
MAX_PICTURES = 2000
MAX_TOTAL_BYTES = 2 * 2**30


@dataclass(frozen=True)
class Receiving:
    """How far uploaded pictures are: so many are copied, and of these so many were looked at."""

    copied: int = 0
    checked: int = 0


def allowed_folders() -> dict[str, Path]:
    """The folders that the server's owner lets visitors train on, by the names that they see."""
    listed = os.environ.get("ESRGAN_TRAINING_FOLDERS", "").split(os.pathsep)
    folders: dict[str, Path] = {}
    for path in (Path(each).absolute() for each in listed if each):
        clashes = sum(path.name == name.partition(" (")[0] for name in folders)
        folders[f"{path.name} ({clashes + 1})" if clashes else path.name] = path
    return folders


def chosen_folder(name: str) -> Path:
    folders = allowed_folders()
    if name not in folders:
        raise UserError("That folder is not one that the server's owner allows.")
    return folders[name]


def unpacked(uploads: Sequence[str], folder: Path) -> Generator[Receiving, None, None]:
    """Copy uploaded pictures, and those in uploaded zips, into a folder under names of ours.

    Yields after each picture how far it is: they are all copied, then all decoded.

    Raises:
        UserError: there are none, too many, too large ones, one can't be decoded, or a zip is
            damaged or hostile.
        StoppedError: the run that calls this is not wanted any more.
    """
    folder.mkdir()
    total = 0
    senders: dict[Path, str] = {}  # names of the copies
    for copied, name in _copies(uploads, folder):
        if len(senders) == MAX_PICTURES:
            raise UserError(f"These are more than {MAX_PICTURES} pictures, the page's limit.")
        total += copied.stat().st_size
        if total > MAX_TOTAL_BYTES:
            raise UserError(f"The pictures are more than {MAX_TOTAL_BYTES // 2**30} GB.")
        senders[copied] = name
        yield Receiving(len(senders))
    if not senders:
        raise UserError("Choose HR pictures to train on: files, or a zip of them.")
    for number, (copied, name) in enumerate(senders.items(), 1):
        go_on()
        _decoded(copied, name)
        yield Receiving(len(senders), number)


def first_pictures(most: int, uploads: Sequence[str], folder: str | None) -> list[np.ndarray]:
    """A few of the pictures, as H×W×3 `uint8`; the arguments are those of a run.

    Raises:
        UserError: one can't be decoded, or a zip is damaged or hostile.
    """
    if folder:
        files = list_images(chosen_folder(folder))[:most]
        return [_decoded(file, file.name) for file in files]
    with TemporaryDirectory() as place:
        return [_decoded(*each) for each in islice(_copies(uploads, Path(place)), most)]


def _copies(uploads: Sequence[str], folder: Path) -> Iterator[tuple[Path, str]]:
    """Copies of uploaded pictures under names of ours, one by one, and their senders' names."""
    received, numbers = Reception([Path(upload) for upload in uploads]), count(1)
    for file in chain.from_iterable(map(received.files, received.uploads)):
        check_free(folder)
        suffix = file.name.suffix.lower()
        if suffix in IMAGE_SUFFIXES:
            copied = folder / f"{next(numbers):05d}{suffix}"
            file.copy_to(copied, MAX_PICTURE_BYTES)
            yield copied, file.name.name


def _decoded(copied: Path, name: str) -> np.ndarray:
    """H×W×3 `uint8`.

    Raises:
        UserError: a picture can't be decoded; by the name that its sender gave it.
    """
    try:
        return to_uint8(to_rgb(load_image(copied)))
    except UserError as error:
        raise UserError(str(error).replace(copied.name, name)) from error
