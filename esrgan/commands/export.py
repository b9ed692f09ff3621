"""`python -m esrgan export`: a model as safetensors or ONNX."""

from argparse import Namespace
from pathlib import Path

from esrgan.command_line import Parser
from esrgan.commands.common import network_at
from esrgan.errors import UserError
from esrgan.models.checkpoints import save_generator
from esrgan.models.onnx_export import OPSET, save_onnx


def add(command: Parser) -> None:
    command.add_argument(
        "models", nargs="+", metavar="MODEL", help="a name or a file; two with --alpha"
    )
    command.add_argument("--alpha", type=float, help="weight of the second of two models")
    command.add_argument("--scale", type=int, help="for old ×3 files: 3")
    command.add_argument(
        "-o", "--out", type=Path, required=True, metavar="FILE", help=".safetensors or .onnx"
    )
    command.set_defaults(run=run)


def run(options: Namespace) -> int:
    suffix = options.out.suffix
    if suffix not in (".safetensors", ".onnx"):
        raise UserError(f"Models are written as .safetensors or .onnx, not {suffix!r}.")
    network, facts = network_at(options.models, options.alpha, options.scale)
    if suffix == ".safetensors":
        save_generator(options.out, network, facts, half=False)
        print(f"{options.out}: float32")
        return 0
    difference = save_onnx(options.out, network, facts)
    print(
        f"{options.out}: float32, opset {OPSET}, any batch, height and width; ONNX Runtime's "
        f"output differs from PyTorch's by at most {difference:.1e}"
    )
    return 0
