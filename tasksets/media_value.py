"""Images and sounds as values: a struct of ``bytes`` and ``path``, plain bytes, a data URI, or Pillow's image.

The struct is what ``datasets`` and the Hub keep in Parquet. A data URI (RFC 2397, in base64) is text that says what
it is, so it is the form for the wire, and what chat endpoints take as the URL of an image.
"""

import base64
import binascii
import io
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeGuard

if TYPE_CHECKING:
    from PIL.Image import Image

PILLOW_COMMAND = "pip install 'openenv-tasksets[images]'"

_PREFIX = "data:"
_ANY_TYPE = "application/octet-stream"
# The first bytes of a file, and for a RIFF container those of what it holds.
_TYPES = (
    (b"\x89PNG\r\n\x1a\n", b"", "image/png"),
    (b"\xff\xd8\xff", b"", "image/jpeg"),
    (b"GIF8", b"", "image/gif"),
    (b"RIFF", b"WEBP", "image/webp"),
    (b"RIFF", b"WAVE", "audio/wav"),
    (b"BM", b"", "image/bmp"),
    (b"II*\0", b"", "image/tiff"),
    (b"MM\0*", b"", "image/tiff"),
    (b"fLaC", b"", "audio/flac"),
    (b"OggS", b"", "audio/ogg"),
    (b"ID3", b"", "audio/mpeg"),
    (b"%PDF", b"", "application/pdf"),
)
# Modes that each of the two keeps as they are; no decoder gives others, but a program may make them.
_PNG_MODES = frozenset({"1", "L", "LA", "I;16", "P", "RGB", "RGBA"})
_TIFF_MODES = frozenset({"CMYK", "F", "I", "LAB"})


class NoMedia(ValueError):
    """A value that is no image or sound; the message holds nothing of it."""


def media_bytes(value: Any) -> bytes:
    """The bytes of an image or sound, as they are in its file.

    Args:
        value: A struct with ``bytes``, bytes, or a data URI.

    Raises:
        NoMedia: It is none of these.
    """
    if isinstance(value, Mapping):
        value = _of_struct(value)
    if isinstance(value, bytes):
        return value
    if isinstance(value, str) and value.startswith(_PREFIX):
        return _of_data_uri(value)
    raise NoMedia(f"{_named(value)} is no image or sound: a struct with bytes, bytes, or a data URI is")


def data_uri(value: Any) -> str:
    """An image or sound as ``data:image/png;base64,…``.

    The type is told by the first bytes, else by the path's ending, else it is ``application/octet-stream``. A data URI
    stays as it is.

    Raises:
        NoMedia: As ``media_bytes`` does.
    """
    content = media_bytes(value)
    if isinstance(value, str):
        return value
    path = value.get("path") if isinstance(value, Mapping) else None
    return f"{_PREFIX}{_type_of(content, path)};base64,{base64.b64encode(content).decode()}"


def picture(value: Any) -> "Image":
    """An image, decoded by Pillow.

    Raises:
        NoMedia: As ``media_bytes`` does; or Pillow cannot read it, or is not installed.
    """
    content = media_bytes(value)
    try:
        from PIL import Image
    except ImportError as exc:
        raise NoMedia(f"Pillow is not installed: {PILLOW_COMMAND}") from exc
    try:
        image = Image.open(io.BytesIO(content))
        image.load()
    except Exception as exc:
        raise NoMedia(f"Pillow cannot read the image: {type(exc).__name__}") from exc
    return image


def is_picture(value: Any) -> "TypeGuard[Image]":
    """Whether it is an image of Pillow's, which is not imported for it."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(value, module.Image)


def picture_uri(image: "Image") -> str:
    """A decoded image as a data URI, without loss: PNG, or TIFF where PNG has no such mode.

    What neither of them has (HSV, say) becomes RGB.
    """
    if image.mode not in _PNG_MODES | _TIFF_MODES:
        image = image.convert("RGBA" if "a" in image.mode.lower() else "RGB")
    content = io.BytesIO()
    image.save(content, "TIFF" if image.mode in _TIFF_MODES else "PNG")
    return data_uri(content.getvalue())


def _of_struct(value: Mapping[str, Any]) -> Any:
    content = value.get("bytes")
    if content is None and value.get("path") is not None:
        raise NoMedia("the struct holds only the path of a file, not its bytes")
    if content is None:
        raise NoMedia("the struct has no bytes")
    return content


def _of_data_uri(text: str) -> bytes:
    head, comma, body = text.partition(",")
    if not comma or not head.endswith(";base64"):
        raise NoMedia("the data URI is not in base64")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise NoMedia("the data URI is not in base64") from exc


def _type_of(content: bytes, path: str | None) -> str:
    for start, inner, name in _TYPES:
        if content.startswith(start) and (not inner or content[8:12] == inner):
            return name
    if not path:
        return _ANY_TYPE
    import mimetypes

    return mimetypes.guess_type(path)[0] or _ANY_TYPE


def _named(value: Any) -> str:
    return "null" if value is None else "text" if isinstance(value, str) else type(value).__name__
