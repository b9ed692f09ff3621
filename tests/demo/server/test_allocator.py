"""Memory goes back to the system, where glibc is."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ONLY_GLIBC = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="this is not glibc")

# How many arenas eight threads that live together make, by glibc's own report.
ARENAS = """
import ctypes, sys, threading
from esrgan.demo.server import allocator
if sys.argv[2] == "limited":
    allocator.limit_arenas()
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
together = threading.Barrier(8)
def work():
    libc.malloc(1000)
    together.wait()
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
report = ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"w"))
libc.malloc_info(0, report)
libc.fclose(report)
"""

# Holes of 100 MB below something that lives on.
HOLES = """
import ctypes
from esrgan.demo.server import allocator
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
blocks = [libc.malloc(100_000) for _ in range(1000)]
for block in blocks: ctypes.memset(block, 1, 100_000)
for block in blocks[:-1]: libc.free(block)
before = resident()
allocator.give_back()
print(before - resident())
"""


def _run(script: str, *arguments: str) -> str:
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def _arenas(report: Path, limited: str) -> int:
    _run(ARENAS, str(report), limited)
    return report.read_text().count("<heap nr=")


@ONLY_GLIBC
def test_threads_share_two_arenas(tmp_path: Path) -> None:
    assert _arenas(tmp_path / "unlimited.xml", "unlimited") > 2
    assert _arenas(tmp_path / "limited.xml", "limited") == 2


@ONLY_GLIBC
def test_free_memory_is_given_back() -> None:
    assert int(_run(HOLES)) > 80_000_000
