"""One table in many files: a directory, a pattern, a list; data sets saved by the libraries of trainers among them."""

import os
from pathlib import Path

from tabular.base import checks
from tabular.errors import InputError

__all__ = ["found", "frames_of"]

#: what stands beside the data of a saved data set, and is none of it
_BESIDE = {"dataset_info.json", "state.json", "dataset_dict.json", "_SUCCESS", "_metadata", "_common_metadata"}


def found(path) -> list[Path]:
    """The files that a path, a directory or a pattern means, in the order of their names.

    Raises:
        InputError: no path, a pattern that matches nothing, a directory without files, or one with several splits.
    """
    if isinstance(path, list | tuple) and path and all(isinstance(one, str | os.PathLike) for one in path):
        return [inside for one in path for inside in found(one)]
    path = checks.path(path)
    if path.is_dir():
        return _inside(path)
    if any(sign in str(path) for sign in "*?[") and not path.exists():
        matches = sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
        if not matches:
            raise InputError(f"{path} matches no file: check the pattern, and quote it for the shell")
        return matches
    return [path]


def _inside(directory):
    if (directory / "dataset_dict.json").exists():
        splits = ", ".join(sorted(child.name for child in directory.iterdir() if child.is_dir()))
        raise InputError(f"{directory} holds several splits ({splits}): name the directory of one of them")
    inside = sorted(
        child
        for child in directory.iterdir()
        if child.is_file() and child.name not in _BESIDE and not child.name.startswith((".", "_", "cache-"))
    )
    caches = sorted(child for child in directory.iterdir() if child.is_file() and child.name.startswith("cache-"))
    if not inside and len(caches) > 1:
        raise InputError(
            f"{directory} holds {len(caches)} caches, which may be of different runs: name the one of this run, such "
            f"as {caches[-1].name}"
        )
    if not inside and not caches:
        raise InputError(
            f"{directory} is a directory without files of data: name a file, or the directory of the parts"
        )
    return inside or caches


def frames_of(frames):
    """The lazy frames of all parts as one, or ``None`` where a part has none or their columns differ."""
    if any(frame is None for frame in frames):
        return None
    if len(frames) == 1:
        return frames[0]
    import polars

    return polars.concat(frames, how="diagonal_relaxed")
