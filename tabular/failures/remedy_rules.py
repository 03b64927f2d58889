"""The remedies of each kind of failure, pair by pair, in words and with the value at which they work.

Derivations are in :mod:`tabular.failures.remedies`; this file reads them off.
"""

from functools import cache

import numpy as np

from tabular.base import tolerances
from tabular.failures.infimum import Relation
from tabular.failures.remedies import NAMES, Remedies, Remedy

__all__ = [
    "assumption_violated",
    "chosen_probability_falls",
    "contradictory_labels",
    "dpo_optimum_inverted",
    "inverted_somewhere_in_the_set",
    "loss_falls_while_inverted",
    "mass_to_unlabelled",
    "pessimistic_reference",
]


def pessimistic_reference(known: Remedies, pair):
    return _no(
        beta="delta_ref is a property of the reference alone; beta only scales what follows from it",
        hypo="the reference stays; its log-ratio is no longer the target, which becomes 0",
        eq17="the reference stays; the target moves up by gamma (1/pi_w + 1/pi_l)/beta",
        hard_constraint="the reference stays; the constraint keeps the trained policy from following it",
    )


def assumption_violated(known: Remedies, pair):
    delta_ref, gap = known.delta_ref[pair], known.reward_gap[pair]
    short = max(-(known.problem.beta * delta_ref + gap), 0.0)  # -beta delta*
    return {
        "beta": _beta(gap, delta_ref, "pi*_RLHF"),
        "hypo": Remedy(False, None, "a target in the loss does not move the RLHF optimum"),
        "eq17": _gamma(
            float(np.exp(np.log(short) - known.log_inverse[pair])) if short else 0.0,
            "the RLHF optimum stays, but the population optimum of the loss with this margin, "
            "delta = delta_ref + (Dr + Psi)/beta, is above 0 once gamma is above this",
        ),
        "hard_constraint": Remedy(
            True,
            float(short / 2),
            "pi_w >= e^m pi_l with m > 0; the value is its multiplier as m falls to 0, were this the only constraint",
        ),
    }


def dpo_optimum_inverted(known: Remedies, pair):
    same = known.at.relation[pair] == Relation.SAME
    if not same:
        return _no(
            beta="the labels put l above w through other responses; beta does not change their order",
            hypo="the labels put l above w through other responses, whatever the target",
            eq17="the labels put l above w through other responses, whatever the margin",
            hard_constraint="it contradicts the labels' own constraints, which chain l above w: only ties are left",
        )
    strength, delta_ref = known.at.strength[[known.at.winner[pair], known.at.loser[pair]]], known.delta_ref[pair]
    gap = strength[0] - strength[1]
    gap = 0.0 if abs(gap) <= tolerances.LOSS * max(*np.abs(strength), 1.0) else gap  # 0 but for rounding
    hypo, beta = float(known.hypo.at.delta[pair]), known.problem.beta
    turned = bool(beta * hypo > tolerances.LOSS * max(beta * abs(delta_ref), 1.0))
    return {
        "beta": _beta(gap, delta_ref, "the DPO optimum"),
        "hypo": Remedy(turned, None, f"the optimum under HyPO's target has delta = {hypo:.6g}"),
        "eq17": _gamma(
            None if np.isnan(known.gamma[pair]) else float(known.gamma[pair]),
            "the optimum with Eq. 17's margin on each label as it stands turns at this gamma",
            "no gamma searched, with margins up to 1000 nats on the labels that bear on the pair, turns the optimum",
        ),
        "hard_constraint": Remedy(False, None, "the labels contradict one another: m = 0 leaves a tie, m > 0 none"),
    }


def inverted_somewhere_in_the_set(known: Remedies, pair):
    return _no(
        beta="no label bears on the pair: its delta is free for every beta",
        hypo="no label bears on the pair, so no target does",
        eq17="no label bears on the pair, so no margin does",
    ) | {"hard_constraint": Remedy(True, 0.0, "any m > 0 on this pair; or label it")}


def loss_falls_while_inverted(known: Remedies, pair):
    delta_ref, contradictory = known.delta_ref[pair], _contradictory(known, pair)
    return {
        "beta": _beta_window(known, pair),
        "hypo": _hypo_window(known, pair),
        "eq17": Remedy(
            False,
            None,
            "the reference itself is inverted and a loss with any margin falls from there"
            if delta_ref < 0
            else "as gamma grows the loss becomes linear, and other labels pay for the inversion more easily",
        ),
        "hard_constraint": Remedy(False, None, "around a cycle of labels it leaves ties (m = 0) or no policy (m > 0)")
        if contradictory
        else Remedy(True, 0.0, "any m > 0: no policy it allows has delta <= 0"),
    }


