"""One paragraph in plain words that a team can paste: what happened, how sure that is, what to do."""

import numpy as np

from tabular.auditing.courses import Course
from tabular.auditing.remedies import remedies
from tabular.auditing.worst import n_of

__all__ = ["story", "story_of_course"]

_HYPO = "HyPO's"


def story(result) -> str:
    """The paragraph of an :class:`tabular.audit.Audit`.

    >>> import textwrap
    >>> from tabular.audit import audit
    >>> from tabular.logs import PairLog
    >>> log = PairLog("toy", [-9.0, -4.0], [-7.0, -5.0], policy_chosen=[-9.5, -3.0], policy_rejected=[-8.5, -6.0])
    >>> print(textwrap.fill(story(audit(log, beta=0.5)), 100))
    Of 2 pairs, the reference preferred the rejected response on 1 (50.0 %). After training the
    trainer's accuracy is 100.0 %, yet the policy ranks 1 pair (50.0 %) right and 1 wrong; 1 (50.0 %)
    improved and is still wrong (U). Were these pairs a sample of prompts like them, the share ranked
    right would be between 9.5 and 90.5 % (95 %). From the mean loss alone, 50.0 % would be certain. The
    log-probability of the chosen response fell on 1 pair: nothing is broken by that alone, DPO is about
    differences. What would help the pairs in U: HyPO's target, a margin that counts from delta = 0 on,
    would at the same loss per pair rank 100.0 % of them right.
    """
    last, n = result.n_checkpoints - 1, result.n_pairs
    pessimistic = round(result.share_pessimistic * n)
    parts = [
        f"Of {n:,} pairs, the reference preferred the rejected response on {pessimistic:,} "
        f"({_percent(result.share_pessimistic)})."
    ]
    if last == 0:
        parts.append("The log holds no policy, so nothing is said of training.")
        return " ".join(parts + _doubtful(result.doubts))
    right, inside = (round(getattr(result, k)[last] * n) for k in ("absolute_accuracy", "share_in_u"))
    parts.append(
        f"After training the trainer's accuracy is {_percent(result.relative_accuracy[last])}, yet the policy ranks "
        f"{_pairs(right)} ({_percent(right / n)}) right and {n - right:,} wrong; {inside:,} ({_percent(inside / n)}) "
        f"improved and {'is' if inside == 1 else 'are'} still wrong (U)."
    )
    low, high = result.intervals()["absolute_accuracy"]
    parts.append(
        "Were these pairs a sample of prompts like them, the share ranked right would be between "
        f"{100 * low:.1f} and {100 * high:.1f} % (95 %). From the mean loss alone, "
        f"{_percent(result.certified_accuracy[last])} would be certain."
    )
    fell = round(result.share_chosen_fell[last] * n)
    if fell:
        parts.append(
            f"The log-probability of the chosen response fell on {_pairs(fell)}: nothing is broken by that alone, "
            "DPO is about differences."
        )
    ties = int(np.sum(result.delta == 0))
    if ties:
        parts.append(f"{_pairs(ties)} tie and count as wrong.")
    flipped = n_of(result.log, "flipped")
    if flipped:
        parts.append(f"{_pairs(flipped)} that the reference ranked right {'is' if flipped == 1 else 'are'} wrong now.")
    return " ".join(parts + _helps(result) + _doubtful(result.doubts))


def _helps(result):
    if result.log is None or result.log.delta is None or result.loss_name != "dpo":
        return []
    known = {remedy.name.split()[0]: remedy for remedy in remedies(result.log, result.beta)}
    if _HYPO not in known:
        return []
    return [
        "What would help the pairs in U: HyPO's target, a margin that counts from delta = 0 on, would at the same loss "
        f"per pair rank {_percent(known[_HYPO].at_same_loss)} of them right."
    ]


def story_of_course(course: Course) -> str:
    """The paragraph of a trainer's batch means.

    >>> import textwrap
    >>> from tabular.auditing.courses import course
    >>> from tabular.logs import MetricLog
    >>> log = MetricLog("x", "TRL", [1, 9], {"accuracy": [0.0, 0.9], "chosen": [-80, -90.0]})
    >>> print(textwrap.fill(story_of_course(course(log)), 100))
    TRL logged 2 steps of batch means, not pairs. Its accuracy, the share of pairs with h > 0 and not of
    pairs ranked right, went from 0.0 % to 90.0 %. The mean log-probability of the chosen response fell
    by 10.0 nats. Which pairs, and how many are ranked right, batch means cannot tell.
    """
    m = course.metrics
    logged = len(m.step) - course.from_reference
    parts = [f"{m.trainer} logged {logged} steps of {'evaluation' if m.evaluation else 'batch'} means, not pairs."]
    accuracy, chosen = (values[np.isfinite(values)] for values in (m.accuracy, m.chosen))
    if accuracy.size:
        parts.append(
            "Its accuracy, the share of pairs with h > 0 and not of pairs ranked right, went from "
            f"{_percent(accuracy[0])} to {_percent(accuracy[-1])}."
        )
    if chosen.size > 1:
        word = "fell" if chosen[-1] < chosen[0] else "rose"
        parts.append(
            f"The mean log-probability of the chosen response {word} by {abs(chosen[-1] - chosen[0]):.1f} nats."
        )
    known = np.flatnonzero(np.isfinite(course.delta_ref))
    if known.size:
        parts.append(
            f"The reference's mean log-ratio is {course.delta_ref[known].mean():.1f} nats, the policy's "
            f"{course.delta[known[-1]]:.1f} at the end."
        )
    if course.certified is not None:
        parts.append(
            f"If the last mean loss is one over the reference's pairs, at least "
            f"{_percent(course.certified[-1])} of them "
            "are ranked right."
        )
    parts.append("Which pairs, and how many are ranked right, batch means cannot tell.")
    return " ".join(parts + _doubtful(course.doubts))


def _doubtful(doubts):
    grave = [
        doubt.name for doubt in doubts if doubt.name not in ("left out", "without a partner", "above 0 by rounding")
    ]
    return [f"Doubts of the data: {', '.join(grave)}; read them before the numbers."] if grave else []


def _pairs(n):
    return f"{n:,} pair{'' if n == 1 else 's'}"


def _percent(share):
    return f"{100 * share:.1f} %"
