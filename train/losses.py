"""The losses of Sec. 3.2 and 3.3, an equation a function or a small module.

E[·] is the mean over the mini-batch, of all processes where there are several; a loss is that of
this process's pictures, and the mean over the processes that of the batch.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from esrgan.networks import VGG19Features
from train.distributed import global_mean


def more_realistic(logits: Tensor, others: Tensor) -> Tensor:
    """The logit of D_Ra(x, others) = σ(C(x) − E[C(others)]) (Sec. 3.2): N×1 each."""
    return logits - global_mean(others)


def real(logits: Tensor) -> Tensor:
    """−E[log σ(logits)]: the cost of not saying "real"."""
    return F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))


def fake(logits: Tensor) -> Tensor:
    """−E[log(1 − σ(logits))]: the cost of not saying "fake"."""
    return F.binary_cross_entropy_with_logits(logits, torch.zeros_like(logits))


class RelativisticAverageGANLoss:
    """Eqs. 1 and 2; each sum is halved, as in the authors' training code."""

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """L_D^Ra (Eq. 1) from C(x_r) and C(x_f), N×1 each."""
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


def gradient_penalty(real_logits: Tensor, pictures: Tensor) -> Tensor:
    """R1 = E[‖∇_x C(x_r)‖²] (Mescheder et al., "Which training methods for GANs do actually
    converge?", 2018) from C(x_r), N×1, and the N×3×H×W pictures x_r, which require a gradient."""
    (slopes,) = torch.autograd.grad(real_logits.sum(), pictures, create_graph=True)
    return slopes.square().sum(dim=(1, 2, 3)).mean()


class PerceptualLoss(nn.Module):
    """L_percep (Sec. 3.3): the L1 distance of VGG19 features, summed over weighted layers.

    Args:
        features: a frozen perceptual network.
        layers: weight by convolution name, {"conv5_4": 1.0} in the paper.
        before_activation: compare `conv…` (ESRGAN) or, after the ReLU, `relu…` (SRGAN).
    """

    def __init__(
        self, features: VGG19Features, layers: Mapping[str, float], before_activation: bool = True
    ) -> None:
        super().__init__()
        kind = "conv" if before_activation else "relu"
        self.features = features
        self.weights = {name.replace("conv", kind): weight for name, weight in layers.items()}

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """The loss (a scalar) of N×3×H×W pictures, RGB in [0, 1]; no gradient flows to `hr`."""
        found = self.features(sr, list(self.weights))
        with torch.no_grad():
            wanted = self.features(hr, list(self.weights))
        terms = [
            weight * F.l1_loss(found[name].float(), wanted[name].float())
            for name, weight in self.weights.items()
        ]
        return torch.stack(terms).sum()
