"""What a shell completes after the command: names of figures, losses, statements and examples."""

from pathlib import Path

from condeq import examples

__all__ = ["figures", "logs", "losses", "problems", "statements"]


def figures(incomplete: str) -> list[str]:
    """Names of figures.

    >>> figures("sol")
    ['solution_sets']
    """
    from figures import names

    return _starting(names(), incomplete)


def losses(incomplete: str) -> list[str]:
    """Names of losses."""
    from tabular import losses as catalogue

    return _starting(catalogue.names(), incomplete)


def statements(incomplete: str) -> list[str]:
    """Ids of statements, and files of one's own here.

    >>> statements("thm-3.5-rep")
    ['thm-3.5-repaired']
    """
    from proofs_checks import statements as known

    return [*_starting(known(), incomplete), *_starting(map(str, _here(incomplete, "py")), incomplete)]


def logs(incomplete: str) -> list[str]:
    """Files of pairs here, the example, and the public run."""
    files = (str(path) for ending in ("csv", "jsonl", "parquet", "json") for path in _here(incomplete, ending))
    return _starting([*files, *(Path(file).stem for file in examples.LOGS), examples.RUN], incomplete)


def problems(incomplete: str) -> list[str]:
    """Problem files here, and the examples."""
    files = (str(path) for ending in ("yaml", "yml", "json") for path in _here(incomplete, ending))
    return _starting([*files, *(Path(file).stem for file in examples.PROBLEMS)], incomplete)


def _here(incomplete, ending):
    """The files of an ending in the directory that is being typed."""
    return sorted((Path(incomplete).parent if incomplete else Path()).glob(f"*.{ending}"))


def _starting(names, incomplete):
    return [name for name in names if name.startswith(incomplete)]
