r"""What batch means can still tell: whether they are consistent, what they certify with the reference beside them.

Two facts need no pairs. *Jensen*: sp is convex, so a mean DPO loss is at least :math:`\mathrm{sp}(-\bar z)` with
:math:`\bar z` the mean margin (rewards/margins); a smaller one is not DPO's. *The frontier*: if the batch is the
pairs of a reference file, the mean loss certifies a share of them (:mod:`tabular.auditing.certified`).
"""

from dataclasses import dataclass, replace

import numpy as np

from tabular import losses
from tabular.auditing.certified import certified_share
from tabular.auditing.doubt import Doubt
from tabular.base import checks
from tabular.base.log_space import softplus
from tabular.errors import InputError
from tabular.failures.separate import flips
from tabular.logged.metrics import MetricLog
from tabular.logged.records import PairLog

__all__ = ["Course", "course"]


@dataclass(frozen=True, eq=False)
class Course:
    """Batch means with what they tell.

    Attributes:
        metrics: as logged, after the reference itself at step 0 where its pairs are known; doubts: of what was logged.
        delta, delta_ref: ``(n_steps,)`` means of the policy's and of the reference's log-ratio, nats, nan where not
            known; the latter is delta - margin / beta.
        certified: ``(n_steps,)`` the share of the reference's pairs that the loss certifies; ``None`` without them.
        from_reference: whether step 0 is the reference's and was not logged.
    """

    metrics: MetricLog
    doubts: tuple[Doubt, ...]
    delta: np.ndarray
    delta_ref: np.ndarray
    certified: np.ndarray | None
    from_reference: bool = False


@np.errstate(over="ignore", invalid="ignore")  # placeholders' ratios and sums may leave the floats
def course(metrics: MetricLog, beta=None, reference: PairLog | None = None, loss=None) -> Course:
    """What a trainer's batch means tell.

    Args:
        beta: of the run; without it nothing is said of log-ratios.
        reference: the pairs that the means are over, or a sample of the same data.
        loss: of the run, DPO by default.

    Raises:
        InputError: no batch means, a reference without beta.

    >>> log = MetricLog("by hand", "nobody's", [1, 2], {"loss": [0.69, 0.1], "margin": [0.0, 4.0]})
    >>> reference = PairLog("toy", [-9.0, -4.0], [-7.0, -5.0])
    >>> found = course(log, beta=0.5, reference=reference)
    >>> found.metrics.step.tolist(), found.delta.tolist()[0], found.certified.tolist()
    ([0.0, 1.0, 2.0], -0.5, [0.0, 0.0, 1.0])
    """
    if not isinstance(metrics, MetricLog):
        raise InputError(f"a course needs batch means, a MetricLog: a {type(metrics).__name__} has none")
    beta = None if beta is None else checks.number(beta, "beta")
    if beta is None and reference is not None:
        raise InputError("a reference needs the run's beta: give beta=..., often 0.1")
    loss = losses.get("dpo") if loss is None else losses.get(loss) if isinstance(loss, str) else loss
    found = [rule(metrics, beta, reference, loss) for rule in _RULES]
    starts = reference is not None and metrics.step[0] > 0
    if starts:
        metrics = _from_reference(metrics, beta, reference, loss)
    delta = metrics.chosen - metrics.rejected
    delta_ref = np.full(delta.shape, np.nan) if beta is None else delta - metrics.margin / beta
    certified = None
    if reference is not None:
        paid = np.where(np.isnan(metrics.loss), np.inf, metrics.loss)
        certified = certified_share(flips(loss, reference.ref_chosen, reference.ref_rejected, beta), paid)
    return Course(metrics, tuple(doubt for doubt in found if doubt is not None), delta, delta_ref, certified, starts)


def _from_reference(metrics, beta, reference, loss):
    """The log with step 0 before it, where the policy is the reference: what it says there is known exactly.

    A loss without a reference has rewards of its own there, which are not told.
    """
    sides = (reference.ref_chosen, reference.ref_rejected)
    start = {"loss": np.mean(loss(*sides, *sides, beta)), "chosen": np.mean(sides[0]), "rejected": np.mean(sides[1])}
    if not loss.form.reference_free:
        start |= dict.fromkeys(("reward_chosen", "reward_rejected", "margin", "accuracy"), 0.0)
    values = {name: np.r_[start.get(name, np.nan), logged] for name, logged in metrics.values.items()}
    return replace(metrics, step=np.r_[0.0, metrics.step], values=values)


