"""Wrong statements, put through the frame of the true ones: none may come out PROVED or CERTIFIED.

Each is a statement of the project with one thing wrong (a sign, a hypothesis, a factor, a mean, strict for weak, a
bound one per cent too small), or a false inequality made to deceive the branch and bound.
"""

import math
from fractions import Fraction as Q

import pytest

from proofs_checks.kernel import ball, search, symbolic
from proofs_checks.kernel.arithmetic import asinh, exp, least, log, log1p, sigmoid, softplus, sqrt, tanh
from proofs_checks.kernel.statement import Check, Finding, Quantifier, Statement, Verdict, run
from proofs_checks.kernel.symbolic import positive, real
from proofs_checks.own import escape_time as escape
from proofs_checks.own import gradient_flow_member as flow_member
from proofs_checks.own import hard_constraint as hard
from proofs_checks.own import isotonic_projection as isotonic
from proofs_checks.own import price_of_alignment as price
from proofs_checks.own import public_grids as grids
from proofs_checks.own import softplus_bounds as soft
from proofs_checks.own import solution_set as solutions
from proofs_checks.own import solution_set_examples as examples
from proofs_checks.own import thresholds
from proofs_checks.own import worst_case_accuracy as worst
from proofs_checks.rafailov_2023 import dpo_losses as losses
from proofs_checks.rafailov_2023 import rlhf_closed_form as rlhf
from proofs_checks.yang_2026 import equation_10 as eq10
from proofs_checks.yang_2026 import equations_13_17 as eq13
from proofs_checks.yang_2026 import released_code as released
from proofs_checks.yang_2026 import theorem_3_5 as thm35
from proofs_checks.yang_2026 import theorem_4_9 as thm49
from proofs_checks.yang_2026 import theorem_4_9_three_responses as thm49_three
from proofs_checks.yang_2026 import two_response_penalty as two


def identity(difference, **kinds):
    return symbolic.check("planted", difference, is_claim=True, **kinds)


def positivity(expression):
    return symbolic.positivity_check("planted", expression, is_claim=True)


def inequality(f, box, strict=True, budget=2000):
    return ball.check("planted", f, box, strict=strict, is_claim=True, max_boxes=budget)


def exhaustive(finding):
    return Check("planted", Quantifier.EXHAUSTIVE, finding, is_claim=True)


def sampled(violation, space):
    return search.nothing_found("planted", violation, space)


K = {"k": (Q(1, 10**9), 10**9)}
BETA_DELTA = {"β": (Q(1, 1000), 1000), "δ_ref": (-50, 50)}
TRAPPED = {"β": (Q(1, 1000), 1000), "δ_ref": (-50, 0)}
LINE = {"x": (-50, 50)}
UNIT = {"x": (0, 1)}
FLOW = {"β": (Q(1, 1000), 1000), "h": (-50, 50), "Ψ": (-50, 50)}


def narrow_dip(x):
    """1 but for a dip below 0 of width 1e-4 near 1/3."""
    return 1 - Q(101, 100) * exp(-(10**8) * (x - Q(1, 3)) ** 2)


def lower_by_python_min(x):
    """Python's min asks which is less: at x = 1/2 the second is, -1/2. Where the two cross it gets no answer."""
    return min(ball.number(1), 4 * (x - Q(1, 2)) ** 2 - Q(1, 2))


def unknown_near_zero(x):
    """No bound on any cell around 0, however small; below 0 for x in (1.3, 1.4) only."""
    return (x - Q(13, 10)) * (x - Q(14, 10)) + 0 * (1 / x)


def negative_in_a_branch(x):
    return x - 2 if x > Q(1, 3) and x < Q(2, 3) else 1 + x


def zero_at_a_branch(x):
    return 0 * x if x == Q(1, 2) else 1 + x


def mean_difference(kind):
    p, q = positive("p q")
    pooled = {"arithmetic": (p + q) / 2, "harmonic": 2 * p * q / (p + q)}[kind]
    return pooled - sqrt(p * q)


def softplus_shift(sign):
    x = real("x")
    return softplus(x) - softplus(-x) - sign * x


def optimum_margin(change):
    beta, (delta_ref, reward) = positive("β"), real("δ_ref Δr")
    true = delta_ref + reward / beta
    return true - {"times β": delta_ref + reward * beta, "no reference": reward / beta}[change]


