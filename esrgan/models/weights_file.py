"""Files of weights: tensors by the names that they have there, and metadata; in and out.

Files come from anybody. Nothing in one is run, nothing is read beyond what there is of it, and
what would take seconds or gigabytes to read is refused.
"""

import mmap
import pickle
import pickletools
import re
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from esrgan.errors import UserError
from esrgan.pictures.files import atomic_path

State = dict[str, Tensor]

WRAPPERS = (
    "params_ema",
    "params-ema",
    "params",
    "ema_state_dict",
    "model_state_dict",
    "state_dict",
    "model",
    "net",
)
PREFIXES = ("module.", "netG.", "generator.")
# More levels of wrapping than any real file has; a hostile one may hold itself.
DEEPEST_WRAPPING = 8
# More tensors than any real file has, as a hostile one may, with no numbers in them; 23 RRDBs have
# 702. And bytes of a PyTorch file's table of contents, which is 100 kB for these.
MOST_TENSORS, LARGEST_PICKLE = 20_000, 2**20
# Pickles with which a file from before PyTorch 1.6 begins: two numbers, the system, the contents,
# and the names of the numbers behind them.
OLD_PICKLES = 5
# What torch.load takes from anybody, and should not: it makes a bytearray of any length, and after
# a wrong sparse tensor it refuses the next file too, which may be another visitor's.
HARMFUL = (b"bytearray", b"_rebuild_sparse_tensor")


def write_state(path: Path, state: State, metadata: dict[str, str], half: bool) -> None:
    """Write tensors as safetensors, atomically.

    Args:
        half: store float16 where they are floating-point, else float32.

    Raises:
        UserError: it is not a `.safetensors`, can't be written, or a number is not finite.
    """
    if path.suffix != ".safetensors":
        raise UserError(f"Weights are written as .safetensors, not {path.suffix!r}.")
    dtype = torch.float16 if half else torch.float32
    tensors = {
        name: tensor.detach().to("cpu", dtype if tensor.is_floating_point() else None).contiguous()
        for name, tensor in state.items()
    }
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise UserError(f"{path.name} was not written: its weights hold NaN or infinite numbers.")
    with atomic_path(path) as temporary:
        temporary.write_bytes(save(tensors, metadata))


def read_state(path: Path) -> tuple[State, dict[str, str]]:
    """The tensors of a weights file by their own names, unwrapped, and its metadata.

    Raises:
        UserError: as `load_generator`, except that any architecture is accepted.
    """
    if not path.is_file():
        raise UserError(f"There is no weights file {path}.")
    if path.stat().st_size == 0:
        raise UserError(f"{path.name} is empty (0 bytes).")
    _check_beginning(path)
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    return _copied(_unwrap(_unpickle(path), path.name), path), {}


def _check_beginning(path: Path) -> None:
    """Raises UserError: it is what a browser or git saves in place of a weights file."""
    with path.open("rb") as file:
        start = file.read(200).lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        raise UserError(
            f"{path.name} is a web page, not a weights file: open its address in a browser and "
            "download the file itself."
        )
    if start.startswith(b"version https://git-lfs"):
        raise UserError(
            f"{path.name} is a Git LFS pointer, not the weights themselves: fetch them with "
            "`git lfs pull`, or download the file."
        )


def _read_safetensors(path: Path) -> tuple[State, dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
            _check_count(len(names), path.name)
            tensors = {name: file.get_tensor(name) for name in names}
            metadata = file.metadata() or {}
    except UserError:
        raise
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{path.name} is not a complete safetensors file.") from error
    return _unwrap(tensors, path.name), metadata


def _check_count(tensors: int, name: str) -> None:
    if tensors > MOST_TENSORS:
        raise UserError(f"{name} holds {tensors} tensors; no generator has so many.")


def _unpickle(path: Path) -> object:
    """Unpickle a PyTorch file, weights only.

    The tensors of a zip lie in the file, so that none is read beyond what there is of it, whatever
    the pickle says, and nothing is unpacked.
    """
    try:
        is_zip = _check_for_harm(path)
        return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip)
    except UserError:
        raise
    except pickle.UnpicklingError as error:
        if re.search("unsupported (global|class)", str(error), re.IGNORECASE):
            found = re.search(r"GLOBAL (\S+)", str(error))
            what = f" ({found[1]})" if found else ""
            raise UserError(
                f"{path.name} holds Python objects besides weights{what}; nothing in it was run. "
                "Ask for a safetensors file or a plain state dict."
            ) from error
        raise UserError(
            f"{path.name} is not a PyTorch weights file; nothing in it was run."
        ) from error
    except Exception as error:  # torch.load raises anything on broken files
        raise UserError(f"{path.name} is truncated or not a PyTorch weights file.") from error


