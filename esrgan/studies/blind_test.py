"""The page of a blind test: one HTML file that asks for the better of two methods' pictures.

It works offline from disk. Names of methods and pictures are in it, as the saved answers need them,
but neither in its text nor in words that are read by accident.
"""

import hashlib
import html
import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from esrgan.errors import UserError
from esrgan.pictures.encoding import encode_for_browsers
from esrgan.pictures.images import to_rgb, to_uint8
from esrgan.pictures.places import most_different
from esrgan.studies.answers import check_name, is_plain
from esrgan.web_page import base64_script, one_page, one_script

HERE = Path(__file__).parent / "page"
QUESTION = "Which picture looks better?"
QUESTION_WITH_HR = "Which picture is closer to the original?"
ORIGINAL, LOW_RESOLUTION = "Original", "Low resolution"
LIMIT = 60  # of questions, some six minutes
MAX_MB = 50.0
MOST_CHARACTERS = 500  # of a text that participants read
# HR is cut to a multiple of the scale before LR is made of it: by fewer pixels than this.
LARGEST_SCALE = 16


@dataclass(frozen=True)
class Item:
    """A picture of the study.

    Attributes:
        name: of it, in the answers.
        results: H×W, H×W×3 or H×W×4, `uint8` or `uint16`, by the method's name, of one size.
        reference: HR of the same size, or LR whose sides are H and W over a whole number, shown
            beside; None for none.
    """

    name: str
    results: Mapping[str, np.ndarray]
    reference: np.ndarray | None = None


@dataclass(frozen=True)
class Wording:
    """What the participants read, as plain text.

    Attributes:
        question: None for the usual one.
        closing: told at the end: where to send the answers.
    """

    title: str = "A comparison of pictures"
    question: str | None = None
    closing: str = "Please send the saved file to whoever asked you to take part."


def blind_test_page(
    items: Iterable[Item],
    wording: Wording | None = None,
    limit: int = LIMIT,
    ties: bool = False,
    crop: int | None = None,
    max_mb: float = MAX_MB,
) -> str:
    """The page as HTML text; the same for the same arguments.

    Args:
        items: the pictures, each with results of the same methods, two or more.
        limit: of a participant's questions; each pair of methods is asked equally often.
        ties: whether "no difference" may be answered.
        crop: show only the place, so many pixels a side, where the methods differ most.
        max_mb: of the page, in millions of bytes.

    Raises:
        UserError: there is no picture, or only one method; methods, sizes or names don't go
            together; the limit allows less than one question a pair; the page grows too large.
    """
    files = _Files(max_mb)
    methods: list[str] = []
    pictures: list[dict[str, Any]] = []
    titles: set[str] = set()  # of the references, "" where there is none
    for item in items:
        methods = methods or list(item.results)
        check_methods(methods)
        shown = checked(item, methods)
        if crop:
            shown = cropped(shown, crop)
        height, width = shown.results[methods[0]].shape[:2]
        titles.add(_reference_title(shown.reference, height))
        pictures.append(
            {
                "name": item.name,
                "width": width,
                "height": height,
                "files": [files.add(shown.results[method]) for method in methods],
                "reference": None if shown.reference is None else files.add(shown.reference),
            }
        )
        files.check_size(len(pictures))
    names = [picture["name"] for picture in pictures]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(f"Two pictures are called {twice}; rename one.")
    if len(titles) > 1:
        raise UserError("Either all pictures have HR as reference, or all have LR, or none.")
    questions_each(len(pictures), len(methods), limit)
    (title,) = titles
    wording = wording or Wording()
    usual = QUESTION_WITH_HR if title == ORIGINAL else QUESTION
    wording = replace(wording, question=wording.question or usual)
    study = {"limit": limit, "ties": ties, "reference": title, "methods": methods}
    return _filled(study, pictures, files.contents, wording)


