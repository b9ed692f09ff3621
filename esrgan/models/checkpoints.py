"""The one door for weights: files in, networks with canonical key names out, and back.

Own files are safetensors whose metadata says what they hold; a run's `checkpoint.pt` is read for
its averaged generator. Foreign RRDBNet files come in four dialects of key names and many wrappings;
they are recognised from their tensors alone, and the architecture is always read off the tensors'
shapes, never assumed.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from esrgan.errors import UserError
from esrgan.models.architectures import other_architecture
from esrgan.models.weights_file import State, read_state, write_state
from esrgan.networks import (
    Generator,
    GeneratorConfig,
    RRDBConfig,
    RRDBNet,
    SRResNet,
    SRResNetConfig,
    VGGFeatures,
)
from esrgan.networks.vgg import INPUTS, InputName, convolutions, layer_names, torchvision_index

# Canonical names are BasicSR's; a dialect is how to get there.
OFFICIAL_RULES = (
    (r"RRDB_trunk\.(\d+)\.RDB(\d)\.conv(\d)", r"body.\1.rdb\2.conv\3"),
    (r"trunk_conv", "conv_body"),
    (r"upconv(\d)", r"conv_up\1"),
    (r"HRconv", "conv_hr"),
)
LORNATANG_RULES = (
    (r"trunk\.(\d+)\.rdb(\d)\.conv(\d)", r"body.\1.rdb\2.conv\3"),
    (r"conv1", "conv_first"),
    (r"conv2", "conv_body"),
    (r"upsampling(\d)\.0", r"conv_up\1"),
    (r"conv3\.0", "conv_hr"),
    (r"conv4", "conv_last"),
)

# Convolutions of perceptual networks: conv1_2.weight or block1_conv2/kernel:0, and by number.
VGG_KEY = re.compile(
    r"(?:.*/)?(?:block(?=\d_conv)|conv)(\d)_(?:conv)?(\d)[./_](weight|kernel|W|bias|b)(?::0)?"
)
VGG_NUMBER = re.compile(r"(?:features\.)?(\d{1,2})\.(weight|bias)")


def load_generator(path: str | Path, scale: int | None = None) -> Generator:
    """Load an RRDBNet or SRResNet from a `.safetensors`, `.pth`, `.pt` or `.ckpt` file.

    Args:
        path: the file, in any of the dialects.
        scale: only for old-dialect ×3 files, whose tensors look like a ×2 model's.

    Returns:
        The network in evaluation mode, float32, on the CPU.

    Raises:
        UserError: no such file, not a weights file, one that carries code, a truncated one, or
            another architecture.
    """
    network, _ = load_generator_and_facts(path, scale)
    return network


def load_generator_and_facts(
    path: str | Path, scale: int | None = None
) -> tuple[Generator, dict[str, Any]]:
    """`load_generator` with the training facts of the file, as `read_facts` gives them."""
    path = Path(path)
    state, metadata = read_state(path)
    saved_scale = _json_object(metadata.get("config")).get("scale")
    if scale is None and isinstance(saved_scale, int):
        scale = saved_scale
    return _assemble(state, path.name, scale), _json_object(metadata.get("facts"))


def load_tensors(path: Path) -> State:
    """The tensors of a generator's file by our names, whatever generator they make, float32.

    Raises:
        UserError: as `load_generator`, of the file.
    """
    state, _ = read_state(path)
    return {name: tensor.float() for name, tensor in _canonical(state).items()}


def _json_object(text: str | None) -> dict[str, Any]:
    """The JSON object in an entry of the metadata; empty if it is missing or anything else."""
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def save_generator(
    path: Path, network: Generator, facts: Mapping[str, Any], half: bool = True
) -> None:
    """Write a generator as safetensors, atomically, with its configuration and training facts.

    Args:
        path: ends in `.safetensors`.
        network: what to save.
        facts: anything JSON can hold: command, data, iterations, scores, licence.
        half: store float16, half the size; the loader returns float32 either way.
    """
    architecture = "RRDBNet" if isinstance(network, RRDBNet) else "SRResNet"
    metadata = {"architecture": architecture, "config": json.dumps(asdict(network.config))}
    write_state(path, network.state_dict(), {**metadata, "facts": json.dumps(dict(facts))}, half)


def save_features(path: Path, network: VGGFeatures, facts: Mapping[str, Any]) -> None:
    """Write a perceptual network under torchvision's key names, as `save_generator` does."""
    state = {
        f"features.{torchvision_index(block, index, network.depth)}.{part}": tensor
        for block, index in network.convolutions
        for part, tensor in network.get_submodule(f"conv{block}_{index}").state_dict().items()
    }
    metadata = {
        "architecture": network.title,
        "config": json.dumps({"widths": network.widths}),
        "input": network.input_name,
    }
    write_state(path, state, {**metadata, "facts": json.dumps(dict(facts))}, half=True)


