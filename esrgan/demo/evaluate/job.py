"""Evaluation of many pictures by many methods. Knows nothing of gradio."""

import shutil
from collections import abc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from esrgan.demo import choice
from esrgan.demo.limits import MAX_BACK_PROJECTIONS, MAX_LR_PIXELS, MAX_UPLOAD_PIXELS
from esrgan.demo.server import decoding
from esrgan.demo.server.quota import check_free
from esrgan.demo.server.served import job_folder
from esrgan.demo.server.stopping import StoppedError, go_on
from esrgan.demo.server.zero_gpu import on_gpu
from esrgan.errors import UserError
from esrgan.evaluation.evaluate import Measures, evaluate
from esrgan.evaluation.learned_metrics import USUAL, learned_metrics
from esrgan.evaluation.methods import COMPARATORS, Method, from_folder, model_settings, select
from esrgan.evaluation.niqe import FITTED, load_pristine
from esrgan.evaluation.pairs import load_pair, pair_files
from esrgan.evaluation.results import FILE, Results, Score, save_results
from esrgan.evaluation.table_files import WRITERS, save_tables
from esrgan.inference.blend import MODES
from esrgan.models import zoo
from esrgan.models.interpolation import check_same_shape, share_ancestor
from esrgan.pictures.folders import IMAGE_SUFFIXES
from esrgan.pictures.images import crop_to_multiple, load_image

if TYPE_CHECKING:  # torch comes with the first work
    from esrgan.inference.upscale import Upscaler
    from esrgan.networks import Generator

# What one visitor may ask of the machine; `python -m esrgan evaluate` has no such limits.
MAX_PICTURES = 30
MAX_ROWS = 12  # a picture, without the ends of α, which are the two models once more
# Where uploads and results lie in an evaluation's folder.
HR, LR, OTHERS, KEPT, TABLES = "HR", "LR", "results", "kept", "tables"
TABLE_FILES = (*WRITERS, FILE)
FOLDER = "evaluations"


@dataclass(frozen=True)
class Wish:
    """Request of an evaluation; files are uploads, of which only the names are the visitor's.

    Attributes:
        hr, lr: pictures; without LR, it is made from HR.
        results: pictures that another method made.
        results_name: of that method.
        models: names of the zoo, of training runs, and of `COMPARATORS`.
        weights: the visitor's own models.
        alphas, modes: points between the first two networks.
        ensemble, back_projections: what is done after each network.
        pristine: NIQE's parameters, of which we know nothing; None for our own.
        learned: whether to measure Ma, PI and LPIPS, for which parameters may be downloaded.
    """

    hr: Sequence[Path]
    lr: Sequence[Path] = ()
    results: Sequence[Path] = ()
    results_name: str = ""
    models: Sequence[str] = ()
    weights: Sequence[Path] = ()
    alphas: Sequence[float] = ()
    modes: Sequence[str] = MODES
    ensemble: bool = False
    back_projections: float = 0
    pristine: Path | None = None
    learned: bool = False


@dataclass(frozen=True)
class Evaluation:
    """Evaluation in progress.

    Attributes:
        folder: of the pictures, those made from them, and what is downloaded; see `forget`.
        results: the rows that there are.
        total: how many there will be.
        strangers: whether α goes between networks without a common ancestor.
        settings: what each network is made of, as Fig. 8 says it, by its name in the rows.
    """

    folder: Path
    results: Results
    total: int
    strangers: bool
    settings: Mapping[str, Mapping[str, str]]


@on_gpu(seconds=300)
def run(wish: Wish) -> abc.Generator[Evaluation, None, None]:
    """Run an evaluation; yields it before its first row, and after each.

    Raises:
        UserError: a picture or model can't be read, is too large or does not fit, or there is too
            much to do. Its message holds no folder of the server.
    """
    _check_amount(wish)
    folder = job_folder(FOLDER)
    with _seen_from(folder):
        try:
            state, rows = _begun(wish, folder)
        except (UserError, StoppedError, OSError):
            shutil.rmtree(folder, ignore_errors=True)
            raise
        yield state
        for score in rows:
            scores = (*state.results.scores, score)
            state = replace(state, results=replace(state.results, scores=scores))
            yield state


@contextmanager
def _seen_from(folder: Path) -> Iterator[None]:
    """Errors with files named as from inside the folder: LR/baby.png."""
    try:
        yield
    except UserError as error:
        raise UserError(str(error).replace(f"{folder}/", "")) from error


def _begun(wish: Wish, folder: Path) -> tuple[Evaluation, Iterator[Score]]:
    """Check everything; the rows are computed when they are asked for."""
    _lay_out(wish, folder)
    others: list[Method] = []
    if wish.results:
        others = [from_folder(wish.results_name, folder / OTHERS)]
    measures = _measures(wish)
    names, make = _names(wish), partial(_upscaler, wish=wish)
    chosen = select(names, make, wish.alphas, wish.modes, others)
    settings = {label: model_settings(model) for label, model in chosen.models.items()}
    strangers = _strangers(chosen.ends, wish.modes)
    files = pair_files(folder / HR, folder / LR if wish.lr else None, chosen.scale)
    for pair in files:
        _check_pair(*pair, chosen.scale, others)
    label = measures.pristine.label
    lr = LR if files[0][1] else ""
    results = Results((), HR, lr, chosen.scale, label, planned=len(files))
    state = Evaluation(folder, results, len(files) * len(chosen.methods), strangers, settings)
    rows = evaluate(files, chosen.methods, chosen.scale, measures, folder=folder / KEPT)
    return state, rows


