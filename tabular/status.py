"""What a solver of this toolkit can say about the existence of an optimum."""

from enum import Enum

__all__ = ["Status", "overall"]


class Status(Enum):
    """Existence and shape of the optimum; every result carries one, with the certificate that proves it."""

    UNIQUE = "unique"  #: exactly one optimum, attained
    SET = "set"  #: attained by more than one policy
    UNATTAINED = "unattained"  #: the optimal value is finite and no policy attains it
    LOCAL = "local"  #: a local optimum; the global value is infinite, or not certified
    UNBOUNDED = "unbounded"  #: the objective improves without bound
    INFEASIBLE = "infeasible"  #: no policy satisfies the constraints


_WORST_FIRST = (Status.UNBOUNDED, Status.LOCAL, Status.UNATTAINED, Status.SET, Status.UNIQUE)


def overall(statuses) -> Status:
    """One verdict from those of all prompts: UNBOUNDED if any is, else LOCAL, UNATTAINED, SET, and UNIQUE if all are.

    >>> overall([Status.UNIQUE, Status.LOCAL, Status.SET])
    <Status.LOCAL: 'local'>
    """
    return next(status for status in _WORST_FIRST if status in statuses)
