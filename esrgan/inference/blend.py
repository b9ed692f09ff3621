"""Anywhere between models (Sec. 3.4): upscaling by network or by image interpolation."""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from esrgan.errors import UserError
from esrgan.inference.files import Upscale
from esrgan.models.interpolation import (
    check_same_shape,
    check_weights,
    interpolate_images,
    interpolate_networks,
)

if TYPE_CHECKING:  # the page knows of α before torch is there
    from esrgan.inference.upscale import Upscaler
    from esrgan.networks import Generator

# How a network becomes an upscaler: device, precision, tiles, what is done afterwards.
MakeUpscaler = Callable[["Generator"], "Upscaler"]
Mode = Literal["network", "image"]
MODES: tuple[Mode, ...] = get_args(Mode)
# Where α stands where nobody says it, and the points of a strip (Fig. 10) or curve.
DEFAULT_ALPHA = 0.8
STRIP_ALPHAS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


class Blend:
    """A set of models, and everything between them by weights that sum to 1.

    Where one model has all the weight, both modes give its own result bit for bit. The models'
    results on the last picture are remembered, and so is the network of each function given out.

    Args:
        networks: the models; for α, `alpha_weights(alpha)` are the weights of two.
        make: how networks are run, these and those between them.
    """

    def __init__(self, networks: "Sequence[Generator]", make: MakeUpscaler) -> None:
        self.networks, self._make = networks, make
        self._upscalers: dict[int, Upscaler] = {}  # of the networks, by place
        self._lr: np.ndarray | None = None
        self._results: dict[int, np.ndarray] = {}  # of that LR, by place

    def network(self, weights: Sequence[float]) -> Upscale:
        """The function from LR to SR of the network whose parameters are the weighted sum (Eq. 4).

        Raises:
            UserError: the weights are not as many or don't sum to 1, or the networks that take
                part differ in shape.
        """
        places = self._taking_part(weights)
        if len(places) == 1:
            return partial(self._result, places[0])
        networks = [self.networks[place] for place in places]
        check_same_shape(networks)

        @cache
        def interpolated() -> "Upscaler":
            return self._make(interpolate_networks(networks, [weights[n] for n in places]))

        return lambda lr: interpolated()(lr)

    def image(self, weights: Sequence[float]) -> Upscale:
        """The function from LR to the weighted sum of the models' results, pixel by pixel.

        Raises:
            UserError: the weights are not as many or don't sum to 1, or the models' scales differ.
        """
        places = self._taking_part(weights)
        scales = [network.scale for network in self.networks]
        if len(set(scales)) > 1:
            raise UserError(
                f"The models' scales are {', '.join(f'×{scale}' for scale in scales)}: their "
                "pictures can't be interpolated."
            )
        if len(places) == 1:
            return partial(self._result, places[0])
        return lambda lr: interpolate_images(
            [self._result(n, lr) for n in places], [weights[n] for n in places]
        )

    def by(self, mode: str, weights: Sequence[float]) -> Upscale:
        """`network` or `image`, by its name.

        Raises:
            UserError: the mode is not one of `MODES`, or as these.
        """
        if mode not in MODES:
            raise UserError(f"What is interpolated is the network or the image, not {mode!r}.")
        return self.network(weights) if mode == "network" else self.image(weights)

    def _taking_part(self, weights: Sequence[float]) -> list[int]:
        """The places of the models that have any weight."""
        check_weights(len(self.networks), weights)
        return [place for place, weight in enumerate(weights) if weight != 0]

    def upscaler(self, place: int) -> "Upscaler":
        """One of the models, by its place."""
        if place not in self._upscalers:
            self._upscalers[place] = self._make(self.networks[place])
        return self._upscalers[place]

    def _result(self, place: int, lr: np.ndarray) -> np.ndarray:
        if lr.min() == lr.max():  # what a flat one becomes is looked at between others
            return self.upscaler(place)(lr)
        if lr is not self._lr:
            self._lr, self._results = lr, {}
        if place not in self._results:
            self._results[place] = self.upscaler(place)(lr)
        return self._results[place]
