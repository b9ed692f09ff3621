"""Which models a visitor can choose: the named ones, those trained here, uploaded files.

A choice is a short text that stands for a model in the browser: a name of `zoo.MODELS`,
"run <name>" for a model fine-tuned here, or "file <n>" for the n-th uploaded file. Knows nothing of
gradio.
"""

from collections.abc import Sequence
from pathlib import Path

from esrgan.demo import finetuned
from esrgan.demo.comparison import Trio
from esrgan.demo.limits import MAX_MODEL_FILES
from esrgan.errors import UserError
from esrgan.models import zoo

NONE = ""
BUILTIN = ("psnr", "gan", "gan-after")
OFFICIAL = ("official-psnr", "official-gan")  # the authors published no after-activation model
RUN, FILE = "run ", "file "


def offered(files: Sequence[str]) -> list[tuple[str, str]]:
    """(title, choice) of all there are, the uploaded files first.

    Raises:
        UserError: there are too many files.
    """
    if len(files) > MAX_MODEL_FILES:
        raise UserError(f"The page takes up to {MAX_MODEL_FILES} models at once, not {len(files)}.")
    own = [(Path(file).name, f"{FILE}{number}") for number, file in enumerate(files)]
    named = [(model.title, name) for name, model in zoo.MODELS.items()]
    tuned = [(f"{name} (fine-tuned here)", f"{RUN}{name}") for name in finetuned.finished_names()]
    return own + named + tuned


def builtin_trio() -> Trio:
    return _named(BUILTIN)


def official_trio() -> Trio:
    """The authors' pair, downloaded if need be."""
    return _named(OFFICIAL)


def pair(first: str, second: str) -> Trio:
    """Two of `zoo.MODELS`."""
    return _named((first, second))


def _named(names: tuple[str, ...]) -> Trio:
    return Trio(tuple(zoo.find(name) for name in names), names=names)


def chosen_trio(first: str, second: str, third: str, files: Sequence[str]) -> Trio:
    """The chosen models; `third` may be NONE.

    Raises:
        UserError: one of the first two is missing, or is not there any more, or there are too many
            files.
    """
    choices = [first, second, third] if third else [first, second]
    titles = {choice: title for title, choice in offered(files)}
    if not first or not second:
        raise UserError("Choose two models, one for each end of α.")
    found = [_file(choice, files) for choice in choices]
    return Trio(
        tuple(found),
        titles=tuple(titles[choice] for choice in choices),
        names=tuple(choices) if zoo.MODELS.keys() >= set(choices) else (),
    )


def _file(choice: str, files: Sequence[str]) -> Path:
    gone = UserError("One of the chosen models is not there any more; choose again.")
    if choice.startswith(FILE):
        number = choice.removeprefix(FILE)
        if not number.isdecimal() or int(number) >= len(files):
            raise gone
        return Path(files[int(number)])
    if choice.startswith(RUN):
        weights = finetuned.result(choice.removeprefix(RUN))
        if weights is None:
            raise gone
        return weights
    if choice not in zoo.MODELS:
        raise gone
    return zoo.find(choice)
