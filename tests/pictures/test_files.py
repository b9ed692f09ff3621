"""Files are whole, whoever writes and reads them at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from esrgan.pictures.files import atomic_path

WRITERS = 4


def test_one_of_several_writers_wins_and_readers_see_whole_files_only(tmp_path: Path) -> None:
    target = tmp_path / "file"
    contents = [bytes([writer]) * 100_000 for writer in range(WRITERS)]
    target.write_bytes(contents[0])
    together = threading.Barrier(WRITERS)
    done = threading.Event()

    def write(content: bytes) -> None:
        for _ in range(10):
            together.wait(60)
            with atomic_path(target) as temporary, temporary.open("wb") as file:
                for at in range(0, len(content), 10_000):
                    file.write(content[at : at + 10_000])

    def read() -> set[bytes]:
        seen = set()
        while not done.is_set():
            seen.add(target.read_bytes())
        return seen

    with ThreadPoolExecutor(WRITERS + 1) as threads:
        reading = threads.submit(read)
        writing = [threads.submit(write, content) for content in contents]
        try:
            for each in writing:
                each.result()
        finally:
            done.set()
    assert reading.result() <= set(contents)
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("name", ["x" * 251 + ".png", "é" * 125 + ".png", "語" * 83 + ".png"])
def test_a_name_may_be_as_long_as_the_system_allows(tmp_path: Path, name: str) -> None:
    with atomic_path(tmp_path / name) as temporary:
        temporary.write_bytes(b"x")
    assert [path.name for path in tmp_path.iterdir()] == [name]
