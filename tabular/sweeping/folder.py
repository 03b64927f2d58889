"""The folder of a sweep: its plan, its partitions, and the manifest that is written when all of them stand.

Every file is written under another name, forced to the disk and renamed: under its own name a file is whole.
"""

import hashlib
import json
import os
from pathlib import Path

from tabular.errors import InputError
from tabular.sweeping import plan as plans
from tabular.sweeping.partition import stands, types_in

__all__ = ["MANIFEST", "PLAN", "Folder", "as_json", "written"]

PLAN, MANIFEST = "plan.json", "manifest.json"


class Folder:
    """One sweep on disk; started, it holds the plan and nothing half written."""

    def __init__(self, path: Path, plan: dict):
        self.path, self.plan, self.key = path, plan, plans.key(plan)
        self.types: dict[str, str] = {}
        self._hashes: dict[int, str] = {}

    def start(self) -> None:
        """Make the folder, or take up the sweep that it holds; refuse any other content."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            for left in self.path.glob(".*.part"):
                left.unlink()
            there = sorted(path.name for path in self.path.iterdir())
        except OSError as error:
            raise InputError(f"{self.path} cannot be a sweep's folder: {error.strerror}") from None
        if PLAN in there:
            told = plans.difference(self.plan, written(self.path, PLAN))
            if told:
                raise InputError(f"{self.path} holds another sweep, {told}: name another folder, or delete that one")
        elif there:
            raise InputError(f"{self.path} holds {there[0]}, which is no sweep's: name an empty or a new folder")
        else:
            self._write(PLAN, as_json(self.plan))

    def name(self, start: int) -> str:
        """The file of the partition that begins with a problem."""
        digits = max(6, len(str(self._count - 1)))
        return f"part-{start // self.plan['chunk']:0{digits}d}.parquet"

    def starts(self) -> range:
        """The first problem of each partition."""
        return range(0, self.plan["size"], self.plan["chunk"])

    def stop(self, start: int) -> int:
        """The first problem after a partition."""
        return min(start + self.plan["chunk"], self.plan["size"])

    def missing(self) -> list[int]:
        """Where partitions begin that are not there, not whole, or not what a manifest says."""
        known = {}
        if (self.path / MANIFEST).is_file():
            known = {row["file"]: row["sha256"] for row in written(self.path, MANIFEST)["partitions"]}
        standing = [start for start in self.starts() if self._stands(start, known)]
        if standing:
            self.types = types_in(self.path / self.name(standing[0]))
        return sorted(set(self.starts()) - set(standing))

    def keep(self, partition) -> None:
        """Write a partition; its columns must be those of the others."""
        self.types = self.types or partition.types
        if partition.types != self.types:
            told = ", ".join(f"{name} {kind}" for name, kind in partition.types.items())
            others = ", ".join(f"{name} {kind}" for name, kind in self.types.items())
            raise InputError(
                f"problems from {partition.start} on have the columns {told}, others {others}: give one set"
            )
        self._write(self.name(partition.start), partition.content)
        self._hashes[partition.start] = hashlib.sha256(partition.content).hexdigest()

    def finish(self) -> None:
        """Write the manifest: the plan, the columns and the hash of every partition, in order."""
        content = as_json({**self.plan, "columns": self.types, "partitions": list(map(self._row, self.starts()))})
        manifest = self.path / MANIFEST
        if not manifest.is_file() or manifest.read_bytes() != content:
            self._write(MANIFEST, content)

    @property
    def _count(self):
        return len(self.starts())

    def _stands(self, start, known):
        path = self.path / self.name(start)
        if not path.is_file() or not stands(path, start, self.stop(start) - start, self.key):
            return False
        return path.name not in known or self._hash(start) == known[path.name]

    def _hash(self, start):
        if start not in self._hashes:
            self._hashes[start] = hashlib.sha256((self.path / self.name(start)).read_bytes()).hexdigest()
        return self._hashes[start]

    def _row(self, start):
        return {"file": self.name(start), "start": start, "stop": self.stop(start), "sha256": self._hash(start)}

    def _write(self, name, content):
        part = self.path / f".{name}.part"
        try:
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self.path / name)
        except OSError as error:
            raise InputError(f"{self.path / name} cannot be written: {error.strerror}") from None


def written(path: Path, name: str) -> dict:
    """The plan or the manifest of a folder."""
    try:
        found = json.loads((path / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InputError(f"{path / name} is not there or not JSON: name the folder of a sweep") from None
    if not isinstance(found, dict) or (name == MANIFEST and not {"columns", "partitions"} <= set(found)):
        raise InputError(f"{path / name} is no sweep's: name the folder of a sweep")
    return found


def as_json(content: dict) -> bytes:
    """One entry a line, in one order.

    >>> as_json({"a": [1], "b": "é"}).decode().splitlines()
    ['{', ' "a": [', '  1', ' ],', ' "b": "é"', '}']
    """
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()
