"""Decoding of the kinds of image files that ImageNet holds, against Pillow."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from bigbigan_jax.data import DataError, as_pixels, decode


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    """Returns a smooth colour image, so that compression changes it little."""
    noise = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    return Image.fromarray(noise).resize((80, 60), Image.BICUBIC)


def _file(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _difference(first: np.ndarray, second: np.ndarray) -> int:
    assert first.shape == second.shape and first.dtype == np.uint8
    return int(np.abs(first.astype(int) - second).max())


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_jpeg_modes_agree_with_pillow(picture, mode):
    data = _file(picture.convert(mode), "JPEG", quality=95)
    stored = Image.open(io.BytesIO(data))
    assert stored.mode == mode
    # CMYK is converted in integers by the one and by another formula in the other.
    assert _difference(decode(data, 3), np.asarray(stored.convert("RGB"))) <= 2
    grey = np.asarray(stored.convert("RGB").convert("L"))[..., None]
    assert _difference(decode(data, 1), grey) <= 2
    # The colours are those that went in, not their negative and not in another order.
    original = np.asarray(picture.convert(mode).convert("RGB"))
    assert np.abs(decode(data, 3).astype(int) - original).mean() < 6


def test_ycck_jpeg(picture):
    # A YCCK file is a CMYK one whose Adobe marker names transform 2.
    cmyk = _file(picture.convert("CMYK"), "JPEG", quality=95)
    place = cmyk.index(b"Adobe") + 11
    ycck = cmyk[:place] + b"\x02" + cmyk[place + 1 :]
    expected = np.asarray(Image.open(io.BytesIO(ycck)).convert("RGB"))
    assert _difference(decode(ycck, 3), expected) <= 2


@pytest.mark.parametrize("mode", ["RGB", "L", "LA", "RGBA", "P", "1"])
def test_png_modes_lose_only_their_alpha(picture, mode):
    image = picture.convert(mode)
    if mode in ("LA", "RGBA"):
        image.putalpha(picture.convert("L").point(lambda value: value // 2))
    options = {"transparency": 3} if mode == "P" else {}
    data = _file(image, "PNG", **options)
    assert _difference(decode(data, 3), np.asarray(image.convert("RGB"))) == 0


@pytest.mark.parametrize("channels", [1, 3])
def test_png_of_16_bits_keeps_the_upper_8(picture, channels):
    wide = np.asarray(picture).astype(np.uint16)[..., :channels] * 256 + 200
    data = cv2.imencode(".png", wide[..., ::-1])[1].tobytes()
    assert _difference(decode(data, channels), (wide >> 8).astype(np.uint8)) == 0


def test_exif_orientation_is_not_applied(picture):
    exif = Image.Exif()
    exif[0x0112] = 6  # "rotate by 90 degrees to show"
    assert decode(_file(picture, "JPEG", exif=exif), 3).shape == (60, 80, 3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("keep", [0.0, 0.01, 0.5])
def test_cut_off_files_are_refused(picture, kind, keep):
    data = _file(picture, kind)
    with pytest.raises(DataError, match="not a complete image"):
        decode(data[: int(len(data) * keep)], 3)


def test_other_bytes_and_channels_are_refused(picture):
    with pytest.raises(DataError, match=r"9 bytes starting with b'<!DOCTYP'"):
        decode(b"<!DOCTYPE", 3)
    with pytest.raises(DataError, match="channels must be 1"):
        decode(_file(picture, "PNG"), 4)


@pytest.mark.parametrize("refusing", [False, True])
def test_pillow_takes_what_opencv_refuses(picture, monkeypatch, refusing):
    if refusing:
        monkeypatch.setattr(cv2, "imdecode", lambda *_: None)
    grey16 = np.asarray(picture.convert("L")).astype(np.uint16) * 256 + 9
    data = cv2.imencode(".png", grey16)[1].tobytes()
    assert _difference(decode(data, 3)[..., 0], np.asarray(picture.convert("L"))) == 0
    colour = _file(picture, "PNG")
    assert _difference(decode(colour, 3), np.asarray(picture)) == 0
    assert decode(colour, 1).shape == (60, 80, 1)


def test_arrays_pass_and_change_their_channels(picture):
    colour, grey = np.asarray(picture), np.asarray(picture.convert("L"))[..., None]
    assert as_pixels(colour, 3) is colour
    np.testing.assert_array_equal(as_pixels(grey, 3), np.repeat(grey, 3, 2))
    assert _difference(as_pixels(colour, 1), grey) <= 1
    np.testing.assert_array_equal(as_pixels(_file(picture, "PNG"), 3), colour)
    with pytest.raises(DataError, match="float64"):
        as_pixels(colour / 255, 3)
    with pytest.raises(DataError, match="channels"):
        as_pixels(colour, 2)
