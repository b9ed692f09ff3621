"""What programs can ask of the running page: the client, and the same functions as MCP tools."""

import asyncio
import base64
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from PIL import Image

from esrgan.evaluation.metrics import psnr, ssim
from esrgan.inference.upscale import Upscaler
from esrgan.models import zoo
from esrgan.models.interpolation import alpha_weights, interpolate_images, interpolate_networks
from esrgan.pictures.images import load_image
from esrgan.pictures.resize import imresize


@pytest.fixture(scope="module")
def client(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    connected = Client(address, verbose=False, download_files=tmp_path_factory.mktemp("api"))
    yield connected
    connected.close()


@pytest.fixture
def small(tmp_path: Path, photo: np.ndarray) -> Path:
    Image.fromarray(photo).save(tmp_path / "small.png")
    return tmp_path / "small.png"


def between(alpha: float) -> Upscaler:
    ends = [zoo.load(name).network for name in ("psnr", "gan")]
    return Upscaler(interpolate_networks(ends, alpha_weights(alpha)))


def test_upscale_gives_the_networks_own_pixels(client: Client, small: Path, photo) -> None:
    result = client.predict(picture=handle_file(small), alpha=0.3, api_name="/upscale")
    assert Path(result).name == "small_x4.png"
    np.testing.assert_array_equal(load_image(Path(result)), between(0.3)(photo))


@pytest.mark.slow
def test_upscale_keeps_16_bits_and_blends_images(client: Client, tmp_path: Path, photo) -> None:
    deep = photo[..., 0].astype(np.uint16) * 257
    Image.fromarray(deep).save(tmp_path / "deep.png")
    result = client.predict(
        picture=handle_file(tmp_path / "deep.png"), alpha=0.3, mode="image", api_name="/upscale"
    )
    ends = [between(0)(deep), between(1)(deep)]
    expected = interpolate_images(ends, alpha_weights(0.3))
    assert expected.dtype == np.uint16
    np.testing.assert_array_equal(load_image(Path(result)), expected)


def test_measure_tells_what_the_library_measures(client: Client, small: Path, photo) -> None:
    told = client.predict(picture=handle_file(small), alpha=0.3, api_name="/measure")
    result = between(0.3)(imresize(photo, 1 / 4))
    assert told["psnr_y"] == pytest.approx(psnr(result, photo, 4))
    assert told["ssim_y"] == pytest.approx(ssim(result, photo, 4))
    assert told["niqe"] == "too small"


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "alpha": ({"alpha": 3}, "greater than maximum"),
    "model": ({"first": "/etc/passwd"}, "not in the list of choices"),
    "mode": ({"mode": "x"}, "not in the list of choices"),
    "no picture": ({"picture": None}, "Send a picture"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_told(client: Client, small: Path, case: str) -> None:
    changed, words = WRONG[case]
    request = {"picture": handle_file(small), "api_name": "/upscale", **changed}
    with pytest.raises(AppError, match=words):
        client.predict(**request)


def test_no_file_of_the_server_can_be_named(client: Client) -> None:
    forged = {"path": "/etc/hostname", "meta": {"_type": "gradio.FileData"}}
    with pytest.raises(AppError):
        client.predict(picture=forged, api_name="/upscale")


def test_a_file_that_is_no_picture_is_named(client: Client, tmp_path: Path) -> None:
    (tmp_path / "notes.png").write_bytes(b"just a text")
    with pytest.raises(AppError, match=r"notes\.png is not a picture"):
        client.predict(picture=handle_file(tmp_path / "notes.png"), api_name="/upscale")


def test_the_models_are_listed(client: Client) -> None:
    assert [model["name"] for model in client.predict(api_name="/models")] == list(zoo.MODELS)


def test_only_these_are_documented(client: Client) -> None:
    named = client.view_api(return_format="dict")["named_endpoints"]
    assert list(named) == ["/upscale", "/measure", "/models"]


def test_the_same_functions_are_mcp_tools(address: str, photo: np.ndarray) -> None:
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "PNG")
    picture = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()

    async def use() -> tuple[list[Any], Any]:
        async with (
            streamablehttp_client(f"{address}/gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = (await session.list_tools()).tools
            answer = await session.call_tool("upscale", {"picture": picture, "alpha": 0.3})
            return tools, answer

    with ThreadPoolExecutor(1) as thread:  # Playwright has an event loop in this one
        tools, answer = thread.submit(asyncio.run, use()).result()
    assert {tool.name for tool in tools} == {"upscale", "measure", "models"}
    described = next(tool for tool in tools if tool.name == "upscale")
    assert (
        "Share of the second model" in described.inputSchema["properties"]["alpha"]["description"]
    )
    image = next(part for part in answer.content if part.type == "image")
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(image.data))))[..., :3]
    np.testing.assert_array_equal(shown, between(0.3)(photo))
