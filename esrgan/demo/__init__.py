"""The page: a folder a tab, the viewer, the server, and beside them what tabs share.

A picture and models: `upload`, `examples`, `model_chooser` (and `choice`, without gradio),
`finetuned`, `comparison`. Forms and products: `forms`, `figure_file`. Work on the device: `work`
(Start, Stop, status), `limits`. For programs: `api` and `point`.
"""
