"""Damaged files of every kind are told from good ones."""

import os
import struct
import tarfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from image_trees import image_bytes, make_tree

from bigbigan_jax.prepare.checking import problem_of, problems
from bigbigan_jax.prepare.image_files import ImageFile, list_images

_DATA = os.environ.get("BIGBIGAN_TEST_DATA")


def _huge_png(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(999))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )


def _huge_jpeg() -> bytes:
    data = bytearray(image_bytes(0, ".jpg"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 65_000, 65_000)
    return bytes(data)


def _originals() -> list[bytes]:
    made = [image_bytes(seed, suffix, 40) for seed in range(4) for suffix in (".jpg", ".webp")]
    made += [image_bytes(seed, ".png", 40) for seed in range(4)]
    if not _DATA:
        return made
    with tarfile.open(Path(_DATA) / "imagenette.tar") as archive:
        photographs = (member for member in archive if member.name.endswith(".JPEG"))
        return made + [archive.extractfile(next(photographs)).read() for _ in range(12)]


def test_two_hundred_damaged_files(tmp_path):
    rng = np.random.default_rng(0)
    originals = _originals()
    for i in range(200):
        data = originals[i % len(originals)]
        kind = ("cut", "garbage", "empty", "huge", "text", "zeros")[i % 6]
        if kind == "cut":  # in the first 95 %, so that pixels are missing
            data = data[: int(len(data) * rng.uniform(0.01, 0.95))]
        elif kind == "garbage":
            data = rng.bytes(int(rng.integers(1, 5000)))
        elif kind == "zeros":  # a file whose blocks never reached the disk
            data = bytes(len(data))
        else:
            huge = _huge_jpeg() if i % 4 else _huge_png(*rng.integers(20_000, 2**31, 2).tolist())
            data = {"empty": b"", "text": b"<html>not found</html>", "huge": huge}[kind]
        (tmp_path / f"{kind}{i}{('.jpg', '.PNG', '.webp')[i % 3]}").write_bytes(data)
    make_tree(tmp_path, [f"good{i}.{suffix}" for i in range(5) for suffix in ("jpg", "png")])
    reasons = {image.parts[0]: why for image, why in problems(list_images(str(tmp_path)).images)}
    assert len(reasons) == 210
    for name, why in reasons.items():
        assert bool(why) != name.startswith("good"), name
        assert "\n" not in why
        if name.startswith("empty"):
            assert why == "is empty"
        if name.startswith("huge"):
            assert "pixels" in why


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".gif", ".bmp"])
def test_another_kind_of_image_than_the_name_says_is_good(tmp_path, suffix):
    (tmp_path / "1.jpg").write_bytes(image_bytes(0, suffix))
    assert problem_of(*list_images(str(tmp_path)).images) == ""


def test_what_cannot_be_read(tmp_path):
    path = str(tmp_path / "1.png")
    assert problem_of(ImageFile(("1.png",), path, 0, 5)) == (
        "cannot be read: No such file or directory"
    )
    assert problem_of(ImageFile(("1.png",), path, 0, 5, "is a link")) == "is a link"
