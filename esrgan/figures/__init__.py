"""The paper's figures, a file each: plain data in, a matplotlib Figure out.

Nothing here computes what it shows but `features`: scores, pictures and curves come from outside.
"""

from esrgan.figures.ablation import AblationColumn, ablation_side, draw_ablation
from esrgan.figures.brightness import draw_brightness, draw_brightness_shift
from esrgan.figures.crops import CropExample, MethodResult, draw_crops
from esrgan.figures.features import FeatureMaps, active_share, draw_features, feature_maps
from esrgan.figures.plane import PlanePoint, draw_plane
from esrgan.figures.sheet import (
    COLUMN_WIDTH,
    DPI,
    PAGE_WIDTH,
    SERIF,
    TEMPLATES,
    Crop,
    busiest_crop,
    check_figure_path,
    latex_figure,
    save_figure,
)
from esrgan.figures.strip import draw_strip, strip_side

__all__ = [
    "COLUMN_WIDTH",
    "DPI",
    "PAGE_WIDTH",
    "SERIF",
    "TEMPLATES",
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
    "save_figure",
    "strip_side",
]
