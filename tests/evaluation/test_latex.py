"""What is written for papers compiles: tables and a figure in a two-column document."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from esrgan.evaluation.comparison_table import Style
from esrgan.evaluation.results import Results, Score
from esrgan.evaluation.table_files import save_tables
from esrgan.figures import (
    COLUMN_WIDTH,
    Crop,
    CropExample,
    MethodResult,
    draw_crops,
    latex_figure,
    save_figure,
)

DOCUMENT = r"""\documentclass[twocolumn]{article}
\usepackage{booktabs,graphicx}
\setlength{\textwidth}{7.1in}\setlength{\columnsep}{0.3in}
\begin{document}
\begin{table}\input{table.tex}\caption{Means.}\end{table}
\begin{table*}\input{table.tex}\par\input{pictures.tex}\caption{Pictures.}\end{table*}
FIGURE
\end{document}
"""


@pytest.fixture(scope="module")
def latex() -> str:
    found = shutil.which("pdflatex")
    if not found:
        pytest.skip("pdflatex is not installed (texlive-latex-base, texlive-latex-recommended)")
    return found


def test_tables_and_a_figure_compile_in_two_columns(
    tmp_path: Path, latex: str, photo: np.ndarray
) -> None:
    """Nothing sticks out of a column, and fonts are embedded as TrueType."""
    rows = tuple(
        Score(model, f"a_{n}&.png", 30.0 + n, 0.9, 3.0, niqe=5.0, brightness=-1.0)
        for model in ("net_g 50%", "psnr–gan", "HR", "α^2", "a very long name of a method" * 2)
        for n in range(3)
    )
    style = Style(["psnr_y", "ssim_y", "brightness", "niqe"], True, "HR")
    save_tables({"Set_5": Results(rows), "B100": Results(rows)}, tmp_path, style)
    results = [MethodResult(name, photo, "(31.20 / 0.9)") for name in ("bicubic", "net_g", "HR")]
    figure = draw_crops([CropExample("a_1", photo, [Crop(8, 8, 24, 16)], results)], COLUMN_WIDTH)
    save_figure(figure, tmp_path / "crops.pdf")
    included = latex_figure(Path("crops.pdf"), COLUMN_WIDTH, "Crops of a_1 & others (50 %).")
    (tmp_path / "paper.tex").write_text(DOCUMENT.replace("FIGURE", included))
    arguments = [latex, "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    ran = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stdout[-3000:]
    assert "Overfull" not in ran.stdout
    assert re.search(r"Output written on paper\.pdf \([1-9] page", ran.stdout)


def test_fonts_of_figures_are_truetype(tmp_path: Path, photo: np.ndarray) -> None:
    """Type 42 in PDF's terms, and never Type 3, which submission systems refuse."""
    tool = shutil.which("pdffonts")
    if not tool:
        pytest.skip("pdffonts is not installed (poppler-utils)")
    results = [MethodResult("α = 0.8", photo, "(31.20)")]
    example = CropExample("a", photo, [Crop(8, 8, 24, 16)], results)
    save_figure(draw_crops([example], COLUMN_WIDTH), tmp_path / "crops.pdf")
    told = subprocess.run(
        [tool, tmp_path / "crops.pdf"], capture_output=True, text=True, timeout=60
    )
    fonts = told.stdout.splitlines()[2:]
    assert fonts
    assert all("TrueType" in line and "Type 3" not in line for line in fonts)
