"""Answers of a blind test: the files that participants send back, a JSON object a line."""

import json
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Literal, cast, get_args

from esrgan.errors import UserError

Side = Literal["left", "right", "same"]
# A study of hundreds of participants takes a few of these.
MOST_BYTES = 64_000_000
MOST_CHARACTERS = 100  # of a name
UNSEEN = ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")  # Unicode's categories
NO_ANSWER = (
    "this is no answer as the page of a blind test saves it; the file is damaged or another's."
)
NO_ANSWERS = "is no file of answers that the page of a blind test saved"


@dataclass(frozen=True)
class Answer:
    """One participant's choice between two methods' results of one picture.

    Attributes:
        study: the id of the page; pages of other pictures, methods or words have others.
        session: whoever answered, told apart also from others of the same name.
        participant: the name that was given, or one that the page made up.
        left, right: the methods that stood there (above and below on a narrow screen).
        answer: which was preferred, or "same".
        seconds: from seeing both to the answer.
    """

    study: str
    session: str
    participant: str
    picture: str
    left: str
    right: str
    answer: Side
    seconds: float


def check_name(name: object, what: str) -> str:
    """The name of a method, a picture or a participant, if it can stand in tables and in a page.

    Raises:
        UserError: it is empty, too long, or holds what can't be printed.
    """
    if not isinstance(name, str) or not is_plain(name, MOST_CHARACTERS):
        raise UserError(
            f"The name of a {what} has 1 to {MOST_CHARACTERS} printable characters, "
            f"unlike {ascii(name)[:60]}."
        )
    return name


def is_plain(text: str, most: int) -> bool:
    """Whether a text is one line of 1 to `most` characters, none of which is invisible or turns the
    direction of writing; those that are newer than this Python pass."""
    seen = not any(unicodedata.category(character) in UNSEEN for character in text)
    return bool(text.strip()) and len(text) <= most and seen


def read_answers(files: Sequence[Path]) -> list[Answer]:
    """The answers of any number of files.

    Raises:
        UserError: a file can't be read, is damaged or another's, two of them hold answers of the
            same participant, or they belong to different studies.
    """
    answers: list[Answer] = []
    homes: dict[str, Path] = {}
    for file in files:
        found = _read(file)
        for session in dict.fromkeys(answer.session for answer in found):
            if session in homes:
                name = next(a.participant for a in found if a.session == session)
                raise UserError(
                    f"{homes[session]} and {file} both hold the answers of {name}; "
                    "give the one that was saved last."
                )
            homes[session] = file
        answers += found
        other = next((a.study for a in found if a.study != answers[0].study), None)
        if other:
            raise UserError(
                f"{file} belongs to the study {other}, the files before it to "
                f"{answers[0].study}; count the votes of one study at a time."
            )
    if not answers:
        raise UserError("There is no answer in these files.")
    return answers


def _read(file: Path) -> list[Answer]:
    try:
        if file.stat().st_size > MOST_BYTES:
            raise UserError(f"{file} {NO_ANSWERS}: it has more than {MOST_BYTES // 10**6} MB.")
        text = file.read_text("utf-8-sig")
    except OSError as error:
        raise UserError(f"{file} could not be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{file} {NO_ANSWERS}: it is not text.") from error
    answers = list(_parsed(file, text))
    if not answers:
        raise UserError(f"{file} {NO_ANSWERS}: it is empty.")
    return answers


def _parsed(file: Path, text: str) -> Iterator[Answer]:
    asked: set[tuple[str, int]] = set()
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
            answer, question = _answer(fields), _whole(fields, "number")
        except (LookupError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
            # A UserError is a ValueError.
            reason = str(error) if isinstance(error, UserError) else NO_ANSWER
            raise UserError(f"{file}, line {number}: {reason}") from error
        if (answer.session, question) in asked:
            raise UserError(
                f"{file} holds question {question} of {answer.participant} a second time in "
                f"line {number}; give the answers of each participant once."
            )
        asked.add((answer.session, question))
        yield answer


def _answer(fields: dict[str, object]) -> Answer:
    """Of a line's object; what else stands in it is passed over."""
    seconds = fields["seconds"]
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError("seconds")
    if not (isfinite(seconds) and seconds >= 0):
        raise ValueError("seconds")
    left, right = (check_name(fields[side], "method") for side in ("left", "right"))
    if left == right or fields["answer"] not in get_args(Side):
        raise ValueError("answer")
    return Answer(
        check_name(fields["study"], "study"),
        check_name(fields["session"], "session"),
        check_name(fields["participant"], "participant"),
        check_name(fields["picture"], "picture"),
        left,
        right,
        cast(Side, fields["answer"]),
        float(seconds),
    )


def _whole(fields: dict[str, object], name: str) -> int:
    value = fields[name]
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(name)
    return value
