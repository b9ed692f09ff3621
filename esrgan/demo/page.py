"""The page: layout and wiring. What it shows is computed in `comparison`."""

from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pandas as pd
from gradio.data_classes import ImageData

from esrgan.demo import comparison as compute
from esrgan.demo.comparison import Comparison, Trio
from esrgan.demo.served import serve
from esrgan.errors import UserError
from esrgan.interpolation import STRANGERS

EXAMPLES = Path(__file__).parents[2] / "assets" / "examples"
FIRST_EXAMPLE = EXAMPLES / "astronaut.png"
BUILTIN, OFFICIAL, OWN = "Built-in", "Official (downloaded)", "My own files"
AS_HR, AS_LR = "HR: make LR from it and measure", "LR: upscale it"
DEFAULT_ALPHA = 0.8
MAX_UPLOAD = "100mb"
QUEUE_LENGTH = 32

# The panes in the order in which they stand, with what is written over them.
PANES = {
    "lr": "LR (what the networks see)",
    "psnr": "PSNR model (α = 0)",
    "gan": "GAN model (α = 1)",
    "network": "Network interpolation",
    "image": "Image interpolation",
    "hr": "HR (the original)",
}

INTRO = """# ESRGAN: everything between PSNR and GAN
One low-resolution picture, upscaled by a network trained for PSNR, by the same network trained as
a GAN, and by everything between: **network α** blends the parameters of the two (Eq. 4 of
[the paper](https://arxiv.org/abs/1809.00219)), **image α** only their pixels."""

STYLE = """
#lr img { object-fit: contain !important; image-rendering: pixelated; }
.score { text-align: center; min-height: 1.5em; }
"""
FONTS = ("system-ui", "sans-serif")


class Upload(gr.Image):
    """An image upload that hands over the file as it is, for `images.decode_image` to judge."""

    is_template = True  # drawn by the browser as the Image that it is

    def preprocess(self, payload: ImageData | None) -> str | None:
        return None if payload is None else payload.path


def build() -> gr.Blocks:
    """The page; models are loaded when they are first used."""
    with gr.Blocks(title="ESRGAN", delete_cache=(3600, 3600)) as page:
        session = gr.State(None, time_to_live=3600)
        gr.Markdown(INTRO)
        with gr.Row():
            with gr.Column(min_width=300):
                upload = Upload(
                    value=str(FIRST_EXAMPLE),
                    label="Your picture",
                    sources=["upload", "clipboard"],
                    height=240,
                    elem_id="upload",
                )
                examples = gr.Examples(
                    [[str(path)] for path in sorted(EXAMPLES.glob("*.png"))],
                    upload,
                    label="or one of these",
                    elem_id="examples",
                )
            with gr.Column(min_width=300):
                kind = gr.Radio([AS_HR, AS_LR], value=AS_HR, label="It is", elem_id="kind")
                family, files = _model_choice()
                with gr.Row():
                    start = gr.Button("Upscale", variant="primary", elem_id="start")
                    stop = gr.Button("Stop", elem_id="stop")
                network_alpha = _alpha_slider(
                    "Network α", "network-alpha", "the parameters of the two models, blended"
                )
                image_alpha = _alpha_slider(
                    "Image α", "image-alpha", "the pixels of the two results, blended"
                )
        panes = _panes()
        histogram = gr.LinePlot(
            x="brightness",
            y="share of pixels",
            color="picture",
            label="Brightness after a Gaussian filter (Fig. 9a)",
            elem_id="histogram",
        )
        means = gr.Markdown(elem_id="brightness")

        comparing: dict[str, Any] = {
            "fn": told(compare),
            "inputs": [upload, kind, family, *files, network_alpha, image_alpha],
            "outputs": [
                session,
                *(part for pane in panes.values() for part in pane),
                histogram,
                means,
            ],
            "concurrency_id": "device",
            "show_progress_on": [panes["psnr"][0]],
            "api_visibility": "undocumented",
        }
        runs = [
            gr.on([start.click, upload.upload, kind.input, page.load], **comparing),
            examples.load_input_event.then(**comparing),
        ]
        stop.click(None, cancels=runs, api_visibility="undocumented")
        for slider, repaint, pane in (
            (network_alpha, repaint_network, panes["network"]),
            (image_alpha, repaint_image, panes["image"]),
        ):
            slider.input(
                told(repaint),
                [session, slider],
                list(pane),
                trigger_mode="always_last",
                concurrency_id="device",
                show_progress="hidden",
                api_visibility="undocumented",
            )
    return page


