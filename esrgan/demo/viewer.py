"""The comparison viewer: a gr.HTML component that draws on canvases in the browser.

The server sends lossless files; the browser keeps them, so that moving a slider, zooming, wiping
and the histogram need no request. `View` is all that travels.
"""

from typing import Any, Literal

import gradio as gr
from gradio.data_classes import GradioModel, ImageData

from esrgan.errors import UserError
from esrgan.inference.blend import DEFAULT_ALPHA
from esrgan.viewer.component import PAGE, viewer_html
from esrgan.web_page import one_script

State = Literal["running", "done", "stopped", "failed"]


class Picture(GradioModel):
    """A pane's picture.

    Attributes:
        name: "lr", "bicubic", "after" or "hr".
        file: 8-bit RGB or grey, lossless.
        original: what a download gives, where that is more: 16 bits or transparency.
    """

    name: str
    file: ImageData
    original: ImageData | None = None


class Frame(GradioModel):
    """The network's picture at a key α; 0 is the PSNR model and 1 the GAN model."""

    alpha: float
    file: ImageData
    original: ImageData | None = None


class Exact(GradioModel):
    """The network's picture where the sliders rested, and its score."""

    alpha: float
    third: float = 0
    file: ImageData
    original: ImageData | None = None
    score: str


class ImageScore(GradioModel):
    """The score of the image interpolation; its pixels are blended in the browser."""

    alpha: float
    third: float = 0
    score: str


class Alphas(GradioModel):
    """Positions of the sliders: the two α, and the third model's share in both blends."""

    network: float = DEFAULT_ALPHA
    image: float = DEFAULT_ALPHA
    third: float = 0


class Link(GradioModel):
    """Address of a comparison; `page_link` reads it.

    Attributes:
        example: the file's name without suffix, or "" for a visitor's own picture.
        kind: "hr" or "lr".
        models: names of `zoo.MODELS`; none if there are others among them.
        mark: x, y, w, h of the marked crop, to begin with.
        view: "grid", "wipe", "difference", or "" as the browser likes.
        pair: names of the two panes that are wiped or compared, or none.
        zoom: CSS pixels a pixel, and x and y of the point in the middle; nothing to fit, None as
            the browser likes.
    """

    example: str = ""
    kind: str = "hr"
    models: tuple[str, ...] = ()
    mark: tuple[int, ...] = ()
    view: str = ""
    pair: tuple[str, ...] = ()
    zoom: tuple[float, ...] | None = None


class Part(GradioModel):
    """The part of a large picture that is compared.

    Attributes:
        overview: the picture, small.
        width, height: of the picture in its own pixels.
        place: x, y, width and height in those.
        most: pixels of a part, at most.
        whole: what making the whole larger means, in words; "" where the picture is the HR.
    """

    overview: ImageData
    width: int
    height: int
    place: tuple[int, int, int, int]
    most: int
    whole: str = ""


class View(GradioModel):
    """State of a comparison in the browser.

    Attributes:
        run: changes with every comparison; "" of one that has not begun.
        width, height: of the results in pixels.
        scores: a line for each pane, by its name.
        titles: of the models' panes, where they are not the usual ones.
        obstacle, third_obstacle: why the networks of the two ends, or all three, can't be
            interpolated.
        link: for an address that shows the same.
        start: where the sliders go when the comparison begins.
        complete: no more frames will come.
        name: of the picture, without suffix.
        panes: names of the panes that there will be.
        state, words, progress: what is being computed, or how it ended; progress is 0 … 1.
        detail: x, y and width of the place to look at first; nothing for the whole picture.
        part: of a large picture; None where all of it is compared.
    """

    run: str
    width: int
    height: int
    pictures: list[Picture]
    frames: list[Frame]
    scores: dict[str, str]
    titles: dict[str, str]
    link: Link
    obstacle: str | None = None
    third_obstacle: str | None = None
    start: Alphas | None = None
    exact: Exact | None = None
    image: ImageScore | None = None
    complete: bool = False
    name: str = ""
    panes: tuple[str, ...] = ()
    state: State = "running"
    words: str = ""
    progress: float = 0
    detail: tuple[int, ...] = ()
    part: Part | None = None


class Viewer(gr.HTML):
    """Shows a `View`. Events: `release` when a slider rests (its data: run and those of `Alphas`),
    `select` when a crop is marked (its data: mark, with x, y, w and h in result pixels), `download`
    when the comparison is to be saved as a web page (its data: how it is looked at, as in an
    address of `page_link`), `apply` when another part of a large picture is wished for (its data:
    place, as in `Part`), `submit` when the whole is, `retry` when a comparison has ended and its
    last view has not come."""

    data_model = View

    def __init__(self, **options: Any) -> None:
        super().__init__(
            html_template=viewer_html(),
            css_template=(PAGE / "viewer.css").read_text("utf-8"),
            js_on_load=f"{one_script(PAGE, 'viewer.js')}\nstart(element, props, trigger, watch);",
            **options,
        )

    def preprocess(self, payload: Any) -> Any:
        return payload

    def postprocess(self, value: Any) -> Any:
        return value

    def api_info(self) -> dict[str, Any]:
        return View.model_json_schema()


def alphas_of(event: gr.EventData) -> Alphas:
    """α at which the sliders rest, of a `release` event.

    Raises:
        UserError: what the browser sent is no α.
    """
    given = {name: getattr(event, name, None) for name in Alphas.model_fields}
    if not all(isinstance(alpha, int | float) and 0 <= alpha <= 1 for alpha in given.values()):
        raise UserError("alpha must be a number between 0 and 1.")
    return Alphas.model_validate(given)


def place_of(event: gr.EventData) -> tuple[int, int, int, int]:
    """Place of an `apply` event.

    Raises:
        UserError: what the browser sent is none.
    """
    given = getattr(event, "place", None)
    if not isinstance(given, list) or len(given) != 4 or not all(map(_is_pixel, given)):
        raise UserError("A part of a picture is four whole numbers: x, y, width and height.")
    x, y, width, height = given
    return x, y, width, height


def _is_pixel(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 2**31
