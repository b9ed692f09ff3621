"""Addresses that restore a comparison."""

from pathlib import Path

import pytest

from esrgan.demo import examples
from esrgan.demo.compare import page_link


def test_all_of_it_is_read() -> None:
    query = {
        "example": "chelsea",
        "as": "lr",
        "models": "psnr,gan-after",
        "network": "0.35",
        "image": "1",
        "third": "0",
        "crop": "10,20,64,32",
        "view": "wipe",
        "pair": "lr,network",
        "zoom": "2.5,100,80.25",
    }
    address = page_link.read(query)
    assert address.example == examples.pictures()["chelsea"]
    assert not address.is_hr
    assert address.models == ("psnr", "gan-after")
    assert address.alphas == {"network": 0.35, "image": 1, "third": 0}
    assert address.mark == (10, 20, 64, 32)
    assert (address.view, address.pair) == ("wipe", ("lr", "network"))
    assert list(address.zoom or ()) == [2.5, 100, 80.25]
    assert not address.wrong
    assert page_link.read({"zoom": "fit"}).zoom == ()


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"example": "../../etc/passwd", "models": "psnr,/etc/passwd", "network": "2"},
        {"models": "psnr", "network": "nan", "image": "x", "crop": "1,2,3"},
        {"models": "psnr,gan,gan-after,psnr", "crop": "-1,2,3,4"},
        {"crop": "1,2,0,4", "as": "HR"},
        {"crop": "9" * 400 + ",1,1,1"},
        {"view": "upside down", "pair": "lr", "zoom": "nan,1,1"},
        {"pair": "lr,gan,hr", "zoom": "65,1,1"},
        {"pair": "lr,<b>", "zoom": "1,1"},
    ],
)
def test_what_is_wrong_is_as_if_it_were_missing(query: dict[str, str]) -> None:
    address = page_link.read(query)
    assert address.example == examples.pictures()[examples.FIRST]
    assert address.is_hr
    assert (address.models, address.alphas, address.mark) == ((), {}, ())
    assert (address.view, address.pair, address.zoom) == ("", (), None)
    assert set(address.wrong) == set(query)  # named to the visitor


def test_examples_are_known_by_their_bytes(tmp_path: Path) -> None:
    copied = tmp_path / "coffee.png"
    copied.write_bytes(examples.pictures()["coffee"].read_bytes())
    assert examples.name_of(copied) == "coffee"
    copied.write_bytes(b"another picture of this name")
    assert examples.name_of(copied) == ""
