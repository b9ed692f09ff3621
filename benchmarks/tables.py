"""The table of inference in the documentation, written from the results of any number of machines.

    python -m benchmarks.inference --json benchmarks/results/MACHINE.json
    python -m benchmarks.tables

Every file of `benchmarks/results/` that holds rows of `benchmarks.inference` becomes a table.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from esrgan.pictures.files import atomic_path

RESULTS = Path(__file__).parent / "results"
DOCUMENT = Path(__file__).parent.parent / "docs" / "upscaling.md"
BEGIN, END = "<!-- begin: python -m benchmarks.tables -->", "<!-- end -->"
NETWORKS = {"builtin": "built-in", "paper": "23 blocks"}
PEER = "spandrel"
# Rows that begin with it are of a new α, not of a picture.
ALPHA = "α"
ALPHA_NETWORK, ALPHA_SIDE = "builtin", 128


def main() -> None:
    text = DOCUMENT.read_text("utf-8")
    with atomic_path(DOCUMENT) as temporary:
        temporary.write_text(with_tables(text, machines(RESULTS)), "utf-8")


def machines(folder: Path) -> list[dict[str, Any]]:
    """What `benchmarks.inference` has measured, by the files' names."""
    contents = (json.loads(file.read_text("utf-8")) for file in sorted(folder.glob("*.json")))
    rows = {"model", "side", "what", "seconds", "ratio"}
    return [each for each in contents if all(rows <= row.keys() for row in each.get("rows", [{}]))]


def with_tables(text: str, measured: Iterable[Mapping[str, Any]]) -> str:
    """A document with the tables of all machines in their place."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    tables = "\n".join(table(machine) for machine in measured)
    return f"{before}{BEGIN}\n{tables}{END}{after}"


def table(machine: Mapping[str, Any]) -> str:
    """Seconds of each, and in brackets how many times as fast as the peer."""
    pictures = [row for row in machine["rows"] if not row["what"].startswith(ALPHA)]
    columns = list(dict.fromkeys(row["what"] for row in pictures))
    cells: dict[tuple[str, int], dict[str, str]] = {}
    for row in pictures:
        line = cells.setdefault((row["model"], row["side"]), {})
        line[row["what"]] = f"{row['seconds']:#.3g} ({row['ratio']:.2f}×)"
    lines = [
        f"{machine['machine']}, {machine['threads']} threads:",
        "",
        f"| network, LR | {' | '.join(columns)} |",
        "|---" * (1 + len(columns)) + "|",
    ]
    for (model, side), line in cells.items():
        values = " | ".join(line.get(column, "–") for column in columns)
        lines.append(f"| {NETWORKS.get(model, model)}, {side}² | {values} |")
    return "\n".join([*lines, *alpha_lines(machine["rows"]), ""])


def alpha_lines(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """What a new α takes, in a sentence; none where it was not measured."""
    seconds = {
        row["what"]: row["seconds"]
        for row in rows
        if (row["model"], row["side"]) == (ALPHA_NETWORK, ALPHA_SIDE)
    }
    ways = ("α: in memory, run", "α: write, load, run", "α: the published scripts")
    if not all(way in seconds for way in ways):
        return []
    ours, file, scripts = (f"{seconds[way]:.2g}" for way in ways)
    models = f"the {NETWORKS[ALPHA_NETWORK]} models at {ALPHA_SIDE}²"
    return [
        "",
        f"A new α of {models} takes {ours} s, {file} s by writing,",
        f"loading and running a file in the same process, {scripts} s by two scripts as published.",
    ]


if __name__ == "__main__":
    main()
