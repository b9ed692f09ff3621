"""GAN training steps per second: ours against the published loop, written out plainly.

    python -m benchmarks.train_step --preset builtin-gan --bf16
    python -m benchmarks.train_step --preset paper-gan --set batch_size=2 --perceptual random --bf16

Both train equal networks with equal losses on equal batches, and their steps alternate, so that
another load of the machine falls on both. The plain loop takes the public training code's step:
five passes through the discriminator (real and fake for the generator's loss; fake, real and fake
again for its own, whose halves go back one by one), the frozen discriminator switched off and on,
PyTorch's default layout of memory, default Adam, and an average of the weights tensor by tensor.

`--bf16` measures ours in bfloat16 too, which pays where the processor has instructions for it
(AVX-512 BF16, AMX); the plain loop stays in float32, as published. On CUDA, bf16 with torch.compile
is measured in any case, and the peak memory of each.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from esrgan.inference.devices import Network, choose_device
from esrgan.models.checkpoints import save_features
from esrgan.networks import VGGFeatures
from train.acceleration import set_up_cuda
from train.config import make_config
from train.data import batches
from train.losses import PerceptualLoss
from train.settings import load_preset, override
from train.stages import ADAM_BETAS, GANStage, build_stage

EXAMPLES = Path(__file__).parent.parent / "assets" / "examples"
# The generators that the presets start from; the benchmark needs no weights of theirs.
PAPER = {"num_features": 64, "num_blocks": 23, "growth_channels": 32}
BUILTIN = {"num_features": 32, "num_blocks": 8, "growth_channels": 16}
Step = Callable[[Tensor, Tensor], Any]


class PlainLoop:
    """The step of the published training code, with copies of a stage's networks."""

    def __init__(self, stage: GANStage) -> None:
        self.config = stage.config
        self.generator = plainly_copied(stage.generator)
        self.discriminator = plainly_copied(stage.discriminator)
        features = plainly_copied(stage.perceptual.features)
        self.average = deepcopy(self.generator).requires_grad_(False)
        before = stage.config.before_activation
        self.perceptual = PerceptualLoss(features, stage.config.layers, before)
        rate = stage.config.schedule.learning_rate
        self.of_generator, self.of_discriminator = (
            torch.optim.Adam(network.parameters(), lr=rate, betas=ADAM_BETAS)
            for network in (self.generator, self.discriminator)
        )

    def __call__(self, lr: Tensor, hr: Tensor) -> None:
        lr, hr = lr.float() / 255, hr.float() / 255
        self.discriminator.requires_grad_(False)
        self.of_generator.zero_grad()
        sr = self.generator(lr)
        real, fake = self.discriminator(hr).detach(), self.discriminator(sr)
        adversarial = (said(real - fake.mean(), 0) + said(fake - real.mean(), 1)) / 2
        loss = self.config.pixel_weight * F.l1_loss(sr, hr) + self.perceptual(sr, hr)
        (loss + self.config.gan_weight * adversarial).backward()
        self.of_generator.step()

        self.discriminator.requires_grad_(True)
        self.of_discriminator.zero_grad()
        fake, real = self.discriminator(sr).detach(), self.discriminator(hr)
        (said(real - fake.mean(), 1) / 2).backward()
        fake = self.discriminator(sr.detach())
        (said(fake - real.detach().mean(), 0) / 2).backward()
        self.of_discriminator.step()

        pairs = zip(self.average.parameters(), self.generator.parameters(), strict=True)
        for averaged, current in pairs:
            averaged.data.mul_(0.999).add_(current.data, alpha=0.001)


def plainly_copied(network: Network) -> Network:
    return deepcopy(network).to(memory_format=torch.contiguous_format)


