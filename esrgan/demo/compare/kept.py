"""Comparisons that a page asks for again when it is reloaded. Knows nothing of gradio."""

import json
import weakref
from dataclasses import replace

from esrgan.demo.compare import page_link
from esrgan.demo.compare.page_link import Address
from esrgan.demo.compare.session import Session
from esrgan.demo.viewer import Alphas

MOST_CHARACTERS = 2000  # of what a page notes when it is left

# By the name of their run, which nobody can guess; as long as gradio keeps them, no longer.
_sessions: "weakref.WeakValueDictionary[str, Session]" = weakref.WeakValueDictionary()


def keep(session: Session) -> Session:
    """Remember the newest state of a comparison."""
    _sessions[session.view.run] = session
    return session


def again(note: str | None) -> tuple[Session, Address] | None:
    """Comparison that a page showed when it was left, and how it was looked at; None if it is gone.

    Args:
        note: JSON text of the browser: the run's name, and the parts of an address.
    """
    try:
        said = json.loads((note or "")[:MOST_CHARACTERS])
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    query = {str(name): text for name, text in said.items() if isinstance(text, str)}
    session = _sessions.get(query.pop("run", ""))
    return None if session is None else (session, page_link.read(query))


def looked_at(session: Session, address: Address) -> Session:
    """The comparison as it was looked at when the page was left."""
    view = session.view
    link = view.link.model_copy(
        update={
            "mark": address.mark,
            "view": address.view,
            "pair": address.pair,
            "zoom": address.zoom,
        }
    )
    start = Alphas(**address.alphas)
    return replace(session, view=view.model_copy(update={"link": link, "start": start}))