def chosen_probability_falls(known: Remedies, pair):
    at, prompt = known.at, int(known.at.winner[pair]) // known.problem.n_responses
    two = known.problem.present[prompt].sum() == 2
    log_winner = known.problem.log_ref.ravel()[at.winner[pair]]
    aligned = not known.hypo_moves[pair]
    hypo = bool(aligned and (two or not known.hypo_push[prompt].any()))
    hard = bool(two and log_winner <= np.log(0.5) and not _contradictory(known, pair))
    return {
        "beta": Remedy(False, None, "a smaller beta never does: at first order the push of the labels is free of beta"),
        "hypo": Remedy(
            hypo,
            None,
            "every fall of its loss raises the chosen probability"
            if hypo
            else "at first order every fall of its loss raises the chosen probability, but with three responses or "
            "more curvature decides, which is left open"
            if aligned
            else "the push of the labels at the reference still leaves room for it",
        ),
        "eq17": Remedy(
            False, None, "margins rescale the labels' pushes; at no gamma, or at isolated ones, do they leave no room"
        ),
        "hard_constraint": Remedy(
            hard,
            0.0 if hard else None,
            "with two responses m >= 0 means pi_w >= 1/2, not below the reference's"
            if hard
            else "it bounds the ratio of w to l, not the probability of w",
        ),
    }


def mass_to_unlabelled(known: Remedies, pair):
    return _no(
        beta="the loss does not see the mass of unlabelled responses, for any beta",
        hypo="the loss does not see the mass of unlabelled responses, for any target",
        eq17="the loss does not see the mass of unlabelled responses, for any margin",
        hard_constraint="it bounds ratios of labelled responses; the KL term of the constrained RLHF objective is what "
        "fixes the mass",
    )


def contradictory_labels(known: Remedies, pair):
    return _no(
        beta="beta rescales the optimum; the labels still contradict one another",
        hypo="targets do not change which response was preferred",
        eq17="margins on both sides of a contradiction pull against each other",
        hard_constraint="around the cycle m = 0 makes responses equal, m > 0 leaves them probability 0 or no policy",
    )


def _beta_window(known, pair):
    delta_ref = known.delta_ref[pair]
    if delta_ref < 0:
        return Remedy(False, None, "the reference itself is inverted, so the loss falls there first, for every beta")
    deepest = known.deepest[pair]
    if delta_ref == 0 or np.isinf(deepest):
        return Remedy(False, None, "the threshold does not depend on beta here")
    value = float(known.problem.beta * (delta_ref - deepest) / delta_ref)
    return Remedy(False, value, f"a smaller one widens the window; a larger one closes it, from beta = {value:.6g} on")


def _hypo_window(known, pair):
    threshold, start = float(known.hypo.value[pair]), known.hypo_start
    if known.delta_ref[pair] < 0:
        how = "the start is inverted still, but below this HyPO loss the pair is ranked right"
        return Remedy(False, threshold, how)
    removes = threshold >= start - tolerances.LOSS * max(start, 1.0)
    return Remedy(bool(removes), None, f"under HyPO's loss the threshold is {threshold:.6g} and the start {start:.6g}")


def _beta(gap, delta_ref, what):
    """The sign of delta_ref + gap/beta as beta moves."""
    if gap > 0 > delta_ref:
        value = float(gap / -delta_ref)
        return Remedy(True, value, f"{what} ranks the pair right for beta < {value:.6g}")
    if gap < 0 < delta_ref:
        value = float(-gap / delta_ref)
        return Remedy(False, value, f"a smaller one does not; {what} ranks the pair right for beta > {value:.6g}")
    return Remedy(False, None, f"{what} prefers l, or ties, for every beta")


def _gamma(value, how, why_not=""):
    return Remedy(False, None, why_not) if value is None else Remedy(True, value, how)


def _contradictory(known, pair):
    return known.at.relation[pair] == Relation.SAME


@cache
def _no(**why):
    return {name: Remedy(False, None, why[name]) for name in NAMES if name in why}