def launch(page: gr.Blocks, **options: Any) -> Any:
    """Serve the page; `options` are those of `gr.Blocks.launch`."""
    page.queue(max_size=QUEUE_LENGTH)
    return page.launch(
        css=STYLE,
        theme=gr.themes.Default(font=FONTS),
        max_file_size=MAX_UPLOAD,
        ssr_mode=False,
        run_history=False,
        **options,
    )


def _model_choice() -> tuple[gr.Radio, list[gr.File]]:
    family = gr.Radio([BUILTIN, OFFICIAL, OWN], value=BUILTIN, label="Models", elem_id="models")
    with gr.Row(visible=False, elem_id="own-files") as own:
        files = [
            gr.File(label=label, height=110, elem_id=elem_id)
            for label, elem_id in (
                ("PSNR model (.safetensors, .pth)", "own-psnr"),
                ("GAN model", "own-gan"),
                ("GAN, after activation (optional)", "own-after"),
            )
        ]
    family.input(
        lambda choice: gr.Row(visible=choice == OWN),
        family,
        own,
        show_progress="hidden",
        api_visibility="undocumented",
    )
    return family, files


def _alpha_slider(label: str, elem_id: str, info: str) -> gr.Slider:
    return gr.Slider(0, 1, DEFAULT_ALPHA, step=0.01, label=label, info=info, elem_id=elem_id)


def _panes() -> dict[str, tuple[gr.Image, gr.Markdown]]:
    panes = {}
    names = list(PANES)
    for row in (names[:3], names[3:]):
        with gr.Row():
            for name in row:
                with gr.Column(min_width=240):
                    picture = gr.Image(
                        label=PANES[name],
                        interactive=False,
                        buttons=["download", "fullscreen"],
                        elem_id=name,
                    )
                    panes[name] = (
                        picture,
                        gr.Markdown(elem_classes="score", elem_id=f"{name}-score"),
                    )
    return panes


