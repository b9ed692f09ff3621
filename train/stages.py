"""The stages: what they train, and the losses in which they differ."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from esrgan.errors import UserError
from esrgan.evaluation.colour import flat_deviation
from esrgan.evaluation.evaluate import Measures, measure, niqe_or_reason
from esrgan.evaluation.learned_metrics import DISTANCES, learned_distance, parameters_in
from esrgan.evaluation.metrics import SSIM_WINDOW
from esrgan.evaluation.niqe import load_pristine
from esrgan.evaluation.pairs import Pair, load_pair, pair_files
from esrgan.inference.devices import place
from esrgan.inference.upscale import Upscaler
from esrgan.models import zoo
from esrgan.models.checkpoints import save_features, save_generator
from esrgan.networks import (
    Generator,
    VGG19Classifier,
)
from esrgan.pictures.degrade import Recipe
from esrgan.pictures.images import to_image, to_rgb
from esrgan.pictures.resize import imresize
from esrgan.run_folder import weights_path
from train import distributed
from train.acceleration import (
    autocast,
    chosen_precision,
    compile_in_place,
    compiled,
    compiler_errors_told,
    gradient_scaler,
    ran_out_of_memory,
)
from train.config import Config, Figure, GANConfig, PSNRConfig, VGGConfig
from train.data import ClassDataset, PairDataset
from train.device_data import why_not_on
from train.device_degradation import DeviceDegradedPairs
from train.losses import (
    PerceptualLoss,
    RelativisticAverageGANLoss,
    StandardGANLoss,
    mean_square,
    penalised_logits,
    penalised_logits_in_one_graph,
)
from train.pixel_losses import loss_called
from train.starting_weights import frozen, initial_discriminator, initial_generator

ADAM_BETAS = (0.9, 0.99)
Scalars = dict[str, Tensor]
Weights = tuple[Tensor, ...] | list[Tensor]
# What a run logs of `evaluate`'s numbers.
VALIDATED = ("psnr_y", "ssim_y", "niqe", "delta_e", "delta_e_95")
# So many pictures of the validation set are kept as the run goes on.
SHOWN_PICTURES = 8
# Training crops over which the features of the perceptual network are normalised.
NORMALISING_CROPS = 32
# The weighted losses of Eq. 3 whose gradients at the pixels are compared with the first one's.
GRADIENTS = ("perceptual", "adversarial", "l1")


class Stage(ABC):
    """A stage of training, as the loop sees it.

    Attributes:
        dataset: gives the pairs of tensors of which batches are made.
        modules: everything with weights, by name; a checkpoint holds their states.
        optimizers: by name, likewise; `rates` holds each one's share of the scheduled rate.
        scaler: of fp16's gradients; a checkpoint holds its state too.
        best_by: the figure of `validate` by which the best weights are chosen, if there is one.
        resident: the data set, if it is to be kept in the device's memory.
        start_counts: the weights that it starts from are a model's, and may be the best ones.
        weights_name: of the file of the weights that are the run's result.
        parts: in which a batch is computed; `accumulate`, or more where memory is short.
        precision: of the networks' passes.
        notes: what a person should know before it begins, a sentence each.
    """

    dataset: PairDataset | ClassDataset
    resident: PairDataset | None = None
    modules: dict[str, nn.Module]
    optimizers: dict[str, Optimizer]
    rates: dict[str, float]
    best_by: str | None = None
    start_counts = False
    weights_name: str

    def __init__(self, config: Config, device: torch.device) -> None:
        parts = distributed.world_size() * config.accumulate
        if config.batch_size % parts:
            raise UserError(
                f"batch_size {config.batch_size} does not divide by {parts}, the number of "
                "processes times accumulate."
            )
        self.config, self.device = config, device
        self.notes: list[str] = []
        self.parts = config.accumulate
        self.precision = chosen_precision(config.precision, device)
        self.scaler = gradient_scaler(self.precision, device)

    def step(self, first: Tensor, second: Tensor) -> Scalars:
        """Update all weights by one batch, and say what the losses were.

        Where there are several processes, `first` and `second` are this one's share of the batch,
        and the losses are those of it. All gradients are taken before any weight changes.
        """
        with compiler_errors_told() if self.config.compile else nullcontext():
            losses = self._backward_in_parts(first, second)
        for name, optimizer in self.optimizers.items():
            self._update(optimizer, self.averagers[name])
        self.scaler.update()
        return {name: torch.stack([each[name] for each in losses]).mean() for name in losses[0]}

    def _backward_in_parts(self, first: Tensor, second: Tensor) -> list[Scalars]:
        """The losses of each part of a batch, whose gradients are added. Where there is not enough
        memory, the parts are halved, from now on.

        Raises:
            UserError: a part is of one picture or an odd number, or there are other processes,
                which would be left alone in the middle of a batch.
        """
        while True:
            for optimizer in self.optimizers.values():
                optimizer.zero_grad()
            try:
                *before, last = zip(first.chunk(self.parts), second.chunk(self.parts), strict=True)
                losses = [self.backward(*part) for part in before]
                for averager in self.averagers.values():
                    averager.begin()
                return [*losses, self.backward(*last)]
            except (MemoryError, RuntimeError) as error:
                if not ran_out_of_memory(error):
                    raise
            self._halve_parts(len(first) // self.parts)

    def _halve_parts(self, size: int) -> None:
        if size % 2 or distributed.world_size() > 1:
            raise UserError(
                f"There is not enough memory for {size} crops of {self.config.crop_size} at once: "
                "reduce crop_size or batch_size, or raise accumulate."
            )
        self.parts *= 2
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    @cached_property
    def averagers(self) -> dict[str, distributed.GradientAverager]:
        """Of the optimisers' gradients, by name."""
        return {
            name: distributed.GradientAverager(weights_of(optimizer))
            for name, optimizer in self.optimizers.items()
        }

    def _update(self, optimizer: Optimizer, averager: distributed.GradientAverager) -> None:
        weights = weights_of(optimizer)
        if all(weight.grad is None for weight in weights):  # it is not its turn
            return
        averager.finish()
        self.scaler.unscale_(optimizer)
        if self.config.clip_norm is not None:
            nn.utils.clip_grad_norm_(weights, self.config.clip_norm)
        self.scaler.step(optimizer)

    def share(self, loss: Tensor) -> Tensor:
        """A part's share of the batch's loss, scaled for the backward pass."""
        return self.scaler.scale(loss / self.parts)

    def autocast(self) -> torch.autocast:
        return autocast(self.precision, self.device)

    @abstractmethod
    def backward(self, first: Tensor, second: Tensor) -> Scalars:
        """Add the gradients of one part of a batch, and say what the losses were."""

    @abstractmethod
    def validate(self, most: int | None = None) -> dict[str, float]:
        """Figures that take a while, of so many pictures at most, or of all; logged with every
        checkpoint. All processes take part."""

    @abstractmethod
    def sample(self) -> Tensor | None:
        """A 3×H×W picture in [0, 1] of what is learnt so far, if there is one."""

    @property
    @abstractmethod
    def pictures_to_validate(self) -> int:
        """How many pictures `validate` looks at."""

    def validation_pictures(self) -> dict[str, np.ndarray]:
        """Some results on the validation set, H×W×3 `uint8`, by the pictures' names."""
        return {}

    @abstractmethod
    def export(self, path: Path, facts: Mapping[str, Any]) -> None:
        """Write the weights that are the result of the run, as they are now."""


