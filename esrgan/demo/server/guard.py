"""Requests that never reach the page: of foreign hosts and sites, to unused routes, too large ones.

An ASGI middleware around all of gradio, its MCP server and its uploads. Knows nothing of gradio.
"""

import errno
import re
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any

from esrgan.demo.server.access import is_own_host, is_own_origin
from esrgan.demo.server.quota import DISK_FULL, Quota
from esrgan.demo.server.visitors import identity, new_cookie

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

FOREIGN_HOST = (
    "This address is not one of the page's own. Its owner can allow it: --allowed-host NAME, or "
    "ESRGAN_ALLOWED_HOSTS."
)
FOREIGN_ORIGIN = "Other sites may not use this page. Its owner can allow one: --allowed-host NAME."
# Routes of gradio that the page has no use for: they fetch addresses for others, store uploads of
# their own, or tell of other visitors.
CLOSED = re.compile(
    r"/*(gradio_api/+)?(monitoring|proxy=|file[=/]https?:|component_server|process_recording|stream"
    r"|deep_link|vibe-|undo-vibe|dev/|runs\b|run-history|profiling|queue/status)",
    re.IGNORECASE,
)
UPLOAD = re.compile(r"/+gradio_api/+upload/*")
MCP = re.compile(r"/+gradio_api/+mcp\b")
# What a request may hold: values of the page's parts; for MCP a picture in base64 as well.
MAX_BODY_BYTES, MAX_MCP_BODY_BYTES = 2 * 2**20, 150 * 2**20


class RefusedError(Exception):
    """The status and the sentence with which a request is answered."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status, self.words = status, words


class Guard:
    """The app behind a guard.

    Attributes:
        hosts: of the page, besides those of `access`: its share link's.
        quota: of uploads.
    """

    def __init__(self, app: App, hosts: Callable[[], Collection[str]], quota: Quota) -> None:
        self.app, self.hosts, self.quota = app, hosts, quota

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        try:
            headers = _headers(scope)
            self._check(scope, headers)
            if UPLOAD.fullmatch(scope["path"]):
                await self._upload(scope, headers, receive, send)
            else:
                await self.app(scope, receive, _remembered(scope, headers, send))
        except RefusedError as refused:
            if scope["type"] == "http":
                await _answer(send, refused)
            else:
                await send({"type": "websocket.close", "code": 1008})

    def _check(self, scope: Scope, headers: dict[str, str]) -> None:
        """Raises RefusedError."""
        host, origin, own = headers.get("host", ""), headers.get("origin"), self.hosts()
        if not is_own_host(host, own):
            raise RefusedError(403, FOREIGN_HOST)
        if origin is not None and not is_own_origin(origin, host, own):
            raise RefusedError(403, FOREIGN_ORIGIN)
        if CLOSED.match(scope["path"]):
            raise RefusedError(404, "There is nothing here.")
        if scope.get("method") in ("POST", "PUT", "PATCH"):
            self._check_size(scope, headers)

    def _check_size(self, scope: Scope, headers: dict[str, str]) -> None:
        length = headers.get("content-length", "")
        if not length.isdecimal() or "transfer-encoding" in headers:
            raise RefusedError(411, "The length of what is sent must be told beforehand.")
        if UPLOAD.fullmatch(scope["path"]):
            _refuse(self.quota.refusal(_uploader(scope, headers), int(length)))
            return
        limit = MAX_MCP_BODY_BYTES if MCP.match(scope["path"]) else MAX_BODY_BYTES
        if int(length) > limit:
            raise RefusedError(413, f"A request may have up to {limit / 2**20:.3g} MB.")

    async def _upload(
        self, scope: Scope, headers: dict[str, str], receive: Receive, send: Send
    ) -> None:
        """An upload, counted as it comes, whose failure is told in words instead of a bare
        "Internal Server Error".

        Raises:
            RefusedError: it passes a quota, or it can't be stored.
        """
        visitor = _uploader(scope, headers)
        failed = broken_off = False

        async def counted() -> Message:
            nonlocal broken_off
            message = await receive()
            broken_off = message["type"] == "http.disconnect"
            _refuse(self.quota.take(visitor, len(message.get("body", b""))))
            return message

        async def unless_failed(message: Message) -> None:
            nonlocal failed
            failed = failed or message.get("status", 0) >= 500
            if not failed:
                await send(message)

        try:
            await self.app(scope, counted, unless_failed)
        except Exception as error:
            if broken_off and failed:  # nobody is there to be told
                return
            if not failed or not isinstance(error, OSError):
                raise
            full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
            words = DISK_FULL if full else "The file could not be stored; try again."
            raise RefusedError(507, words) from error
        if failed:
            raise RefusedError(500, "The file could not be stored; try again.")


def _uploader(scope: Scope, headers: dict[str, str]) -> str:
    """Whose quota an upload counts in: the browser's or, without a cookie, the address's."""
    address = (scope.get("client") or ("",))[0]
    return identity(_cookies(headers), address) or ""


def _refuse(words: str | None) -> None:
    """Raises RefusedError: there is a reason."""
    if words:
        raise RefusedError(507 if words == DISK_FULL else 413, words)


def _headers(scope: Scope) -> dict[str, str]:
    """By name in lower case.

    Raises:
        RefusedError: one that decides something is there twice.
    """
    headers: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name = raw.decode("latin-1").lower()
        if name in headers and name in ("host", "origin", "content-length"):
            raise RefusedError(400, f"There are two headers {name}.")
        headers[name] = value.decode("latin-1")
    return headers


def _cookies(headers: dict[str, str]) -> dict[str, str]:
    try:
        return {name: each.value for name, each in SimpleCookie(headers.get("cookie", "")).items()}
    except CookieError:
        return {}


def _remembered(scope: Scope, headers: dict[str, str], send: Send) -> Send:
    """Give the browser its secret with the page, if it has none."""
    if scope["path"].strip("/") or identity(_cookies(headers), None):
        return send

    async def with_cookie(message: Message) -> None:
        if message["type"] == "http.response.start":
            secure = headers.get("x-forwarded-proto", scope.get("scheme")) == "https"
            cookie = (b"set-cookie", new_cookie(secure).encode())
            message = {**message, "headers": [*message.get("headers", ()), cookie]}
        await send(message)

    return with_cookie


async def _answer(send: Send, refused: RefusedError) -> None:
    body = refused.words.encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),  # what is still being sent is not read
    ]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
