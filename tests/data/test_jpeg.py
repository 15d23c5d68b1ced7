"""Headers of JPEGs, and decoding no more than is needed of them."""

import io

import numpy as np
import pytest
from PIL import Image

from bigbigan_jax.data import DataError, decode
from bigbigan_jax.data.jpeg import MAX_PIXELS, decode_jpeg, decode_rows, read_header

KINDS = [
    ("RGB", dict(subsampling=0)),
    ("RGB", dict(subsampling=1)),
    ("RGB", dict(subsampling=2)),
    ("RGB", dict(subsampling=2, progressive=True)),
    ("RGB", dict(restart_marker_blocks=4)),
    ("RGB", dict(keep_rgb=True)),
    ("L", {}),
]


def _jpeg(mode: str = "RGB", size=(203, 301), detail: int = 5, **options) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (6 * detail, 4 * detail, 3), np.uint8)
    buffer = io.BytesIO()
    picture = Image.fromarray(noise).resize(size, Image.BICUBIC).convert(mode)
    picture.save(buffer, "JPEG", quality=90, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("mode, options", KINDS)
def test_headers(mode, options):
    header = read_header(_jpeg(mode, exif=b"Exif\0\0" + b"\xff\xd9" * 50, **options))
    assert (header.height, header.width) == (301, 203)
    assert header.components == len(mode)
    rows = 0 if "progressive" in options else 16 if options.get("subsampling", 2) == 2 else 8
    assert header.rows_stop == (8 if mode == "L" or "keep_rgb" in options else rows)
    assert read_header(_jpeg("CMYK")).components == 4


def test_what_is_no_jpeg_has_no_header():
    jpeg = _jpeg()
    for data in (b"", b"\xff", b"\xff\xd8", b"GIF89a" + jpeg, jpeg[:100], jpeg[2:]):
        assert read_header(data) is None


def test_large_claims_are_refused():
    jpeg = _jpeg()
    place = read_header(jpeg).frame + 5
    data = jpeg[:place] + b"\xff\xff\xff\xff" + jpeg[place + 4 :]
    with pytest.raises(DataError, match=f"65535x65535 pixels; the limit is {MAX_PIXELS}"):
        read_header(data)
    with pytest.raises(DataError, match="65535x65535"):
        decode(data, 3)


@pytest.mark.parametrize("mode, options", KINDS)
@pytest.mark.parametrize("channels", [1, 3])
def test_upper_rows_are_those_of_the_whole_bit_for_bit(mode, options, channels):
    data = _jpeg(mode, **options)
    header = read_header(data)
    whole = decode_jpeg(data, header, channels)
    assert whole.shape == (301, 203, channels)
    for bottom in (1, 13, 14, 15, 16, 17, 100, 270, 287, 288, 300, 301):
        rows = decode_rows(data, header, channels, bottom, 1)
        assert len(rows) < bottom + 20 or not header.rows_stop
        np.testing.assert_array_equal(rows[:bottom], whole[:bottom])


@pytest.mark.parametrize("reduction", [2, 4, 8])
@pytest.mark.parametrize("mode, options", KINDS)
def test_reduced_pixels_stand_for_squares(mode, options, reduction):
    data = _jpeg(mode, detail=1, **options)
    header = read_header(data)
    for bottom in (40, 301):
        rows = decode_rows(data, header, 3, bottom, reduction)
        assert rows.shape[1] == -(-203 // reduction) and len(rows) >= bottom / reduction
        whole = decode_jpeg(data, header, 3)[: bottom // reduction * reduction]
        whole = whole[:, : 203 // reduction * reduction].astype(float)
        height, width = (side // reduction for side in whole.shape[:2])
        means = whole.reshape(height, reduction, width, reduction, 3).mean((1, 3))
        assert np.abs(rows[:height, :width] - means).mean() < 6


@pytest.mark.parametrize("mode, options", KINDS[2:4])
def test_ends(mode, options, capfd):
    data = _jpeg(mode, **options)
    whole = decode(data, 3)
    # Without its end marker, or with anything after it, an image is whole.
    for other in (data[:-2], data + b"trailing", data + bytes(5000), data[:-2] + b"\xff\xff\xd9"):
        np.testing.assert_array_equal(decode(other, 3), whole)
        rows = decode_rows(other, read_header(other), 3, 100, 1)
        np.testing.assert_array_equal(rows[:100], whole[:100])
    scan = read_header(data).scan
    for end in np.linspace(scan + 14, len(data) - 30, 9).astype(int):
        with pytest.raises(DataError, match="not a complete image"):
            decode(data[:end], 3)
        with pytest.raises(DataError, match="not a complete image"):
            decode_rows(data[:end], read_header(data), 3, 8, 1)
    assert not capfd.readouterr().err


def test_an_end_in_a_thumbnail_is_not_the_images():
    data = _jpeg(exif=b"Exif\0\0" + _jpeg(size=(16, 16)))
    with pytest.raises(DataError, match="not a complete image"):
        decode(data[:-2000], 3)
