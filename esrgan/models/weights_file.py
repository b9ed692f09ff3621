"""Files of weights: tensors by the names that they have there, and metadata; in and out.

Files come from anybody. Nothing in one is run, nothing is read beyond what there is of it, and
what would take seconds or gigabytes to read is refused.
"""

import mmap
import pickle
import pickletools
import re
import shutil
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from esrgan.errors import UserError
from esrgan.pictures.files import atomic_path

State = dict[str, Tensor]

# Under which a file may hold its network, averaged weights before others; the last are our own
# runs' and others' of several networks.
WRAPPERS = (
    *("params_ema", "params-ema", "model_ema", "ema_model", "generator_ema", "netG_ema", "g_ema"),
    *("ema_state_dict", "state_dict_ema", "ema", "averaged"),
    *("params", "generator", "netG", "net_g", "generator_state_dict", "model_state_dict"),
    *("state_dict", "model", "net", "network", "module", "weights", "modules"),
)
# What may stand before the name of a tensor, any number of times; of several networks in one file,
# those that come first here are taken.
PREFIXES = (
    *("model_ema.", "ema_model.", "generator_ema.", "netG_ema.", "g_ema.", "ema.", "averaged."),
    *("params_ema.", "generator.", "netG.", "net_g.", "G.", "params.", "state_dict."),
    *("module.", "_orig_mod.", "network.", "net.", "model."),
)
# More levels of wrapping than any real file has.
MOST_MAPPINGS = 50
# More tensors than any real file has, as a hostile one may, with no numbers in them; 23 RRDBs have
# 702. And bytes of a PyTorch file's table of contents, which is 100 kB for these.
MOST_TENSORS, LARGEST_PICKLE = 20_000, 2**20
# Pickles with which a file from before PyTorch 1.6 begins: two numbers, the system, the contents,
# and the names of the numbers behind them.
OLD_PICKLES = 5
# How files begin: PyTorch's, and those that are taken for them.
ZIP, PICKLE = b"PK\x03\x04", b"\x80"
ONNX = "an ONNX program, not a weights file; ask for the .pth or .safetensors that it was made of"
ARCHIVE = "archive, not a weights file; unpack it and choose the file within"
OTHER_FILES = {
    **{bytes((8, version, tag)): ONNX for version in range(3, 16) for tag in (0x12, 0x3A)},
    b"\x1f\x8b": f"a gzip {ARCHIVE}",
    b"7z\xbc\xaf\x27\x1c": f"a 7z {ARCHIVE}",
    b"Rar!": f"a RAR {ARCHIVE}",
    b"\xfd7zXZ": f"an xz {ARCHIVE}",
    b"\x89HDF": "an HDF5 file, as Keras writes it; only PyTorch's weights are read here",
    b"7767517": "the table of an ncnn program, not a weights file; ask for the .pth",
}
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
    if _is_safetensors(path):
        return _read_safetensors(path)
    return _copied(_unwrap(_unpickle(path), path.name), path), {}


def _is_safetensors(path: Path) -> bool:
    """By its contents; by its name only where those say nothing.

    Raises:
        UserError: it is what browsers, git and other programs save in place of weights.
    """
    with path.open("rb") as file:
        start = file.read(200)
    text = start.lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html")):
        raise UserError(
            f"{path.name} is a web page, not a weights file: open its address in a browser and "
            "download the file itself."
        )
    if text.startswith(b"version https://git-lfs"):
        raise UserError(
            f"{path.name} is a Git LFS pointer, not the weights themselves: fetch them with "
            "`git lfs pull`, or download the file."
        )
    for beginning, kind in OTHER_FILES.items():
        if start.startswith(beginning):
            raise UserError(f"{path.name} is {kind}.")
    # A header's length may begin as a pickle does; a pickle's beginning is no length that fits.
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") + 8 <= path.stat().st_size:
        return True
    if start.startswith((ZIP, PICKLE)):
        return False
    return start[8:9] == b"{" or path.suffix.lower() == ".safetensors"


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
        with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            named = path
            if path.suffix == ".safetensors":  # by which torch.load would go
                named = Path(shutil.copyfile(path, Path(folder, "weights.pth")))
            return torch.load(named, map_location="cpu", weights_only=True, mmap=is_zip)
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
        is_zip = data[:4] == ZIP
    if is_zip:
        with zipfile.ZipFile(path) as archive:
            if any(name.endswith("/constants.pkl") for name in archive.namelist()):
                raise UserError(
                    f"{path.name} is a TorchScript program, not a weights file; nothing in it was "
                    "run. Save the state dict of its model instead."
                )
            for member in archive.infolist():
                if member.compress_type != zipfile.ZIP_STORED:
                    raise UserError(
                        f"{path.name} is not a PyTorch weights file but a compressed archive; "
                        "unpack it and choose the file within."
                    )
                if member.filename.endswith(".pkl") and member.file_size > LARGEST_PICKLE:
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
    """The tensors of the network that a file is about, without the prefixes of their names."""
    state = _without_prefixes(_tensors(loaded, set()))
    if not state:
        raise UserError(f"{name} holds no network weights (no state dict was found in it).")
    _check_types(state, name)
    return state


def _tensors(loaded: object, been: set[int]) -> State:
    """Those of the first known wrapper that holds any, at any depth; else those that lie here; else
    those of a sole key. Numbers and what else stands beside them is left out."""
    if not isinstance(loaded, Mapping) or id(loaded) in been or len(been) > MOST_MAPPINGS:
        return {}
    been.add(id(loaded))
    for key in WRAPPERS:
        if found := _tensors(loaded.get(key), been):
            return found
    plain = {
        key: value
        for key, value in loaded.items()
        if isinstance(key, str) and isinstance(value, Tensor) and _is_plain(value)
    }
    if any(tensor.ndim for tensor in plain.values()):
        return plain
    return _tensors(next(iter(loaded.values())), been) if len(loaded) == 1 else {}


def _without_prefixes(state: State) -> State:
    """Without any of `PREFIXES`, and without what has none where others have; a counter, such as
    that of averaged weights, is no weight."""
    while True:
        groups = {prefix: _behind(prefix, state) for prefix in PREFIXES}
        found = next((g for g in groups.values() if any(t.ndim for t in g.values())), None)
        if found is None:
            return {
                key: tensor
                for key, tensor in state.items()
                if tensor.ndim or "." in key  # as in norm.num_batches_tracked
            }
        state = found


def _behind(prefix: str, state: State) -> State:
    """The tensors of this prefix, without it; "model.0" is a layer of the old dialect."""
    return {
        key.removeprefix(prefix): tensor
        for key, tensor in state.items()
        if key.startswith(prefix) and not (prefix == "model." and key[len(prefix) :][:1].isdigit())
    }


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


def _is_plain(tensor: Tensor) -> bool:
    """Real numbers lying in memory: not sparse, quantised, complex or without data."""
    odd = tensor.is_quantized or tensor.is_complex() or tensor.is_meta
    return tensor.layout == torch.strided and not odd
