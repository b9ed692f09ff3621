"""Quotas of uploads: per visitor, for the server, and by what the disk has free.

Knows nothing of gradio.
"""

import shutil
import threading
import time
from collections import Counter
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
    """What was uploaded within the time for which uploads are kept.

    Attributes:
        folder: of the uploads.
        seconds: how long they are kept.
    """

    def __init__(self, folder: Path, seconds: float) -> None:
        self.folder, self.seconds = folder, seconds
        self._taken: list[tuple[float, str, int]] = []
        self._changing = threading.Lock()

    def take(self, visitor: str, size: int) -> str | None:
        """Count an upload of so many bytes in; returns why it is refused, or None."""
        now = time.monotonic()
        with self._changing:
            self._taken = [each for each in self._taken if now - each[0] < self.seconds]
            by_visitor = Counter[str]()
            for _, who, taken in self._taken:
                by_visitor[who] += taken
            if by_visitor[visitor] + size > VISITOR_BYTES:
                return (
                    f"You have uploaded {by_visitor[visitor] / 2**30:.1f} GB within "
                    f"{self.seconds / 60:.0f} minutes, and more would pass the page's limit of "
                    f"{VISITOR_BYTES / 2**30:.3g} GB; try again later."
                )
            if by_visitor.total() + size > SERVER_BYTES:
                return "The server has taken as many uploads as it can hold; try again later."
            if shutil.disk_usage(self.folder).free - size < MIN_FREE_BYTES:
                return DISK_FULL
            self._taken.append((now, visitor, size))
        return None
