"""The page of a blind test: what stands in the file, and what is refused."""

import base64
import io
import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from esrgan.commands import cli
from esrgan.pictures.encoding import save_image
from esrgan.pictures.images import load_image, to_rgb
from esrgan.pictures.resize import imresize
from esrgan.studies.blind_test import (
    HERE,
    Item,
    Wording,
    blind_test_page,
    checked,
    cropped,
    questions_each,
)
from esrgan.web_page import one_script
from tests.conftest import assert_only_its_own

Refused = Callable[..., AbstractContextManager[None]]


def data(page: str, name: str) -> bytes:
    """What an element of the page holds."""
    found = re.search(rf'<script type="text/plain" id="{name}">([\w+/=]*)</script>', page)
    assert found is not None
    return base64.b64decode(found[1])


def study_of(page: str) -> dict[str, Any]:
    return dict(json.loads(data(page, "study")))


def picture_of(page: str, number: int) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data(page, f"file-{number}"))))


@pytest.fixture
def items(photo: np.ndarray) -> list[Item]:
    """Three pictures by two methods, with HR."""
    return [
        Item(f"p{n}", {"Ours": photo // (n + 2), "Theirs": 255 - photo // (n + 2)}, photo)
        for n in range(3)
    ]


def test_the_page_holds_every_pixel(items: list[Item]) -> None:
    page = blind_test_page(items)
    study = study_of(page)
    assert study["methods"] == ["Ours", "Theirs"]
    for item, held in zip(items, study["pictures"], strict=True):
        assert (held["name"], held["width"], held["height"]) == (item.name, 48, 64)
        for method, number in zip(study["methods"], held["files"], strict=True):
            np.testing.assert_array_equal(picture_of(page, number), item.results[method])
        np.testing.assert_array_equal(picture_of(page, held["reference"]), item.reference)
    assert study["reference"] == "Original"


def test_no_name_stands_in_it_in_words(items: list[Item]) -> None:
    named = [Item(f"picture {item.name}", item.results, item.reference) for item in items]
    page = blind_test_page(named)
    assert not re.search("Ours|Theirs|picture p", page)
    order = [number for held in study_of(page)["pictures"] for number in held["files"]]
    assert order != sorted(order)


def test_the_same_study_is_the_same_file_and_another_has_another_id(items: list[Item]) -> None:
    assert blind_test_page(items) == blind_test_page(iter(items))
    others = [
        blind_test_page(items[:2]),
        blind_test_page(items, ties=True),
        blind_test_page(items, limit=2),
        blind_test_page(items, Wording(question="Which is nicer?")),
        blind_test_page([Item(i.name, i.results) for i in items]),
    ]
    ids = {study_of(page)["study"] for page in [blind_test_page(items), *others]}
    assert len(ids) == 6


def test_text_is_text_whatever_it_holds(items: list[Item]) -> None:
    odd = "</script><b>&\"'$title ${x}"
    names = [Item(f"{i.name}{odd}", {odd: i.results["Ours"], "B": i.reference}) for i in items]  # type: ignore[dict-item]
    page = blind_test_page(names, Wording(odd, odd, odd))
    assert "<b>&" not in page
    assert page.count("&lt;/script&gt;&lt;b&gt;&amp;&quot;&#x27;$title ${x}") == 5
    assert study_of(page)["methods"] == [odd, "B"]


def test_nothing_can_be_fetched_or_run_but_what_is_in_it(items: list[Item]) -> None:
    page = blind_test_page(items)
    assert "default-src 'none'" in page
    assert_only_its_own(page)
    assert not re.search(r"https?:|\bsrc=|\bhref=|\bon\w+=", page)


def test_the_script_is_of_all_modules() -> None:
    script = one_script(HERE, "page.js")
    assert re.findall(r"^(?:import|export)\b.*", script, re.MULTILINE) == []
    names = re.findall(r"^(?:async )?function (\w+)|^(?:const|let) (\w+)", script, re.MULTILINE)
    assert len(set(names)) == len(names)
    for module in HERE.glob("*.js"):
        text = module.read_text("utf-8")
        declared = re.search(r"^(?:export )?((?:async )?(?:function|const) .+)", text, re.MULTILINE)
        assert declared is not None
        assert declared[1] in script
    assert "</script" not in script


def test_pictures_of_any_kind_are_shown_as_8_bit_rgb(photo: np.ndarray) -> None:
    deep = photo.astype(np.uint16) * 257
    clear = np.dstack([photo, np.zeros((64, 48), np.uint8)])
    page = blind_test_page([Item("a", {"deep": deep, "grey": photo[..., 0], "clear": clear})])
    shown = [picture_of(page, number) for number in study_of(page)["pictures"][0]["files"]]
    np.testing.assert_array_equal(shown[0], photo)
    np.testing.assert_array_equal(shown[1], to_rgb(photo[..., 0]))
    assert (shown[2] == 255).all()


def test_references_fit(photo: np.ndarray, refused: Refused) -> None:
    results = {"a": photo[:60, :44], "b": photo[:60, :44]}
    whole = checked(Item("x", results, photo), ["a", "b"])  # cut to a multiple of the scale
    np.testing.assert_array_equal(whole.reference, photo[:60, :44])
    low = checked(Item("x", results, photo[:15, :11]), ["a", "b"])
    assert low.reference is not None
    assert low.reference.shape == (15, 11, 3)
    for odd in (photo[:15, :12], photo[:40, :40], photo[:20, :11]):
        with refused("reference of x", "neither the HR nor the LR"):
            checked(Item("x", results, odd), ["a", "b"])
    assert study_of(blind_test_page([low]))["reference"] == "Low resolution"
    with refused("Either all pictures have HR"):
        blind_test_page([low, Item("y", results, photo)])


def test_a_crop_is_where_methods_differ_most(photo: np.ndarray) -> None:
    changed = photo.copy()
    changed[40:56, 20:36] = 255 - changed[40:56, 20:36]
    item = Item("x", {"a": photo, "b": changed}, photo[::4, ::4])
    small = cropped(item, 16)
    np.testing.assert_array_equal(small.results["b"], changed[40:56, 20:36])
    np.testing.assert_array_equal(small.reference, photo[40:56:4, 20:36:4])
    assert cropped(item, 18).results["a"].shape == (16, 16, 3)  # whole pixels of LR
    assert cropped(item, 1000).results["a"].shape == photo.shape


def test_what_does_not_go_together_is_refused(items: list[Item], refused: Refused) -> None:
    first, *_ = items
    picture = first.results["Ours"]
    with refused("no picture"):
        blind_test_page([])
    with refused("two methods or more"):
        blind_test_page([Item("x", {"a": picture})])
    with refused("no result of Theirs for x"):
        blind_test_page([first, Item("x", {"Ours": picture, "Other": picture})])
    with refused("must have one size", "Ours is 48×64", "Theirs 40×64"):
        blind_test_page([Item("x", {"Ours": picture, "Theirs": picture[:, :40]})])
    with refused("Two pictures are called p0"):
        blind_test_page([first, first])
    with refused("name of a method"):
        blind_test_page([Item("x", {"a\n": picture, "b": picture})])
    with refused("The question is one line"):
        blind_test_page(items, Wording(question="a\nb"))
    with refused("After 1 of the pictures", "Show crops"):
        blind_test_page(items, max_mb=0.001)
    with refused("6 methods make 15", "not 14"):
        questions_each(3, 6, 14)


# ---------------------------------------------------------------- the command


def run(*words: object) -> int:
    return cli.main([str(word) for word in words])


@pytest.fixture
def folders(tmp_path: Path, photo: np.ndarray) -> Path:
    """HR of two pictures and the results of two methods, as they are often named."""
    for n, name in enumerate(("baby", "bird")):
        hr = np.roll(photo, 5 * n, axis=1)
        save_image(hr, tmp_path / "HR" / f"{name}.png")
        save_image(hr // 2, tmp_path / "one" / f"{name}.png")
        save_image(255 - hr, tmp_path / "two" / f"{name}x4_SRGAN.png")
        save_image(imresize(hr, 1 / 4), tmp_path / "LR" / f"{name}.png")
    return tmp_path


def results(folder: Path) -> list[str]:
    return ["--results", f"ESRGAN={folder / 'one'}", f"SRGAN={folder / 'two'}"]


def test_folders_of_results_alone(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = folders / "study.html"
    assert run("blind-test", *results(folders), "-o", out, "--ties") == 0
    assert "pictures: 2, methods: ESRGAN, SRGAN; questions a participant: 2" in (
        capsys.readouterr().out
    )
    page = out.read_text("utf-8")
    study = study_of(page)
    assert (study["methods"], study["ties"], study["reference"]) == (["ESRGAN", "SRGAN"], True, "")
    assert [picture["name"] for picture in study["pictures"]] == ["baby", "bird"]
    shown = picture_of(page, study["pictures"][0]["files"][1])
    np.testing.assert_array_equal(shown, load_image(folders / "two" / "babyx4_SRGAN.png"))


@pytest.mark.parametrize(
    ("words", "reference"),
    [(["HR"], "Original"), (["HR", "--reference", "lr"], "Low resolution"),
     (["HR", "--reference", "none"], ""), (["LR", "--lr", "--reference", "lr"], "Low resolution"),
     (["LR", "--lr"], "")],
)  # fmt: skip
def test_references_of_pictures(folders: Path, words: list[str], reference: str) -> None:
    out = folders / "study.html"
    words = [str(folders / words[0]), *words[1:]]
    assert run("blind-test", *words, *results(folders), "-o", out) == 0
    page = out.read_text("utf-8")
    study = study_of(page)
    assert study["reference"] == reference
    assert study["methods"] == ["ESRGAN", "SRGAN"]
    if reference:
        shown = picture_of(page, study["pictures"][0]["reference"])
        name = "HR" if reference == "Original" else "LR"
        np.testing.assert_array_equal(shown, load_image(folders / name / "baby.png"))


def test_models_and_points_between_them(folders: Path) -> None:
    out = folders / "study.html"
    words = ["--models", "bicubic", "psnr", "gan", "--alphas", "0.8", "--crop", "32"]
    save_image(load_image(folders / "HR" / "baby.png")[:32, :32], folders / "small.png")
    assert run("blind-test", folders / "small.png", *words, "-o", out) == 0
    study = study_of(out.read_text("utf-8"))
    assert study["methods"] == ["bicubic", "psnr", "gan", "network α = 0.8"]
    assert study["reference"] == "Original"


def test_wrong_words_are_told_before_anything_is_computed(folders: Path, refused: Refused) -> None:
    out = folders / "study.html"
    with refused("written as .html"):
        run("blind-test", *results(folders), "-o", folders / "study.pdf")
    with refused("--models needs pictures"):
        run("blind-test", "--models", "gan", *results(folders), "-o", out)
    with refused("--reference needs pictures"):
        run("blind-test", "--reference", "hr", *results(folders), "-o", out)
    with refused("Name pictures for models"):
        run("blind-test", "-o", out)
    with refused("two methods or more"):
        run("blind-test", *results(folders)[:2], "-o", out)
    with refused("no HR to be shown"):
        run("blind-test", folders / "LR", "--lr", "--reference", "hr", *results(folders), "-o", out)
    with refused("no file or folder"):
        run("blind-test", folders / "none.png", *results(folders), "-o", out)
    (folders / "empty").mkdir()
    with refused("lacks baby.png"):
        run("blind-test", "--results", f"a={folders / 'one'}", f"b={folders / 'empty'}", "-o", out)
    with refused("2 methods make 1", "not 0"):
        run("blind-test", *results(folders), "--questions", 0, "-o", out)
    with refused("Two methods are called a"):
        same = [f"a={folders / name}" for name in ("one", "two")]
        run("blind-test", "--results", *same, "-o", out)
    assert not out.exists()
