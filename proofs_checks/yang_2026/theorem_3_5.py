"""Theorem 3.5 as printed, both of its directions, and the repaired version.

As transcribed: DPO and RLHF optimise equivalent objectives if and only if δ_ref > -Δr/β on every pair. "Equivalent"
is read as "with the same optimum".

Proof of thm-3.5-repaired. In s = β log(π/π_ref) the DPO loss with population labels is a sum over the labelled pairs
of p sp(-(s_i - s_j)) + (1-p) sp(s_i - s_j) with p = σ(r_i - r_j). Each summand has derivative σ(s_i - s_j) - p in
s_i - s_j, which is 0 at s = r: every pair is stationary there at once, so r is a minimiser. The summands are
strictly convex in s_i - s_j; where the labelled pairs connect all responses, r is the only one up to a constant, and
π_ref e^{r/β}/Z = π*. The condition on δ_ref is not used.

Why "if" fails for one label per pair. Under the condition every label agrees with π*, so the labels have no cycle,
every label joins two blocks, and the loss has no minimiser at all (dpo-solution-set): π* cannot be one.
"""

from fractions import Fraction

from proofs_checks.kernel import ball, search, symbolic
from proofs_checks.kernel.arithmetic import least, sigmoid, softplus
from proofs_checks.kernel.statement import Check, Control, Finding, Quantifier, Statement, Verdict
from proofs_checks.kernel.symbolic import positive, real
from proofs_checks.own.searches_dpo import SEARCHES
from proofs_checks.rafailov_2023.dpo_losses import CONVEX, TURNS_AT_OPTIMUM, ordered_loss

_SOURCE = "Yang et al. 2026, Theorem 3.5, as transcribed"
_SPACE = {"β": (Fraction(1, 10), 10), "Δr": (Fraction(1, 10), 10), "δ_ref": (-10, 10), "δ": (-20, 20)}
_NO_DELTA = {name: ends for name, ends in _SPACE.items() if name != "δ"}


def _population_loss(β, Δr, δ_ref, δ):
    h = δ - δ_ref
    return sigmoid(Δr) * softplus(-β * h) + sigmoid(-Δr) * softplus(β * h)


def _better_than_rlhf(β, Δr, δ_ref, δ):
    """Positive where the condition holds and the ordered loss at δ is below that at δ*."""
    optimum = δ_ref + Δr / β
    return least(δ_ref + Δr / β, ordered_loss(β, δ_ref, optimum) - ordered_loss(β, δ_ref, δ))


def _better_than_rlhf_on_population(β, Δr, δ_ref, δ):
    optimum = δ_ref + Δr / β
    return least(δ_ref + Δr / β, _population_loss(β, Δr, δ_ref, optimum) - _population_loss(β, Δr, δ_ref, δ))


def _same_optimum_without_condition(β, Δr, δ_ref, step=Fraction(1, 1000)):
    """Positive where the condition fails and the population loss turns within 1/1000 of δ*."""
    z, width = Δr, β * step
    rises_after, falls_before = sigmoid(z + width) - sigmoid(z), sigmoid(z) - sigmoid(z - width)
    return least(-(δ_ref + Δr / β), rises_after, falls_before)


def _same_optimum_ordered(β, Δr, δ_ref, step=Fraction(1, 1000)):
    """The same for one label per pair, whose slope -σ(-βh) never turns."""
    return least(-(δ_ref + Δr / β), -sigmoid(-Δr - β * step), sigmoid(-Δr + β * step))


def _printed_numbers(loss_at_optimum=Fraction(3133, 10**4)):
    """β = Δr = 1, uniform reference: loss .3133 at δ* = 1 and .1269 at δ = 2."""
    first, second = (ordered_loss(1, 0, ball.number(delta)) for delta in (1, 2))
    half = Fraction(1, 2 * 10**4)
    agree = abs(first - loss_at_optimum) < half and abs(second - Fraction(1269, 10**4)) < half
    return Finding(agree, f"L(1) ∈ {first}, L(2) ∈ {second}", witness="β = Δr = 1, δ_ref = 0, δ* = 1, δ = 2")


def _stationary_pair(sign=1):
    """d/ds_i of one pair's summand at s = r."""
    r_i, r_j = real("r_i r_j")
    s_i, s_j = real("s_i s_j")
    p, gap = sigmoid(r_i - r_j), s_i - s_j
    loss = p * softplus(-gap) + (1 - p) * softplus(gap)
    return loss.diff(s_i).subs({s_i: sign * r_i, s_j: sign * r_j})


