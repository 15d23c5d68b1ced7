"""What folders are taken to mean."""

import pytest

from bigbigan_jax.prepare.errors import PrepareError
from bigbigan_jax.prepare.image_files import ImageFile
from bigbigan_jax.prepare.layout import arrange


def _arrange(*names, layout=None):
    images = [ImageFile(tuple(name.split("/")), "", 0, 1) for name in names]
    return arrange(images, layout)


def _labels(arrangement):
    return {
        split: {image.name: image.label for image in images}
        for split, images in arrangement.splits.items()
    }


def test_splits_with_classes_that_are_numbered_alike():
    found = _arrange("train/dog/1.png", "train/cat/2.png", "val/ant/3.png", "val/cat/deep/4.png")
    assert (found.layout, found.classes) == ("split/class", ["ant", "cat", "dog"])
    assert _labels(found) == {
        "train": {"dog/1.png": "dog", "cat/2.png": "cat"},
        "val": {"ant/3.png": "ant", "cat/deep/4.png": "cat"},
    }
    assert found.missing() == {"train": ["ant"], "val": ["dog"]}


@pytest.mark.parametrize(
    ("names", "layout", "splits"),
    [
        (["cat/1.png", "dog/2.png"], "class", {"train"}),
        (["train/1.png", "test/2.png"], "split", {"train", "test"}),
        (["train/1.png"], "split", {"train"}),
        (["1.png", "2.png"], "flat", {"train"}),
        (["photos/1.png", "photos/2.png"], "flat", {"train"}),
        (["set/v2/cat/1.png", "set/v2/dog/2.png"], "class", {"train"}),
        (["set/Training/cat/1.png"], "split/class", {"Training"}),
    ],
)
def test_layouts_that_are_found_out(names, layout, splits):
    found = _arrange(*names)
    assert (found.layout, set(found.splits)) == (layout, splits)
    assert (found.classes is None) == (layout in ("split", "flat"))


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["1.png", "cat/2.png"], "several depths, such as 1.png and cat/2.png"),
        (["train/1.png", "train/cat/2.png"], "several depths"),
        (["cat/1.png", "dog/small/2.png"], "several depths"),
        (["train/1.png", "cats/2.png"], "'train' is named like a split and 'cats' is not"),
        (["a/x/1.png", "b/x/2.png"], "'a' may be a split or a class"),
    ],
)
def test_mixed_and_ambiguous_layouts_are_refused(names, words):
    with pytest.raises(PrepareError, match=words) as caught:
        _arrange(*names)
    assert "--layout=split/class|class|split|flat" in str(caught.value)


def test_a_layout_that_is_given():
    names = ["a/x/1.png", "b/x/2.png"]
    assert _arrange(*names, layout="split/class").classes == ["x"]
    assert _arrange(*names, layout="class").classes == ["a", "b"]
    assert set(_arrange(*names, layout="split").splits) == {"a", "b"}
    assert set(_labels(_arrange(*names, layout="flat"))["train"]) == set(names)
    with pytest.raises(PrepareError, match=r"below 2 folder\(s\), but there is c/3.png"):
        _arrange(*names, "c/3.png", layout="split/class")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("all/x/1.png", "a split cannot be called 'all'"),
        ("my train/x/1.png", "a split cannot be called 'my train'"),
        ("train_val/x/1.png", "'train_val' is a split that every training set has already"),
        ("train/ x/1.png", "a class cannot be called ' x'"),
        ("train/x\ny/1.png", "a class cannot be called"),
    ],
)
def test_names_that_cannot_be_kept(name, words):
    with pytest.raises(PrepareError, match=words) as caught:
        _arrange(name, "train/y/2.png", layout="split/class")
    assert "\n" not in str(caught.value)


def test_names_that_are_no_utf_8():
    name = b"caf\xe9/1.png".decode("utf-8", "surrogateescape")
    assert _arrange(name, layout="class").classes == ["caf\\xe9"]
