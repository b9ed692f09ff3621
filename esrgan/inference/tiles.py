"""Large pictures in tiles, each with as much around it as the networks really see."""

from collections.abc import Iterator
from dataclasses import dataclass

# LR pixels of context around a tile: beyond the reach of what the networks really use.
OVERLAP = 32
# Tiles begin at multiples of this, so that pixel-unshuffling networks fold them as the whole.
ALIGNMENT = 4
# Pictures of up to this many LR pixels are upscaled whole unless a tile size is given.
WHOLE_PIXELS = 512 * 512
# Side of the tiles of a larger one, in LR pixels, and of those among which it is measured which are
# the quicker: larger ones have less around them to compute too, smaller ones stay in the caches.
DEFAULT_TILE = 384
TILES = (256, DEFAULT_TILE)
OPENVINO_TILE = 256  # where it needs twice PyTorch's memory for a tile
BFLOAT16_TILE = 256


@dataclass(frozen=True)
class Tile:
    """A tile's place, in slices of rows and columns.

    Attributes:
        rows_seen, columns_seen: of LR, the tile and its surroundings.
        rows_kept, columns_kept: of what the network makes of these, the tile alone.
        rows_made, columns_made: of the whole result, the place of that.
    """

    rows_seen: slice
    columns_seen: slice
    rows_kept: slice
    columns_kept: slice
    rows_made: slice
    columns_made: slice


def tiles(height: int, width: int, side: int, scale: int) -> Iterator[Tile]:
    """The tiles of a picture of height×width LR pixels, up to side×side without surroundings."""
    rows, columns = (list(_cut(length, side, scale)) for length in (height, width))
    for seen, kept, made in rows:
        for columns_seen, columns_kept, columns_made in columns:
            yield Tile(seen, columns_seen, kept, columns_kept, made, columns_made)


def _cut(length: int, side: int, scale: int) -> Iterator[tuple[slice, slice, slice]]:
    for begin in range(0, length, side):
        end = min(begin + side, length)
        first = max(0, begin - OVERLAP)
        first -= first % ALIGNMENT
        yield (
            slice(first, min(end + OVERLAP, length)),
            slice((begin - first) * scale, (end - first) * scale),
            slice(begin * scale, end * scale),
        )