class PSNRStage(Stage):
    """L1 between SR and HR (Sec. 4.1), Adam, and an average of the weights.

    Attributes:
        validation: the pairs to validate on; `held_out` says that they are training pictures.
        figure: the one by which the best weights are chosen.
    """

    config: PSNRConfig
    dataset: PairDataset
    weights_name = weights_path(Path()).name

    def __init__(self, config: PSNRConfig, device: torch.device) -> None:
        super().__init__(config, device)
        generator, told = initial_generator(config)
        self.notes += told
        generator = frozen(generator, config.freeze)
        self.generator = place(distributed.synchronised(generator, device), device)
        self.ema = AveragedModel(self.generator, multi_avg_fn=self._average, use_buffers=True)
        self.optimizer = adam(self.generator, config, device, config.weight_decay)
        self.modules = {"generator": self.generator, "ema": self.ema}
        self.optimizers = {"generator": self.optimizer}
        self.rates = {"generator": 1.0}
        scale = self.generator.scale
        on_device = partial(DeviceDegradedPairs, device=device)
        self.dataset = (on_device if config.degrade_on_device else PairDataset)(
            config.data,
            config.crop_size,
            scale,
            config.seed,
            config.lr,
            config.data_weights,
            config.degradation,
        )
        if config.data_on_device:
            self._settle()
        self.held_out = bool(config.hold_out) and not config.validation
        if self.held_out:
            self.validation = self._hold_out()
        else:
            pairs = validation_pairs(config.validation, config.validation_lr, scale)
            recipe = Recipe.of(config.validation_degrade)
            self.validation = [replace(pair, lr=recipe(pair.lr, pair.name)) for pair in pairs]
        self.losses = {
            name: loss_called(name, device, config.metric_weights) for name in config.losses
        }
        self.measures = measures_for(config.best_by, config.metric_weights)
        self.figure = self._figure()
        if self.validation:
            self.best_by = f"validation/{self.figure}"
            self.start_counts = config.init is not None
        if config.validation and any(config.lr) and not config.validation_lr:
            self.notes.append(
                "training has LR pictures of its own (--lr); if the validation is to have such "
                "too, and not LR that is made, give them with --validation-lr"
            )
        if config.compile:
            compile_in_place([self.generator], config.compile_mode)

    def _settle(self) -> None:
        """Have the pictures kept in the device's memory, if they can be."""
        why_not = why_not_on(self.device, self.dataset)
        if why_not:
            self.notes.append(why_not)
        else:
            self.resident = self.dataset

    def _hold_out(self) -> list[Pair]:
        pairs = self.dataset.hold_out(self.config.hold_out)
        self.notes.append(
            f"{len(pairs)} of the training pictures are held out, to measure on them, with LR made "
            f"as in the training ({self.config.degradation})"
            if pairs
            else "there are too few pictures to hold some out: what is gained is not measured"
        )
        return pairs

    def _figure(self) -> Figure:
        """The figure that the best weights have; another than was asked for, if no picture has
        that."""
        wanted = self.config.best_by
        if (
            wanted != "niqe"
            or not self.validation
            or any(
                isinstance(niqe_or_reason(pair.hr, self.measures.pristine), float)
                for pair in self.validation
            )
        ):
            return wanted
        self.notes.append(
            "best/ holds the weights of the smallest ΔE: no validation picture is large enough for "
            "NIQE, or all are flat"
        )
        return "delta_e"

    def step(self, first: Tensor, second: Tensor) -> Scalars:
        """One batch of LR and HR: N×3×h×w and N×3×H×W, `uint8`."""
        losses = super().step(first, second)
        self.ema.update_parameters(self.generator)
        return losses

    def backward(self, first: Tensor, second: Tensor) -> Scalars:
        lr, hr = unit_range(first), unit_range(second)
        with self.autocast():
            sr = self.generator(lr).float()
        total, losses = self.weighted_losses(sr, hr, lr)
        self.share(total).backward()
        return losses

    def weighted_losses(self, sr: Tensor, hr: Tensor, lr: Tensor) -> tuple[Tensor, Scalars]:
        """The weighted sum of the configuration's `losses`, and each of them by itself."""
        steady, weights = partial(self._steady, lr), self.config.losses
        found = {name: loss(sr, hr, steady) for name, loss in self.losses.items()}
        terms = [weights[name] * loss for name, loss in found.items()]
        total = torch.stack(terms).sum() if terms else sr.new_zeros(())
        return total, {f"loss/{name}": loss.detach() for name, loss in found.items()}

    @torch.no_grad()
    def _steady(self, lr: Tensor) -> Tensor:
        """The averaged network's SR of a batch."""
        with self.autocast():
            return self.averaged()(lr).float()

    def _average(self, averaged: Weights, current: Weights, _updates: Tensor | int) -> None:
        """θ_EMA ← d θ_EMA + (1 − d) θ, where d grows to `ema_decay`, so that the start fades."""
        updates = int(self.ema.n_averaged)  # on the host, unlike `_updates`: no wait for a GPU
        warm = min(self.config.ema_decay, (1 + updates) / (10 + updates))
        get_ema_multi_avg_fn(warm)(averaged, current, updates)

    def averaged(self) -> Generator:
        """The network with the averaged weights, which is what a run exports."""
        return self.ema.module.eval()  # type: ignore[return-value]

    def validate(self, most: int | None = None) -> dict[str, float]:
        """Errors on flat pictures, and the means over the validation set of PSNR-Y, SSIM-Y,
        ΔE and NIQE (fitted), the last over pictures large enough for it: as `python -m esrgan
        evaluate` measures them."""
        upscaler = Upscaler(self.averaged(), device=self.device)
        own = self.validation[:most][distributed.rank() :: distributed.world_size()]
        scale = self.generator.scale
        measured = [measure(upscaler(pair.lr), pair.hr, scale, self.measures) for pair in own]
        columns: dict[str, list[float]] = {}
        for numbers in (numbers for part in distributed.gathered(measured) for numbers in part):
            for name in dict.fromkeys((*VALIDATED, self.config.best_by)):
                if not isinstance(value := numbers[name], str):
                    columns.setdefault(f"validation/{name}", []).append(value)
        means = {name: sum(values) / len(values) for name, values in columns.items()}
        return {**means, "validation/flat": flat_deviation(upscaler)}

    @property
    def pictures_to_validate(self) -> int:
        return len(self.validation)

    def validation_pictures(self) -> dict[str, np.ndarray]:
        upscaler = Upscaler(self.averaged(), device=self.device)
        shown = self.validation[:SHOWN_PICTURES]
        stems = [Path(pair.name).stem for pair in shown]
        names = [
            pair.name if stems.count(stem) > 1 else stem
            for pair, stem in zip(shown, stems, strict=True)
        ]
        return {name: to_rgb(upscaler(pair.lr)) for name, pair in zip(names, shown, strict=True)}

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

    def export(self, path: Path, facts: Mapping[str, Any]) -> None:
        made = {"degradation": self.config.degradation}
        save_generator(path, self.averaged(), {**facts, **made})


