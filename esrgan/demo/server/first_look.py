"""The first look: what the page opens with, in the page's HTML itself, before gradio has built it.

An ASGI middleware. All that it knows of gradio is the element in which it builds the page.
"""

from collections.abc import Collection, Sequence
from urllib.parse import parse_qs

from esrgan.demo.server.assets import App, Message, Receive, Scope, Send

BUILT_IN = b"<gradio-app"


class FirstLook:
    """An app whose page, where its address asks for nothing else, shows something at once.

    Args:
        app: answers everything.
        html: what is shown, before the element in which the page is built.
        pictures: paths of the URLs, quoted, which the browser fetches before it knows what for.
        wishes: names of the parameters by which an address asks for something else.
    """

    def __init__(
        self, app: App, html: str, pictures: Sequence[str], wishes: Collection[str]
    ) -> None:
        self.app, self.html, self.wishes = app, html.encode(), wishes
        self.links = ", ".join(map(_preload, pictures)).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._opens(scope):
            await self.app(scope, receive, send)
            return
        started: Message = {}
        body = b""

        async def opening(message: Message) -> None:
            nonlocal started, body
            if message["type"] == "http.response.start":
                started = message
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            whole = body.replace(BUILT_IN, self.html + BUILT_IN, 1)
            await send({**started, "headers": self._headers(started["headers"], len(whole))})
            await send({"type": "http.response.body", "body": whole})

        await self.app(scope, receive, opening)

    def _opens(self, scope: Scope) -> bool:
        if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] != "/":
            return False
        parameters = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        return parameters.keys().isdisjoint(self.wishes)

    def _headers(
        self, headers: Sequence[tuple[bytes, bytes]], length: int
    ) -> list[tuple[bytes, bytes]]:
        own = {b"content-length": str(length).encode(), b"link": self.links}
        return [*((name, value) for name, value in headers if name not in own), *own.items()]


def _preload(path: str) -> str:
    """Of a `Link` header (RFC 8288): what is fetched beside the scripts. Relative, as the page may
    lie below a prefix."""
    return f"<{path.lstrip('/')}>; rel=preload; as=fetch; crossorigin"
