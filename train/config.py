"""Configuration of a run: one frozen dataclass a stage."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import cos, pi
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
)

from esrgan.errors import UserError
from esrgan.networks import RRDBConfig, SRResNetConfig
from esrgan.networks.vgg import InputName, layer_names
from esrgan.pictures.degradations import DegradationName
from esrgan.pictures.degrade import CLEAN, Recipe
from train.acceleration import CompileMode, Precision
from train.pixel_losses import LossName
from train.trackers import TrackerName

StageName = Literal["psnr", "gan", "vgg"]
Figure = Literal["psnr_y", "ssim_y", "niqe", "delta_e", "lpips", "dists"]


def _number(value: Any) -> Any:
    """Neither true, which Python takes for 1, nor a text."""
    if isinstance(value, bool | str):
        raise ValueError(f"it must be a number, not {value!r}")
    return value


# Kinds of numbers; `make_config` checks them.
Count = Annotated[int, BeforeValidator(_number), Field(ge=1)]
CountOrZero = Annotated[int, BeforeValidator(_number), Field(ge=0)]
Amount = Annotated[float, BeforeValidator(_number), Field(ge=0)]
Positive = Annotated[float, BeforeValidator(_number), Field(gt=0, lt=1e38)]  # float32 holds it
Share = Annotated[float, BeforeValidator(_number), Field(ge=0, le=1)]


def _convolution(name: str) -> str:
    """VGG16's are among VGG19's; the network that is loaded looks at them again."""
    if name not in layer_names(depth=19):
        raise ValueError(f"{name!r} is not a convolution of VGG19 (conv1_1 … conv5_4)")
    return name


def _recipe(text: str) -> str:
    Recipe.of(text)
    return text


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Learning rate by iteration.

    Attributes:
        learning_rate: the peak.
        warmup: iterations of linear increase from 0.
        halve_at: iterations at which the rate is halved (Sec. 4.1).
        cosine: decay to 0 at the last iteration along a half cosine instead.
        restart_at: iterations at which the cosine has reached 0 and begins anew at the peak (warm
            restarts, Loshchilov and Hutter 2017).
    """

    learning_rate: Positive
    warmup: CountOrZero = 0
    halve_at: tuple[Count, ...] = ()
    cosine: bool = False
    restart_at: tuple[Count, ...] = ()

    def __post_init__(self) -> None:
        if self.restart_at and not self.cosine:
            raise UserError("restart_at: only a cosine restarts (cosine = true)")


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Settings of all stages.

    Attributes:
        data: folders of pictures, read recursively.
        iterations: length of the run.
        batch_size: pictures a step, of all processes together.
        accumulate: parts in which each process computes its share of the batch, to save memory.
            What is taken over a mini-batch, batch normalisation's statistics and E[·] of the
            relativistic loss, is then taken over such a part (of all processes).
        crop_size: side of the training crops in pixels (HR pixels for the generators).
        schedule: learning rate of the network that is trained (and of the discriminator).
        seed: of initialisation and of every crop.
        device: "auto" (CUDA, then MPS, then CPU) or a torch device.
        num_workers: loader processes; 0 loads in the training process, and without a number there
            are as many as the machine has cores for, or 0 if the device is a CPU.
        save_every, sample_every, log_every: iterations between checkpoints (and validations),
            sample pictures and logged numbers.
        save_minutes: a checkpoint is written when the last one is so old, too.
        keep: so many of the sample pictures, the latest, have the averaged weights beside them.
        precision: of the networks' passes; weights and losses are float32 throughout. "auto" is
            bf16 on a GPU that has it, and else fp32.
        tf32: let CUDA round float32 products to TF32.
        compile: run the networks through torch.compile.
        compile_mode: torch.compile's: "reduce-overhead" records CUDA graphs.
        clip_norm: the largest norm of a network's gradient; larger ones are scaled down.
        trackers: what else is told of the numbers and samples: "wandb", "mlflow".
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    data: tuple[str, ...] = ()
    iterations: Count
    batch_size: Count = 16
    accumulate: Count = 1
    crop_size: Count = 128
    schedule: Schedule
    seed: CountOrZero = 0
    device: str = "auto"
    num_workers: CountOrZero | None = None
    save_every: Count = 5000
    sample_every: Count = 5000
    log_every: Count = 100
    save_minutes: Positive = 10.0
    keep: CountOrZero = 20
    precision: Precision | Literal["auto"] = "auto"
    tf32: bool = True
    compile: bool = False
    compile_mode: CompileMode = "default"
    clip_norm: Positive | None = None
    trackers: tuple[TrackerName, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PSNRConfig(RunConfig):
    """Stage 1: L1, or other losses between SR and HR.

    Attributes:
        losses: weight by loss between SR and HR, of `pixel_losses.LOSSES`.
        optimizer: "adam", or "adamw", whose weight decay is not part of the gradient.
        weight_decay: of the generator.
        lr: a folder of LR pictures for each of `data`, "" where LR is to be made, or none at all.
        data_on_device: keep all training pictures in the device's memory, where they fit half of
            it: crops are then taken there, and no loader is needed. The samples are the same.
        degradation: how LR is made: "bicubic" (the paper's), "photo" (mild: what phones and web
            pages do) or "real" (Real-ESRGAN's, in two orders).
        degrade_on_device: have the device make this LR, by the same steps, which the loader draws.
            Noise is the device's, so that the samples are others.
        data_weights: how often each of `data` is drawn from, in proportion; none: by area.
        generator: the network to train from scratch, unless there is an `init`.
        init: a model name or file to start from; it brings its own architecture.
        init_partial: a file to start `generator` from, where the two have tensors of the same name
            and shape; the others are named, and start fresh.
        ema_decay: of the averaged weights that are exported.
        validation: a folder of HR pictures or of a data set, as `evaluate` takes it, measured with
            every checkpoint; "" as without.
        validation_lr: a folder of their LR pictures; without, LR is the data set's, or made.
        validation_degrade: what is done to that LR, as `evaluate --degrade` has it: "jpeg:70".
        hold_out: without a `validation`, so many of the training pictures (a quarter at most) are
            not trained on but validated on; what was gained on them is told in the end, and the
            best weights are then the run's result.
        best_by: the figure of the validation by which the best weights are kept; "lpips" and
            "dists" need `pyiqa`.
        metric_weights: a folder with the parameters of these two, as `evaluate --metric-weights`
            has it, if pyiqa has not got them.
        freeze: parts of the generator that are not trained: names of weights or what they begin
            with, e.g. ["conv_first", "body.0"].
    """

    losses: Annotated[dict[LossName, Positive], Field(min_length=1)] = field(
        default_factory=lambda: {"l1": 1.0}
    )
    optimizer: Literal["adam", "adamw"] = "adam"
    weight_decay: Amount = 0.0
    lr: tuple[str, ...] = ()
    data_on_device: bool = False
    degradation: DegradationName = "bicubic"
    degrade_on_device: bool = False
    data_weights: tuple[Positive, ...] = ()
    generator: RRDBConfig | SRResNetConfig | None = None
    init: str | None = None
    init_partial: str | None = None
    ema_decay: Share = 0.999
    validation: str | None = None
    validation_lr: str | None = None
    validation_degrade: Annotated[str, AfterValidator(_recipe)] = CLEAN
    hold_out: CountOrZero = 0
    best_by: Figure = "psnr_y"
    metric_weights: str | None = None
    freeze: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.generator is None and self.init is None:
            raise UserError("name the model to start from with --init")
        if self.init_partial and (self.init or self.generator is None):
            raise UserError("--init-partial needs a generator in the preset, and no --init")
        if self.degrade_on_device and self.degradation == "bicubic":
            raise UserError("degrade_on_device is for the degradations photo and real")
        if self.degrade_on_device and any(self.lr):
            raise UserError("degrade_on_device makes LR of all pictures: leave out --lr")


@dataclass(frozen=True, kw_only=True)
class GANConfig(PSNRConfig):
    """Stage 2: L_percep + λ L_G + η L1 (Eq. 3).

    Attributes:
        losses: further ones than those of Eq. 3.
        init_discriminator: a file of weights for the discriminator to start from: the
            `checkpoint.pt` of a run, or BasicSR's `net_d`.
        perceptual: "builtin" (trained by `python -m train vgg`), "torchvision" (ImageNet VGG19),
            or a file with a VGG16 or VGG19: see `load_features`.
        perceptual_input: what that file's weights expect, "torchvision" (RGB, ImageNet's mean and
            standard deviation) or "caffe" (BGR, 0 … 255, mean alone); none: as the file says.
        layers: weight by convolution, e.g. {"conv5_4": 1.0}.
        normalise_features: divide each layer so that the mean of its ReLU over some training crops
            is 1, so that the weights of layers of different networks and depths mean the same.
        before_activation: compare features before their ReLU (the paper) or after it (SRGAN).
        adversarial: relativistic average (Eqs. 1 and 2) or standard GAN.
        gan_weight: λ, or the most that it may be with `gan_share`.
        gan_share: the root-mean-square gradient of λ L_G at the SR pixels as a share of the
            perceptual loss's; λ is set to it in each step. None: λ is `gan_weight`.
        gan_ramp: iterations over which λ rises from 0.
        discriminator_head_start: iterations at the beginning in which only the discriminator is
            trained; `gan_ramp` follows them.
        pixel_weight: η.
        discriminator: "vgg", the paper's, a logit a picture; or "unet", with spectral
            normalisation, a logit a pixel.
        discriminator_features: channels of the discriminator's first stage.
        discriminator_batch_norm: normalise in the discriminator (of VGG's style).
        jitter: the perceptual network and the discriminator see crops smaller by this many pixels,
            from a place drawn for each step. Both have grids, of pooling and strides: while these
            lie on the generator's own, of upsampling, it can learn a pattern that only they miss.
        gradient_penalty: γ of the R1 penalty on the discriminator, which keeps one that would win
            from becoming steep; 0, as in the paper, for none.
        discriminator_rate: its learning rate as a share of the generator's.
        best_by: as in the first stage; PSNR, which falls as textures grow, would keep the start.
            Where no validation picture is large enough for NIQE, it is ΔE.
    """

    losses: dict[LossName, Positive] = field(default_factory=dict)
    init_discriminator: str | None = None
    perceptual: str = "builtin"
    perceptual_input: InputName | None = None
    layers: Annotated[
        dict[Annotated[str, AfterValidator(_convolution)], Amount], Field(min_length=1)
    ] = field(default_factory=lambda: {"conv5_4": 1.0})
    normalise_features: bool = False
    before_activation: bool = True
    adversarial: Literal["relativistic", "standard"] = "relativistic"
    gan_weight: Amount = 5e-3
    gan_share: Amount | None = None
    gan_ramp: CountOrZero = 0
    discriminator_head_start: CountOrZero = 0
    pixel_weight: Amount = 1e-2
    discriminator: Literal["vgg", "unet"] = "vgg"
    discriminator_features: Count = 64
    discriminator_batch_norm: bool = True
    jitter: CountOrZero = 0
    gradient_penalty: Amount = 0.0
    discriminator_rate: Amount = 1.0
    best_by: Figure = "niqe"

    def __post_init__(self) -> None:
        if "l1" in self.losses:
            raise UserError("losses: the weight of l1 is pixel_weight in this stage")
        super().__post_init__()


@dataclass(frozen=True, kw_only=True)
class VGGConfig(RunConfig):
    """A perceptual network: VGG19 as a classifier of a folder with one sub-folder a class.

    Attributes:
        width: multiplies VGG19's channels.
        weight_decay, momentum: of SGD.
        label_smoothing: of the cross-entropy.
        held_out: share of each class that is kept for the accuracy, one half at most.
    """

    width: Positive = 1.0
    weight_decay: Amount = 5e-4
    momentum: Annotated[float, Field(gt=0, lt=1)] = 0.9
    label_smoothing: Share = 0.1
    held_out: Annotated[float, Field(gt=0, le=0.5)] = 0.1


Config = PSNRConfig | GANConfig | VGGConfig
CONFIGS: dict[StageName, type[Config]] = {"psnr": PSNRConfig, "gan": GANConfig, "vgg": VGGConfig}


def make_config(stage: StageName, settings: Mapping[str, Any]) -> Config:
    """Check settings and turn them into a stage's configuration.

    Raises:
        UserError: a setting is unknown, missing or of the wrong kind; the message names it.
    """
    try:
        return TypeAdapter(CONFIGS[stage]).validate_python(dict(settings))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "settings"
        where = where if where.isprintable() else repr(where)
        message = first["msg"].removeprefix("Value error, ").removesuffix(".")
        raise UserError(f"{where}: {message}.") from error


def to_settings(config: Config) -> dict[str, Any]:
    """The inverse of `make_config`, as JSON can hold it."""
    return asdict(config)


def learning_rate(schedule: Schedule, iteration: int, iterations: int) -> float:
    """The rate of a step; the first step is iteration 1."""
    rate = schedule.learning_rate
    if iteration <= schedule.warmup:
        return rate * iteration / schedule.warmup
    if schedule.cosine:
        begun = max((at for at in schedule.restart_at if at < iteration), default=schedule.warmup)
        ended = min((at for at in schedule.restart_at if at >= iteration), default=iterations)
        done = (iteration - begun) / max(1, ended - begun)
        rate *= 0.5 * (1 + cos(pi * min(1.0, done)))
    return rate * 0.5 ** sum(iteration > at for at in schedule.halve_at)
