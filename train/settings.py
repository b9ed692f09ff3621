"""Settings of a run by name, before they are a `Config`: from presets, options and another session.

Settings are laid one over the other, and refused where a name is nobody's: a misspelt one would
silently train something else.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args, get_type_hints

from esrgan.errors import UserError
from esrgan.models import zoo
from train.config import CONFIGS, Config, StageName, make_config, to_settings

PRESETS = Path(__file__).parent / "presets"
# Settings that name folders and files.
FOLDERS = ("data", "lr", "validation", "validation_lr", "metric_weights")
FILES = ("init", "init_discriminator", "init_partial", "perceptual")
# What a run that goes on may change without a word: how long, where, how it is watched.
FREE = {
    *("iterations", "device", "num_workers", "data_on_device", "compile", "compile_mode"),
    *("trackers", "metric_weights"),
    *("save_every", "save_minutes", "sample_every", "log_every", "keep"),
    *("validation", "validation_lr", "validation_degrade", "best_by"),
}
# What it can't change, as it goes on with networks that it has.
FIXED = ("init", "init_discriminator", "init_partial", "generator")
STAGES: tuple[str, ...] = tuple(CONFIGS)
Settings = dict[str, Any]
# Of a setting, before and after.
Changes = dict[str, tuple[Any, Any]]


# ---------------------------------------------------------------- presets


def preset_names() -> list[str]:
    return sorted(path.stem for path in PRESETS.glob("*.toml"))


def load_preset(stage: StageName, name: str) -> Settings:
    """A preset's settings for a stage: a TOML file with one table for each stage that it serves.

    Args:
        name: a preset's name, or the path of a `.toml` file of the user's.

    Raises:
        UserError: no such preset, not readable, not TOML, a name in it is nobody's, or it is not
            for this stage.
    """
    tables = preset_tables(name)
    if stage not in tables:
        raise UserError(
            f"The preset {name!r} is for {', '.join(tables) or 'no stage'}, not for {stage}."
        )
    return tables[stage]


def preset_tables(name: str, above: tuple[str, ...] = ()) -> dict[str, Settings]:
    """A preset's settings by stage, laid over those of its `base`: a preset's name or a list.

    Args:
        name: as in `load_preset`.
        above: the presets whose base it is.

    Raises:
        UserError: as `load_preset`, or a preset is its own base.
    """
    if name in above:
        raise UserError(f"The preset {name!r} is its own base.")
    own = _read_preset(name)
    base = own.pop("base", [])
    bases = base if isinstance(base, list) else [base]
    result: dict[str, Settings] = {}
    for tables in (*(preset_tables(each, (*above, name)) for each in bases), own):
        for stage, settings in tables.items():
            result[stage] = laid_over(result.get(stage, {}), settings)
    return result


def _read_preset(name: str) -> dict[str, Any]:
    path = Path(name) if name.endswith(".toml") else PRESETS / f"{Path(name).name}.toml"
    if not path.is_file():
        raise UserError(f"There is no preset {name!r}; there are: {', '.join(preset_names())}.")
    try:
        text = path.read_text("utf-8")
        found = tomllib.loads(text)
        _check_tables(found)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path.name} is not valid TOML: {error}{_line(text, error)}.") from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"{path.name} is not valid TOML: {error}.") from error
    except OSError as error:
        raise UserError(f"{path.name} could not be read: {error.strerror}.") from error
    except UserError as error:
        raise UserError(f"{path.name}: {error}") from error
    return found


def _line(text: str, error: tomllib.TOMLDecodeError) -> str:
    """The line that an error is about: "… (at line 3, column 5)" or "… (at end of document)"."""
    found, lines = re.search(r"\(at line (\d+)", str(error)), text.strip().splitlines()
    number = int(found[1]) if found else len(lines)
    return f": {lines[number - 1].strip()[:80]!r}" if 0 < number <= len(lines) else ""


def _check_tables(preset: Mapping[str, Any]) -> None:
    """Raises UserError: a preset has a table or a setting that is nobody's."""
    settings = {name for kind in CONFIGS.values() for name in names_of(kind)}
    for name, value in preset.items():
        if name == "base":
            bases = value if isinstance(value, list) else [value]
            if not all(isinstance(each, str) for each in bases):
                raise UserError("base: it must be a preset's name, or a list of them.")
        elif name not in CONFIGS:
            if name in settings:
                tables = " or ".join(f"[{stage}]" for stage in stages_with(name))
                raise UserError(f"{name} stands outside of a table; put it below {tables}.")
            if isinstance(value, dict):
                raise UserError(f"There is no table [{_shown(name)}]{_nearest(name, STAGES)}.")
            raise UserError(f"There is no setting {_shown(name)}{_nearest(name, settings)}.")
        elif not isinstance(value, dict):
            raise UserError(f"{name} must be a table of settings, [{name}].")
        else:
            check_names(name, value)


# ---------------------------------------------------------------- names


def names_of(kind: type) -> dict[str, list[type]]:
    """The settings of a configuration, and what each that is a table can be."""
    hints = get_type_hints(kind)
    return {
        each.name: [k for k in (hints[each.name], *get_args(hints[each.name])) if _is_table(k)]
        for each in fields(kind)
    }


def _is_table(kind: Any) -> bool:
    return isinstance(kind, type) and is_dataclass(kind)


def stages_with(name: str) -> list[StageName]:
    return [stage for stage, kind in CONFIGS.items() if name in names_of(kind)]


