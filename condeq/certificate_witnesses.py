"""The parts of a certificate that exhibit one policy: a failure that a falling loss hides, and a counterexample to
Theorem 3.5 as printed."""

from fractions import Fraction

import numpy as np

from condeq.certificate_problem import GIVEN, SLACK, Prompt, loss, rationals, rounded

__all__ = ["failure", "refutation"]


def failure(prompt: Prompt) -> str:
    """A policy with less loss than the reference that prefers the loser of a label, where the reference does: one step
    down the loss. Nothing where labels cancel, or the reference agrees with all of them."""
    winner, loser, _ = min(prompt.labels, key=lambda label: prompt.margin(*label[:2]))
    slope = np.zeros(prompt.size)
    for w, y, x in prompt.labels:
        slope[[w, y]] += float(x), -float(x)
    if prompt.margin(winner, loser) >= 0 or not np.abs(slope).max() > SLACK:
        return ""
    k = prompt.size
    pair = f"(@Ordinal {k} {winner} isT) (@Ordinal {k} {loser} isT)"
    label = f"{prompt.named(winner)} > {prompt.named(loser)}"
    return f"""\
(** A policy with less loss than the reference that gets the label {label} wrong. *)
Theorem loss_falls_while_inverted : exists p, full p /\\ dpo_loss ref beta n p < dpo_loss ref beta n ref /\\
  0 < n {pair} /\\
  delta p {pair} < 0.
Proof.
apply: (certified_failure {GIVEN}
  (s := {rationals(_step(prompt, slope, winner, loser))})
  (w := @Ordinal {k} {winner} isT) (l := @Ordinal {k} {loser} isT)); unfold masses, beta, labelling; numbers.
Qed.
"""


def _step(prompt, slope, winner, loser) -> list[Fraction]:
    """Scores along the slope, by at most 1 and by what mends half of the pair's margin.

    The loss falls with slope |slope|^2 / 2 at first, and its curvature is at most |slope|^2 / 2, as the shares of the
    labels add up to at most 1: so it lies below its start for every step up to 2.
    """
    mended = float(slope[winner] - slope[loser]) / float(prompt.beta)
    step = min(1.0, prompt.margin(winner, loser) / (-2 * mended)) if mended > 0 else 1.0
    return [rounded(step * x) for x in slope]


def refutation(prompt: Prompt, scores: list[Fraction]) -> str:
    """Theorem 3.5 read of labels as they are given: its condition holds on every label, and the given scores have less
    loss than the RLHF optimum. Nothing where that is not so."""
    reward = prompt.reward
    holds = all(prompt.margin(w, y) > SLACK - float((reward[w] - reward[y]) / prompt.beta) for w, y, _ in prompt.labels)
    if not holds or loss(prompt, scores) > loss(prompt, reward) - SLACK:
        return ""
    return f"""\
(** A counterexample to Theorem 3.5 as printed: its condition holds on every label, and the RLHF optimum does not
    minimise the DPO loss. *)
Theorem theorem_3_5_fails_here :
  (forall w l, 0 < n w l -> delta ref w l > - (listed reward w - listed reward l) / beta) /\\
  ~ minimises full (dpo_loss ref beta n) (pi_star ref (listed reward) beta).
Proof.
apply: (certified_refutation {GIVEN}
  (s := {rationals(scores)})); unfold masses, reward, beta, labelling; numbers.
Qed.
"""
