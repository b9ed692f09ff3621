"""The card for the Hub: what the Hub's own library reads of it."""

import pytest
from huggingface_hub import ModelCard

from esrgan.evaluation.model_card import model_card
from esrgan.evaluation.results import Results, Score


def test_the_hubs_library_reads_the_numbers(refused) -> None:
    rows = tuple(
        Score(model, f"{n}.png", 30.0 + n, 0.8, 3.0, psnr_rgb=float("inf"), niqe=5.0)
        for model in ("psnr", "net_g")
        for n in range(2)
    )
    sets = {"Set5": Results(rows, niqe_label="NIQE (fitted)")}
    text = model_card("net_g", 4, {"loss": {"pixel": 0.01}}, sets, "net_g")
    data = ModelCard(text).data
    assert data.pipeline_tag == "image-to-image"
    assert data.model_name == "net_g"
    numbers = {each.metric_type: each.metric_value for each in data.eval_results}
    assert numbers["psnr_y"] == pytest.approx(30.5)
    assert numbers["NIQE (fitted)"] == 5
    assert "psnr_rgb" not in numbers
    assert {each.dataset_name for each in data.eval_results} == {"Set5"}
    assert "| net_g | 30.50 |" in text.replace("**", "")
    assert "pixel" in text
    with refused("Set5 has no results of other"):
        model_card("other", 4, {}, sets, "other")


def test_a_card_without_results() -> None:
    card = ModelCard(model_card("net_g", 2, {}, {}, "net_g"))
    assert card.data.eval_results is None
    assert "x2" in card.data.tags
