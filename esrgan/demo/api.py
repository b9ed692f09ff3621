"""Endpoints of the page for programs: documented, and MCP tools too.

Their inputs are hidden components, so that a picture is an uploaded file and a model one of a list:
no path or address in a request is ever opened.
"""

from collections.abc import Callable
from typing import Any

import gradio as gr

from esrgan.demo import choice, point
from esrgan.demo.server.messages import told
from esrgan.demo.server.waiting import DEVICE
from esrgan.demo.upload import Upload
from esrgan.inference.blend import MODES
from esrgan.models import zoo


def build() -> None:
    """Add the endpoints to the page."""
    picture = Upload(label="Picture", visible=False)
    ends = [
        gr.Dropdown(list(zoo.MODELS), value=name, label=label, visible=False)
        for label, name in zip(("First model", "Second model"), choice.BUILTIN, strict=False)
    ]
    alpha = gr.Number(1, minimum=0, maximum=1, label="Alpha", visible=False)
    mode = gr.Radio(list(MODES), value="network", label="Mode", visible=False)
    asked = [picture, *ends, alpha, mode]
    _endpoint(upscale, asked, gr.File(label="Result", visible=False))
    _endpoint(measure, asked, gr.JSON(label="Scores", visible=False))
    _endpoint(models, [], gr.JSON(label="Models", visible=False))


def _endpoint(
    function: Callable[..., object],
    inputs: list[gr.components.Component],
    output: gr.components.Component,
) -> None:
    gr.Button(visible=False).click(
        told(function),
        inputs,
        output,
        api_name=function.__name__,
        **DEVICE,
        show_progress="hidden",
    )


def upscale(picture: str | None, first: str, second: str, alpha: float, mode: str) -> str:
    """Upscale a picture four times by a super-resolution network between two models.

    Args:
        picture: Low-resolution picture of up to 1 megapixel; 16 bits and transparency are kept.
        first: Name of the model at alpha 0, such as "psnr" (faithful, smooth).
        second: Name of the model at alpha 1, such as "gan" (sharp, with invented texture).
        alpha: Share of the second model, 0 to 1.
        mode: "network" interpolates the networks' parameters, "image" the two results' pixels.

    Returns:
        The result as a PNG file.
    """
    return str(point.upscaled(picture, choice.pair(first, second), alpha, mode))


def measure(
    picture: str | None, first: str, second: str, alpha: float, mode: str
) -> dict[str, Any]:
    """Shrink a picture four times, upscale the result as `upscale` does, and compare the two.

    Args:
        picture: High-resolution picture of up to 16 megapixels.
        first: Name of the model at alpha 0.
        second: Name of the model at alpha 1.
        alpha: Share of the second model, 0 to 1.
        mode: "network" interpolates the networks' parameters, "image" the two results' pixels.

    Returns:
        PSNR in dB and SSIM on luma, RMSE in grey levels, PSNR of RGB, shift of brightness and mean
        and 95th percentile of the colour difference (CIE 2000), and NIQE (lower looks more natural)
        by a model fitted by this project; with the reason where one can't be had.
    """
    return point.measured(picture, choice.pair(first, second), alpha, mode)


def models() -> list[dict[str, str]]:
    """List the models that can be named: name, title, description and licence."""
    return [
        {
            "name": name,
            "title": model.title,
            "description": model.description,
            "licence": model.licence,
        }
        for name, model in zoo.MODELS.items()
    ]