def read_facts(path: Path) -> dict[str, Any]:
    """The training facts in one of our own files; empty for a foreign one."""
    _, metadata = read_state(path)
    return _json_object(metadata.get("facts"))


def load_features(path: str | Path, input_name: InputName | None = None) -> VGGFeatures:
    """Load a perceptual network: any VGG16 or VGG19 without batch normalisation, of any width.

    Key names may be torchvision's (`features.0.weight`), Caffe's (`conv1_1.weight`) or Keras's
    (`block1_conv1.kernel`); kernels out×in×3×3 or, as Keras keeps them, 3×3×in×out.

    Args:
        input_name: what the weights expect, a key of `INPUTS`. Without it, what the file's own
            metadata says under "input"; else "caffe" where names or kernels are Keras's, which come
            from there, and "torchvision" elsewhere.

    Returns:
        The network in evaluation mode, float32, frozen.

    Raises:
        UserError: as `load_generator`, or not such a network.
    """
    path = Path(path)
    state, metadata = read_state(path)
    translated, depth, from_keras = _canonical_vgg(state, path.name)
    widths = [translated[f"conv{b}_{i}.bias"].numel() for b, i in dict(convolutions(depth)).items()]
    with torch.device("meta"):
        expected = VGGFeatures(widths, depth).state_dict()
    _check_fit(expected, translated, path.name)
    told = next((name for name in INPUTS if name == metadata.get("input")), None)
    guess: InputName = "caffe" if from_keras else "torchvision"
    network = VGGFeatures(widths, depth, input_name or told or guess)  # no larger than the file is
    _load_strictly(network, translated, path.name)
    return network.requires_grad_(False).eval()


def _canonical_vgg(state: State, name: str) -> tuple[State, int, bool]:
    """A VGG's convolutions by our names, out×in×3×3; its depth; whether Keras wrote it.

    Raises:
        UserError: it is not a VGG16 or VGG19 without batch normalisation.
    """
    named = {key: match for key in state if (match := VGG_KEY.fullmatch(key))}
    names = {key: f"conv{match[1]}_{match[2]}" for key, match in named.items()}
    # VGG16 has no conv3_4, which is number 16 in torchvision's VGG19; a pooling in its VGG16.
    deep = "conv3_4" in names.values() or {"features.16.weight", "16.weight"} & state.keys()
    depth = 19 if deep else 16
    numbered = {torchvision_index(b, i, depth): f"conv{b}_{i}" for b, i in convolutions(depth)}
    found: State = {}
    for key, tensor in state.items():
        if key in names:
            part = "bias" if named[key][3] in ("bias", "b") else "weight"
            found[f"{names[key]}.{part}"] = tensor
        elif (place := VGG_NUMBER.fullmatch(key)) and int(place[1]) in numbered:
            found[f"{numbered[int(place[1])]}.{place[2]}"] = tensor
    for layer in layer_names(depth):
        for part in ("weight", "bias"):
            if f"{layer}.{part}" not in found:
                raise UserError(
                    f"{name} is not a VGG16 or VGG19 (without batch normalisation): it lacks "
                    f"{layer}.{part}."
                )
    first = found["conv1_1.weight"]
    of_keras = first.ndim == 4 and first.shape[:3] == (3, 3, 3) and first.shape[3] != 3
    if of_keras:  # 3×3×in×out
        found = {
            key: tensor.permute(3, 2, 0, 1).contiguous() if tensor.ndim == 4 else tensor
            for key, tensor in found.items()
        }
    return found, depth, of_keras or any("block" in key for key in named)


def _assemble(state: State, name: str, scale: int | None) -> Generator:
    other = other_architecture(state)
    if other:
        raise UserError(
            f"{name} is {other}; only RRDBNet (ESRGAN, Real-ESRGAN, BSRGAN) and SRResNet run here. "
            "Choose a file of one of these."
        )
    try:
        state = _canonical(state)
        config = _infer_config(state, scale)
    except (KeyError, IndexError, ValueError) as error:
        if isinstance(error, UserError):
            raise UserError(f"{name}: {error}") from error
        raise UserError(
            f"{name} is not an ESRGAN generator: its tensors fit neither RRDBNet nor SRResNet."
        ) from error
    with torch.device("meta"):
        network = RRDBNet(config) if isinstance(config, RRDBConfig) else SRResNet(config)
    _load_strictly(network, state, name)
    return network.eval()


