"""Which solution gradient flow from the reference reaches, and how it moves the probabilities on the way.

Proof of flow-member. A label pulls the logits of its winner and loser by opposite amounts, so the sum of the logits
over a connected component of labelled responses never changes, and an unlabelled logit stays. The loss L is convex in
the logits z. Let z* be a minimiser: d/dt ½|z - z*|² = -∇L·(z - z*) ≤ L(z*) - L(z) ≤ 0. So z stays bounded, the
falling L tends to its minimum (its excess has a finite integral), a limit point of z is a minimiser, and the distance
to it, which never grows, tends to 0: the flow converges to it (Bruck 1975). There log π/π_ref, up to one common
constant, has mean 0 over each component and is 0 on unlabelled responses. A loss with a minimiser has components that
are blocks, on each of which log π/π_ref is known up to a constant (dpo-solution-set): one solution has this gauge.

Proof of flow-third-response. One label, pull g > 0: z_w' = g, z_l' = -g, so d log π_y/dt = z_y' - (π_w - π_l) g.
That is g(1 - π_w + π_l) > 0 for w, -g(1 + π_w - π_l) < 0 for l and -g(π_w - π_l) for any other response: it gains
while the pair is misranked.
"""

from fractions import Fraction

import numpy as np

from proofs_checks.kernel import ball, symbolic
from proofs_checks.kernel.arithmetic import exp, log
from proofs_checks.kernel.statement import Check, Control, Finding, Quantifier, Statement, Verdict
from proofs_checks.kernel.symbolic import positive, real
from proofs_checks.own.escape_time import pulls
from proofs_checks.own.searches_dpo import SEARCHES
from proofs_checks.rafailov_2023.dpo_losses import CONVEX
from tabular import Preferences, Problem, dpo

_REF = (Fraction(1, 5), Fraction(3, 10), Fraction(1, 2))
_CLOSEST = tuple(Fraction(digits, 10**10) for digits in (3340943383, 556823897, 6102232719))


def _conserved(sign=1):
    _, _, winner, loser = pulls()
    return winner + sign * loser


def _example_gauge(policy=(Fraction(1, 2), Fraction(1, 12), Fraction(5, 12))):
    """Log-ratios relative to the unlabelled third: their product is 1, their quotient 9 = e^{log 3/β}."""
    a, b, c = (p / q for p, q in zip(policy, _REF, strict=True))
    right = sum(policy) == 1 and (a / c) * (b / c) == 1 and a / b == 9
    found = f"log-ratios less that of c are logs of {a / c} and {b / c}: to be reciprocal, with quotient 9"
    return Finding(right, found, 0.0, "π = " + ", ".join(map(str, policy)))


def _library_example():
    problem = Problem.from_probabilities([0.2, 0.3, 0.5], 0.5)
    labels = Preferences.from_pairs([(0, 0, 1, 0.75), (0, 1, 0, 0.25)])
    return dpo.solve(problem, labels)


def _library_agrees(name, expected):
    def run():
        policy = _library_example().log_policy if name == "flow" else _library_example().closest_to_reference()
        error = float(np.abs(np.exp(policy) - expected).max())
        return Finding(error < 1e-9, "the library's policy", error)

    return run


def _kl_slope(t):
    """d/dt KL((6t, t, 1-7t)‖π_ref)."""
    return 6 * log(30 * t) + log(t * Fraction(10, 3)) - 7 * log(2 - 14 * t)


def _inside():
    """Any value in (0, 1/7), from a positive symbol."""
    a = positive("a")
    return a / (7 * (1 + a))


def _slope_of_kl(scale=1):
    t = positive("t")
    masses = (6 * t, t, 1 - 7 * t)
    divergence = sum(p * log(p / q) for p, q in zip(masses, _REF, strict=True))
    return (divergence.diff(t) - scale * _kl_slope(t)).subs(t, _inside())


