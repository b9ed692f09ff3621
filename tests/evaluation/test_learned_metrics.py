"""Metrics of pyiqa: a stand-in for it of few lines, and pyiqa itself where it is installed."""

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from esrgan.evaluation.comparison_table import Style, comparison_table
from esrgan.evaluation.difference_table import difference_table
from esrgan.evaluation.evaluate import Measures, evaluate, with_fid
from esrgan.evaluation.learned_metrics import (
    PARAMETERS,
    _fetch,
    frechet_distance,
    learned_metrics,
    parameters_digest,
    parameters_in,
)
from esrgan.evaluation.methods import bicubic, ground_truth
from esrgan.evaluation.niqe import load_pristine
from esrgan.evaluation.results import Results, Score
from tests.learned import save_random_lpips

PYIQA = '''
import os, sys

class FakeMetric:
    def __init__(self, mode):
        self.metric_mode = mode

    def __call__(self, *pictures):
        import torch  # takes seconds, and where parameters are only fetched nobody needs it

        assert all(p.shape[:2] == (1, 3) and 0 <= p.min() <= p.max() <= 1 for p in pictures)
        return torch.tensor([[float(len(pictures))]])

def distance_of_folders(first, second, **_):
    """Between the mean grey levels of the pictures of two folders."""
    import numpy as np
    from pathlib import Path
    from PIL import Image

    means = [[np.mean(Image.open(f)) for f in Path(d).iterdir()] for d in (first, second)]
    assert len(means[0]) == len(means[1])
    return abs(np.mean(means[0]) - np.mean(means[1]))

def create_metric(name, device, **settings):
    import socket
    with open(os.environ["ASKED"], "a") as asked:
        print(name, settings, os.getpid(), socket.getdefaulttimeout(), sep="|", file=asked)
    if "UNREACHABLE" in os.environ:
        raise ConnectionError
    if name == "fid":
        return distance_of_folders
    return FakeMetric("FR" if name == "lpips" else "NR")
'''


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A pyiqa of few lines, and the file in which it writes what it is asked for, and where."""
    (tmp_path / "pyiqa.py").write_text(PYIQA)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "pyiqa", raising=False)  # the real one
    monkeypatch.setenv("ASKED", str(tmp_path / "asked"))
    _fetch.cache_clear()
    yield tmp_path / "asked"
    _fetch.cache_clear()
    sys.modules.pop("pyiqa", None)


def test_pyiqa_gives_ma_and_lpips(asked: Path, photo: np.ndarray) -> None:
    values = {
        name: metric(photo, photo) for name, metric in learned_metrics().items() if callable(metric)
    }
    assert values == {"ma": 1, "lpips": 2}
    learned_metrics()  # fetches nothing any more
    lines = [line.split("|") for line in asked.read_text().splitlines()]
    ma, lpips = ["nrqm", "{'crop_border': 4, 'color_space': 'ycbcr'}"], ["lpips", "{}"]
    assert [line[:2] for line in lines] == [ma, ma, lpips, lpips, ma, lpips]
    here = [line[2] == str(os.getpid()) for line in lines]
    assert here == [False, True, False, True, True, True]
    assert [line[3] for line in lines] == ["20.0", "None", "20.0", "None", "None", "None"]


def test_without_pyiqa_or_its_parameters_there_is_a_reason(
    asked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNREACHABLE", "1")
    assert set(learned_metrics().values()) == {"parameters not to be had"}
    assert str(os.getpid()) not in asked.read_text()
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert set(learned_metrics().values()) == {"pyiqa not installed"}


# Parameters in a folder


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of parameters, besides a hub of torch that has other ones."""
    hub, folder = tmp_path / "torch" / "hub" / "checkpoints", tmp_path / "kept"
    hub.mkdir(parents=True)
    folder.mkdir()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    (hub / "alexnet-owt-7be5be79.pth").write_text("of the hub")
    for name in ("LPIPS_v0.1_alex-df73285e.pth", "NRQM_model.mat"):
        (folder / name).write_text("of the folder")
    return folder


