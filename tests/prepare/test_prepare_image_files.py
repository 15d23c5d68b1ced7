"""Which files of a folder or a tar are taken for images."""

import os
import tarfile

import pytest
from image_trees import make_tree

from bigbigan_jax.prepare.errors import PrepareError
from bigbigan_jax.prepare.image_files import list_images


def _names(listing):
    return ["/".join(image.parts) for image in listing.images]


def test_images_by_suffix_and_what_is_ignored(tmp_path):
    tree = make_tree(tmp_path, ["b/2.JPG", "b/1.jpeg", "a/x/3.PnG", "a/4.webp"])
    for other in ("a/list.txt", "a/readme", "a/5.txt", ".6.png", "b/._1.jpeg"):
        (tmp_path / other).write_text("-")
    make_tree(tmp_path, [".cache/7.png", "__MACOSX/b/1.jpeg"])
    listing = list_images(str(tmp_path))
    assert _names(listing) == ["a/4.webp", "a/x/3.PnG", "b/1.jpeg", "b/2.JPG"]
    assert listing.ignored == {".txt": 2, "no suffix": 1}
    assert [image.read() for image in listing.images] == [tree[name] for name in _names(listing)]


def test_links_are_followed_once(tmp_path):
    make_tree(tmp_path / "away", ["1.png", "2.png"])
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (root / "a/one.png").symlink_to(tmp_path / "away/1.png")
    (root / "b").symlink_to(tmp_path / "away")
    (root / "a/up").symlink_to(root)
    (root / "a/gone.png").symlink_to("nowhere")
    os.mkfifo(root / "a/pipe.png")
    listing = list_images(str(root))
    assert _names(listing) == ["a/gone.png", "a/one.png", "a/pipe.png", "b/1.png", "b/2.png"]
    problems = [image.problem for image in listing.images]
    assert problems == [
        "cannot be read: No such file or directory",
        "",
        "is not a regular file",
        "",
        "",
    ]


def test_a_tar_reads_like_its_folder(tmp_path):
    tree = make_tree(tmp_path / "tree", ["train/a/1.png", "train/b/2.jpg", "val/a/.3.png"])
    with tarfile.open(tmp_path / "all.tar", "w") as archive:
        archive.add(tmp_path / "tree", "./tree")
        link = tarfile.TarInfo("tree/train/a/link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "1.png"
        archive.addfile(link)
    listing = list_images(str(tmp_path / "all.tar"))
    assert _names(listing) == ["tree/train/a/1.png", "tree/train/a/link.png", "tree/train/b/2.jpg"]
    first, linked, second = listing.images
    assert (first.read(), second.read()) == (tree["train/a/1.png"], tree["train/b/2.jpg"])
    assert linked.problem == "is a link in a tar"


def test_what_cannot_be_listed(tmp_path):
    with pytest.raises(PrepareError, match="no such folder or tar"):
        list_images(str(tmp_path / "nowhere"))
    (tmp_path / "notes.txt").write_text("-")
    with pytest.raises(PrepareError, match=r"no \.jpg.* file is there among 1 other files"):
        list_images(str(tmp_path))
    with pytest.raises(PrepareError, match="not a whole uncompressed tar"):
        list_images(str(tmp_path / "notes.txt"))


def test_a_file_that_shrank(tmp_path):
    make_tree(tmp_path, ["1.png"])
    (image,) = list_images(str(tmp_path)).images
    (tmp_path / "1.png").write_bytes(b"short")
    with pytest.raises(OSError, match="ended after 5 of"):
        image.read()