class GANStage(PSNRStage):
    """L_G = L_percep + λ L_G^Ra + η L1 (Eq. 3), generator and discriminator in turn."""

    config: GANConfig

    def __init__(self, config: GANConfig, device: torch.device) -> None:
        super().__init__(config, device)
        discriminator = distributed.synchronised(initial_discriminator(config), device)
        self.discriminator = place(discriminator, device)
        self.modules["discriminator"] = self.discriminator
        self.optimizers["discriminator"] = adam(self.discriminator, config, device)
        self.rates["discriminator"] = config.discriminator_rate
        relativistic = config.adversarial == "relativistic"
        self.adversarial = RelativisticAverageGANLoss() if relativistic else StandardGANLoss()
        features = zoo.load_perceptual(config.perceptual, config.perceptual_input)
        self.perceptual = place(
            PerceptualLoss(features, config.layers, config.before_activation), device
        )
        if config.normalise_features:
            crops = [self.dataset[number][1] for number in range(NORMALISING_CROPS)]
            self.perceptual.normalise(unit_range(torch.stack(crops).to(device)))
            self.modules["feature scales"] = self.perceptual.scales
        self.penalised = penalised_logits
        if config.compile:
            self._compile(config)

    def _compile(self, config: GANConfig) -> None:
        networks: list[nn.Module] = [self.perceptual.features]
        normalised = any(isinstance(part, _BatchNorm) for part in self.discriminator.modules())
        if config.gradient_penalty and normalised:
            self.notes.append(
                "the discriminator is not compiled: with batch normalisation, torch.compile has "
                "not the second derivatives that R1 needs"
            )
        else:
            networks.append(self.discriminator)
            if config.gradient_penalty:
                self.penalised = compiled(penalised_logits_in_one_graph, config.compile_mode)
        compile_in_place(networks, config.compile_mode)

    @property
    def steps(self) -> int:
        """Steps that were taken before the one at hand; a checkpoint holds their number."""
        return int(self.ema.n_averaged)

    def backward(self, first: Tensor, second: Tensor) -> Scalars:
        """The gradients of both networks from one forward pass of each.

        Neither network changes before both have their gradients, so that the discriminator's
        logits are computed once and serve both losses. In effect BasicSR's step is the same: it
        updates G before it computes D's loss, but of the pictures that G made before.
        """
        lr, hr = unit_range(first), unit_range(second)
        if self.steps < self.config.discriminator_head_start:
            return self._head_start(lr, hr)
        with self.autocast():
            sr = self.generator(lr).float()
        seen_sr, seen_hr = self.seen_part(sr), self.seen_part(hr)
        towards_real, losses = self._discriminate(seen_sr, seen_hr)

        with self.autocast():
            perceptual = self.perceptual(seen_sr, seen_hr)
        pixel = F.l1_loss(sr, hr)
        further, further_losses = self.weighted_losses(sr, hr, lr)
        (towards_features,) = torch.autograd.grad(self.share(perceptual), seen_sr)
        of_pixels = self.config.pixel_weight * pixel + further
        (towards_pixels,) = torch.autograd.grad(self.share(of_pixels), sr)
        gan_weight = self._gan_weight(towards_features, towards_real)
        towards_real = gan_weight * towards_real
        # One pass back through G, of the losses' gradients at the pixels.
        torch.autograd.backward((seen_sr, sr), (towards_features + towards_real, towards_pixels))
        return {
            "loss/perceptual": perceptual.detach(),
            "loss/l1": pixel.detach(),
            **further_losses,
            **losses,
            "brightness/drift": brightness_drift(sr, hr),
            "gan_weight": gan_weight,
            **self._gradients(towards_features, towards_real, towards_pixels),
        }

    def _head_start(self, lr: Tensor, hr: Tensor) -> Scalars:
        """A step of the discriminator alone: the averaged generator equals the one at rest, and its
        batch statistics rest too."""
        sr = self._steady(lr)
        return self._discriminate(self.seen_part(sr), self.seen_part(hr), for_generator=False)[1]

    def _discriminate(
        self, seen_sr: Tensor, seen_hr: Tensor, *, for_generator: bool = True
    ) -> tuple[Tensor, Scalars]:
        """Add the discriminator's gradients.

        Returns:
            The gradient of this part's share of L_G^Ra at the SR pixels, 0 unless it is asked
            `for_generator`, and the losses.
        """
        penalty = self.config.gradient_penalty
        # Cut from G, so that each network gets its own gradient.
        shown = seen_sr.detach().requires_grad_(for_generator)
        truth = seen_hr.detach()
        with self.autocast():
            if penalty:
                real_logits, steepness = self.penalised(self.discriminator, truth)
            else:
                real_logits, steepness = self.discriminator(truth), truth.new_zeros(())
            fake_logits = self.discriminator(shown).float()
        real_logits = real_logits.float()
        adversarial = self.adversarial.generator(real_logits, fake_logits)
        towards_real = torch.zeros_like(shown)
        if for_generator:
            (towards_real,) = torch.autograd.grad(self.share(adversarial), shown, retain_graph=True)
        discriminator = self.adversarial.discriminator(real_logits, fake_logits)
        objective = discriminator + penalty / 2 * steepness
        self.share(objective).backward(inputs=list(self.discriminator.parameters()))
        losses = {
            "loss/adversarial": adversarial,
            "loss/discriminator": discriminator,
            "logit/real": real_logits.mean(),
            "logit/fake": fake_logits.mean(),
        }
        return towards_real, {name: value.detach() for name, value in losses.items()}

    def _gan_weight(self, towards_features: Tensor, towards_real: Tensor) -> Tensor:
        """λ of this step: `gan_weight`, or what gives the adversarial gradient its share."""
        weight = torch.tensor(self.config.gan_weight, device=self.device)
        if self.config.gan_share is not None:
            squares = mean_square(towards_features) / mean_square(towards_real)
            # Where the discriminator gives no gradient at all, the bound.
            weight = torch.fmin(weight, self.config.gan_share * squares.sqrt())
        since = self.steps - self.config.discriminator_head_start
        return weight * min(1.0, (since + 1) / max(1, self.config.gan_ramp))

    def _gradients(self, *weighted: Tensor) -> Scalars:
        """The mean squares of `GRADIENTS`, of this part's shares of the losses at its SR pixels,
        as they are in the gradient of the batch."""
        scale = self.scaler.scale(torch.ones((), device=self.device)) * distributed.world_size()
        return {
            f"gradient/{name}": mean_square(gradient) / scale**2
            for name, gradient in zip(GRADIENTS, weighted, strict=True)
        }

    def step(self, first: Tensor, second: Tensor) -> Scalars:
        """Adds the root-mean-square gradients of the weighted losses at the SR pixels, and those of
        the adversarial and the pixel loss as shares of the perceptual one's."""
        found = super().step(first, second)
        if "gradient/perceptual" not in found:  # the discriminator's head start
            return found
        roots = {name: found[f"gradient/{name}"].sqrt() for name in GRADIENTS}
        whole = roots["perceptual"].clamp(min=torch.finfo(torch.float32).tiny)
        return {
            **found,
            **{f"gradient/{name}": root for name, root in roots.items()},
            **{f"share/{name}": roots[name] / whole for name in GRADIENTS[1:]},
        }

    def seen_part(self, pictures: Tensor) -> Tensor:
        """N×3×S×S -> N×3×s×s, s = S − jitter: of all pictures of a step from the same place."""
        side = self.config.crop_size - self.config.jitter
        rng = np.random.default_rng((self.config.seed, self.steps))
        top, left = rng.integers(max(1, self.config.jitter), size=2)
        return pictures[..., top : top + side, left : left + side]

    def export(self, path: Path, facts: Mapping[str, Any]) -> None:
        names = (
            "before_activation",
            "adversarial",
            "layers",
            "gan_weight",
            "gan_share",
            "pixel_weight",
            "discriminator",
            "gradient_penalty",
            "losses",
        )
        loss: dict[str, Any] = {name: getattr(self.config, name) for name in names}
        loss["perceptual"] = Path(self.config.perceptual).name
        if self.config.normalise_features:
            loss["feature_scales"] = self.perceptual.scales.of_layers.tolist()
        super().export(path, {**facts, "loss": loss})