def said(logits: Tensor, label: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


def measure(
    steps: dict[str, Step], pairs: list[tuple[Tensor, Tensor]], clock: Callable[[], float]
) -> dict[str, list[float]]:
    """Seconds of each step on each batch, taken in turn; the first batch warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for number, (lr, hr) in enumerate(pairs):
        for name, step in steps.items():
            begun = clock()
            step(lr, hr)
            if lr.device.type == "cuda":
                torch.cuda.synchronize()
            if number:
                seconds[name].append(clock() - begun)
        print(f"{number}/{len(pairs) - 1}", end=" ", file=sys.stderr, flush=True)
    return seconds


def peak_memory(step: Step, lr: Tensor, hr: Tensor) -> float:
    """The GiB of CUDA's memory that a step adds at most to what is there before it."""
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    step(lr, hr)
    torch.cuda.synchronize()
    return (torch.cuda.max_memory_allocated() - before) / 2**30


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.train_step")
    parser.add_argument("--preset", default="builtin-gan")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--perceptual", default="builtin", help="builtin, a file, or random: VGG19 of full width"
    )
    parser.add_argument("--set", action="append", default=[], dest="assignments")
    parser.add_argument("--compile", action="store_true", help="measure torch.compile too")
    parser.add_argument("--bf16", action="store_true", help="measure precision=bf16 too")
    parser.add_argument(
        "--cpu-time", action="store_true", help="count the processor's time, on a busy machine"
    )
    parser.add_argument("-o", "--out", type=Path, help="a JSON file")
    return parser.parse_args()


def perceptual_file(name: str, folder: Path) -> str:
    if name != "random":
        return name
    save_features(folder / "vgg19.safetensors", VGGFeatures(), {})
    return str(folder / "vgg19.safetensors")


def main() -> None:
    given = options()
    device = choose_device(given.device)
    if device.type == "cuda":
        set_up_cuda(tf32=False)
    with tempfile.TemporaryDirectory() as folder:
        preset = load_preset("gan", given.preset)
        settings = {
            **preset,
            "init": None,
            # The published loop has none of these.
            "gan_share": None,
            "crop_size": preset["crop_size"] - preset.get("jitter", 0),
            "jitter": 0,
            "gradient_penalty": 0.0,
            "generator": PAPER if given.preset.startswith("paper") else BUILTIN,
            "data": [str(EXAMPLES)],
            "perceptual": perceptual_file(given.perceptual, Path(folder)),
            "num_workers": 0,
        }
        settings = override(settings, given.assignments)
        ours = gan_stage(settings, device)
        steps: dict[str, Step] = {"plain": PlainLoop(ours), "ours": ours.step}
        if given.compile:
            steps["ours, compiled"] = gan_stage({**settings, "compile": True}, device).step
        if given.bf16:
            steps["ours, bf16"] = gan_stage({**settings, "precision": "bf16"}, device).step
        if device.type == "cuda":
            quick = {**settings, "precision": "bf16", "compile": True}
            steps["ours, bf16, compiled"] = gan_stage(quick, device).step
    size, count = ours.config.batch_size, given.steps + 1
    pairs = list(batches(ours.dataset, size, 0, count, num_workers=0, device=device))
    clock = time.process_time if given.cpu_time else time.perf_counter
    seconds = measure(steps, pairs, clock)

    result: dict[str, Any] = {
        "command": sys.argv[1:],
        "torch": torch.__version__,
        "device": str(device),
        "threads": torch.get_num_threads(),
    }
    for name, values in seconds.items():
        result[name] = {
            "seconds": values,
            "iterations_per_second": 1 / statistics.median(values),
            "samples_per_second": size / statistics.median(values),
            "times_plain": statistics.median(
                plain / own for plain, own in zip(seconds["plain"], values, strict=True)
            ),
        }
        if device.type == "cuda":
            result[name]["peak_gib"] = peak_memory(steps[name], *pairs[0])
        facts = (f"{key} {value:.3g}" for key, value in result[name].items() if key != "seconds")
        print(f"{name}: {', '.join(facts)}")
    if given.out:
        given.out.write_text(json.dumps(result, indent=2) + "\n", "utf-8")


def gan_stage(settings: dict[str, Any], device: torch.device) -> GANStage:
    stage = build_stage(make_config("gan", settings), device)
    assert isinstance(stage, GANStage)
    return stage


if __name__ == "__main__":
    main()
