"""Files of exactly the form that each trainer writes, through other code than the readers'; each cites its source."""

import gzip
import io
import json
import pickle
import sys
import types
import zipfile
from collections import OrderedDict

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.ipc as ipc

REF = {"chosen": [-96.25, -41.5, -180.125], "rejected": [-90.5, -44.75, -150.0]}


def two(prefix="ref_", suffix="_logps", values=REF, dtype=np.float32):
    return {f"{prefix}{side}{suffix}": np.array(values[side], dtype=dtype) for side in ("chosen", "rejected")}


def trl_arrow_cache(path):
    """huggingface/trl#5906, in 1.6 and later: an Arrow stream of the two columns alone, float32."""
    table = pa.table(two())
    with pa.OSFile(str(path), "wb") as sink, ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)


def trl_npz_cache(path):
    """TRL 0.29-1.5: numpy.savez of the same two arrays."""
    with path.open("wb") as file:
        np.savez(file, **two())


def trl_table(path):
    """TRL 0.12-0.28: columns of trainer.train_dataset, saved by the user; here the Parquet of Dataset.to_parquet."""
    ids = {"prompt_input_ids": [[1, 2]] * 3, "chosen_input_ids": [[1] * n for n in (40, 20, 90)]}
    ids["rejected_input_ids"] = [[1] * n for n in (38, 25, 70)]
    pl.DataFrame({"prompt": ["a", "b", "c"], **ids, **two()}).write_parquet(path)


def trl_old_table(path):
    """TRL 0.7.5-0.11 (huggingface/trl#885): reference_ in place of ref_; here the CSV of Dataset.to_csv."""
    pl.DataFrame({"prompt": ["a", "b", "c"], **two("reference_", dtype=np.float64)}).write_csv(path)


def trl_kto_table(path):
    """TRL KTO: one completion a row, unpaired in TRL's way, all desirable ones of a batch before the others."""
    rows = {
        "prompt": ["a", "b", "c"] * 2,
        "label": [True] * 3 + [False] * 3,
        "ref_logps": np.array([*REF["chosen"], *REF["rejected"]], dtype=np.float32),
        "ref_KL_logps": np.full(6, -77.0, dtype=np.float32),
    }
    pl.DataFrame(rows).write_parquet(path)


def axolotl_cache(path):
    """axolotl with trl 1.8.0 pinned: TRL's own."""
    trl_arrow_cache(path)


def ms_swift_table(path):
    """ms-swift (TRL below 1.0): in memory under TRL's newer names; JSON lines of Dataset.to_json."""
    columns = two(dtype=np.float64)
    rows = [{"prompt_input_ids": [1], **{name: float(v[i]) for name, v in columns.items()}} for i in range(3)]
    path.write_text("\n".join(json.dumps(row) for row in rows))


def open_instruct_cache(path):
    """open-instruct (#1182, 2026-01): torch.save of a dict of two float32 tensors; they are the reference's."""
    torch_file(path, two(""))


FORMS = {
    "cache-0a1b.arrow": (trl_arrow_cache, "TRL 1.6 on", "sums"),
    "cache-0a1b.npz": (trl_npz_cache, "TRL 0.29-1.5", "sums"),
    "train.parquet": (trl_table, "TRL 0.12-0.28 or ms-swift", "sums, averages under ipo"),
    "train.csv": (trl_old_table, "TRL 0.7.5-0.11", "averages under ipo from 0.7.11"),
    "kto.parquet": (trl_kto_table, "TRL KTO 1.6 on", "sums"),
    "axolotl.arrow": (axolotl_cache, "axolotl", "sums"),
    "swift.jsonl": (ms_swift_table, "ms-swift", "averages under ipo"),
    "0123456789abcdef.pt": (open_instruct_cache, "open-instruct", "averages for dpo_norm (its default)"),
}


class _Storage:
    def __init__(self, kind, key, array):
        self.kind, self.key, self.array = kind, key, array


def torch_file(path, arrays, kind="FloatStorage", extra=None):
    """What torch.save writes (zip format, read in torch/serialization.py): data.pkl beside one entry a storage."""
    modules = {name: types.ModuleType(name) for name in ("torch", "torch._utils")}

    def _rebuild_tensor_v2(*_):
        raise AssertionError

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    modules["torch._utils"]._rebuild_tensor_v2 = _rebuild_tensor_v2
    modules["torch"]._utils = modules["torch._utils"]
    storage_class = type(kind, (), {"__module__": "torch", "__qualname__": kind})
    setattr(modules["torch"], kind, storage_class)

    class Tensor:
        def __init__(self, key, array):
            self.storage = _Storage(storage_class, key, array)

        def __reduce__(self):
            size = self.storage.array.shape
            return _rebuild_tensor_v2, (self.storage, 0, size, (1,) * len(size), False, OrderedDict())

    class Pickler(pickle.Pickler):
        def persistent_id(self, item):
            if isinstance(item, _Storage):
                return ("storage", item.kind, item.key, "cpu", len(item.array))
            return None

    before = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    try:
        stream = io.BytesIO()
        content = {name: Tensor(str(i), array) for i, (name, array) in enumerate(arrays.items())} | (extra or {})
        Pickler(stream, protocol=2).dump(content)
    finally:
        for name, module in before.items():
            sys.modules.pop(name) if module is None else sys.modules.update({name: module})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", stream.getvalue())
        for i, array in enumerate(arrays.values()):
            archive.writestr(f"archive/data/{i}", array.tobytes())
        archive.writestr("archive/version", "3\n")


def packed(path, how):
    """The same file packed, under its name with another ending."""
    data = path.read_bytes()
    packed = gzip.compress(data) if how == "gz" else pa.Codec("zstd").compress(data, asbytes=True)
    target = path.with_name(f"{path.name}.{how}")
    target.write_bytes(packed)
    return target
