"""The loss that a command or a problem file names, and the catalogue as rows of a table."""

import numpy as np

from tabular import InputError, losses
from tabular.base import checks

__all__ = ["catalogue", "chosen", "of_file"]


def chosen(name, settings, of_file=None):
    """The loss of ``--loss NAME --set KEY=VALUE``; the file's where no name is given; ``None`` for plain DPO.

    >>> chosen("cdpo", {"eps": 0.1}), chosen(None, {}), chosen(None, {"eps": 0.2}, losses.get("cdpo", eps=0.1))
    (cdpo(eps=0.1), None, cdpo(eps=0.2))
    """
    if name is None and of_file is None:
        if settings:
            raise InputError(f"--set {next(iter(settings))}=... changes a loss and none is named: add --loss NAME")
        return None
    if name is None or (of_file is not None and name == of_file.name):
        return losses.get(of_file.name, **(of_file.params | settings))
    return losses.get(name, **settings)


def of_file(value):
    """The ``loss:`` of a problem file: a name, or a mapping of ``name`` and its parameters.

    >>> of_file({"name": "exo_pair", "eps": 0.01})
    exo_pair(eps=0.01)
    """
    if isinstance(value, str):
        return losses.get(value)
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        raise InputError(f"loss is {checks.brief(value)}: write a name, or a mapping with name and parameters")
    if not all(isinstance(key, str) for key in value):
        raise InputError("loss has a parameter whose name is no text: write name and parameters")
    return losses.get(**value)


def catalogue() -> list[dict]:
    """One row a loss: kind, convexity, growth, parameters, source, and what trainers make of the name.

    >>> row = catalogue()[1]
    >>> row["name"], row["kind"], row["convex"], row["parameters"]
    ('cdpo', 'difference', True, {'eps': {'range': 'at least 0 and below 1/2', 'default': None}})
    """
    return [_row(name) for name in losses.names()]


def _row(name):
    loss = losses.typical(name)
    params = {key: {"range": words, "default": default} for key, (words, default) in losses.parameters(name).items()}
    return {
        "name": name,
        "kind": loss.kind,
        "batch": loss.batch,
        "convex": loss.convex,
        "shown_at": dict(loss.params.items()),
        "growth": None if loss.growth is None else [_slope(slope) for slope in loss.growth],
        "parameters": params,
        "source": loss.source,
        "trainers": [meaning._asdict() for meaning in loss.trainers],
    }


def _slope(slope):
    return slope if np.isfinite(slope) else f"{slope:+}"
