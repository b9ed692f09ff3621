"""The stages: what they train, and the one step in which they differ."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from esrgan import zoo
from esrgan.checkpoints import save_features, save_generator
from esrgan.devices import place
from esrgan.images import crop_to_multiple, list_images, load_image, to_image, to_rgb, to_uint8
from esrgan.metrics import psnr
from esrgan.networks import Generator, VGG19Classifier, VGGDiscriminator, build_generator
from esrgan.resize import imresize
from esrgan.upscale import Upscaler
from train.config import Config, GANConfig, PSNRConfig, VGGConfig
from train.data import ClassDataset, PairDataset
from train.losses import PerceptualLoss, RelativisticAverageGANLoss, StandardGANLoss

ADAM_BETAS = (0.9, 0.99)
Scalars = dict[str, Tensor]
Weights = tuple[Tensor, ...] | list[Tensor]


class Stage(ABC):
    """What the loop needs of a stage.

    Attributes:
        dataset: gives the pairs of tensors of which batches are made.
        modules: everything with weights, by name; a checkpoint holds their states.
        optimizers: by name, likewise; `rates` holds each one's share of the scheduled rate.
    """

    dataset: PairDataset | ClassDataset
    modules: dict[str, nn.Module]
    optimizers: dict[str, Optimizer]
    rates: dict[str, float]

    @abstractmethod
    def step(self, first: Tensor, second: Tensor) -> Scalars:
        """Update all weights by one batch, and say what the losses were."""

    @abstractmethod
    def validate(self) -> dict[str, float]:
        """Figures that take a while; logged with every checkpoint."""

    @abstractmethod
    def sample(self) -> Tensor | None:
        """A 3×H×W picture in [0, 1] of what is learnt so far, if there is one."""

    @abstractmethod
    def export(self, folder: Path, facts: Mapping[str, Any]) -> Path:
        """Write the weights that are the result of the run; returns the file."""


class PSNRStage(Stage):
    """L1 between SR and HR (Sec. 4.1), Adam, and an average of the weights."""

    dataset: PairDataset

    def __init__(self, config: PSNRConfig, device: torch.device) -> None:
        self.config, self.device = config, device
        self.generator = place(initial_generator(config), device)
        average = warm_ema(config.ema_decay)
        self.ema = AveragedModel(self.generator, multi_avg_fn=average, use_buffers=True)
        self.optimizer = adam(self.generator, config)
        self.modules = {"generator": self.generator, "ema": self.ema}
        self.optimizers = {"generator": self.optimizer}
        self.rates = {"generator": 1.0}
        scale = self.generator.scale
        self.dataset = PairDataset(
            config.data, config.crop_size, scale, config.seed, config.lr, config.data_weights
        )
        self.validation = validation_pairs(config.validation, scale)

    def step(self, first: Tensor, second: Tensor) -> Scalars:
        """One batch of LR and HR: N×3×h×w and N×3×H×W, `uint8`."""
        lr, hr = unit_range(first), unit_range(second)
        loss = F.l1_loss(self.generator(lr), hr)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.ema.update_parameters(self.generator)
        return {"loss/l1": loss.detach()}

    def averaged(self) -> Generator:
        """The network with the averaged weights, which is what a run exports."""
        return self.ema.module.eval()  # type: ignore[return-value]

    def validate(self) -> dict[str, float]:
        if not self.validation:
            return {}
        upscaler = Upscaler(self.averaged(), device=self.device)
        scale = self.generator.scale
        scores = [psnr(upscaler(lr), hr, crop_border=scale) for lr, hr in self.validation]
        return {"validation/psnr_y": sum(scores) / len(scores)}

    @torch.no_grad()
    def sample(self) -> Tensor:
        """Four fixed crops, side by side: bicubic, SR and HR in a row each."""
        scale, rows = self.generator.scale, []
        for number in range(4):
            lr, hr = self.dataset[number]
            picture = to_rgb(lr.permute(1, 2, 0).numpy())
            bicubic = torch.from_numpy(imresize(picture, scale)).permute(2, 0, 1)
            batch = unit_range(lr[None].to(self.device))
            sr = torch.from_numpy(to_image(self.averaged()(batch))).permute(2, 0, 1)
            rows.append(torch.cat((bicubic, sr, hr), dim=2))  # 3×S×3S
        return unit_range(torch.cat(rows, dim=1))  # 3×4S×3S

    def export(self, folder: Path, facts: Mapping[str, Any]) -> Path:
        path = folder / "generator.safetensors"
        save_generator(path, self.averaged(), facts)
        return path


class GANStage(PSNRStage):
    """L_G = L_percep + λ L_G^Ra + η L1 (Eq. 3), generator and discriminator in turn."""

    config: GANConfig

    def __init__(self, config: GANConfig, device: torch.device) -> None:
        super().__init__(config, device)
        discriminator = VGGDiscriminator(
            config.crop_size, config.discriminator_features, config.discriminator_batch_norm
        )
        self.discriminator = place(discriminator, device)
        self.discriminator_optimizer = adam(self.discriminator, config)
        self.modules["discriminator"] = self.discriminator
        self.optimizers["discriminator"] = self.discriminator_optimizer
        self.rates["discriminator"] = config.discriminator_rate
        relativistic = config.adversarial == "relativistic"
        self.adversarial = RelativisticAverageGANLoss() if relativistic else StandardGANLoss()
        features = zoo.load_perceptual(config.perceptual)
        self.perceptual = place(
            PerceptualLoss(features, config.layers, config.before_activation), device
        )

    def step(self, first: Tensor, second: Tensor) -> Scalars:
        """One batch of LR and HR: N×3×h×w and N×3×H×W, `uint8`.

        The discriminator does not change between the generator's update and its own, so that its
        logits are computed once and serve both losses.
        """
        lr, hr = unit_range(first), unit_range(second)
        sr = self.generator(lr)
        shown = sr.detach().requires_grad_()  # cuts G from D: each gets its own gradient below
        real_logits, fake_logits = self.discriminator(hr), self.discriminator(shown)

        adversarial = self.adversarial.generator(real_logits, fake_logits)
        (towards_real,) = torch.autograd.grad(adversarial, shown, retain_graph=True)
        perceptual = self.perceptual(sr, hr)
        pixel = F.l1_loss(sr, hr)
        self.optimizer.zero_grad()
        torch.autograd.backward(
            (perceptual + self.config.pixel_weight * pixel, sr),
            (None, self.config.gan_weight * towards_real),
        )
        self.optimizer.step()
        self.ema.update_parameters(self.generator)

        discriminator = self.adversarial.discriminator(real_logits, fake_logits)
        self.discriminator_optimizer.zero_grad()
        discriminator.backward(inputs=list(self.discriminator.parameters()))
        self.discriminator_optimizer.step()
        losses = {
            "loss/perceptual": perceptual,
            "loss/adversarial": adversarial,
            "loss/l1": pixel,
            "loss/discriminator": discriminator,
            "logit/real": real_logits.mean(),
            "logit/fake": fake_logits.mean(),
        }
        return {name: value.detach() for name, value in losses.items()}

    def export(self, folder: Path, facts: Mapping[str, Any]) -> Path:
        names = ("before_activation", "adversarial", "layers", "gan_weight", "pixel_weight")
        loss = {name: getattr(self.config, name) for name in names}
        return super().export(folder, {**facts, "loss": loss})


class VGGStage(Stage):
    """The perceptual network as a plain classifier (cross-entropy, SGD with Nesterov momentum)."""

    dataset: ClassDataset

    def __init__(self, config: VGGConfig, device: torch.device) -> None:
        self.config, self.device = config, device
        self.dataset = ClassDataset(config.data, config.crop_size, config.held_out, config.seed)
        self.network = place(VGG19Classifier(len(self.dataset.classes), config.width), device)
        self.optimizer = torch.optim.SGD(
            self.network.parameters(),
            lr=config.schedule.learning_rate,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
            nesterov=True,
        )
        self.modules = {"classifier": self.network}
        self.optimizers = {"classifier": self.optimizer}
        self.rates = {"classifier": 1.0}

    def step(self, first: Tensor, second: Tensor) -> Scalars:
        """One batch of N×3×S×S `uint8` pictures and their N labels."""
        self.network.train()
        logits = self.network(unit_range(first))
        loss = F.cross_entropy(logits, second, label_smoothing=self.config.label_smoothing)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        accuracy = (logits.argmax(1) == second).float().mean()
        return {"loss/cross_entropy": loss.detach(), "accuracy/training": accuracy}

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        self.network.eval()
        right = total = 0
        for pictures, labels in self.dataset.held_out_batches(self.config.batch_size):
            logits = self.network(unit_range(pictures.to(self.device)))
            right += int((logits.argmax(1).cpu() == labels).sum())
            total += len(labels)
        return {"accuracy/held_out": right / max(1, total)}

    def sample(self) -> None:
        return None

    def export(self, folder: Path, facts: Mapping[str, Any]) -> Path:
        path = folder / "vgg19.safetensors"
        save_features(path, self.network.folded_features(), facts)
        return path


def build_stage(config: Config, device: torch.device) -> Stage:
    """The stage of a configuration, its networks initialised from `config.seed`."""
    torch.manual_seed(config.seed)
    match config:
        case GANConfig():
            return GANStage(config, device)
        case PSNRConfig():
            return PSNRStage(config, device)
        case VGGConfig():
            return VGGStage(config, device)


def initial_generator(config: PSNRConfig) -> Generator:
    """The generator to start from: fresh, or the weights of `config.init`, ready to train."""
    if config.init is not None:
        return zoo.load(config.init).requires_grad_(True).train()
    assert config.generator is not None  # PSNRConfig sees to it
    return build_generator(config.generator).train()


def validation_pairs(folder: str | None, scale: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """LR and HR (cut to a multiple of `scale`) of a folder of HR pictures; none without a folder.

    Raises:
        UserError: the folder is missing or empty, or a picture is damaged or tiny.
    """
    files = [] if folder is None else list_images(Path(folder))
    pictures = (crop_to_multiple(to_rgb(to_uint8(load_image(file))), scale) for file in files)
    return [(imresize(hr, 1 / scale), hr) for hr in pictures]


def warm_ema(decay: float) -> Callable[[Weights, Weights, Tensor | int], None]:
    """θ_EMA ← d θ_EMA + (1 − d) θ, where d grows to `decay`, so that the first weights fade."""

    def average(averaged: Weights, current: Weights, updates: Tensor | int) -> None:
        warm = min(decay, (1 + int(updates)) / (10 + int(updates)))
        get_ema_multi_avg_fn(warm)(averaged, current, updates)

    return average


def adam(network: nn.Module, config: PSNRConfig) -> torch.optim.Adam:
    rate = config.schedule.learning_rate
    return torch.optim.Adam(network.parameters(), lr=rate, betas=ADAM_BETAS)


def unit_range(pixels: Tensor) -> Tensor:
    """`uint8` 0 … 255 -> float32 in [0, 1], channels last where there is a batch."""
    scaled = pixels.float() / 255
    return scaled.contiguous(memory_format=torch.channels_last) if scaled.ndim == 4 else scaled
