"""Panel of a training run: its state, the curves of its losses, its pictures, and its result."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
import pandas as pd

from esrgan.demo import finetuned
from esrgan.demo.finetune import job
from esrgan.demo.finetune.run import Run, curve, look, moments, picture, result_of
from esrgan.demo.server.messages import QUIETLY, duration, told
from esrgan.demo.server.served import shared_copy
from esrgan.errors import UserError
from esrgan.run_folder import read_metrics

POLL_SECONDS = 2
SHORTEST_CURVE = 6  # iterations; the axis of a shorter one would count fractions of them
PLOTS = {
    "L1": {"loss/l1": "L1"},
    "Perceptual": {"loss/perceptual": "perceptual"},
    "Adversarial": {"loss/adversarial": "generator", "loss/discriminator": "discriminator"},
}
WATCHED = 9 + len(PLOTS)  # outputs of `watch`
SAMPLE = 7  # of these, the number of the picture
STATES = {
    "running": "Training",
    "stopping": "Saving, then stopping",
    "finished": "Finished",
    "stopped": "Stopped",
    "failed": "Failed",
}


class RunPanel(NamedTuple):
    """What the tab does with the panel; `outputs` are those of `watch`."""

    name: gr.Dropdown
    status: gr.Markdown
    stop: gr.Button
    outputs: list[Any]


def build() -> RunPanel:
    """Fill the panel, which follows the run that is chosen in it."""
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
            show_label=False, interactive=False, buttons=["fullscreen"], elem_id="train-sample"
        )
        moment = gr.Dropdown(
            [],
            label="The result is",
            info="Another moment of the training may look better: choose it here.",
            visible=False,
            elem_id="train-moment",
        )
    shown = gr.State(None)
    timer = gr.Timer(POLL_SECONDS, active=False)
    outputs = [shown, timer, status, stop, resume, download, samples, sample, *plots, moment]
    resume.click(told(go_on), name, outputs, api_name="fine_tune_resume", **QUIETLY)
    name.input(watch_anew, name, outputs, **QUIETLY)
    moment.input(told(choose), [name, moment], outputs, **QUIETLY)
    timer.tick(watch, [name, shown], outputs, queue=False, **QUIETLY)
    return RunPanel(name, status, stop, outputs)


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


def go_on(name: str | None) -> Iterator[list[Any]]:
    job.resume(name or "")
    yield watch(name, None)


def choose(name: str | None, moment: str) -> Iterator[list[Any]]:
    """Make a moment of a run its result, and show the picture of that moment."""
    job.choose(name or "", moment)
    outputs = watch(name, None)
    run = look(name or "")
    sample = moments(run.folder)[moment].with_suffix(".png")
    if sample.is_file():
        outputs[SAMPLE] = _sample(sample)
    outputs[-1] = gr.skip()
    yield outputs


def watch_anew(name: str | None) -> list[Any]:
    return watch(name, None)


def watch(name: str | None, shown: list[Any] | None) -> list[Any]:
    """Outputs of a run; what was shown already is not sent again.

    Args:
        name: of the run.
        shown: the first of these outputs as it was last time, for the same run.
    """
    try:
        run = look(name or "")
    except UserError:
        return [None, gr.Timer(active=False), *[gr.skip()] * (WATCHED - 2)]
    sample = picture(run)
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


def before(words: str, stoppable: bool) -> list[Any]:
    """Outputs of `watch` before a run has begun; what is shown of another one stays."""
    status = [gr.skip(), gr.skip(), words, gr.Button(interactive=stoppable)]
    return [*status, *[gr.skip()] * (WATCHED - len(status))]


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
    names = [] if run.alive else list(moments(run.folder))
    value = result_of(run.folder) if names else None
    return gr.Dropdown(names, value=value, visible=len(names) > 1)


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
        for iteration, value in curve(metrics, name)
    ]
    frame = pd.DataFrame(rows, columns=["iteration", "value", "loss"])
    return gr.LinePlot(value=frame, visible=_has_a_curve(frame["iteration"]))


def _has_a_curve(iterations: "pd.Series[int]") -> bool:
    """Whether an axis of these needs no fractions of an iteration."""
    return len(iterations) > 0 and int(iterations.max() - iterations.min()) >= SHORTEST_CURVE
