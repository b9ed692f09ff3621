"""The viewer's modules as the one script that gr.HTML runs."""

import re
from collections import Counter

from esrgan.demo.viewer import HERE, script

# What gr.HTML hands over; a declaration of the same name would hide it.
GIVEN = {"element", "props", "trigger", "watch", "server", "upload"}
FUNCTIONS = re.compile(r"^(?:async )?function (\w+)", re.MULTILINE)
CONSTANTS = re.compile(r"^(?:const|let|class) (.+)", re.MULTILINE)


def declared(text: str) -> list[str]:
    """The names that a script declares at its top."""
    constants = [re.findall(r"(?:^|, )(\w+) = ", line) for line in CONSTANTS.findall(text)]
    return FUNCTIONS.findall(text) + [name for names in constants for name in names]


def test_every_module_is_in_it_without_imports_and_exports() -> None:
    whole = script("viewer.js")
    assert re.findall(r"^(?:import|export)\b.*", whole, re.MULTILINE) == []
    for module in HERE.glob("*.js"):
        *_, last = module.read_text("utf-8").splitlines()
        assert last in whole
        assert re.search(
            r"^(?:export )?(?:async )?(?:function|const) ", module.read_text("utf-8"), re.M
        )
        assert whole.count(module.read_text("utf-8").split("\n")[1]) == 1


def test_no_two_modules_declare_one_name() -> None:
    names = declared(script("viewer.js"))
    assert {"start", "state", "blend", "BINS", "STRIDE", "KERNEL"} <= set(names)
    assert [name for name, times in Counter(names).items() if times > 1] == []
    assert GIVEN.isdisjoint(names)


def test_what_is_imported_comes_first() -> None:
    whole = script("viewer.js")
    for module in HERE.glob("*.js"):
        text = module.read_text("utf-8")
        own = whole.index(text.split("\n")[1])
        for imported in re.findall(r"^import .*?'\./(\w+\.js)'", text, re.MULTILINE | re.DOTALL):
            first = (HERE / imported).read_text("utf-8").split("\n")[1]
            assert whole.index(first) < own
