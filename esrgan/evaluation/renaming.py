"""Methods, pictures and data sets under other names."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from esrgan.errors import UserError
from esrgan.evaluation.results import Results, Score


def renaming(
    names: Mapping[str, str], models: Iterable[str], others: Iterable[str]
) -> dict[str, str]:
    """The new names by the exact old ones.

    Args:
        names: by old names; files may be named with folder and suffix, or without.
        models: of the methods; for points of a curve, of its two ends.
        others: of pictures and data sets.

    Raises:
        UserError: nothing is called so.
    """
    exact = [*models, *others]
    known = {Path(name).stem: name for name in exact} | {name: name for name in exact}
    found = {}
    for name, new in names.items():
        old = known.get(name) or known.get(Path(name).stem)
        if old is None:
            raise UserError(f"No method, picture or data set is called {name!r}.")
        found[old] = new
    return found


def renamed(sets: Mapping[str, Results], new: Mapping[str, str]) -> dict[str, Results]:
    """The same under other names, those of `renaming`."""

    def with_names(score: Score) -> Score:
        model = "–".join(new.get(part, part) for part in score.model.split("–"))
        model = new.get(score.model, model)
        return replace(score, model=model, picture=new.get(score.picture, score.picture))

    return {
        new.get(name, name): replace(each, scores=tuple(map(with_names, each.scores)))
        for name, each in sets.items()
    }
