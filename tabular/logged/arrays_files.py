r"""``.npz`` and torch files: named arrays, read without running anything that the file says.

A torch file is a zip archive: ``data.pkl`` describes tensors, ``data/<key>`` holds their bytes. A pickle is a
programme; here the only things it may call are the ones that build a dictionary of dense tensors, and those are our own
stand-ins.
"""

import io
import math
import pickle
import zipfile
from collections import OrderedDict

import numpy as np

from tabular.errors import InputError

__all__ = ["members"]

_STORAGES = {"FloatStorage": "<f4", "DoubleStorage": "<f8", "LongStorage": "<i8", "IntStorage": "<i4"}
_HALVES = {"BFloat16Storage": "bf16", "HalfStorage": "<f2"}


def members(path, torch: bool) -> dict[str, np.ndarray]:
    """The 1-D arrays of a file by name.

    Raises:
        InputError: a broken file, an array of objects, anything that is no dictionary of dense 1-D tensors.
    """
    arrays = _torch(path) if torch else _npz(path)
    shapes = {name: array.shape for name, array in arrays.items()}
    if not arrays or len(set(shapes.values())) > 1 or len(next(iter(shapes.values()))) != 1:
        told = ", ".join(f"{name} {shape}" for name, shape in list(shapes.items())[:6])
        raise InputError(f"{path} holds arrays of shapes {told or 'none'}: the audit needs 1-D arrays of one length")
    return arrays


def _npz(path):
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except ValueError as error:
        if "pickle" in str(error).lower():
            raise InputError(
                f"{path} holds an array of Python objects, which can run code when it is read: save plain floats"
            ) from None
        raise InputError(f"{path} is not a whole npz file: copy it again") from None
    except (zipfile.BadZipFile, OSError, EOFError, KeyError):
        raise InputError(f"{path} is not a whole npz file: copy it again") from None


def _torch(path):
    try:
        with zipfile.ZipFile(path) as archive:
            pickled = next(name for name in archive.namelist() if name.endswith("data.pkl"))
            content = _Reader(archive, pickled).load()
    except (zipfile.BadZipFile, OSError, EOFError, KeyError):
        raise InputError(f"{path} is not a whole torch file: copy it again") from None
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path} holds {error}, and nothing but a dictionary of tensors is read from a torch file: "
            "save the columns as Parquet or CSV"
        ) from None
    except Exception:  # a malformed pickle can fail in any way; it has run nothing but the stand-ins below
        raise InputError(f"{path} is not a dictionary of tensors: save the columns as Parquet or CSV") from None
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise InputError(f"{path} holds a {type(content).__name__}, not a dictionary of tensors by name")
    return {name: value for name, value in content.items() if isinstance(value, np.ndarray)}


class _Reader(pickle.Unpickler):
    """Knows a handful of names, none of which is looked up anywhere."""

    def __init__(self, archive, pickled):
        super().__init__(io.BytesIO(archive.read(pickled)))
        self._archive, self._folder = archive, pickled.removesuffix("data.pkl")

    def find_class(self, module, name):
        if module == "collections" and name == "OrderedDict":
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch" and name in _STORAGES | _HALVES:
            return name
        raise pickle.UnpicklingError(f"{module}.{name}")

    def persistent_load(self, saved):
        """("storage", kind, key, device, size): the bytes of one storage."""
        _, kind, key, _, size = saved
        raw = self._archive.read(f"{self._folder}data/{key}")
        if kind == "BFloat16Storage":
            whole = np.frombuffer(raw, "<u2", size).astype("<u4") << 16
            return whole.view("<f4")
        return np.frombuffer(raw, (_STORAGES | _HALVES)[kind], size)


def _tensor(storage, offset, size, stride, *_):
    """A contiguous view of a storage; what is strided otherwise is no column that a trainer saved."""
    if len(size) == 1 and stride != (1,) and size[0] > 1:
        raise pickle.UnpicklingError("a tensor with gaps")
    return storage[offset : offset + math.prod(size)].reshape(size).copy()
