"""Form of a fine-tuning run's settings: the model to start from, the pictures, stage, losses and
numbers."""

from collections.abc import Sequence

import gradio as gr

from esrgan.demo import choice
from esrgan.demo.choice import BUILTIN
from esrgan.demo.finetune import spoilt
from esrgan.demo.finetune.settings import Settings
from esrgan.demo.finetune.training_pictures import allowed_folders
from esrgan.demo.model_chooser import model_of, one_model
from esrgan.demo.server.messages import QUIETLY, told
from esrgan.demo.server.served import serve
from esrgan.pictures.degradations import DegradationName

PSNR, GAN = "PSNR: L1 only", "GAN: perceptual + λ adversarial + η L1"
BEFORE, AFTER = "before activation (ESRGAN)", "after activation (SRGAN)"
RAGAN, STANDARD = "relativistic average (ESRGAN)", "standard GAN"
UPLOADED = "Uploaded pictures"
CLEAN = "clean (as in the paper)"
# What the pictures are like that the result is to make larger.
DEGRADATIONS: dict[str, DegradationName] = {
    CLEAN: "bicubic",
    "photos or JPEGs from the web: a little blur and noise, JPEG": "photo",
    "in a bad state: much blur, noise and JPEG, twice over": "real",
}


def build(tab: gr.Tab) -> list[gr.components.Component]:
    """Fill the form; returns its inputs, in the order of the arguments of `chosen`."""
    start_from, own = one_model(tab, "Start from", BUILTIN[0], "train-from")
    folders = [UPLOADED, *allowed_folders()]
    source = gr.Dropdown(
        folders,
        value=UPLOADED,
        label="HR pictures",
        visible=len(folders) > 1,
        elem_id="train-source",
    )
    pictures = gr.File(
        label="HR pictures, or a zip of them",
        file_count="multiple",
        file_types=["image", ".zip"],
        height=160,
        elem_id="train-pictures",
    )
    degradation = gr.Radio(
        list(DEGRADATIONS),
        value=CLEAN,
        label="The pictures that it will make larger are",
        elem_id="train-degradation",
    )
    with gr.Column(visible=False) as sheet:
        gr.Markdown(
            "Yours, made small: as in the paper, then three of the ways in which the training will "
            "spoil them"
        )
        spoilt_pictures = gr.Image(
            show_label=False, interactive=False, buttons=["fullscreen"], elem_id="train-spoilt"
        )
    default = Settings()
    stage = gr.Radio([PSNR, GAN], value=GAN, label="Stage", elem_id="train-stage")
    with gr.Group() as gan:
        activation = gr.Radio([BEFORE, AFTER], value=BEFORE, label="Perceptual loss on features")
        adversarial = gr.Radio([RAGAN, STANDARD], value=RAGAN, label="Discriminator")
        with gr.Row():
            gan_weight = gr.Number(default.gan_weight, label="λ (adversarial)", min_width=120)
            pixel_weight = gr.Number(default.pixel_weight, label="η (L1)", min_width=120)
    with gr.Row():
        iterations = gr.Number(
            default.iterations,
            label="Iterations",
            precision=0,
            min_width=120,
            elem_id="train-iterations",
        )
        rate = gr.Number(default.learning_rate, label="Learning rate", min_width=120)
    with gr.Row():
        batch = gr.Number(default.batch_size, label="Crops a batch", precision=0, min_width=120)
        crop = gr.Dropdown(
            [32, 64, 96, 128, 192, 256],
            value=default.crop_size,
            label="Crop size (px)",
            min_width=120,
            elem_id="train-crop",
        )
    source.input(lambda choice: gr.File(visible=choice == UPLOADED), source, pictures, **QUIETLY)
    stage.input(lambda choice: gr.Group(visible=choice == GAN), stage, gan, **QUIETLY)
    degradation.input(fitting, [start_from, degradation], start_from, **QUIETLY)
    gr.on(
        [degradation.input, source.input, pictures.change],
        told(show_spoilt),
        [source, pictures, degradation],
        [sheet, spoilt_pictures],
        trigger_mode="always_last",
        **QUIETLY,
    )
    data = [source, pictures, degradation]
    losses = [activation, adversarial, gan_weight, pixel_weight]
    return [start_from, own, *data, stage, *losses, iterations, rate, batch, crop]


def chosen(
    start_from: str,
    own: str | None,
    source: str,
    pictures: list[str] | None,
    degradation: str,
    stage: str,
    activation: str,
    adversarial: str,
    gan_weight: float,
    pixel_weight: float,
    iterations: int,
    rate: float,
    batch: int,
    crop: int,
) -> tuple[Settings, Sequence[str], str | None]:
    """The arguments of `job.starting`, of the form's inputs."""
    settings = Settings(
        stage="gan" if stage == GAN else "psnr",
        start=model_of(start_from, own),
        degradation=DEGRADATIONS[degradation],
        before_activation=activation == BEFORE,
        relativistic=adversarial == RAGAN,
        gan_weight=gan_weight,
        pixel_weight=pixel_weight,
        iterations=iterations,
        learning_rate=rate,
        batch_size=batch,
        crop_size=crop,
    )
    return settings, pictures or (), _folder(source)


def fitting(start: str, degradation: str) -> str:
    """The model to start from that has seen such pictures, if there is such a one."""
    return choice.counterpart(start, for_photos=degradation != CLEAN)


def show_spoilt(
    source: str, pictures: list[str] | None, degradation: str
) -> tuple[gr.Column, str | None]:
    """Show what the training will make of the pictures, if it is more than to make them small."""
    chosen, made = _folder(source), None
    if degradation != CLEAN and (pictures or chosen):
        made = spoilt.sheet(DEGRADATIONS[degradation], pictures or (), chosen)
    return gr.Column(visible=made is not None), None if made is None else serve(made, "spoilt")


def _folder(source: str) -> str | None:
    return None if source == UPLOADED else source
