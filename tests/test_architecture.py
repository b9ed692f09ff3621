"""The import ladder: who may know whom. Read off the sources, and off a real import."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# A folder (or module) imports those named before it, and what is within it; those named together
# may not know each other. CONTRIBUTING names the same.
LADDER = (
    {"esrgan.errors", "esrgan.assets", "esrgan.latex", "esrgan.web_page"},
    {"esrgan.command_line", "esrgan.pictures", "esrgan.networks"},
    {"esrgan.models", "esrgan.run_folder"},
    {"esrgan.inference"},
    {"esrgan.evaluation"},
    {"esrgan.figures", "esrgan.studies", "esrgan.viewer"},
    {"esrgan.commands", "esrgan.demo", "train"},
    {"esrgan.__main__"},
)


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {
    module_name(path): path
    for package in ("esrgan", "train")
    for path in sorted((ROOT / package).rglob("*.py"))
}
LIBRARY = [name for name in MODULES if name.split(".")[0] == "esrgan"]
TABS = [name for name in MODULES if name.startswith("esrgan.demo.") and name.endswith(".tab")]
TRAINING = [name for name in MODULES if name.split(".")[0] == "train"]


def imports(module: str) -> Iterator[str]:
    """The full names that a module imports anywhere, inside functions too."""
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            # `from esrgan.models import zoo` imports a module, not a name of a package.
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                assert node.module is not None
                yield full if full in MODULES else node.module


def room(module: str) -> str:
    """The folder of a module, or the module itself where it stands in none."""
    return "train" if within(module, "train") else ".".join(module.split(".")[:2])


def rung(module: str) -> int:
    return next(height for height, rooms in enumerate(LADDER) if room(module) in rooms)


def within(name: str, package: str) -> bool:
    return f"{name}.".startswith(f"{package}.")


def test_the_sources_are_found():
    assert {"esrgan.models.zoo", "esrgan.networks.rrdb", "train.stages"} <= MODULES.keys()
    assert "esrgan.errors" in set(imports("esrgan.models.zoo"))
    assert "esrgan.demo.compare.tab" in TABS


@pytest.mark.parametrize("module", [name for name in MODULES if name != "esrgan"])
def test_nothing_is_imported_from_beside_or_above(module):
    ours = [name for name in imports(module) if name in MODULES and name != "esrgan"]
    others = [name for name in ours if room(name) != room(module)]
    assert [name for name in others if rung(name) >= rung(module)] == []


@pytest.mark.parametrize("module", LIBRARY)
def test_the_library_knows_nothing_of_training_and_only_the_page_of_gradio(module):
    forbidden = ["train"] if within(module, "esrgan.demo") else ["train", "gradio"]
    assert [name for name in imports(module) if any(within(name, f) for f in forbidden)] == []


@pytest.mark.parametrize("module", TRAINING)
def test_training_knows_nothing_of_the_page(module):
    forbidden = ("gradio", "esrgan.demo", "app")
    assert [name for name in imports(module) if any(within(name, f) for f in forbidden)] == []


@pytest.mark.parametrize("module", MODULES)
def test_a_tab_is_known_to_nobody_but_the_page(module):
    """Tabs meet in what esrgan/demo/ shares; the page knows them in order to build them."""
    homes = [tab.removesuffix(".tab") for tab in TABS]
    inside = [
        name
        for name in imports(module)
        if any(within(name, home) and not within(module, home) for home in homes)
    ]
    assert inside == ([] if module != "esrgan.demo.page" else sorted(TABS))


@pytest.mark.slow
def test_importing_really_loads_neither():
    """The same by running it: what the sources import may import in turn."""
    library = [name for name in LIBRARY if not within(name, "esrgan.demo")]
    script = f"""
import importlib, sys
def load(names, forbidden):
    for name in names:
        if not name.endswith("__main__"):
            importlib.import_module(name)
    found = sorted(set(forbidden) & set(sys.modules))
    assert not found, f"{{names[0]}} and its siblings load {{found}}"
load({library}, ["gradio", "train"])
load({TRAINING}, ["gradio", "esrgan.demo"])
assert "torch" in sys.modules
"""
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
