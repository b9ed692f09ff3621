"""esrgan/figures: exact crops, nothing clipped, and files as a paper wants them."""

import io
import re
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from esrgan.evaluation.evaluate import Numbers
from esrgan.evaluation.histogram import brightness_histogram
from esrgan.figures import (
    COLUMN_WIDTH,
    DPI,
    PAGE_WIDTH,
    AblationColumn,
    Crop,
    CropExample,
    MethodResult,
    PlanePoint,
    ablation_side,
    active_share,
    busiest_crop,
    draw_ablation,
    draw_brightness,
    draw_crops,
    draw_features,
    draw_plane,
    draw_strip,
    feature_maps,
    latex_figure,
    pages_of_crops,
    save_figure,
    strip_side,
)
from esrgan.figures.compose import Example, Row, crops_figures, crops_of_example
from esrgan.figures.sheet import RED
from esrgan.networks import VGGFeatures
from esrgan.pictures.images import to_tensor

ALPHAS = (0, 0.2, 0.4, 0.6, 0.8, 1)
CROP = Crop(20, 8, 16, 12)
NUMBERS = "(21.50 / 0.7123 / 6.20)"


@pytest.fixture
def vgg() -> VGGFeatures:
    torch.manual_seed(0)
    return VGGFeatures((4, 4, 6, 6, 8)).eval()


def curve(mode: str, bend: float) -> list[PlanePoint]:
    return [PlanePoint("ours", 11 + 5 * a, 4 - 2 * a - bend * a * (1 - a), a, mode) for a in ALPHAS]


POINTS = [
    *curve("network", 1.5),
    *curve("image", 0.5),
    PlanePoint("bicubic", 13.3, 6.7),
    PlanePoint("EnhanceNet", 15.9, 2.7),
    PlanePoint("A method with a very long name, version 2", 15.8, 3.5),
]


def plane(width: float) -> Figure:
    return draw_plane(POINTS, "PI", width)