def escape_without_square():
    beta, d = positive("β d")
    return (beta * d + exp(beta * d) - 1) / (2 * beta**2) - (beta * d + exp(beta * d) - 1) / (2 * beta)


def escape_of_a_steeper_loss():
    beta, d = positive("β d")
    return (beta * d + exp(beta * d) - 1) / (2 * beta**2) - (exp(beta * d) - 1) / (2 * beta**2)


def root_of_square():
    x = real("x")
    return sqrt(x**2) - x


def nearly_equal():
    """Two expressions that agree to six digits and more."""
    x = real("x")
    return log(x**2) / 2 - log(sqrt(x**2) + exp(-(x**2)) / 10**6)


REFUTED = {
    # section 1: RLHF
    "J = V + β KL": identity(lambda: rlhf._pointwise(sign=-1)),
    "J = V − β KL(π‖π_ref)": identity(lambda: rlhf._pointwise(base="π_ref")),
    "dV/dβ = +KL": identity(lambda: rlhf._value_slope(sign=-1), instance=rlhf._two_rewards),
    "dE[r]/d(1/β) = Var/2": identity(lambda: rlhf._mean_slope(Q(1, 2)), instance=rlhf._two_rewards),
    "δ* = δ_ref + βΔr": identity(lambda: optimum_margin("times β")),
    "δ* = Δr/β": identity(lambda: optimum_margin("no reference")),
    # section 2: DPO
    "dL/dδ = +βσ(−βh)": identity(lambda: losses.ordered_slope(sign=-1)),
    "DPO optimum at s = −r": identity(lambda: thm35._stationary_pair(sign=-1)),
    "solutions (5t, t, 1 − 6t)": identity(lambda: examples._example(odds=5)),
    "min loss .5623351447": exhaustive(lambda: examples._printed_minimum(Q(5623351447, 10**10))),
    "flow ends at (6/13, 1/13, 6/13)": exhaustive(lambda: flow_member._example_gauge((Q(6, 13), Q(1, 13), Q(6, 13)))),
    "the flow ends at the closest solution": exhaustive(
        lambda: flow_member._closest_is_bracketed((Q(1, 2), Q(1, 12), Q(5, 12)))
    ),
    "attained iff a pair is labelled both ways": exhaustive(
        solutions._existence(solutions._all_label_sets, solutions._labelled_both_ways)
    ),
    "attained iff the labels connect": exhaustive(
        solutions._existence(solutions._all_label_sets, solutions._connected)
    ),
    "a chain of labels needs no way back": identity(
        lambda: solutions._round_trip(closed=False), instance=solutions._falls_steadily
    ),
    "labels of weight 0 are strictly convex": positivity(lambda: solutions._curvature_sign(0)),
    "labels of weight 0 cost something": positivity(lambda: solutions._cost(0)),
    "labels inside a block cost nothing in the limit": identity(lambda: solutions._apart(steps=0)),
    "losing blocks of rank 0 vanish": identity(lambda: solutions._sources_keep(number=0)),
    "the loss of a label is bounded by nothing at weight 0": positivity(lambda: thresholds._unbounded(0)),
    "infimum 1e-9 higher": exhaustive(solutions._infima(solutions._all_label_sets, 1e-9)),
    "pulls on winner and loser are equal": identity(lambda: flow_member._conserved(-1)),
    # section 3: failure modes
    "gradient factor > 1/100 at δ = 0": inequality(lambda β, δ_ref: sigmoid(β * δ_ref) - Q(1, 100), BETA_DELTA),
    "gradient factor > 1/2 while trapped": inequality(lambda β, δ_ref: sigmoid(β * δ_ref) - Q(1, 2), TRAPPED),
    "gradient factor < 1/2, strict, at δ_ref = 0 too": inequality(
        lambda β, δ_ref: Q(1, 2) - sigmoid(β * δ_ref), {**TRAPPED, "δ_ref": (-50, Q(1, 100))}
    ),
    "threshold sp(−βδ_ref)": identity(lambda: softplus_shift(0)),
    "threshold 1 % too high is safe": inequality(
        lambda a, t: softplus(a + t) - Q(101, 100) * softplus(a), {"a": (-20, 20), "t": (Q(1, 10**4), 1)}
    ),
    "escape time without the square": identity(escape_without_square),
    "escape time without its linear term": identity(escape_of_a_steeper_loss),
    "escape time with 2 e^−Ψ": identity(lambda: escape._escape(scale=2)),
    "u + e^u grows with 4β²": identity(lambda: escape._clock(2)),
    "flow faster than 1/1000 everywhere": inequality(lambda β, h, Ψ: sigmoid(Ψ - β * h) - Q(1, 1000), FLOW),
    "dearest pairs first": exhaustive(lambda: worst._all_equal_weights(dearest=True)),
    "39 cells of U with its ends": exhaustive(lambda: grids._strictly_in_u(strict=False)),
    # section 4: CPO
    "κ in place of 2κ": identity(lambda: two.slope_identity(1)),
    "G is convex": positivity(lambda: two.concavity(-1)),
    "summit of G at sinh δ = 1/κ": identity(lambda: two.summit_is_stationary(1)),
    "summit value F + 1/100": identity(lambda: two.summit_value(Q(1, 100))),
    "γ* halved": identity(lambda: thm49._threshold(Q(1, 8))),
    "γ* with the sign flipped": identity(lambda: thm49._threshold(Q(-1, 4))),
    "F(k) + 3.96 k > 0": inequality(lambda k: eq10._window(k, Q(396, 100)), K),
    "F(k) + 4k > 1e-6": inequality(lambda k: eq10._window(k) - Q(1, 10**6), K),
    "F rises": identity(lambda: eq10._summit_falls(-1)),
    "the escape ends at R + βK + γc": identity(lambda: eq10.escape_limit(sign=-1)),
    "Eq. 10 grows along the escape, c > 0": positivity(lambda: eq10.growth(sign=-1)),
    "F(k) + 4k has the slope 1 + tanh²(t/2)": identity(lambda: eq10._window_slope(2)),
    "a gap with + log S": identity(lambda: hard._gap_pointwise(-1)),
    "e^M − 1 = e^{M/2} sinh(M/2)": identity(lambda: price._forced_form(1)),
    "Ψ* = γ(1/π_w − 1/π_l)": identity(lambda: eq13._margin(sign=-1)),
    "stationarity with c flipped": identity(lambda: eq13._stationary(sign=-1)),
    "Lambert form with 2c": identity(lambda: eq13._lambert(2)),
    "E-CPO optimum δ_ref + (Δr − Ψ)/β": identity(lambda: eq13._signed_margin_slope(-1)),
    "no triangle defect": identity(lambda: eq13._triangle(0)),
    "half of the multiplier is enough": identity(lambda: hard._tight(Q(1, 2))),
    "arithmetic pool": identity(lambda: mean_difference("arithmetic")),
    "harmonic pool": identity(lambda: mean_difference("harmonic")),
    "arithmetic pool of (.1, .4, .3, .2)": exhaustive(
        lambda: hard.example("1/10 2/5 3/10 1/5", "1/4 1/4 3/10 1/5", 0, 1, 1, "1")
    ),
    "weights e^2u": identity(lambda: isotonic._same_weighted_stationarity(2)),
    "price with + log S": identity(lambda: price._price(-1)),
    "a cycle with e^2M": identity(lambda: price._around(2)),
    "Hessian of w with the sign flipped": identity(lambda: thm49_three._hessian("w", -1)),
    "empty window with two responses": inequality(
        lambda a: thm49_three._no_window_two_responses(a, ball.number(1)), {"a": (2, 10)}
    ),
    # section 5: soft margins
    "sp(z) − sp(−z) = −z": identity(lambda: softplus_shift(-1)),
    "soft hinge within 0.99 log 2": inequality(
        lambda t: log1p(tanh(t / 2)) - ball.number(2).log() / 100, {"t": (0, 50_000)}
    ),
    "soft hinge error strictly below log 2, at 0 too": inequality(lambda t: log1p(tanh(t / 2)), {"t": (0, 50)}),
    "sp(0) = log 3": identity(lambda: soft._at_zero(3)),
    "the easy target lies above DPO's": positivity(lambda: released._easy_shift(-1)),
    "the cpo floor within 0.99 log 2/τ": inequality(
        lambda x, τ: soft.deficit(τ * x, Q(1, 100)), {"x": (Q(1, 10**6), 50), "τ": (Q(1, 1000), 1000)}
    ),
    "clipping with the sign flipped": identity(lambda: released._clip_loss(-1)),
    # made to deceive
    "√x² = x for all real x": identity(root_of_square),
    "log |x| = log(|x| + e^−x²/10⁶)": identity(nearly_equal),
    "a narrow dip": inequality(narrow_dip, UNIT, budget=20_000),
    "Python's min of overlapping intervals": inequality(lower_by_python_min, {"x": (-2, 2)}),
    "a violation beside a point where nothing is known": inequality(unknown_near_zero, {"x": (-1, 3)}),
    "a Python branch on an interval": inequality(negative_in_a_branch, UNIT),
    "a Python branch on equality": inequality(zero_at_a_branch, UNIT),
    "x² > 0 at 0 too": inequality(lambda x: x**2, LINE),
    "e^x ≥ 1 + 1.01 x": inequality(lambda x: exp(x) - 1 - Q(101, 100) * x, UNIT),
    "asinh x ≥ x": inequality(lambda x: asinh(x) - x, {"x": (Q(1, 1000), 50)}, strict=False),
    "a dip of 1e-30 at √½, weak": inequality(
        lambda x: (x**2 - Q(1, 2)) ** 2 - Q(1, 10**30), UNIT, strict=False, budget=200
    ),
}

