"""`python -m esrgan export`: safetensors and ONNX, against PyTorch."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from esrgan.command_line import run as run_command
from esrgan.commands.cli import main
from esrgan.errors import UserError
from esrgan.models import onnx_export
from esrgan.models.checkpoints import load_generator, read_facts, save_generator
from esrgan.models.onnx_export import save_onnx
from esrgan.networks import Generator, RRDBConfig, RRDBNet, SRResNet, SRResNetConfig
from tests.processes import Forked

SIZES = [(1, 8, 8), (3, 17, 6), (1, 5, 33)]  # none of those that the export itself compares


@pytest.fixture
def onnxruntime():
    pytest.importorskip("onnx")
    return pytest.importorskip("onnxruntime")


def initialised(network: Generator) -> Generator:
    """With statistics and slopes that are not those of a fresh network."""
    torch.manual_seed(1)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    for name, buffer in network.named_buffers():
        if name.endswith("running_var"):
            torch.nn.init.uniform_(buffer, 0.5, 2)
    return network.eval()


def assert_equals(path: Path, network: Generator, runtime, channels: int = 3) -> None:
    session = runtime.InferenceSession(path)
    rng = np.random.default_rng(5)
    for count, height, width in SIZES:
        lr = rng.random((count, channels, height, width), dtype=np.float32)
        (found,) = session.run(None, {"lr": lr})
        with torch.no_grad():
            expected = network(torch.from_numpy(lr)).numpy()
        assert expected.std() > 1e-3
        np.testing.assert_allclose(found, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    "network",
    [
        RRDBNet(RRDBConfig(8, 2, 4)),
        RRDBNet(RRDBConfig(8, 1, 4, scale=3)),
        RRDBNet(RRDBConfig(8, 1, 4, scale=2, unshuffle=2)),
        RRDBNet(RRDBConfig(8, 1, 4, scale=1, unshuffle=4, in_channels=1, out_channels=1)),
        SRResNet(SRResNetConfig(8, 2)),
        SRResNet(SRResNetConfig(8, 1, scale=2, batch_norm=False)),
    ],
    ids=["rrdb", "x3", "unshuffle", "grey", "srresnet", "no-bn"],
)
def test_onnx_equals_pytorch_at_any_size(tmp_path: Path, network: Generator, onnxruntime) -> None:
    path = tmp_path / "model.onnx"
    network = initialised(network)
    assert save_onnx(path, network, {"iterations": 7}) < 1e-4
    assert_equals(path, network, onnxruntime, getattr(network.config, "in_channels", 3))
    metadata = onnxruntime.InferenceSession(path).get_modelmeta().custom_metadata_map
    assert json.loads(metadata["facts"]) == {"iterations": 7}
    assert json.loads(metadata["config"])["config"]["scale"] == network.scale


@pytest.fixture
def community_file(tmp_path: Path) -> tuple[Path, RRDBNet]:
    """A file in the 2018 dialect and its network: one block, so that the layers are few."""
    network = RRDBNet(RRDBConfig(8, 1, 4))
    initialised(network)
    names = {"conv_first": "model.0", "conv_body": "model.1.sub.1", "conv_up1": "model.3"}
    names |= {"conv_up2": "model.6", "conv_hr": "model.8", "conv_last": "model.10"}
    state = {}
    for key, tensor in network.state_dict().items():
        layer, _, part = key.rpartition(".")
        old = re.sub(r"body\.0\.rdb(\d)\.conv(\d)", r"model.1.sub.0.RDB\1.conv\2.0", layer)
        state[f"{names.get(layer, old)}.{part}"] = tensor
    torch.save(state, tmp_path / "old.pth")
    return tmp_path / "old.pth", network


def test_a_community_file(
    tmp_path: Path, community_file: tuple[Path, RRDBNet], onnxruntime, capsys
) -> None:
    source, network = community_file
    path = tmp_path / "out" / "model.onnx"
    assert main(["export", str(source), "-o", str(path)]) == 0
    assert_equals(path, network, onnxruntime)
    printed = capsys.readouterr().out
    (difference,) = re.findall(r"by at most (\S+)", printed)
    assert float(difference) < 1e-4
    assert "opset 17" in printed

    path = tmp_path / "model.safetensors"
    assert main(["export", str(source), "-o", str(path)]) == 0
    ours, theirs = load_generator(path).state_dict(), network.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_a_model_between_two(tmp_path: Path, tiny_network: RRDBNet, onnxruntime) -> None:
    paths = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    save_generator(paths[0], tiny_network, {}, half=False)
    first = {key: value.clone() for key, value in tiny_network.state_dict().items()}
    with torch.no_grad():
        for parameter in tiny_network.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    save_generator(paths[1], tiny_network, {}, half=False)
    out = tmp_path / "between.onnx"
    assert main(["export", *map(str, paths), "--alpha", "0.25", "-o", str(out)]) == 0
    second = tiny_network.state_dict()
    tiny_network.load_state_dict({key: 0.75 * first[key] + 0.25 * second[key] for key in first})
    assert_equals(out, tiny_network, onnxruntime)


def test_facts_go_along(tmp_path: Path, tiny_network: RRDBNet) -> None:
    save_generator(tmp_path / "a.safetensors", tiny_network, {"seed": 3})
    out = tmp_path / "b.safetensors"
    assert main(["export", str(tmp_path / "a.safetensors"), "-o", str(out)]) == 0
    assert read_facts(out) == {"seed": 3}


def test_a_file_that_differs_is_not_kept(
    tmp_path: Path, tiny_network: RRDBNet, monkeypatch: pytest.MonkeyPatch, onnxruntime, refused
) -> None:
    (tmp_path / "model.onnx").write_text("before")
    traced = onnx_export._traced

    def wrong(network: Generator) -> bytes:
        other = RRDBNet(network.config).eval()  # type: ignore[arg-type]
        other.load_state_dict(network.state_dict())
        with torch.no_grad():
            other.conv_last.bias += 2e-4  # type: ignore[assignment]
        return traced(other)

    monkeypatch.setattr(onnx_export, "_traced", wrong)
    with refused("model.onnx was not written", "differs"):
        save_onnx(tmp_path / "model.onnx", tiny_network, {})
    assert (tmp_path / "model.onnx").read_text() == "before"


def test_without_the_packages_one_line_says_what_to_install(
    tmp_path: Path, tiny_network: RRDBNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UserError, match="pip install onnx onnxruntime"):
        save_onnx(tmp_path / "model.onnx", tiny_network, {})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["psnr", "-o", "model.pth"], ".onnx"),
        (["psnr", "gan", "-o", "model.onnx"], "--alpha"),
        (["psnr", "--alpha", "0.5", "-o", "model.onnx"], "--alpha"),
        (["no-model", "-o", "model.onnx"], "no-model"),
    ],
)
def test_wrong_commands(arguments: list[str], words: str, capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        run_command(lambda: main(["export", *arguments]), "python -m esrgan")
    assert ended.value.code == 2
    err = capsys.readouterr().err
    assert words in err
    assert len(err.strip().splitlines()) == 1


def test_the_exporter_needs_no_package_more(
    tmp_path: Path, tiny_network: RRDBNet, onnxruntime
) -> None:
    """torch's other exporter needs onnxscript."""
    model = tmp_path / "tiny.safetensors"
    save_generator(model, tiny_network, {})
    code, _, err = Forked(_without_onnxscript, model, "-o", tmp_path / "tiny.onnx").ended()
    assert code == 0, err
    assert (tmp_path / "tiny.onnx").stat().st_size > 5_000


def _without_onnxscript() -> None:
    sys.modules["onnxscript"] = None  # type: ignore[assignment]
    sys.exit(main(["export", *sys.argv[1:]]))