def _doubt(name, mask, what):
    return Doubt(name, float(np.mean(mask)), int(np.sum(mask)), what) if np.any(mask) else None


def _start(metrics, beta, reference, loss):
    """Before the first update policy and reference are one, so the rewards are 0."""
    first = metrics.step <= 1
    off = first & (np.abs(metrics.reward_chosen) > 1e-6)
    more = first & (metrics.reward_chosen > 1e-6) & (metrics.reward_rejected > 1e-6)
    if np.any(more):
        return _doubt(
            "rewards above 0 before the first update",
            more,
            "both are above 0 where nothing has been learnt: ld_alpha on the policy alone, or a reference that "
            "is another "
            "model.",
        )
    less = first & (metrics.reward_chosen < -1e-6) & (metrics.reward_rejected < -1e-6)
    if np.any(less):
        return _doubt(
            "rewards below 0 before the first update",
            less,
            "the reference's sums are larger on both sides where nothing has been learnt: they miss tokens, as a stale "
            "cache of a run with ld_alpha or a shorter max_length does.",
        )
    return _doubt(
        "rewards not 0 before the first update",
        off,
        "policy and reference differ where nothing has been learnt: a stale cache of the reference, a reference in "
        "another precision, or an adapter on another base.",
    )


def _jensen(metrics, beta, reference, loss):
    if loss.name != "dpo":
        return None
    least = softplus(-np.where(np.isnan(metrics.margin), -np.inf, metrics.margin))
    below = (metrics.loss < least * (1 - 1e-3) - 1e-4) & np.isfinite(metrics.margin)
    return _doubt(
        "a loss below DPO's least",
        below,
        "no DPO loss is below sp(-mean margin), so the loss is another one (--loss), or loss and margins are "
        "means over "
        "different batches.",
    )


def _difference(metrics, beta, reference, loss):
    gap = metrics.reward_chosen - metrics.reward_rejected - metrics.margin
    size = 1e-3 * (np.abs(metrics.reward_chosen) + np.abs(metrics.reward_rejected)) + 1e-3
    return _doubt(
        "margins are not the difference of the rewards",
        np.abs(gap) > size,
        "rewards/margins differs from rewards/chosen - rewards/rejected: the columns are of different runs or batches.",
    )


def _reference_free(metrics, beta, reference, loss):
    ratio = metrics.reward_chosen / np.where(metrics.chosen == 0, np.nan, metrics.chosen)
    ratio = ratio[np.isfinite(ratio)]
    if len(ratio) < 3 or ratio.min() <= 0 or np.ptp(ratio) > 1e-4 * ratio.max():
        return None
    return Doubt(
        "no reference",
        1.0,
        len(ratio),
        f"rewards/chosen is {ratio.mean():.3g} times logps/chosen at every step, so there is no reference in it "
        "(SimPO, CPO, ORPO): h and U are not defined by it.",
    )


def _averages(metrics, beta, reference, loss):
    known = metrics.chosen[np.isfinite(metrics.chosen)]
    if not known.size or known.min() <= -10:
        return None
    return Doubt(
        "averages",
        1.0,
        len(known),
        "logps/chosen is above -10 nats throughout: means of averages over tokens (ipo until TRL 0.28, SimPO, ORPO, "
        "dpo_norm), not of sums.",
    )


def _constant(metrics, beta, reference, loss):
    """(logps/chosen - mean reference) beta = rewards/chosen, if the batch is the reference's pairs."""
    if reference is None:
        return None
    implied = beta * (metrics.chosen - reference.ref_chosen.mean())
    moved = np.abs(metrics.reward_chosen) > 0.05
    ratio = (metrics.reward_chosen / np.where(implied == 0, np.nan, implied))[moved]
    ratio = ratio[np.isfinite(ratio)]
    if len(ratio) < 3:
        return None
    middle, spread = np.median(ratio), np.ptp(np.quantile(ratio, [0.25, 0.75]))
    if abs(middle - 1) <= 0.1 or spread > 0.05 * abs(middle):
        return None  # as it should be; or means over batches, each with a reference of its own
    return Doubt(
        "rewards are not beta times the log-ratio",
        1.0,
        len(ratio),
        f"rewards/chosen is {middle:.3g} times beta (logps/chosen - the reference's mean): beta is another one, "
        f"a weighted "
        "sum of losses multiplies the rewards (TRL 0.20-0.28), or the file is not this run's reference.",
    )


_RULES = (_reference_free, _averages, _start, _jensen, _difference, _constant)
