"""Features for a probe: extracted where they are not on disk yet, or read from a file."""

import functools
import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from bigbigan_jax.data import Augmentation, Source, open_source
from bigbigan_jax.extract.extraction import extract
from bigbigan_jax.extract.store import LABELS, read_about, read_arrays
from bigbigan_jax.hub import Model
from bigbigan_jax.probe.encoders import (
    DiscriminatorFeatures,
    RawPixels,
    image_features_of,
    untrained,
)
from bigbigan_jax.probe.errors import ProbeError
from bigbigan_jax.probe.features import Features, check_same_kind
from bigbigan_jax.probe.image_features import AugmentedFeatures
from bigbigan_jax.probe.linear import TABLE_1
from bigbigan_jax.probe.protocols import Sets
from bigbigan_jax.progress import tracked

FEATURES = ("trained", "random_init", "raw", "discriminator")
LAYERS = {"avepool_feat": "AvePool", "z_mean": "E(x)"}
_SPLITS = ("train", "train_val", "validation")
_MOST_CLASSES = 1_000_000


def extracted_sets(
    model: Model,
    kind: str,
    data: str,
    data_dir: str | None,
    validation: str,
    cache: Path,
    augmentation: Augmentation | None = None,
    workers: int = 0,
    layer: str = "avepool_feat",
) -> Sets:
    """Features of a data set's train_without_val, train_val and test split.

    Args:
      model: what to probe.
      kind: one of `FEATURES`; "random_init" is the model with fresh weights.
      data: name of the data set.
      data_dir: where prepared data lie.
      validation: name of the test split.
      cache: folder under which features are kept.
      augmentation: how to crop training images, each time anew; None for centre crops, whose
        features are kept.
      workers: processes that decode training images; 0 for threads of this process.
      layer: which of E's outputs, of `LAYERS`; the only one of pixels and of D is the first.

    Raises:
      ProbeError: the set has no labels.
      bigbigan_jax.data.DataError: there is no such set.
      bigbigan_jax.extract.store.StoreError: the cache cannot be used.
    """
    if model.networks.encoder is None and kind in ("trained", "random_init"):
        raise ProbeError("this model has no encoder: it was trained without one")
    names = ("train_without_val", "train_val", validation)
    sources = [open_source(data, name, data_dir) for name in names]
    for source in sources:
        if source.num_classes is None:
            raise ProbeError(f"{source.name} split {source.split!r} has no labels to probe for")
    encoder: Any = model
    if kind == "raw":
        encoder = RawPixels(model)
    elif kind == "discriminator":
        encoder = DiscriminatorFeatures(model)
    elif kind == "random_init":
        encoder = untrained(model, sources[0])
    if augmentation is None:
        found = (_extracted(encoder, kind, source, cache, layer) for source in sources)
        return Sets(*found, LAYERS[layer])
    features, (train, *others) = image_features_of(encoder), sources
    if TABLE_1.batch_size % features.mesh.size:
        raise ProbeError(
            f"a batch of {TABLE_1.batch_size} images cannot be split over the {features.mesh.size} "
            "devices of this host; show it fewer, or leave out --augmentation"
        )
    return Sets(
        AugmentedFeatures(features, train, augmentation, workers),
        *(_extracted(encoder, kind, source, cache) for source in others),
        LAYERS["avepool_feat"],
    )


def sets_of_file(path: Path) -> Sets:
    """Features of an .npz file.

    It holds `train`, `train_val` and `validation`, [N, F] each, and `train_labels` and so on, [N].
    Without `train_val`, a tenth of `train` takes its place.

    Raises:
      ProbeError: an array is missing or does not fit.
    """
    try:
        arrays = dict(np.load(path))
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ProbeError(f"{path}: not an .npz file of arrays: {error}") from error
    names = [name for name in _SPLITS if name != "train_val" or name in arrays]
    missing = [name + end for name in names for end in ("", "_labels") if name + end not in arrays]
    if missing:
        raise ProbeError(f"{path}: has no array {missing[0]!r}; it has {', '.join(arrays)}")
    for name in names:
        labels = arrays[f"{name}_labels"]
        if not np.issubdtype(labels.dtype, np.integer) or labels.max(initial=0) >= _MOST_CLASSES:
            raise ProbeError(f"{path}: {name}_labels must be whole numbers below {_MOST_CLASSES:,}")
    classes = 1 + max(int(arrays[f"{name}_labels"].max(initial=0)) for name in names)
    sets = {name: Features(arrays[name], arrays[f"{name}_labels"], classes) for name in names}
    if "train_val" not in sets:
        train = sets["train"]
        held = np.random.default_rng(0).permutation(len(train)) % 10 == 0
        for name, rows in (("train_val", held), ("train", ~held)):
            sets[name] = Features(train.values[rows], train.labels[rows], classes)
    check_same_kind(sets)
    return Sets(**sets)


def _extracted(
    encoder: Any, kind: str, source: Source, cache: Path, layer: str = "avepool_feat"
) -> Features:
    # Another model or other data are another folder.
    of = [encoder.about[name] for name in ("weights", "step", "model")]
    told = json.dumps([*of, source.fingerprint])
    name = kind if layer == "avepool_feat" else f"{kind}_{layer}"
    folder = cache / name / source.name.replace("/", "_") / source.split
    folder = folder / hashlib.sha256(told.encode()).hexdigest()[:12]
    text = f"{kind}: features of {source.split}"
    progress = functools.partial(tracked, text=text)
    extract(encoder, source, folder, names=[layer], progress=progress)
    arrays, about = read_arrays(folder), read_about(folder)
    return Features(arrays[layer], arrays[LABELS], about["num_classes"])
