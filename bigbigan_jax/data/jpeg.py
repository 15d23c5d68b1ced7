"""JPEG files: what their headers say, and decoding no more of them than a crop needs."""

import dataclasses

import numpy as np
import simplejpeg

from bigbigan_jax.data.errors import DataError

MAX_PIXELS = 2**27  # a header that claims more is taken for damage: 400 MB of RGB
_COLORS = {1: "GRAY", 3: "RGB"}
_END = b"\xff\xd9"
_SEQUENTIAL = (0xC0, 0xC1)  # the frames of baseline and of extended sequential files
_NO_FRAMES = (0xC4, 0xC8, 0xCC)  # markers among those of frames that are something else
_SCAN = 0xDA
_BENIGN = "extraneous bytes"  # of libjpeg's warnings, the one that costs no pixels


@dataclasses.dataclass(frozen=True)
class JpegHeader:
    """What the header of a JPEG file says.

    Attributes:
      height: of the image, in pixels.
      width: of the image, in pixels.
      components: 1 grey, 3 colour, 4 CMYK or YCCK.
      frame: offset of the frame's marker in the file.
      scan: offset of the first scan's marker in the file.
      rows_stop: height of a row of blocks, if decoding can stop after any of them, which it can
        if one sequential scan holds everything; else 0.
    """

    height: int
    width: int
    components: int
    frame: int
    scan: int
    rows_stop: int


def read_header(data: bytes) -> JpegHeader | None:
    """Reads a JPEG's header, in microseconds.

    Args:
      data: the content of a file, of whatever format.

    Returns:
      The header; None if the file is no JPEG of 8 bits whose header is whole.

    Raises:
      DataError: if the image would have more than `MAX_PIXELS` pixels.
    """
    if data[:2] != b"\xff\xd8":
        return None
    place, frame = 2, None
    while place + 10 < len(data):
        if data[place] != 0xFF:
            return None
        marker = data[place + 1]
        if marker == 0xFF:  # padding
            place += 1
            continue
        if marker == _SCAN:
            break
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAMES:
            frame = place
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    else:
        return None
    if frame is None or data[frame + 4] != 8:
        return None
    height = int.from_bytes(data[frame + 5 : frame + 7], "big")
    width = int.from_bytes(data[frame + 7 : frame + 9], "big")
    components = data[frame + 9]
    if not height or not width or components not in (1, 3, 4):
        return None
    if height * width > MAX_PIXELS:
        raise DataError(f"a JPEG of {width}x{height} pixels; the limit is {MAX_PIXELS} pixels")
    rows_stop = 0
    if data[frame + 1] in _SEQUENTIAL and data[place + 4] == components:
        sampling = (data[frame + 11 + 3 * component] & 15 for component in range(components))
        rows_stop = 8 * max(sampling)
    return JpegHeader(height, width, components, frame, place, rows_stop)


def decode_jpeg(data: bytes, header: JpegHeader, channels: int) -> np.ndarray:
    """Decodes a grey or colour JPEG, all of it.

    Bytes after the image's end are ignored, and so is the lack of the end marker alone.

    Args:
      data: the content of the file.
      header: its header; components 1 or 3.
      channels: 1 for grey (the luma), 3 for RGB.

    Returns:
      uint8 [height, width, channels].

    Raises:
      DataError: if any pixels are missing or damaged.
    """
    try:
        return simplejpeg.decode_jpeg(_ended(data, header), _COLORS[channels])
    except ValueError as error:
        if _BENIGN not in str(error):
            raise _damaged(data, error) from error
    return _decode(data, _COLORS[channels])


def decode_rows(
    data: bytes, header: JpegHeader, channels: int, bottom: int, reduction: int
) -> np.ndarray:
    """Decodes a grey or colour JPEG as far down as needed, at a reduced scale if wanted.

    At scale 1 its rows are those of `decode_jpeg`, bit for bit. The others come of inverse
    cosine transforms of fewer points, a low pass filter: pixel (i, j) stands for the
    `reduction` x `reduction` pixels from (i, j) * reduction on.

    A file that is cut off is recognised by its missing end marker; wrong bits in the middle go
    unnoticed here, as decoding cannot stop early and tell them from the rest of the file.

    Args:
      data: the content of the file.
      header: its header; components 1 or 3.
      channels: 1 for grey (the luma), 3 for RGB.
      bottom: how many rows of the image are needed, from the top, at scale 1.
      reduction: 1, 2, 4 or 8.

    Returns:
      uint8 [h, ceil(width / reduction), channels], h at least bottom / reduction.

    Raises:
      DataError: if it cannot be decoded or is cut off.
    """
    if data.rfind(_END, header.scan) < 0:
        decode_jpeg(data, header, channels)
        data += _END
    rows = header.height
    # Colour is interpolated from the block row below, too: two rows more are needed.
    needed = bottom + 2 * reduction
    if header.rows_stop:
        rows = min(rows, -(-needed // header.rows_stop) * header.rows_stop)
    if rows < header.height:
        # The decoder believes the header and leaves the rest of the file alone.
        place = header.frame + 5
        data = data[:place] + rows.to_bytes(2, "big") + data[place + 2 :]
    least = (-(-rows // reduction), -(-header.width // reduction)) if reduction > 1 else (0, 0)
    return _decode(data, _COLORS[channels], *least)


def _ended(data: bytes, header: JpegHeader) -> bytes:
    # With an end, libjpeg can say whether anything but the end is missing.
    return data if data.rfind(_END, header.scan) >= 0 else data + _END


def _decode(data: bytes, color: str, min_height: int = 0, min_width: int = 0) -> np.ndarray:
    try:
        return simplejpeg.decode_jpeg(
            data, color, min_height=min_height, min_width=min_width, strict=False
        )
    except ValueError as error:
        raise _damaged(data, error) from error


def _damaged(data: bytes, error: ValueError) -> DataError:
    return DataError(f"{len(data)} bytes of JPEG are not a complete image: {error}")
