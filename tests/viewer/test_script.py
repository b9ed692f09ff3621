"""The viewer's modules as one script: that which gr.HTML runs, and a saved page's."""

import html
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from esrgan.demo.viewer import Alphas
from esrgan.inference.blend import DEFAULT_ALPHA, STRIP_ALPHAS
from esrgan.viewer.component import PAGE, viewer_html
from esrgan.viewer.shown import Look, panes
from esrgan.web_page import one_script

# What gr.HTML hands over; a declaration of the same name would hide it.
GIVEN = {"element", "props", "trigger", "watch", "server", "upload"}
# Modules that no other imports, each of which runs the viewer in a page of its own.
PAGES = ("saved.js", "first_look.js")
FUNCTIONS = re.compile(r"^(?:async )?function (\w+)", re.MULTILINE)
CONSTANTS = re.compile(r"^(?:const|let|class) (.+)", re.MULTILINE)


def first_declaration(module: Path) -> str:
    """By which a module is found in the whole: its comments are not there."""
    found = re.search(
        r"^(?:export )?((?:async )?(?:function|const) .*)", module.read_text("utf-8"), re.M
    )
    assert found is not None
    return found[1]


def declared(text: str) -> list[str]:
    """The names that a script declares at its top."""
    constants = [re.findall(r"(?:^|, )(\w+) = ", line) for line in CONSTANTS.findall(text)]
    return FUNCTIONS.findall(text) + [name for names in constants for name in names]


def modules(page: str) -> list[Path]:
    """Those of which the script of a page is made."""
    return [module for module in PAGE.glob("*.js") if module.name not in {*PAGES} - {page}]


@pytest.mark.parametrize("page", PAGES)
def test_every_module_is_in_it_without_imports_and_exports(page: str) -> None:
    whole = one_script(PAGE, page)
    assert re.findall(r"^(?:import|export)\b.*", whole, re.MULTILINE) == []
    for module in modules(page):
        *_, last = module.read_text("utf-8").splitlines()
        assert last in whole
        assert whole.count(first_declaration(module)) == 1


@pytest.mark.parametrize("page", PAGES)
def test_no_two_modules_declare_one_name(page: str) -> None:
    names = declared(one_script(PAGE, page))
    assert {"start", "state", "blend", "LEVELS", "STRIDE", "KERNEL"} <= set(names)
    assert [name for name, times in Counter(names).items() if times > 1] == []
    assert GIVEN.isdisjoint(declared(one_script(PAGE, "viewer.js")))


@pytest.mark.parametrize("page", PAGES)
def test_what_is_imported_comes_first(page: str) -> None:
    whole = one_script(PAGE, page)
    for module in modules(page):
        text = module.read_text("utf-8")
        own = whole.index(first_declaration(module))
        for imported in re.findall(r"^import .*?'\./(\w+\.js)'", text, re.MULTILINE | re.DOTALL):
            assert whole.index(first_declaration(PAGE / imported)) < own


def test_comments_that_have_lines_of_their_own_stay_behind() -> None:
    whole = one_script(PAGE, "saved.js")
    lines = [line.lstrip() for line in whole.splitlines()]
    assert not [line for line in lines if line.startswith(("//", "/**", "*"))]


def test_alpha_begins_where_the_library_says_and_a_strip_has_its_points() -> None:
    page = viewer_html()
    told = re.search(r'data-settings="([^"]*)"', page)
    assert told is not None
    settings = json.loads(html.unescape(told[1]))
    assert tuple(settings["strip_alphas"]) == STRIP_ALPHAS
    assert {label["pane"] for label in settings["labels"]} == set(panes(3, True, None))
    sliders = re.findall(r'value="([\d.]+)" aria-label="(?:Network|Image) α"', page)
    assert list(map(float, sliders)) == [DEFAULT_ALPHA, DEFAULT_ALPHA]
    assert Alphas(**{name: getattr(Look(), name) for name in Alphas.model_fields}) == Alphas()


def test_gradio_takes_the_page_as_it_is() -> None:
    """It fills in what stands in double braces, or in braces behind a dollar sign."""
    assert not re.search(r"\$\{|\{\{|\}\}", viewer_html())
