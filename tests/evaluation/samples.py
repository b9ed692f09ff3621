"""Scores for the tests of tables."""

from esrgan.evaluation.results import Score


def rows_of(**models: list[float]) -> tuple[Score, ...]:
    """PSNR of each picture by methods, NIQE a tenth of it."""
    return tuple(
        Score(model, f"{n}.png", value, 0.5, 1.0, niqe=value / 10, brightness=value - 30)
        for model, values in models.items()
        for n, value in enumerate(values)
    )