UNPROVED = {
    "a double zero inside, rational but not dyadic": inequality(lambda x: (x - Q(1, 3)) ** 2, UNIT),
    "a double zero inside, irrational": inequality(lambda x: (x**2 - Q(1, 2)) ** 2, UNIT),
    "undefined at 0": inequality(lambda x: 1 / x**2, LINE, budget=200),
    "log of a negative number": inequality(lambda x: 1 + 0 * log(x), LINE, budget=200),
    "a constant found by sampling": sampled(lambda x: -1.0, {"x": (0, 1)}),
    "sampling misses a narrow violation": sampled(
        lambda x: 1.0 if abs(x - 0.123456789) < 1e-9 else -1.0, {"x": (0, 1)}
    ),
    "sampling finds a wide one": sampled(lambda x: x - 0.5, {"x": (0, 1)}),
    "hypotheses that no draw meets": sampled(lambda x: 1.0 if x > 2 else -math.inf, {"x": (0, 1)}),
    "a predicate that is never a number": sampled(lambda x: math.nan * x, {"x": (0, 1)}),
    "a predicate that always overflows": sampled(lambda x: exp(1000 + x), {"x": (0, 1)}),
    "corroboration alone": symbolic.check("planted", lambda: 0 * real("x"), corroborates=True),
    "a control that passes": symbolic.check(
        "planted", lambda: 0 * real("x"), controls={"x − x": lambda: 0 * real("x")}
    ),
    "a control that is only undecided": Check(
        "planted",
        Quantifier.IDENTITY,
        lambda: Finding(True, ""),
        (search.Control("open", lambda: Finding(None, "")),),
    ),
    "a step of the proof fails": symbolic.check("planted", lambda: thm49._threshold(Q(1, 8))),
    "no violation of a true claim": search.counterexample("planted", lambda x: -abs(x), {"x": (-1, 1)}),
    "a float violation that is rounding": search.counterexample(
        "planted", lambda x: abs(x + 0.1 - 0.1 - x) - 1e-12, {"x": (0, 1)}
    ),
    "a float violation without a certificate": search.counterexample(
        "planted", lambda x: x, {"x": (1, 2)}, certificate=lambda x: x - x
    ),
}


