"""Host names of the page, and whether anybody but this machine's users can reach it.

What the owner says on the command line stands in the environment, where gradio looks too:
GRADIO_SERVER_NAME (`--host`), GRADIO_SHARE (`--share`), ESRGAN_ALLOWED_HOSTS (`--allowed-host`,
separated by commas). Knows nothing of gradio.
"""

import os
from collections.abc import Collection
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

HOST_VARIABLE, SHARE_VARIABLE = "GRADIO_SERVER_NAME", "GRADIO_SHARE"
ALLOWED_HOSTS_VARIABLE = "ESRGAN_ALLOWED_HOSTS"


def open_to(host: str | None, share: bool, allowed: Collection[str]) -> None:
    """Note what the owner says on the command line; before gradio is imported."""
    if host:
        os.environ[HOST_VARIABLE] = host
    if share:
        os.environ[SHARE_VARIABLE] = "True"
    if allowed:
        before = os.environ.get(ALLOWED_HOSTS_VARIABLE, "")
        os.environ[ALLOWED_HOSTS_VARIABLE] = ",".join([*filter(None, [before]), *allowed])


def listening_host() -> str:
    """The address that the server listens on: this machine's own unless the owner says so."""
    return os.environ.get(HOST_VARIABLE) or "127.0.0.1"


def is_shared() -> bool:
    return os.environ.get(SHARE_VARIABLE, "").lower() == "true"


def is_local() -> bool:
    """Whether only this machine's users reach the page."""
    return _is_loopback(listening_host()) and not is_shared() and not os.environ.get("SPACE_ID")


def host_of(netloc: str) -> str:
    """The name in "name:port", in lower case; "" if it is none."""
    with suppress(ValueError):
        parts = urlsplit(f"//{netloc}")
        if parts.port is None or parts.port >= 0:  # raises for a port that is no number
            plain = not (parts.path or parts.query or parts.fragment or parts.username)
            return (parts.hostname or "") if plain else ""
    return ""


def is_own_host(netloc: str, more: Collection[str] = ()) -> bool:
    """Whether a request that names this host, with or without a port, is meant for the page.

    Names that any other site could point at this machine (DNS rebinding) are not: only loopback
    names, the host listened on, a Space's own, `more`, and those that the owner allows. A server
    that listens on all addresses has any address as its name, since no address can be rebound.
    """
    host = host_of(netloc)
    if _is_loopback(host) or host in _named_hosts(more):
        return True
    return _is_wildcard(listening_host()) and _address(host) is not None


def is_own_origin(origin: str, netloc: str, more: Collection[str] = ()) -> bool:
    """Whether a request to this host was made by the page itself, or by a site its owner allows."""
    scheme, _, source = origin.partition("://")
    if scheme not in ("http", "https") or not host_of(source):
        return False
    if source.lower() == netloc.lower() or host_of(source) in _allowed_hosts(more):
        return True
    both = _is_loopback(host_of(source)) and _is_loopback(host_of(netloc))
    return both and _port(source) == _port(netloc)


def _named_hosts(more: Collection[str]) -> set[str]:
    listening = listening_host().lower()
    return {*_allowed_hosts(more), *(() if _is_wildcard(listening) else (listening,))}


def _allowed_hosts(more: Collection[str]) -> set[str]:
    """Those named as the page's own, without the one listened on: at its other ports are others."""
    owners = os.environ.get(ALLOWED_HOSTS_VARIABLE, "").split(",")
    space = os.environ.get("SPACE_HOST", "").split(",")
    return {host_of(name.strip()) for name in (*owners, *space, *more)} - {""}


def _port(netloc: str) -> int | None:
    return urlsplit(f"//{netloc}").port


def _address(host: str) -> IPv4Address | IPv6Address | None:
    with suppress(ValueError):
        return ip_address(host)
    return None


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _is_wildcard(host: str) -> bool:
    address = _address(host)
    return address is not None and address.is_unspecified
