"""gradio as the page imports it: without the type stubs."""

from esrgan.demo.server.quick_start import without_stubs

with without_stubs():
    import gradio  # noqa: F401