def told(function: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """Show a UserError as a message on the page."""

    @wraps(function)
    def wrapper(*inputs: Any) -> Iterator[Any]:
        try:
            yield from function(*inputs)
        except UserError as error:
            raise gr.Error(str(error), duration=None, print_exception=False) from error

    return wrapper


def compare(
    upload: str | None,
    kind: str,
    family: str,
    psnr_file: str | None,
    gan_file: str | None,
    after_file: str | None,
    network_alpha: float,
    image_alpha: float,
    progress: gr.Progress = gr.Progress(track_tqdm=True),  # noqa: B008 (gradio looks for it there)
) -> Iterator[list[Any]]:
    """Run one picture through the models, showing each result as soon as it is there."""
    if upload is None:
        gr.Info("Choose a picture first.")
        return
    progress(0.0, desc="models")
    trio = _chosen_trio(family, psnr_file, gan_file, after_file)
    if compute.strangers(trio):
        gr.Warning(STRANGERS)
    begun = compute.begin(upload, kind == AS_HR, trio)
    blank = dict.fromkeys(PANES, (None, ""))
    original = {} if begun.hr is None else {"hr": _shown(begun, begun.hr, "hr")}
    lr_pane = _shown(begun, begun.lr, "lr")
    yield _update(panes={**blank, "lr": lr_pane, **original}, histogram=None, means="")

    for comparison in compute.run(begun):
        name = list(comparison.results)[-1]
        progress(len(comparison.results) / 5, desc=name)
        if name in PANES:
            result = comparison.results[name]
            yield _update(comparison, {name: _shown(comparison, result, name)})
        if name == "gan":
            between = compute.image_interpolated(comparison, image_alpha)
            yield _update(comparison, {"image": _shown(comparison, between, "image", image_alpha)})
            between = compute.network_interpolated(comparison, network_alpha)
            pane = _shown(comparison, between, "network", network_alpha)
            yield _update(comparison, {"network": pane})
    yield _update(
        comparison, histogram=_curves(comparison), means=_means(compute.mean_brightness(comparison))
    )


def _chosen_trio(
    family: str, psnr_file: str | None, gan_file: str | None, after_file: str | None
) -> Trio:
    if family == OFFICIAL:
        return compute.official_trio()
    if family == OWN:
        return compute.own_trio(psnr_file, gan_file, after_file)
    return compute.builtin_trio()


def _update(
    comparison: Comparison | None = None,
    panes: Mapping[str, tuple[str | None, str]] | None = None,
    **rest: Any,
) -> list[Any]:
    """The outputs of `compare`: what is not given stays as it is on the page."""
    unchanged = (gr.skip(), gr.skip())
    parts = [part for name in PANES for part in (panes or {}).get(name, unchanged)]
    last = [rest.get(name, gr.skip()) for name in ("histogram", "means")]
    return [gr.skip() if comparison is None else comparison, *parts, *last]


def repaint_network(comparison: Comparison | None, alpha: float) -> Iterator[tuple[str, str]]:
    """The picture of the network at α, exactly."""
    if comparison is not None and "gan" in comparison.results:
        between = compute.network_interpolated(comparison, alpha)
        yield _shown(comparison, between, "network", alpha)
    else:
        yield gr.skip(), gr.skip()


def repaint_image(comparison: Comparison | None, alpha: float) -> Iterator[tuple[str, str]]:
    """The blend of the two pictures at α."""
    if comparison is not None and "gan" in comparison.results:
        between = compute.image_interpolated(comparison, alpha)
        yield _shown(comparison, between, "image", alpha)
    else:
        yield gr.skip(), gr.skip()


def _shown(
    comparison: Comparison, picture: np.ndarray, name: str, alpha: float | None = None
) -> tuple[str, str]:
    """A pane's picture, as a lossless file, and the line under it."""
    suffix = "" if alpha is None else f"-alpha-{alpha:.2f}"
    parts = [f"{picture.shape[1]}×{picture.shape[0]}"]
    if alpha is not None:
        parts.insert(0, f"α = {alpha:.2f}")
    scores = None if name in ("lr", "hr") else compute.scores(comparison, picture)
    if scores is not None:
        parts += [f"PSNR {scores[0]:.2f} dB", f"SSIM {scores[1]:.4f}"]
    return serve(picture, f"esrgan-{name}{suffix}"), " · ".join(parts)


def _curves(comparison: Comparison) -> pd.DataFrame:
    """The histograms in long form, as gr.LinePlot takes them."""
    curves = compute.brightness_curves(comparison)
    centres = (np.arange(compute.HISTOGRAM_BINS) + 0.5) * 255 / compute.HISTOGRAM_BINS
    frames = [
        pd.DataFrame({"brightness": centres, "share of pixels": shares, "picture": name})
        for name, shares in curves.items()
    ]
    return pd.concat(frames, ignore_index=True)


def _means(means: Mapping[str, float]) -> str:
    """The mean brightness of each curve, and how far it is from the first's."""
    (reference, level), *others = means.items()
    parts = [f"**{reference}** {level:.2f}"]
    parts += [f"**{name}** {value:.2f} ({value - level:+.2f})" for name, value in others]
    return "Mean brightness (0 … 255): " + " · ".join(parts)
