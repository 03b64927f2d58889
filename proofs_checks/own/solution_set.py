"""The set of all DPO solutions, for any labels of positive weight: existence, infimum, solutions, limits.

In s = β log(π/π_ref) the loss is f(s) = Σ n_i sp(-(s_w - s_l)), s any vector (dpo-bradley-terry). Blocks are the
strongly connected components of the labels w -> l.

Proof of dpo-solution-set. *A block has one fit.* Its f is strictly convex in every label's difference (n_i > 0,
positive curvature), and the labels connect the block: at most one minimiser up to a constant. Along a direction u that
is not constant on it some label has u_w ≠ u_l. That label lies on a cycle, round which the differences of u sum to 0;
so on some label u_w < u_l, and its loss, above n_i (s_l - s_w) as sp(z) > z, grows without bound, the others being
positive. A convex function that grows along every direction has a minimiser. *Infimum.* Labels between blocks cost
more than 0 at every s, so with one f always exceeds the sum of the blocks' minima. Number the blocks so that the
number rises along every such label (the blocks have no cycle): s - τ·number keeps the differences inside blocks, and
the cost between them tends to 0. *Solutions.* So with a label between blocks the infimum is not attained. Without, f is
the sum of the blocks' losses, least exactly at their fits plus a constant for each: the free block masses.

Proof of dpo-limit-set. Let f tend to its infimum. Each block's loss tends to its minimum, so its proportions to the
fitted ones (its sublevel sets shrink to the fit). A label's cost c between blocks tends to 0, and its loser's share
π_l/π_w is that of the reference times (e^{c/n} - 1)^{1/β}: so the mass of a block that loses vanishes relative to a
block that wins, and, as the blocks have no cycle, to some source block: only sources keep mass. Conversely s -
τ·number, number 0 on the sources and positive on others, with any constants on the sources, tends to those masses
while f tends to its infimum. Masses of 0 are limits of such limits.

The instances are decided rigorously (certificates.py): the infimum between the loss inside blocks and a conserved flow;
existence by a positive conserved flow, or by numbers that never fall along a label and rise along one.
"""

import itertools
from fractions import Fraction

import numpy as np

from proofs_checks.kernel import symbolic
from proofs_checks.kernel.arithmetic import exp, log, softplus
from proofs_checks.kernel.statement import Check, Control, Finding, Quantifier, Statement, Verdict
from proofs_checks.kernel.symbolic import positive, real
from proofs_checks.own.searches_dpo import SEARCHES
from proofs_checks.rafailov_2023.dpo_losses import ordered_loss
from tabular import Preferences, Problem, Status, dpo

_TOLERANCE = 1e-10


def _curvature(scale=1):
    """d²/dx² of n sp(-x), less n e^x/(1+e^x)²."""
    n, x = positive("n"), real("x")
    return (n * softplus(-x)).diff(x, 2) - scale * n * exp(x) / (1 + exp(x)) ** 2


def _curvature_sign(weight):
    x = real("x")
    return weight * exp(x) / (1 + exp(x)) ** 2


def _round_trip(closed=True):
    """Σ (u_k - u_{k+1}) along k = 1, ..., m, of any length: a cycle of labels ends where it began."""
    import sympy

    u, (k, m) = symbolic.function("u"), sympy.symbols("k m", integer=True, positive=True)
    total = sympy.summation(u(k) - u(k + 1), (k, 1, m))
    return total.subs(u(m + 1), u(1)) if closed else total


def _falls_steadily():
    """An instance of u for the spot check, which must be told from a constant."""
    return {symbolic.function("u"): lambda t: -t}


def _above_linear(sign=1):
    """n sp(z) - n z - n sp(-z)."""
    n, z = positive("n"), real("z")
    return n * softplus(z) - sign * n * z - n * softplus(-z)


def _cost(weight):
    return weight * softplus(-real("z"))


def _apart(steps=1):
    """n sp(-(x + τ)), as τ → ∞: a label whose loser's block number is higher by ``steps``."""
    import sympy

    (n, tau), x = positive("n τ"), real("x")
    return sympy.limit(n * softplus(-(x + steps * tau)), tau, sympy.oo)


