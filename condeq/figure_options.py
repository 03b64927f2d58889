"""What ``--problem``, ``--loss`` and ``--set`` mean together for one figure."""

import figures
from condeq import examples, loss_options, problem_file
from tabular import InputError, losses

__all__ = ["settings"]


def settings(name: str, changed: dict, problem=None, loss=None) -> dict:
    """Keyword arguments of a figure's ``compute``: its own settings, the problem that was read, and the loss.

    A ``--set`` that the figure does not have belongs to the loss; without ``--loss`` the problem file's is taken where
    the figure can show one.

    >>> given = settings("solution_sets", {"eps": 0.1}, loss="cdpo")
    >>> given["loss"]
    cdpo(eps=0.1)
    """
    own = figures.defaults(name)
    for object_only in ("problem", "loss"):
        if object_only in changed:
            raise InputError(f"--set {object_only}=... is an option of its own: write --{object_only}")
    given = {} if problem is None else {"problem": problem_file.read(examples.located(problem, examples.PROBLEMS))}
    of_file = given["problem"].loss if given and "loss" in own else None
    if loss is None and of_file is None:
        return changed | given
    named = of_file.name if loss is None else loss
    parameters = losses.parameters(named)
    of_loss = {key: value for key, value in changed.items() if key in parameters and key not in own}
    of_figure = {key: value for key, value in changed.items() if key not in of_loss}
    return of_figure | given | {"loss": loss_options.chosen(loss, of_loss, of_file)}
