"""The page's scripts and styles, from memory: read and compressed once, and kept by browsers.

An ASGI middleware. All that it knows of gradio is that the files of its build lie below `/assets/`
and that their names hold digests of their contents.
"""

import mimetypes
import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import brotli
from starlette.middleware.gzip import GZipMiddleware

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

ADDRESS = re.compile(r"/assets/(\w[\w.-]*\.(?:js|css))")
ANOTHER_NAME_WHEN_CHANGED = "public, max-age=31536000, immutable"
QUALITY = 5  # of Brotli's 11: higher ones take longer than they save


class Assets:
    """An app whose scripts and styles are answered without it, and whose page is compressed.

    Args:
        app: answers everything else.
        folder: the files of the build.
    """

    def __init__(self, app: App, folder: Path) -> None:
        self.app, self.folder = app, folder
        self.page = GZipMiddleware(app, compresslevel=1)  # an eighth; 9 would cost four times that
        self.known: dict[str, _Asset] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        if scope["path"] == "/":
            await self.page(scope, receive, send)
            return
        name = ADDRESS.fullmatch(scope["path"])
        asset = self._asset(name[1]) if name and _takes_brotli(scope) else None
        if asset is None:
            await self.app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": asset.headers})
        await send({"type": "http.response.body", "body": asset.body})

    def _asset(self, name: str) -> "_Asset | None":
        """None if there is no such file."""
        if name not in self.known:
            file = self.folder / name
            if not file.is_file():
                return None
            self.known[name] = _Asset.of(file)
        return self.known[name]


@dataclass(frozen=True)
class _Asset:
    headers: list[tuple[bytes, bytes]]
    body: bytes

    @classmethod
    def of(cls, file: Path) -> "_Asset":
        body = brotli.compress(file.read_bytes(), quality=QUALITY)
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        headers = {
            "content-type": f"{kind}; charset=utf-8",
            "content-length": str(len(body)),
            "content-encoding": "br",
            "vary": "Accept-Encoding",
            "cache-control": ANOTHER_NAME_WHEN_CHANGED,
        }
        return cls([(key.encode(), value.encode()) for key, value in headers.items()], body)


def _takes_brotli(scope: Scope) -> bool:
    accepted = [value for name, value in scope["headers"] if name == b"accept-encoding"]
    return b"br" in re.split(rb"[ ,]+", b",".join(accepted))