def _odds_of_cost(sign=1):
    """n sp(-βh) - c at δ = δ_ref - log(e^{c/n} - 1)/β, with e^{c/n} = 1 + a."""
    (n, beta, a), delta_ref = positive("n β a"), real("δ_ref")
    return n * ordered_loss(beta, delta_ref, delta_ref - sign * log(a) / beta) - n * log(1 + a)


def _sources_keep(number=1):
    """The share of a source of mass p beside one of mass q and a block of mass r e^{-τ·number}, less p/(p+q)."""
    import sympy

    p, q, r, tau = positive("p q r τ")
    return sympy.limit(p / (p + q + r * exp(-number * tau)), tau, sympy.oo) - p / (p + q)


def _all_label_sets():
    """Every non-empty set of ordered pairs of three responses, one label each."""
    pairs = list(itertools.permutations(range(3), 2))
    for size in range(1, 7):
        for chosen in itertools.combinations(pairs, size):
            yield 3, [(win, lose, Fraction(1)) for win, lose in chosen]


def _random_label_sets(count=40):
    rng = np.random.default_rng(1)
    for _ in range(count):
        n = int(rng.integers(3, 7))
        labels = [tuple(rng.choice(n, 2, replace=False)) for _ in range(rng.integers(2, 9))]
        yield n, [(int(win), int(lose), Fraction(int(rng.integers(1, 20)), 4)) for win, lose in labels]


def _library(n, labels):
    problem = Problem.from_unnormalized(np.zeros(n), 0.5)
    return dpo.solve(problem, Preferences.from_pairs([(0, win, lose, float(weight)) for win, lose, weight in labels]))


def _infimum_error(n, labels, shift=0.0):
    """How far the library's infimum may be from the true one, rigorously, per label weight."""
    from proofs_checks.kernel.certificates import bradley_terry_gap

    solution, total = _library(n, labels), float(sum(weight for *_, weight in labels))
    loss, bound = bradley_terry_gap(labels, solution.fit.strength, solution.fit.block)
    low, high = float(bound.lo) / total, float(loss.hi) / total
    return max(abs(solution.infimum + shift - low), abs(solution.infimum + shift - high))


def _infima(cases, shift=0.0):
    def run():
        errors = [_infimum_error(n, labels, shift) for n, labels in cases()]
        worst = max(errors)
        return Finding(worst < _TOLERANCE, f"{len(errors)} label sets, infimum enclosed", worst)

    return run


def _attained(labels):
    """The theorem's rule, read literally: every label lies on a cycle of labels."""
    wins = {(win, lose) for win, lose, _ in labels}
    nodes = range(1 + max(max(pair) for pair in wins))
    for k, i, j in itertools.product(nodes, nodes, nodes):
        if (i, k) in wins and (k, j) in wins:
            wins.add((i, j))
    return all((lose, win) in wins for win, lose, _ in labels)


def _labelled_both_ways(labels):
    """A wrong rule: some pair is labelled in both orders."""
    wins = {(win, lose) for win, lose, _ in labels}
    return any(pair[::-1] in wins for pair in wins)


def _connected(labels):
    """A wrong rule: the labels connect their responses, whatever their direction."""
    both = [(a, b, n) for win, lose, n in labels for a, b in ((win, lose), (lose, win))]
    return _attained(both)


def _existence(cases, rule=_attained):
    """The rule and the library's status against a certificate of existence or of the contrary."""
    from proofs_checks.kernel.certificates import has_minimiser

    def run():
        count = 0
        for n, labels in cases():
            solution, count = _library(n, labels), count + 1
            certified = has_minimiser(labels, solution.fit.strength, solution.fit.block)
            if certified is None:
                return Finding(None, f"no certificate for {labels}")
            if not certified == rule(labels) == (solution.status is not Status.UNATTAINED):
                return Finding(
                    False, "the rule is wrong", witness=", ".join(f"{win} > {lose}" for win, lose, _ in labels)
                )
        return Finding(True, f"{count} label sets, each with a certificate in rationals")

    return run


