"""train/data.py: crops, their reproducibility, and files that are no use."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from esrgan.errors import UserError
from esrgan.pictures.degradations import DEGRADATIONS
from esrgan.pictures.resize import imresize
from tests.train.samples import noise, same, save
from train.data import ClassDataset, PairDataset, aligned_crops, batches


def is_crop_of(crop: Tensor, picture: np.ndarray) -> bool:
    """Whether the crop's pixels, flips and turns aside, are those of some place of the picture."""
    size, kept = crop.shape[-1], crop.permute(1, 2, 0).numpy()
    symmetries = [
        turned for n in range(4) for turned in (np.rot90(kept, n), np.rot90(kept.swapaxes(0, 1), n))
    ]
    places = product(*(range(side - size + 1) for side in picture.shape[:2]))
    crops = {picture[y : y + size, x : x + size].tobytes() for y, x in places}
    return any(each.tobytes() in crops for each in symmetries)


@pytest.mark.parametrize(("scale", "size"), [(4, 8), (4, 24), (2, 8), (8, 16)])
def test_a_crop_s_lr_is_the_crop_of_the_whole_lr(scale: int, size: int) -> None:
    picture = noise(51, 61)  # a remainder right and bottom
    height, width = (side - side % scale for side in picture.shape[:2])
    whole = imresize(picture[:height, :width], 1 / scale)
    rng = np.random.default_rng(0)
    tops, lefts = range(0, height - size + 1, scale), range(0, width - size + 1, scale)
    for top, left in product(tops, lefts):
        lr, hr = aligned_crops(picture, top, left, size, scale, None, DEGRADATIONS["bicubic"], rng)
        y, x, side = top // scale, left // scale, size // scale
        np.testing.assert_array_equal(lr, whole[y : y + side, x : x + side])
        np.testing.assert_array_equal(hr, picture[top : top + size, left : left + size])


def test_a_sample_is_a_uint8_pair(training_pictures: Path) -> None:
    lr, hr = PairDataset([str(training_pictures)], 32, 4, seed=0)[0]
    assert (lr.dtype, hr.dtype) == (torch.uint8, torch.uint8)
    assert (lr.shape, hr.shape) == ((3, 8, 8), (3, 32, 32))


def test_a_sample_depends_on_seed_and_number_only(training_pictures: Path) -> None:
    folders = [str(training_pictures)]
    first, second = (PairDataset(folders, 32, 4, seed=5) for _ in range(2))
    forwards = {number: first[number] for number in range(12)}
    backwards = {number: second[number] for number in reversed(range(12))}
    assert all(same(forwards[number], backwards[number]) for number in range(12))
    other = PairDataset(folders, 32, 4, seed=6)
    assert not any(same(forwards[number], other[number]) for number in range(12))
    distinct = {hr.numpy().tobytes() for _, hr in forwards.values()}
    assert len(distinct) > 6


def test_batches_do_not_depend_on_the_workers_or_on_the_start(training_pictures: Path) -> None:
    dataset = PairDataset([str(training_pictures)], 32, 4, seed=0)
    cpu = torch.device("cpu")
    alone = list(batches(dataset, 2, 0, 5, num_workers=0, device=cpu))
    helped = list(batches(dataset, 2, 0, 5, num_workers=2, device=cpu))
    resumed = list(batches(dataset, 2, 3, 5, num_workers=0, device=cpu))
    assert (len(alone), len(helped), len(resumed)) == (5, 5, 2)
    assert all(same(a, b) for a, b in zip(alone, helped, strict=True))
    assert all(same(a, b) for a, b in zip(alone[3:], resumed, strict=True))
    assert torch.equal(alone[1][0], torch.stack([dataset[2][0], dataset[3][0]]))


def test_the_eight_flips_and_turns_occur_and_hit_lr_and_hr_alike(tmp_path: Path) -> None:
    picture = noise(16, 16)  # as large as the crop: nothing but the symmetries is left to chance
    save(tmp_path / "a.png", picture)
    small = imresize(picture, 1 / 4)
    pairs = {}
    for turns, flip in product(range(4), (False, True)):
        hr, lr = (np.rot90(each, turns) for each in (picture, small))
        hr, lr = (np.fliplr(each) if flip else each for each in (hr, lr))
        pairs[hr.tobytes()] = lr
    counts = dict.fromkeys(pairs, 0)
    dataset = PairDataset([str(tmp_path)], 16, 4, seed=0)
    for number in range(400):
        lr, hr = (each.permute(1, 2, 0).numpy() for each in dataset[number])
        counts[hr.tobytes()] += 1  # a KeyError if it is none of the eight
        np.testing.assert_array_equal(lr, pairs[hr.tobytes()])
    assert len(counts) == 8
    assert all(25 < count < 80 for count in counts.values())


def test_all_positions_of_the_grid_occur(tmp_path: Path) -> None:
    rows, columns = np.mgrid[0:16, 0:20]
    save(tmp_path / "a.png", np.stack([rows, columns, 0 * rows], axis=2).astype(np.uint8))
    dataset = PairDataset([str(tmp_path)], 8, 4, seed=0)
    corners = {tuple(dataset[n][1].amin(dim=(1, 2))[:2].tolist()) for n in range(200)}
    assert corners == set(product((0, 4, 8), (0, 4, 8, 12)))


def test_pictures_are_chosen_in_proportion_to_their_area(tmp_path: Path) -> None:
    save(tmp_path / "small.png", np.zeros((32, 32, 3), np.uint8))
    save(tmp_path / "large.png", np.full((64, 48, 3), 255, np.uint8))  # three times as large
    dataset = PairDataset([str(tmp_path)], 16, 4, seed=0)
    white = sum(int(dataset[number][1][0, 0, 0] == 255) for number in range(1000))
    assert 700 < white < 800


