r"""What a trainer's own log hides about a run on labelled pairs.

A DPO trainer reports the *relative* accuracy: the share of pairs whose log-ratio rose, :math:`h=\delta-\delta_{\rm ref}
>0`. Whether the policy ranks the chosen response first, :math:`\delta>0`, is another number, and a pair in the
undesirable region :math:`U=\{\delta_{\rm ref}<\delta<0\}` (Def. 3.3, as transcribed) counts as a success in the first
and as a failure in the second.

A pair's loss :math:`\mathrm{sp}(-\beta h)` is strictly decreasing in :math:`\delta` and equals its *flip threshold*
:math:`\mathrm{sp}(\beta\delta_{\rm ref})` at :math:`\delta=0`. So, with n pairs,

.. math:: \delta>0 \iff \mathrm{sp}(-\beta h)<\mathrm{sp}(\beta\delta_{\rm ref})
   \quad\Longleftarrow\quad \bar L<\tfrac1n\,\mathrm{sp}(\beta\delta_{\rm ref}),

the implication because no pair's loss exceeds :math:`n\bar L`: that is all the mean loss alone can certify.
"""

from collections.abc import Callable
from dataclasses import field
from typing import Any, overload

import numpy as np

from tabular.auditing import chosen_loss
from tabular.auditing.certified import budget, certified_share, certified_share_in_logs
from tabular.auditing.doubt import Doubt
from tabular.auditing.doubts import doubts
from tabular.auditing.groups import prompts
from tabular.auditing.intervals import interval
from tabular.auditing.streamed import StreamedAudit, streamed
from tabular.base import checks, drawings
from tabular.base.log_space import log_sum_exp, softplus
from tabular.base.record import Record
from tabular.errors import InputError
from tabular.failures.separate import flips
from tabular.logged.records import PairLog, RunLog
from tabular.logged.scans import Scan
from tabular.losses.loss import Loss

__all__ = ["PER_PAIR", "Audit", "audit"]


class Audit(Record):
    r"""The numbers of one log. Ties (:math:`h=0`, :math:`\delta=0`) never count as correct; shares are of all pairs.

    Per log: ``source``; ``beta``; ``n_pairs``; ``share_pessimistic``, pairs with :math:`\delta_{\rm ref}<0`;
    ``share_violating``, pairs that violate Assumption 3.1 (as transcribed): :math:`\delta_{\rm ref}\le-\Delta r/\beta`,
    so that the RLHF optimum does not rank w first, ``None`` without rewards; ``step``, examples seen at each
    checkpoint, ``None`` where the log does not say.

    Per checkpoint, ``(n_checkpoints,)`` each, checkpoint 0 being the reference and the last one the trained policy
    (a log without policy has only the reference):

    - ``relative_accuracy``: :math:`h>0`, what trainers call rewards/accuracies,
    - ``absolute_accuracy``: :math:`\delta>0`,
    - ``share_in_u``: :math:`\delta_{\rm ref}<\delta<0`,
    - ``share_chosen_fell``: :math:`\log\pi(w)<\log\pi_{\rm ref}(w)`,
    - ``share_both_fell``: that, and :math:`\log\pi(l)<\log\pi_{\rm ref}(l)`,
    - ``loss``: the mean of the loss over the pairs, :math:`\mathrm{sp}(-\beta h)` for DPO, nats,
    - ``n_short``: pairs that have not passed their flip threshold, :math:`\delta\le0`,
    - ``n_certified``: pairs with :math:`\bar L<\mathrm{sp}(\beta\delta_{\rm ref})/n`, the ones known to be ranked
      correctly from the mean loss alone,
    - ``certified_accuracy``: the share that every policy of that mean loss ranks right, whichever pairs these are
      (:mod:`tabular.auditing.certified`).

    Per pair, ``(n_pairs,)`` each: ``delta_ref`` and ``flip_threshold``, :math:`\mathrm{sp}(\beta\delta_{\rm ref})` for
    DPO and the least loss with :math:`\delta\le0` for any (:mod:`tabular.failures.separate`); at the last checkpoint
    ``delta``, ``pair_loss`` and ``short``, whether the pair is not ranked right.

    Besides: ``loss_name``, the loss with its parameters; ``doubts`` of the data; ``log``, the pairs at the last
    checkpoint, for the questions which pairs (:mod:`tabular.auditing`).

    >>> log = PairLog("toy", [-9.0], [-7.0], policy_chosen=[-9.5], policy_rejected=[-8.5])
    >>> found = audit(log, beta=0.5)
    >>> found.n_checkpoints, found.to_dict()["share_in_u"]
    (2, [0.0, 1.0])
    """

    source: str
    beta: float
    n_pairs: int
    share_pessimistic: float
    share_violating: float | None
    step: np.ndarray | None
    relative_accuracy: np.ndarray
    absolute_accuracy: np.ndarray
    share_in_u: np.ndarray
    share_chosen_fell: np.ndarray
    share_both_fell: np.ndarray
    loss: np.ndarray
    n_short: np.ndarray
    n_certified: np.ndarray
    delta_ref: np.ndarray
    flip_threshold: np.ndarray
    delta: np.ndarray
    pair_loss: np.ndarray
    short: np.ndarray
    certified_accuracy: np.ndarray
    loss_name: str = "dpo"
    doubts: tuple[Doubt, ...] = ()
    log: PairLog | None = field(default=None, repr=False, compare=False)

    also = ("n_checkpoints",)
    shown = (
        "source",
        "beta",
        "n_pairs",
        "n_checkpoints",
        "share_pessimistic",
        "share_violating",
        "relative_accuracy",
        "absolute_accuracy",
        "share_in_u",
        "loss",
        "n_certified",
    )

    def picture(self) -> str:
        """What the trainer reports, and how often the policy ranks the pair right, checkpoint after checkpoint."""
        if self.n_checkpoints == 1:
            return ""
        lines = {"h > 0, what trainers report": self.relative_accuracy, "δ > 0, ranked right": self.absolute_accuracy}
        return drawings.curves(lines, "relative and absolute accuracy, checkpoint after checkpoint")

    @property
    def n_checkpoints(self) -> int:
        """How many policies were audited, the reference included."""
        return len(self.loss)

    def summary(self) -> dict[str, Any]:
        """:meth:`to_dict` without the arrays of all pairs, with the intervals of the last shares."""
        intervals = {name: list(ends) for name, ends in self.intervals().items()}
        return self._written(without=PER_PAIR) | {"intervals": intervals}

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Wilson's 95 % intervals of the last shares, if the pairs are a sample of prompts like these."""
        if self.log is None:
            return {}
        h, cluster = self.delta - self.delta_ref, prompts(self.log)
        masks = {
            "share_pessimistic": self.delta_ref < 0,
            "relative_accuracy": h > 0,
            "absolute_accuracy": self.delta > 0,
            "share_in_u": (h > 0) & (self.delta < 0),
        }
        return {name: interval(mask, cluster) for name, mask in masks.items()}


