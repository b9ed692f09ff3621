"""The Fine-tune tab: training on pictures of one's own. Layout and wiring."""

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import gradio as gr

from esrgan.demo import finetuned
from esrgan.demo.downloading import Arriving, arriving
from esrgan.demo.finetune import job, run_panel, settings_form
from esrgan.demo.finetune.run import running
from esrgan.demo.finetune.run_panel import before, watch
from esrgan.demo.finetune.settings import Settings
from esrgan.demo.finetune.settings_form import chosen
from esrgan.demo.finetune.training_pictures import Receiving
from esrgan.demo.server import messages
from esrgan.demo.server.messages import QUIETLY, told
from esrgan.demo.server.stopping import Runs, StoppedError
from esrgan.errors import UserError

SECONDS_BETWEEN_WORDS = 0.5
INTRO = """Train a model further on HR pictures of your own, on this server's machine. The training
goes on when you close the page; its result can be compared with the model it started from."""


def build(tab: gr.Tab) -> None:
    """Fill the tab; a run in progress is shown when the page is opened."""
    refusal = job.refusal()
    gr.Markdown(refusal or INTRO)
    with gr.Row(visible=refusal is None):
        with gr.Column(min_width=300):
            choices = settings_form.build(tab)
            with gr.Row():
                ask = gr.Button("How long?", elem_id="train-estimate", min_width=120)
                begin = gr.Button("Start training", variant="primary", elem_id="train-start")
        with gr.Column(min_width=300):
            panel = run_panel.build()
    starts = gr.State(Runs())
    at_work: dict[str, Any] = {"concurrency_id": "training", "api_visibility": "undocumented"}
    begin.click(
        told(start),
        [starts, *choices],
        [panel.name, *panel.outputs],
        show_progress="minimal",
        show_progress_on=[panel.status],
        api_name="fine_tune",
        **at_work,
    )
    ask.click(
        told(estimate),
        [starts, *choices],
        panel.outputs,
        show_progress="hidden",
        api_name="fine_tune_time",
        **at_work,
    )
    panel.stop.click(
        told(ask_to_stop), [starts, panel.name], panel.outputs, api_name="fine_tune_stop", **QUIETLY
    )
    gr.on(fn=opened, inputs=None, outputs=[panel.name, *panel.outputs], **QUIETLY)


def start(starts: Runs, *choices: Any) -> Iterator[list[Any]]:
    """Begin a run and show it; *Stop* is heard before, while its pictures are received."""
    training = chosen(*choices)
    said = 0.0
    try:
        with starts.running() as run:
            for file in _arriving(training[0], starts, run):
                said = time.monotonic()
                yield [gr.skip(), *before(f"**{file.words}**", True)]
            steps = job.starting(*training)
            for name, receiving in starts.carry(run, steps):  # noqa: B007
                if time.monotonic() - said > SECONDS_BETWEEN_WORDS:
                    said = time.monotonic()
                    yield [gr.skip(), *before(_how_far(receiving), True)]
    except StoppedError:
        yield [gr.skip(), *before("**Stopped** before the training began", False)]
    except UserError:
        if said:
            yield [gr.skip(), *before("**Not started**", False)]
        raise
    else:
        yield [gr.Dropdown(finetuned.names(), value=name), *watch(name, None)]


def _arriving(settings: Settings, starts: Runs, run: str) -> Iterator[Arriving]:
    """The model to start from on its way, unless this server doesn't train."""
    models = [] if job.refusal() else [settings.start]
    return arriving(models, partial(starts.wants, run))


def estimate(starts: Runs, *choices: Any) -> Iterator[list[Any]]:
    """Say how long a run would take, by a few steps of it; *Stop* is heard."""
    training = chosen(*choices)
    said = tried = False
    try:
        with starts.running() as run:
            for file in _arriving(training[0], starts, run):
                said = True
                yield before(f"**{file.words}**", True)
            steps = job.estimating(*training)
            for step in starts.carry(run, steps):
                if isinstance(step, str):
                    yield before(f"**It would take {step}**", False)
                elif not tried:
                    said = tried = True
                    yield before("**Trying a few steps** …", True)
    except StoppedError:
        yield before("**Stopped**", False)
    except UserError:
        if said:
            yield before("**Not tried**", False)
        raise


def _how_far(receiving: Receiving) -> str:
    if receiving.checked:
        return f"**Looking at the pictures** · {receiving.checked} of {receiving.copied}"
    return f"**Receiving the pictures** · {receiving.copied or 'starting'}"


def ask_to_stop(starts: Runs, name: str | None) -> Iterator[list[Any]]:
    """Stop what is being started, or else the run."""
    if starts.at_work:
        yield before(messages.stop(starts), False)
        return
    job.stop(name or "")
    yield watch(name, None)


def opened() -> list[Any]:
    """Show the run in progress or else the latest, on a page that was just loaded."""
    if job.refusal():
        return [gr.skip(), *watch(None, None)]
    names = finetuned.names()
    busy = running()
    name = busy if busy in names else next(iter(names), None)
    return [gr.Dropdown(names, value=name), *watch(name, None)]
