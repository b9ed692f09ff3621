"""The package: what a wheel holds, and that it works away from the clone."""

import os
import shutil
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from pathlib import Path

import pytest

import esrgan

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "assets" / "examples" / "chelsea.png"


def python(*words: str, folder: Path = ROOT, path: Path | None = None) -> str:
    """Run the interpreter without the user's PYTHONPATH; it must succeed."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    ended = subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_importing_it_costs_neither_torch_nor_numpy() -> None:
    script = "import esrgan, sys; assert not {'torch', 'numpy', 'PIL'} & set(sys.modules)"
    python("-c", script)


@pytest.mark.parametrize("name", esrgan.__all__)
def test_each_name_of_the_public_face_is_there_by_itself(name: str) -> None:
    assert getattr(esrgan, name) is not None
    assert name in dir(esrgan)


def test_other_names_are_refused_as_of_any_module() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'upscaler'"):
        _ = esrgan.upscaler


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built by what is installed here, without asking a registry."""
    pytest.importorskip("hatchling")
    pytest.importorskip("hatch_requirements_txt")
    folder = tmp_path_factory.mktemp("wheel")
    quiet = ("--quiet", "--disable-pip-version-check", "--no-index")
    words = ("wheel", *quiet, "--no-deps", "--no-build-isolation", "-w", str(folder), str(ROOT))
    python("-m", "pip", *words)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the unpacked wheel, as pip would lay it."""
    folder = tmp_path_factory.mktemp("site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_the_wheel_holds_every_file_of_the_packages_and_assets(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    words = ["git", "ls-files", "esrgan", "train", "assets"]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    tracked = [name for name in listed.stdout.splitlines() if (ROOT / name).exists()]
    expected = {name.replace("assets/", "esrgan/_assets/", 1) for name in tracked}
    assert expected <= held
    assert {Path(name).suffix for name in held - expected} <= {".py"}, "files of nobody's"


def test_the_version_and_the_dependencies_have_one_source(installed: Path) -> None:
    (metadata,) = installed.glob("*.dist-info/METADATA")
    lines = metadata.read_text("utf-8").splitlines()
    assert f"Version: {esrgan.__version__}" in lines
    required = [line for line in lines if line.startswith("Requires-Dist") and "extra" not in line]
    assert len(required) == len((ROOT / "requirements.txt").read_text("utf-8").splitlines())
    extras = {line.split()[1] for line in lines if line.startswith("Provides-Extra")}
    assert {"demo", "train", "openvino", "dev"} <= extras


@pytest.mark.slow
def test_the_scripts_start_what_they_name(installed: Path, tmp_path: Path) -> None:
    (points,) = installed.glob("*.dist-info/entry_points.txt")
    scripts = ConfigParser()
    scripts.read(points)
    for name, place in scripts["console_scripts"].items():
        module, _, function = place.partition(":")
        # As pip writes it.
        file = tmp_path / name
        file.write_text(f"import sys\nfrom {module} import {function}\nsys.exit({function}())\n")
        assert python(str(file), "--help", folder=tmp_path, path=installed).startswith(
            f"usage: {name} "
        )
    assert set(scripts["console_scripts"]) == {"esrgan", "esrgan-demo", "esrgan-train"}


@pytest.mark.slow
def test_it_upscales_away_from_the_clone(installed: Path, tmp_path: Path) -> None:
    """With its own weights; the page keeps what it trains where it was started."""
    shutil.copy(EXAMPLE, tmp_path / "cat.png")
    script = """
from PIL import Image
import esrgan
from esrgan import assets
assert assets.INSTALLED and "site-packages" in esrgan.__file__
lr = Image.open("cat.png").convert("RGB").crop((0, 0, 32, 24))
sr = esrgan.Upscaler(esrgan.load("gan").network).pil(lr)
assert sr.size == (128, 96)
from esrgan.demo.finetuned import runs_folder
print(runs_folder())
"""
    runs = python("-c", script, folder=tmp_path, path=installed).strip()
    assert Path(runs) == tmp_path.resolve() / "runs" / "finetune"


@pytest.mark.slow
def test_it_trains_away_from_the_clone(
    installed: Path, training_pictures: Path, tmp_path: Path
) -> None:
    """Presets are there, and a training is started from a folder with a `train.py` of its own."""
    (tmp_path / "train.py").write_text("raise SystemExit('somebody else')\n")
    script = f"""
import subprocess
from esrgan.command_line import python_module
python, environment = python_module("train")
words = ["psnr", "--preset", "tiny", "--data", {str(training_pictures)!r}, "--out", "run"]
subprocess.run([*python, *words, "--iterations", "1", "--dry-run"], env=environment, check=True)
"""
    python("-P", "-c", script, folder=tmp_path, path=installed)