#: the fields of an audit that have one entry a pair
PER_PAIR = ("delta_ref", "flip_threshold", "delta", "pair_loss", "short")


@overload
def audit(
    log: Scan,
    beta: float | None = None,
    loss: Loss | str | None = None,
    *,
    executor: Any = None,
    progress: Callable[[int, int | None], object] | None = None,
    **params: Any,
) -> StreamedAudit: ...


@overload
def audit(
    log: PairLog | RunLog,
    beta: float | None = None,
    loss: Loss | str | None = None,
    *,
    executor: Any = None,
    progress: Callable[[int, int | None], object] | None = None,
    **params: Any,
) -> Audit: ...


@np.errstate(over="ignore")  # beta h beyond double precision is infinite
def audit(
    log: PairLog | RunLog | Scan,
    beta: float | None = None,
    loss: Loss | str | None = None,
    *,
    executor: Any = None,
    progress: Callable[[int, int | None], object] | None = None,
    **params: Any,
) -> Audit | StreamedAudit:
    r"""The audit of a log of pairs, or of a run at all its checkpoints.

    Args:
        log: a pair log, with or without a policy, or a run; a scan of files larger than memory is streamed, and
            its answer is a :class:`tabular.auditing.streamed.StreamedAudit`, without arrays of all pairs.
        beta: of the loss; by default the one the run was trained with. A pair log does not know it.
        loss: the run's, of :mod:`tabular.losses`, or its name with its parameters as ``params``; DPO by default. Token
            counts that it needs are taken from the log where it has them.
        executor: for a scan: with the interface of :mod:`concurrent.futures`, to work on the pieces of a table.
        progress: for a scan: called with the rows that are done and their number, ``None`` where no file says it.

    Raises:
        InputError: a log of something else than labelled pairs; no beta for a pair log, or one that is not finite and
            above 0; a loss of a batch, whose pairs have no thresholds.

    A pair that improved, and is still inverted: right for the trainer, wrong in absolute terms.

    >>> log = PairLog("toy", [-9.0, -4.0], [-7.0, -5.0], policy_chosen=[-9.5, -3.0], policy_rejected=[-8.5, -6.0])
    >>> result = audit(log, beta=0.5)
    >>> result.relative_accuracy.tolist(), result.absolute_accuracy.tolist(), result.share_in_u.tolist()
    ([0.0, 1.0], [0.5, 0.5], [0.0, 0.5])
    >>> result.flip_threshold.round(3).tolist(), result.pair_loss.round(3).tolist(), result.short.tolist()
    ([0.313, 0.974], [0.474, 0.313], [True, False])
    """
    if isinstance(log, Scan):
        return streamed(log, _beta(log, beta), loss, params, executor, progress)
    if not isinstance(log, PairLog | RunLog):
        raise InputError(f"an audit needs log-probabilities, a PairLog or RunLog: a {type(log).__name__} has none")
    beta = _beta(log, beta)
    pairs = log.pairs() if isinstance(log, RunLog) else log
    loss = chosen_loss.chosen(loss, params, {"n_chosen": pairs.n_chosen, "n_rejected": pairs.n_rejected})
    chosen, rejected = _by_checkpoint(log)
    delta = chosen - rejected
    delta_ref = delta[0]
    h = delta - delta_ref
    chosen_fell, reference = chosen < chosen[0], (chosen[0], rejected[0])
    if loss.name == "dpo":
        per_pair, threshold = softplus(-beta * h), softplus(beta * delta_ref)
        mean = _mean(per_pair, loss)
        n_certified, certified = _certified_in_logs(h, delta_ref, beta)
    else:
        flip = flips(loss, *reference, beta)  # which refuses a loss that has none
        per_pair, threshold = loss(chosen, rejected, *reference, beta), flip.threshold
        mean = _mean(per_pair, loss)
        n_certified, certified = _certified(flip, mean)
    return Audit(
        source=log.name if isinstance(log, RunLog) else log.source,
        beta=beta,
        n_pairs=pairs.n_pairs,
        share_pessimistic=float((delta_ref < 0).mean()),
        share_violating=_share_violating(pairs, beta),
        step=log.step if isinstance(log, RunLog) else None,
        relative_accuracy=(h > 0).mean(axis=1),
        absolute_accuracy=(delta > 0).mean(axis=1),
        share_in_u=((h > 0) & (delta < 0)).mean(axis=1),
        share_chosen_fell=chosen_fell.mean(axis=1),
        share_both_fell=(chosen_fell & (rejected < rejected[0])).mean(axis=1),
        loss=mean,
        n_short=(delta <= 0).sum(axis=1),
        n_certified=n_certified,
        delta_ref=delta_ref,
        flip_threshold=threshold,
        delta=delta[-1],
        pair_loss=per_pair[-1],
        short=delta[-1] <= 0,
        certified_accuracy=certified,
        loss_name=chosen_loss.told(loss),
        doubts=doubts(pairs, beta),
        log=pairs,
    )


