"""Writes files as `torch.save` does, without PyTorch."""

import collections
import io
import pickle
import struct
import sys
import types
import zipfile
from pathlib import Path

import numpy as np

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


def write_zip(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """The format since PyTorch 1.6."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", _pickled(arrays))
        for number, array in enumerate(arrays.values()):
            archive.writestr(f"archive/data/{number}", array.tobytes())
        archive.writestr("archive/version", "3\n")


def write_stream(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """The format before."""
    about = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {}}
    with path.open("wb") as file:
        for each in (MAGIC, PROTOCOL, about):
            pickle.dump(each, file, 2)
        file.write(_pickled(arrays))
        pickle.dump([str(number) for number in range(len(arrays))], file, 2)
        for array in arrays.values():
            file.write(struct.pack("<q", array.size) + array.tobytes())


def _pickled(arrays: dict[str, np.ndarray]) -> bytes:
    kinds = {"float32": "FloatStorage", "int64": "LongStorage"}
    fake = {name: types.ModuleType(name) for name in ("torch", "torch._utils")}
    for kind in kinds.values():
        setattr(fake["torch"], kind, type(kind, (), {"__module__": "torch"}))

    def _rebuild_tensor_v2(*parts):
        """Only its name is written."""

    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    fake["torch._utils"]._rebuild_tensor_v2 = _rebuild_tensor_v2
    fake["torch"]._utils = fake["torch._utils"]

    class Tensor:
        def __init__(self, number: int, array: np.ndarray):
            self.array, self.number = array, number

        def __reduce__(self):
            strides = tuple(stride // self.array.itemsize for stride in self.array.strides)
            storage = Storage(self.number, self.array)
            hooks = collections.OrderedDict()
            return _rebuild_tensor_v2, (storage, 0, self.array.shape, strides, False, hooks)

    class Storage:
        def __init__(self, number: int, array: np.ndarray):
            self.number, self.array = number, array

    class Pickler(pickle.Pickler):
        def persistent_id(self, found):
            if not isinstance(found, Storage):
                return None
            kind = getattr(fake["torch"], kinds[str(found.array.dtype)])
            return ("storage", kind, str(found.number), "cpu", found.array.size, None)

    tensors = collections.OrderedDict(
        (name, Tensor(number, array)) for number, (name, array) in enumerate(arrays.items())
    )
    before = {name: sys.modules.get(name) for name in fake}
    sys.modules.update(fake)
    try:
        stream = io.BytesIO()
        Pickler(stream, 2).dump(tensors)
        return stream.getvalue()
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
