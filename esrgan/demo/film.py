"""A video file as the browser itself plays it."""

from typing import Any

import gradio as gr
from gradio.data_classes import FileData

PLAYER = "<video src='${value?.url ?? ``}' autoplay loop muted controls playsinline></video>"


class Film(gr.HTML):
    """Plays a video file over and over, without a sound. gradio's own Video loads a library for
    streams, a tenth of the page's weight."""

    data_model = FileData

    def __init__(self, **options: Any) -> None:
        super().__init__(html_template=PLAYER, **options)

    def preprocess(self, payload: Any) -> Any:
        return None if payload is None else payload.path

    def postprocess(self, value: Any) -> Any:
        return None if value is None else FileData(path=str(value))

    def api_info(self) -> dict[str, Any]:
        return FileData.model_json_schema()
