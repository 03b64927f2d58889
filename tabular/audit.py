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

import numpy as np
from scipy.special import logsumexp

from tabular.base import checks, drawings
from tabular.base.log_space import softplus
from tabular.base.record import Record
from tabular.errors import InputError
from tabular.logged.records import PairLog, RunLog

__all__ = ["Audit", "audit"]


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
    - ``loss``: the mean of :math:`\mathrm{sp}(-\beta h)` over the pairs, nats,
    - ``n_short``: pairs that have not passed their flip threshold, :math:`\delta\le0`,
    - ``n_certified``: pairs with :math:`\bar L<\mathrm{sp}(\beta\delta_{\rm ref})/n`, the ones known to be ranked
      correctly from the mean loss alone.

    Per pair, ``(n_pairs,)`` each: ``delta_ref`` and ``flip_threshold`` :math:`\mathrm{sp}(\beta\delta_{\rm ref})`; at
    the last checkpoint ``delta``, ``pair_loss`` :math:`\mathrm{sp}(-\beta h)` and ``short``, whether the pair has not
    passed its threshold.

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


@np.errstate(over="ignore")  # beta h beyond double precision is infinite
def audit(log: PairLog | RunLog, beta: float | None = None) -> Audit:
    r"""The audit of a log of pairs, or of a run at all its checkpoints.

    Args:
        log: a pair log, with or without a policy, or a run.
        beta: of the DPO loss; by default the one the run was trained with. A pair log does not know it.

    Raises:
        InputError: a log of something else than labelled pairs; no beta for a pair log, or one that is not finite and
            above 0.

    A pair that improved, and is still inverted: right for the trainer, wrong in absolute terms.

    >>> log = PairLog("toy", [-9.0, -4.0], [-7.0, -5.0], policy_chosen=[-9.5, -3.0], policy_rejected=[-8.5, -6.0])
    >>> result = audit(log, beta=0.5)
    >>> result.relative_accuracy.tolist(), result.absolute_accuracy.tolist(), result.share_in_u.tolist()
    ([0.0, 1.0], [0.5, 0.5], [0.0, 0.5])
    >>> result.flip_threshold.round(3).tolist(), result.pair_loss.round(3).tolist(), result.short.tolist()
    ([0.313, 0.974], [0.474, 0.313], [True, False])
    """
    if not isinstance(log, PairLog | RunLog):
        raise InputError(f"an audit needs log-probabilities, a PairLog or RunLog: a {type(log).__name__} has none")
    beta = _beta(log, beta)
    chosen, rejected = _by_checkpoint(log)
    delta = chosen - rejected
    delta_ref = delta[0]
    h = delta - delta_ref
    chosen_fell = chosen < chosen[0]
    pairs = log.pairs() if isinstance(log, RunLog) else log
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
        loss=softplus(-beta * h).mean(axis=1),
        n_short=(delta <= 0).sum(axis=1),
        n_certified=_n_certified(h, delta_ref, beta),
        delta_ref=delta_ref,
        flip_threshold=softplus(beta * delta_ref),
        delta=delta[-1],
        pair_loss=softplus(-beta * h[-1]),
        short=delta[-1] <= 0,
    )


def _beta(log, beta):
    if beta is None and isinstance(log, PairLog):
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


def _n_certified(h, delta_ref, beta):
    """Compared in logs: in steep runs both sides underflow as numbers, and 0 < 0 would certify nothing."""
    log_total = logsumexp(_log_softplus(-beta * h), axis=1)
    return (log_total[:, None] < _log_softplus(beta * delta_ref)).sum(axis=1)


def _log_softplus(x):
    """log log(1 + e^x), which is x itself to the last digit once e^x is below double precision."""
    return np.where(x < -40.0, x, np.log(softplus(np.maximum(x, -40.0))))