def _slope_derivative(scale=1):
    t = positive("t")
    return (_kl_slope(t).diff(t) - scale * (7 / t + 49 / (1 - 7 * t))).subs(t, _inside())


def _slope_increases(sign=1):
    """7/t + 49/(1-7t) with 7t = 1/(1+a)."""
    a = positive("a")
    t = 1 / (7 * (1 + a))
    return sign * (7 / t + 49 * (1 + a) / a)


def _closest_is_bracketed(decimals=_CLOSEST, half=Fraction(1, 2 * 10**10)):
    """The slope changes sign between the t for which all of (6t, t, 1-7t) round to the decimals."""
    a, b, c = decimals
    ranges = ((a - half) / 6, (a + half) / 6), (b - half, b + half), ((1 - c - half) / 7, (1 - c + half) / 7)
    first, last = max(low for low, _ in ranges), min(high for _, high in ranges)
    below, above = (_kl_slope(ball.number(t)) for t in (first, last))
    right = first < last and below < 0 and above > 0
    return Finding(right, f"slope {below} before, {above} after", float(last - first), f"t ∈ [{first}, {last}]")


def _velocity(response, factor=1):
    """d log π_y/dt less its closed form, for softmax of logits with z_w' = g, z_l' = -g, all others at rest.

    R is what the other responses, y among them, add to the normaliser.
    """
    pull, rest = positive("g R")
    logits = real("z_w z_l z_o")
    total = exp(logits[0]) + exp(logits[1]) + rest
    moving = {"w": pull, "l": -pull, "o": 0 * pull}
    log_p = logits["wlo".index(response)] - log(total)
    change = sum(log_p.diff(z) * moving[y] for z, y in zip(logits, "wlo", strict=True))
    gap = (exp(logits[0]) - exp(logits[1])) / total
    return change - factor * (moving[response] - gap * pull)


def _speed(response, sign=1):
    """g(1 - π_w + π_l) of w, g(1 + π_w - π_l) of l, with π_w = a/(a+b+R), π_l = b/(a+b+R)."""
    a, b, rest, pull = positive("a b R g")
    return sign * pull * (2 * {"w": b, "l": a}[response] + rest) / (a + b + rest)


def _speed_form(response, scale=1):
    a, b, rest, pull = positive("a b R g")
    gap = (a - b) / (a + b + rest) if response == "w" else (b - a) / (a + b + rest)
    return pull * (1 - gap) - scale * _speed(response)