def _load_strictly(network: nn.Module, state: State, name: str) -> None:
    """Give `network` these very tensors, or say which one does not fit; they are copied only when
    all do, as another network's may be huge."""
    expected = network.state_dict()
    _check_fit(expected, state, name)
    typed = {key: state[key].to(tensor.dtype) for key, tensor in expected.items()}
    for key, tensor in typed.items():
        if not torch.isfinite(tensor).all():
            raise UserError(f"{name} is unusable: {key} holds NaN or infinite numbers.")
    network.load_state_dict(typed, assign=True)


def _check_fit(expected: State, state: State, name: str) -> None:
    for key, tensor in expected.items():
        if key not in state:
            raise UserError(f"{name} is incomplete or of another architecture: it lacks {key}.")
        if state[key].shape != tensor.shape:
            raise UserError(
                f"{name} does not fit: {key} has shape {tuple(state[key].shape)}, "
                f"expected {tuple(tensor.shape)}."
            )
    extra = sorted(state.keys() - expected.keys())
    if extra:
        raise UserError(f"{name} is of another architecture: it has {extra[0]} besides.")


def _canonical(state: State) -> State:
    """Rename the keys of any RRDBNet dialect; others pass through."""
    if "model.0.weight" in state:
        rules = _old_rules(state)
    elif any(key.startswith("RRDB_trunk.") for key in state):
        rules = OFFICIAL_RULES
    elif any(key.startswith("trunk.") for key in state):
        rules = LORNATANG_RULES
    else:
        return state
    return {_rename(key, rules): tensor for key, tensor in state.items()}


def _rename(key: str, rules: tuple[tuple[str, str], ...]) -> str:
    layer, _, part = key.rpartition(".")
    for pattern, replacement in rules:
        if re.fullmatch(pattern, layer):
            return f"{re.sub(pattern, replacement, layer)}.{part}"
    return key


def _old_rules(state: State) -> tuple[tuple[str, str], ...]:
    """The 2018 dialect numbers its layers, so that the rules depend on how many there are."""
    layers = {int(found[1]) for key in state if (found := re.match(r"model\.(\d+)\.", key))}
    blocks = [int(found[1]) for key in state if (found := re.match(r"model\.1\.sub\.(\d+)\.", key))]
    _, _, *ups, hr, last = sorted(layers)
    return (
        (r"model\.0", "conv_first"),
        (r"model\.1\.sub\.(\d+)\.RDB(\d)\.conv(\d)\.0", r"body.\1.rdb\2.conv\3"),
        (rf"model\.1\.sub\.{max(blocks, default=0)}", "conv_body"),
        *((rf"model\.{up}", f"conv_up{stage}") for stage, up in enumerate(ups, start=1)),
        (rf"model\.{hr}", "conv_hr"),
        (rf"model\.{last}", "conv_last"),
    )


def _infer_config(state: State, scale: int | None) -> GeneratorConfig:
    """Read the architecture off canonical tensors; KeyError or ValueError if it is neither."""
    blocks = len({found[1] for key in state if (found := re.match(r"body\.(\d+)\.", key))})
    least = 30 if "conv_hr.weight" in state else 5  # tensors of a block
    if blocks * least > len(state):
        raise UserError(f"it is incomplete: it has not all of the tensors of {blocks} blocks.")
    if "conv_hr.weight" in state:
        return _infer_rrdb(state, blocks, scale)
    stages = len({key.split(".")[1] for key in state if key.startswith("upsampling.")})
    if "activation.weight" not in state:
        raise ValueError("not an SRResNet")
    return SRResNetConfig(
        num_features=state["conv_first.weight"].shape[0],
        num_blocks=blocks,
        scale=2**stages,
        batch_norm="norm_body.weight" in state,
    )


def _infer_rrdb(state: State, blocks: int, scale: int | None) -> RRDBConfig:
    features, raw_channels = state["conv_first.weight"].shape[:2]
    out_channels = state["conv_last.weight"].shape[0]
    unshuffle = next((r for r in (2, 4) if raw_channels == out_channels * r**2), 1)
    stages = sum(bool(re.fullmatch(r"conv_up\d+\.weight", key)) for key in state)
    by_shape = 2**stages // unshuffle
    if scale == 3 and stages != 1:
        raise UserError("its tensors are not those of a ×3 model.")
    if scale not in (None, 3, by_shape):
        raise UserError(f"its tensors are those of a ×{by_shape} model, not of a ×{scale} one.")
    return RRDBConfig(
        num_features=features,
        num_blocks=blocks,
        growth_channels=state["body.0.rdb1.conv1.weight"].shape[0],
        scale=scale or by_shape,
        unshuffle=unshuffle,
        in_channels=raw_channels // unshuffle**2,
        out_channels=out_channels,
    )
