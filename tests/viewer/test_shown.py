"""Words of what is shown."""

import numpy as np

from esrgan.viewer.shown import panes, score_line, scores, size_line, titles_of


def test_scores_need_an_hr_that_is_large_enough(photo: np.ndarray) -> None:
    assert scores(photo, photo, 4) == (np.inf, 1)
    assert scores(photo, None, 4) is None
    assert scores(photo[:18], photo[:18], 4) is None
    assert score_line(photo, None, 4) == size_line(photo) == "48×64"
    assert score_line(photo, photo, 4) == "PSNR inf dB · SSIM 1.0000"


def test_panes_are_those_that_can_be_filled() -> None:
    assert panes(3, True, None) == (
        "lr", "bicubic", "hr", "psnr", "gan", "after", "network", "image",
    )  # fmt: skip
    assert panes(2, False, "They differ.") == ("lr", "bicubic", "psnr", "gan", "image")


def test_titles_say_which_end_a_model_is() -> None:
    assert titles_of(["a", "b", "c"]) == {"psnr": "a (α = 0)", "gan": "b (α = 1)", "after": "c"}
