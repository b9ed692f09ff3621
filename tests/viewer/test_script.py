"""The viewer's modules as one script: that which gr.HTML runs, and a saved page's."""

import re
from collections import Counter

from esrgan.demo.viewer import Alphas
from esrgan.inference.blend import DEFAULT_ALPHA, STRIP_ALPHAS
from esrgan.viewer.saved_page import PAGE
from esrgan.viewer.shown import Look
from esrgan.web_page import one_script

# What gr.HTML hands over; a declaration of the same name would hide it.
GIVEN = {"element", "props", "trigger", "watch", "server", "upload"}
FUNCTIONS = re.compile(r"^(?:async )?function (\w+)", re.MULTILINE)
CONSTANTS = re.compile(r"^(?:const|let|class) (.+)", re.MULTILINE)


def declared(text: str) -> list[str]:
    """The names that a script declares at its top."""
    constants = [re.findall(r"(?:^|, )(\w+) = ", line) for line in CONSTANTS.findall(text)]
    return FUNCTIONS.findall(text) + [name for names in constants for name in names]


def test_every_module_is_in_it_without_imports_and_exports() -> None:
    whole = one_script(PAGE, "saved.js")
    assert re.findall(r"^(?:import|export)\b.*", whole, re.MULTILINE) == []
    for module in PAGE.glob("*.js"):
        *_, last = module.read_text("utf-8").splitlines()
        assert last in whole
        assert re.search(
            r"^(?:export )?(?:async )?(?:function|const) ", module.read_text("utf-8"), re.M
        )
        assert whole.count(module.read_text("utf-8").split("\n")[1]) == 1


def test_no_two_modules_declare_one_name() -> None:
    names = declared(one_script(PAGE, "saved.js"))
    assert {"start", "state", "blend", "BINS", "STRIDE", "KERNEL"} <= set(names)
    assert [name for name, times in Counter(names).items() if times > 1] == []
    assert GIVEN.isdisjoint(declared(one_script(PAGE, "viewer.js")))


def test_what_is_imported_comes_first() -> None:
    whole = one_script(PAGE, "saved.js")
    for module in PAGE.glob("*.js"):
        text = module.read_text("utf-8")
        own = whole.index(text.split("\n")[1])
        for imported in re.findall(r"^import .*?'\./(\w+\.js)'", text, re.MULTILINE | re.DOTALL):
            first = (PAGE / imported).read_text("utf-8").split("\n")[1]
            assert whole.index(first) < own


def test_alpha_begins_where_the_library_says_and_a_strip_has_its_points() -> None:
    """The browser has no other way to know before the first answer comes."""
    state, graphs, page = (
        (PAGE / name).read_text("utf-8") for name in ("state.js", "graphs.js", "viewer.html")
    )
    first = re.search(r"\{network: ([\d.]+), image: ([\d.]+), third: ([\d.]+)\}", state)
    assert first is not None
    assert Alphas(network=float(first[1]), image=float(first[2]), third=float(first[3])) == Alphas()
    assert Alphas(**{name: getattr(Look(), name) for name in Alphas.model_fields}) == Alphas()
    strip = re.search(r"STRIP_ALPHAS = \[(.*?)\]", graphs)
    assert strip is not None
    assert tuple(map(float, strip[1].split(","))) == STRIP_ALPHAS
    sliders = re.findall(r'value="([\d.]+)" aria-label="(?:Network|Image) α"', page)
    assert list(map(float, sliders)) == [DEFAULT_ALPHA, DEFAULT_ALPHA]