def strip(photo: np.ndarray, width: float) -> Figure:
    crops = [CROP.cut(photo) // 2 + number for number in range(len(ALPHAS))]
    return draw_strip(ALPHAS, crops, crops[::-1], width)


def crops(photo: np.ndarray, width: float, methods: int = 8) -> Figure:
    results = [MethodResult(f"method {n}", photo // (n + 1), NUMBERS) for n in range(methods)]
    examples = [CropExample("a title", photo, [CROP], results, "(PSNR / SSIM / NIQE)")] * 2
    return draw_crops(examples, width)


def ablation(photo: np.ndarray, width: float) -> Figure:
    crop = CROP.cut(photo)
    settings: dict[str, str] = {"BN?": "yes", "Activation": "after", "GAN": "standard"}
    changes = [{}, {"BN?": "no"}, {"Activation": "before"}, {"GAN": "RaGAN"}]
    columns = []
    for number, change in enumerate(changes):
        settings = {**settings, **change}
        columns.append(AblationColumn(f"model {number}", settings, [crop // (number + 1), crop]))
    return draw_ablation(columns, ["first", "second"], [crop, crop], width)


def brightness(photo: np.ndarray, width: float) -> Figure:
    shown = {"before activation": photo, "after activation": photo // 2, "HR": photo}
    curves = {name: brightness_histogram(picture, 64) for name, picture in shown.items()}
    return draw_brightness(curves, {n: CROP.cut(p) for n, p in shown.items()}, width)


def features(photo: np.ndarray, width: float) -> Figure:
    torch.manual_seed(0)
    network = VGGFeatures((4, 4, 6, 6, 8)).eval()
    maps = [feature_maps(network, photo, layer, 4) for layer in ("conv2_2", "conv5_4")]
    return draw_features("photo", photo, maps, active_share(network, photo), width)


FIGURES: dict[str, Callable[[np.ndarray, float], Figure]] = {
    "plane": lambda _, width: plane(width),
    "strip": strip,
    "crops": crops,
    "ablation": ablation,
    "brightness": brightness,
    "features": features,
}


def rendered(figure: Figure) -> np.ndarray:
    """H×W×3 as the PNG file holds it."""
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=DPI)
    return np.asarray(Image.open(data).convert("RGB"))


def inside(axes: Axes, page: np.ndarray) -> np.ndarray:
    """The pixels of the page that axes cover."""
    height, width = page.shape[:2]
    box = axes.get_position()
    left, right = round(box.x0 * width), round(box.x1 * width)
    top, bottom = round((1 - box.y1) * height), round((1 - box.y0) * height)
    return page[top:bottom, left:right]


def pictures(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.axes if axes.images]


def magnified(crop: np.ndarray, like: np.ndarray) -> np.ndarray:
    factor = like.shape[1] // crop.shape[1]
    return crop.repeat(factor, axis=0).repeat(factor, axis=1)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_visible()]


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("width", [2.5, COLUMN_WIDTH, PAGE_WIDTH])
def test_nothing_is_clipped_and_everything_readable(
    photo: np.ndarray, name: str, width: float
) -> None:
    figure = FIGURES[name](photo, width)
    page = rendered(figure)
    assert page.shape[1] == round(width * DPI)
    parts = [text.get_window_extent() for text in figure.texts]
    parts += [axes.get_tightbbox() for axes in figure.axes]  # type: ignore[misc]  # with their ticks, labels and legend
    for box in parts:
        assert min(box.x0, box.y0) >= -1
        assert box.x1 <= page.shape[1] + 1
        assert box.y1 <= page.shape[0] + 1
    assert all(text.get_fontsize() >= 5 for text in figure.findobj(Text))


@pytest.mark.parametrize("width", [COLUMN_WIDTH, 5.13])
def test_crops_arrive_pixel_by_pixel(photo: np.ndarray, width: float) -> None:
    crop = CROP.cut(photo)
    for figure, expected in (
        (strip(photo, width), [crop // 2 + n for n in (0, 1, 2, 3, 4, 5, 5, 4, 3, 2, 1, 0)]),
        (ablation(photo, width), [crop, crop, crop, crop, crop // 2, crop, crop // 3]),
        (brightness(photo, width), [crop, crop // 2, crop]),
    ):
        page = rendered(figure)
        for axes, picture in zip(pictures(figure), expected, strict=False):
            shown = inside(axes, page)
            np.testing.assert_array_equal(shown, magnified(picture, shown))
    figure = crops(photo, width)
    page = rendered(figure)
    for number, axes in enumerate(pictures(figure)[1:9]):
        shown = inside(axes, page)
        np.testing.assert_array_equal(shown, magnified(crop // (number + 1), shown))


def test_a_strip_starts_with_the_psnr_and_ends_with_the_gan_model(photo: np.ndarray) -> None:
    figure = strip(photo, PAGE_WIDTH)
    page = rendered(figure)
    first, last = (inside(pictures(figure)[number], page) for number in (0, 5))
    np.testing.assert_array_equal(first, magnified(CROP.cut(photo) // 2, first))
    np.testing.assert_array_equal(last, magnified(CROP.cut(photo) // 2 + 5, last))
    shown = texts(figure)
    assert [t for t in shown if t.startswith("α")] == [f"α = {a:g}" for a in ALPHAS]
    assert {"PSNR", "GAN", "network", "image"} <= set(shown)


def test_a_crop_too_large_for_its_place_is_shrunk_to_it(rng: np.random.Generator) -> None:
    large = rng.integers(0, 256, (300, 400, 3), dtype=np.uint8)
    figure = draw_strip(ALPHAS, [large] * 6, [large] * 6, COLUMN_WIDTH)
    shown = inside(pictures(figure)[0], rendered(figure))
    assert shown.shape[1] < 170
    assert shown.shape[0] / shown.shape[1] == pytest.approx(0.75, abs=0.01)


@pytest.mark.parametrize("methods", [1, 2, 3, 8, 13])
@pytest.mark.parametrize("width", [COLUMN_WIDTH, PAGE_WIDTH])
def test_numbers_are_written_in_full(photo: np.ndarray, methods: int, width: float) -> None:
    written = texts(crops(photo, width, methods))
    assert written.count(NUMBERS) == 2 * methods
    assert {f"method {n}" for n in range(methods)} < set(written)


def test_numbers_are_of_one_size(photo: np.ndarray) -> None:
    numbers = ["(1)", NUMBERS, f"({NUMBERS})"]
    results = [MethodResult(f"method {n}", photo, text) for n, text in enumerate(numbers)]
    figure = draw_crops([CropExample("a title", photo, [CROP], results)], COLUMN_WIDTH)
    found = [text for text in figure.findobj(Text) if text.get_text() in numbers]
    assert len(found) == 3
    assert len({text.get_fontsize() for text in found}) == 1


def test_five_crops_without_their_picture_fill_a_row(photo: np.ndarray) -> None:
    results = [MethodResult(f"method {n}", photo, NUMBERS) for n in range(5)]
    figure = draw_crops([CropExample("a title", photo, [CROP], results, whole=False)])
    assert len({axes.get_position().y0 for axes in pictures(figure)}) == 1


@pytest.mark.parametrize("methods", [3, 5, 8])
def test_in_a_column_the_whole_picture_stands_among_the_crops(
    methods: int, photo: np.ndarray
) -> None:
    figure = crops(photo, COLUMN_WIDTH, methods)
    boxes = [axes.get_position() for axes in pictures(figure)][: methods + 1]
    tops = sorted({round(box.y1, 2) for box in boxes[1:]}, reverse=True)
    in_first = [box for box in boxes[1:] if round(box.y1, 2) == tops[0]]
    assert boxes[0].y1 > tops[0] - 0.2  # in the first row
    assert boxes[0].x1 < min(box.x0 for box in in_first)
    columns = len(in_first) + 1
    assert len(tops) * columns - (methods + 1) < columns  # no row is empty
    assert all("…" not in text.get_text() for text in figure.texts)
    assert boxes[0].width <= boxes[1].width + 0.01 or boxes[0].height <= boxes[1].height + 0.01


@pytest.mark.parametrize("width", [COLUMN_WIDTH, PAGE_WIDTH])
def test_several_crops_of_a_picture_stand_one_below_the_other(
    photo: np.ndarray, width: float
) -> None:
    crops = [CROP, Crop(2, 30, CROP.width, 8)]
    results = [MethodResult(f"method {n}", photo // (n + 1), NUMBERS) for n in range(4)]
    figure = draw_crops([CropExample("a title", photo, crops, results)], width)
    whole, *insets = pictures(figure)
    assert [mark.get_bbox().bounds for mark in whole.patches] == [
        (crop.x, crop.y, crop.width, crop.height) for crop in crops
    ]
    colours = [to_hex(mark.get_edgecolor()) for mark in whole.patches]
    assert len(set(colours)) == 2
    assert texts(figure).count(NUMBERS) == 4
    for number, result in enumerate(results):
        upper, lower = insets[2 * number : 2 * number + 2]
        for axes, crop, colour in zip((upper, lower), crops, colours, strict=True):
            shown = np.asarray(axes.images[0].get_array())
            np.testing.assert_array_equal(shown, magnified(crop.cut(result.picture), shown))
            assert to_hex(axes.spines["left"].get_edgecolor()) == colour
        assert upper.get_position().x0 == lower.get_position().x0
        gap = upper.get_position().y0 - lower.get_position().y1
        assert round(gap * figure.get_figheight() * DPI) == 10


def test_a_long_list_of_pictures_is_split_into_pages(photo: np.ndarray) -> None:
    results = [MethodResult(f"method {n}", photo, NUMBERS) for n in range(5)]
    blocks = [CropExample(f"picture {n}", photo, [CROP], results) for n in range(7)]
    pages = pages_of_crops(blocks, COLUMN_WIDTH, 4)
    assert [block.title for page in pages for block in page] == [b.title for b in blocks]
    heights = [draw_crops(page, COLUMN_WIDTH).get_figheight() for page in pages]
    assert len(pages) > 1
    assert max(heights) <= 4
    for page, after in pairwise(pages):  # none has room for what follows
        assert draw_crops([*page, after[0]], COLUMN_WIDTH).get_figheight() > 4
    assert pages_of_crops(blocks, COLUMN_WIDTH, 0.1) == [[block] for block in blocks]


def test_the_metrics_below_crops_are_chosen(photo: np.ndarray, refused) -> None:
    numbers: Numbers = {"psnr_y": 30.0, "psnr_rgb": 28.5, "gmsd": 0.0625, "lpips": "no parameters"}
    example = Example("photo", photo, [Row("a", photo, numbers=numbers), Row("HR", photo)])
    chosen = ["psnr_y", "psnr_rgb", "gmsd", "lpips"]
    ((figure, caption),) = crops_figures([example], "NIQE", metrics=chosen)
    assert "(30.00 / 28.50 / 0.0625 / –)" in texts(figure)
    assert "(PSNR-Y / PSNR-RGB / GMSD / LPIPS)" in texts(figure)
    assert "PSNR-Y / PSNR-RGB / GMSD / LPIPS of the whole picture" in caption
    with refused("no vif of these results; `evaluate -o DIR --columns vif` measures it"):
        crops_figures([example], "NIQE", metrics=["vif"])


def test_a_crop_that_is_not_given_is_where_the_methods_differ(photo: np.ndarray) -> None:
    differing = photo.copy()
    differing[40:56, 8:24] ^= 16
    rows = [Row(name, picture) for name, picture in (("a", photo), ("b", differing))]
    rows += [Row("bicubic", 255 - photo), Row("HR", photo)]
    example = Example("photo", photo, rows)
    assert crops_of_example(example, None, 16) == [Crop(8, 40, 16, 16)]
    assert crops_of_example(example, [[1, 2, 3, 4]]) == [Crop(1, 2, 3, 4)]
    alone = Example("photo", photo, rows[:1])
    assert crops_of_example(alone, None, 16) == [busiest_crop(photo, 16)]


@pytest.mark.parametrize("width", [COLUMN_WIDTH, 5.5, 6.875, PAGE_WIDTH])
@pytest.mark.parametrize("count", [2, 5, 6, 11])
def test_a_strip_and_an_ablation_are_filled_by_crops_that_are_not_given(
    width: float, count: int
) -> None:
    side = strip_side(width, count)
    cut = [np.zeros((side, side, 3), np.uint8)] * count
    shown = pictures(draw_strip(range(count), cut, cut, width))
    assert max(axes.get_position().x1 for axes in shown) > 0.96
    side = ablation_side(width, count)
    cut = [np.zeros((side, side, 3), np.uint8)]
    columns = [AblationColumn(f"{n}", {}, cut) for n in range(count)]
    boxes = [a.get_position() for a in pictures(draw_ablation(columns, ["a"], cut, width))]
    gaps = [right.x0 - left.x1 for left, right in pairwise(boxes)]
    assert max(gaps) < 0.1 * boxes[0].width + 0.02
    assert boxes[-1].x1 > 0.96


def test_the_crop_is_marked_in_its_picture(photo: np.ndarray) -> None:
    (mark,) = pictures(crops(photo, PAGE_WIDTH))[0].patches
    assert mark.get_bbox().bounds == (CROP.x, CROP.y, CROP.width, CROP.height)


def test_the_plane_has_the_regions_of_pirm(photo: np.ndarray) -> None:
    axes = plane(COLUMN_WIDTH).axes[0]
    limits = [line.get_xdata()[0] for line in axes.get_lines() if line.get_linestyle() == "--"]
    assert limits == [11.5, 12.5, 16.0]
    assert [t.get_text() for t in axes.texts][:3] == ["Region 1", "Region 2", "Region 3"]
    spans = [patch.get_extents().transformed(axes.transData.inverted()) for patch in axes.patches]
    assert [round(span.x1, 6) for span in spans] == limits


def test_the_plane_of_other_pictures_has_no_regions_but_what_is_asked_for() -> None:
    xs, ys = (19.0, 24.0), (4.0, 7.0)
    points = [
        PlanePoint("a", 20.0, 5.0, rmse_interval=xs, perceptual_interval=ys),
        PlanePoint("b", 22.0, 4.5, emphasised=True),
    ]
    axes = draw_plane(points, regions=False).axes[0]
    assert {t.get_text(): t.get_fontweight() for t in axes.texts} == {"a": "normal", "b": "bold"}
    low, high = axes.get_xlim()
    assert 18 < low < 19 < 24 < high < 25  # no room for PIRM's, but for the bars
    drawn = [line.get_xydata().tolist() for line in axes.get_lines()]
    assert [[19, 5], [24, 5]] in drawn
    assert [[20, 4], [20, 7]] in drawn


def test_the_plane_s_curves_go_along_alpha() -> None:
    axes = draw_plane(POINTS[::-1], "NIQE").axes[0]
    drawn = {line.get_label(): line.get_xydata().tolist() for line in axes.get_lines()}
    for mode, bend in (("network", 1.5), ("image", 0.5)):
        expected = [[p.rmse, p.perceptual] for p in curve(mode, bend)]
        assert drawn[f"{mode} interpolation"] == expected
    written = [text.get_text() for text in axes.texts]
    # The curves share their ends, which are named once.
    assert [written.count(t) for t in ("α = 0", "0.2", "0.8", "α = 1", "bicubic")] == [
        1,
        2,
        2,
        1,
        1,
    ]
    assert axes.get_ylabel() == "NIQE (lower is better)"


def test_long_names_of_curves_are_shortened() -> None:
    long = [
        PlanePoint("name " * n, p.rmse, p.perceptual, p.alpha, p.mode)
        for n in (30, 40)
        for p in curve("network", 1)
    ]
    axes = draw_plane(long).axes[0]
    legend = axes.get_legend()
    assert legend is not None
    assert legend.get_window_extent().width <= axes.get_window_extent().width + 1
    assert all(text.get_text().endswith("…") for text in legend.get_texts())


def test_labels_on_the_plane_cover_no_other() -> None:
    figure = plane(PAGE_WIDTH)
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert all(box.count_overlaps(boxes) == 1 for box in boxes)


def test_the_change_of_each_ablation_column_is_red(photo: np.ndarray) -> None:
    figure = ablation(photo, PAGE_WIDTH)
    red = [text.get_text() for text in figure.texts if to_hex(text.get_color()) == RED]
    assert red == ["no", "before", "RaGAN"]


def test_active_share_is_a_count(vgg: VGGFeatures, photo: np.ndarray) -> None:
    shares = active_share(vgg, photo)
    assert len(shares) == 16
    assert all(0 <= share <= 1 for share in shares.values())
    with torch.inference_mode():
        after = vgg(to_tensor(photo), ["relu1_2", "relu5_4"])
    for layer in ("1_2", "5_4"):
        neurons = after[f"relu{layer}"].numpy()
        counted = sum(int(value > 0) for value in neurons.ravel()) / neurons.size
        assert shares[f"conv{layer}"] == pytest.approx(counted)


def test_feature_maps_are_channels_and_their_relu(vgg: VGGFeatures, photo: np.ndarray) -> None:
    maps = feature_maps(vgg, photo, "conv3_4", 3)
    with torch.inference_mode():
        every = vgg(to_tensor(photo), ["conv3_4"])["conv3_4"][0].numpy()
    assert len({next(n for n, c in enumerate(every) if (c == m).all()) for m in maps.before}) == 3
    np.testing.assert_array_equal(maps.after, maps.before.clip(0))


def test_features_are_of_convolutions(vgg: VGGFeatures, photo: np.ndarray, refused) -> None:
    with refused("relu5_4 is not a convolution"):
        active_share(vgg, photo, ["conv5_4", "relu5_4"])
    with refused("conv6_1 is not a convolution"):
        feature_maps(vgg, photo, "conv6_1")
    for count in (0, 9):
        with refused("conv5_4 has 8 channels"):
            feature_maps(vgg, photo, "conv5_4", count)


def test_the_histogram_is_drawn_as_it_is(photo: np.ndarray) -> None:
    axes = next(axes for axes in brightness(photo, COLUMN_WIDTH).axes if not axes.images)
    values, edges, _ = axes.patches[0].get_data()
    np.testing.assert_allclose(values, 100 * brightness_histogram(photo, 64))
    assert (edges[0], edges[-1]) == (0, 255)


def test_a_crop_is_cut_and_must_be_inside(photo: np.ndarray, refused) -> None:
    np.testing.assert_array_equal(CROP.cut(photo), photo[8:20, 20:36])
    for outside in (Crop(40, 0, 16, 12), Crop(-1, 0, 4, 4), Crop(0, 0, 0, 4), Crop(0, 60, 4, 5)):
        with refused("not inside the picture of 48×64 pixels"):
            outside.cut(photo)


def test_the_busiest_crop_is_where_the_texture_is(rng: np.random.Generator) -> None:
    picture = np.full((60, 90, 3), 128, np.uint8)
    picture[30:46, 50:66] = rng.integers(0, 256, (16, 16, 3))
    assert busiest_crop(picture, 16) == Crop(50, 30, 16, 16)
    assert busiest_crop(picture, 500) == Crop(busiest_crop(picture, 60).x, 0, 60, 60)


@pytest.mark.parametrize("width", [COLUMN_WIDTH, 5.13, PAGE_WIDTH])
def test_a_png_has_300_dpi(tmp_path: Path, photo: np.ndarray, width: float) -> None:
    path = tmp_path / "new folder" / "figure.png"
    save_figure(strip(photo, width), path)
    with Image.open(path) as picture:
        assert picture.width == round(width * DPI)
        assert picture.info["dpi"] == pytest.approx((DPI, DPI), abs=0.01)


def test_an_svg_keeps_its_text(tmp_path: Path) -> None:
    path = tmp_path / "figure.svg"
    save_figure(plane(COLUMN_WIDTH), path)
    root = ElementTree.parse(path).getroot()
    words = {"".join(node.itertext()).strip() for node in root.iter() if node.tag.endswith("}text")}
    assert {"RMSE", "Region 2", "bicubic", "α = 0", "network interpolation"} <= words
    assert float(root.attrib["width"].removesuffix("pt")) == pytest.approx(72 * COLUMN_WIDTH)


def test_a_pdf_embeds_its_fonts(tmp_path: Path, photo: np.ndarray) -> None:
    path = tmp_path / "figure.pdf"
    save_figure(strip(photo, PAGE_WIDTH), path)
    data = path.read_bytes()
    assert b"/FontFile2" in data
    assert b"/Type3" not in data
    box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+)", data)
    assert box
    assert float(box[1]) == pytest.approx(72 * PAGE_WIDTH)


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
def test_the_same_figure_is_the_same_file(tmp_path: Path, photo: np.ndarray, suffix: str) -> None:
    before = dict(mpl.rcParams)
    first, second = (tmp_path / f"{name}{suffix}" for name in "ab")
    for path in (first, second):
        save_figure(strip(photo, COLUMN_WIDTH), path)
    assert first.read_bytes() == second.read_bytes()
    assert dict(mpl.rcParams) == before
    assert sorted(tmp_path.iterdir()) == [first, second]


@pytest.mark.slow
def test_pyplot_is_left_alone() -> None:
    script = "import sys, esrgan.figures; assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[2])


def test_what_can_t_be_drawn_is_said(photo: np.ndarray, tmp_path: Path, refused) -> None:
    with refused("nothing to draw on the plane"):
        draw_plane([])
    with refused("not a finite number"):
        draw_plane([PlanePoint("x", float("inf"), 3)])
    with refused("one crop of each kind"):
        draw_strip((0, 1), [photo], [photo])
    with refused("result of a method"):
        draw_crops([])
    with refused("x of y is 48×32", "HR 48×64"):
        draw_crops([CropExample("y", photo, [CROP], [MethodResult("x", photo[:32])])])
    with refused("a model or more"):
        draw_ablation([], ["a"])
    with refused("one curve"):
        draw_brightness({}, {})
    with refused("a layer or more"):
        draw_features("x", photo, [], {})
    with refused("1.5 to 40 inches", "not 0.1"):
        strip(photo, 0.1)
    with refused(".png, .pdf or .svg, not '.gif'"):
        save_figure(plane(COLUMN_WIDTH), tmp_path / "figure.gif")


@pytest.mark.parametrize(("width", "kind"), [(COLUMN_WIDTH, "figure"), (PAGE_WIDTH, "figure*")])
def test_latex_includes_the_file(width: float, kind: str) -> None:
    lines = latex_figure(Path("out/fig.pdf"), width, "What it shows.").splitlines()
    assert lines[0] == f"\\begin{{{kind}}}"
    assert f"  \\includegraphics[width={width:g}in]{{out/fig.pdf}}" in lines
    assert "  \\caption{What it shows.}" in lines
    assert lines[-1] == f"\\end{{{kind}}}"
