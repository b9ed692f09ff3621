"""What the documentation says of speed is what was measured."""

from benchmarks.tables import DOCUMENT, RESULTS, machines, table, with_tables


def test_the_tables_are_those_of_the_results() -> None:
    measured = machines(RESULTS)
    assert measured
    text = DOCUMENT.read_text("utf-8")
    assert text == with_tables(text, measured), "run python -m benchmarks.tables"


def test_a_table_has_a_line_a_size_and_a_column_a_way() -> None:
    rows = [
        {"model": "builtin", "side": 64, "what": "spandrel", "seconds": 0.1, "ratio": 1.0},
        {"model": "builtin", "side": 64, "what": "ours", "seconds": 0.0512, "ratio": 1.953},
        {"model": "paper", "side": 128, "what": "spandrel", "seconds": 12.345, "ratio": 1.0},
        {"model": "builtin", "side": 128, "what": "α: in memory, run", "seconds": 0.3, "ratio": 2},
        {"model": "builtin", "side": 128, "what": "α: write, load, run", "seconds": 1, "ratio": 1},
        {
            "model": "builtin",
            "side": 128,
            "what": "α: the published scripts",
            "seconds": 4.04,
            "ratio": 1,
        },
    ]
    assert table({"machine": "A B, 2 cores", "threads": 2, "rows": rows}).splitlines() == [
        "A B, 2 cores, 2 threads:",
        "",
        "| network, LR | spandrel | ours |",
        "|---|---|---|",
        "| built-in, 64² | 0.100 (1.00×) | 0.0512 (1.95×) |",
        "| 23 blocks, 128² | 12.3 (1.00×) | – |",
        "",
        "A new α of the built-in models at 128² takes 0.3 s, 1 s by writing,",
        "loading and running a file in the same process, 4 s by two scripts as published.",
    ]
    assert "α" not in table({"machine": "A", "threads": 2, "rows": rows[:3]})


def test_only_the_tables_are_replaced() -> None:
    text = "before\n<!-- begin: python -m benchmarks.tables -->\nold\n<!-- end -->\nafter\n"
    expected = "before\n<!-- begin: python -m benchmarks.tables -->\n<!-- end -->\nafter\n"
    assert with_tables(text, []) == expected
