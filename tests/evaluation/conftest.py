"""Results of two pictures, of which some numbers are missing."""

import math

import pytest

from esrgan.evaluation.results import Results, Score

NO_PYIQA = {"ma": "pyiqa not installed", "pi": "pyiqa not installed", "lpips": "no net"}


@pytest.fixture
def results() -> Results:
    return Results(
        (
            Score("HR", "a_1.png", math.inf, 1.0, 0.0, math.inf, 5.0, reasons=NO_PYIQA,
                  brightness=0.0, delta_e=0.0, delta_e_95=0.0),
            Score(
                "p–g", "a_1.png", 30.0, 0.8, 3.0, 28.0, 6.5, mode="image", alpha=0.2,
                reasons=NO_PYIQA, brightness=-1.084, delta_e=0.6, delta_e_95=1.25, flat=3.0,
            ),
            Score("HR", "b.png", math.inf, 1.0, 0.0, math.inf, 6.0, reasons=NO_PYIQA,
                  brightness=-1e-9, delta_e=0.0, delta_e_95=0.0),
            Score(
                "p–g", "b.png", 20.0, 0.6, 4.0, 18.0, mode="image", alpha=0.2,
                reasons={"niqe": "too small", **NO_PYIQA}, brightness=0.5,
                delta_e=1.0, delta_e_95=2.0, flat=3.0,
            ),
        ),
        niqe_label="NIQE (fitted)",
        planned=2,
    )  # fmt: skip
