"""The official tars, and what is not one."""

import tarfile

import pytest
from official_tars import CLASSES, add, make_train, make_validation

from bigbigan_jax.prepare.errors import PrepareError
from bigbigan_jax.prepare.imagenet_tars import (
    TRAIN,
    VALIDATION,
    class_names,
    find_tars,
    validation_labels,
)


def test_classes_and_labels():
    assert len(class_names()) == 1000 and class_names()[0] == "n01440764"
    labels = validation_labels()
    assert len(labels) == 50_000 and set(labels.values()) == set(class_names())
    # Of the ground truth that comes with ILSVRC2012's development kit.
    assert labels["ILSVRC2012_val_00000001.JPEG"] == "n01751748"
    assert labels["ILSVRC2012_val_00000293.JPEG"] == "n01440764"


def test_a_part_of_imagenet_is_refused_unless_told(tmp_path):
    make_validation(tmp_path)
    with pytest.raises(PrepareError, match="holds 6 images and the official one 50,000.*--partial"):
        find_tars(str(tmp_path))
    (tar,) = find_tars(str(tmp_path), partial=True)
    assert (tar.split, tar.size) == ("validation", (tmp_path / VALIDATION).stat().st_size)
    make_train(tmp_path)
    assert [tar.split for tar in find_tars(str(tmp_path), partial=True)] == ["validation", "train"]


def test_missing_tars(tmp_path):
    with pytest.raises(PrepareError, match=f"{VALIDATION} is not there.*image-net.org"):
        find_tars(str(tmp_path))
    with pytest.raises(PrepareError, match=f"neither {TRAIN} nor {VALIDATION}"):
        find_tars(str(tmp_path), partial=True)


@pytest.mark.parametrize("name", [TRAIN, VALIDATION])
@pytest.mark.parametrize("cut", [300, -3000])
def test_a_tar_that_is_cut_off(tmp_path, name, cut):
    (make_train if name == TRAIN else make_validation)(tmp_path)
    data = (tmp_path / name).read_bytes()
    end = cut if cut > 0 else len(data.rstrip(b"\0")) + cut
    (tmp_path / name).write_bytes(data[:end])
    with pytest.raises(PrepareError, match=f"{name} is not a whole tar: .*; download it again"):
        find_tars(str(tmp_path), partial=True)


@pytest.mark.parametrize(
    ("tar", "member", "data", "words"),
    [
        (TRAIN, "n00000000.tar", b"", "must hold a tar for each class.*'n00000000.tar'"),
        (TRAIN, "readme.txt", b"", "must hold a tar for each class.*'readme.txt'"),
        (TRAIN, f"{CLASSES[0]}.tar", b"-", f"{CLASSES[0]}.tar in it must be a tar of"),
        (VALIDATION, "1.JPEG", b"", "must hold ILSVRC2012_val_00000001.JPEG to .*'1.JPEG'"),
        (VALIDATION, "ILSVRC2012_val_00050001.JPEG", b"", "'ILSVRC2012_val_00050001.JPEG'"),
    ],
)
def test_members_that_do_not_belong(tmp_path, tar, member, data, words):
    with tarfile.open(tmp_path / tar, "w") as archive:
        add(archive, member, data)
    with pytest.raises(PrepareError, match=words):
        find_tars(str(tmp_path), partial=True)


def test_a_name_that_is_there_twice(tmp_path):
    with tarfile.open(tmp_path / VALIDATION, "w") as archive:
        add(archive, "ILSVRC2012_val_00000001.JPEG", b"")
        add(archive, "./ILSVRC2012_val_00000001.JPEG", b"")
    with pytest.raises(PrepareError, match="the same name twice"):
        find_tars(str(tmp_path), partial=True)


def test_an_empty_tar(tmp_path):
    tarfile.open(tmp_path / TRAIN, "w").close()
    with pytest.raises(PrepareError, match="holds 0 classes"):
        find_tars(str(tmp_path), partial=True)
