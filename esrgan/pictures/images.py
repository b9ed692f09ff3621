"""Pictures: decoding, and the only conversions of range and layout.

Inside the project a picture is a NumPy array: H×W (grey), H×W×3 (RGB) or H×W×4 (RGBA, straight
alpha), `uint8` or `uint16`, sRGB. A tensor is N×3×H×W float32 RGB in [0, 1].
"""

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from PIL import UnidentifiedImageError

from esrgan.errors import UserError
from esrgan.pictures import structure
from esrgan.pictures.colour import srgb, to_srgb
from esrgan.pictures.raster import Raster

if TYPE_CHECKING:
    from torch import Tensor

    from esrgan.pictures.tiff import Tiff

# Refused before decoding, unless the caller has another limit: a gigapixel decodes to 3 GB.
MAX_PIXELS = 2**30
PNG_START = b"\x89PNG\r\n\x1a\n"
# Bytes in which a picture's EXIF lies.
HEADER_BYTES = 2**20
# Marks in the first twelve bytes of pictures that are met, and not read.
OTHER_PICTURES = {
    **dict.fromkeys((b"\xff\x0a", b"\0\0\0\x0cJXL "), "a JPEG XL picture"),
    **dict.fromkeys((b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"), "a JPEG 2000 picture"),
    b"8BPS": "a Photoshop document",
    b"v/1\x01": "an OpenEXR picture",
    b"#?RADIANCE": "a Radiance HDR picture",
    b"%PDF": "a PDF document",
    b"ftypcrx": "a camera's raw picture",
}
TURNED_ON_THEIR_SIDE = (5, 6, 7, 8)  # EXIF's orientations


class SeveralPicturesWarning(UserWarning):
    """Only the first picture of a file is used."""


def load_image(path: Path, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Decode a picture file.

    The first frame or page, with a warning if there are more; turned as its EXIF says; whatever
    says in the file of which colours it is, they are converted to sRGB. More than 8 bits become
    `uint16`, all else `uint8`.

    Returns:
        H×W, H×W×3 or H×W×4, `uint8` or `uint16`.

    Raises:
        UserError: not a picture, damaged, more than `max_pixels`, or of a kind that is not read.
    """
    return decode_image(_read(path), path.name, max_pixels)


def load_with_profile(path: Path, max_pixels: int = MAX_PIXELS) -> tuple[np.ndarray, bytes]:
    """`load_image` without converting colours, and the ICC profile of those (sRGB's if the file
    says nothing); CMYK becomes sRGB all the same."""
    return _decoded(_read(path), path.name, max_pixels, keep_profile=True)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path.name} could not be read: {error.strerror}.") from error


def decode_image(data: bytes, name: str, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """`load_image` for the bytes of a file; `name` is used in messages."""
    return _decoded(data, name, max_pixels, keep_profile=False)[0]


def _decoded(
    data: bytes, name: str, max_pixels: int, keep_profile: bool
) -> tuple[np.ndarray, bytes]:
    """The picture, and the ICC profile of its colours."""
    if data.startswith(PNG_START) and any(kind in data for kind in structure.TEXT_CHUNKS):
        data = structure.png_without_bulk(io.BytesIO(data))
    picture = _open(io.BytesIO(data), data, name, max_pixels)
    try:
        stored = picture.decode()
        if _is_one_of_several(picture):
            words = f"{name} holds several frames or pages: the first one is used."
            warnings.warn(words, SeveralPicturesWarning, stacklevel=4)
        is_kept = keep_profile and stored.profile and stored.space != "cmyk"
        pixels = stored.pixels if is_kept else to_srgb(stored)
        if pixels.ndim == 3 and pixels.shape[2] == 2:  # grey and alpha
            pixels = pixels[..., (0, 0, 0, 1)]
        return _turned(pixels, stored.orientation), stored.profile if is_kept else srgb()
    except UserError:
        raise
    except MemoryError as error:
        raise UserError(f"{name} needs more memory than there is.") from error
    except Exception as error:  # decoders raise anything on damaged files
        raise UserError(_damaged(name)) from error


def _is_one_of_several(picture: "Raster | Tiff") -> bool:
    try:
        return picture.is_one_of_several
    except Exception:  # the next one is damaged, in any way
        return True


def image_size(path: Path, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Height and width that `load_image` will give, by the file's header alone.

    Raises:
        UserError: as `load_image`, but for damage behind the header.
    """
    try:
        with path.open("rb") as file:
            stream, header = _header(file)
            picture = _open(stream, header, path.name, max_pixels)
            turn = picture.orientation
            width, height = picture.size
    except UserError:
        raise
    except Exception as error:
        reason = error.strerror if isinstance(error, OSError) else None
        told = f"{path.name} could not be read: {reason}." if reason else _damaged(path.name)
        raise UserError(told) from error
    return (width, height) if turn in TURNED_ON_THEIR_SIDE else (height, width)


def _header(file: BinaryIO) -> tuple[BinaryIO, bytes]:
    """A picture to be opened, and as much of it as `structure.hazard` needs: all of a TIFF."""
    start = file.read(HEADER_BYTES)
    if start.startswith(structure.TIFF_STARTS):
        start += file.read()
    file.seek(0)
    if not start.startswith(PNG_START):
        return file, start
    header = structure.png_without_bulk(file, header_only=True)
    return io.BytesIO(header), header


def _open(stream: BinaryIO, data: bytes, name: str, max_pixels: int) -> "Raster | Tiff":
    """The picture with its header read and its size checked, not decoded yet; `data` is what of it
    is to be checked before that."""
    if not data:
        raise UserError(f"{name} is empty (0 bytes).")
    structure.check(data, name)
    try:
        is_tiff = data.startswith(structure.TIFF_STARTS)
        picture = _open_tiff(data, name) if is_tiff else Raster(stream, data, name)
    except UnidentifiedImageError as error:
        raise UserError(_not_a_picture(name, data[:1000])) from error
    except Exception as error:
        raise UserError(_damaged(name)) from error
    width, height = picture.size
    if width * height > max_pixels:
        raise UserError(_too_large(name, max_pixels, picture.size))
    return picture


def _open_tiff(data: bytes, name: str) -> "Raster | Tiff":
    from esrgan.pictures.tiff import Tiff  # only here: few pictures are TIFFs

    tiff = Tiff(data, name)
    if not tiff.is_for_pillow:
        return tiff
    try:
        return Raster(io.BytesIO(data), data, name)
    except UnidentifiedImageError:  # an odd layout
        return tiff


def _too_large(name: str, max_pixels: int, size: tuple[int, int]) -> str:
    limit = f"{max_pixels / 1e6:,.4g} megapixels"
    return f"{name} is {size[0]}×{size[1]} pixels; the limit is {limit}. Reduce it first."


def _not_a_picture(name: str, start: bytes) -> str:
    if b"<svg" in start.lower():
        return f"{name} is an SVG drawing; export it as PNG first."
    kind = next((kind for mark, kind in OTHER_PICTURES.items() if mark in start[:12]), None)
    if kind:
        return f"{name} is {kind}, which is not read here; export it as PNG or TIFF first."
    formats = "PNG, JPEG, WebP, TIFF, BMP, GIF, AVIF or HEIC"
    return f"{name} is not a picture that can be read ({formats})."


def _damaged(name: str) -> str:
    return f"{name} is damaged or incomplete: its picture data can't be decoded."


def _turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """H×W×C turned and mirrored as EXIF's orientation (1 … 8) says."""
    if orientation in TURNED_ON_THEIR_SIDE:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def to_uint8(image: np.ndarray) -> np.ndarray:
    """`uint16` pictures reduced to `uint8` by rounding; `uint8` ones as they are."""
    if image.dtype == np.uint8:
        return image
    return np.rint(image / 257.0).astype(np.uint8)


def to_rgb(image: np.ndarray) -> np.ndarray:
    """H×W×3 of the same dtype: grey is repeated; transparency is laid over white."""
    if image.ndim == 2:
        return np.repeat(image[..., None], 3, axis=2)
    if image.shape[2] == 3:
        return image
    white = np.iinfo(image.dtype).max
    alpha = image[..., 3:] / white
    blended = image[..., :3] * alpha + white * (1 - alpha)
    return np.rint(blended).astype(image.dtype)


def to_tensor(image: np.ndarray) -> "Tensor":
    """H×W×3 `uint8` or `uint16` -> 1×3×H×W float32 in [0, 1]."""
    import torch  # only here: what just decodes starts in a fraction of the time without it

    planes = np.ascontiguousarray(image.transpose(2, 0, 1))  # 3×H×W
    scaled = planes.astype(np.float32) / np.iinfo(image.dtype).max
    return torch.from_numpy(scaled).unsqueeze(0)


def to_image(tensor: "Tensor", dtype: type = np.uint8) -> np.ndarray:
    """1×3×H×W in [0, 1] (clipped) -> H×W×3 `uint8` or `uint16`, rounded to nearest."""
    white = np.iinfo(dtype).max
    planes = tensor.detach()[0].float().clamp(0, 1).mul(white).round()  # 3×H×W
    return np.ascontiguousarray(planes.permute(1, 2, 0).cpu().numpy().astype(dtype))


def rgb_to_y(image: np.ndarray) -> np.ndarray:
    """Luma of BT.601 in studio range, as MATLAB's `rgb2ycbcr`: the Y of every SR benchmark.

    Args:
        image: H×W×3 or H×W, `uint8` or `uint16`.

    Returns:
        H×W float64 in [16, 235].
    """
    rgb = to_rgb(image) / np.iinfo(image.dtype).max
    return 16.0 + rgb @ np.array([65.481, 128.553, 24.966])


def crop_to_multiple(image: np.ndarray, multiple: int) -> np.ndarray:
    """Cut right and bottom so that height and width divide by `multiple`.

    Raises:
        UserError: the picture is smaller than `multiple`.
    """
    height, width = (side - side % multiple for side in image.shape[:2])
    if 0 in (height, width):
        height, width = image.shape[:2]
        raise UserError(
            f"The picture is {width}×{height}: each side needs {multiple} pixels at least."
        )
    return image[:height, :width]
