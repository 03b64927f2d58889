"""Which solution gradient flow from the reference reaches, and how it moves the probabilities on the way.

Proof of flow-member. A label pulls the logits of its winner and loser by opposite amounts, so the sum of the logits
over a connected component of labelled responses never changes, and an unlabelled logit stays. The loss is convex in
the logits; where it has a minimiser, its gradient flow converges to one (Bruck 1975). So at the limit log π/π_ref,
up to one common constant, has mean 0 over each component and is 0 on unlabelled responses.

Proof of flow-third-response. One label, pull g > 0: z_w' = g, z_l' = -g, so d log π_y/dt = z_y' - (π_w - π_l) g.
That is g(1 - π_w + π_l) > 0 for w, -g(1 + π_w - π_l) < 0 for l and -g(π_w - π_l) for any other response: it gains
while the pair is misranked.
"""

from fractions import Fraction

import numpy as np

from proofs_checks import ball, symbolic
from proofs_checks.arithmetic import exp, log, softplus
from proofs_checks.searches_dpo import SEARCHES
from proofs_checks.statement import Check, Control, Finding, Quantifier, Statement, Verdict
from proofs_checks.symbolic import positive, real
from tabular import Preferences, Problem, dpo

_REF = (Fraction(1, 5), Fraction(3, 10), Fraction(1, 2))


def _conserved(sign=1):
    beta, (logit_w, logit_l, delta_ref, margin) = positive("β"), real("z_w z_l δ_ref Ψ")
    loss = softplus(margin - beta * (logit_w - logit_l - delta_ref))
    return loss.diff(logit_w) + sign * loss.diff(logit_l)


def _example_gauge(policy=(Fraction(1, 2), Fraction(1, 12), Fraction(5, 12))):
    """Log-ratios relative to the unlabelled third: their product is 1, their quotient 9 = e^{log 3/β}."""
    a, b, c = (p / q for p, q in zip(policy, _REF, strict=True))
    right = sum(policy) == 1 and (a / c) * (b / c) == 1 and a / b == 9
    return Finding(right, "ratios to c multiply to 1 and divide to 9, in rationals", 0.0, str([str(p) for p in policy]))


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


_CLOSEST = Fraction(556823897, 10**10)


def _kl_slope(t):
    """d/dt KL((6t, t, 1-7t)‖π_ref)."""
    return 6 * log(30 * t) + log(t * Fraction(10, 3)) - 7 * log(2 - 14 * t)


def _closest_is_bracketed(around=_CLOSEST, width=Fraction(1, 10**10)):
    """The slope, which increases in t, changes sign within ± width of the printed value."""
    below, above = (_kl_slope(ball.number(around + side * width)) for side in (-1, 1))
    right = below < 0 and above > 0
    return Finding(right, f"slope {below} before, {above} after", float(width), f"t = {around} ± {width}")


def _slope_increases(sign=1):
    """The derivative of the slope, 36/(6t) + 1/t + 49/(1-7t), with 7t = 1/(1+a)."""
    a = positive("a")
    t = 1 / (7 * (1 + a))
    return sign * (7 / t + 49 * (1 + a) / a)


def _slope_derivative(scale=1):
    t = positive("t")
    inside = t / (7 * (1 + t))  # any value in (0, 1/7)
    x = positive("x")
    return (_kl_slope(x).diff(x) - scale * (7 / x + 49 / (1 - 7 * x))).subs(x, inside)


def _velocity(response, factor=1):
    """d log π_y/dt less its closed form, for softmax of logits with z_w' = g, z_l' = -g."""
    pull = positive("g")
    logits = real("z_w z_l z_o")
    total = sum(exp(z) for z in logits)
    moving = {"w": pull, "l": -pull, "o": 0 * pull}
    log_p = logits["wlo".index(response)] - log(total)
    change = sum(log_p.diff(z) * moving[y] for z, y in zip(logits, "wlo", strict=True))
    gap = (exp(logits[0]) - exp(logits[1])) / total
    return change - factor * (moving[response] - gap * pull)


def _winner_gains(sign=1):
    """g(1 - π_w + π_l) and g(1 + π_w - π_l), with π_w = a/(a+b+c), π_l = b/(a+b+c)."""
    a, b, c, pull = positive("a b c g")
    return sign * pull * ((2 * b + c) / (a + b + c)) * ((2 * a + c) / (a + b + c))


STATEMENTS = (
    Statement(
        id="flow-member",
        title="The solution that gradient flow reaches",
        source="own derivation, in the file",
        hypotheses="Tabular softmax logits, flow from π_ref, labels whose loss has a minimiser.",
        claim="The limit is the solution for which log π/π_ref, less one constant per prompt, has mean 0 over each "
        "labelled component and is 0 on unlabelled responses.",
        method="Every label's pulls cancel (identity), so component sums are conserved; convex gradient flow "
        "converges (Bruck 1975): the argument is in the file, and what is certified, in rationals, is the member of "
        "the example.",
        conclusion="Of a whole set of solutions, training picks one, and it is known which.",
        expected=Verdict.CERTIFIED,
        checks=(
            symbolic.check("pulls cancel", _conserved, controls={"pulls are equal": lambda: _conserved(-1)}),
            Check(
                "(1/2, 1/12, 5/12) has that gauge",
                Quantifier.EXHAUSTIVE,
                _example_gauge,
                (
                    Control(
                        "(6/13, 1/13, 6/13)",
                        lambda: _example_gauge((Fraction(6, 13), Fraction(1, 13), Fraction(6, 13))),
                    ),
                ),
            ),
            Check(
                "the library ends there",
                Quantifier.CASES,
                _library_agrees("flow", [1 / 2, 1 / 12, 5 / 12]),
                (Control("the closest solution instead", _library_agrees("closest", [1 / 2, 1 / 12, 5 / 12])),),
                corroborates=True,
            ),
            SEARCHES["flow-member"],
        ),
    ),
    Statement(
        id="closest-member",
        title="The solution closest to the reference",
        source="own derivation, in the file",
        hypotheses="As in dpo-set-example.",
        claim="min KL(π‖π_ref) over the solutions is at (.3340943383, .0556823897, .6102232719): not where the flow "
        "ends.",
        method="The slope of KL along (6t, t, 1 − 7t) increases and changes sign within 10⁻¹⁰ of t, in ball "
        "arithmetic.",
        conclusion="Gradient flow does not project; a minimum-KL tie-break is a different choice.",
        expected=Verdict.CERTIFIED,
        checks=(
            symbolic.check("second derivative", _slope_derivative, controls={"doubled": lambda: _slope_derivative(2)}),
            symbolic.positivity_check("it is positive", _slope_increases, controls={"−": lambda: _slope_increases(-1)}),
            Check(
                "the root",
                Quantifier.EXISTENCE,
                _closest_is_bracketed,
                (Control("1e-9 higher", lambda: _closest_is_bracketed(_CLOSEST + Fraction(1, 10**9))),),
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
            symbolic.positivity_check("both factors > 0", _winner_gains, controls={"−": lambda: _winner_gains(-1)}),
            SEARCHES["flow-third-response"],
        ),
    ),
)