def _shared_margin(sign=1):
    """δ of π_ref e^{r/β}/Z is positive iff δ_ref + Δr/β is: β δ - (β δ_ref + Δr)."""
    beta, (delta_ref, reward) = positive("β"), real("δ_ref Δr")
    return beta * (delta_ref + sign * reward / beta) - (beta * delta_ref + reward)


_IF_FAILS = search.counterexample(
    "“if”, one label per pair: a policy with less loss than π*",
    _better_than_rlhf,
    _SPACE,
    controls={"the same on population labels": _better_than_rlhf_on_population},
)
_ONLY_IF_FAILS = search.counterexample(
    "“only if”, population labels: δ* is the DPO optimum although the condition fails",
    _same_optimum_without_condition,
    _NO_DELTA,
    controls={"the same with one label per pair": _same_optimum_ordered},
)
_PRINTED = Check(
    "the numbers .3133 and .1269",
    Quantifier.CASES,
    _printed_numbers,
    (Control("loss .3143 at δ*", lambda: _printed_numbers(Fraction(3143, 10**4))),),
    corroborates=True,
)

STATEMENTS = (
    Statement(
        id="thm-3.5",
        title="DPO and RLHF are equivalent iff δ_ref > −Δr/β on every pair",
        source=_SOURCE,
        hypotheses="Any finite responses, β > 0, one label per pair or population labels; “equivalent” read as “with "
        "the same optimum”.",
        claim="DPO and RLHF optimise equivalent objectives if and only if δ_ref > −Δr/β on every pair.",
        method="A counterexample to each direction, under the labels where it fails, found from nothing and certified "
        "in ball arithmetic.",
        conclusion="False as printed. Which direction fails depends on what the labels are: see the next statements.",
        expected=Verdict.REFUTED,
        checks=(_IF_FAILS, _ONLY_IF_FAILS, TURNS_AT_OPTIMUM),
    ),
    Statement(
        id="thm-3.5-if",
        title="“If”, with one label per pair",
        source=_SOURCE,
        hypotheses="One label per pair, β > 0, δ_ref > −Δr/β.",
        claim="The RLHF optimum minimises the DPO loss.",
        method="Search for a policy with less loss than π*; certified in ball arithmetic.",
        conclusion="Under the condition labels that agree with π* have no cycle: their loss has no minimiser at all.",
        expected=Verdict.REFUTED,
        checks=(_IF_FAILS, _PRINTED),
    ),
    Statement(
        id="thm-3.5-only-if",
        title="“Only if”, with population labels",
        source=_SOURCE,
        hypotheses="Each pair labelled both ways with rates σ(±Δr), β > 0.",
        claim="If the RLHF optimum minimises the DPO loss, then δ_ref > −Δr/β.",
        method="Search for a problem that violates the condition while the loss turns within 1/1000 of δ*; that it "
        "turns exactly there is an identity.",
        conclusion="On population labels the two optima always agree, condition or not.",
        expected=Verdict.REFUTED,
        checks=(_ONLY_IF_FAILS, TURNS_AT_OPTIMUM),
    ),
    Statement(
        id="thm-3.5-repaired",
        title="Theorem 3.5 repaired: population labels",
        source="repair of Theorem 3.5 (Yang et al. 2026, as transcribed)",
        hypotheses="Bradley–Terry population labels on pairs that connect all responses, any π_ref > 0, β > 0.",
        claim="argmin DPO = {π*_RLHF}, whatever δ_ref is.",
        method="Every pair's summand is stationary at s = r (identity) and strictly convex (positive curvature); "
        "connected "
        "pairs leave only a constant free.",
        conclusion="Equivalence of DPO and RLHF needs population labels, not a well-ranked reference.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check(
                "each pair is stationary at s = r", _stationary_pair, controls={"at −r": lambda: _stationary_pair(-1)}
            ),
            *CONVEX,
            SEARCHES["thm-3.5-repaired"],
        ),
    ),
    Statement(
        id="thm-3.5-ranking",
        title="What the condition of Theorem 3.5 does decide",
        source="repair of Theorem 3.5 (Yang et al. 2026, as transcribed)",
        hypotheses="As in thm-3.5-repaired.",
        claim="The shared optimum ranks the winner first iff δ_ref > −Δr/β.",
        method="Identity β δ* = β δ_ref + Δr, with β > 0.",
        conclusion="The condition is about ranking, not about equivalence.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check(
                "β δ* = β δ_ref + Δr", _shared_margin, controls={"sign of Δr": lambda: _shared_margin(sign=-1)}
            ),
            SEARCHES["thm-3.5-ranking"],
        ),
    ),
)
