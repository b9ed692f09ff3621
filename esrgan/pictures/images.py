"""Pictures: decoding, encoding, and the only conversions of range and layout.

Inside the project a picture is a NumPy array: H×W (grey), H×W×3 (RGB) or H×W×4 (RGBA, straight
alpha), `uint8` or `uint16`, sRGB. A tensor is N×3×H×W float32 RGB in [0, 1].
"""

import io
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import cv2
import numpy as np
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError

from esrgan.errors import UserError
from esrgan.pictures import structure
from esrgan.pictures.files import atomic_path

if TYPE_CHECKING:
    from torch import Tensor

# Refused before decoding; 50 Mpx decode to 150 MB.
MAX_PIXELS = 50_000_000
READABLE_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM", "AVIF")
IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".avif"}
)
PNG_START = b"\x89PNG\r\n\x1a\n"
# Bytes in which a picture's EXIF lies, and bytes of that which are read.
HEADER_BYTES, MOST_EXIF = 2**20, 2**16
# The longest side that a format can hold.
LONGEST_SIDE = {".webp": 16_383, ".jpg": 65_500, ".jpeg": 65_500}
# TIFF tags, and what they hold in files that matter here.
TIFF_BITS, TIFF_PHOTOMETRIC, TIFF_PLANAR = 258, 262, 284
TIFF_RGB, TIFF_SEPARATE = 2, 2


def load_image(path: Path, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Decode a picture file.

    The first frame of an animation; turned as its EXIF says; CMYK and pictures with a colour
    profile are converted to sRGB; 16-bit files stay `uint16`, everything else becomes `uint8`.

    Returns:
        H×W, H×W×3 or H×W×4, `uint8` or `uint16`.

    Raises:
        UserError: not a picture, damaged, or more than `max_pixels`.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path.name} could not be read: {error.strerror}.") from error
    return decode_image(data, path.name, max_pixels)


