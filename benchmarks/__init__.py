"""Commands that measure: `python -m benchmarks.<name>`. Each prints a table and can write JSON."""
