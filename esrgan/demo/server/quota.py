"""Quotas of uploads: per visitor, for the server, and by what the disk has free.

Knows nothing of gradio.
"""

import shutil
import threading
import time
from collections import Counter, deque
from pathlib import Path

from esrgan.errors import UserError

# A visitor is known by a cookie that anybody can throw away: the server's quota is what protects
# the disk, the visitor's is for those who mean no harm.
VISITOR_BYTES = 4 * 2**30
SERVER_BYTES = 32 * 2**30
MIN_FREE_BYTES = 2**30  # of the disk, which are not ours to fill

DISK_FULL = "The server's disk is full."


def check_free(folder: Path) -> None:
    """Raises UserError: the folder's disk has no room left for visitors."""
    if shutil.disk_usage(folder).free < MIN_FREE_BYTES:
        raise UserError(DISK_FULL)


class Quota:
    """Count of the bytes uploaded within the time for which uploads are kept.

    Only bytes that have come count, not those that somebody has announced and never sends.

    Attributes:
        folder: of the uploads.
        seconds: how long they are kept.
    """

    def __init__(self, folder: Path, seconds: float) -> None:
        self.folder, self.seconds = folder, seconds
        # Bytes by visitor: of each stretch of time since its beginning, and of all.
        self._stretches: deque[tuple[float, Counter[str]]] = deque()
        self._taken = Counter[str]()
        self._changing = threading.Lock()

    def refusal(self, visitor: str, size: int) -> str | None:
        """Reason to refuse so many bytes more, or None."""
        with self._changing:
            return self._refusal(visitor, size)

    def take(self, visitor: str, size: int) -> str | None:
        """Count so many bytes in; returns why they are refused instead, or None."""
        with self._changing:
            words = self._refusal(visitor, size)
            if words is None:
                self._stretch()[visitor] += size
                self._taken[visitor] += size
            return words

    def _refusal(self, visitor: str, size: int) -> str | None:
        self._forget_old()
        taken = self._taken[visitor]
        if taken + size > VISITOR_BYTES:
            return (
                f"You have uploaded {taken / 2**30:.1f} GB within {self.seconds / 60:.0f} minutes, "
                f"and more would pass the page's limit of {VISITOR_BYTES / 2**30:.3g} GB; try "
                "again later."
            )
        if self._taken.total() + size > SERVER_BYTES:
            return "The server has taken as many uploads as it can hold; try again later."
        if shutil.disk_usage(self.folder).free - size < MIN_FREE_BYTES:
            return DISK_FULL
        return None

    def _stretch(self) -> Counter[str]:
        """The one at hand, of a minute where uploads are kept for an hour."""
        now = time.monotonic()
        if not self._stretches or now - self._stretches[-1][0] > self.seconds / 60:
            self._stretches.append((now, Counter()))
        return self._stretches[-1][1]

    def _forget_old(self) -> None:
        while self._stretches and time.monotonic() - self._stretches[0][0] >= self.seconds:
            self._taken -= self._stretches.popleft()[1]
