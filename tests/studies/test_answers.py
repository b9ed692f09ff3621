"""Files of answers: what is read, and what is refused in a line."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from esrgan.errors import UserError
from esrgan.studies.answers import Answer, check_name, read_answers

Refused = Callable[..., AbstractContextManager[None]]
LINE = {
    "study": "s1", "session": "abc", "participant": "Ada", "number": 1, "picture": "baby.png",
    "left": "ESRGAN", "right": "SRGAN", "answer": "left", "seconds": 2.5,
}  # fmt: skip


def saved(path: Path, *changes: dict[str, Any]) -> Path:
    lines = [json.dumps(LINE | {"number": n} | change) for n, change in enumerate(changes)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_files_are_read_in_any_number_and_all_in_one(tmp_path: Path) -> None:
    first = saved(tmp_path / "a.jsonl", {}, {"answer": "same", "seconds": 3})
    second = saved(tmp_path / "b.jsonl", {"session": "x", "participant": "Büşra"})
    answers = read_answers([first, second])
    expected = Answer("s1", "abc", "Ada", "baby.png", "ESRGAN", "SRGAN", "left", 2.5)
    assert answers[0] == expected
    assert [a.answer for a in answers] == ["left", "same", "left"]
    assert answers[2].participant == "Büşra"
    both = tmp_path / "both.jsonl"
    both.write_bytes(b"\xef\xbb\xbf" + first.read_bytes() + b"\r\n" + second.read_bytes())
    assert read_answers([both]) == answers


@pytest.mark.parametrize(
    "change",
    [
        {"answer": "top"}, {"answer": []}, {"answer": None}, {"left": "SRGAN"}, {"left": ""},
        {"right": "a\nb"}, {"right": "\x1b[31m"}, {"picture": "x" * 101}, {"picture": 3},
        {"seconds": -1}, {"seconds": float("nan")}, {"seconds": "2"}, {"seconds": True},
        {"seconds": 10**400},
        {"number": "1"}, {"number": 1.5}, {"study": None}, {"session": {}},
        {"participant": "\u202e"},
    ],
)  # fmt: skip
def test_a_damaged_line_is_named(
    tmp_path: Path, refused: Refused, change: dict[str, object]
) -> None:
    file = saved(tmp_path / "a.jsonl", {}, change)
    with refused("a.jsonl, line 2"):
        read_answers([file])


@pytest.mark.parametrize(
    "content",
    [b"", b"\n\n", b"picture,left,right\n", b"[1]", b"3\n", b'"a"', b"\x89PNG\r\n\x1a\n\xff",
     b'{"study": "s"', b"[" * 100_000, b"{}", b"NaN", b"1" * 10_000],
)  # fmt: skip
def test_foreign_files_are_refused(tmp_path: Path, refused: Refused, content: bytes) -> None:
    file = tmp_path / "other.txt"
    file.write_bytes(content)
    with refused("other.txt", "blind test sav"):
        read_answers([file])


def test_what_is_missing_is_said(tmp_path: Path, refused: Refused) -> None:
    with refused("nothing.jsonl", "could not be read"):
        read_answers([tmp_path / "nothing.jsonl"])
    with refused("could not be read"):
        read_answers([tmp_path])


def test_one_participant_counts_once(tmp_path: Path, refused: Refused) -> None:
    first, second = saved(tmp_path / "a.jsonl", {}), saved(tmp_path / "b.jsonl", {}, {})
    with refused("a.jsonl and", "both hold the answers of Ada", "saved last"):
        read_answers([first, second])
    with refused("both hold"):
        read_answers([first, first])
    first.write_text(first.read_text("utf-8") * 2, encoding="utf-8")
    with refused("question 0 of Ada a second time in line 2"):
        read_answers([first])


def test_studies_are_not_mixed(tmp_path: Path, refused: Refused) -> None:
    first = saved(tmp_path / "a.jsonl", {})
    second = saved(tmp_path / "b.jsonl", {"study": "s2", "session": "x"})
    with refused("b.jsonl belongs to the study s2", "s1"):
        read_answers([first, second])


def test_names_that_can_stand_in_a_table_pass(refused: Refused) -> None:
    for name in ("ESRGAN (ours)", "α = 0.8", "</script>", "名前\u30001", "\U0001fae8"):
        assert check_name(name, "method") == name
    for odd in ("", "  ", "a\tb", "x" * 101, "\ud800"):
        with refused("name of a method"):
            check_name(odd, "method")


@settings(
    derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(st.binary(max_size=400), st.integers(0, 200), st.integers(0, 200))
def test_any_bytes_are_read_or_refused(middle: bytes, start: int, end: int) -> None:
    whole = json.dumps(LINE).encode()
    with TemporaryDirectory() as folder:
        file = Path(folder) / "a.jsonl"
        file.write_bytes(whole[:start] + middle + whole[end:])
        with suppress(UserError):
            assert read_answers([file])
