"""Between models: network interpolation (Sec. 3.4, Eq. 4) and image interpolation."""

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from esrgan.errors import UserError

if TYPE_CHECKING:  # the page knows of interpolation before torch is there
    from esrgan.networks import Generator

# How far from the endpoints' average a flat picture may come out, in [0, 1], before two models
# are taken for strangers. Fine-tuned pairs stay far below, strangers go far beyond.
ANCESTRY_TOLERANCE = 0.05


def alpha_weights(alpha: float) -> tuple[float, float]:
    """(1 − α, α), the weights of Eq. 4 for the PSNR and the GAN model.

    Raises:
        UserError: α is not in [0, 1].
    """
    if not isinstance(alpha, int | float) or not 0 <= alpha <= 1:
        raise UserError(f"alpha must be between 0 and 1, not {alpha}.")
    return 1 - alpha, alpha


def interpolate_networks(networks: "Sequence[Generator]", weights: Sequence[float]) -> "Generator":
    """A network whose parameters are the weighted sum of the networks' (Eq. 4).

    θ = (1 − α) θ_PSNR + α θ_GAN is `interpolate_networks([psnr, gan], alpha_weights(alpha))`.
    A weight of 1 gives that network's parameters bit for bit.

    Args:
        networks: one or more of the same architecture and shape; they are not changed.
        weights: one a network, summing to 1.

    Raises:
        UserError: the weights are not as many or don't sum to 1, or the networks differ in shape.
    """
    import torch

    check_weights(len(networks), weights)
    check_same_shape(networks)
    taking_part = [(n, w) for n, w in zip(networks, weights, strict=True) if w != 0]
    result = copy.deepcopy(taking_part[0][0])
    states = [network.state_dict() for network, _ in taking_part]
    with torch.no_grad():
        for key, target in result.state_dict().items():
            if target.is_floating_point():
                terms = [w * s[key] for (_, w), s in zip(taking_part, states, strict=True)]
                target.copy_(torch.stack(terms).sum(0) if len(terms) > 1 else terms[0])
    return result


def interpolate_images(images: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    """The weighted sum of pictures, pixel by pixel (Sec. 3.4), rounded to nearest.

    Args:
        images: H×W[×C] `uint8` or `uint16`, all of one shape and dtype.
        weights: one an image, summing to 1.

    Raises:
        UserError: the weights are not as many or don't sum to 1, or the pictures differ in shape.
    """
    check_weights(len(images), weights)
    if len({(image.shape, image.dtype) for image in images}) > 1:
        shapes = " and ".join(str(image.shape) for image in images)
        raise UserError(f"Only pictures of one size and depth can be interpolated, not {shapes}.")
    blended = sum(w * image.astype(np.float64) for image, w in zip(images, weights, strict=True))
    limit = np.iinfo(images[0].dtype).max
    return np.rint(np.asarray(blended)).clip(0, limit).astype(images[0].dtype)


def check_weights(count: int, weights: Sequence[float]) -> None:
    """Raises UserError if the weights are not as many as the models or don't sum to 1."""
    if count == 0 or len(weights) != count:
        raise UserError(f"{count} models need {count} weights, not {len(weights)}.")
    if not abs(sum(weights) - 1) < 1e-6:
        raise UserError(f"The weights must sum to 1, not to {sum(weights):g}.")


def check_same_shape(networks: "Sequence[Generator]") -> None:
    """Raises UserError naming the first difference if the networks can't be interpolated."""
    first = networks[0]
    for other in networks[1:]:
        if type(first) is not type(other):
            names = f"{type(first).__name__} and {type(other).__name__}"
            raise UserError(f"These models can't be interpolated: one is {names} the other.")
        ours, theirs = vars(first.config), vars(other.config)
        for name in ours:
            if ours[name] != theirs[name]:
                raise UserError(
                    "These models can't be interpolated: they differ in "
                    f"{name.replace('_', ' ')} ({ours[name]} and {theirs[name]})."
                )


def obstacle(networks: "Sequence[Generator]") -> str | None:
    """Reason for which networks can't be interpolated, or None if they can."""
    try:
        check_same_shape(networks)
    except UserError as error:
        return str(error)
    return None


def share_ancestor(first: "Generator", second: "Generator") -> bool:
    """Whether network interpolation between two models makes sense.

    Eq. 4 presumes that one was fine-tuned from the other, or both from a third. Halfway between
    strangers, even flat pictures come out dark: so a white and a grey one are sent through.
    """
    import torch

    middle = interpolate_networks([first, second], [0.5, 0.5])
    channels = getattr(first.config, "in_channels", 3)
    device = next(first.parameters()).device
    inside = slice(4 * first.scale, -4 * first.scale)  # away from the zero padding
    for level in (0.5, 1.0):
        flat = torch.full((1, channels, 16, 16), level, device=device)
        with torch.inference_mode():
            outputs = [network(flat)[..., inside, inside] for network in (first, second, middle)]
        expected = (outputs[0] + outputs[1]) / 2
        if (outputs[2] - expected).abs().mean() > ANCESTRY_TOLERANCE:
            return False
    return True


STRANGERS = (
    "These two models don't seem to share an ancestor: between them, network interpolation gives "
    "dark or broken pictures. Interpolate a model with one that was fine-tuned from it, or "
    "interpolate the images instead."
)
