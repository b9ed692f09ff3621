"""The votes as text, CSV and LaTeX, and the command that prints them."""

import csv
import json
import re
from pathlib import Path

import pytest

from esrgan.commands import cli
from esrgan.errors import UserError
from esrgan.studies.preferences import Interval, Preference, Votes
from esrgan.studies.report import csv_report, latex_report, text_report


@pytest.fixture
def votes() -> Votes:
    return Votes(
        participants=12, answers=120, ties=3, lefts=0.48, seconds=3.25,
        scores={"GAN_1": Interval(0.5, 0.2, 0.8), "=A1": Interval(-0.5, -0.81, -0.2)},
        preferences=[Preference("GAN_1", "=A1", Interval(0.73, 0.64, 0.8), 120, 3)],
        notes=["12 is few."],
    )  # fmt: skip


def test_text_says_all(votes: Votes) -> None:
    text = text_report(votes)
    assert "12 participants, 120 answers, 3 of them no difference, 3.2 s an answer" in text
    assert re.search(r"^GAN_1 +\+0\.50 +\[\+0\.20, \+0\.80\] +120$", text, re.M)
    assert re.search(r"^GAN_1 +=A1 +73\.0 +\[64\.0, 80\.0\] +120 +3$", text, re.M)
    assert text.endswith("note: 12 is few.")


def test_latex_has_minus_signs_and_no_special_characters(votes: Votes) -> None:
    text = latex_report(votes)
    assert r"=A1 & $-$0.50 & [$-$0.81, $-$0.20] & 120 \\" in text
    assert r"GAN\_1 & =A1 & 73.0 & [64.0, 80.0] & 120 & 3 \\" in text
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == 2


def test_csv_is_read_by_a_spreadsheet_as_text(votes: Votes) -> None:
    rows = list(csv.reader(csv_report(votes).splitlines()))
    assert rows[1] == ["GAN_1", "+0.50", "'[+0.20, +0.80]".removeprefix("'"), "120"]
    assert rows[2][0] == "'=A1"
    assert [] in rows


def test_without_scores_only_preferences_are_told(votes: Votes) -> None:
    alone = Votes(1, 1, 0, None, 1.0, None, votes.preferences, [])
    assert "BT" not in text_report(alone) + latex_report(alone) + csv_report(alone)


def answers(folder: Path, people: int) -> list[Path]:
    files = []
    for person in range(people):
        lines = [
            {
                "study": "s", "session": f"id{person}", "participant": f"P{person}", "number": n,
                "picture": f"{n}.png", "left": "gan", "right": "psnr", "seconds": 1.5,
                "answer": "right" if (n + person) % 4 == 0 else "left",
            }
            for n in range(10)
        ]  # fmt: skip
        file = folder / f"{person}.jsonl"
        file.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
        files.append(file)
    return files


def test_the_command_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(file) for file in answers(tmp_path, 12)]
    table = tmp_path / "table.tex"
    assert cli.main(["votes", *files, "-o", str(table)]) == 0
    first = capsys.readouterr().out
    assert first.startswith("12 participants, 120 answers")
    assert r"\begin{tabular}" in table.read_text("utf-8")
    assert cli.main(["votes", *files[::-1]]) == 0
    assert first.startswith(capsys.readouterr().out.rstrip())  # the order of files is no matter


def test_the_command_refuses_before_it_computes(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"written as \.csv or \.tex"):
        cli.main(["votes", "nowhere.jsonl", "-o", str(tmp_path / "table.pdf")])
    with pytest.raises(UserError, match="--resamples"):
        cli.main(["votes", "nowhere.jsonl", "--resamples", "0"])