def _mean(per_pair, loss):
    with np.errstate(invalid="ignore"):
        mean = per_pair.mean(axis=1)
    rule = "some pairs are infinitely good and some infinitely bad, as placeholders make them: leave those out"
    checks.refuse(np.isnan(mean), mean, f"the mean loss under {loss.name}", rule)
    return mean


def _certified(flip, mean):
    """Pairs that alone would have had to pay more than all of them have; and the share by the cheapest."""
    paid = len(flip.least) * budget(flip, mean)
    return (paid[:, None] < flip.price).sum(axis=1), certified_share(flip, mean)


def _beta(log, beta):
    if beta is None and not isinstance(log, RunLog):
        raise InputError("a log of pairs does not say its beta: give beta=..., the one of the run (often 0.1)")
    return log.beta if beta is None else checks.number(beta, "beta")


def _by_checkpoint(log):
    """Log-probabilities of the chosen and the rejected responses, ``(n_checkpoints, n_pairs)``, reference first."""
    if isinstance(log, RunLog):
        return log.log_prob[:, log.winner], log.log_prob[:, log.loser]
    if log.policy_chosen is None:
        return log.ref_chosen[None], log.ref_rejected[None]
    return np.stack([log.ref_chosen, log.policy_chosen]), np.stack([log.ref_rejected, log.policy_rejected])


def _share_violating(pairs, beta):
    if pairs.reward_difference is None:
        return None
    return float((beta * pairs.delta_ref <= -pairs.reward_difference).mean())


def _certified_in_logs(h, delta_ref, beta):
    """In steep runs both sides underflow as numbers, and 0 < 0 would certify nothing."""
    log_paid, log_price = log_sum_exp(_log_softplus(-beta * h)), _log_softplus(beta * delta_ref)
    return (log_paid[:, None] < log_price).sum(axis=1), certified_share_in_logs(log_price, log_paid)


def _log_softplus(x):
    """log log(1 + e^x), which is x itself to the last digit once e^x is below double precision."""
    return np.where(x < -40.0, x, np.log(softplus(np.maximum(x, -40.0))))
