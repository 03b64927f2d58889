"""The part of a certificate about the constrained optimum: a feasible policy, multipliers, and the gap between them."""

from fractions import Fraction

import numpy as np

from condeq.certificate_problem import SLACK, Prompt, exact, rationals, rounded, sequence, term
from condeq.problem_file import ProblemFile
from tabular import rlhf
from tabular.base import digraph
from tabular.cpo import ConstrainedOptimum

__all__ = ["optimum"]

#: The share of a policy that has every constraint to spare, which buys exact feasibility.
_SAFE = 1e-10


def _feasible(prompt, log_policy, margin) -> list[Fraction]:
    """A policy in rationals that meets every constraint exactly and is all but the given one: mixed with one that rises
    along labels, and at margin 0 the same on all of a cycle."""
    winner, loser, _ = zip(*prompt.labels, strict=True)
    cycle, height = digraph.ranked_blocks(digraph.adjacency(prompt.size, loser, winner))
    safe = np.exp((abs(margin) + 1) * height[cycle])
    policy = (1 - _SAFE) * np.exp(log_policy) + _SAFE * safe / safe.sum()
    if margin == 0:
        policy = np.array([policy[cycle == cycle[y]].mean() for y in range(prompt.size)])
    parts = [rounded(x, 15) for x in policy]
    total = sum(parts)
    return [x / total for x in parts]


def _projection(prompt, source, best, margin):
    """Policy, multipliers (winner, loser, lambda per unit of beta) and the gap that they leave; None where a cycle
    with a margin leaves some response no mass."""
    log_policy = best.log_policy[prompt.index, : prompt.size]
    if not np.isfinite(log_policy).all():
        return None
    here = (source.preferences.prompt == prompt.index) & (source.preferences.log_weight > -np.inf)
    rows = zip(source.preferences.winner[here], source.preferences.loser[here], best.multipliers[here], strict=True)
    lam = [(int(w), int(y), rounded(max(float(x), 0.0) / float(prompt.beta))) for w, y, x in rows]
    policy = _feasible(prompt, log_policy, margin)
    return policy, lam, rounded(_gap(prompt, source, margin, policy, lam), 2)


def _gap(prompt, source, margin, feasible, lam):
    policy = np.array([float(x) for x in feasible])
    log_star = rlhf.optimal_policy(source.problem)[prompt.index, : prompt.size]
    pull = np.zeros(prompt.size)
    for w, y, x in lam:
        pull[[w, y]] += float(x), -float(x) * np.exp(margin)
    gap = float(policy @ (np.log(policy) - log_star)) + float(np.logaddexp.reduce(log_star + pull))
    return 2 * max(gap, 0.0) + SLACK


def optimum(prompt: Prompt, source: ProblemFile, best: ConstrainedOptimum, margin: float) -> str:
    """The theorem of one prompt's part of an optimum, or nothing where no policy of full support is feasible."""
    found = _projection(prompt, source, best, margin)
    if found is None:
        return ""
    policy, lam, gap = found
    multiplied = sequence([f"({w}%N, {y}%N, {term(x)})" for w, y, x in lam])
    allowed = f"feasible (labelled multiplied) (fun _ _ : 'I_{prompt.size} => margin)"
    star = "(pi_star ref (listed reward) beta)"
    return f"""\
(** The optimum under p w >= exp(margin) p l on every label, within a gap: no feasible policy has a better objective
    than [constrained] by more than beta times the gap, and the optimum is that near. *)
Definition margin := {term(exact(margin))}.
Definition multiplied := {multiplied}.
Definition constrained := {rationals(policy)}.
Definition gap := {term(gap)}.
Theorem constrained_optimum :
  {allowed} (listed constrained) /\\
  (forall q, {allowed} q ->
     J ref (listed reward) beta q <= J ref (listed reward) beta (listed constrained) + beta * gap) /\\
  forall q, projection (labelled multiplied) (fun _ _ => margin) {star} q ->
    (\\Sum_y Rabs (listed constrained y - q y)) ^ 2 <= 2 * gap.
Proof.
apply: (certified_projection (cs := multiplied) masses_positive isT beta_positive) => //;
  unfold masses, reward, beta, margin, multiplied, constrained, gap; constrained_numbers.
Qed.
"""
