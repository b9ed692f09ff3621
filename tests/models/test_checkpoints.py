"""The one door for weights: all dialects against spandrel, and every way of being broken."""

import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from esrgan.models.checkpoints import (
    load_features,
    load_generator,
    read_facts,
    save_features,
    save_generator,
)
from esrgan.models.weights_file import PREFIXES, WRAPPERS
from esrgan.networks import RRDBConfig, RRDBNet, SRResNet, SRResNetConfig, VGGFeatures
from tests.tiny import vgg_layers

State = dict[str, Tensor]

# The layer names of the wild: first, dense convolution, end of trunk, upsampling, HR, last.
# nb blocks, u stages; the old dialect numbers its layers.
DIALECTS: dict[str, tuple[str, ...]] = {
    "old": (
        "model.0",
        "model.1.sub.{i}.RDB{j}.conv{k}.0",
        "model.1.sub.{nb}",
        "model.{old_up}",
        "model.{old_hr}",
        "model.{old_last}",
    ),
    "official": (
        "conv_first",
        "RRDB_trunk.{i}.RDB{j}.conv{k}",
        "trunk_conv",
        "upconv{u}",
        "HRconv",
        "conv_last",
    ),
    "basicsr": (
        "conv_first",
        "body.{i}.rdb{j}.conv{k}",
        "conv_body",
        "conv_up{u}",
        "conv_hr",
        "conv_last",
    ),
    "lornatang": (
        "conv1",
        "trunk.{i}.rdb{j}.conv{k}",
        "conv2",
        "upsampling{u}.0",
        "conv3.0",
        "conv4",
    ),
}


def in_dialect(network: RRDBNet, dialect: str) -> State:
    """A network's tensors under the layer names of a dialect."""
    first, dense, trunk, up, hr, last = DIALECTS[dialect]
    nb, stages = len(network.body), len(network.factors)
    layers: dict[str, nn.Module] = {first: network.conv_first}
    for i, block in enumerate(network.body):
        for j in (1, 2, 3):
            for k in (1, 2, 3, 4, 5):
                conv = block.get_submodule(f"rdb{j}.conv{k}")
                layers[dense.format(i=i, j=j, k=k)] = conv
    layers[trunk.format(nb=nb)] = network.conv_body
    for u in range(1, stages + 1):
        layers[up.format(u=u, old_up=3 * u)] = network.get_submodule(f"conv_up{u}")
    layers[hr.format(old_hr=3 * stages + 2)] = network.conv_hr
    layers[last.format(old_last=3 * stages + 4)] = network.conv_last
    return {
        f"{name}.{part}": tensor.detach().clone()
        for name, conv in layers.items()
        for part, tensor in conv.named_parameters()
    }


def random_network(config: RRDBConfig) -> RRDBNet:
    torch.manual_seed(0)
    network = RRDBNet(config).eval()
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.1)
    return network


def assert_same_network(found: nn.Module, expected: nn.Module) -> None:
    theirs = expected.state_dict()
    assert found.state_dict().keys() == theirs.keys()
    assert all(torch.equal(tensor, theirs[key]) for key, tensor in found.state_dict().items())


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "model.pth"


@pytest.fixture
def state(tiny_network) -> State:
    return in_dialect(tiny_network, "basicsr")


# Own files


@pytest.mark.parametrize(
    "network",
    [
        RRDBNet(RRDBConfig(8, 2, 4)),
        RRDBNet(RRDBConfig(8, 1, 4, scale=3)),
        RRDBNet(RRDBConfig(8, 1, 4, scale=2, unshuffle=2)),
        SRResNet(SRResNetConfig(8, 2)),
        SRResNet(SRResNetConfig(8, 2, scale=2, batch_norm=False)),
    ],
    ids=["rrdb", "rrdb ×3", "rrdb unshuffle", "srresnet", "srresnet without BN"],
)
def test_round_trip(tmp_path, network):
    path = tmp_path / "folder" / "model.safetensors"
    facts = {"iterations": 3, "psnr": 27.5, "licence": "CC BY 4.0", "data": ["bsds400"]}
    save_generator(path, network, facts, half=False)
    loaded = load_generator(path)
    assert loaded.config == network.config
    assert not loaded.training
    assert_same_network(loaded, network)
    assert read_facts(path) == facts
    assert [file.name for file in path.parent.iterdir()] == ["model.safetensors"]


