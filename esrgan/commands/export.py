"""`python -m esrgan export`: a model as safetensors or ONNX."""

from argparse import Namespace
from pathlib import Path

from esrgan.command_line import Parser
from esrgan.commands.common import network_at, results_by_data_set
from esrgan.errors import UserError
from esrgan.evaluation.methods import labels
from esrgan.evaluation.model_card import FILE, model_card
from esrgan.models.checkpoints import save_generator
from esrgan.models.onnx_export import OPSET, save_onnx
from esrgan.pictures.files import atomic_path


def add(command: Parser) -> None:
    command.add_argument(
        "models", nargs="+", metavar="MODEL", help="a name or a file; two with --alpha"
    )
    command.add_argument("--alpha", type=float, help="weight of the second of two models")
    about = "write a folder for the Hugging Face Hub: safetensors and a card, without uploading it"
    command.add_argument("--hf", action="store_true", help=about)
    about = "of `evaluate -o DIR`, whose numbers of the model stand in the card"
    command.add_argument(
        "--evaluation", nargs="+", type=Path, default=[], metavar="DIR", help=about
    )
    command.add_argument("--scale", type=int, help="for old ×3 files: 3")
    command.add_argument(
        "-o",
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help=".safetensors or .onnx; with --hf a folder",
    )
    command.set_defaults(run=run)


def _for_the_hub(options: Namespace) -> int:
    """A folder of weights and their card."""
    network, facts = network_at(options.models, options.alpha, options.scale)
    (name, *_), out = labels(options.models), options.out
    name = name if options.alpha is None else out.name
    sets = results_by_data_set(options.evaluation)
    text = model_card(name, network.scale, facts, sets, name)
    save_generator(out / FILE, network, facts, half=False)
    with atomic_path(out / "README.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(f"{out}: {FILE}, README.md")
    return 0


def run(options: Namespace) -> int:
    if options.hf:
        return _for_the_hub(options)
    if options.evaluation:
        raise UserError("--evaluation is for the card that --hf writes.")
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
