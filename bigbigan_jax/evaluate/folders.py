"""Scores a folder of images against another, whoever made them."""

from pathlib import Path

import numpy as np

from bigbigan_jax.data import DataError
from bigbigan_jax.evaluate.collecting import collect
from bigbigan_jax.evaluate.images import of_files
from bigbigan_jax.evaluate.references import Reference, Shown
from bigbigan_jax.evaluate.results import Result
from bigbigan_jax.evaluate.scoring import scores_of
from bigbigan_jax.inception import InceptionFeatures
from bigbigan_jax.prepare.image_files import ImageFile, list_images
from bigbigan_jax.scores import ScoreError


def score_folders(
    directory: str,
    against: str,
    size: int | None,
    inception: InceptionFeatures,
    *,
    parts: int,
    keep: int,
    shown: Shown,
) -> Result:
    """Scores images against real ones.

    Args:
      directory: folder or tar of the images to score.
      against: folder or tar of real images.
      size: short side to so many pixels and centre crop first; None to take images whole.
      inception: gives the features.
      parts: of the images, for a spread of FID and IS.
      keep: images a set for KID, precision and the like.
      shown: see `reference_of`.

    Raises:
      bigbigan_jax.prepare.errors.PrepareError: a folder is missing or holds no image.
      bigbigan_jax.data.DataError: a file is no image.
      bigbigan_jax.scores.ScoreError: there are too few.
    """
    images, real = _images(directory, "--dir", 2 * parts), _images(against, "--against", 2)
    # Names often sort by class: parts must be alike.
    images = [images[i] for i in np.random.default_rng(0).permutation(len(images))]
    of_real = collect(
        shown(of_files(real, size), len(real), "reading --against"),
        len(real),
        inception,
        parts=1,
        keep=keep,
    )
    of_images = collect(
        shown(of_files(images, size), len(images), "reading --dir"),
        len(images),
        inception,
        parts=parts,
        keep=keep,
    )
    moments = {width: of_real.whole(width) for width in of_real.moments}
    crop = "whole" if size is None else f"short side to {size} px, centre"
    reference = Reference.of(
        Path(against).name, f"{against}, {len(real):,} images, {crop}", moments, of_real.kept
    )
    protocol = {
        **inception.about,
        "images": f"{directory}, {len(images):,} images, {crop}",
        "parts": parts,
        "kept for KID and neighbours": keep,
        "reference": reference.about,
    }
    return Result(reference.name, None, scores_of(of_images, reference), protocol)


def _images(folder: str, flag: str, least: int) -> list[ImageFile]:
    """The images of a folder: regular files all, and not fewer than `least`."""
    images = list_images(folder, flag).images
    for image in images:
        if image.problem:
            raise DataError(f"{flag}={folder}: {'/'.join(image.parts)} {image.problem}")
    if len(images) < least:
        why = ", 2 for each of --parts" if least > 2 else ""
        raise ScoreError(
            f"{flag}={folder}: {len(images)} images; there must be {least} or more{why}"
        )
    return images
