"""train/device_data.py: crops taken from a device's memory are the loader's, bit for bit."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.train.commands import ended
from tests.train.samples import noise, same, save
from train import device_data
from train.data import PairDataset, batches
from train.device_data import DeviceData, pixels, room_on, why_not_on
from train.distributed import Share
from train.prepare import prepare
from train.prepared import Cut

CPU = torch.device("cpu")
Folders = Callable[[str, int], tuple[list[str], list[str]]]
SIZES = (33, 50), (47, 32), (41, 64), (96, 90)  # remainders, and a side as long as a crop


@pytest.fixture
def hr(tmp_path: Path) -> Path:
    for number, (height, width) in enumerate(SIZES):
        save(tmp_path / "hr" / f"{number}.png", noise(height, width, number))
    return tmp_path / "hr"


@pytest.fixture
def folders(hr: Path, tmp_path: Path) -> Folders:
    """Folders of HR and of LR of each kind of source, or of all."""

    def made(kind: str, scale: int) -> tuple[list[str], list[str]]:
        if kind == "folder":
            return [str(hr)], []
        if kind == "prepared":
            prepare([hr], tmp_path / "prepared", Cut(size=80, step=40, smallest=32), workers=1)
            return [str(tmp_path / "prepared")], []
        for number, (height, width) in enumerate(SIZES):  # not what would be made
            low = noise(height // scale, width // scale, 100 + number)
            save(tmp_path / "lr" / f"{number}.png", low)
        if kind == "pairs":
            return [str(hr)], [str(tmp_path / "lr")]
        return [str(hr), *made("prepared", scale)[0], str(hr)], [str(tmp_path / "lr"), "", ""]

    return made


@pytest.mark.parametrize("kind", ["folder", "prepared", "pairs", "all"])
@pytest.mark.parametrize(("scale", "side"), [(4, 32), (2, 20), (3, 24), (8, 32)])
def test_samples_are_the_loader_s(folders: Folders, kind: str, scale: int, side: int) -> None:
    data, lr = folders(kind, scale)
    dataset = PairDataset(data, side, scale, seed=3, lr=lr)
    expected = list(batches(dataset, 5, 2, 30, num_workers=0, device=CPU))
    found = list(DeviceData(dataset, CPU, 0).batches(Share(dataset), 5, 2, 30))
    assert len(found) == 28
    for one, other in zip(expected, found, strict=True):
        assert one[0].dtype == other[0].dtype == torch.uint8
        assert same(one, other)


def test_processes_load_the_same_pictures(hr: Path) -> None:
    dataset = PairDataset([str(hr)], 32, 4, seed=0)
    alone, helped = (DeviceData(dataset, CPU, workers) for workers in (0, 2))
    assert same(alone.batch(range(20)), helped.batch(range(20)))


def test_each_process_takes_its_share(hr: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = PairDataset([str(hr)], 32, 4, seed=0)
    monkeypatch.setattr("train.distributed.world_size", lambda: 3)
    monkeypatch.setattr("train.distributed.rank", lambda: 2)
    share, data = Share(dataset), DeviceData(dataset, CPU, 0)
    expected = list(batches(share, 2, 1, 4, num_workers=0, device=CPU))
    found = list(data.batches(share, 2, 1, 4))
    assert all(same(*each) for each in zip(expected, found, strict=True))
    assert torch.equal(found[0][1][0], dataset[2 * 3 + 2][1])


@pytest.mark.filterwarnings("ignore:left out")
def test_a_damaged_picture_is_drawn_again_as_by_the_loader(hr: Path) -> None:
    broken = save(hr / "broken.jpg", noise(64, 64))
    broken.write_bytes(broken.read_bytes()[:1500])
    dataset = PairDataset([str(hr)], 32, 4, seed=0)
    low, high = DeviceData(dataset, CPU, 0).batch(range(40))
    assert all(same((low[n], high[n]), dataset[n]) for n in range(40))


def test_what_is_held_out_is_not_drawn(hr: Path) -> None:
    dataset = PairDataset([str(hr)], 32, 4, seed=0)
    dataset.hold_out(1)
    low, high = DeviceData(dataset, CPU, 0).batch(range(40))
    assert all(same((low[n], high[n]), dataset[n]) for n in range(40))


def test_there_is_room_for_hr_and_lr_of_all(hr: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = PairDataset([str(hr)], 32, 4, seed=0)
    needed = sum(h * w + (h // 4) * (w // 4) for h, w in SIZES)
    assert needed <= pixels(dataset) <= needed * 1.05
    assert why_not_on(CPU, dataset) is None
    monkeypatch.setattr(device_data, "room_on", lambda _: 3 * pixels(dataset) - 1)
    assert "all pictures would take" in (why_not_on(CPU, dataset) or "")
    photographs = PairDataset([str(hr)], 32, 4, seed=0, degradation="photo")
    assert "drawn anew" in (why_not_on(CPU, photographs) or "")


def test_a_gpu_gives_half_of_what_it_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda _: (1000, 5000))
    assert room_on(torch.device("cuda")) == 500


def test_a_run_goes_on_with_either(hr: Path, tmp_path: Path) -> None:
    """Its weights are those of a run by the loader, bit for bit."""
    common = ["psnr", "--preset", "tiny", "--data", hr, "--set", "crop_size=32"]
    short, kept = ["--iterations", 4], ["--set", "data_on_device=true"]
    for name, options in (("loader", []), ("device", kept)):
        assert ended(*common, *short, *options, "--out", tmp_path / name)[0] == 0
    code, out, _ = ended(*common[:1], "--out", tmp_path / "device", "--resume", "--iterations", 8,
                         "--set", "data_on_device=false")  # fmt: skip
    assert code == 0
    assert "data_on_device True → False" in out
    code, _, err = ended("psnr", "--out", tmp_path / "loader", "--resume", "--iterations", 8, *kept)
    assert code == 0, err
    weights = [(tmp_path / name / "checkpoint.pt") for name in ("loader", "device")]
    states = [torch.load(path, weights_only=True)["modules"]["generator"] for path in weights]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_a_run_says_why_its_pictures_are_not_on_the_device(hr: Path, tmp_path: Path) -> None:
    _, out, _ = ended("psnr", "--preset", "tiny", "--data", hr, "--out", tmp_path / "run",
                      "--iterations", 1, "--set", "data_on_device=true",
                      "--set", "crop_size=32", "--set", "degradation=photo")  # fmt: skip
    assert "note: crops are not taken on the device: their LR is drawn anew" in out
