r"""What would help the pairs in U: under which loss, beta, target or offset they would be ranked right.

Two questions, each answered exactly pair by pair.

*Where is the optimum?* A pair labelled one way has its loss least at some h*; it is ranked right there iff
:math:`h^*>-\delta_{\rm ref}`. DPO and its margins have h* = infinity: right in the limit, however long that takes.
cDPO stops at :math:`\mathrm{logit}(1-\epsilon)/\beta`, IPO at :math:`1/(2\beta)`, the hinge at :math:`1/\beta`.

*At the same loss?* If training brought each pair as far as this run has, to the same :math:`z=\beta h`, then with a
margin Psi it would end at :math:`\delta=\delta_{\rm ref}+(z+\Psi)/\beta`, and with another beta' at
:math:`\delta_{\rm ref}+z/\beta'`. That it would is an assumption, and the answer says so.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import logit

from tabular.logged.records import PairLog

__all__ = ["Remedy", "remedies"]

_EPS = 0.1  # of cDPO and EXO, a usual label noise
_WANTED = 0.9  # of the pairs in U that a new beta or offset is chosen to bring over


@dataclass(frozen=True)
class Remedy:
    """One change of the training.

    Attributes:
        name: what to change, with its value; how: why it moves the optimum.
        at_optimum: share of the pairs in U that the optimum of the changed loss ranks right.
        at_same_loss: share of them that are ranked right once each has the loss it has now; ``None`` where the loss is
            another function of h.
    """

    name: str
    how: str
    at_optimum: float
    at_same_loss: float | None


@np.errstate(over="ignore")  # beta h beyond double precision is infinite
def remedies(log: PairLog, beta: float) -> list[Remedy]:
    """What would help the pairs in U; empty where there are none.

    >>> log = PairLog("toy", [-9.0], [-7.0], policy_chosen=[-9.5], policy_rejected=[-8.5])
    >>> [(remedy.name, remedy.at_optimum, remedy.at_same_loss) for remedy in remedies(log, beta=0.5)][:2]
    [('DPO as it is, trained on', 1.0, 0.0), ('DPO with beta = 0.25', 1.0, 0.0)]
    """
    if log.delta is None:
        return []
    inside = (log.delta_ref < log.delta) & (log.delta < 0)
    if not inside.any():
        return []
    gap, h = -log.delta_ref[inside], (log.delta - log.delta_ref)[inside]

    def optimum(h_star):
        return float(np.mean(h_star > gap))

    half = float(f"{beta / 2:.2g}")
    smaller = _round_down(beta * float(np.quantile(h / gap, 1 - _WANTED, method="lower")))
    offset = _round_up(beta * float(np.quantile(gap - h, _WANTED, method="higher")))
    least = _round_down(float(logit(1 - _EPS) / np.quantile(gap, _WANTED, method="higher")))
    return [
        Remedy("DPO as it is, trained on", "the optimum is at infinity, and the gradient fades on the way", 1.0, 0.0),
        *(
            Remedy(f"DPO with beta = {value:.2g}", "the same z is h = z/beta: further for a smaller beta", 1.0, share)
            for value in dict.fromkeys((half, smaller))
            if 0 < value < beta
            for share in [float(np.mean(h * (beta / value) > gap))]
        ),
        Remedy(
            f"ODPO with offset {offset:.3g}",
            "a margin Psi asks for z = Psi more",
            1.0,
            float(np.mean(h + offset / beta > gap)),
        ),
        Remedy(
            "HyPO's target",
            "Psi = beta max(-delta_ref, 0): the pair counts from delta = 0 on",
            1.0,
            float(np.mean(h > 0)),
        ),
        Remedy(
            f"cDPO with eps = {_EPS:g}, this beta",
            "stops at logit(1 - eps)/beta",
            optimum(logit(1 - _EPS) / beta),
            None,
        ),
        Remedy(
            f"cDPO with eps = {_EPS:g}, beta = {least:.2g}",
            "the same with a smaller beta",
            optimum(logit(1 - _EPS) / least),
            None,
        ),
        Remedy("IPO, this beta", "stops at h = 1/(2 beta)", optimum(0.5 / beta), None),
        Remedy("hinge, this beta", "pushes up to h = 1/beta and no further", optimum(1 / beta), None),
    ]


def _round_down(value):
    """Two digits, towards 0."""
    if not 0 < value < np.inf:
        return 0.0
    unit = 10.0 ** (np.floor(np.log10(value)) - 1)
    return float(np.floor(value / unit) * unit)


def _round_up(value):
    if value == np.inf:
        return value
    unit = 10.0 ** (np.floor(np.log10(max(value, 1e-300))) - 1)
    return float(np.ceil(value / unit) * unit)
