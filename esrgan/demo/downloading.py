"""Models that are downloaded while a visitor waits: how far, and until they stop. Knows nothing of
gradio."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from esrgan.demo.server.stopping import StoppedError
from esrgan.models import zoo
from esrgan.models.downloads import Download, GivenUpError, fetch, is_here

LOOK_SECONDS = 0.25  # between two tellings
MB = 1e6


@dataclass
class Arriving:
    """A file on its way: its name, the bytes that are here, and of how many, if that is known."""

    name: str
    have: int = 0
    total: int | None = None

    @property
    def words(self) -> str:
        if not self.have:
            return f"Downloading {self.name} …"
        of = f" of {self.total / MB:.0f}" if self.total else ""
        return f"Downloading {self.name}: {self.have / MB:.0f}{of} MB"

    @property
    def share(self) -> float:
        return self.have / self.total if self.total else 0.0


def arriving(models: Sequence[str | Path], is_wanted: Callable[[], bool]) -> Iterator[Arriving]:
    """Download what is not here of the models of `zoo.MODELS` among these; yields the file on its
    way, again and again.

    Raises:
        UserError: as `fetch`.
        StoppedError: it is not wanted any more; what has come is kept for the next time.
    """
    for model in models:
        source = zoo.MODELS[str(model)].source if str(model) in zoo.MODELS else None
        if isinstance(source, Download) and not is_here(source):
            yield from _arriving(source, is_wanted)


def _arriving(download: Download, is_wanted: Callable[[], bool]) -> Iterator[Arriving]:
    file, waits = Arriving(download.filename), True

    def tell(have: int, total: int | None) -> None:
        file.have, file.total = have, total
        if not waits:
            raise GivenUpError

    thread = ThreadPoolExecutor(1, "download")
    fetched = thread.submit(fetch, download, tell)
    try:
        while not fetched.done():
            if not is_wanted():
                raise StoppedError
            yield file
            wait([fetched], LOOK_SECONDS)
        fetched.result()
    finally:
        waits = False
        thread.shutdown(wait=False)
