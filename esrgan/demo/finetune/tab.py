"""The Fine-tune tab: training on pictures of one's own.

Layout and wiring; the runs are those of `finetuning`.
"""

import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
import pandas as pd

from esrgan.demo import choice, finetuned
from esrgan.demo.choice import BUILTIN
from esrgan.demo.downloading import Arriving, arriving
from esrgan.demo.finetune import job as finetuning
from esrgan.demo.finetune import spoilt
from esrgan.demo.finetune.job import Run, Settings
from esrgan.demo.finetune.training_pictures import Receiving, allowed_folders
from esrgan.demo.model_chooser import model_of, one_model
from esrgan.demo.server.messages import QUIETLY, duration, told
from esrgan.demo.server.messages import stop as stop_at_work
from esrgan.demo.server.served import serve, shared_copy
from esrgan.demo.server.stopping import Runs, StoppedError
from esrgan.errors import UserError
from esrgan.pictures.degradations import DegradationName
from esrgan.run_folder import read_metrics

POLL_SECONDS = 2
SHORTEST_CURVE = 6  # iterations; the axis of a shorter one would count fractions of them
SECONDS_BETWEEN_WORDS = 0.5
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
PLOTS = {
    "L1": {"loss/l1": "L1"},
    "Perceptual": {"loss/perceptual": "perceptual"},
    "Adversarial": {"loss/adversarial": "generator", "loss/discriminator": "discriminator"},
}
WATCHED = 9 + len(PLOTS)  # outputs of `watch`
SAMPLE = 7  # of these, the number of the picture
INTRO = """Train a model further on HR pictures of your own, on this server's machine. The training
goes on when you close the page; its result can be compared with the model it started from."""
STATES = {
    "running": "Training",
    "stopping": "Saving, then stopping",
    "finished": "Finished",
    "stopped": "Stopped",
    "failed": "Failed",
}


def build(tab: gr.Tab) -> None:
    """Fill the tab; a run in progress is shown when the page is opened."""
    refusal = finetuning.refusal()
    gr.Markdown(refusal or INTRO)
    with gr.Row(visible=refusal is None):
        with gr.Column(min_width=300):
            choices = _choices(tab)
            with gr.Row():
                ask = gr.Button("How long?", elem_id="train-estimate", min_width=120)
                begin = gr.Button("Start training", variant="primary", elem_id="train-start")
        with gr.Column(min_width=300):
            name = gr.Dropdown([], label="Training run", elem_id="train-run")
            status = gr.Markdown("No training run yet.", elem_id="train-status")
            with gr.Row():
                narrow: dict[str, Any] = {"min_width": 80, "size": "md", "interactive": False}
                stop = gr.Button("Stop", elem_id="train-stop", **narrow)
                resume = gr.Button("Resume", elem_id="train-resume", **narrow)
                download = gr.DownloadButton("Download", elem_id="train-download", **narrow)
            plots = [_plot(title, list(lines.values())) for title, lines in PLOTS.items()]
            with gr.Column(visible=False) as samples:
                gr.Markdown(
                    "Crops of the pictures: bicubic, the network so far, HR. At the end, of those "
                    "that were held out: before, after, HR"
                )
                sample = gr.Image(
                    show_label=False,
                    interactive=False,
                    buttons=["fullscreen"],
                    elem_id="train-sample",
                )
                moment = gr.Dropdown(
                    [],
                    label="The result is",
                    info="Another moment of the training may look better: choose it here.",
                    visible=False,
                    elem_id="train-moment",
                )
    starts = gr.State(Runs())
    shown = gr.State(None)
    timer = gr.Timer(POLL_SECONDS, active=False)
    watched = [shown, timer, status, stop, resume, download, samples, sample, *plots, moment]

    begin.click(
        told(start),
        [starts, *choices],
        [name, *watched],
        concurrency_id="training",
        show_progress="minimal",
        show_progress_on=[status],
        api_name="fine_tune",
        api_visibility="undocumented",
    )
    ask.click(
        told(estimate),
        [starts, *choices],
        watched,
        concurrency_id="training",
        show_progress="hidden",
        api_name="fine_tune_time",
        api_visibility="undocumented",
    )
    stop.click(told(ask_to_stop), [starts, name], watched, api_name="fine_tune_stop", **QUIETLY)
    resume.click(told(go_on), name, watched, api_name="fine_tune_resume", **QUIETLY)
    name.input(watch_anew, name, watched, **QUIETLY)
    moment.input(told(choose), [name, moment], watched, **QUIETLY)
    timer.tick(watch, [name, shown], watched, queue=False, **QUIETLY)
    gr.on(fn=opened, inputs=None, outputs=[name, *watched], **QUIETLY)


