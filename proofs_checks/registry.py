"""The statements in the order of the paper, and how to verify them."""

import difflib
import importlib
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed

from proofs_checks.statement import Result, Statement, run
from tabular.errors import InputError

#: The files that hold statements, in reading order.
MODULES = (
    "rlhf_closed_form",
    "dpo_losses",
    "solution_set",
    "solution_set_examples",
    "gradient_flow_member",
    "assumption_3_1",
    "definition_3_3",
    "proposition_3_4",
    "theorem_3_5",
    "thresholds",
    "worst_case_accuracy",
    "accuracies",
    "escape_time",
    "equation_10",
    "theorem_4_9",
    "theorem_4_9_three_responses",
    "equations_13_17",
    "hard_constraint",
    "isotonic_projection",
    "price_of_alignment",
    "proposition_5_1",
    "released_code",
    "public_grids",
    "figure_2",
    "table_2",
)


def statements() -> dict[str, tuple[Statement, str]]:
    """Every statement by its id, with the file that holds it, in reading order.

    >>> statement, file = statements()["prop-5.1"]
    >>> statement.source, file
    ('Yang et al. 2026, Proposition 5.1, as transcribed; the uniform error is ours', 'proofs_checks/proposition_5_1.py')
    """
    found = {}
    for name in MODULES:
        for statement in importlib.import_module(f"proofs_checks.{name}").STATEMENTS:
            found[statement.id] = (statement, f"proofs_checks/{name}.py")
    return found


def close_names(name: str) -> list[str]:
    """The ids that look like a name nobody has, best first.

    >>> close_names("prop-3.5")[:1]
    ['prop-3.4']
    """
    known = list(statements())
    inside = [known_id for known_id in known if name and name.lower() in known_id]
    return list(dict.fromkeys(inside + difflib.get_close_matches(name.lower(), known, n=5, cutoff=0.5)))


def require(name: str) -> tuple[Statement, str]:
    """The statement of that id and its file, or one sentence that lists the close ones."""
    known = statements()
    if name not in known:
        close = close_names(name)
        hint = f"did you mean {', '.join(close)}?" if close else f"there are {len(known)}, from {next(iter(known))} on"
        raise InputError(f"there is no statement {name!r}: {hint}")
    return known[name]


def verify(
    names: list[str] | None = None, progress: Callable[[int, int, Result], None] | None = None, processes: int = 1
) -> list[Result]:
    """Run the checks of the named statements, or of all, in reading order.

    Args:
        progress: called as ``progress(done, total, result)`` whenever a statement is finished.
        processes: how many statements run at a time.

    Raises:
        InputError: an unknown name, with the close ones.

    >>> [result.verdict.value for result in verify(["def-3.3"])]
    ['PROVED']
    """
    names = list(statements()) if names is None else list(names)
    for name in names:
        require(name)
    done = {}
    for result in _run_all(names, processes):
        done[result.statement.id] = result
        if progress is not None:
            progress(len(done), len(set(names)), result)
    return [done[name] for name in names]


def _run_all(names, processes):
    if processes == 1:
        yield from map(_run_one, names)
        return
    with ProcessPoolExecutor(processes) as pool:
        jobs = {pool.submit(_run_elsewhere, name): name for name in names}
        for job in as_completed(jobs):
            yield Result(*require(jobs[job]), *job.result())


def _run_one(name):
    return run(*require(name))


def _run_elsewhere(name):
    """What can travel between processes: statements hold functions and stay behind."""
    result = _run_one(name)
    return result.outcomes, result.seconds
