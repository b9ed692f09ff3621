"""Many visitors at once: what they are told, and what the server keeps of them.

    python -m benchmarks.visitors --clients 20 --seconds 120
    python -m benchmarks.visitors --clients 32 --requests 200
    python -m benchmarks.visitors --at-once 1 4

Each visitor is a client of its own that uploads pictures of its own and asks for upscaling,
measuring and whole comparisons; a tenth of the requests are cancelled, and another tenth broken off
by closing the connection. Clients come and go. An answer must be that of the visitor's own picture:
its colours tell it from all others, and its measures must be those that the library takes.
Ends with 1 if there was any error but "busy", a wrong answer, files left behind, or memory kept.

With `--at-once` it is only measured how many pictures a second so many visitors get upscaled
together: the work takes turns, so that four should get as many as one, or more.
"""

import argparse
import json
import random
import secrets
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from gradio_client import Client, handle_file
from PIL import Image

from benchmarks.machine import describe_machine
from benchmarks.server import Server, running
from esrgan.demo import choice, point
from esrgan.demo.compare.family import BUILTIN, CLEAN
from esrgan.demo.compare.source import AS_HR
from esrgan.demo.server.visitors import COOKIE

# How long the server keeps files here, so that their going can be seen; no answer takes so long. It
# looks for old ones twice in this time, so that the last may go half of it later.
KEPT_SECONDS = 300
BUSY = "busy"
PATIENCE = 600  # seconds for one answer, after which the server is taken to hang
# Memory that the server may have more than before: results that are remembered, see `comparison`.
KEPT_MIB = 100
# Of `--at-once`: how often it is measured, and requests each time.
ROUNDS, EACH_ROUND = 3, 8
PATCHES = (4, 6)  # of a picture, high and wide
PATCH = 16
TOLERANCE = 30  # grey levels between a patch and its result; GAN models are up to 21 off


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=120, help="how long to go on")
    parser.add_argument("--requests", type=int, help="end after so many instead")
    parser.add_argument(
        "--kept", type=int, default=KEPT_SECONDS, help="seconds that the server keeps files"
    )
    parser.add_argument(
        "--at-once",
        nargs="+",
        type=int,
        metavar="N",
        help="only how fast so many are served",
    )
    parser.add_argument("--json", type=Path, help="also write the numbers there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        served, own = Path(folder, "served"), Path(folder, "own")
        for each in (served, own):
            each.mkdir()
        with running(served, ESRGAN_KEEP_SECONDS=str(options.kept)) as server:
            if options.at_once:
                figures = speeds(server, own, options.at_once)
            else:
                allowed = Allowance(options.requests, options.seconds)
                figures = crowd(server, own, options.clients, allowed, options.kept)
    for name, value in figures.items():
        print(f"{name:40} {value}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    if options.at_once:
        return 0
    kept = figures["after MiB"] - figures["before MiB"] > KEPT_MIB
    return int(bool(figures["errors"] or figures["wrong answers"] or figures["files left"] or kept))


def speeds(server: Server, own: Path, counts: Sequence[int]) -> dict[str, Any]:
    """Upscaled pictures a second for each number of visitors, which take turns; the best counts."""
    _warm_up(server, own)
    visitors = [Visitor(server.url, own, f"{n}", random.Random(n)) for n in range(max(counts))]
    found = dict.fromkeys(counts, 0.0)
    for _ in range(ROUNDS):
        for count in counts:
            asks = [visitor.upscale for visitor in visitors[:count]]
            found[count] = max(found[count], per_second(asks, EACH_ROUND))
    for visitor in visitors:
        visitor.client.close()
    first = found[counts[0]]
    return {"machine": describe_machine()} | {
        f"pictures a second, {count} at once": f"{speed:.2f} ({speed / first:.2f}×)"
        for count, speed in found.items()
    }


def per_second(asks: Sequence[Callable[[], str]], requests: int) -> float:
    """Requests a second that are answered, shared among visitors who ask at once.

    Raises:
        SystemExit: an answer was not right.
    """
    shares = [requests // len(asks) + (n < requests % len(asks)) for n in range(len(asks))]
    begun = time.monotonic()
    with ThreadPoolExecutor(len(asks)) as pool:
        work = [pool.submit(_asked, *each) for each in zip(asks, shares, strict=True)]
        answers = [answer for each in work for answer in each.result()]
    if set(answers) != {"right"}:
        raise SystemExit(f"An answer was {next(each for each in answers if each != 'right')}.")
    return requests / (time.monotonic() - begun)


def _asked(ask: Callable[[], str], times: int) -> list[str]:
    return [ask() for _ in range(times)]


class Allowance:
    """So many requests, or any number for so many seconds."""

    def __init__(self, requests: int | None, seconds: float) -> None:
        self._left, self._seconds = requests, seconds
        self._changing = threading.Lock()

    @cached_property
    def _until(self) -> float:
        return time.monotonic() + self._seconds

    def take(self) -> bool:
        """Whether there is one more."""
        with self._changing:
            if self._left is None:
                return time.monotonic() < self._until
            self._left -= 1
            return self._left >= 0


def crowd(
    server: Server, own: Path, clients: int, allowed: Allowance, kept: float
) -> dict[str, Any]:
    examples = server.files_left()  # the page's own
    _warm_up(server, own)
    before, told = server.memory(), Counter[str]()
    peak, begun = [before], time.monotonic()
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.5):
            peak[0] = max(peak[0], server.memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    with ThreadPoolExecutor(clients) as pool:
        visits = [pool.submit(visit, server.url, own, n, allowed) for n in range(clients)]
        for each in visits:
            told.update(each.result())
    seconds = time.monotonic() - begun
    print(f"{told.total()} requests in {seconds:.0f} s; now their files must go", flush=True)
    until = time.monotonic() + 3 * kept
    while server.files_left() > examples and time.monotonic() < until:
        time.sleep(1)
    over.set()
    watcher.join()
    return {
        "machine": describe_machine(),
        "clients": clients,
        "seconds": round(seconds),
        "requests": told.total(),
        "answers": told["right"],
        "wrong answers": told["wrong"],
        "told that the server is busy": told[BUSY],
        "cancelled by the client": told["cancelled"],
        "connections closed by the client": told["closed"],
        "errors": {words: n for words, n in told.items() if words.startswith("error")},
        "before MiB": round(before),
        "peak MiB": round(peak[0]),
        "after MiB": round(server.memory()),
        "files left": server.files_left() - examples,
    }


def _warm_up(server: Server, own: Path) -> None:
    visitor = Visitor(server.url, own, "first", random.Random(-1))
    for ask in (visitor.upscale, visitor.measure, visitor.compare):
        assert ask() == "right"
    visitor.client.close()


def visit(url: str, own: Path, number: int, allowed: Allowance) -> Counter[str]:
    """One visitor after another in this place, as long as there are requests to make."""
    chance, told = random.Random(number), Counter[str]()
    while allowed.take():
        visitor = Visitor(url, own, f"{number}", chance)
        try:
            told[visitor.ask()] += 1
            for _ in range(chance.randint(0, 5)):
                if allowed.take():
                    told[visitor.ask()] += 1
        finally:
            visitor.client.close()
    return told


class Visitor:
    """A client with pictures of its own; what is asked tells how the answer was."""

    def __init__(self, url: str, own: Path, name: str, chance: random.Random) -> None:
        self.url, self.chance, self.file = url, chance, own / f"{name}.png"
        self.browser = {"Cookie": f"{COOKIE}={secrets.token_urlsafe(32)}"}  # one of its own
        patient = {"timeout": PATIENCE}
        self.client = Client(
            url, verbose=False, download_files=str(own), headers=self.browser, httpx_kwargs=patient
        )

    def ask(self) -> str:
        asks = [self.upscale, self.measure, self.compare, self.cancel, self.disconnect]
        (ask,) = self.chance.choices(asks, (5, 2, 1, 1, 1))
        try:
            return ask()
        except Exception as error:  # the client raises errors of many kinds: the words tell
            words = f"{error}" or repr(error)
            return BUSY if "queue is full" in words.lower() else f"error: {words[:100]}"

    def upscale(self) -> str:
        colours = self._new_picture()
        job = self.client.submit(**self._wish(), api_name="/upscale")
        return _judged(_shows(job.result(PATIENCE), colours))

    def measure(self) -> str:
        self._new_picture()
        job = self.client.submit(**self._wish(), mode="network", api_name="/measure")
        alpha = self.alpha
        expected = point.measured(str(self.file), choice.pair("psnr", "gan"), alpha, "network")
        told = job.result(PATIENCE)
        return _judged(abs(told["psnr_y"] - expected["psnr_y"]) < 0.01)

    def compare(self) -> str:
        """A comparison as the tab makes it: a session, and a file for each key frame."""
        colours = self._new_picture()
        models = (BUILTIN, CLEAN, None, None, "psnr", "gan", "")
        job = self.client.submit(handle_file(self.file), AS_HR, *models, api_name="/compare")
        view = job.result(PATIENCE)
        files = [shown["file"] for shown in (*view["pictures"][1:], *view["frames"])]
        return _judged(view["complete"] and all(_shows(file, colours) for file in files))

    def cancel(self) -> str:
        self._new_picture()
        job = self.client.submit(**self._wish(), api_name="/upscale")
        time.sleep(self.chance.choice((0, 0.2, 1)))
        job.cancel()
        return "cancelled"

    def disconnect(self) -> str:
        """Ask as a browser does, and close the connection before the answer is there."""
        self._new_picture()
        base = f"{self.url}/gradio_api"
        with httpx.Client(headers=self.browser, timeout=PATIENCE) as client:
            with self.file.open("rb") as file:
                (path,) = client.post(f"{base}/upload", files={"files": file}).json()
            picture = {"path": path, "meta": {"_type": "gradio.FileData"}}
            data = {"data": [picture, "psnr", "gan", self.chance.random(), "network"]}
            answer = client.post(f"{base}/call/upscale", json=data)
            if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
                return BUSY
            with client.stream("GET", f"{base}/call/upscale/{answer.json()['event_id']}"):
                time.sleep(self.chance.choice((0, 0.2, 1)))
        return "closed"

    def _wish(self) -> dict[str, Any]:
        self.alpha = self.chance.random()
        return {"picture": handle_file(self.file), "alpha": self.alpha}

    def _new_picture(self) -> np.ndarray:
        """A picture of random patches, and their colours, which its result shows too."""
        colours = np.array(
            [self.chance.randrange(40, 216) for _ in range(3 * PATCHES[0] * PATCHES[1])], np.uint8
        ).reshape(*PATCHES, 3)
        Image.fromarray(colours.repeat(PATCH, 0).repeat(PATCH, 1)).save(self.file)
        return colours


def _judged(right: bool) -> str:
    return "right" if right else "wrong"


def _shows(file: Any, colours: np.ndarray) -> bool:
    """Whether a picture, of whatever size, is of these patches: by what is in their middles."""
    picture = np.asarray(Image.open(file).convert("RGB")).astype(float)
    rows, columns, _ = colours.shape
    high, wide = picture.shape[0] // rows, picture.shape[1] // columns
    patches = picture.reshape(rows, high, columns, wide, 3)
    middle = patches[:, high // 4 : high - high // 4, :, wide // 4 : wide - wide // 4]
    return bool(np.abs(middle.mean(axis=(1, 3)) - colours).max() < TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
