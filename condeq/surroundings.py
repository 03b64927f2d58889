"""What the command stands on: sibling packages with common names, and libraries that a plain install leaves out."""

from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path

import condeq

__all__ = ["LIBRARIES", "SIBLINGS", "trouble"]

SIBLINGS = ("tabular", "proofs_checks", "figures")
LIBRARIES = (
    "cvxpy",
    "clarabel",
    "flint",
    "hypothesis",
    "jinja2",
    "matplotlib",
    "pooch",
    "rich",
    "sympy",
    "typer",
    "yaml",
)


def trouble() -> str:
    """What keeps the command from running, in one sentence; empty where nothing does.

    >>> trouble()
    ''
    """
    for name in SIBLINGS:
        found = _place(find_spec(name))
        if found != _place(_ours(name)):
            where = found or "nothing"
            return (
                f"the name {name} means {where} here, which is not this toolkit's: "
                "run from another directory, rename that file or folder, or take its directory out of PYTHONPATH"
            )
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    if missing:
        return (
            f"the command needs {', '.join(missing)}: pip install 'conditional-equivalence[all]' "
            "(without extras, what is installed is the library tabular)"
        )
    return ""


def _ours(name):
    """The package of that name beside this one."""
    return PathFinder.find_spec(name, [str(Path(place).parent) for place in condeq.__path__])


def _place(spec):
    """The file that a name means, or its folders where it is one without code."""
    if spec is None:
        return ""
    return spec.origin or ", ".join(spec.submodule_search_locations or ())
