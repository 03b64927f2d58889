"""Which loss a log is audited for: an object, or a name with parameters, its token counts taken from the log."""

from typing import Any

import numpy as np

from tabular import losses
from tabular.errors import InputError
from tabular.losses.loss import Loss

__all__ = ["chosen", "counts_needed", "told"]

_COUNTS = {"n_w": "n_chosen", "n_l": "n_rejected"}


def chosen(loss: Loss | str | None, params: dict[str, Any], counts: dict[str, Any]) -> Loss:
    """The loss that is meant.

    Args:
        counts: ``n_chosen`` and ``n_rejected`` of the log, those that it has.

    Raises:
        InputError: parameters without a name, a loss that divides by token counts of a log that has none.

    >>> chosen(None, {}, {}), chosen("cdpo", {"eps": 0.1}, {})
    (dpo(), cdpo(eps=0.1))
    """
    if isinstance(loss, Loss) or loss is None:
        if params:
            raise InputError(
                f"{next(iter(params))} changes a loss and none is named: pass loss='...' with its parameters"
            )
        return losses.get("dpo") if loss is None else loss
    needed = counts_needed(loss)
    given = {name: counts[array] for name, array in needed.items() if counts.get(array) is not None} | params
    if not needed.keys() <= given.keys():
        raise InputError(
            f"{loss} divides by token counts and the log has none: add columns n_chosen and n_rejected, or pass a loss "
            "with n_w=... and n_l=..."
        )
    return losses.get(loss, **given)


def counts_needed(name: str) -> dict[str, str]:
    """The parameters of a loss that are token counts and have no default, with the log's array for each.

    >>> counts_needed("simpo"), counts_needed("dpo")
    ({'n_w': 'n_chosen', 'n_l': 'n_rejected'}, {})
    """
    open_to = losses.parameters(name)
    return {key: array for key, array in _COUNTS.items() if key in open_to and open_to[key][1] is None}


def told(loss: Loss) -> str:
    """The loss as an audit names it: with its parameters, but for those that are one entry a pair.

    >>> told(losses.get("dpo")), told(losses.get("simpo", gamma=0.5, n_w=np.ones(2), n_l=np.ones(2)))
    ('dpo', 'simpo(gamma=0.5)')
    """
    settings = ", ".join(f"{name}={value:g}" for name, value in loss.items if not np.ndim(value))
    return f"{loss.name}({settings})" if settings else loss.name