def test_the_files_of_a_folder_are_where_pyiqa_seeks_them(asked: Path, kept: Path) -> None:
    home = os.environ["TORCH_HOME"]
    (kept / "alexnet-owt-7be5be79.pth").write_text("of the folder")
    with parameters_in(kept):
        for name in ("pyiqa", "checkpoints"):
            place = Path(torch.hub.get_dir(), name)
            for file in PARAMETERS["lpips"]:
                assert (place / file).read_text() == "of the folder"
    assert os.environ["TORCH_HOME"] == home


def test_what_a_folder_lacks_is_in_the_cache_or_named(asked: Path, kept: Path) -> None:
    with parameters_in(kept):
        found = learned_metrics(("ma", "lpips", "dists"), kept)
        assert frechet_distance(kept) == f"no {PARAMETERS['fid'][0]} in {kept}"
    assert callable(found["ma"])
    assert callable(found["lpips"])  # AlexNet is in the hub
    assert found["dists"] == f"no {PARAMETERS['dists'][0]} in {kept}"
    assert "dists" not in asked.read_text()  # nothing is fetched


def test_other_parameters_have_another_digest(kept: Path) -> None:
    before = parameters_digest(kept)
    (kept / "notes.txt").write_text("x")
    assert parameters_digest(kept) == before != parameters_digest(None) == ""
    (kept / "NRQM_model.mat").write_text("another")
    assert parameters_digest(kept) != before
    measures = [Measures(load_pristine(), parameters=text) for text in ("", before)]
    assert measures[0].digest != measures[1].digest


def test_a_folder_that_is_not_there_is_refused(
    tmp_path: Path, refused: Callable[..., AbstractContextManager[None]]
) -> None:
    with refused("no folder"), parameters_in(tmp_path / "nowhere"):
        pass


# FID


def test_fid_is_one_number_a_method_of_what_was_kept(
    asked: Path, tmp_path: Path, photo: np.ndarray
) -> None:
    files: list[tuple[Path, Path | None]] = []
    for number, picture in enumerate((photo, photo[::-1], 255 - photo)):
        Image.fromarray(picture[:63]).save(tmp_path / f"{number}.png")
        files.append((tmp_path / f"{number}.png", None))
    methods, out = [bicubic(4), ground_truth()], tmp_path / "out"
    rows = list(evaluate(files, methods, 4, Measures(load_pristine()), folder=out))
    distance = frechet_distance()
    scores = with_fid(rows, files, 4, out, distance)
    by_method = Results(tuple(scores)).by_method()
    numbers = [{row.fid for row in group} for group in by_method]
    assert [len(found) for found in numbers] == [1, 1]
    assert numbers[1] == {0}
    assert 0 < (numbers[0].pop() or 0) < 1
    reasons = ("only of pictures that -o keeps", "only of two pictures or more", "why not")
    given = ((rows, None, distance), (rows[:2], out, distance), (rows, out, "why not"))
    for reason, (some, folder, asked_for) in zip(reasons, given, strict=True):
        assert {r.reasons["fid"] for r in with_fid(some, files, 4, folder, asked_for)} == {reason}
        assert {row.fid for row in with_fid(some, files, 4, folder, asked_for)} == {None}


def test_what_is_of_methods_has_no_interval_and_differs_from_nothing() -> None:
    rows = [
        Score(model, f"{n}.png", value + n / 10, 0.5, 1.0, flat=value, fid=value)
        for n in range(8)
        for model, value in (("m", 30.0), ("n", 20.0))
    ]
    sets = {"": Results(tuple(rows))}
    style = Style(("psnr_y", "fid", "flat"), intervals=True, reference="m")
    table = comparison_table(sets, style)
    assert table.rows[1][1].endswith("*")
    assert "±" in table.rows[1][1]
    assert table.rows[1][2:] == ["20.00", "20"]
    differences = difference_table(sets, "m", "n", ("psnr_y", "fid", "flat"))
    assert [row[1] for row in differences.rows] == ["PSNR-Y"]


# pyiqa itself, with random parameters in place of the trained ones


@pytest.mark.skipif(not importlib.util.find_spec("pyiqa"), reason="pyiqa is not installed")
def test_pyiqa_takes_parameters_from_a_folder(tmp_path: Path, photo: np.ndarray) -> None:
    save_random_lpips(tmp_path)
    with parameters_in(tmp_path):
        metric = learned_metrics(("lpips",), tmp_path)["lpips"]
    assert callable(metric)
    assert metric(photo, photo) == 0
    assert metric(photo, photo[::-1]) > 0
