"""The models that a visitor can choose."""

from pathlib import Path

import pytest

from esrgan.demo import choice
from esrgan.errors import UserError
from esrgan.models import zoo
from esrgan.models.checkpoints import save_generator
from esrgan.networks import RRDBNet


@pytest.fixture
def own(tmp_path: Path, tiny_network: RRDBNet, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two uploaded files of one name; and no runs."""
    monkeypatch.setenv("ESRGAN_RUNS", str(tmp_path / "runs"))
    files = [tmp_path / folder / "mine.safetensors" for folder in "ab"]
    for file in files:
        file.parent.mkdir()
        save_generator(file, tiny_network, {})
    return [str(file) for file in files]


@pytest.mark.parametrize(
    ("clean", "photo"),
    [
        ("psnr", "photo-psnr"),
        ("gan", "photo-gan"),
        ("gan-after", "gan-after"),
        ("file 0", "file 0"),
    ],
)
def test_models_for_photographs_are_counterparts_of_those_for_clean_pictures(
    clean: str, photo: str
) -> None:
    assert choice.counterpart(clean, for_photos=True) == photo
    assert choice.counterpart(photo, for_photos=True) == photo
    assert choice.counterpart(photo, for_photos=False) == clean


def test_all_there_are_can_be_chosen(own: list[str]) -> None:
    offered = choice.offered(own)
    assert offered[:2] == [("mine.safetensors", "file 0"), ("mine.safetensors", "file 1")]
    assert [value for _, value in offered[2:]] == list(zoo.MODELS)


def test_files_and_names_mix(own: list[str]) -> None:
    trio = choice.chosen_trio("file 1", "gan", choice.NONE, own)
    assert trio.files == (Path(own[1]), zoo.find("gan"))
    assert trio.titles == ("mine.safetensors", "GAN (built-in)")
    assert trio.names == ()


def test_three_named_models_have_names() -> None:
    trio = choice.chosen_trio("gan", "psnr", "gan-after", [])
    assert trio.names == ("gan", "psnr", "gan-after")
    assert choice.builtin_trio().names == choice.BUILTIN


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ("psnr", "", "Choose two models"),
        ("psnr", "file 2", "not there any more"),
        ("file -1", "psnr", "not there any more"),
        ("/etc/passwd", "psnr", "not there any more"),
        ("../../etc", "psnr", "not there any more"),
    ],
)
def test_nothing_else_can_be_chosen(own: list[str], first: str, second: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        choice.chosen_trio(first, second, choice.NONE, own)


def test_nothing_may_be_chosen(refused) -> None:
    with refused("Choose a model"):
        choice.chosen(None)
