"""Numbers that are no levels of 8 or 16 bits yet: floating-point, 32 bits, 12 bits."""

import numpy as np

from esrgan.errors import UserError

# What white may be in floating-point pictures: 1, or levels of 8 or 16 bits.
WHITES = (1, 255, 65535)
# Of the values, so many at least are no brighter than white, and none this many times as bright.
USUAL_SHARE, BRIGHTEST = 0.99, 4


def to_levels(values: np.ndarray, bits: int, name: str) -> np.ndarray:
    """Numbers of any kind as `uint16`, 0 black and 65535 white; what is beyond is clipped.

    Args:
        values: of any shape and real dtype. Integers of 16 bits or fewer are levels of `bits`; in
            wider ones white is what 8, 16 or all bits hold, the least that none exceeds.
            In floating-point ones it is 1, 255 or 65535: the least that 99 % do not exceed.
        bits: of a number, if integer.
        name: for messages.

    Raises:
        UserError: white could be this or that.
    """
    if values.dtype.kind == "f":
        values = np.nan_to_num(values, nan=0, posinf=np.inf, neginf=0)
        white: float = _white_of_floats(values[np.isfinite(values)], name)
    else:
        white = _white_of_integers(values, bits - (values.dtype.kind == "i"))
    precise = values.dtype == np.float64 or (values.dtype.kind != "f" and bits > 24)
    share = values.clip(0, white) / np.array(white, np.float64 if precise else np.float32)
    share *= np.float32(65535)
    return np.rint(share, out=share).astype(np.uint16)


def _white_of_integers(values: np.ndarray, bits: int) -> int:
    whites = (255, 65535, 2**bits - 1) if bits > 16 else (2**bits - 1,)
    return next((white for white in whites if values.max(initial=0) <= white), whites[-1])


def _white_of_floats(values: np.ndarray, name: str) -> int:
    brightest = values.max(initial=0)
    for white in WHITES:
        if brightest <= white or np.mean(values <= white) >= USUAL_SHARE:
            if brightest <= BRIGHTEST * white:
                return white
            break
    raise UserError(
        f"{name} has floating-point values of up to {brightest:.5g}, and which of them is white is "
        "not clear; save it scaled to 0 … 1."
    )
