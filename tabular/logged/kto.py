"""TRL's KTO trainer writes one completion a row; the two of a prompt, one desirable and one not, make a pair."""

from dataclasses import dataclass
from typing import Any

from tabular.errors import InputError
from tabular.logged import files

__all__ = ["Paired", "paired"]

#: the reference's column, and the versions that call it so
_REFERENCE = {"ref_logps": "TRL KTO 1.6 on, saved data set", "reference_logps": "TRL KTO 1.5, saved data set"}


@dataclass(frozen=True)
class Paired(files.File):
    """A file whose rows were brought together to pairs."""

    frame: Any = None
    trainer: str = ""


def paired(file: files.File, names: list[str]) -> tuple[files.File, list[str]]:
    """The file as pairs where it holds one completion a row with its prompt and label; else as it is.

    Raises:
        InputError: no prompt has exactly one completion of each label.
    """
    ref = next((name for name in _REFERENCE if name in names), None)
    if ref is None or not {"prompt", "label"} <= set(names) or file.kind in (files.ARRAYS, files.TORCH):
        return file, names
    polars = files.library("polars", file.path)
    policy = next((name for name in ("policy_logps", "logps") if name in names), None)
    values = {ref: "ref", **({policy: "policy"} if policy else {})}
    label = polars.col("label").cast(polars.String).str.to_lowercase().is_in(["true", "1", "1.0"])
    rows = files.lazy(file, values).with_columns(label.alias("desirable"))
    sides = {"chosen": polars.col("desirable"), "rejected": ~polars.col("desirable")}
    once = [side.sum() == 1 for side in sides.values()]
    ends = [
        polars.col(name).filter(side).first().alias(f"{kind}_{end}_logps")
        for name, kind in values.items()
        for end, side in sides.items()
    ]
    together = polars.all_horizontal(*once).alias("complete")
    frame = rows.group_by("prompt", maintain_order=True).agg(*ends, together).filter("complete").drop("complete")
    try:
        frame = frame.collect().lazy()
    except polars.exceptions.PolarsError as error:
        raise InputError(f"{file.path} cannot be read: {str(error).splitlines()[0]}") from None
    if not frame.select(polars.len()).collect().item():
        raise InputError(
            f"{file.path} holds one completion a row and no prompt with exactly one desirable and one undesirable: "
            "an audit needs pairs"
        )
    return Paired(file.path, files.PARQUET, None, frame, _REFERENCE[ref]), list(frame.collect_schema())
