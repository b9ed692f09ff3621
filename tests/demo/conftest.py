"""gradio as the page imports it: without the type stubs."""

from esrgan.demo.server.quick_import import without_stubs

with without_stubs():
    import gradio  # noqa: F401
