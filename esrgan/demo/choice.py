"""Models that a visitor can choose: the named ones, those fine-tuned here, files of their own.

A choice is a short text that stands for a model in the browser: a name of `zoo.MODELS`, the name of
a training run, or "file <n>" for the n-th uploaded file. Knows nothing of gradio.
"""

from collections.abc import Sequence
from pathlib import Path

from esrgan.demo import comparison, finetuned
from esrgan.demo.comparison import Trio
from esrgan.demo.limits import MAX_MODEL_FILES
from esrgan.errors import UserError
from esrgan.models import zoo

NONE = ""
BUILTIN = ("psnr", "gan", "gan-after")
OFFICIAL = ("official-psnr", "official-gan")  # the authors published no after-activation model
# Pairs for photographs as they are on the web; the built-in one once it has been trained.
PHOTO = ("photo-psnr", "photo-gan")
REAL = ("real-psnr", "real-gan")
FILE = "file "


def offered(files: Sequence[str] = ()) -> list[tuple[str, str]]:
    """List (title, choice) of all models, the uploaded files first.

    Raises:
        UserError: there are too many files.
    """
    if len(files) > MAX_MODEL_FILES:
        raise UserError(f"The page takes up to {MAX_MODEL_FILES} models at once, not {len(files)}.")
    own = [(Path(file).name, f"{FILE}{number}") for number, file in enumerate(files)]
    named = [(model.title, name) for name, model in zoo.MODELS.items()]
    tuned = [(f"{name} (fine-tuned here)", name) for name in finetuned.finished_names()]
    return own + named + tuned


def chosen(choice: str | None, files: Sequence[str] = ()) -> str | Path:
    """Model of a choice, as `weights_file` takes it: a name, or the uploaded file.

    Raises:
        UserError: nothing is chosen, or there is no such file.
    """
    if choice is None:
        raise UserError("Choose a model.")
    if not choice.startswith(FILE):
        return choice
    number = choice.removeprefix(FILE)
    if not number.isdecimal() or int(number) >= len(files):
        raise _gone()
    return Path(files[int(number)])


def weights_file(model: str | Path) -> Path:
    """Weights file of a name of `zoo.MODELS` or of a training run; a file as it is.

    Raises:
        UserError: there is no such name, or the model can't be downloaded.
    """
    if isinstance(model, Path):
        return model
    if model in zoo.MODELS:
        return zoo.find(model)
    weights = finetuned.result(model) if model in finetuned.names() else None
    if weights is None:
        raise _gone()
    return weights


def _gone() -> UserError:
    return UserError("One of the chosen models is not there any more; choose again.")


def builtin_trio() -> Trio:
    return _named(BUILTIN)


def load_builtin() -> None:
    """Have torch and the built-in models in memory before anybody needs them."""
    for file in builtin_trio().files:
        comparison.upscaler(file)


def official_trio() -> Trio:
    """The authors' two models, downloaded if need be."""
    return _named(OFFICIAL)


def are_known(names: Sequence[str]) -> bool:
    """Whether there are such models; not of none."""
    return bool(names) and zoo.MODELS.keys() >= set(names)


def counterpart(name: str, for_photos: bool) -> str:
    """The built-in model that was trained as this one, but for photographs, or for clean pictures;
    the model itself, if there is none."""
    pairs = dict(zip(BUILTIN, PHOTO, strict=False))
    pairs = pairs if for_photos else {photo: clean for clean, photo in pairs.items()}
    found = pairs.get(name, name)
    return found if found in zoo.MODELS else name


def photo_trio() -> Trio:
    """The built-in pair for photographs."""
    return _named(PHOTO)


def real_trio() -> Trio:
    """Real-ESRGAN's pair, downloaded if need be."""
    return _named(REAL)


def pair(first: str, second: str) -> Trio:
    """Two of `zoo.MODELS`.

    Raises:
        UserError: one of them has no such name, or can't be downloaded.
    """
    if not all(isinstance(name, str) and name in zoo.MODELS for name in (first, second)):
        raise UserError(f"The models that can be named are {', '.join(zoo.MODELS)}.")
    return _named((first, second))


def _named(names: tuple[str, ...]) -> Trio:
    return Trio(tuple(zoo.find(name) for name in names), names=names)


def chosen_trio(first: str, second: str, third: str, files: Sequence[str]) -> Trio:
    """Chosen models of a comparison; `third` may be NONE.

    Raises:
        UserError: one of the first two is missing, or is not there any more, or there are too many
            files.
    """
    choices = [first, second, third] if third else [first, second]
    titles = {choice: title for title, choice in offered(files)}
    if not first or not second:
        raise UserError("Choose two models, one for each end of α.")
    weights = [weights_file(chosen(choice, files)) for choice in choices]
    return Trio(
        tuple(weights),
        titles=tuple(titles[choice] for choice in choices),
        names=tuple(choices) if zoo.MODELS.keys() >= set(choices) else (),
    )
