"""Blind test of comparisons: pictures are collected, and become the page of a user study."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from esrgan.demo.compare.figure import HR, LR, available, new_folder, picture_of, ready, title_of
from esrgan.demo.compare.session import Session
from esrgan.demo.limits import MAX_STUDY_PICTURES, MAX_WEB_PAGE_BYTES
from esrgan.demo.server.served import serve
from esrgan.demo.viewer import Alphas
from esrgan.errors import UserError
from esrgan.pictures.files import atomic_path
from esrgan.pictures.images import load_image
from esrgan.studies.blind_test import Item, blind_test_page, check_methods

FILE_NAME = "blind-test.html"
MOST_CHARACTERS = 50  # of a picture's name


@dataclass(frozen=True)
class Entry:
    """A picture of the study, as files that the page serves.

    Attributes:
        run: of the comparison that it is of.
        results: by the method's name.
        hr: None where there is none.
    """

    name: str
    run: str
    results: Mapping[str, str]
    hr: str | None


Study = tuple[Entry, ...]


def with_current(study: Study, session: Session | None, panes: Sequence[str], at: Alphas) -> Study:
    """The study with the comparison at hand, in place of what it had of it.

    Args:
        panes: keys of `figure.TITLES`, the methods; those that the comparison lacks are left out.
        at: where the sliders stand.

    Raises:
        UserError: there are no results yet, or fewer than two methods, or others than those of the
            pictures before, or the study is full.
    """
    session = ready(session)
    chosen = [pane for pane in available(session, panes) if pane not in (LR, HR)]
    methods = [title_of(session, pane, at) for pane in chosen]
    check_methods(methods)
    others = [entry for entry in study if entry.run != session.view.run]
    if others and list(others[0].results) != list(methods):
        raise UserError(
            f"The pictures collected so far compare {_listed(others[0].results)}, this one would "
            f"{_listed(methods)}: choose the same, or remove those."
        )
    if len(others) >= MAX_STUDY_PICTURES:
        raise UserError(f"A blind test of the page has {MAX_STUDY_PICTURES} pictures at most.")
    made = (serve(picture_of(session, pane, at), "result") for pane in chosen)
    has_hr = session.comparison.hr is not None
    hr = serve(picture_of(session, HR, at), "original") if has_hr else None
    name = _unlike(session.view.name, others)
    return (*others, Entry(name, session.view.run, dict(zip(methods, made, strict=True)), hr))


def _unlike(name: str, others: Sequence[Entry]) -> str:
    """A picture's name that no other has, and that can be printed."""
    known = {entry.name for entry in others}
    name = "".join(filter(str.isprintable, name))[:MOST_CHARACTERS].strip() or "picture"
    numbered = (name, *(f"{name} {number}" for number in range(2, len(known) + 2)))
    return next(each for each in numbered if each not in known)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def words(study: Study) -> str:
    """Sentence on what is collected."""
    if not study:
        return "No picture is collected: the test would be of the one above alone."
    return f"{_listed(study[0].results)} on {', '.join(entry.name for entry in study)}."


def page(study: Study, with_original: bool, crop: int | None) -> Path:
    """File of the page, which works offline.

    Args:
        with_original: show HR beside, where all pictures have one.
        crop: side of the place that is shown, where the methods differ most; None for all of it.

    Raises:
        UserError: its pictures are no longer kept, or too large together.
    """
    shows_hr = with_original and all(entry.hr for entry in study)
    text = blind_test_page(
        (_item(entry, shows_hr) for entry in study), crop=crop, max_mb=MAX_WEB_PAGE_BYTES / 1e6
    )
    file = new_folder() / FILE_NAME
    with atomic_path(file) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    return file


def _item(entry: Entry, shows_hr: bool) -> Item:
    try:
        results = {name: load_image(Path(file)) for name, file in entry.results.items()}
        hr = load_image(Path(entry.hr)) if shows_hr and entry.hr else None
    except UserError as error:
        raise UserError(
            f"The results for {entry.name} are no longer kept: remove the pictures, and collect "
            "them again."
        ) from error
    return Item(entry.name, results, hr)
