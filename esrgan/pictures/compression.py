"""Traces that JPEG has left: the quality in a file's tables, and blocks in a picture."""

from pathlib import Path

import numpy as np

# The first part of the JPEG standard's Annex K: the table for brightness, in the order of a file.
STANDARD = np.array(
    [
        *(16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40),
        *(26, 24, 22, 22, 24, 49, 35, 37, 29, 40, 58, 51, 61, 60, 57, 51),
        *(56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80, 109, 81, 87),
        *(95, 98, 103, 104, 103, 62, 77, 113, 121, 112, 100, 120, 92, 101, 103, 99),
    ],
    float,
)
HEADER_BYTES = 2**20  # tables stand before the pixels; previews and profiles may come first
BLOCK = 8
# So much larger are the steps between blocks than the largest of those within.
TRACES = 1.06
# Of a large picture, the middle is looked at.
LOOKED_AT = 1024


def jpeg_quality(path: Path) -> int | None:
    """The quality (1 … 100) whose standard table is nearest to the file's; None if it is no JPEG
    or has no such table. Only its header is read.

    Raises:
        OSError: the file can't be read.
    """
    with path.open("rb") as file:
        tables = _quantisation(file.read(HEADER_BYTES))
    if 0 not in tables:
        return None
    errors = [np.abs(_scaled(quality) - tables[0]).sum() for quality in range(1, 101)]
    return 1 + int(np.argmin(errors))


def _scaled(quality: int) -> np.ndarray:
    """The table of the Independent JPEG Group's encoders, which nearly all programs use."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.clip((STANDARD * percent + 50) // 100, 1, 255)


def _quantisation(data: bytes) -> dict[int, np.ndarray]:
    """The tables by their numbers, of the segments before the pixels."""
    tables: dict[int, np.ndarray] = {}
    if not data.startswith(b"\xff\xd8\xff"):
        return tables
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        length = int.from_bytes(data[at + 2 : at + 4])
        if data[at + 1] == 0xDB:
            content = data[at + 4 : at + 2 + length]
            while content:
                size, number = (2 if content[0] >> 4 else 1), content[0] & 15
                table = content[1 : 1 + 64 * size]
                if len(table) < 64 * size:
                    break
                tables.setdefault(number, np.frombuffer(table, f">u{size}").astype(float))
                content = content[1 + 64 * size :]
        at += 2 + max(2, length)
    return tables


def blockiness(picture: np.ndarray) -> float:
    """How much larger the steps from one 8×8 block to the next are than those elsewhere: about 1
    where there are no blocks that begin at the picture's corner.

    Args:
        picture: H×W or H×W×C, `uint8` or `uint16`; below three blocks a side, 1 is returned.
    """
    grey = picture if picture.ndim == 2 else picture[..., :3].mean(axis=2)
    top, left = (max(0, side - LOOKED_AT) // 2 // BLOCK * BLOCK for side in grey.shape)
    grey = grey[top : top + LOOKED_AT, left : left + LOOKED_AT].astype(float)
    if min(grey.shape) < 3 * BLOCK:
        return 1.0
    return float(np.mean([_ratio(grey), _ratio(grey.T)]))


def _ratio(grey: np.ndarray) -> float:
    """Of columns: the step across a block's edge, beyond what its neighbours lead one to expect, by
    the largest one at other places of the grid."""
    steps = np.abs(np.diff(grey, axis=1)).mean(axis=0)  # W-1; number n lies between n and n + 1
    whole = len(steps) // BLOCK * BLOCK
    by_place = np.median(steps[:whole].reshape(-1, BLOCK), axis=0)
    largest = np.delete(by_place, BLOCK - 1).max()
    return float(by_place[BLOCK - 1] / largest) if largest > 0 else 1.0
