"""What a shell completes after the command: names of figures, losses, statements and examples."""

from pathlib import Path

from condeq import examples


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


def problems(incomplete: str) -> list[str]:
    """Problem files here, and the examples."""
    here = Path(incomplete).parent if incomplete else Path()
    files = (str(path) for ending in ("yaml", "yml", "json") for path in sorted(here.glob(f"*.{ending}")))
    return _starting([*files, *(Path(file).stem for file in examples.PROBLEMS)], incomplete)


def _starting(names, incomplete):
    return [name for name in names if name.startswith(incomplete)]
