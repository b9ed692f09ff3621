"""What the documentation says of speed was measured; what a GPU is measured by is right."""

import threading
from functools import partial

import pytest
import torch

from benchmarks.tables import DOCUMENT, RESULTS, machines, table, with_tables
from benchmarks.variants import SLIDER, at_all_alphas, variants
from benchmarks.visitors import per_second
from esrgan.inference.upscale import Upscaler
from esrgan.models.interpolation import alpha_weights, interpolate_networks
from esrgan.networks import RRDBConfig, RRDBNet

CPU = torch.device("cpu")


def test_the_tables_are_those_of_the_results() -> None:
    measured = machines(RESULTS)
    assert measured
    text = DOCUMENT.read_text("utf-8")
    assert text == with_tables(text, measured), "run python -m benchmarks.tables"


def test_a_table_has_a_line_a_size_and_a_column_a_way() -> None:
    rows = [
        {"model": "builtin", "side": 64, "what": "spandrel", "seconds": 0.1, "ratio": 1.0},
        {"model": "builtin", "side": 64, "what": "ours", "seconds": 0.0512, "ratio": 1.953},
        {"model": "paper", "side": 128, "what": "spandrel", "seconds": 12.345, "ratio": 1.0},
        {"model": "builtin", "side": 128, "what": "α: in memory, run", "seconds": 0.3, "ratio": 2},
        {"model": "builtin", "side": 128, "what": "α: write, load, run", "seconds": 1, "ratio": 1},
        {
            "model": "builtin",
            "side": 128,
            "what": "α: the published scripts",
            "seconds": 4.04,
            "ratio": 1,
        },
    ]
    assert table({"machine": "A B, 2 cores", "threads": 2, "rows": rows}).splitlines() == [
        "A B, 2 cores, 2 threads:",
        "",
        "| network, LR | spandrel | ours |",
        "|---|---|---|",
        "| built-in, 64² | 0.100 (1.00×) | 0.0512 (1.95×) |",
        "| 23 blocks, 128² | 12.3 (1.00×) | – |",
        "",
        "A new α of the built-in models at 128² takes 0.3 s, 1 s by writing,",
        "loading and running a file in the same process, 4 s by two scripts as published.",
    ]
    assert "α" not in table({"machine": "A", "threads": 2, "rows": rows[:3]})


def test_only_the_tables_are_replaced() -> None:
    text = "before\n<!-- begin: python -m benchmarks.tables -->\nold\n<!-- end -->\nafter\n"
    expected = "before\n<!-- begin: python -m benchmarks.tables -->\n<!-- end -->\nafter\n"
    assert with_tables(text, []) == expected


def lively(seed: int) -> RRDBNet:
    torch.manual_seed(seed)
    network = RRDBNet(RRDBConfig(8, 2, 4)).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return network


def test_all_alphas_in_one_batch_are_those_one_by_one() -> None:
    ends, lr = [lively(0), lively(1)], torch.rand(1, 3, 9, 7)
    found = at_all_alphas(ends[0], ends[1], SLIDER, CPU)(lr)
    expected = torch.cat(
        [
            Upscaler(interpolate_networks(ends, alpha_weights(alpha)), CPU).tensor(lr)
            for alpha in SLIDER
        ]
    )
    assert found.shape == (21, 3, 36, 28)
    assert expected[0].std() > 0.01
    assert (expected[0] - expected[-1]).abs().max() > 0.1
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("title", "tolerance"),
    [("ours, TF32", 1e-4), ("ours, bfloat16", 0.05), ("ours, bfloat16, compiled", 0.05)],
)
def test_the_variants_of_a_network_compute_it(title: str, tolerance: float) -> None:
    network, lr = lively(0), torch.rand(1, 3, 9, 7)
    expected = Upscaler(network, CPU).tensor(lr)
    before = torch.backends.cudnn.allow_tf32
    ways = variants(network, CPU, backend="eager")
    assert len(ways) == 3
    found = ways[title](lr)
    assert found.dtype == torch.float32
    assert (found - expected).abs().max() <= tolerance * expected.abs().max()
    assert torch.backends.cudnn.allow_tf32 == before


@pytest.mark.parametrize(("visitors", "shares"), [(1, [8]), (3, [3, 3, 2]), (4, [2, 2, 2, 2])])
def test_visitors_at_once_share_the_requests(visitors: int, shares: list[int]) -> None:
    together, asked = threading.Barrier(visitors), [0] * visitors

    def ask(number: int) -> str:
        if not asked[number]:
            together.wait(60)  # broken, and with it the test, unless all ask at once
        asked[number] += 1
        return "right"

    assert per_second([partial(ask, number) for number in range(visitors)], sum(shares)) > 0
    assert asked == shares


def test_a_wrong_answer_has_no_speed() -> None:
    answers = iter(["right", "wrong", "right"])
    with pytest.raises(SystemExit, match="was wrong"):
        per_second([lambda: next(answers)], 3)
