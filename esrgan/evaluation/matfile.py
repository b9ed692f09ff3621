"""Matrices in MATLAB's `.mat` files of versions 5 to 7, of which no byte is trusted.

SciPy's reader ends the whole process on some damaged files, and follows nested ones without end.
"""

import struct
import zlib
from collections.abc import Collection, Iterator
from itertools import islice

import numpy as np

HEADER = 128
BYTE_ORDERS = {b"IM": "<", b"MI": ">"}
MATRIX, COMPRESSED = 14, 15
# NumPy's types by the numbers that the format has for them.
TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
NUMERIC = range(6, 16)  # classes of matrices: double, single and the integers
COMPLEX = 0x800


def read_matrices(data: bytes, names: Collection[str], limit: int) -> dict[str, np.ndarray]:
    """The real full matrices of these names; whatever else is in the file is passed over.

    Args:
        data: of the file.
        names: of the matrices that are wanted.
        limit: bytes to which one of them may unpack.

    Raises:
        ValueError: the file is damaged, or of another version.
    """
    order = BYTE_ORDERS.get(data[126:HEADER])
    if order is None:
        raise ValueError("This is not a .mat file of version 5 to 7.")
    found: dict[str, np.ndarray] = {}
    for kind, content in _elements(data[HEADER:], order):
        if kind == COMPRESSED:
            kind, content = next(_elements(_unpacked(content, limit), order), (0, b""))
        if kind == MATRIX:
            found |= _matrix(content, order, names)
    return found


def _unpacked(content: bytes, limit: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(content, limit)
    except zlib.error as error:
        raise ValueError("This .mat file is damaged.") from error


def _elements(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Each element's type and content; short ones hold up to 4 bytes beside a halved tag."""
    at = 0
    while at + 8 <= len(data):
        kind, size = struct.unpack_from(f"{order}II", data, at)
        start = at + 8
        if kind >> 16:
            kind, size, start = kind & 0xFFFF, kind >> 16, at + 4
        stop = start + size
        if stop > len(data):
            raise ValueError("This .mat file is cut off.")
        yield kind, data[start:stop]
        at = stop if kind == COMPRESSED else stop + -stop % 8


def _matrix(content: bytes, order: str, names: Collection[str]) -> dict[str, np.ndarray]:
    """A matrix by its name, if it is wanted."""
    parts = list(islice(_elements(content, order), 4))
    if len(parts) < 4:
        return {}
    (_, flags), (_, sides), (_, letters), (kind, numbers) = parts
    name = letters.decode("latin-1")
    (bits, *_) = np.frombuffer(flags, f"{order}u4")
    if name not in names or bits & 0xFF not in NUMERIC or bits & COMPLEX or kind not in TYPES:
        return {}
    shape = np.frombuffer(sides, f"{order}i4")
    return {name: np.frombuffer(numbers, order + TYPES[kind]).reshape(shape, order="F")}
