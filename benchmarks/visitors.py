"""Many visitors at once: what they are told, and what the server keeps of them.

    python -m benchmarks.visitors --clients 20 --seconds 120 --json visitors.json

Each visitor is a client of its own that uploads pictures of its own and asks for upscaling and
measuring; a tenth of the requests are given up at once, and clients come and go. An answer must
be that of the visitor's own picture.
Ends with 1 if there was any error but "busy", a wrong picture, or files left behind.
"""

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from gradio_client import Client, handle_file
from PIL import Image

from benchmarks.machine import describe_machine
from benchmarks.server import Server, running

KEPT_SECONDS = 20  # how long the server keeps files here, so that their going can be seen
BUSY = "busy"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--json", type=Path, help="also write the numbers there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        served, own = Path(folder, "served"), Path(folder, "own")
        for each in (served, own):
            each.mkdir()
        with running(served, ESRGAN_KEEP_SECONDS=str(KEPT_SECONDS)) as server:
            figures = crowd(server, own, options.clients, options.seconds)
    for name, value in figures.items():
        print(f"{name:40} {value}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    return int(bool(figures["errors"] or figures["wrong answers"] or figures["files left"]))


def crowd(server: Server, own: Path, clients: int, seconds: float) -> dict[str, object]:
    _warm_up(server, own)
    before, told = server.memory(), Counter[str]()
    peak = [before]
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.5):
            peak[0] = max(peak[0], server.memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    until = time.monotonic() + seconds
    with ThreadPoolExecutor(clients) as pool:
        for result in pool.map(lambda n: visit(server.url, own, n, until), range(clients)):
            told.update(result)
    time.sleep(3 * KEPT_SECONDS)
    over.set()
    watcher.join()
    errors = {words: n for words, n in told.items() if words.startswith("error")}
    return {
        "machine": describe_machine(),
        "clients": clients,
        "seconds": seconds,
        "answers": told["right"],
        "wrong answers": told["wrong"],
        "told that the server is busy": told[BUSY],
        "given up by the client": told["given up"],
        "errors": errors,
        "memory before MiB": round(before),
        "peak MiB": round(peak[0]),
        "after MiB": round(server.memory()),
        "files left": server.files_left(),
    }


def _warm_up(server: Server, own: Path) -> None:
    client = Client(server.url, verbose=False, download_files=str(own))
    for name in ("/upscale", "/measure"):
        client.predict(picture=handle_file(_picture(own, "first", 0.5)), api_name=name)
    client.close()
    time.sleep(3 * KEPT_SECONDS)


def visit(url: str, own: Path, number: int, until: float) -> Counter[str]:
    """One visitor after another in this place, until the time is over."""
    chance, told = random.Random(number), Counter[str]()
    while time.monotonic() < until:
        client = Client(url, verbose=False, download_files=str(own))
        try:
            for _ in range(chance.randint(1, 6)):
                if time.monotonic() < until:
                    told[_ask(client, own, f"{number}", chance)] += 1
        finally:
            client.close()
    return told


def _ask(client: Client, own: Path, name: str, chance: random.Random) -> str:
    level = chance.random()
    picture = handle_file(_picture(own, name, level))
    try:
        if chance.random() < 0.1:
            client.submit(picture=picture, alpha=chance.random(), api_name="/upscale").cancel()
            return "given up"
        if chance.random() < 0.2:
            return "right" if "psnr_y" in client.predict(picture, api_name="/measure") else "wrong"
        result = client.predict(picture=picture, alpha=chance.random(), api_name="/upscale")
        shown = np.asarray(Image.open(result)).mean() / 255
        return "right" if abs(shown - level) < 0.02 else "wrong"
    except Exception as error:  # the client raises errors of many kinds: the words tell
        words = str(error)
        return BUSY if "queue is full" in words.lower() else f"error: {words[:100]}"


def _picture(folder: Path, name: str, level: float) -> Path:
    """A flat picture of a grey level of its own, which its result shows too."""
    file = folder / f"{name}.png"
    Image.new("RGB", (96, 64), (round(255 * level),) * 3).save(file)
    return file


if __name__ == "__main__":
    sys.exit(main())
