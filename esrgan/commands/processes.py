"""Processes that share a command's files, as `torchrun` starts them; alone, all files are its own.

The first process says what there is to do, and each takes the next file as soon as it is free. They
meet in torchrun's store only: what one writes needs no other, and where one is lost, torchrun ends
all, and the next run does with --skip-existing what is missing.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from tqdm import tqdm

from esrgan.errors import UserError

Item = TypeVar("Item")
# Another process may be so long at its last file, or at looking through a large folder.
PATIENCE = timedelta(hours=24)
SECONDS_BETWEEN_LOOKS = 0.2
PART_BYTES = 4 * 2**20  # of a value in the store, which takes 8 MiB at most


class Processes:
    """All processes of a command, seen from one of them.

    Attributes:
        rank: its number; the first process, 0, prints.
        count: how many there are, on all machines.
    """

    def __init__(self) -> None:
        self.rank = int(os.environ.get("RANK", 0))
        self.count = int(os.environ.get("WORLD_SIZE", 1))
        self._store: Any = _store() if self.count > 1 else None  # a torch.distributed.Store

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def agree(self, first: Callable[[], Any]) -> Any:
        """What `first` returns in the first process, which alone calls it: anything JSON can hold.

        Raises:
            UserError: as it, in the first process.
            SystemExit: in the others then, which have nothing to add.
        """
        if self._store is None:
            return first()
        if self.is_first:
            try:
                said = {"result": first()}
            except UserError:
                self._tell("agreed", {"failed": True})
                raise
            self._tell("agreed", said)
        said = self._heard("agreed")
        if "failed" in said:
            raise SystemExit(2)
        return said["result"]

    def shared(
        self, items: Sequence[Item], unit: str, name: Callable[[Item], str], of: str = ""
    ) -> Iterator[Item]:
        """The items that fall to this process, with one progress line for all of them.

        Args:
            items: equal in all processes; the first ones are taken first.
            unit, name: what an item is, and what it is called.
            of: what they belong to, where there are several such lists.
        """
        with tqdm(
            total=len(items), unit=unit, dynamic_ncols=True, disable=not self.is_first
        ) as progress:
            for item in self._taken(items, of):
                progress.set_postfix_str(name(item))
                yield item
                progress.update(self._store.add(f"done{of}", 1) - progress.n if self._store else 1)
            while self._store and self.is_first and progress.n < len(items):
                time.sleep(SECONDS_BETWEEN_LOOKS)
                progress.update(self._store.add(f"done{of}", 0) - progress.n)

    def _taken(self, items: Sequence[Item], of: str) -> Iterator[Item]:
        if self._store is None:
            yield from items
            return
        while (place := self._store.add(f"taken{of}", 1) - 1) < len(items):
            yield items[place]

    def gather(self, own: Any, of: str = "") -> list[Any]:
        """What each process has to tell, in the first one; nothing in the others; `of` as above."""
        if self._store is None:
            return [own]
        self._tell(f"told by {self.rank}{of}", own)
        if not self.is_first:
            return []
        return [self._heard(f"told by {rank}{of}") for rank in range(self.count)]

    def _tell(self, key: str, value: Any) -> None:
        text = json.dumps(value)
        parts = range(0, len(text), PART_BYTES)
        for number, start in enumerate(parts):
            self._store.set(f"{key} {number}", text[start : start + PART_BYTES])
        self._store.set(key, str(len(parts)))

    def _heard(self, key: str) -> Any:
        """What was told, once it is."""
        parts = int(self._store.get(key))
        return json.loads(b"".join(self._store.get(f"{key} {number}") for number in range(parts)))


def _store() -> Any:
    """Where torchrun's processes meet, of this attempt; each takes its part of the cores."""
    import torch
    from torch.distributed.rendezvous import rendezvous

    if os.environ.get("OMP_NUM_THREADS") == "1":  # torchrun's own wish
        beside = int(os.environ.get("LOCAL_WORLD_SIZE", 1))
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // beside))
    store, _, _ = next(rendezvous("env://"))
    store.set_timeout(PATIENCE)
    return store