STATEMENTS = (
    Statement(
        id="flow-member",
        title="The solution that gradient flow reaches",
        source="own derivation, in the file",
        hypotheses="Tabular softmax logits, flow from π_ref, labels whose loss has a minimiser.",
        claim="The flow converges to the solution for which log π/π_ref, less one constant per prompt, has mean 0 over "
        "each labelled component and is 0 on unlabelled responses.",
        method="Every label's pulls cancel (identity), so component sums are conserved; the loss is convex (positive "
        "curvature), so the flow converges to a minimiser: the argument is in the file.",
        conclusion="Of a whole set of solutions, training picks one, and it is known which.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check("pulls cancel", _conserved, controls={"pulls are equal": lambda: _conserved(-1)}),
            *CONVEX,
            SEARCHES["flow-member"],
        ),
    ),
    Statement(
        id="flow-member-example",
        title="Where the flow ends in the example",
        source="own derivation, in the file",
        hypotheses="As in dpo-set-example, flow from π_ref.",
        claim="The flow ends at (1/2, 1/12, 5/12).",
        method="It is a solution and has the gauge of flow-member, in rational arithmetic; second route: the library.",
        conclusion="The unlabelled response loses mass, from 1/2 to 5/12, though no label speaks of it.",
        expected=Verdict.CERTIFIED,
        checks=(
            Check(
                "(1/2, 1/12, 5/12) has that gauge",
                Quantifier.EXHAUSTIVE,
                _example_gauge,
                (
                    Control(
                        "the solution (6/13, 1/13, 6/13)",
                        lambda: _example_gauge((Fraction(6, 13), Fraction(1, 13), Fraction(6, 13))),
                    ),
                    Control(
                        "(8/21, 1/7, 10/21), of that gauge but no solution",
                        lambda: _example_gauge((Fraction(8, 21), Fraction(1, 7), Fraction(10, 21))),
                    ),
                ),
                is_claim=True,
            ),
            Check(
                "the library ends there",
                Quantifier.CASES,
                _library_agrees("flow", [1 / 2, 1 / 12, 5 / 12]),
                (Control("the closest solution instead", _library_agrees("closest", [1 / 2, 1 / 12, 5 / 12])),),
                corroborates=True,
            ),
        ),
    ),
    Statement(
        id="closest-member",
        title="The solution closest to the reference",
        source="own derivation, in the file",
        hypotheses="As in dpo-set-example.",
        claim="min KL(π‖π_ref) over the solutions is at (.3340943383, .0556823897, .6102232719): not where the flow "
        "ends.",
        method="The slope of KL along (6t, t, 1 − 7t), an identity, increases and changes sign between the t for which "
        "all three numbers round to these decimals, in ball arithmetic.",
        conclusion="Gradient flow does not project; a minimum-KL tie-break is a different choice.",
        expected=Verdict.CERTIFIED,
        checks=(
            symbolic.check("the slope", _slope_of_kl, controls={"doubled": lambda: _slope_of_kl(2)}),
            symbolic.check("its derivative", _slope_derivative, controls={"doubled": lambda: _slope_derivative(2)}),
            symbolic.positivity_check("it increases", _slope_increases, controls={"−": lambda: _slope_increases(-1)}),
            Check(
                "its root",
                Quantifier.EXISTENCE,
                _closest_is_bracketed,
                tuple(
                    Control(
                        f"digit {place} off by one",
                        lambda i=i: _closest_is_bracketed(
                            tuple(x + (j == i) * Fraction(1, 10**10) for j, x in enumerate(_CLOSEST))
                        ),
                    )
                    for i, place in enumerate(("10 of π_a", "10 of π_b", "10 of π_c"))
                ),
            ),
            Check(
                "the library's",
                Quantifier.CASES,
                _library_agrees("closest", [0.3340943383, 0.0556823897, 0.6102232719]),
                (Control("the end of the flow instead", _library_agrees("flow", [0.334, 0.0557, 0.61])),),
                corroborates=True,
            ),
            SEARCHES["closest-member"],
        ),
    ),
    Statement(
        id="flow-third-response",
        title="What one label does to all probabilities along the flow",
        source="ours; cf. the likelihood-displacement literature",
        hypotheses="One label, tabular softmax logits, gradient flow of DPO.",
        claim="π_w always rises, π_l always falls, and any other response gains exactly while π_w < π_l.",
        method="d log π/dt in the three roles as identities; signs by the rules of sign.",
        conclusion="A falling chosen probability needs several labels or shared parameters; while trapped, mass "
        "leaks to others.",
        expected=Verdict.PROVED,
        checks=(
            *(
                symbolic.check(
                    f"d log π_{name}/dt",
                    lambda y=response: _velocity(y),
                    controls={"doubled": lambda y=response: _velocity(y, 2)},
                )
                for response, name in (("w", "w"), ("l", "l"), ("o", "other"))
            ),
            *(
                symbolic.check(
                    f"speed of {response}",
                    lambda y=response: _speed_form(y),
                    controls={"doubled": lambda y=response: _speed_form(y, 2)},
                )
                for response in "wl"
            ),
            *(
                symbolic.positivity_check(
                    f"speed of {response} > 0",
                    lambda y=response: _speed(y),
                    controls={"−": lambda y=response: _speed(y, -1)},
                )
                for response in "wl"
            ),
            SEARCHES["flow-third-response"],
        ),
    ),
)
