"""Assumption 3.1: the RLHF optimum ranks every labelled winner first.

Proof of assumption-3.1. π* = π_ref e^{r/β}/Z, so δ* = log π*_w/π*_l = δ_ref + Δr/β: the normaliser cancels. So δ* >
0 iff δ_ref > -Δr/β.
"""

from proofs_checks.kernel import symbolic
from proofs_checks.kernel.arithmetic import exp, log
from proofs_checks.kernel.search import in_library
from proofs_checks.kernel.statement import Statement, Verdict, out_of_reach
from proofs_checks.kernel.symbolic import positive, real
from tabular import Preferences, Problem, rlhf

_SOURCE = "Yang et al. 2026, Assumption 3.1, as transcribed"


def _optimal_margin(sign=1):
    ref_w, ref_l, beta, z = positive("π_w π_l β Z")
    reward_w, reward_l = real("r_w r_l")
    optimum_w, optimum_l = ref_w * exp(reward_w / beta) / z, ref_l * exp(reward_l / beta) / z
    return log(optimum_w) - log(optimum_l) - (log(ref_w) - log(ref_l) + sign * (reward_w - reward_l) / beta)


def _library_disagrees(w, rest, reward, β, sign=1):
    """How far the library's δ* is from δ_ref + Δr/β on three responses, beyond rounding."""
    problem = Problem.from_unnormalized([w, 0.0, rest], β, [reward, 0.0, 1.0])
    delta = Preferences.from_pairs([(0, 1)]).delta(rlhf.optimal_policy(problem))[0]
    return abs(delta - (w + sign * reward / β)) - 1e-9 * (1 + abs(w) + abs(reward) / β)


STATEMENTS = (
    Statement(
        id="assumption-3.1",
        title="When the RLHF optimum agrees with a label",
        source=_SOURCE,
        hypotheses="One labelled pair among any responses, β > 0.",
        claim="π*(w) > π*(l) iff δ_ref > −Δr/β.",
        method="Identity δ* = δ_ref + Δr/β, in which the normaliser cancels; second route: the library's optimum.",
        conclusion="The assumption is a property of the reference and of the reward, to be checked pair by pair.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check(
                "δ* = δ_ref + Δr/β",
                _optimal_margin,
                controls={"δ_ref − Δr/β": lambda: _optimal_margin(sign=-1)},
                is_claim=True,
            ),
            in_library(
                "the optimum has this margin",
                _library_disagrees,
                {"w": (-9, 9), "rest": (-9, 9), "reward": (-5, 5), "β": (0.001, 1000)},
                sign=-1,
            ),
        ),
    ),
    Statement(
        id="assumption-3.1-rate",
        title="How often the assumption is violated in practice",
        source=_SOURCE,
        hypotheses="Llama-3-8B-Instruct, β = 0.1, the authors' pairs and reward model.",
        claim="The assumption is violated for 45.5 % of the pairs.",
        method="None here: needs the log-probabilities and rewards of those pairs.",
        conclusion="For a log of your own, the audit reports the rate on its pairs.",
        expected=Verdict.NOT_CHECKABLE_HERE,
        checks=(out_of_reach("45.5 %", "the authors' log-probabilities and rewards are not public"),),
    ),
)