def verdict(check):
    return run(Statement("planted", "", "", "", "", "", "", Verdict.PROVED, (check,))).verdict


@pytest.mark.parametrize("name", REFUTED)
def test_a_false_claim_is_refuted(name):
    assert verdict(REFUTED[name]) is Verdict.REFUTED


@pytest.mark.parametrize("name", UNPROVED)
def test_what_cannot_be_trusted_is_neither_proved_nor_refuted(name):
    only_sampled = name in {"a constant found by sampling", "sampling misses a narrow violation"}
    assert verdict(UNPROVED[name]) is (Verdict.SUPPORTED if only_sampled else Verdict.UNDECIDED)


def test_there_are_enough_of_them():
    assert len(REFUTED) >= 40


@pytest.mark.parametrize(
    "check",
    [
        inequality(lambda t: log1p(tanh(t / 2)), {"t": (0, 50)}, strict=False),
        inequality(lambda x: exp(x) - 1 - x, {"x": (Q(1, 10), 1)}),
        inequality(lambda x: least(x, 1 - x) + Q(1, 10**6), UNIT),
        identity(lambda: softplus_shift(1)),
    ],
)
def test_the_same_machinery_accepts_the_true_neighbours(check):
    assert verdict(check) in {Verdict.PROVED, Verdict.CERTIFIED}
