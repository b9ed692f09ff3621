"""Files: tidy CSV, what every format says, atomic writing."""

import csv
import io
from dataclasses import replace
from pathlib import Path

from esrgan.evaluation.comparison_table import Style
from esrgan.evaluation.results import METRICS, Results
from esrgan.evaluation.score_tables import make_table
from esrgan.evaluation.table_files import WRITERS, means_csv, save_tables, tidy_csv
from tests.evaluation.samples import rows_of


def test_what_is_not_finished_says_so_in_every_table(results: Results) -> None:
    """After Ctrl-C, one method has one picture more."""
    stopped = replace(results, scores=results.scores[:3], planned=5)
    means = make_table(stopped, stopped.means(), pictures=False)
    count = means.head.index("n")
    assert [row[count] for row in means.rows] == ["1/5", "1/5"]
    told = "Means are over 1 of 5 pictures, those that every method has."
    assert told in means.notes
    for name, write in WRITERS.items():
        written = write({"S": stopped}, Style())
        assert (",1," in written) if name == "means.csv" else ("5" in written)
        if not name.endswith(".csv"):
            assert told in written, name


def test_csv_is_tidy_and_holds_every_digit(results: Results) -> None:
    scores = (replace(results.scores[1], psnr_y=1 / 3), *results.scores[2:])
    rows = list(
        csv.DictReader(io.StringIO(tidy_csv({"S": replace(results, scores=scores)}, Style())))
    )
    assert len(rows) == 3
    assert set(METRICS) < rows[0].keys()
    assert float(rows[0]["psnr_y"]) == 1 / 3
    assert (rows[0]["data"], rows[0]["alpha"], rows[0]["niqe_model"]) == ("S", "0.2", "fitted")
    assert [row["niqe"] for row in rows] == ["6.5", "6.0", ""]
    assert rows[1]["psnr_y"] == "inf"
    assert "pyiqa" not in str(rows)


def test_csv_of_means_has_intervals() -> None:
    results = Results(rows_of(a=[20.0, 30.0, 40.0]), planned=4)
    (row,) = csv.DictReader(io.StringIO(means_csv({"": results}, Style())))
    assert (row["pictures"], row["planned"], row["psnr_y"]) == ("3", "4", "30.0")
    assert 20 <= float(row["psnr_y_low"]) < 30 < float(row["psnr_y_high"]) <= 40
    assert row["lpips_low"] == row["lpips"] == ""


def test_the_files_are_written(results: Results, tmp_path: Path) -> None:
    save_tables({"S": results}, tmp_path / "new")
    written = {file.name: file.read_text() for file in (tmp_path / "new").iterdir()}
    assert written == {name: write({"S": results}, Style()) for name, write in WRITERS.items()}