def questions_each(pictures: int, methods: int, limit: int) -> int:
    """How many questions a participant is asked; the page's own script counts the same.

    Raises:
        UserError: there is no picture, or the limit is below the number of pairs.
    """
    if not pictures:
        raise UserError("There is no picture to ask about.")
    pairs = methods * (methods - 1) // 2
    if limit < pairs:
        raise UserError(
            f"Each pair of methods is asked equally often, and {methods} methods make {pairs}: "
            f"allow so many questions, not {limit}."
        )
    return pairs * min(pictures, limit // pairs)


def _reference_title(reference: np.ndarray | None, height: int) -> str:
    if reference is None:
        return ""
    return ORIGINAL if reference.shape[0] == height else LOW_RESOLUTION


def check_methods(names: Iterable[str]) -> None:
    """Raises UserError if names can't be those of the methods of one study."""
    names = [check_name(name, "method") for name in names]
    if len(names) < 2:
        raise UserError("A blind test compares two methods or more.")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(f"Two methods are called {twice}; name one otherwise.")


def checked(item: Item, methods: Iterable[str]) -> Item:
    """The item with 8-bit RGB pictures, HR cut to the results' size.

    Raises:
        UserError: a method is missing, or sizes don't go together.
    """
    check_name(item.name, "picture")
    missing = next((name for name in methods if name not in item.results), None)
    if missing is not None:
        raise UserError(f"There is no result of {missing} for {item.name}.")
    results = {name: to_rgb(to_uint8(item.results[name])) for name in methods}
    sizes = {name: picture.shape[:2] for name, picture in results.items()}
    (first, size), *_ = sizes.items()
    other = next((name for name in sizes if sizes[name] != size), None)
    if other is not None:
        raise UserError(
            f"The results for {item.name} must have one size, but that of {first} is "
            f"{size[1]}×{size[0]} pixels and that of {other} "
            f"{sizes[other][1]}×{sizes[other][0]}."
        )
    if item.reference is None:
        return Item(item.name, results)
    reference = to_rgb(to_uint8(item.reference))
    height, width = reference.shape[:2]
    if 0 <= height - size[0] < LARGEST_SCALE and 0 <= width - size[1] < LARGEST_SCALE:
        reference = reference[: size[0], : size[1]]
    elif (size[0] % height, size[1] % width) != (0, 0) or size[0] // height != size[1] // width:
        raise UserError(
            f"The reference of {item.name}, {width}×{height} pixels, is neither the HR nor the LR "
            f"of results of {size[1]}×{size[0]}."
        )
    return Item(item.name, results, reference)


def cropped(item: Item, side: int) -> Item:
    """The place, `side` pixels wide and high or as large as the picture, where results differ most.

    Args:
        item: as `checked` gives it.
    """
    height = next(iter(item.results.values())).shape[0]
    step = 1 if item.reference is None else height // item.reference.shape[0]
    x, y, wide, high = most_different(item.results.values(), side, step)
    box = (slice(y, y + high), slice(x, x + wide))
    small = tuple(slice(part.start // step, part.stop // step) for part in box)
    return Item(
        item.name,
        {name: picture[box] for name, picture in item.results.items()},
        None if item.reference is None else item.reference[small],
    )


class _Files:
    """Pictures of the page, encoded without loss, while there is room."""

    def __init__(self, max_mb: float) -> None:
        self.contents: list[bytes] = []
        self._max_mb, self._bytes = max_mb, 0

    def add(self, picture: np.ndarray) -> int:
        """Returns the picture's number."""
        self.contents.append(encode_for_browsers(picture))
        self._bytes += len(self.contents[-1]) * 4 // 3
        return len(self.contents) - 1

    def check_size(self, pictures: int) -> None:
        if self._bytes > self._max_mb * 1e6:
            raise UserError(
                f"After {pictures} of the pictures the page has {self._bytes / 1e6:.3g} MB, more "
                f"than the {self._max_mb:g} allowed. Show crops of 256 pixels, take fewer "
                "pictures or methods, or allow more."
            )


def _filled(
    study: dict[str, Any], pictures: list[dict[str, Any]], contents: list[bytes], wording: Wording
) -> str:
    """The template with a study whose pictures name their files by places in `contents`."""
    words = {name: _plain(text, name) for name, text in vars(wording).items()}
    digest = hashlib.sha256(json.dumps([study, pictures, words]).encode())
    for content in contents:
        digest.update(hashlib.sha256(content).digest())
    name = digest.hexdigest()[:12]
    # In another order, so that a file's number says nothing of its method.
    order = random.Random(name).sample(range(len(contents)), len(contents))
    number: dict[int | None, int] = {old: new for new, old in enumerate(order)}
    pictures = [
        picture
        | {
            "files": [number[old] for old in picture["files"]],
            "reference": number.get(picture["reference"]),
        }
        for picture in pictures
    ]
    held = {"study": name, **study, "pictures": pictures}
    files = (base64_script(contents[old], f"file-{new}") for new, old in enumerate(order))
    body = Template((HERE / "page.html").read_text("utf-8")).substitute(
        {key: html.escape(text) for key, text in words.items()},
        study=base64_script(json.dumps(held).encode(), "study"),
        files="\n".join(files),
    )
    style = (HERE / "page.css").read_text("utf-8")
    return one_page(words["title"], body, style, one_script(HERE, "page.js"))


def _plain(text: str, what: str) -> str:
    if not is_plain(text, MOST_CHARACTERS):
        raise UserError(
            f"The {what} is one line of 1 to {MOST_CHARACTERS} printable characters, unlike "
            f"{ascii(text)[:60]}."
        )
    return text
