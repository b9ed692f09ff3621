"""Pictures of a blind test: folders of methods' results, or results made here and now."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from esrgan.errors import UserError
from esrgan.evaluation.methods import Method
from esrgan.evaluation.pairs import Candidates, Pair, load_pair, pair_files, pictures_of
from esrgan.pictures.folders import list_images
from esrgan.pictures.images import load_image, to_uint8
from esrgan.pictures.resize import imresize
from esrgan.studies.blind_test import Item

Reference = Literal["hr", "lr", "none"]
Files = Sequence[tuple[Path, Path | None]]


def name_of(method: Method) -> str:
    """A method's name in a study."""
    return method.model if method.alpha is None else f"{method.mode} α = {method.alpha:g}"


def pictures_named(inputs: Sequence[Path], scale: int, low: bool) -> Files:
    """The files of pictures and folders of them, HR each with its LR if there is one.

    Args:
        low: they are LR, and none has another.

    Raises:
        UserError: as `pair_files`, or a file is missing.
    """
    files: list[tuple[Path, Path | None]] = []
    for path in inputs:
        if path.is_dir():
            files += (
                [(file, None) for file in list_images(path)]
                if low
                else pair_files(path, None, scale)
            )
        elif path.is_file():
            files.append((path, None))
        else:
            raise UserError(f"There is no file or folder {path}.")
    return files


def made_items(
    files: Files, methods: Sequence[Method], scale: int, low: bool, reference: Reference
) -> Iterator[Item]:
    """Items of pictures by methods, one after another as they are asked for.

    Args:
        files: of `pictures_named`.
        low: they are LR.

    Raises:
        UserError: a picture can't be read, or a method can't do it.
    """
    for file, lr_file in files:
        if low:
            lr = to_uint8(load_image(file))
            pair = Pair(file.name, lr, imresize(lr, scale))  # of HR only the size matters
        else:
            pair = load_pair(file, lr_file, scale)
        results = {name_of(method): method.result(pair) for method in methods}
        shown = {"hr": pair.hr, "lr": pair.lr, "none": None}[reference]
        yield Item(file.stem, results, shown)


def kept_files(folders: Mapping[str, Path]) -> list[dict[str, Path]]:
    """The files of each picture of the first folder by method, of the same names in the others, but
    for suffixes such as the method's name.

    Raises:
        UserError: a folder is missing or empty, or lacks a picture.
    """
    (first, folder), *others = folders.items()
    files = pictures_of(folder)
    if not files:
        raise UserError(f"{folder} holds no pictures.")
    found = {name: Candidates(pictures_of(place), place, name) for name, place in others}
    return [
        {first: file, **{name: there.match(file.name) for name, there in found.items()}}
        for file in files
    ]


def kept_items(files: Sequence[Mapping[str, Path]]) -> Iterator[Item]:
    """Items of `kept_files`, without a reference.

    Raises:
        UserError: a picture can't be read.
    """
    for by_method in files:
        results = {name: load_image(file) for name, file in by_method.items()}
        yield Item(next(iter(by_method.values())).stem, results)
