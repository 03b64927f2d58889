"""The figures of an audit, as files for a paper."""

from pathlib import Path

import figures
from condeq.terminal import writing
from figures import audited
from tabular.audit import Audit

__all__ = ["save"]


def save(result: Audit, directory: Path) -> list[Path]:
    """Images, their table and their caption in a directory, made if need be; where they are."""
    table = audited.compute(result)
    with writing(directory, "--figures"):
        return list(figures.write(audited, "audit", table, directory).paths.values())
