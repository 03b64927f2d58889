"""What there is: statements, figures with their settings, example problems and logs, losses, demos."""

import re
from pathlib import Path

from condeq import examples, lessons

__all__ = ["SECTIONS", "demos", "example_files", "figures", "losses", "statements"]

_TITLE = re.compile(r'app_title="\d+\. (.+?)"')
_SETTABLE = (int, float, str, tuple)  # what --set can change


def statements() -> dict[str, str]:
    """id -> title of every statement that the registry finds."""
    import proofs_checks

    return {name: known[0].title for name, known in proofs_checks.statements().items()}


def figures() -> dict[str, str]:
    """name -> title, then the settings with their defaults.

    >>> print(figures()["escape_time"].split("; ")[1][:28])
    margins=[0.0, 2.0, 4.0, 8.0]
    """
    import figures as drawn

    found = {}
    for name in drawn.names():
        settings = {key: value for key, value in drawn.defaults(name).items() if isinstance(value, _SETTABLE)}
        told = " ".join(f"{key}={_plain(value)}" for key, value in settings.items())
        options = "".join(f" --{option}" for option in ("problem", "loss") if drawn.takes(name, option))
        found[name] = f"{drawn.module(name).TITLE}; {told}{options}"
    return found


def _plain(value):
    return str(list(value)) if isinstance(value, tuple) else str(value)


def losses() -> dict[str, str]:
    """name -> kind and source of the catalogue's losses."""
    from condeq import loss_options

    return {row["name"]: f"{row['kind']}, {row['source']}" for row in loss_options.catalogue()}


def example_files() -> dict[str, str]:
    """name -> the first sentence of each example's own words, or what it is."""
    return {Path(file).stem: _first_words(file) for file in (*examples.PROBLEMS, *examples.LOGS)}


def _first_words(file):
    lines = (examples.DIRECTORY / file).read_text(encoding="utf-8").splitlines()
    comment = " ".join(line.removeprefix("# ") for line in lines if line.startswith("#"))
    fallback = "a trainer's log of pairs" if file in examples.LOGS else "a problem file"
    return comment.split(". ")[0].rstrip(".") or fallback


def demos() -> dict[str, str]:
    """name -> title of the course's lessons, in their order."""
    return {name: _TITLE.search(path.read_text(encoding="utf-8"))[1] for name, path in lessons.lessons().items()}


#: section -> what finds its items
SECTIONS = {
    "statements": statements,
    "figures": figures,
    "examples": example_files,
    "losses": losses,
    "demos": demos,
}
