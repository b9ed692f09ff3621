"""Memory that is free goes back to the system. Nothing of it happens without glibc.

Left to itself, glibc makes up to eight arenas per core for the threads of a server, and each keeps
the holes between what lives on: some 200 MiB after a hundred pictures, which cost nothing to give
back.
"""

import ctypes
import sys
from functools import cache

ARENA_MAX = -8  # M_ARENA_MAX of malloc.h
# One for the main thread, one for those that serve: only one computes at a time, see `sharing`.
ARENAS = 2


@cache
def _glibc() -> ctypes.CDLL | None:
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    return library if hasattr(library, "malloc_trim") else None


def limit_arenas() -> None:
    """Limit glibc's arenas; to be called before there are threads, as those that exist remain."""
    glibc = _glibc()
    if glibc is not None:
        glibc.mallopt(ARENA_MAX, ARENAS)


def give_back() -> None:
    """Return to the system whatever is free; takes some milliseconds."""
    glibc = _glibc()
    if glibc is not None:
        glibc.malloc_trim(0)
