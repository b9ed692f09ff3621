"""Metrics as columns of tables: their headings, how their numbers are written, which are better."""

from dataclasses import dataclass, replace
from typing import Literal

from esrgan.evaluation.results import Results, Score
from esrgan.evaluation.tables import NOTHING

Better = Literal["higher", "lower", "near 0"]


@dataclass(frozen=True)
class Column:
    """A metric in tables.

    Attributes:
        title: its heading; those of NIQE and PI name the pristine model.
        name: of `METRICS`.
        written: the format of its numbers.
        better: which numbers are.
    """

    title: str
    name: str
    written: str
    better: Better


COLUMNS = (
    Column("PSNR-Y", "psnr_y", ".2f", "higher"),
    Column("SSIM-Y", "ssim_y", ".4f", "higher"),
    Column("PSNR-RGB", "psnr_rgb", ".2f", "higher"),
    Column("RMSE-Y", "rmse_y", ".3f", "lower"),
    Column("Brightness", "brightness", "+z.2f", "near 0"),
    Column("ΔE", "delta_e", ".2f", "lower"),
    Column("ΔE 95 %", "delta_e_95", ".2f", "lower"),
    Column("Flat", "flat", ".0f", "lower"),
    Column("NIQE", "niqe", ".3f", "lower"),
    Column("Ma", "ma", ".3f", "higher"),
    Column("PI", "pi", ".3f", "lower"),
    Column("LPIPS", "lpips", ".4f", "lower"),
    Column("DISTS", "dists", ".4f", "lower"),
    Column("FID", "fid", "z.2f", "lower"),
    Column("MS-SSIM", "ms_ssim", ".4f", "higher"),
    Column("VIF", "vif", ".4f", "higher"),
    Column("FSIM", "fsim", ".4f", "higher"),
    Column("GMSD", "gmsd", ".4f", "lower"),
    Column("HaarPSI", "haarpsi", ".4f", "higher"),
)
BY_NAME = {column.name: column for column in COLUMNS}
# What papers show, of what there is.
USUAL = ("psnr_y", "ssim_y", "lpips", "niqe", "pi")


def headed(column: Column, results: Results) -> Column:
    """The column, whose title names the pristine model where that matters."""
    titles = {"niqe": results.niqe_label, "pi": results.pi_label}
    return replace(column, title=titles.get(column.name, column.title))


def written(score: Score, column: Column) -> str:
    """The score's number as the column has it, or a dash."""
    value = getattr(score, column.name)
    return NOTHING if value is None else f"{value:{column.written}}"
