"""Animation of α between two models, from 0 to 1 and back, as GIF, WebP or MP4.

Plain pictures in, a file out. A crop is magnified by a whole factor, pixel by pixel.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path

import av
import matplotlib as mpl
import numpy as np
from av.codec.context import Flags
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from PIL import Image, ImageDraw, ImageFont

from esrgan.errors import UserError
from esrgan.figures.sheet import Crop, resampled, shown_size
from esrgan.pictures.files import atomic_path
from esrgan.pictures.images import to_rgb, to_uint8

# An α to the picture, H×W[×C], `uint8` or `uint16`.
Source = Callable[[float], np.ndarray]
FORMATS = (".gif", ".webp", ".mp4")
MOST_STEPS, LONGEST_SECONDS = 100, 60
SMALLEST, LARGEST = 32, 1920
# All frames are held in memory, three bytes a pixel.
MAX_PIXELS = 48_000_000
# The first and the last frame are shown so many times as long as others, the GAN's twice that.
REST = 4
# Browsers show frames of less than two hundredths of a second, GIF's unit of time, for ten.
SHORTEST = 2
# Pixels: between panels, of a caption and its letters, and of the bar above it.
GAP, CAPTION, LETTERS, BAR = 8, 30, 16, 4
WHITE, BLACK, GREY, BLUE = "white", "black", "#dddddd", "#0072b2"
PALETTE_PIXELS = 400_000


@dataclass(frozen=True)
class Look:
    """Settings of an animation: its crop, size and time.

    Attributes:
        crop: of the pictures; None for the whole.
        steps: from α = 0 to 1, equally long.
        seconds: there and back.
        size: longest side of a picture in pixels: what is smaller is magnified by the largest
            whole factor, and what is larger shrunk.
        captioned: whether α is written below.

    Raises:
        UserError: a number is none for an animation.
    """

    crop: Crop | None = None
    steps: int = 20
    seconds: float = 4
    size: int = 640
    captioned: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= MOST_STEPS:
            raise UserError(f"An animation takes 1 to {MOST_STEPS} steps of α, not {self.steps}.")
        if not 0 < self.seconds <= LONGEST_SECONDS:
            raise UserError(
                f"An animation lasts up to {LONGEST_SECONDS} seconds, not {self.seconds:g}."
            )
        if min(_durations(self.steps, self.seconds)) < SHORTEST:
            raise UserError(
                f"{self.seconds:g} seconds are too short for {self.steps} steps of α and back; "
                "take fewer steps or more seconds."
            )
        if not SMALLEST <= self.size <= LARGEST:
            raise UserError(
                f"A picture of an animation is {SMALLEST} to {LARGEST} pixels large, "
                f"not {self.size}."
            )

    @property
    def alphas(self) -> list[float]:
        """From 0 to 1."""
        return [step / self.steps for step in range(self.steps + 1)]


def _durations(steps: int, seconds: float) -> list[int]:
    """Of each frame, there and back, in hundredths of a second."""
    shares = [REST, *[1] * (steps - 1), 2 * REST, *[1] * (steps - 1), REST]
    times = np.rint(100 * seconds * np.cumsum([0, *shares]) / sum(shares))
    return [int(duration) for duration in np.diff(times)]


def check_animation_path(path: Path) -> None:
    """Raises UserError if an animation can't be written under such a name."""
    if path.suffix.lower() not in FORMATS:
        raise UserError(f"Animations are written as .gif, .webp or .mp4, not {path.suffix!r}.")


def frames(sources: Mapping[str, Source], look: Look) -> Iterator[np.ndarray]:
    """One frame an α, from 0 to 1: a panel beside the other for each source.

    Args:
        sources: by the names that are written below; their pictures are of one size.

    Returns:
        H×W×3 `uint8`, of even sides.

    Raises:
        UserError: the crop is not inside the picture, or the frames would be too large in all.
    """
    for alpha in look.alphas:
        panels = [_panel(name, picture(alpha), alpha, look) for name, picture in sources.items()]
        width = sum(panel.width for panel in panels) + GAP * (len(panels) - 1)
        height = panels[0].height
        if width * height * (look.steps + 1) > MAX_PIXELS:
            raise UserError(
                f"{look.steps + 1} frames of {width}×{height} pixels are too much for an "
                "animation; take fewer steps, or smaller pictures."
            )
        frame = Image.new("RGB", (width + width % 2, height + height % 2), WHITE)
        for number, panel in enumerate(panels):
            frame.paste(panel, (number * (panel.width + GAP), 0))
        yield np.asarray(frame)


