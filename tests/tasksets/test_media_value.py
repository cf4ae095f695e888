"""Images and sounds in their forms; Pillow and the standard library are the oracles."""

import base64
import io
import urllib.request

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from openenv_tasksets.media_value import NoMedia, data_uri, is_picture, media_bytes, picture, picture_uri


def encoded(kind, mode="RGB"):
    content = io.BytesIO()
    Image.new(mode, (3, 2), 1 if mode == "1" else None).save(content, kind)
    return content.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
def test_the_bytes_tell_the_type_as_pillow_does(kind):
    content = encoded(kind)

    assert data_uri(content).startswith(f"data:{Image.MIME[kind]};base64,")
    assert picture({"bytes": content, "path": "x"}).format == kind


@pytest.mark.parametrize(
    ("content", "path", "kind"),
    [
        (b"RIFF\0\0\0\0WAVEfmt ", None, "audio/wav"),
        (b"fLaC", "a.png", "audio/flac"),
        (b"?", "a.mp3", "audio/mpeg"),
        (b"?", "a.unknown", "application/octet-stream"),
        (b"?", None, "application/octet-stream"),
        (b"RIFF\0\0\0\0other", None, "application/octet-stream"),
        (b"", None, "application/octet-stream"),
    ],
)
def test_else_the_path_tells_it(content, path, kind):
    assert data_uri({"bytes": content, "path": path}).startswith(f"data:{kind};base64,")


@given(st.binary())
def test_a_data_uri_holds_the_bytes(content):
    uri = data_uri(content)

    assert urllib.request.urlopen(uri).read() == content == media_bytes(uri)
    assert data_uri(uri) == uri
    assert media_bytes({"bytes": content}) == content == media_bytes(content)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "I;16", "I", "F", "CMYK", "LAB"])
def test_a_decoded_image_loses_nothing(mode):
    size = (5, 4)
    image = Image.new(mode, size)
    image.frombytes(bytes(range(7, 7 + len(image.tobytes()))))

    back = picture(picture_uri(image))

    assert (back.mode, back.size) == (mode, size)
    assert back.tobytes() == image.tobytes()
    assert is_picture(back)
    assert not is_picture(encoded("PNG"))


@pytest.mark.parametrize("mode", ["P", "HSV", "YCbCr", "RGBa"])
def test_an_image_of_any_mode_looks_the_same(mode):
    image = Image.new("RGBA", (2, 2), (9, 99, 199, 255)).convert("RGBa" if mode == "RGBa" else "RGB").convert(mode)

    assert picture(picture_uri(image)).convert("RGB").tobytes() == image.convert("RGBA").convert("RGB").tobytes()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "null is no image or sound"),
        ("secret text", "text is no image or sound"),
        (7, "int is no image or sound"),
        ({"bytes": None, "path": "a.png"}, "holds only the path of a file, not its bytes"),
        ({"url": "secret"}, "the struct has no bytes"),
        ({"bytes": "secret!"}, "text is no image or sound"),
        ("data:image/png,secret", "the data URI is not in base64"),
        ("data:image/png;base64,s*cret", "the data URI is not in base64"),
        ("data:image/png;base64", "the data URI is not in base64"),
    ],
)
def test_what_is_no_media_is_said_without_its_value(value, message):
    with pytest.raises(NoMedia, match=message) as caught:
        media_bytes(value)
    assert "secret" not in str(caught.value)


def test_what_pillow_cannot_read_is_said():
    with pytest.raises(NoMedia, match="^Pillow cannot read the image: UnidentifiedImageError$"):
        picture(b"secret")
    with pytest.raises(NoMedia, match="^Pillow cannot read the image: "):
        picture(encoded("PNG")[:40])
    assert base64.b64decode(data_uri(b"x").partition(",")[2]) == b"x"