def check_names(stage: StageName, settings: Mapping[str, Any]) -> None:
    """Raises UserError: a setting is none of the stage's; it says which is nearest."""
    known = names_of(CONFIGS[stage])
    for name, value in settings.items():
        if name not in known:
            others = stages_with(name)
            if others:
                raise UserError(f"{name} is a setting of {' and '.join(others)}, not of {stage}.")
            raise UserError(f"There is no setting {_shown(name)}{_nearest(name, known)}.")
        if isinstance(value, dict) and known[name]:
            inner = [set(names_of(kind)) for kind in known[name]]
            together = set().union(*inner)
            for part in value:
                if part not in together:
                    near = _nearest(part, together, f"{name}.")
                    raise UserError(f"There is no setting {_shown(f'{name}.{part}')}{near}.")
            if not any(value.keys() <= each for each in inner):
                raise UserError(f"{name}: no network has all of {', '.join(sorted(value))}.")


def _shown(name: str) -> str:
    return name if name.isprintable() and name else repr(name)


def _nearest(name: str, known: Iterable[str], before: str = "") -> str:
    near = get_close_matches(name, sorted(known), n=1)
    return f"; the nearest is {before}{near[0]}" if near else ""


# ---------------------------------------------------------------- laying one over the other


def laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> Settings:
    """The settings `above` where there are any, else those `below`, also within tables.

    A generator of another kind, and the weights of layers, replace what is below: they are whole.
    """
    result = dict(below)
    for name, value in above.items():
        together = _together(result.get(name), value)
        result[name] = together if together and _goes_on(name, together) else value
    return result


def _together(below: Any, above: Any) -> Settings | None:
    tables = isinstance(below, dict) and isinstance(above, dict)
    return {**below, **above} if tables else None


def _goes_on(name: str, table: Settings) -> bool:
    """Whether all of a table belongs to one thing."""
    kinds = [kind for config in CONFIGS.values() for kind in names_of(config).get(name, [])]
    return any(table.keys() <= names_of(kind).keys() for kind in kinds)


def override(settings: Mapping[str, Any], assignments: Sequence[str]) -> Settings:
    """Apply `key=value` or `table.key=value` assignments; values are TOML, or else plain text.

    Raises:
        UserError: an assignment without "=", or to a part of a setting that has none.
    """
    result = {
        key: dict(value) if isinstance(value, dict) else value for key, value in settings.items()
    }
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise UserError(f"--set needs KEY=VALUE, not {assignment!r}.")
        *tables, last = key.strip().split(".")
        target = result
        for table in tables:
            target = target.setdefault(table, {})
            if not isinstance(target, dict):
                raise UserError(f"{key.strip()}: {table} is one value, not a table of settings.")
        value = _toml_value(text.strip())
        target[last] = value if tables else laid_over(target, {last: value})[last]
    return result


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        return text


def configured(stage: StageName, settings: Mapping[str, Any]) -> Config:
    """The configuration of settings, with absolute paths: a run goes on from any folder.

    Raises:
        UserError: as `check_names` and `make_config`.
    """
    check_names(stage, settings)
    return make_config(stage, {name: _absolute(name, each) for name, each in settings.items()})


def _absolute(name: str, value: Any) -> Any:
    if name in FOLDERS and isinstance(value, list | tuple):
        return [_absolute(name, each) for each in value]
    if not value or not isinstance(value, str):
        return value
    is_path = name in FOLDERS or (name in FILES and value not in zoo.MODELS and _is_file(value))
    return str(Path(value).absolute()) if is_path else value


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except OSError:  # such as a name that is too long
        return False


# ---------------------------------------------------------------- going on with a run


@dataclass(frozen=True)
class Preset:
    """A preset as it was when a run began: what its file says may change."""

    name: str
    digest: str

    @classmethod
    def of(cls, name: str, settings: Settings) -> "Preset":
        text = json.dumps(settings, sort_keys=True, default=str)
        return cls(name, hashlib.sha256(text.encode()).hexdigest()[:16])


def changes(before: Config, after: Config) -> Changes:
    """The settings that differ, as "schedule.learning_rate"."""
    old, new = (dict(_flat(to_settings(config))) for config in (before, after))
    return {
        name: (old.get(name), new.get(name))
        for name in {**old, **new}
        if old.get(name) != new.get(name)
    }


def _flat(settings: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", list(value) if isinstance(value, tuple) else value


def check_changes(run: Path, found: Changes, allowed: bool) -> None:
    """Raises UserError: what a run goes on with would not be that run any more."""
    fixed = {name: each for name, each in found.items() if name.split(".")[0] in FIXED}
    if fixed:
        raise UserError(
            f"{run} goes on with the networks in its checkpoint, not with other networks: leave "
            f"out {told(fixed)}, or begin a run with another --out."
        )
    grave = {name: each for name, each in found.items() if name not in FREE}
    if grave and not allowed:
        raise UserError(
            f"{run} was begun otherwise: {told(grave)}. Leave this out, or add --allow-changes, "
            "which notes it in the run's history."
        )


def told(found: Changes) -> str:
    """In words: batch_size 16 → 8, seed 0 → 1."""
    return ", ".join(f"{name} {_value(old)} → {_value(new)}" for name, (old, new) in found.items())


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_value, value)) or "none"
    text = "none" if value is None else str(value)
    return text if text.isprintable() else repr(text)
