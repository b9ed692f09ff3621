"""Structure of picture files: what they declare, checked before a decoder believes it.

A file of a megabyte can declare directories whose entries all point at that megabyte, a tile of a
gigabyte, or thousands of scans; decoders allocate and compute all of it. No sound picture comes
near these limits.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Literal, NamedTuple

from esrgan.errors import UserError

# Scans of a progressive JPEG: encoders make some ten.
MOST_SCANS = 100
# Directories of tags in a file, and numbers in one entry.
MOST_DIRECTORIES, MOST_NUMBERS = 100, 1_000_000
# Bytes of all entries together beyond those that the file has: several may share a few.
SHARED_BYTES = 2**16
# Pixels of a tile, which may be larger than the picture.
LARGEST_TILE = 2**22
# Bytes, unpacked, of a PNG's chunks of each of these kinds that are read; they hold no pixels.
TEXT_BYTES = 2**20
TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")

# The starts of TIFF, and of EXIF and MPF in other files; Pillow takes the wrong ones too.
TIFF_STARTS = (b"II*\0", b"MM\0*", b"II\0*", b"MM*\0", b"II+\0", b"MM\0+")
TIFF_WIDTH, TIFF_HEIGHT, TIFF_TILE_WIDTH, TIFF_TILE_HEIGHT = 256, 257, 322, 323
# Tags that point at another directory: EXIF, GPS and interoperability.
SUBDIRECTORIES = (34665, 34853, 40965)
# Bytes of a number, by its type; those of text or raw bytes stay as they are when read.
UNITS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
UNITS |= {16: 8, 17: 8, 18: 8}
RAW_TYPES = (1, 2, 6, 7)
Order = Literal["big", "little"]
# The next marker of a JPEG; between scans, 255 is data before 0 and before a restart.
MARKER = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]", re.DOTALL)
START_OF_SCAN, END_OF_IMAGE, WITHOUT_LENGTH = 0xDA, 0xD9, (0x01, 0xD8)


class Entry(NamedTuple):
    """An entry of a directory: its tag, the type of its values, how many, and where they lie."""

    tag: int
    type: int
    values: int
    at: int

    @property
    def size(self) -> int:
        """In bytes, as declared."""
        return self.values * UNITS.get(self.type, 0)


def check(data: bytes, name: str) -> None:
    """Raises UserError: decoding the picture `name`, or reading its EXIF, may cost far too much."""
    reason = hazard(data)
    if reason:
        raise UserError(f"{name} {reason}, and is not decoded. Save it anew in another program.")


def hazard(data: bytes) -> str | None:
    """The reason to refuse a file that may cost far more to decode than it is worth, or None.

    Args:
        data: a picture file or EXIF; of anything else nothing is said.
    """
    if data.startswith(b"\xff\xd8") and _scans(data) > MOST_SCANS:
        return f"has more than {MOST_SCANS} progressive scans"
    if data.startswith(TIFF_STARTS):
        return _directory_hazard(data, 0) or _tile_hazard(data)
    starts = list(_tiff_starts(data))
    if len(starts) > MOST_DIRECTORIES:
        return f"has more than {MOST_DIRECTORIES} directories of tags"
    return next(filter(None, (_directory_hazard(data, start) for start in starts)), None)


def _scans(jpeg: bytes) -> int:
    """Scans of a JPEG's first picture, one more than allowed if there are more."""
    if jpeg.count(bytes((0xFF, START_OF_SCAN))) <= MOST_SCANS:  # also in other data: at most these
        return 0
    scans, at = 0, 2
    while scans <= MOST_SCANS and (marker := MARKER.search(jpeg, at)):
        kind, at = jpeg[marker.end() - 1], marker.end()
        if kind == END_OF_IMAGE:
            break
        if kind not in WITHOUT_LENGTH:
            scans += kind == START_OF_SCAN
            at += int.from_bytes(jpeg[at : at + 2], "big")
    return scans


# ---------------------------------------------------------------- directories of tags


def _tiff_starts(data: bytes) -> Iterator[int]:
    """Offsets of the TIFF directories in a file of another format, up to one more than allowed."""
    for start in TIFF_STARTS:
        at = -1
        for _ in range(MOST_DIRECTORIES + 1):
            at = data.find(start, at + 1)
            if at < 0:
                break
            yield at