def _choices(tab: gr.Tab) -> list[gr.components.Component]:
    """Form of the settings, in the order of the inputs of `start`."""
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


def _chosen(
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
    """The arguments of `finetuning.starting`, of the form's inputs."""
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


def _plot(title: str, lines: list[str]) -> gr.LinePlot:
    return gr.LinePlot(
        x="iteration",
        y="value",
        color="loss" if len(lines) > 1 else None,
        x_title="iteration",
        y_title=title,
        height=180,
        buttons=[],
        visible=False,
        elem_id=f"train-plot-{title.lower()}",
    )


def start(starts: Runs, *choices: Any) -> Iterator[list[Any]]:
    """Begin a run and show it; *Stop* is heard before, while its pictures are received."""
    chosen = _chosen(*choices)
    said = 0.0
    try:
        with starts.running() as run:
            for file in _arriving(chosen[0], starts, run):
                said = time.monotonic()
                yield [gr.skip(), *_before(f"**{file.words}**", True)]
            steps = finetuning.starting(*chosen)
            for name, receiving in starts.carry(run, steps):  # noqa: B007
                if time.monotonic() - said > SECONDS_BETWEEN_WORDS:
                    said = time.monotonic()
                    yield [gr.skip(), *_before(_how_far(receiving), True)]
    except StoppedError:
        yield [gr.skip(), *_before("**Stopped** before the training began", False)]
    except UserError:
        if said:
            yield [gr.skip(), *_before("**Not started**", False)]
        raise
    else:
        yield [gr.Dropdown(finetuned.names(), value=name), *watch(name, None)]


def _arriving(settings: Settings, starts: Runs, run: str) -> Iterator[Arriving]:
    """The model to start from on its way, unless this server doesn't train."""
    models = [] if finetuning.refusal() else [settings.start]
    return arriving(models, partial(starts.wants, run))


def estimate(starts: Runs, *choices: Any) -> Iterator[list[Any]]:
    """Say how long a run would take, by a few steps of it; *Stop* is heard."""
    chosen = _chosen(*choices)
    said = tried = False
    try:
        with starts.running() as run:
            for file in _arriving(chosen[0], starts, run):
                said = True
                yield _before(f"**{file.words}**", True)
            steps = finetuning.estimating(*chosen)
            for step in starts.carry(run, steps):
                if isinstance(step, str):
                    yield _before(f"**It would take {step}**", False)
                elif not tried:
                    said = tried = True
                    yield _before("**Trying a few steps** …", True)
    except StoppedError:
        yield _before("**Stopped**", False)
    except UserError:
        if said:
            yield _before("**Not tried**", False)
        raise


def _before(words: str, stoppable: bool) -> list[Any]:
    """Outputs of `watch` before a run has begun; what is shown of another one stays."""
    status = [gr.skip(), gr.skip(), words, gr.Button(interactive=stoppable)]
    return [*status, *[gr.skip()] * (WATCHED - len(status))]


def _how_far(receiving: Receiving) -> str:
    if receiving.checked:
        return f"**Looking at the pictures** · {receiving.checked} of {receiving.copied}"
    return f"**Receiving the pictures** · {receiving.copied or 'starting'}"


def ask_to_stop(starts: Runs, name: str | None) -> Iterator[list[Any]]:
    """Stop what is being started, or else the run."""
    if starts.at_work:
        yield _before(stop_at_work(starts), False)
        return
    finetuning.stop(name or "")
    yield watch(name, None)


def go_on(name: str | None) -> Iterator[list[Any]]:
    finetuning.resume(name or "")
    yield watch(name, None)


def choose(name: str | None, moment: str) -> Iterator[list[Any]]:
    """Make a moment of a run its result, and show the picture of that moment."""
    finetuning.choose(name or "", moment)
    outputs = watch(name, None)
    run = finetuning.look(name or "")
    sample = finetuning.moments(run.folder)[moment].with_suffix(".png")
    if sample.is_file():
        outputs[SAMPLE] = _sample(sample)
    outputs[-1] = gr.skip()
    yield outputs


def opened() -> list[Any]:
    """Show the run in progress or else the latest, on a page that was just loaded."""
    if finetuning.refusal():
        return [gr.skip(), *watch(None, None)]
    names = finetuned.names()
    running = finetuning.running()
    name = running if running in names else next(iter(names), None)
    return [gr.Dropdown(names, value=name), *watch(name, None)]


def watch_anew(name: str | None) -> list[Any]:
    return watch(name, None)


def watch(name: str | None, shown: list[Any] | None) -> list[Any]:
    """Outputs of a run; what was shown already is not sent again.

    Args:
        name: of the run.
        shown: the first of these outputs as it was last time, for the same run.
    """
    try:
        run = finetuning.look(name or "")
    except UserError:
        return [None, gr.Timer(active=False), *[gr.skip()] * (WATCHED - 2)]
    sample = finetuning.picture(run)
    now = [run.name, run.state, run.iteration, sample and sample.name]
    if now == shown:
        return [now, gr.skip(), _status(run), *[gr.skip()] * (WATCHED - 3)]
    same_sample = shown is not None and (now[0], now[3]) == (shown[0], shown[3])
    return [
        now,
        gr.Timer(active=run.alive),
        _status(run),
        gr.Button(interactive=run.state == "running"),
        gr.Button(interactive=run.state in ("stopped", "failed")),
        _download(run),
        gr.Column(visible=sample is not None),
        gr.skip() if sample is None or same_sample else _sample(sample),
        *_plots(run),
        _moments(run),
    ]


def _status(run: Run) -> str:
    done = f"iteration {run.iteration} of {run.iterations}" if run.iterations else "starting"
    parts = [f"**{STATES[run.state]}**", run.message or done, *([run.gain] if run.gain else [])]
    if run.state == "running" and run.seconds_left is not None:
        parts.append(f"about {duration(run.seconds_left)} left")
    return " · ".join(parts)


def _download(run: Run) -> gr.DownloadButton:
    file = None if run.alive else finetuned.result(run.name)
    return gr.DownloadButton(value=file, interactive=file is not None)


def _moments(run: Run) -> gr.Dropdown:
    names = [] if run.alive else list(finetuning.moments(run.folder))
    return gr.Dropdown(names, value=next(iter(names), None), visible=len(names) > 1)


def _sample(file: Path) -> str:
    return str(shared_copy(file, f"sample-{file.name}"))


def _plots(run: Run) -> list[gr.LinePlot]:
    metrics = read_metrics(run.folder)
    return [_drawn(metrics, lines) for lines in PLOTS.values()]


def _drawn(metrics: list[dict[str, float]], lines: dict[str, str]) -> gr.LinePlot:
    """A plot of at most 300 points, hidden where the run has no such losses or no line yet."""
    rows = [
        (iteration, value, title)
        for name, title in lines.items()
        for iteration, value in finetuning.curve(metrics, name)
    ]
    frame = pd.DataFrame(rows, columns=["iteration", "value", "loss"])
    return gr.LinePlot(value=frame, visible=_has_a_curve(frame["iteration"]))


def _has_a_curve(iterations: "pd.Series[int]") -> bool:
    """Whether an axis of these needs no fractions of an iteration."""
    return len(iterations) > 0 and int(iterations.max() - iterations.min()) >= SHORTEST_CURVE
