"""Folders of pictures: the one listing that all commands, the page and training share."""

from pathlib import Path

from esrgan.errors import UserError

IMAGE_SUFFIXES = frozenset(
    {
        *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".dib"),
        *(".tif", ".tiff", ".gif", ".ppm", ".pgm", ".pbm", ".pnm", ".avif"),
    }
)


def list_images(folder: Path, recursive: bool = True) -> list[Path]:
    """The picture files of a folder by suffix, sorted; hidden files are left out.

    Raises:
        UserError: there is no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder.")
    files = folder.rglob("*") if recursive else folder.glob("*")
    found = sorted(
        file
        for file in files
        if file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith(".")
    )
    if not found:
        raise UserError(f"{folder} holds no pictures.")
    return found
