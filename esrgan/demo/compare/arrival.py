"""What the page shows when it is opened: by its address, or by what it showed before a reload."""

from typing import Any, NamedTuple

import gradio as gr

from esrgan.demo import choice
from esrgan.demo.compare import kept, page_link
from esrgan.demo.compare.family import (
    ANY,
    BUILTIN,
    CLEAN,
    OFFICIAL,
    PHOTO,
    families,
    shown_choices,
)
from esrgan.demo.compare.page_link import Address
from esrgan.demo.compare.session import Controls, Latest, Session
from esrgan.demo.compare.source import AS_HR, AS_LR, proposed
from esrgan.demo.server.stopping import Runs

UNCHANGED: Any = gr.skip()


class Arrival(NamedTuple):
    """Values of the tab's components, in the order in which `tab.build` names them."""

    upload: Any = UNCHANGED
    kind: Any = UNCHANGED
    own_kind: Any = UNCHANGED
    family: Any = UNCHANGED
    source: Any = UNCHANGED
    tuned: Any = UNCHANGED
    parts: Any = UNCHANGED
    own: Any = UNCHANGED
    first: Any = UNCHANGED
    second: Any = UNCHANGED
    third: Any = UNCHANGED
    address: Any = None
    request: Any = UNCHANGED
    session: Any = UNCHANGED
    viewer: Any = UNCHANGED


def arrive(left: str, runs: Runs, latest: Latest, request: gr.Request) -> Arrival:
    """The page as it was left before a reload, or as its address asks for, or as at first.

    Args:
        left: what the browser noted when the page was left; see `kept.again`.
    """
    again = kept.again(left)
    if again is not None:
        session, address = again
        if session.controls is not None:
            return _back(session, session.controls, address, runs, latest)
    named = {key: value for key, value in request.query_params.items() if key in page_link.PARTS}
    return _named(page_link.read(named), runs) if named else _first(runs)


def _first(runs: Runs) -> Arrival:
    return Arrival(family=gr.Dropdown(families()), request=runs.wish())


def _named(address: Address, runs: Runs) -> Arrival:
    if address.wrong:
        gr.Warning(f"Not understood in the address, and left out: {', '.join(address.wrong)}.")
    upload, kind = str(address.example), AS_HR if address.is_hr else AS_LR
    arrival = Arrival(upload=upload, kind=kind, address=address, request=runs.wish())
    if not address.models:
        answer = UNCHANGED if address.is_hr else proposed(upload, kind, BUILTIN)
        return arrival._replace(source=answer)
    usual = {choice.BUILTIN: (BUILTIN, CLEAN), choice.OFFICIAL: (OFFICIAL, CLEAN)}
    if not address.is_hr:
        usual |= {choice.PHOTO: (BUILTIN, PHOTO), choice.REAL: (OFFICIAL, PHOTO)}
    family, source = usual.get(address.models, (ANY, CLEAN))
    first, second, third = (*address.models, choice.NONE)[:3]
    return arrival._replace(
        family=family,
        source=source,
        parts=gr.Column(visible=family == ANY),
        first=first,
        second=second,
        third=third,
    )


def _back(
    session: Session, controls: Controls, address: Address, runs: Runs, latest: Latest
) -> Arrival:
    """The comparison as far as it got, or begun anew if it had not ended when the page was left."""
    tuned, parts, *trio = shown_choices(
        controls.family, controls.own, *controls.models, tuned_name=controls.tuned
    )
    arrival = Arrival(
        controls.upload,
        controls.kind,
        controls.kind,
        gr.Dropdown(families(), value=controls.family),
        controls.source,
        tuned,
        parts,
        controls.own,
        *trio,
    )
    if session.view.state == "running":
        return arrival._replace(address=address, request=runs.wish())
    runs.latest = session.view.run
    session = kept.keep(latest.compared(kept.looked_at(session, address)))
    return arrival._replace(session=session, viewer=session.view)
