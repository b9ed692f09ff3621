"""Visitors told apart by a secret of their browser, a cookie; programs by their session's name.

What somebody started belongs to whoever has the same secret, also after a restart of the server.
Only a digest of it is kept. Knows nothing of gradio.
"""

import hashlib
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

COOKIE = "esrgan-visitor"
SECRET = re.compile(r"[\w-]{43}")
SECONDS = 365 * 24 * 3600

_visitor: ContextVar[str | None] = ContextVar("visitor", default=None)


def visitor() -> str | None:
    """Digest that stands for the visitor of the request at hand; None outside of requests."""
    return _visitor.get()


@contextmanager
def visiting(cookies: Mapping[str, str], session: str | None) -> Iterator[None]:
    """Within it, `visitor()` is whoever sent these cookies or, without ours, in this session."""
    before = _visitor.set(identity(cookies, session))
    try:
        yield
    finally:
        _visitor.reset(before)


def identity(cookies: Mapping[str, str], otherwise: str | None) -> str | None:
    """The digest of the browser's secret or, if it has none, of what else tells visitors apart."""
    secret = cookies.get(COOKIE, "")
    if SECRET.fullmatch(secret):
        return _digest(f"browser {secret}")
    return None if otherwise is None else _digest(f"other {otherwise}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def new_cookie(secure: bool) -> str:
    """A Set-Cookie header with a new secret, which scripts can't read.

    Over HTTPS it is sent in a frame of another site too, as a Space's page is shown; whose requests
    those are is for `guard` to judge.
    """
    where = "SameSite=None; Secure; Partitioned" if secure else "SameSite=Strict"
    secret = secrets.token_urlsafe(32)
    return f"{COOKIE}={secret}; Path=/; Max-Age={SECONDS}; HttpOnly; {where}"
