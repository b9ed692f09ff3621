"""Parts of forms that tabs share: what follows a network, and a figure's form and files."""

import gradio as gr

from esrgan.demo.figure_file import FORMATS, WIDTHS, FigureFile

MODES = [("the network", "network"), ("the image", "image")]  # what α interpolates
Shown = tuple[str, gr.DownloadButton, str]


def refinement_choice() -> list[gr.components.Component]:
    """Choice of self-ensemble, and of rounds of back-projection."""
    return [
        gr.Checkbox(label="Self-ensemble: mean over 8 flips and turns (8 times slower)"),
        gr.Slider(0, 20, 0, step=1, label="Rounds of back-projection (Sec. 4.5)"),
    ]


def figure_form(name: str, width: float) -> list[gr.components.Component]:
    """Choice of format and width, in a row; their ids are `name`-format and `name`-width."""
    with gr.Row():
        suffix = gr.Radio(
            [(each.upper(), each) for each in FORMATS],
            value="pdf",
            label="Format",
            elem_id=f"{name}-format",
        )
        inches = gr.Radio(list(WIDTHS.items()), value=width, label="Width", elem_id=f"{name}-width")
    return [suffix, inches]


def download_parts(name: str) -> list[gr.components.Component]:
    """Downloads of a figure, its file and its LaTeX: `name`-file and `name`-latex."""
    file = gr.DownloadButton("Download", elem_id=f"{name}-file")
    latex = gr.Textbox(  # `gr.Code` is an editor of a third of the page's scripts
        label="LaTeX",
        lines=4,
        buttons=["copy"],
        interactive=False,
        elem_id=f"{name}-latex",
        elem_classes="code",
    )
    return [file, latex]


def preview(name: str) -> gr.Image:
    return gr.Image(show_label=False, buttons=["fullscreen"], interactive=False, elem_id=name)


def shown(drawn: FigureFile) -> Shown:
    """Values of a figure for the preview and the two of `download_parts`."""
    file = gr.DownloadButton(f"Download {drawn.file.name}", value=drawn.file)
    return str(drawn.shown), file, drawn.latex
