"""What a Hugging Face Space needs of the repository."""

import importlib
import os
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from esrgan.demo.server import zero_gpu

ROOT = Path(__file__).parents[2]
# huggingface.co/docs/hub/spaces-config-reference
COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}


@pytest.fixture
def settings() -> dict[str, object]:
    """The front matter of the README."""
    found = re.match(r"---\n(.*?)\n---\n", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert found
    return yaml.safe_load(found[1])


def test_the_front_matter_is_a_gradio_spaces(settings) -> None:
    assert settings["sdk"] == "gradio"
    assert (ROOT / settings["app_file"]).is_file()
    assert settings["license"] == "apache-2.0"
    assert {settings["colorFrom"], settings["colorTo"]} <= COLOURS
    assert len(settings["short_description"]) <= 60


def test_its_versions_are_those_of_the_project(settings) -> None:
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    gradio = next(Requirement(line) for line in lines if line.startswith("gradio"))
    assert gradio.specifier.contains(settings["sdk_version"])
    assert settings["python_version"] in ("3.11", "3.12", "3.13")
    assert f'requires-python = ">={"3.11"}"' in (ROOT / "pyproject.toml").read_text("utf-8")


def test_elsewhere_zero_gpu_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(zero_gpu.VARIABLE, raising=False)
    monkeypatch.setitem(sys.modules, "spaces", None)  # an import of it would fail
    assert zero_gpu.on_gpu(5)(len) is len


def test_on_zero_gpu_functions_are_lent_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    lent: list[tuple[int, object]] = []
    package = types.ModuleType("spaces")
    package.GPU = lambda duration: lambda function: lent.append((duration, function)) or function
    monkeypatch.setitem(sys.modules, "spaces", package)
    monkeypatch.setenv(zero_gpu.VARIABLE, "1")
    assert zero_gpu.on_gpu(5)(len) is len
    assert lent == [(5, len)]
    importlib.import_module("esrgan.demo.compare.tab")


def test_on_zero_gpu_its_package_comes_before_torch(tmp_path: Path) -> None:
    told = "import sys\nsys.exit('torch' if 'torch' in sys.modules else 'no torch')\n"
    (tmp_path / "spaces.py").write_text(told)
    variables = {**os.environ, zero_gpu.VARIABLE: "1", "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "app.py"]
    ended = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True)
    assert ended.stderr.split("\n")[-2] == "no torch"


def test_the_container_runs_as_a_space_expects() -> None:
    lines = (ROOT / "Dockerfile").read_text("utf-8").splitlines()
    assert "EXPOSE 7860" in lines
    assert any("useradd" in line and "1000" in line for line in lines)
    copied = [line.split()[-2:] for line in lines if line.startswith("COPY")]
    for source, _ in copied:
        assert (ROOT / source).exists()