def test_stored_in_half_precision_and_loaded_in_single(tmp_path, tiny_network):
    path = tmp_path / "half.safetensors"
    save_generator(path, tiny_network, {})
    with safe_open(path, framework="pt") as file:
        assert file.get_tensor("conv_first.weight").dtype == torch.float16
        assert json.loads(file.metadata()["config"])["num_features"] == 8
        assert file.metadata()["architecture"] == "RRDBNet"
    assert_same_network(load_generator(path), tiny_network.half().float())


def test_batch_norms_counters_stay_integers(tmp_path):
    network = SRResNet(SRResNetConfig(8, 1))
    network(torch.rand(2, 3, 8, 8))
    save_generator(tmp_path / "bn.safetensors", network, {})
    loaded = load_generator(tmp_path / "bn.safetensors")
    assert loaded.norm_body.num_batches_tracked.item() == 1
    assert loaded.norm_body.num_batches_tracked.dtype == torch.int64


def test_a_refused_save_keeps_the_old_file(tmp_path, tiny_network, refused, monkeypatch):
    path = tmp_path / "model.safetensors"
    save_generator(path, tiny_network, {"iterations": 1})
    broken = RRDBNet(tiny_network.config)
    broken.conv_last.bias.data[0] = float("nan")
    with refused("model.safetensors was not written", "NaN"):
        save_generator(path, broken, {"iterations": 2})
    with monkeypatch.context() as patch, refused("model.safetensors could not be written: full"):
        patch.setattr(Path, "write_bytes", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
        save_generator(path, tiny_network, {"iterations": 2})
    assert read_facts(path) == {"iterations": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_only_safetensors_is_written(tmp_path, tiny_network, refused):
    with refused("'.pth'"):
        save_generator(tmp_path / "model.pth", tiny_network, {})


# Foreign files


def by_spandrel(state: State) -> Any:
    """The model that spandrel makes of tensors."""
    from spandrel import ModelLoader  # takes seconds, and each worker loads this module

    return ModelLoader("cpu").load_from_state_dict(state)


@pytest.mark.parametrize("scale", [1, 2, 4, 8])
def test_dialects_give_spandrels_output(path, scale):
    network = random_network(RRDBConfig(8, 3, 32, scale=scale))  # spandrel assumes 32
    x = torch.rand(1, 3, 9, 8)
    for dialect in DIALECTS:
        torch.save(in_dialect(network, dialect), path)
        loaded = load_generator(path)
        assert loaded.config == network.config
        assert_same_network(loaded, network)
        if dialect == "lornatang":
            continue  # spandrel does not know it
        with torch.no_grad():
            theirs = by_spandrel(in_dialect(network, dialect)).model
            torch.testing.assert_close(loaded(x), theirs(x), rtol=0, atol=1e-5)
            assert theirs(x).std() > 0.02


@pytest.mark.parametrize(("scale", "unshuffle"), [(2, 2), (1, 4), (1, 2)])
def test_pixel_unshuffle_is_inferred_as_by_spandrel(path, scale, unshuffle):
    network = random_network(RRDBConfig(8, 2, 32, scale=scale, unshuffle=unshuffle))
    torch.save({"params_ema": in_dialect(network, "basicsr")}, path)
    loaded = load_generator(path)
    assert loaded.config == network.config
    theirs = by_spandrel(in_dialect(network, "basicsr"))
    x = torch.rand(1, 3, 8, 12)
    with torch.no_grad():
        torch.testing.assert_close(loaded(x), theirs.model(x), rtol=0, atol=1e-5)


@pytest.mark.parametrize("unshuffle", [2, 4])
def test_odd_sizes_are_mirrored_before_unshuffling_as_by_spandrel(path, unshuffle):
    network = random_network(RRDBConfig(8, 1, 32, scale=4 // unshuffle, unshuffle=unshuffle))
    torch.save(in_dialect(network, "basicsr"), path)
    loaded, theirs = load_generator(path), by_spandrel(in_dialect(network, "basicsr"))
    for size in ((9, 7), (8, 11), (6, 5), (unshuffle, unshuffle + 1)):
        x = torch.rand(1, 3, *size)
        with torch.no_grad():
            torch.testing.assert_close(loaded(x), theirs.model(x), rtol=0, atol=1e-5)
    assert loaded(torch.rand(1, 3, 1, 3)).shape[-2:] == (loaded.scale, 3 * loaded.scale)


@pytest.mark.parametrize(
    "config",
    [
        RRDBConfig(num_features=12, num_blocks=1, growth_channels=6),
        RRDBConfig(num_features=8, num_blocks=12, growth_channels=3),
        RRDBConfig(num_features=8, num_blocks=1, growth_channels=16),
        RRDBConfig(8, 1, 4, in_channels=1, out_channels=1),
        RRDBConfig(8, 1, 4, in_channels=4, out_channels=3),
    ],
)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_architecture_is_read_off_the_shapes(path, config, dialect):
    torch.save(in_dialect(RRDBNet(config), dialect), path)
    assert load_generator(path).config == config


@pytest.mark.parametrize("dialect", DIALECTS)
def test_three_times_needs_the_caller(path, dialect, refused):
    network = RRDBNet(RRDBConfig(8, 1, 4, scale=3))
    torch.save(in_dialect(network, dialect), path)
    assert load_generator(path).scale == 2  # the tensors are the same
    loaded = load_generator(path, scale=3)
    assert loaded(torch.rand(1, 3, 4, 5)).shape == (1, 3, 12, 15)
    with refused("model.pth", "×2", "×4"):
        load_generator(path, scale=4)


def test_a_times_four_model_is_not_times_three(path, state, refused):
    torch.save(state, path)
    assert load_generator(path, scale=4).scale == 4
    with refused("model.pth", "×3"):
        load_generator(path, scale=3)


REFERENCE_WRAPPERS = {
    "params_ema",
    "params",
    "params-ema",
    "state_dict",
    "model_state_dict",
    "ema_state_dict",
    "model",
    "net",
    "generator",
    "netG",
    "model_ema",
}
REFERENCE_PREFIXES = {"module.", "netG.", "generator.", "_orig_mod.", "ema.", "model_ema.", "net."}


def test_all_wrappers_and_prefixes_are_tried_here():
    assert set(WRAPPERS) >= REFERENCE_WRAPPERS
    assert set(PREFIXES) >= REFERENCE_PREFIXES


@pytest.mark.parametrize("wrapper", [*sorted(REFERENCE_WRAPPERS), "any_sole_key"])
@pytest.mark.parametrize("dialect", ["old", "basicsr"])
def test_wrappers(path, tiny_network, wrapper, dialect):
    wrapped: dict[str, Any] = {wrapper: in_dialect(tiny_network, dialect)}
    if wrapper != "any_sole_key":
        wrapped |= {"epoch": 7, "optimizer": {"lr": 1e-4}}
    torch.save(wrapped, path)
    assert_same_network(load_generator(path), tiny_network)


def test_nested_wrappers_and_prefixes(path, tiny_network, state):
    inner = {f"module.netG.{key}": tensor for key, tensor in state.items()}
    torch.save({"checkpoint": {"state_dict": inner, "step": 1}}, path)
    assert_same_network(load_generator(path), tiny_network)


@pytest.mark.parametrize("dialect", ["old", "basicsr"])
def test_prefixes_in_any_order_and_number(path, tiny_network, dialect):
    state = in_dialect(tiny_network, dialect)
    for prefixes in permutations(("_orig_mod.", "module.", "netG.", "model."), 3):
        torch.save({"".join(prefixes) + key: tensor for key, tensor in state.items()}, path)
        assert_same_network(load_generator(path), tiny_network)
    twice = {f"module.module._orig_mod.{key}": tensor for key, tensor in state.items()}
    torch.save(twice, path)
    assert_same_network(load_generator(path), tiny_network)


def test_averaged_models_and_numbers_beside_the_tensors(path, tiny_network, state):
    averaged = AveragedModel(tiny_network).state_dict()
    assert "n_averaged" in averaged
    for contents in (
        averaged,
        {**state, "epoch": 7, "lr": 0.1, "note": "best", "step": torch.tensor(5)},
        {"params_ema": None, "params": state},
        {"params_ema": {}, "state_dict": state, "optimizer": {"state": {}, "param_groups": [{}]}},
        {"model_ema": averaged, "model": {key: t + 1 for key, t in state.items()}},
    ):
        torch.save(contents, path)
        assert_same_network(load_generator(path), tiny_network)


def test_a_generator_beside_its_discriminator(path, tiny_network, state):
    other = nn.Conv2d(3, 4, 3).state_dict()
    for generator, discriminator in (("generator.", "discriminator."), ("netG.", "netD.")):
        both = {generator + key: tensor for key, tensor in state.items()}
        both |= {discriminator + key: tensor for key, tensor in other.items()}
        averaged = {f"ema.module.{key}": tensor for key, tensor in state.items()}
        plain = {f"generator.{key}": tensor + 1 for key, tensor in state.items()}
        for contents in (both, {"state_dict": both, "epoch": 3}, {**plain, **averaged}):
            torch.save(contents, path)
            assert_same_network(load_generator(path), tiny_network)
    torch.save({"discriminator": other, "generator": state}, path)
    assert_same_network(load_generator(path), tiny_network)


def test_a_run_s_own_checkpoint_gives_its_averaged_generator(path, tiny_network, state):
    module = {key: tensor + 1 for key, tensor in state.items()}
    modules = {
        "generator": module,
        "ema": AveragedModel(tiny_network).state_dict(),
        "discriminator": nn.Conv2d(3, 4, 3).state_dict(),
    }
    torch.save({"iteration": 5, "modules": modules, "optimizers": {}, "pictures": "abc"}, path)
    assert_same_network(load_generator(path), tiny_network)


def test_a_file_is_what_it_holds_whatever_it_is_called(tmp_path, tiny_network, state):
    for name, save in (
        ("upper.SAFETENSORS", save_file),
        ("safetensors.pth", save_file),
        ("pickle.safetensors", torch.save),
        ("upper.PTH", torch.save),
        ("none", save_file),
    ):
        save(state, tmp_path / name)
        assert_same_network(load_generator(tmp_path / name), tiny_network)


def test_a_safetensors_header_of_any_length(tmp_path, tiny_network, state):
    """0x80, with which a pickle begins, among its first bytes."""
    lengths = set()
    for padding in range(0, 256, 8):
        save_file(state, tmp_path / "x.safetensors", {"facts": json.dumps({"x": "x" * padding})})
        lengths.add((tmp_path / "x.safetensors").read_bytes()[0])
        assert_same_network(load_generator(tmp_path / "x.safetensors"), tiny_network)
    assert 0x80 in lengths


def test_the_moving_average_is_preferred(path, tiny_network, state):
    other = {key: tensor + 1 for key, tensor in state.items()}
    torch.save({"params": other, "params_ema": state}, path)
    assert_same_network(load_generator(path), tiny_network)


@pytest.mark.parametrize("prefix", sorted(REFERENCE_PREFIXES))
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_prefixes(tmp_path, tiny_network, prefix, suffix, dialect):
    path = tmp_path / f"model{suffix}"
    prefixed = {prefix + key: value for key, value in in_dialect(tiny_network, dialect).items()}
    (save_file if suffix == ".safetensors" else torch.save)(prefixed, path)
    assert_same_network(load_generator(path), tiny_network)


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".ckpt", ".safetensors"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_any_precision_becomes_single(tmp_path, tiny_network, state, suffix, dtype):
    path = tmp_path / f"model{suffix}"
    stored = {key: tensor.to(dtype) for key, tensor in state.items()}
    (save_file if suffix == ".safetensors" else torch.save)(stored, path)
    assert_same_network(load_generator(path), tiny_network.to(dtype).float())


def test_foreign_metadata_is_passed_over(tmp_path, state):
    path = tmp_path / "foreign.safetensors"
    for text in ("not JSON", "[1]", '"text"', '{"scale": "four"}', "[" * 100_000):
        save_file(state, path, metadata={"config": text, "facts": text})
        assert load_generator(path).scale == 4
        assert read_facts(path) in ({}, {"scale": "four"})


# Perceptual networks


@pytest.fixture
def vgg() -> nn.Sequential:
    """torchvision's VGG19 features at a sixteenth of the width."""
    torch.manual_seed(0)
    return vgg_layers(19, 16)


def torchvisions_conv2_2(vgg: nn.Sequential, x: Tensor) -> Tensor:
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return vgg[:8]((x - mean.view(3, 1, 1)) / std.view(3, 1, 1))


@pytest.mark.parametrize("prefix", ["features.", ""])
def test_any_vgg19_state_dict_is_read(path, vgg, prefix):
    head = {"classifier.0.weight": torch.rand(3, 3)} if prefix else {}
    torch.save({**{prefix + k: v for k, v in vgg.state_dict().items()}, **head}, path)
    features = load_features(path)
    assert not any(parameter.requires_grad for parameter in features.parameters())
    x = torch.rand(1, 3, 16, 16)
    found = features(x, ["conv2_2"])["conv2_2"]
    torch.testing.assert_close(found, torchvisions_conv2_2(vgg, x))


def test_features_round_trip_under_torchvisions_names(tmp_path, vgg):
    path = tmp_path / "vgg.safetensors"
    torch.save(vgg.state_dict(), tmp_path / "vgg.pth")
    features = load_features(tmp_path / "vgg.pth")
    save_features(path, features, {"accuracy": 0.6})
    assert read_facts(path) == {"accuracy": 0.6}
    with safe_open(path, framework="pt") as file:
        assert set(file.keys()) == {f"features.{key}" for key in vgg.state_dict()}
    assert_same_network(load_features(path), features.half().float())


@pytest.fixture
def vgg16() -> nn.Sequential:
    """torchvision's VGG16 features at a sixteenth of the width."""
    torch.manual_seed(1)
    return vgg_layers(16, 16)


def named(vgg: nn.Sequential, name: str, kernel: str = "weight") -> dict[str, Tensor]:
    """The weights of the VGG16 by the names of its layers, `name` with their block and index."""
    places = [f"{b}.{i}".split(".") for b in range(1, 6) for i in range(1, 3 + (b > 2))]
    state = {}
    convs = [module for module in vgg if isinstance(module, nn.Conv2d)]
    for (block, index), conv in zip(places, convs, strict=True):
        layer = name.format(block, index)
        state[layer + kernel], state[layer + "bias"] = conv.weight.detach(), conv.bias.detach()
    return state


def deepest(vgg: nn.Sequential, x: Tensor) -> Tensor:
    """conv5_3 of pictures that are already as the network wants them."""
    return vgg[:29](x)


def for_torchvision(x: Tensor) -> Tensor:
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return (x - mean.view(3, 1, 1)) / std.view(3, 1, 1)


def for_caffe(x: Tensor) -> Tensor:
    return 255 * x.flip(1) - torch.tensor([103.939, 116.779, 123.68]).view(3, 1, 1)


@pytest.mark.parametrize("name", ["features", "conv{}_{}."])
def test_a_vgg16_is_told_from_a_vgg19(path, vgg16, name):
    own = {f"features.{key}": tensor for key, tensor in vgg16.state_dict().items()}
    torch.save(own if name == "features" else named(vgg16, name), path)
    features = load_features(path)
    assert features.depth == 16
    x = torch.rand(1, 3, 32, 32)
    found = features(x, ["conv5_3", "relu5_3"])
    torch.testing.assert_close(found["conv5_3"], deepest(vgg16, for_torchvision(x)))
    torch.testing.assert_close(found["relu5_3"], found["conv5_3"].relu())


@pytest.mark.parametrize(
    ("name", "kernel"),
    [("block{}_conv{}.", "weight"), ("block{}_conv{}/", "kernel"), ("block{}_conv{}_", "W")],
)
@pytest.mark.parametrize("transposed", [False, True])
def test_keras_s_weights_are_given_keras_s_pictures(path, vgg16, name, kernel, transposed):
    state = named(vgg16, name, kernel)
    if transposed:
        state = {k: t.permute(2, 3, 1, 0) if t.ndim == 4 else t for k, t in state.items()}
    torch.save(state, path)
    x = torch.rand(1, 3, 32, 32)
    found = load_features(path)(x, ["conv5_3"])["conv5_3"]
    torch.testing.assert_close(found, deepest(vgg16, for_caffe(x)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("told_by", ["argument", "metadata"])
def test_caffe_s_weights_are_told_from_torchvision_s(tmp_path, vgg16, told_by):
    path, metadata = tmp_path / "caffe.safetensors", {}
    if told_by == "metadata":
        metadata = {"input": "caffe"}
    save_file(named(vgg16, "conv{}_{}."), path, metadata)
    features = load_features(path, "caffe" if told_by == "argument" else None)
    x = torch.rand(1, 3, 32, 32)
    expected = deepest(vgg16, for_caffe(x))
    torch.testing.assert_close(features(x, ["conv5_3"])["conv5_3"], expected, rtol=1e-4, atol=1e-4)
    save_features(tmp_path / "again.safetensors", features, {})
    again = load_features(tmp_path / "again.safetensors")(x, ["conv5_3"])["conv5_3"]
    torch.testing.assert_close(again, expected, rtol=0.05, atol=0.05)  # kept as float16


def test_a_vgg_without_one_of_its_layers_is_refused(path, vgg16, refused):
    state = named(vgg16, "conv{}_{}.")
    torch.save({key: tensor for key, tensor in state.items() if "conv4_2" not in key}, path)
    with refused("model.pth", "it lacks conv4_2.weight"):
        load_features(path)


def test_vgg_with_batch_norm_is_refused(path, refused):
    layers = vgg_layers(19, 16, batch_norm=True)
    torch.save({f"features.{k}": v for k, v in layers.state_dict().items()}, path)
    with refused("model.pth", "VGG19"):
        load_features(path)


def test_a_vgg_whose_width_is_no_vector_is_refused(path, vgg, refused):
    torch.save({**vgg.state_dict(), "2.bias": torch.tensor(1.0)}, path)
    with refused("model.pth does not fit", "conv1_1.weight"):
        load_features(path)
    # as wide as this the network would take terabytes
    torch.save({**vgg.state_dict(), "2.bias": torch.zeros(3_000_000)}, path)
    with refused("model.pth does not fit", "conv1_1.weight"):
        load_features(path)


def test_a_generator_is_no_vgg_and_the_other_way_round(path, tmp_path, state, refused):
    torch.save(state, path)
    with refused("model.pth is not a VGG16 or VGG19"):
        load_features(path)
    vgg = tmp_path / "vgg.safetensors"
    save_features(vgg, VGGFeatures([4] * 5), {})
    with refused("vgg.safetensors is not an ESRGAN generator"):
        load_generator(vgg)


# Bad files


class RunsCode:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def save_bare_pickle(contents: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(contents, protocol=2))


@pytest.mark.parametrize("write", [torch.save, save_bare_pickle])
@pytest.mark.parametrize("wrap", [lambda it: it, lambda it: {"params": it}])
def test_a_file_that_carries_code_is_refused_and_the_code_not_run(path, write, wrap, refused):
    marker = path.with_name("it-ran")
    write(wrap(RunsCode(marker)), path)
    with refused("model.pth holds Python objects", "nothing in it was run"):
        load_generator(path)
    assert not marker.exists()
    if write is torch.save:
        torch.load(path, weights_only=False)
    else:
        pickle.loads(path.read_bytes())
    assert marker.exists(), "the file would have been harmless, and the test is void"


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("kept", [3, 100, 0.5, -1])
def test_truncated_files(tmp_path, state, suffix, kept, refused):
    path = tmp_path / f"cut{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(state, path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept) if isinstance(kept, float) else kept])
    with refused(f"cut{suffix} is "):
        load_generator(path)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_files_that_are_no_weights(tmp_path, suffix, refused):
    path = tmp_path / f"notes{suffix}"
    with refused("There is no weights file", path.name):
        load_generator(path)
    path.write_bytes(b"")
    with refused(path.name, "is empty"):
        load_generator(path)
    path.write_text("Dear diary,\ntoday I trained a network.\n" * 20)
    with refused(path.name):
        load_generator(path)
    path.unlink()
    path.mkdir()
    with refused("There is no weights file", path.name):
        load_generator(path)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_what_browsers_and_git_save_instead_is_named(tmp_path, suffix, refused):
    path = tmp_path / f"model{suffix}"
    path.write_text("\n<!DOCTYPE html><html><title>Virus scan warning</title></html>")
    with refused(path.name, "is a web page", "download"):
        load_generator(path)
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:65fe\nsize 66958607\n")
    with refused(path.name, "Git LFS pointer", "git lfs pull"):
        load_generator(path)


def test_known_files_that_are_no_weights(cases, refused):
    for name, words in {"html.pth": "web page", "lfs.pth": "Git LFS pointer"}.items():
        with refused(name, words):
            load_generator(cases / name)


def test_a_program_is_no_weights_file(path, state, refused):
    torch.save(state, path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("model/constants.pkl", b"\x80\x02).")
    with refused("model.pth is a TorchScript program", "state dict"):
        load_generator(path)


def test_numbers_of_a_type_without_arithmetic(tmp_path, refused):
    path = tmp_path / "f4.safetensors"
    header = json.dumps({"a": {"dtype": "F4", "shape": [4], "data_offsets": [0, 2]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(2))
    for load in (load_generator, load_features):
        with refused("f4.safetensors"):
            load(path)


@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.parametrize(
    "pickled",
    [b"]" * 900_000 + b"a" * 899_999, b"]q\0" + b"h\0a" * 600_000],
    ids=["lists in lists", "a list that holds itself"],
)
def test_long_pickles_are_refused_unread(path, is_zip, pickled, refused, monkeypatch):
    """Unpickling takes seconds for a megabyte of them."""
    torch.save({}, path, _use_new_zipfile_serialization=is_zip)
    long = b"\x80\x02" + pickled + b"."
    if is_zip:
        repacked(path, lambda _: long)
    else:
        path.write_bytes(path.read_bytes().replace(pickle.dumps({}, 2), long, 1))
    assert path.stat().st_size > len(long)
    monkeypatch.setattr("torch.load", lambda *_, **__: pytest.fail("it was unpickled"))
    with refused("model.pth is not a PyTorch weights file"):
        load_generator(path)


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["body.0.weight", "body.0.bias", "body.1.weight", "body.2.weight"], "SRVGGNetCompact"),
        (["conv_first.weight", "body.0.conv1.weight", "upconv1.weight"], "MSRResNet"),
        (["conv_first.weight", "body.0.conv1.weight", "conv_after_body.weight"], "EDSR"),
        (["head.0.weight", "body.0.body.0.weight", "tail.0.0.weight"], "EDSR"),
        (["head.0.weight", "body.0.body.0.body.3.conv_du.0.weight", "tail.0.0.weight"], "RCAN"),
        (["conv_first.weight", "body.0.residual_group.0.rcab.0.weight"], "RCAN"),
        (["layers.0.residual_group.blocks.0.attn.relative_position_bias_table"], "SwinIR"),
        (["layers.0.residual_group.overlap_attn.norm1.weight"], "HAT"),
        (["before_RG.1.weight", "layers.0.blocks.0.attn.qkv.weight"], "DAT"),
        (["block_1.c1_r.sk.weight", "conv_1.sk.weight"], "SPAN"),
        (["residual_layer.0.residual_layer.0.layer.0.fn.0.weight"], "OmniSR"),
        (["conv0_0.weight", "linear1.weight"], "discriminator"),
    ],
)
@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"params_ema": s}], ids=["", "wrapped"])
def test_other_architectures_are_named(path, names, kind, wrap, refused):
    torch.save(wrap({name: torch.zeros(2, 2) for name in names}), path)
    with refused("model.pth is a", kind, "only RRDBNet"):
        load_generator(path)


def test_other_files_are_named(path, refused):
    for contents, words in (
        (b"\x08\x07\x12\x07pytorch", "an ONNX program"),
        (b"\x1f\x8b\x08" + bytes(50), "a gzip archive"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(50), "a 7z archive"),
        (b"Rar!\x1a\x07" + bytes(50), "a RAR archive"),
        (b"\x89HDF\r\n\x1a\n" + bytes(50), "HDF5"),
        (b"7767517\n3 4\n", "ncnn"),
    ):
        path.write_bytes(contents)
        with refused("model.pth is", words):
            load_generator(path)


def test_another_architecture(path, refused):
    from torchvision.models import resnet18

    torch.save(resnet18().state_dict(), path)
    with refused("model.pth is not an ESRGAN generator"):
        load_generator(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite(path, state, value, refused):
    state["body.1.rdb2.conv3.weight"][0, 0, 0, 0] = value
    torch.save(state, path)
    with refused("model.pth", "body.1.rdb2.conv3.weight", "NaN"):
        load_generator(path)


@pytest.mark.parametrize("dialect", ["old", "basicsr"])
def test_esrgan_plus(path, tiny_network, dialect, refused):
    state = in_dialect(tiny_network, dialect)
    dense = DIALECTS[dialect][1].format(i=0, j=1, k="1x1").removesuffix(".0")
    torch.save({**state, f"{dense}.weight": torch.zeros(4, 8, 1, 1)}, path)
    with refused("model.pth is an ESRGAN+ model"):
        load_generator(path)


def without_a_layer(state: State) -> object:
    return {key: tensor for key, tensor in state.items() if "body.1.rdb3.conv5" not in key}


def holding_itself(state: State) -> object:
    endless: dict[str, object] = {}
    endless["model"] = endless
    return endless


def with_(**changes: Callable[[Tensor], Tensor]) -> Callable[[State], object]:
    """Some tensors changed or added; `__` stands for a dot."""
    return lambda state: (
        state
        | {
            (key := name.replace("__", ".")): change(state.get(key, torch.zeros(1)))
            for name, change in changes.items()
        }
    )


def only(*names: str) -> Callable[[State], object]:
    return lambda _: {"params": {name: torch.zeros(1) for name in names}}


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (without_a_layer, ["lacks body.1.rdb3.conv5.weight"]),
        (with_(stray__weight=lambda _: torch.zeros(3)), ["stray.weight"]),
        (with_(conv_hr__weight=lambda t: t[:, :5]), ["conv_hr.weight", "(8, 5, 3, 3)"]),
        (with_(body__0__rdb1__conv2__weight=lambda t: t[:, :9]), ["body.0.rdb1.conv2.weight"]),
        (with_(conv_last__weight=lambda t: t[:0]), ["conv_last"]),
        (with_(conv_first__weight=lambda t: t.flatten()), []),
        (with_(conv_first__weight=lambda t: t.sum()), []),
        (with_(conv_first__weight=Tensor.to_sparse), []),
        (with_(conv_first__weight=lambda t: t.to(torch.complex64)), []),
        (with_(conv_first__weight=lambda t: t.to("meta")), []),
        (with_(body__999999999__rdb1__conv1__weight=lambda t: t), []),
        (holding_itself, []),
        (lambda state: list(state.values()), []),
        (lambda state: {1: state["conv_hr.bias"]}, []),
        (only("model.0.weight"), []),
        (only("model.0.weight", "model.999999999.bias"), []),
        (only("upsampling.1", "activation.weight"), []),
        (only(), []),
    ],
)
@pytest.mark.filterwarnings("ignore:Validating sparse tensor", "ignore:Initializing zero-element")
def test_odd_contents_are_refused_quickly(path, state, spoil, words, refused):
    torch.save(spoil(state), path)
    with refused("model.pth", *words):
        load_generator(path)


def repacked(
    path: Path, change: Callable[[bytes], bytes], method: int = zipfile.ZIP_STORED
) -> None:
    """The zip with its pickle changed."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, change(data) if name.endswith(".pkl") else data)


def test_bombs_are_not_unpacked(path, state, refused):
    torch.save({**state, "conv_first.weight": torch.zeros(5_000_000)}, path)
    repacked(path, lambda pickled: pickled, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 200_000
    with refused("model.pth is not a PyTorch weights file", "compressed archive", "unpack"):
        load_generator(path)
    torch.save({"x": torch.ones(1).expand(10**6, 10**6)}, path)
    with refused("model.pth", "its tensors are larger"):
        load_generator(path)
    torch.save({"x": bytearray(10)}, path)
    with refused("model.pth is not a PyTorch weights file"):
        load_generator(path)


def test_no_tensor_reaches_beyond_its_numbers(path, state, refused):
    """A pickle may say that it is longer, and what lies behind it is not ours to show."""
    torch.save({"x": torch.arange(10.0)}, path)

    def longer(pickled: bytes) -> bytes:
        assert pickled.count(b"K\n") == 2  # as many numbers, and the shape
        return pickled.replace(b"K\n", b"M\x10\x27")

    repacked(path, longer)
    with refused("model.pth"):
        load_generator(path)


def test_more_tensors_than_any_network_has(tmp_path, path, state, refused):
    many = {f"body.{n}.x": torch.zeros(0) for n in range(1000)}
    for file in (path, tmp_path / "model.safetensors"):
        save = torch.save if file == path else save_file
        save({**state, **many}, file)
        with refused(file.name, "it has not all of the tensors of 1000 blocks"):
            load_generator(file)
        save(dict.fromkeys(map(str, range(20_001)), torch.zeros(0)), file)
        with refused(file.name, "holds 20001 tensors"):
            load_generator(file)


def test_what_was_loaded_does_not_change_with_its_file(path, state, tiny_network):
    torch.save(state, path)
    loaded = load_generator(path)
    path.write_bytes(b"")
    assert_same_network(loaded, tiny_network)


def test_a_refused_file_does_not_spoil_the_next(path, state, refused):
    torch.save({"x": torch.ones(3).to_sparse(), "y": print}, path)
    with refused("model.pth"):
        load_generator(path)
    torch.save(state, path)
    load_generator(path)
