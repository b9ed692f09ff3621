"""The page: its tabs, and its server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gradio as gr
from fastapi.exceptions import RequestValidationError
from gradio.route_utils import BUILD_PATH_LIB

from esrgan.demo import api
from esrgan.demo.batch import tab as batch_tab
from esrgan.demo.compare import tab as compare_tab
from esrgan.demo.evaluate import tab as evaluate_tab
from esrgan.demo.finetune import tab as finetune_tab
from esrgan.demo.first_look import first_look
from esrgan.demo.limits import MAX_PICTURE_BYTES
from esrgan.demo.server.assets import Assets
from esrgan.demo.server.first_look import FirstLook
from esrgan.demo.server.guard import Guard
from esrgan.demo.server.housekeeping import keep_sweeping, seconds_kept, sweep_interval
from esrgan.demo.server.messages import QUIETLY
from esrgan.demo.server.quick_start import without_drafts
from esrgan.demo.server.quota import Quota
from esrgan.demo.server.requests import Page, wrong_body
from esrgan.demo.server.served import jobs_folder, served_folder
from esrgan.demo.server.sessions import Sessions
from esrgan.demo.server.waiting import FairQueue
from esrgan.demo.viewer import Viewer

QUEUE_LENGTH = 32
FONTS, MONOSPACED = ("system-ui", "sans-serif"), ("ui-monospace", "monospace")
STYLE = Path(__file__).with_name("page.css")
TITLE = (
    "ESRGAN: everything between PSNR and GAN "
    '<small><a href="https://arxiv.org/abs/1809.00219" target="_blank">the paper</a></small>'
)


def build() -> gr.Blocks:
    """Build the page; models are loaded when they are first used."""
    kept = seconds_kept()
    with Page(title="ESRGAN", fill_width=True, delete_cache=(sweep_interval(kept), kept)) as page:
        gr.Markdown(f"# {TITLE}", elem_id="title")
        with gr.Tabs() as tabs:
            with gr.Tab("Compare") as compare:
                picture, viewer = compare_tab.build(page, compare)
            with gr.Tab("Batch", id="batch") as batch:
                batch_pictures = batch_tab.build(batch)
            with gr.Tab("Evaluate") as evaluate:
                evaluate_tab.build(evaluate)
            with gr.Tab("Fine-tune") as finetune:
                finetune_tab.build(finetune)
        viewer.submit(
            lambda upload: (gr.Tabs(selected="batch"), [upload] if upload else None),
            picture,
            [tabs, batch_pictures],
            **QUIETLY,
        )
        api.build()
    return page


def _kept_files(block: Any) -> set[str]:
    return getattr(block, "keep_in_cache", set())


def _opened(page: gr.Blocks, app: Any) -> Any:
    """The app, but that a page shows what its viewer opens with before gradio has built it."""
    blocks = page.blocks.values()
    views = [block.value for block in blocks if isinstance(block, Viewer) and block.value["frames"]]
    if not views:
        return app
    tabs = [str(block.label) for block in blocks if isinstance(block, gr.Tab)]
    html = first_look(views[0], TITLE, compare_tab.INTRO, tabs, page.theme_hash)
    pictures = [*views[0]["pictures"], *views[0]["frames"]]
    urls = [picture["file"]["url"] for picture in pictures]
    return FirstLook(app, html, urls, compare_tab.ADDRESS_PARTS)


def _guarded(page: gr.Blocks) -> Any:
    """Lifespan of the server, in which the guard stands before anything is answered."""

    def share_link() -> list[str]:
        link = getattr(page, "share_url", None)
        return [urlsplit(link).netloc] if link else []

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        app.state_holder = Sessions(page, seconds_kept())
        quota = Quota(served_folder(), seconds_kept())
        answered = Assets(_opened(page, app.middleware_stack), Path(BUILD_PATH_LIB))
        app.middleware_stack = Guard(answered, share_link, quota)
        yield

    return lifespan


def _theme() -> gr.Theme:
    """gradio's own, but that small print can be read: its grey is too pale for WCAG's AA."""
    return gr.themes.Default(font=FONTS, font_mono=MONOSPACED).set(
        block_info_text_color="*neutral_500", block_info_text_color_dark="*neutral_400"
    )


def launch(page: gr.Blocks, **options: Any) -> Any:
    """Serve the page; `options` are those of `gr.Blocks.launch`."""
    # The copies of the examples, which are made once.
    kept = {Path(file).parent for block in page.blocks.values() for file in _kept_files(block)}
    jobs_folder()  # and away with those of a server that was killed
    keep_sweeping(served_folder(), kept)
    # Whoever asks without the queue would pass its limits.
    with without_drafts():
        page.queue(max_size=QUEUE_LENGTH, api_open=False)
    page._queue = FairQueue(
        live_updates=True,
        concurrency_count=page.max_threads,
        update_intervals=1,
        max_size=QUEUE_LENGTH,
        blocks=page,
    )
    return page.launch(
        theme=_theme(),
        css_paths=STYLE,
        max_file_size=MAX_PICTURE_BYTES,
        ssr_mode=False,
        run_history=False,
        mcp_server=True,
        enable_monitoring=False,
        app_kwargs={
            "lifespan": _guarded(page),
            "exception_handlers": {RequestValidationError: wrong_body},
        },
        **options,
    )
