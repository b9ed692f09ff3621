"""The paper's figures, a file each: plain data in, a matplotlib Figure out.

Nothing here computes what it shows but `features`: scores, pictures and curves come from outside.
"""

from esrgan.figures.ablation import AblationColumn, ablation_side, draw_ablation
from esrgan.figures.brightness import draw_brightness, draw_brightness_shift
from esrgan.figures.crops import CropExample, MethodResult, draw_crops, pages_of_crops
from esrgan.figures.features import FeatureMaps, active_share, draw_features, feature_maps
from esrgan.figures.plane import PlanePoint, draw_plane
from esrgan.figures.sheet import (
    CAPTION_HEIGHT,
    COLUMN_WIDTH,
    DPI,
    PAGE_WIDTH,
    SERIF,
    TEMPLATES,
    TEXT_HEIGHT,
    Crop,
    busiest_crop,
    check_figure_path,
    latex_figure,
    save_figure,
    save_figures,
)
from esrgan.figures.strip import draw_strip, strip_side

__all__ = [
    "CAPTION_HEIGHT",
    "COLUMN_WIDTH",
    "DPI",
    "PAGE_WIDTH",
    "SERIF",
    "TEMPLATES",
    "TEXT_HEIGHT",
    "AblationColumn",
    "Crop",
    "CropExample",
    "FeatureMaps",
    "MethodResult",
    "PlanePoint",
    "ablation_side",
    "active_share",
    "busiest_crop",
    "check_figure_path",
    "draw_ablation",
    "draw_brightness",
    "draw_brightness_shift",
    "draw_crops",
    "draw_features",
    "draw_plane",
    "draw_strip",
    "feature_maps",
    "latex_figure",
    "pages_of_crops",
    "save_figure",
    "save_figures",
    "strip_side",
]
