"""Pictures that a visitor may train on: uploaded ones, zips of them, and the owner's folders."""

import os
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from esrgan.demo.limits import MAX_PICTURE_BYTES
from esrgan.demo.server.decoding import load_image
from esrgan.demo.server.quota import check_free
from esrgan.demo.server.uploads import Reception
from esrgan.errors import UserError
from esrgan.pictures.images import IMAGE_SUFFIXES

# What one visitor may ask of the machine; `python -m train` has no such limits.
MAX_PICTURES = 2000
MAX_TOTAL_BYTES = 2 * 2**30


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


def unpacked(uploads: Sequence[str], folder: Path) -> Path:
    """Copy uploaded pictures, and those in uploaded zips, into a folder under names of ours.

    Raises:
        UserError: there are none, too many, too large ones, one can't be decoded, or a zip is
            damaged or hostile.
    """
    folder.mkdir()
    number = total = 0
    senders: dict[Path, str] = {}  # names of the copies
    received = Reception([Path(upload) for upload in uploads])
    for file in chain.from_iterable(map(received.files, received.uploads)):
        check_free(folder)
        suffix = file.name.suffix.lower()
        if suffix not in IMAGE_SUFFIXES:
            continue
        number += 1
        if number > MAX_PICTURES:
            raise UserError(f"These are more than {MAX_PICTURES} pictures, the page's limit.")
        copied = folder / f"{number:05d}{suffix}"
        total += file.copy_to(copied, MAX_PICTURE_BYTES)
        if total > MAX_TOTAL_BYTES:
            raise UserError(f"The pictures are more than {MAX_TOTAL_BYTES // 2**30} GB.")
        senders[copied] = file.name.name
    if not number:
        raise UserError("Choose HR pictures to train on: files, or a zip of them.")
    for copied, name in senders.items():
        _check(copied, name)
    return folder


def _check(copied: Path, name: str) -> None:
    """Raises UserError: a picture can't be decoded, by the name that its sender gave it."""
    try:
        load_image(copied)
    except UserError as error:
        raise UserError(str(error).replace(copied.name, name)) from error