def _check_for_harm(path: Path) -> bool:
    """Whether it is a zip; torch writes no other than these.

    Raises:
        UserError: reading it would do harm.
    """
    harmful = UserError(f"{path.name} is not a PyTorch weights file; nothing in it was run.")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if any(data.find(name) >= 0 for name in HARMFUL):
            raise harmful
        is_zip = data[:4] == b"PK\x03\x04"
    if is_zip:
        with zipfile.ZipFile(path) as archive:
            if any(name.endswith("/constants.pkl") for name in archive.namelist()):
                raise UserError(
                    f"{path.name} is a TorchScript program, not a weights file; nothing in it was "
                    "run. Save the state dict of its model instead."
                )
            for member in archive.infolist():
                packed = member.compress_type != zipfile.ZIP_STORED
                is_pickle = member.filename.endswith(".pkl")
                if packed or (is_pickle and member.file_size > LARGEST_PICKLE):
                    raise harmful
    elif _is_long_pickle(path):
        raise harmful
    return is_zip


def _is_long_pickle(path: Path) -> bool:
    """Whether the contents of a PyTorch file from before 1.6 are longer than those of any model:
    unpickling takes seconds for a megabyte."""
    with path.open("rb") as file, suppress(ValueError):  # which torch refuses too
        for _ in range(OLD_PICKLES):
            for _, _, at in pickletools.genops(file):
                if at is not None and at > LARGEST_PICKLE:
                    return True
    return False


def _copied(state: State, path: Path) -> State:
    """Tensors that no longer lie in the file, which may be replaced.

    Raises:
        UserError: they are larger than it, by numbers that stand for many.
    """
    _check_count(len(state), path.name)
    if sum(tensor.nbytes for tensor in state.values()) > path.stat().st_size:
        raise UserError(f"{path.name} is not a PyTorch weights file: its tensors are larger.")
    return {key: tensor.detach().clone() for key, tensor in state.items()}


def _unwrap(loaded: object, name: str) -> State:
    """Descend through the known wrappers and a sole key, then drop common prefixes."""
    for _ in range(DEEPEST_WRAPPING):
        if not isinstance(loaded, Mapping) or _is_state(loaded):
            break
        inner = next((loaded[key] for key in WRAPPERS if key in loaded), None)
        if inner is None and len(loaded) == 1:
            inner = next(iter(loaded.values()))
        loaded = inner
    if not isinstance(loaded, Mapping) or not _is_state(loaded):
        raise UserError(f"{name} holds no network weights (no state dict was found in it).")
    state = dict(loaded)
    for prefix in PREFIXES:
        if all(key.startswith(prefix) for key in state):
            state = {key.removeprefix(prefix): value for key, value in state.items()}
    _check_types(state, name)
    return state


def _check_types(state: State, name: str) -> None:
    """Raises UserError: PyTorch stores numbers of such a type and can do no more with them."""
    for dtype in {tensor.dtype for tensor in state.values()}:
        try:
            torch.empty(1, dtype=dtype).float()
        except (NotImplementedError, RuntimeError) as error:
            kind = str(dtype).removeprefix("torch.")
            raise UserError(
                f"{name} holds numbers of a type that can't be computed with: {kind}."
            ) from error


def _is_state(loaded: Mapping[Any, Any]) -> bool:
    return bool(loaded) and all(
        isinstance(key, str) and isinstance(value, Tensor) and _is_plain(value)
        for key, value in loaded.items()
    )


def _is_plain(tensor: Tensor) -> bool:
    """Real numbers lying in memory: not sparse, quantised, complex or without data."""
    odd = tensor.is_quantized or tensor.is_complex() or tensor.is_meta
    return tensor.layout == torch.strided and not odd