def test_useless_files_are_listed_and_do_not_stop(tmp_path: Path) -> None:
    good = noise(32, 40)
    save(tmp_path / "good.png", good)
    useless = [tmp_path / "text.png", tmp_path / "empty.jpg", tmp_path / "narrow.png"]
    useless[0].write_text("not a picture")
    useless[1].touch()
    save(useless[2], noise(100, 15))
    dataset = PairDataset([str(tmp_path)], 16, 4, seed=0)
    assert {each.file for each in dataset.skipped} == set(useless)
    told = " ".join(str(each) for each in dataset.skipped)
    assert all(str(file) in told for file in useless)
    assert all(why in told for why in ("not a picture", "empty (0 bytes)", "15×100"))
    assert all(is_crop_of(dataset[number][1], good) for number in range(4))


@pytest.fixture
def truncated(tmp_path: Path) -> Path:
    """A JPEG file whose header is sound and whose data end too early."""
    path = save(tmp_path / "a" / "truncated.jpg", noise(64, 64))
    path.write_bytes(path.read_bytes()[:1500])
    return path


@pytest.mark.filterwarnings("ignore:left out")
def test_damaged_pictures_are_drawn_again(truncated: Path, tmp_path: Path) -> None:
    save(tmp_path / "b" / "good.png", np.full((32, 32, 3), 7, np.uint8))
    dataset = PairDataset([str(tmp_path)], 16, 4, seed=0)
    assert all(bool((dataset[number][1] == 7).all()) for number in range(20))
    classes = ClassDataset([str(tmp_path)], 16, held_out=0.5, seed=0)
    assert all(int(classes[number][1]) == 1 for number in range(20))
    for number in range(4):
        save(tmp_path / "b" / f"{number}.png", noise(32, 32))
        (tmp_path / "a" / f"{number}.jpg").write_bytes(truncated.read_bytes())
    held_out = list(ClassDataset([str(tmp_path)], 16, 0.5, seed=0).held_out_batches(1))
    assert [labels.tolist() for _, labels in held_out] == [[1], [1]]


def test_a_warning_names_a_damaged_picture(truncated: Path, tmp_path: Path) -> None:
    dataset = PairDataset([str(tmp_path)], 16, 4, seed=0)
    with (
        pytest.warns(UserWarning, match=r"left out: .*truncated\.jpg: damaged"),
        pytest.raises(UserError, match="damaged"),
    ):
        dataset[0]


def test_no_usable_picture_is_an_error(tmp_path: Path) -> None:
    save(tmp_path / "a.png", noise(31, 100))
    with pytest.raises(UserError, match="32 pixels"):
        PairDataset([str(tmp_path)], 32, 4, seed=0)
    with pytest.raises(UserError, match="--data"):
        PairDataset([], 32, 4, seed=0)
    with pytest.raises(UserError, match="missing"):
        PairDataset([str(tmp_path / "missing")], 32, 4, seed=0)
    with pytest.raises(UserError, match="divide"):
        PairDataset([str(tmp_path)], 30, 4, seed=0)


def test_grey_transparent_and_deep_pictures_become_rgb(tmp_path: Path) -> None:
    save(tmp_path / "grey.png", np.full((16, 16), 9, np.uint8))
    save(tmp_path / "deep.png", np.full((16, 16), 9 * 257, np.uint16))
    save(tmp_path / "alpha.png", np.full((16, 16, 4), [9, 9, 9, 255], np.uint8))
    dataset = PairDataset([str(tmp_path)], 16, 4, seed=0)
    for number in range(12):
        assert all(bool((each == 9).all()) for each in dataset[number])


# ---------------------------------------------------------------- the classifier's pictures


@pytest.fixture
def classes(tmp_path: Path) -> str:
    """Three classes of 20 pictures; a picture's grey level says which it is."""
    for label, name in enumerate(("ant", "bee", "cat")):
        for number in range(20):
            grey = np.full((20, 18), 80 * label + number, np.uint8)
            save(tmp_path / name / f"{number:02d}.png", grey)
    return str(tmp_path)


def test_the_split_is_disjoint_complete_and_the_same_each_time(classes: str) -> None:
    first, second = (ClassDataset([classes], 16, held_out=0.25, seed=s) for s in (0, 1))
    training, kept = set(first.train.files), set(first.kept.files)
    assert not training & kept
    assert len(training | kept) == 60
    assert len(kept) == 15
    assert (list(second.train.files), list(second.kept.files)) == (
        list(first.train.files),
        list(first.kept.files),
    )


def test_labels_are_the_folders_and_training_leaves_the_held_out_alone(classes: str) -> None:
    dataset = ClassDataset([classes], 16, held_out=0.25, seed=0)
    assert dataset.classes == ["ant", "bee", "cat"]
    kept = []
    for pictures, labels in dataset.held_out_batches(4):
        levels = pictures[:, 0, 0, 0]
        assert torch.equal(levels // 80, labels)
        assert pictures.shape[1:] == (3, 16, 16)
        kept += levels.tolist()
    assert len(kept) == len(set(kept)) == 15
    drawn = [dataset[number] for number in range(300)]
    assert all(int(picture[0, 0, 0]) // 80 == int(label) for picture, label in drawn)
    assert {int(picture[0, 0, 0]) for picture, _ in drawn}.isdisjoint(kept)
    assert same(drawn[7], ClassDataset([classes], 16, 0.25, seed=0)[7])


def test_one_class_is_not_enough(tmp_path: Path) -> None:
    save(tmp_path / "ant" / "1.png", noise(20, 18))
    with pytest.raises(UserError, match="two or more"):
        ClassDataset([str(tmp_path)], 16, 0.1, seed=0)
