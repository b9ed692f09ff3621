"""What is installed: a lower bound for each package, a locked version, and a licence."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml
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


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_the_lock_holds_a_version_within_the_bounds_of_every_package_with_hashes(name: str) -> None:
    locked = read_lock((ROOT / name).read_text("utf-8"))
    for line in LINES:
        wanted = Requirement(line)
        version, _ = locked[canonicalize_name(wanted.name)]
        assert wanted.specifier.contains(version), f"{line} is locked at {version}"
    assert all(hashes for _, hashes in locked.values())
    assert "://" not in (ROOT / name).read_text("utf-8"), "no registry is named"


def test_the_development_lock_has_the_versions_of_the_other() -> None:
    run, development = (
        read_lock((ROOT / name).read_text("utf-8"))
        for name in ("requirements.lock", "requirements-dev.lock")
    )
    assert run.items() <= development.items()


def test_the_image_takes_all_but_pytorch_by_hash_and_pytorch_by_version() -> None:
    """By the very commands of the Dockerfile."""
    text = (ROOT / "Dockerfile").read_text("utf-8")
    (cut,) = re.findall(r"&& (sed -E '.+?' requirements\.lock)", text)
    (picked,) = re.findall(r"\$\((grep -Eo '.+?' requirements\.lock)\)", text)
    left = subprocess.run(cut, shell=True, cwd=ROOT, capture_output=True, text=True, check=True)
    names = subprocess.run(picked, shell=True, cwd=ROOT, capture_output=True, text=True, check=True)
    rest, whole = read_lock(left.stdout), read_lock((ROOT / "requirements.lock").read_text("utf-8"))
    assert names.stdout.split() == [f"{n}=={whole[n][0]}" for n in ("torch", "torchvision")]
    missing = whole.keys() - rest.keys()
    assert {"torch", "torchvision", "triton", "nvidia-cublas"} <= missing
    others = missing - {"torch", "torchvision", "triton"}
    assert all(name.startswith(("nvidia-", "cuda-")) for name in others), others
    assert rest.items() <= whole.items()


def test_space_and_image_have_the_same_python() -> None:
    front = yaml.safe_load((ROOT / "README.md").read_text("utf-8").split("---\n")[1])
    (image,) = re.findall(
        r"^FROM python:(\d+\.\d+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE
    )
    assert image == front["python_version"]


def read_lock(text: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Version and hashes by package."""
    lines = text.replace("\\\n", " ")
    found = re.findall(r"^([a-z0-9-]+)==([^ ;]+)(.*)$", lines, re.MULTILINE)
    return {
        name: (version, frozenset(re.findall(r"--hash=sha256:([0-9a-f]{64})", rest)))
        for name, version, rest in found
    }
