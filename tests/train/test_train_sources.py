"""train/sources.py: folders, pairs and prepared folders, their shares, and files of no use."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from esrgan.errors import UserError
from esrgan.pictures.resize import imresize
from tests.train.samples import noise, same, save
from train.data import PairDataset, batches, cumulative_chances, default_workers
from train.prepare import prepare
from train.prepared import Cut

CUT = Cut(size=48, step=24, smallest=16)


def told(dataset: PairDataset) -> dict[str, str]:
    return {each.file.name: str(each) for each in dataset.skipped}


# ---------------------------------------------------------------- prepared folders


def test_a_prepared_folder_gives_crops_of_the_whole_pictures(tmp_path: Path) -> None:
    """HR and LR are those of a whole picture, at the sides of the sub-images too, some of which
    begin within an LR pixel."""
    pictures = {"a.png": noise(101, 130, 1), "b/c.png": noise(48, 60, 2), "d.png": noise(40, 70, 3)}
    expected: dict[bytes, bytes] = {}
    for name, pixels in pictures.items():
        save(tmp_path / "hr" / name, pixels)
        height, width = (side - side % 4 for side in pixels.shape[:2])
        lr = imresize(pixels[:height, :width], 1 / 4)
        for y in range(0, height - 15, 4):
            for x in range(0, width - 15, 4):
                crops = pixels[y : y + 16, x : x + 16], lr[y // 4 : y // 4 + 4, x // 4 : x // 4 + 4]
                for turns in range(8):
                    turned = [np.rot90(crop, turns % 4) for crop in crops]
                    turned = [each[:, ::-1] for each in turned] if turns > 3 else turned
                    expected[turned[0].tobytes()] = turned[1].tobytes()
    prepare([tmp_path / "hr"], tmp_path / "prepared", CUT, workers=2)
    prepared = PairDataset([str(tmp_path / "prepared")], 16, 4, seed=3)
    source = PairDataset([str(tmp_path / "prepared" / "hr")], 16, 4, seed=3)
    seen = set()
    for n in range(400):
        small, large = (each.permute(1, 2, 0).numpy().tobytes() for each in prepared[n])
        assert expected[large] == small
        seen.add(large)
        assert n > 20 or same(source[n], prepared[n])
    assert len(seen) > 350


def test_sub_images_without_a_margin_are_named(tmp_path: Path, refused) -> None:
    save(tmp_path / "hr" / "a.png", noise(100, 130))
    prepare([tmp_path / "hr"], tmp_path / "prepared", CUT, workers=1)
    with refused("a.png", "margin", "--size 60"):
        PairDataset([str(tmp_path / "prepared")], 36, 4, seed=0)
    save(tmp_path / "small" / "a.png", noise(40, 40))  # in one piece, whose sides are its own
    prepare([tmp_path / "small"], tmp_path / "whole", CUT, workers=1)
    PairDataset([str(tmp_path / "whole")], 40, 4, seed=0)


def test_the_latest_mappings_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train.sources.MAPPED", 2)
    for number in range(5):
        save(tmp_path / "hr" / f"{number}.png", noise(48, 48, number))
    prepare([tmp_path / "hr"], tmp_path / "prepared", CUT, workers=1)
    dataset, again = (PairDataset([str(tmp_path / "prepared")], 16, 4, seed=0) for _ in range(2))
    first = [dataset[n] for n in range(30)]
    assert len(dataset.sources[0]._mapped) == 2
    assert all(same(again[n], first[n]) for n in reversed(range(30)))


def test_loader_processes_share_a_prepared_folder(tmp_path: Path) -> None:
    save(tmp_path / "hr" / "a.png", noise(100, 130))
    prepare([tmp_path / "hr"], tmp_path / "prepared", CUT, workers=1)
    dataset = PairDataset([str(tmp_path / "prepared")], 16, 4, seed=0)
    cpu = torch.device("cpu")
    alone = list(batches(dataset, 4, 0, 6, num_workers=0, device=cpu))
    helped = list(batches(dataset, 4, 0, 6, num_workers=2, device=cpu))
    assert all(same(a, b) for a, b in zip(alone, helped, strict=True))
    assert not any(same(a, b) for a, b in pairwise(alone))


def test_a_prepared_folder_that_lost_files(tmp_path: Path, refused) -> None:
    for name in ("a.png", "b.png", "c.png"):
        save(tmp_path / "hr" / name, noise(50, 50, ord(name[0])))
    prepared = tmp_path / "prepared"
    prepare([tmp_path / "hr"], prepared, CUT, workers=1)
    (prepared / "hr" / "a.png.npy").unlink()
    whole = (prepared / "hr" / "b.png.npy").read_bytes()
    (prepared / "hr" / "b.png.npy").write_bytes(whole[:-1])
    dataset = PairDataset([str(prepared)], 16, 4, seed=0)
    assert set(told(dataset)) == {"a.png.npy", "b.png.npy"}
    (prepared / "hr" / "c.png.npy").write_bytes(b"no array")  # after it was found whole
    with pytest.warns(UserWarning, match=r"c\.png\.npy"), refused("damaged"):
        dataset[0]
    (prepared / "hr" / "sub-images.json").write_text("{}")
    with refused("sub-images.json", "damaged"):
        PairDataset([str(prepared)], 16, 4, seed=0)
    (prepared / "hr" / "sub-images.json").unlink()
    with refused("not prepared to its end", "train prepare"):
        PairDataset([str(prepared)], 16, 4, seed=0)


# ---------------------------------------------------------------- pairs


@pytest.mark.parametrize("suffix", ["", "x4"])
def test_lr_crops_lie_where_the_hr_crops_do(tmp_path: Path, suffix: str) -> None:
    """The LR pictures are no bicubic ones: each pixel says where it is."""
    hr = noise(66, 50)  # 2 pixels more than a multiple of 4
    lr = hr[:64:4, :48:4] ^ 255
    save(tmp_path / "HR" / "0801.png", hr)
    save(tmp_path / "LR" / f"0801{suffix}.png", lr)
    dataset = PairDataset([str(tmp_path / "HR")], 16, 4, 0, lr=[str(tmp_path / "LR")])
    for turns in range(40):
        small, large = dataset[turns]
        corners = [large[:, y::4, x::4] for y in (0, 3) for x in (0, 3)]  # as it was turned
        assert any(torch.equal(small, corner ^ 255) for corner in corners)


def test_pairs_that_do_not_fit_are_named(tmp_path: Path) -> None:
    hr, lr = tmp_path / "HR", tmp_path / "LR"
    for name in ("good", "larger", "alone", "broken", "twice", "grey", "deep"):
        save(hr / f"{name}.png", noise(32, 40))
    for name in ("good", "twicex4", "twice_LR"):
        save(lr / f"{name}.png", noise(8, 10))
    save(lr / "larger.png", noise(8, 11))
    (lr / "broken.png").write_bytes(b"")
    save(hr / "tiny.png", noise(12, 40))
    save(lr / "tiny.png", noise(3, 10))
    save(lr / "grey.png", noise(8, 10)[..., 0])
    save(lr / "deep.png", noise(8, 10)[..., 0].astype(np.uint16) * 257)
    dataset = PairDataset([str(hr)], 16, 4, 0, lr=[str(lr)])
    reasons = told(dataset)
    assert set(reasons) == {f"{n}.png" for n in ("larger", "alone", "broken", "twice", "tiny")}
    assert "larger.png" in reasons["larger.png"]
    assert "40×32 pixels, of which 1/4 is 10×8" in reasons["larger.png"]
    assert "11×8" in reasons["larger.png"]
    assert "lacks alone.png" in reasons["alone.png"]
    assert "empty" in reasons["broken.png"]
    assert "could belong to twice.png" in reasons["twice.png"]
    assert "12" in reasons["tiny.png"]
    for number in range(30):
        assert [tuple(each.shape) for each in dataset[number]] == [(3, 4, 4), (3, 16, 16)]


def test_a_pair_of_which_one_is_damaged_is_drawn_again(tmp_path: Path) -> None:
    for name, level in (("a", 7), ("b", 9)):
        save(tmp_path / "HR" / f"{name}.png", np.full((32, 32, 3), level, np.uint8))
        save(tmp_path / "LR" / f"{name}.png", noise(8, 8))
    cut = tmp_path / "LR" / "b.png"
    cut.write_bytes(cut.read_bytes()[:-40])
    dataset = PairDataset([str(tmp_path / "HR")], 16, 4, 0, lr=[str(tmp_path / "LR")])
    assert dataset.skipped == []
    with pytest.warns(UserWarning, match=r"LR.b\.png"):
        assert all(bool((dataset[number][1] == 7).all()) for number in range(20))


def test_lr_folders_and_data_folders_go_together(tmp_path: Path, refused) -> None:
    save(tmp_path / "HR" / "a.png", noise(32, 32))
    save(tmp_path / "LR" / "a.png", noise(8, 8))
    save(tmp_path / "more" / "b.png", noise(32, 32, 1))
    hr, lr, more = (str(tmp_path / name) for name in ("HR", "LR", "more"))
    with refused("--lr", "2", "1"):
        PairDataset([hr, more], 16, 4, 0, lr=[lr])
    with refused("nowhere"):
        PairDataset([hr], 16, 4, 0, lr=[str(tmp_path / "nowhere")])
    dataset = PairDataset([hr, more], 32, 4, 0, lr=[lr, ""])  # only the turns are left to chance
    bicubic = imresize(noise(32, 32, 1), 1 / 4).sum()
    sums = {int(dataset[n][0].sum()) for n in range(20)}
    assert sums == {int(noise(8, 8).sum()), int(bicubic)}
    prepare([tmp_path / "more"], tmp_path / "prepared", CUT, workers=1)
    with refused("makes its own LR"):
        PairDataset([str(tmp_path / "prepared")], 16, 4, 0, lr=[lr])


# ---------------------------------------------------------------- shares


def test_weights_share_the_samples_among_sources(tmp_path: Path) -> None:
    save(tmp_path / "dark" / "a.png", np.zeros((64, 64, 3), np.uint8))
    save(tmp_path / "light" / "a.png", np.full((16, 16, 3), 255, np.uint8))
    save(tmp_path / "light" / "b.png", np.full((16, 48, 3), 254, np.uint8))
    folders = [str(tmp_path / "dark"), str(tmp_path / "light")]
    dataset = PairDataset(folders, 16, 4, seed=0, weights=[1, 3])
    levels = [int(dataset[number][1][0, 0, 0]) for number in range(1000)]
    light = [level for level in levels if level]
    assert 700 < len(light) < 800  # three quarters, though it has a fifth of the area
    assert 0.68 < light.count(254) / len(light) < 0.82  # by area within a source
    plain = PairDataset(folders, 16, 4, seed=0)
    assert 150 < sum(bool(plain[number][1].any()) for number in range(1000)) < 250


def test_chances_by_hand(refused) -> None:
    areas = [np.array([1, 3]), np.array([2]), np.array([], int)]
    np.testing.assert_allclose(cumulative_chances(areas, []), [1 / 6, 4 / 6, 1])
    np.testing.assert_allclose(cumulative_chances(areas, [10, 30, 5]), [1 / 16, 1 / 4, 1])
    with refused("--data-weights", "3", "2"):
        cumulative_chances(areas, [1, 2])


# ---------------------------------------------------------------- what is of no use


def test_a_sound_picture_among_many_damaged_ones_is_found(tmp_path: Path) -> None:
    """By chance alone it would hardly ever be drawn: it has a 500th of the area."""
    whole = save(tmp_path / "0.png", noise(200, 200)).read_bytes()
    for number in range(5):
        (tmp_path / f"{number}.png").write_bytes(whole[: len(whole) // 2])
    save(tmp_path / "good.png", np.full((16, 16, 3), 7, np.uint8))
    dataset = PairDataset([str(tmp_path)], 16, 4, seed=0)
    with pytest.warns(UserWarning, match="left out"):
        assert all(bool((dataset[number][1] == 7).all()) for number in range(3))
    (tmp_path / "good.png").write_bytes(whole[: len(whole) // 2])
    dataset = PairDataset([str(tmp_path)], 16, 4, seed=0)
    with pytest.warns(UserWarning, match="left out"), pytest.raises(UserError, match="All of"):
        dataset[0]


@pytest.mark.filterwarnings("ignore:left out")
def test_a_loader_process_says_it_in_one_line(tmp_path: Path, refused) -> None:
    path = save(tmp_path / "a.png", noise(64, 64))
    path.write_bytes(path.read_bytes()[:5000])
    dataset = PairDataset([str(tmp_path)], 16, 4, seed=0)
    with refused("All of the training pictures are damaged"):
        list(batches(dataset, 2, 0, 2, num_workers=1, device=torch.device("cpu")))


def test_a_rotated_photograph_is_paired_by_what_is_seen(tmp_path: Path) -> None:
    """EXIF's orientation 6 swaps height and width."""
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "HR").mkdir()
    Image.fromarray(noise(32, 64)).save(tmp_path / "HR" / "a.jpg", exif=exif)
    save(tmp_path / "LR" / "a.png", noise(16, 8))
    assert not PairDataset([str(tmp_path / "HR")], 16, 4, 0, lr=[str(tmp_path / "LR")]).skipped


def test_accelerators_get_loader_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(24)))
    assert default_workers(torch.device("cpu")) == 0
    assert default_workers(torch.device("cuda")) == 16
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "8")
    assert default_workers(torch.device("cuda")) == 2
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0})
    assert default_workers(torch.device("cuda")) == 1