def decode_image(data: bytes, name: str, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """`load_image` for the bytes of a file; `name` is used in messages."""
    if data.startswith(PNG_START) and any(kind in data for kind in structure.TEXT_CHUNKS):
        data = structure.png_without_bulk(io.BytesIO(data))
    picture = _open(io.BytesIO(data), data, name, max_pixels)
    try:
        return _decode(picture, data, name)
    except UserError:
        raise
    except MemoryError as error:
        raise UserError(f"{name} needs more memory than there is.") from error
    except Exception as error:  # Pillow and OpenCV raise anything on damaged files
        raise UserError(_damaged(name)) from error


def image_size(path: Path, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Height and width that `load_image` will give, by the file's header alone.

    Raises:
        UserError: as `load_image`, but for damage behind the header.
    """
    try:
        with path.open("rb") as file:
            stream, header = _header(file)
            with _open(stream, header, path.name, max_pixels) as picture:
                turn = _orientation(picture, path.name)
                width, height = picture.size
    except UserError:
        raise
    except Exception as error:
        reason = error.strerror if isinstance(error, OSError) else None
        told = f"{path.name} could not be read: {reason}." if reason else _damaged(path.name)
        raise UserError(told) from error
    return (width, height) if turn in (5, 6, 7, 8) else (height, width)


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


def _open(stream: BinaryIO, data: bytes, name: str, max_pixels: int) -> Image.Image:
    """The picture with its header read and its size checked, not decoded yet; `data` is what of it
    is to be checked before that."""
    if not data:
        raise UserError(f"{name} is empty (0 bytes).")
    _check_structure(data, name)
    try:
        picture = Image.open(stream, formats=_available_formats())
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UserError(_too_large(name, max_pixels)) from error
    except UnidentifiedImageError as error:
        raise UserError(_not_a_picture(name, data[:1000])) from error
    except Exception as error:
        raise UserError(_damaged(name)) from error
    if picture.width * picture.height > max_pixels:
        raise UserError(_too_large(name, max_pixels, picture.size))
    return picture


def _check_structure(data: bytes, name: str) -> None:
    hazard = structure.hazard(data)
    if hazard:
        raise UserError(f"{name} {hazard}, and is not decoded. Save it anew in another program.")


def _available_formats() -> list[str]:
    """Picture formats of this Pillow: AVIF is optional."""
    Image.init()
    return [name for name in READABLE_FORMATS if name in Image.OPEN]


def _too_large(name: str, max_pixels: int, size: tuple[int, int] | None = None) -> str:
    measured = f"is {size[0]}×{size[1]} pixels" if size else "is far too large"
    return f"{name} {measured}; the limit is {max_pixels / 1e6:.3g} megapixels. Reduce it first."


def _not_a_picture(name: str, start: bytes) -> str:
    if b"<svg" in start.lower():
        return f"{name} is an SVG drawing; export it as PNG first."
    return f"{name} is not a picture that can be read (PNG, JPEG, WebP, TIFF, BMP, GIF or AVIF)."


def _damaged(name: str) -> str:
    return f"{name} is damaged or incomplete: its picture data can't be decoded."


def _decode(picture: Image.Image, data: bytes, name: str) -> np.ndarray:
    picture.seek(0)
    picture.load()
    if _has_deep_colour(picture, data):
        pixels = _decode_deep_colour(data)
        if pixels.shape[:2] != picture.size[::-1]:
            raise ValueError("Pillow and OpenCV understand this file differently")
    elif picture.mode.startswith("I;16"):
        pixels = np.asarray(picture).astype(np.uint16)
    elif picture.mode == "I":
        pixels = np.asarray(picture).clip(0, 65535).astype(np.uint16)
    elif picture.mode == "F":
        pixels = _float_to_uint16(np.asarray(picture))
    else:
        pixels = np.asarray(_to_srgb(picture))
    return _turned(pixels, _orientation(picture, name))


def _orientation(picture: Image.Image, name: str) -> int | None:
    """EXIF's or XMP's, 1 … 8, still to be done; of EXIF, only what a JPEG can hold is read."""
    if picture.format == "TIFF":  # turned by its decoders, and its size by Pillow
        return 1
    information = picture.info
    text = information.get("Raw profile type exif")
    if text and "exif" not in information:
        information["exif"] = bytes.fromhex("".join(text.split("\n")[3:]))
    if "exif" in information:
        information["exif"] = information["exif"][:MOST_EXIF]
        _check_structure(information["exif"], name)
    # That of PNG would decode all of it in search of EXIF behind the pixels.
    return Image.Image.getexif(picture).get(ExifTags.Base.Orientation)


def _has_deep_colour(picture: Image.Image, data: bytes) -> bool:
    """16-bit colour, which Pillow would cut down to 8 bits."""
    if picture.format == "PNG":
        bit_depth, colour_type = data[24], data[25]
        return bit_depth == 16 and colour_type != 0
    if picture.format == "TIFF":
        tags = picture.tag_v2  # type: ignore[attr-defined]
        bits, kind = tags.get(TIFF_BITS, (8,)), tags.get(TIFF_PHOTOMETRIC)
        deep = len(bits) >= 3 and max(bits) == 16
        if deep and tags.get(TIFF_PLANAR) == TIFF_SEPARATE:
            raise ValueError("neither Pillow nor OpenCV reads separate planes of 16 bits rightly")
        if deep and structure.has_tag_twice(data):
            raise ValueError("Pillow, which has checked the size, and OpenCV may take another one")
        return deep and kind == TIFF_RGB
    return False


def _decode_deep_colour(data: bytes) -> np.ndarray:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ValueError("OpenCV could not decode the picture")
    code = cv2.COLOR_BGRA2RGBA if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB
    return cv2.cvtColor(pixels, code)


def _turned(pixels: np.ndarray, orientation: int | None) -> np.ndarray:
    """H×W×C turned and mirrored as EXIF's orientation (1 … 8) says."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _float_to_uint16(values: np.ndarray) -> np.ndarray:
    """Floating-point TIFF: [0, 1] is black to white; wider ranges are taken as 0 … 255."""
    values = np.nan_to_num(values, posinf=0, neginf=0)
    white = 1.0 if values.max(initial=0) <= 1 else 255.0
    return np.rint(values.clip(0, white) / white * 65535).astype(np.uint16)


def _to_srgb(picture: Image.Image) -> Image.Image:
    """An 8-bit picture of any mode as L, RGB or RGBA in sRGB."""
    profile = picture.info.get("icc_profile")
    transparent = picture.mode in ("LA", "PA", "RGBA", "La", "RGBa") or (
        "transparency" in picture.info
    )
    if picture.mode in ("1", "L") and not transparent:
        return picture.convert("L")
    if picture.mode not in ("RGB", "CMYK"):
        picture = picture.convert("RGBA" if transparent else "RGB")
    if profile:
        picture = _apply_profile(picture, profile)
    return picture.convert("RGBA" if transparent else "RGB")


def _apply_profile(picture: Image.Image, profile: bytes) -> Image.Image:
    """Convert to sRGB; a profile that is broken or of another colour space is passed over."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(source):
            return picture
        mode = "RGBA" if picture.mode == "RGBA" else "RGB"
        converted = ImageCms.profileToProfile(
            picture, source, ImageCms.createProfile("sRGB"), outputMode=mode
        )
        return converted if converted is not None else picture
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return picture


def save_image(image: np.ndarray, path: Path) -> None:
    """Write H×W, H×W×3 or H×W×4 `uint8` or `uint16` as the suffix says, atomically.

    PNG and TIFF keep 16 bits and WebP is lossless; JPEG is written at quality 95.

    Raises:
        UserError: the suffix can't hold this picture, or the file can't be written.
    """
    data = encode_image(image, path.suffix)
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def encode_image(image: np.ndarray, suffix: str = ".png") -> bytes:
    """The bytes of `save_image`'s file.

    Raises:
        UserError: unknown suffix, or one that can't hold transparency or so long a side.
    """
    suffix = suffix.lower()
    if suffix not in (".png", ".webp", ".jpg", ".jpeg", ".tif", ".tiff"):
        raise UserError(f"Pictures are written as .png, .webp, .jpg or .tif, not {suffix!r}.")
    longest = max(image.shape[:2])
    if longest > LONGEST_SIDE.get(suffix, longest):
        raise UserError(
            f"A {suffix} file holds at most {LONGEST_SIDE[suffix]} pixels a side, not {longest}; "
            "choose PNG or TIFF."
        )
    if image.dtype == np.uint16 and suffix not in (".png", ".tif", ".tiff"):
        image = to_uint8(image)
    if image.dtype == np.uint16 and image.ndim == 3:
        code = cv2.COLOR_RGBA2BGRA if image.shape[2] == 4 else cv2.COLOR_RGB2BGR
        return cv2.imencode(suffix, cv2.cvtColor(image, code))[1].tobytes()
    if suffix in (".jpg", ".jpeg") and image.ndim == 3 and image.shape[2] == 4:
        raise UserError("JPEG can't hold transparency; choose PNG or WebP.")
    buffer = io.BytesIO()
    picture = Image.fromarray(image)
    if suffix == ".png":
        picture.save(buffer, "PNG", compress_level=4)
    elif suffix == ".webp":
        picture.save(buffer, "WEBP", lossless=True, quality=0, method=0, exact=True)
    elif suffix in (".jpg", ".jpeg"):
        picture.save(buffer, "JPEG", quality=95, subsampling=0)
    else:
        picture.save(buffer, "TIFF", compression="tiff_lzw")
    return buffer.getvalue()


def encode_for_browsers(image: np.ndarray) -> bytes:
    """A lossless file of an H×W or H×W×3 `uint8` picture that any browser shows: WebP, or PNG where
    a side is too long."""
    suffix = ".webp" if max(image.shape[:2]) <= LONGEST_SIDE[".webp"] else ".png"
    return encode_image(np.ascontiguousarray(image), suffix)


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


def list_images(folder: Path, recursive: bool = True) -> list[Path]:
    """The picture files of a folder by suffix, sorted; hidden files are left out.

    Raises:
        UserError: there is no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder.")
    files = folder.rglob("*") if recursive else folder.glob("*")
    found = sorted(
        file
        for file in files
        if file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith(".")
    )
    if not found:
        raise UserError(f"{folder} holds no pictures.")
    return found