def _directory_hazard(data: bytes, start: int) -> str | None:
    """Of the first directory at `start`, and in a TIFF of those that it points at."""
    total, directories, seen = 0, [_first_directory(data, start)], 0
    while directories and seen <= len(SUBDIRECTORIES):
        seen += 1
        for entry in _entries(data, start, directories.pop()):
            there = max(0, len(data) - entry.at)
            total += min(entry.size, there)
            if total > len(data) - start + SHARED_BYTES:
                return "has tags that together are larger than the file"
            if entry.size > there:
                continue
            if entry.type not in RAW_TYPES and entry.values > MOST_NUMBERS:
                return "has a tag of millions of numbers"
            if entry.tag in SUBDIRECTORIES and data.startswith(TIFF_STARTS):
                directories.append(start + _number(data, start, entry))
    return None


def _first_directory(data: bytes, start: int) -> int:
    width = _width(data, start)
    return start + int.from_bytes(data[start + width : start + 2 * width], _order(data, start))


def _entries(data: bytes, start: int, at: int) -> Iterator[Entry]:
    """Of the directory at `at` in what begins at `start`; those cut off are left out."""
    order, width = _order(data, start), _width(data, start)
    length, layout = (8, "HHQ8s") if width == 8 else (2, "HHL4s")
    layout = f"{'>' if order == 'big' else '<'}{layout}"
    step = struct.calcsize(layout)
    first = at + length
    count = min(int.from_bytes(data[at:first], order), max(0, len(data) - first) // step)
    table = memoryview(data)[first : first + step * count]
    for place, (tag, kind, values, inline) in enumerate(struct.iter_unpack(layout, table), start=1):
        entry = Entry(tag, kind, values, first + step * place - width)
        if entry.size > width:
            entry = entry._replace(at=start + int.from_bytes(inline, order))
        yield entry


def _number(data: bytes, start: int, entry: Entry) -> int:
    """The first of an entry's values."""
    unit = data[entry.at : entry.at + UNITS.get(entry.type, 0)]
    return int.from_bytes(unit, _order(data, start))


def _order(data: bytes, start: int) -> Order:
    return "big" if data[start : start + 1] == b"M" else "little"


def _width(data: bytes, start: int) -> int:
    """Bytes of an offset: 8 in BigTIFF, of which Pillow reads only Intel's."""
    return 8 if data[start + 2 : start + 3] == b"+" else 4


def _tile_hazard(tiff: bytes) -> str | None:
    largest = dict.fromkeys((TIFF_WIDTH, TIFF_HEIGHT, TIFF_TILE_WIDTH, TIFF_TILE_HEIGHT), 0)
    for entry in _entries(tiff, 0, _first_directory(tiff, 0)):
        if entry.tag in largest:
            largest[entry.tag] = max(largest[entry.tag], _number(tiff, 0, entry))
    width, height, tile_width, tile_height = largest.values()
    if tile_width * tile_height > max(width * height, LARGEST_TILE):
        return f"has tiles of {tile_width}×{tile_height} pixels, far larger than the picture"
    return None


# ---------------------------------------------------------------- chunks of PNG


def png_without_bulk(png: BinaryIO, header_only: bool = False) -> bytes:
    """A PNG without texts and colour profiles of megabytes, on which Pillow gives up.

    Args:
        png: at its beginning.
        header_only: up to the pixels only.
    """
    return b"".join(_slim_chunks(png, header_only))


def _slim_chunks(png: BinaryIO, header_only: bool) -> Iterator[bytes]:
    left = dict.fromkeys(TEXT_CHUNKS, TEXT_BYTES)
    yield png.read(8)
    while head := png.read(8):
        size, kind = int.from_bytes(head[:4], "big"), head[4:]
        if header_only and kind == b"IDAT":
            yield head
            return
        content = png.read(size + 4)
        if kind in left and left[kind] >= 0:
            left[kind] -= _unpacked_size(kind, content)
        if left.get(kind, 0) >= 0:
            yield head + content


def _unpacked_size(kind: bytes, content: bytes) -> int:
    """Bytes of a text or profile; one more than allowed if there are more."""
    _, _, rest = content.partition(b"\0")
    if kind == b"iTXt":
        packed, stream = rest[:1] > b"\0", rest[2:].split(b"\0", 2)[-1]
    else:
        packed, stream = kind != b"tEXt", rest[1:]
    try:
        unpacked = zlib.decompressobj().decompress(stream, TEXT_BYTES + 1) if packed else content
    except zlib.error:
        unpacked = content
    return len(unpacked)
