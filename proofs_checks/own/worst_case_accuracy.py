"""How wrong a policy can be at a given training loss, for pairs that share no response.

Inverting pair i costs at least c_i = n_i sp(βδ_ref,i) (threshold-one-pair), the others can be driven to 0: the
inverted weight is a knapsack. Proof for equal weights: exchange. If a feasible set omits a cheaper pair and holds a
dearer one, swapping them keeps the count and does not raise the cost; so the cheapest pairs are a largest set.
"""

import itertools
from fractions import Fraction

from proofs_checks.kernel import search, symbolic
from proofs_checks.kernel.arithmetic import least
from proofs_checks.kernel.statement import Check, Control, Finding, Quantifier, Statement, Verdict
from proofs_checks.kernel.symbolic import positive
from proofs_checks.own.searches_failures import SEARCHES


def _best_by_enumeration(costs, gains, budget):
    """Largest gain of a set that costs less than the budget."""
    sets = itertools.chain.from_iterable(itertools.combinations(range(len(costs)), k) for k in range(len(costs) + 1))
    return max((sum(gains[i] for i in s) for s in sets if sum(costs[i] for i in s) < budget), default=0)


def _cheapest_first(costs, gains, budget, dearest=False):
    spent, gained = 0, 0
    for i in sorted(range(len(costs)), key=lambda i: -costs[i] if dearest else costs[i]):
        if spent + costs[i] < budget:
            spent, gained = spent + costs[i], gained + gains[i]
    return gained


def _all_equal_weights(dearest=False):
    """Every list of four costs in {1, ..., 5} and every budget up to their sum, in integers."""
    count = 0
    for costs in itertools.combinations_with_replacement(range(1, 6), 4):
        for budget in range(1, sum(costs) + 2):
            count += 1
            if _cheapest_first(costs, [1] * 4, budget, dearest) != _best_by_enumeration(costs, [1] * 4, budget):
                return Finding(False, "sorting is not optimal", witness=f"costs {costs}, budget {budget}")
    return Finding(True, f"{count} lists of costs and budgets")


def _saved_by_swap(sign=1):
    """Cost of a set less its cost with one pair swapped for another, cheaper by s."""
    rest, cheap, saving = positive("C c s")
    return (rest + cheap + sign * saving) - (rest + cheap)


def _sorting_fails(first, second, n, budget):
    """Two pairs of weights 1 and n: positive where inverting the dearer, heavier one is possible and better.

    Cost of the light pair ``first``, of the heavy one ``second`` (already times n); all strict.
    """
    return least(second - first, budget - second, first + second - budget, n - 1)


def _sorting_fails_equal(first, second, n, budget):
    return least(_sorting_fails(first, second, n, budget), 1 - n)


_COST = (Fraction(1, 10), 2)
_SPACE = {"first": _COST, "second": _COST, "n": (1, 10), "budget": (Fraction(1, 10), 4)}

STATEMENTS = (
    Statement(
        id="worst-case-accuracy",
        title="The least ranking accuracy at a loss level, equal weights",
        source="own derivation, in the file",
        hypotheses="Pairs of equal weight that share no response.",
        claim="As many pairs can be inverted at loss below τ as fit when the costs sp(βδ_ref,i) are taken in rising "
        "order.",
        method="Exchange argument; all lists of four costs in {1, …, 5} with all budgets, against enumeration of all "
        "sets.",
        conclusion="Sorting the references' margins gives the exact curve of accuracy against loss.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.positivity_check(
                "a swap lowers the cost", _saved_by_swap, controls={"for a dearer one": lambda: _saved_by_swap(-1)}
            ),
            Check(
                "cheapest first is optimal",
                Quantifier.EXHAUSTIVE,
                _all_equal_weights,
                (Control("dearest first", lambda: _all_equal_weights(dearest=True)),),
                corroborates=True,
            ),
            SEARCHES["worst-case-accuracy"],
        ),
    ),
    Statement(
        id="worst-case-accuracy-weights",
        title="The same by sorting when weights differ",
        source="a rule of thumb",
        hypotheses="Pairs of any weights that share no response; accuracy by weight.",
        claim="Taking the costs n_i sp(βδ_ref,i) in rising order inverts the largest weight.",
        method="Search for two pairs where it does not; certified in ball arithmetic.",
        conclusion="With unequal weights it is a knapsack proper, and sorting is only a bound.",
        expected=Verdict.REFUTED,
        checks=(
            search.counterexample(
                "the dearer pair is the better one to invert",
                _sorting_fails,
                _SPACE,
                controls={"with n = 1": _sorting_fails_equal},
            ),
        ),
    ),
)
