"""What is installed: a lower bound for each package, and a licence."""

import re
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
LINES = (ROOT / "requirements.txt").read_text("utf-8").split()


def test_every_package_has_a_lower_bound_that_ci_lowest_can_install() -> None:
    for line in LINES:
        assert re.fullmatch(r"[A-Za-z0-9_-]+(\[\w+\])?>=[\d.]+(,<\d+)?", line), line


def test_the_licence_of_every_package_is_listed() -> None:
    listed = (ROOT / "docs" / "licences.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| \*\*(.+?)\*\* \| .+? \| (.+?) \|$", listed, re.MULTILINE))
    assert set(rows) == {canonicalize_name(Requirement(line).name) for line in LINES}
    assert "not said" not in rows.values()