def _measures(wish: Wish) -> Measures:
    learned = learned_metrics() if wish.learned else dict.fromkeys(USUAL, "not asked for")
    return Measures(load_pristine(wish.pristine or FITTED), learned)


def _check_amount(wish: Wish) -> None:
    if not wish.hr:
        raise UserError("Choose HR pictures first.")
    for pictures in (wish.hr, wish.lr, wish.results):
        if len(pictures) > MAX_PICTURES:
            raise UserError(
                f"The page takes up to {MAX_PICTURES} pictures, not {len(pictures)}; "
                "`python -m esrgan evaluate` takes any number."
            )
    curves = len(wish.modes) * len([alpha for alpha in wish.alphas if alpha not in (0, 1)])
    rows = len(wish.models) + len(wish.weights) + bool(wish.results) + curves
    if rows > MAX_ROWS:
        raise UserError(
            f"That makes {rows} results a picture, and the page makes up to {MAX_ROWS}: choose "
            "fewer models or α, or one interpolation only."
        )
    if not rows and not wish.alphas:
        raise UserError("Choose a model or α.")
    if wish.alphas and not wish.modes:
        raise UserError("Choose what α interpolates: the network, the image, or both.")
    if wish.back_projections not in range(MAX_BACK_PROJECTIONS + 1):
        raise UserError(f"The rounds of back-projection are 0 to {MAX_BACK_PROJECTIONS}.")
    if wish.results and not wish.results_name:
        raise UserError("Give the other method a name.")


def _lay_out(wish: Wish, folder: Path) -> None:
    """Copy the uploads to where the library finds them, after a look at each.

    Raises:
        UserError: one is no picture or too large, or two have the same name.
    """
    for name, files, limit in (
        (HR, wish.hr, MAX_UPLOAD_PIXELS),
        (LR, wish.lr, MAX_LR_PIXELS),
        (OTHERS, wish.results, MAX_UPLOAD_PIXELS),
    ):
        (folder / name).mkdir(parents=True)
        stems: dict[str, str] = {}
        for file in files:
            go_on()
            check_free(folder)
            if file.stem in stems:
                raise UserError(f"{stems[file.stem]} and {file.name} have the same name.")
            stems[file.stem] = file.name
            if file.suffix.lower() not in IMAGE_SUFFIXES:
                raise UserError(f"{file.name} has no ending of a picture, such as .png.")
            copied = folder / name / file.name
            shutil.copyfile(file, copied)
            decoding.load_image(copied, limit)  # what this process may then do as well


def _check_pair(hr: Path, lr: Path | None, scale: int, others: Sequence[Method]) -> None:
    """Raises UserError if what belongs to a picture is missing or of another size."""
    height, width = crop_to_multiple(load_image(hr), scale).shape[:2]
    least = 11 + 2 * scale  # for the window of SSIM
    if min(height, width) < least:
        raise UserError(f"{hr.name} is too small: {least}×{least} pixels are needed.")
    if lr or others:
        pair = load_pair(hr, lr, scale)
        for other in others:
            other.result(pair)


def _names(wish: Wish) -> dict[str, str]:
    """Label of each model, by what `select` knows it by: a name, or its weights file.

    Raises:
        UserError: two have the same, or a model is not there any more.
    """
    known = (*COMPARATORS, *zoo.MODELS)
    names = {
        model if model in known else str(choice.weights_file(model)): model for model in wish.models
    }
    names |= {str(file): file.stem for file in wish.weights}
    labels = list(names.values())
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice:
        raise UserError(f"Two models are called {twice}; rename one of the files.")
    return names


def _upscaler(network: "Generator", wish: Wish) -> "Upscaler":
    import torch

    from esrgan.demo.server.sharing import SharedUpscaler

    rounds = int(wish.back_projections)
    exact = {"dtype": torch.float32, "ensemble": wish.ensemble, "back_projections": rounds}
    return SharedUpscaler(network, **exact)


def _strangers(ends: "Sequence[Generator]", modes: Sequence[str]) -> bool:
    """Whether network interpolation is asked for and makes no sense.

    Raises:
        UserError: it can't be done.
    """
    if not ends or "network" not in modes:
        return False
    check_same_shape(ends)
    return not share_ancestor(*ends)


def tables(evaluation: Evaluation) -> list[Path]:
    """Write `TABLE_FILES` of the rows that there are."""
    folder = evaluation.folder / TABLES
    save_results(evaluation.results, folder)
    save_tables({"": evaluation.results}, folder)
    return [folder / name for name in TABLE_FILES]


def pictures(evaluation: Evaluation) -> list[str]:
    """Names of the HR pictures of which there are results."""
    return list(dict.fromkeys(score.picture for score in evaluation.results.scores))


def forget(evaluation: Evaluation | None) -> None:
    """Delete an evaluation's pictures and files."""
    if evaluation is not None:
        shutil.rmtree(evaluation.folder, ignore_errors=True)