def _checks_of(cases, quantifier, corroborates=False):
    return (
        Check(
            "infimum between loss and conserved flow",
            quantifier,
            _infima(cases),
            (Control("1e-9 too high", _infima(cases, 1e-9)),),
            corroborates,
        ),
        Check(
            "attained iff every label lies on a cycle",
            quantifier,
            _existence(cases),
            (
                Control("iff some pair is labelled both ways", _existence(cases, _labelled_both_ways)),
                Control("iff the labels connect, in any direction", _existence(cases, _connected)),
            ),
            corroborates,
        ),
    )


_COSTS = symbolic.positivity_check(
    "n sp(−z) > 0", lambda: _cost(positive("n")), controls={"a label of weight 0": lambda: _cost(0)}
)
_APART = symbolic.check(
    "n sp(−(x + τ)) → 0", _apart, controls={"inside a block, where the numbers are equal": lambda: _apart(0)}
)

STATEMENTS = (
    Statement(
        id="dpo-solution-set",
        title="The set of all DPO solutions",
        source="own derivation, in the file",
        hypotheses="Any labels of positive weight on finite responses; blocks are the strongly connected components.",
        claim="inf L is the sum of the blocks' minima. It is attained iff no label joins two blocks; the solutions are "
        "then the fitted proportions inside blocks, which are unique, with free block masses.",
        method="Curvature, growth against a direction, a sum round a cycle of any length, cost and limit between "
        "blocks: identities and signs, joined by the argument in the file. Second route: random weighted labels on up "
        "to six responses, infimum and existence certified.",
        conclusion="Existence is read off the graph; a solver's success message is not evidence.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check("curvature of n sp(−x)", _curvature, controls={"doubled": lambda: _curvature(2)}),
            symbolic.positivity_check(
                "curvature > 0",
                lambda: _curvature_sign(positive("n")),
                controls={
                    "a label of weight 0": lambda: _curvature_sign(0),
                    "a label of negative weight": lambda: _curvature_sign(-positive("n")),
                },
            ),
            symbolic.check(
                "round a cycle u falls as much as it rises",
                _round_trip,
                instance=_falls_steadily,
                controls={"along a chain that does not close": lambda: _round_trip(closed=False)},
            ),
            symbolic.check("n sp(z) = n z + n sp(−z)", _above_linear, controls={"−n z": lambda: _above_linear(-1)}),
            _COSTS,
            _APART,
            *_checks_of(_random_label_sets, Quantifier.CASES, corroborates=True),
            SEARCHES["dpo-solution-set"],
        ),
    ),
    Statement(
        id="dpo-solution-set-three",
        title="The same on three responses, all label sets",
        source="own derivation, in the file",
        hypotheses="Three responses, any of the 63 non-empty sets of labels, one label of weight 1 for each ordered "
        "pair in it.",
        claim="The library's infimum is that of dpo-solution-set within 10⁻¹⁰; it is attained iff no label joins two "
        "blocks.",
        method="Exhaustive: the infimum enclosed by loss and dual flow in ball arithmetic; existence by a positive "
        "conserved flow, or by numbers that never fall along a label, in rationals.",
        conclusion="On three responses nothing is left to sampling.",
        expected=Verdict.CERTIFIED,
        checks=_checks_of(_all_label_sets, Quantifier.EXHAUSTIVE),
    ),
    Statement(
        id="dpo-limit-set",
        title="Where the mass goes when no solution exists",
        source="own derivation, in the file",
        hypotheses="As in dpo-solution-set, some label between two blocks.",
        claim="The limits of minimising sequences are exactly the policies on the source blocks (those without an "
        "incoming label) with the fitted proportions inside and any masses ≥ 0 that sum to 1.",
        method="The odds that a vanishing cost leaves, an identity; cost and shares of a sequence that moves the "
        "blocks apart, as limits; the argument in the file. Second route: losses at policies near such limits.",
        conclusion="All labels together fix nothing between source blocks: one label beside an unlabelled response "
        "leaves every split of the mass.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check("cost c at those odds", _odds_of_cost, controls={"sign flipped": lambda: _odds_of_cost(-1)}),
            _COSTS,
            _APART,
            symbolic.check(
                "sources keep their shares", _sources_keep, controls={"of equal number": lambda: _sources_keep(0)}
            ),
            SEARCHES["dpo-limit-set"],
        ),
    ),
)