def _panel(name: str, picture: np.ndarray, alpha: float, look: Look) -> Image.Image:
    """The picture, and below it a bar as long as α, with the number."""
    shown = look.crop.cut(picture) if look.crop else picture
    height, width = shown.shape[:2]
    size = shown_size(width, height, max(1, min(look.size, look.size * width // height)))
    enlarged = Image.fromarray(resampled(to_rgb(to_uint8(shown)), size))
    enlarged = enlarged.resize(size, Image.Resampling.NEAREST)
    if not look.captioned:
        return enlarged
    font, words = _font(), f"{name}  α = {alpha:.2f}"
    room, top = max(size[0], ceil(font.getlength(words))), size[1]
    panel = Image.new("RGB", (room, top + CAPTION), WHITE)
    panel.paste(enlarged, ((room - size[0]) // 2, 0))
    draw = ImageDraw.Draw(panel)
    draw.rectangle((0, top, room - 1, top + BAR - 1), GREY)
    if alpha > 0:
        draw.rectangle((0, top, round(alpha * room) - 1, top + BAR - 1), BLUE)
    draw.text((0, top + (BAR + CAPTION) / 2), words, BLACK, font, anchor="lm")
    return panel


def _font() -> ImageFont.FreeTypeFont:
    """One that has an α, from matplotlib's own."""
    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    return ImageFont.truetype(folder / "DejaVuSans.ttf", LETTERS)


def save_animation(pictures: Sequence[np.ndarray], path: Path, seconds: float) -> None:
    """Write frames, there and back, as an endless loop, atomically.

    GIF has one palette of 256 colours for all frames and no dithering: what does not change does
    not flicker. WebP is lossless. MP4 is H.264 as browsers play it; a player loops it if told to.

    Args:
        pictures: of `frames`.
        path: its suffix says the format.

    Raises:
        UserError: the suffix is not one of FORMATS, or the file can't be written.
    """
    check_animation_path(path)
    order = [*pictures, *pictures[-2::-1]]
    durations = _durations(len(pictures) - 1, seconds)
    write = {".gif": _write_gif, ".webp": _write_webp, ".mp4": _write_mp4}[path.suffix.lower()]
    with atomic_path(path) as temporary:
        write(order, durations, temporary)


def _write_gif(order: Sequence[np.ndarray], durations: Sequence[int], path: Path) -> None:
    palette = _palette(order[: len(order) // 2 + 1])
    first, *others = (
        Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE)
        for frame in order
    )
    milliseconds = [10 * duration for duration in durations]
    first.save(
        path, "GIF", save_all=True, append_images=others, duration=milliseconds, loop=0, disposal=1
    )


def _palette(pictures: Sequence[np.ndarray]) -> Image.Image:
    """The 256 colours that fit all the pictures best: by median cut, then k-means."""
    stride = max(1, round((len(pictures) * pictures[0][..., 0].size / PALETTE_PIXELS) ** 0.5))
    colours = np.concatenate([picture[::stride, ::stride] for picture in pictures])
    sample = Image.fromarray(np.ascontiguousarray(colours))
    return sample.quantize(256, Image.Quantize.MEDIANCUT, kmeans=PALETTE_PIXELS // 80)


def _write_webp(order: Sequence[np.ndarray], durations: Sequence[int], path: Path) -> None:
    first, *others = (Image.fromarray(frame) for frame in order)
    milliseconds = [10 * duration for duration in durations]
    first.save(
        path,
        "WEBP",
        save_all=True,
        append_images=others,
        duration=milliseconds,
        loop=0,
        lossless=True,
        quality=0,
        method=1,
    )


def _write_mp4(order: Sequence[np.ndarray], durations: Sequence[int], path: Path) -> None:
    height, width = order[0].shape[:2]
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "14"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        context = stream.codec_context
        context.time_base = Fraction(1, 100)
        context.flags |= Flags.frame_duration
        context.color_range, context.colorspace = ColorRange.MPEG, Colorspace.ITU709
        context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        time = 0
        for picture, duration in zip(order, durations, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
                format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
            )
            frame.pts, frame.time_base, frame.duration = time, Fraction(1, 100), duration
            time += duration
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
