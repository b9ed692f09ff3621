"""The upload of one picture, as the page's tabs and its endpoints take it."""

from typing import Any

import gradio as gr
from gradio.data_classes import FileData, ImageData
from pydantic import ValidationInfo, model_validator


class UploadedImage(ImageData):
    """A picture that a request names, marked as a file, by which gradio knows what to check."""

    @model_validator(mode="before")
    @classmethod
    def check_mark(cls, value: Any, info: ValidationInfo) -> Any:
        """Raises ValueError: there is no mark."""
        if info.context and info.context.get("validate_meta"):
            FileData.model_validate(value, context=info.context)
        return value


class Upload(gr.Image):
    """An image upload that hands over the file as it is, for `decoding.load_image` to judge."""

    is_template = True  # drawn by the browser as the Image that it is
    data_model = UploadedImage

    def preprocess(self, payload: ImageData | None) -> str | None:
        return None if payload is None else payload.path
