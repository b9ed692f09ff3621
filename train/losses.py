"""The losses of Sec. 3.2 and 3.3, an equation a function or a small module.

E[·] is the mean over the mini-batch, of all processes where there are several; a loss is that of
this process's pictures, and the mean over the processes that of the batch.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from esrgan.errors import UserError
from esrgan.networks import VGGFeatures
from train.distributed import averaged, global_mean


def more_realistic(logits: Tensor, others: Tensor) -> Tensor:
    """The logit of D_Ra(x, others) = σ(C(x) − E[C(others)]) (Sec. 3.2): N×1 or N×1×H×W each."""
    return logits - global_mean(others)


def real(logits: Tensor) -> Tensor:
    """−E[log σ(logits)]: the cost of not saying "real"."""
    return F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))


def fake(logits: Tensor) -> Tensor:
    """−E[log(1 − σ(logits))]: the cost of not saying "fake"."""
    return F.binary_cross_entropy_with_logits(logits, torch.zeros_like(logits))


class RelativisticAverageGANLoss:
    """Eqs. 1 and 2; each sum is halved, as in the authors' training code.

    Of a discriminator with a logit a pixel, E[·] is the mean over the pixels too. The gradient is
    that of the equations as they stand, through E[·] as well. BasicSR takes E[·] for a constant in
    L_D: the gradients at its logits sum to half of these. Adam makes equal steps of both;
    `clip_norm` does not.
    """

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """L_D^Ra (Eq. 1) from C(x_r) and C(x_f), N×1 or N×1×H×W each."""
        on_real = real(more_realistic(real_logits, fake_logits))
        on_fake = fake(more_realistic(fake_logits, real_logits))
        return (on_real + on_fake) / 2

    def generator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """L_G^Ra (Eq. 2): Eq. 1 with real and fake changing places."""
        return self.discriminator(fake_logits, real_logits)


class StandardGANLoss:
    """SRGAN's: D(x) = σ(C(x)), and the generator's −E[log D(x_f)]."""

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """−E[log D(x_r)] − E[log(1 − D(x_f))], halved like the relativistic loss."""
        return (real(real_logits) + fake(fake_logits)) / 2

    def generator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:  # noqa: ARG002
        """−E[log D(x_f)]; the real logits take no part."""
        return real(fake_logits)


def penalised_logits(discriminator: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """C(x) of N×3×H×W real pictures, and R1 = E[‖∇_x C(x)‖²] (Mescheder et al., "Which training
    methods for GANs do actually converge?", 2018); of a logit a pixel, by their mean."""
    seen = x.detach().requires_grad_()
    logits = discriminator(seen)
    (slopes,) = torch.autograd.grad(_sum_of_pictures(logits.to(x.dtype)), seen, create_graph=True)
    return logits, _mean_square_norm(slopes)


def penalised_logits_in_one_graph(
    discriminator: Callable[[Tensor], Tensor], x: Tensor
) -> tuple[Tensor, Tensor]:
    """The same for `torch.compile`, which differentiates what it compiles once only: the first
    gradient is part of that. Not with batch normalisation, whose statistics change meanwhile."""

    def summed(seen: Tensor) -> tuple[Tensor, Tensor]:
        logits = discriminator(seen)
        return _sum_of_pictures(logits.to(x.dtype)), logits

    slopes, logits = torch.func.grad(summed, has_aux=True)(x)
    return logits, _mean_square_norm(slopes)


def _sum_of_pictures(logits: Tensor) -> Tensor:
    """N×1 or N×1×H×W -> Σ_n C(x_n)"""
    return logits.flatten(1).mean(1).sum()


def _mean_square_norm(slopes: Tensor) -> Tensor:
    return slopes.square().sum(dim=(1, 2, 3)).mean()


def mean_square(values: Tensor) -> Tensor:
    """Over all elements, of all processes: a scalar. Those that overflowed (fp16) count as 0."""
    return averaged(values.nan_to_num(0, 0, 0).square().mean())


class PerceptualLoss(nn.Module):
    """L_percep (Sec. 3.3): the L1 distance of VGG features, summed over weighted layers.

    Args:
        features: a frozen perceptual network.
        layers: weight by convolution name, {"conv5_4": 1.0} in the paper.
        before_activation: compare `conv…` (ESRGAN) or, after the ReLU, `relu…` (SRGAN).

    Attributes:
        scales: what each layer's features are divided by; 1, unless `normalise` has set them.

    Raises:
        UserError: a layer is not one of this network's.
    """

    def __init__(
        self, features: VGGFeatures, layers: Mapping[str, float], before_activation: bool = True
    ) -> None:
        super().__init__()
        features.check_layers(layers)
        kind = "conv" if before_activation else "relu"
        self.features = features
        self.weights = {name.replace("conv", kind): weight for name, weight in layers.items()}
        self.scales = LayerScales(len(self.weights))

    @torch.no_grad()
    def normalise(self, pictures: Tensor) -> None:
        """Have each layer divided so that the mean of its ReLU over these pictures is 1.

        ReLU networks are positively homogeneous: dividing a layer's weights and bias by a number
        divides its features, before and after activation, by it, and the next layer's weights times
        that number undo it. So dividing the features themselves is the same, exactly. The scales
        are those of the ReLU for losses before activation too, so that both weigh alike.

        Args:
            pictures: N×3×H×W, RGB in [0, 1].

        Raises:
            UserError: a layer answers to none of them.
        """
        names = [name.replace("conv", "relu") for name in self.weights]
        means = torch.zeros(len(names), dtype=torch.float64)
        for picture in pictures.split(1):  # of one picture at a time, to save memory
            found = self.features(picture, names)
            means += torch.stack([found[name].mean() for name in names]).cpu()
        for name, mean in zip(names, means.tolist(), strict=True):
            if not mean > 0:
                raise UserError(
                    f"normalise_features: {name} of this perceptual network is 0 everywhere; "
                    "leave the layer out."
                )
        self.scales.of_layers.copy_(means / len(pictures))

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """The loss (a scalar) of N×3×H×W pictures, RGB in [0, 1]; no gradient flows to `hr`."""
        found = self.features(sr, list(self.weights))
        with torch.no_grad():
            wanted = self.features(hr, list(self.weights))
        terms = [
            weight * F.l1_loss(found[name].float(), wanted[name].float())
            for name, weight in self.weights.items()
        ]
        return (torch.stack(terms) / self.scales.of_layers).sum()


class LayerScales(nn.Module):
    """A number a layer: all of the perceptual loss that a checkpoint must hold."""

    of_layers: Tensor

    def __init__(self, count: int) -> None:
        super().__init__()
        self.register_buffer("of_layers", torch.ones(count))
