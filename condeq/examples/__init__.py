"""Small files to start from; they come with the package, so that they can be named wherever it is installed."""

from importlib import resources
from pathlib import Path

from tabular import InputError

__all__ = ["DIRECTORY", "LOGS", "PROBLEMS", "RUN", "located"]

DIRECTORY = resources.files(__name__)
PROBLEMS = (
    "misaligned_pair.yaml",
    "unlabelled_third.yaml",
    "contradictory_labels.json",
    "judges_votes.yaml",
    "condorcet_cycle.yaml",
    "ranking_table.yaml",
)
LOGS = ("trainer_log.csv",)
#: a public run that is audited by its name, as one that is fetched
RUN = "hh-pythia410m-dpo"


def located(given: Path, examples: tuple[str, ...], *others: str) -> Path:
    """The file that is meant: ``given``, or the example of that name where it has no ending and is no file.

    Args:
        given: a path, or an example's name.
        examples: the files that a name may mean.
        others: further names to offer where there is neither.

    Raises:
        InputError: a name that no example has.

    >>> located(Path("misaligned_pair"), PROBLEMS).name
    'misaligned_pair.yaml'
    >>> located(Path("mine.yaml"), PROBLEMS).name
    'mine.yaml'
    """
    if given.suffix or _exists(given):
        return given
    named = {Path(file).stem: file for file in examples}
    if str(given) not in named:
        raise InputError(
            f"there is no file {given} and no example of that name: give a file, or one of "
            f"{', '.join([*named, *others])}"
        )
    return Path(str(DIRECTORY / named[str(given)]))


def _exists(path):
    try:
        return path.exists()
    except OSError:  # a name that is too long, a directory that may not be entered
        return False