class VGGStage(Stage):
    """The perceptual network as a plain classifier (cross-entropy, SGD with Nesterov momentum)."""

    config: VGGConfig
    dataset: ClassDataset
    best_by = "accuracy/held_out"
    weights_name = "vgg19.safetensors"

    def __init__(self, config: VGGConfig, device: torch.device) -> None:
        super().__init__(config, device)
        self.dataset = ClassDataset(config.data, config.crop_size, config.held_out, config.seed)
        network = VGG19Classifier(len(self.dataset.classes), config.width)
        self.network = place(distributed.synchronised(network, device), device)
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
        if config.compile:
            compile_in_place([self.network], config.compile_mode)

    def backward(self, first: Tensor, second: Tensor) -> Scalars:
        """Part of a batch: N×3×S×S `uint8` pictures and their N labels."""
        self.network.train()
        with self.autocast():
            logits = self.network(unit_range(first)).float()
        loss = F.cross_entropy(logits, second, label_smoothing=self.config.label_smoothing)
        self.share(loss).backward()
        accuracy = (logits.argmax(1) == second).float().mean()
        return {"loss/cross_entropy": loss.detach(), "accuracy/training": accuracy}

    @torch.no_grad()
    def validate(self, most: int | None = None) -> dict[str, float]:
        self.network.eval()
        right = total = 0
        size = self.config.batch_size if most is None else min(most, self.config.batch_size)
        held_out = self.dataset.held_out_batches(size)
        for pictures, labels in islice(held_out, most and max(1, most // size)):
            logits = self.network(unit_range(pictures.to(self.device)))
            right += int((logits.argmax(1).cpu() == labels).sum())
            total += len(labels)
        return {"accuracy/held_out": right / max(1, total)}

    @property
    def pictures_to_validate(self) -> int:
        return len(self.dataset.kept.files)

    def sample(self) -> None:
        return None

    def export(self, path: Path, facts: Mapping[str, Any]) -> None:
        save_features(path, self.network.folded_features(), facts)


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


def measures_for(best_by: Figure, weights: str | None) -> Measures:
    """What a validation measures; a learned distance only if the best weights are chosen by it.

    Args:
        weights: a folder of its parameters, if pyiqa has not got them.

    Raises:
        UserError: that one can't be had.
    """
    measures = Measures(load_pristine())
    if best_by not in DISTANCES:
        return measures
    folder = Path(weights) if weights else None
    with parameters_in(folder):
        distance = learned_distance(best_by, folder)
    if isinstance(distance, str):
        raise UserError(f"best_by={best_by} can't be measured here: {distance}.")
    return replace(measures, learned={**measures.learned, best_by: distance})


def validation_pairs(folder: str | None, lr: str | None, scale: int) -> list[Pair]:
    """The pairs of a folder of HR pictures or of a data set; none without a folder, or with "".

    Args:
        lr: a folder of their LR pictures; without, the data set's, or else LR is made.

    Raises:
        UserError: as `pair_files` and `load_pair`, or a picture is too small to be measured.
    """
    files = pair_files(Path(folder), Path(lr) if lr else None, scale) if folder else []
    pairs = [load_pair(*each, scale) for each in files]
    for (file, _), pair in zip(files, pairs, strict=True):
        height, width = pair.hr.shape[:2]
        least = SSIM_WINDOW + 2 * scale
        if min(height, width) < least:
            raise UserError(
                f"{file} is too small to validate on, {width}×{height} pixels: {least} a side are "
                "needed. Leave it out."
            )
    return pairs


def adam(
    network: nn.Module, config: PSNRConfig, device: torch.device, weight_decay: float = 0.0
) -> torch.optim.Adam:
    """Adam, or AdamW, of the weights that are to be trained, in one kernel where the device has
    it."""
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    rate, fused = config.schedule.learning_rate, device.type in ("cpu", "cuda")
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return kind(weights, lr=rate, betas=ADAM_BETAS, weight_decay=weight_decay, fused=fused)


def weights_of(optimizer: Optimizer) -> list[nn.Parameter]:
    return [weight for group in optimizer.param_groups for weight in group["params"]]


def brightness_drift(sr: Tensor, hr: Tensor) -> Tensor:
    """Mean brightness of SR less that of HR, in grey levels of 255."""
    return 255 * (sr.detach().mean() - hr.mean())


def unit_range(pixels: Tensor) -> Tensor:
    """`uint8` 0 … 255 -> float32 in [0, 1], channels last where there is a batch."""
    scaled = pixels.float() / 255
    return scaled.contiguous(memory_format=torch.channels_last) if scaled.ndim == 4 else scaled
