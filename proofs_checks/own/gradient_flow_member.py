"""Which solution gradient flow from the reference reaches, and how it moves the probabilities on the way.

A label pulls the logits of its winner and loser by opposite amounts: what it adds to one it takes from the other.
"""

from fractions import Fraction

import numpy as np
import sympy

from proofs_checks.kernel.arithmetic import derivative, exp, log, softplus
from proofs_checks.kernel.evidence import POSITIVE, REAL, Exact, Identity, Sign
from proofs_checks.kernel.instances import Instances, Numbers, named
from proofs_checks.kernel.relation import All, Holds, Iff, Implies, Saying, relation
from proofs_checks.kernel.search import Effort
from proofs_checks.kernel.statement import Form, Given, Origin, Part, Statement, Verdict
from proofs_checks.own.solution_set import no_label_between_blocks
from proofs_checks.own.solution_set_examples import REF
from proofs_checks.rafailov_2023.dpo_losses import CONVEX
from proofs_checks.spaces.problems import labels, log_policy_of, preferences_of, problem, problem_of, weights
from tabular import dpo

__all__ = ["GAUGE", "LEAD", "RISE_L", "RISE_O", "RISE_W", "STATEMENTS", "SUM", "t"]

GAUGE, SUM, RISE_W, RISE_L, RISE_O, LEAD = named(
    "max |mean log-ratio of a component|",
    "|Σ of logit velocities of a component|",
    "d log π_w/dt",
    "d log π_l/dt",
    "d log π_o/dt",
    "π_l − π_w",
)
t = sympy.Symbol("t", positive=True)
_LAST_PLACE = Fraction(1, 10**10)
_EFFORT = Effort(draws=200, climbs=2, steps=30)
_REF_A, _REF_B, _REF_C = (sympy.Rational(p.numerator, p.denominator) for p in REF)


def _flowing(draw):
    """Labels, each pair both ways so that a minimiser exists; and a policy on the way."""
    parts = problem(draw, responses=(2, 5))
    size = len(parts["ref"])
    drawn = labels(draw, size, count=(1, 4))
    both = [*drawn, *((loser, winner, draw.number(Fraction(1, 4), 4)) for winner, loser, _ in drawn)]
    return {**parts, "labels": both, "policy": weights(draw, size)}


def _components(size, labels):
    """The sets of responses that labels connect, an unlabelled response by itself."""
    component = list(range(size))
    for _ in range(size):
        for winner, loser, _n in labels:
            component[winner] = component[loser] = min(component[winner], component[loser])
    return [[y for y in range(size) if component[y] == c] for c in sorted(set(component))]


def _gauge(ref, reward, β, labels):
    """The spread of the components' mean log-ratios under the policy that the library says the flow reaches."""
    problem = problem_of(ref, reward, β)
    solution = dpo.solve(problem, preferences_of(labels))
    ratio = solution.log_policy[0] - problem.log_ref[0]
    return np.ptp([ratio[part].mean() for part in _components(len(ref), labels)])


def _velocity_sums(ref, reward, β, labels, policy):
    """The logits move against the gradient; their velocities summed over each component, the largest."""
    velocity = -dpo.gradient(log_policy_of(policy), problem_of(ref, reward, β), preferences_of(labels))[0]
    return max(abs(velocity[part].sum()) for part in _components(len(ref), labels))


def _one_label(draw):
    parts = problem(draw, responses=(3, 4), β=(Fraction(1, 10), 3))
    return {**parts, "policy": weights(draw, len(parts["ref"]))}


def _speed(response):
    def measured(ref, reward, β, policy):
        log_policy = log_policy_of(policy)
        velocity = -dpo.gradient(log_policy, problem_of(ref, reward, β), preferences_of([(0, 1, 1)]))[0]
        return (velocity - np.exp(log_policy[0]) @ velocity)[response]

    return measured


_FLOWING = Instances(
    _flowing,
    "Tabular softmax logits, gradient flow of DPO from π_ref, labels on components of responses; any policy on the way",
    {GAUGE: _gauge, SUM: _velocity_sums},
    drawn="2 to 5 responses, 1 to 4 pairs labelled both ways with weights in [1/4, 4]",
)
_ONE_LABEL = Instances(
    _one_label,
    "One label w > l, any other response o, tabular softmax logits, gradient flow of DPO at any policy",
    {
        RISE_W: _speed(0),
        RISE_L: _speed(1),
        RISE_O: _speed(2),
        LEAD: lambda policy: (float(policy[1]) - float(policy[0])) / float(sum(map(float, policy))),
    },
    drawn="3 or 4 responses, weights in [1/20, 20], β ∈ [1/10, 3]",
)


def _moving(response):
    """d log π_y/dt in softmax logits at z, with z_w′ = g, z_l′ = −g, R the mass of the others (o among them)."""

    def at(a, b, R, g):
        logs = {
            "w": lambda s: log(a) + g * s,
            "l": lambda s: log(b) - g * s,
            "o": lambda s: 0 * s,
        }[response]
        return derivative(lambda s: logs(s) - log(a * exp(g * s) + b * exp(-g * s) + R))(0 * g)

    return at


_OVER = {"a": POSITIVE, "b": POSITIVE, "R": POSITIVE, "g": POSITIVE}


#: The gauge of flow-member, of a member (6t, t, 1−7t): the log-ratios of a and b add up to twice that of c.
_GAUGE_OF_MEMBER = relation((6 * t / _REF_A) * (t / _REF_B), "=", ((1 - 7 * t) / _REF_C) ** 2)
_MEMBERS = Numbers(
    {t: (Fraction(1, 1000), Fraction(142, 1000))},
    "As in dpo-set-example, members (6t, t, 1 − 7t) with t < 1/7, ",
    points=({t: Fraction(1, 12)}, {t: Fraction(1, 13)}),
)


def _inside(u):
    """Any value in (0, 1/7), from a positive number."""
    return u / (7 * (1 + u))


def _divergence(s):
    """KL((6s, s, 1−7s)‖π_ref)."""
    masses = (6 * s, s, 1 - 7 * s)
    return sum((p * log(p / q) for p, q in zip(masses, REF, strict=True)), 0 * s)


def _slope(s):
    """d/ds KL((6s, s, 1−7s)‖π_ref)."""
    return 6 * log(30 * s) + log(s * Fraction(10, 3)) - 7 * log(2 - 14 * s)


_KL_SLOPE = _slope(t)


def _closest(*decimals):
    """The slope changes sign between the t for which all of (6t, t, 1−7t) round to these decimals."""
    half, (a, b, c) = _LAST_PLACE / 2, map(Fraction, decimals)
    lows, highs = ((a - half) / 6, b - half, (1 - c - half) / 7), ((a + half) / 6, b + half, (1 - c + half) / 7)
    low, high = (sympy.Rational(x.numerator, x.denominator) for x in (max(lows), min(highs)))
    root = (relation(low, "<", high), relation(_slope(low), "<", 0), relation(_slope(high), ">", 0))
    shown = ", ".join(f"{float(x):.10f}".removeprefix("0") for x in (a, b, c))
    return Saying(f"KL(π‖π_ref) is least along the family at ({shown}), rounded", All(root))


_DECIMALS = ("0.3340943383", "0.0556823897", "0.6102232719")
_ROOT = Fraction(_DECIMALS[1])
_NO_OTHER_ROOT = All(
    (
        Implies(relation(t, "<", _ROOT - _LAST_PLACE), relation(_KL_SLOPE, "<", 0)),
        Implies(relation(t, ">", _ROOT + _LAST_PLACE), relation(_KL_SLOPE, ">", 0)),
    )
)

STATEMENTS = (
    Statement(
        id="flow-member",
        title="The solution that gradient flow reaches",
        origin=Origin.OURS,
        source="own derivation; convergence as in Bruck 1975",
        form=Form(
            _FLOWING,
            (Given(Holds(no_label_between_blocks), needless="every instance has a minimiser"),),
            claim={
                "component sums are conserved": relation(SUM, "=", 0),
                "the end has every component's mean log-ratio equal": relation(GAUGE, "=", 0, noise=1e-7),
            },
            wrong={"logits stay": relation(SUM, ">", 0)},
            effort=_EFFORT,
        ),
        parts={
            "component sums are conserved": Part(
                "By «pulls cancel» a label moves the logits of its winner and loser by opposite amounts, so the sum of "
                "logits over a connected component never changes, and an unlabelled logit stays.",
                (
                    Identity(
                        "pulls cancel",
                        {"β less": lambda β, z, y, d: β},
                        lambda β, z, y, d: (
                            derivative(lambda v: softplus(-β * (v - y - d)))(z)
                            + derivative(lambda v: softplus(-β * (z - v - d)))(y)
                        ),
                        lambda β, z, y, d: 0,
                        {"β": POSITIVE, "z": REAL, "y": REAL, "d": REAL},
                    ),
                ),
            ),
            "the end has every component's mean log-ratio equal": Part(
                "The loss L is convex in the logits z («d²L/dδ² = β² σ(βh) σ(−βh)», «β² σ(βh) σ(−βh) > 0»). Let z* be "
                "a minimiser: d/dt ½|z − z*|² = −∇L·(z − z*) ≤ L(z*) − L(z) ≤ 0. So z stays bounded, the falling L "
                "tends to its minimum (its excess has a finite integral), a limit point of z is a minimiser, and the "
                "distance to it, which never grows, tends to 0: the flow converges to it. There log π/π_ref, up to one "
                "constant, has mean 0 over each component and is 0 on unlabelled responses. By {dpo-solution-set} "
                "components are blocks, on each of which log π/π_ref is known up to a constant: one solution has this "
                "gauge.",
                CONVEX,
            ),
        },
        conclusion="Of a whole set of solutions, training picks one, and it is known which.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="flow-member-example",
        title="Where the flow ends in the example: at (1/2, 1/12, 5/12)",
        origin=Origin.OURS,
        source="own example",
        form=Form(
            _MEMBERS,
            (),
            claim={"the gauge of flow-member": Iff(_GAUGE_OF_MEMBER, relation(t, "=", Fraction(1, 12)))},
            wrong={"where t = 1/13": Iff(_GAUGE_OF_MEMBER, relation(t, "=", Fraction(1, 13)))},
        ),
        parts={
            "the gauge of flow-member": Part(
                "By {flow-member} the flow ends at the member, of {dpo-set-example}, that has the gauge. «a difference "
                "of squares» vanishes for 0 < t < 1/7 only where 10t = 2(1 − 7t), «t = 1/12».",
                (
                    Identity(
                        "a difference of squares",
                        {"8(1 − 7t) − 10t": lambda s: (10 * s - 8 * (1 - 7 * s)) * (10 * s + 8 * (1 - 7 * s))},
                        lambda s: (6 * s * 5) * (s * Fraction(10, 3)) - (2 * (1 - 7 * s)) ** 2,
                        lambda s: (10 * s - 2 * (1 - 7 * s)) * (10 * s + 2 * (1 - 7 * s)),
                        {"s": REAL},
                    ),
                    Exact(
                        "t = 1/12",
                        {"t = 1/13": {t: Fraction(1, 13)}, "t = 1/7": {t: Fraction(1, 7)}},
                        _GAUGE_OF_MEMBER,
                        {t: Fraction(1, 12)},
                    ),
                ),
            )
        },
        conclusion="The unlabelled response loses mass, from 1/2 to 5/12, though no label speaks of it.",
        expected=Verdict.CERTIFIED,
    ),
    Statement(
        id="closest-member",
        title="The solution closest to the reference",
        origin=Origin.OURS,
        source="own example",
        form=Form(
            _MEMBERS,
            (),
            claim={"where the divergence is least": _closest(*_DECIMALS), "no other root": _NO_OTHER_ROOT},
            wrong={
                "at t = 1/12, the end of the flow": Implies(
                    relation(t, "<", Fraction(1, 12)), relation(_KL_SLOPE, "<", 0)
                )
            },
        ),
        parts={
            "where the divergence is least": Part(
                steps=(
                    Exact(
                        "its root",
                        {
                            f"digit 10 of π_{name} off by one": _closest(
                                *(Fraction(d) + (i == j) * _LAST_PLACE for j, d in enumerate(_DECIMALS))
                            )
                            for i, name in enumerate("abc")
                        },
                        _closest(*_DECIMALS),
                    ),
                )
            ),
            "no other root": Part(
                "«the slope of KL» along the family, «the slope of the slope», «it increases»: one root, the minimum.",
                (
                    Identity(
                        "the slope of KL",
                        {"log(1 − 7t) for log(2 − 14t)": lambda u: _slope(_inside(u)) + 7 * log(2)},
                        lambda u: derivative(_divergence)(_inside(u)),
                        lambda u: _slope(_inside(u)),
                        {"u": POSITIVE},
                    ),
                    Identity(
                        "the slope of the slope",
                        {"7/t + 7/(1 − 7t)": lambda u: 7 / _inside(u) + 7 / (1 - 7 * _inside(u))},
                        lambda u: derivative(_slope)(_inside(u)),
                        lambda u: 49 * (1 + u) / u + 49 * (1 + u),
                        {"u": POSITIVE},
                    ),
                    Sign(
                        "it increases",
                        {"less 400": lambda u: 49 * (1 + u) / u + 49 * (1 + u) - 400},
                        lambda u: 49 * (1 + u) / u + 49 * (1 + u),
                        {"u": POSITIVE},
                    ),
                ),
            ),
        },
        conclusion="Gradient flow does not project; a minimum-KL tie-break is a different choice.",
        expected=Verdict.CERTIFIED,
    ),
    Statement(
        id="flow-third-response",
        title="What one label does to all probabilities along the flow",
        origin=Origin.OURS,
        source="own derivation; cf. the likelihood-displacement literature",
        form=Form(
            _ONE_LABEL,
            (),
            claim={
                "π_w rises": relation(RISE_W, ">", 0, noise=1e-300),
                "π_l falls": relation(RISE_L, "<", 0, noise=1e-300),
                "any other gains exactly while π_w < π_l": Iff(relation(RISE_O, ">", 0), relation(LEAD, ">", 0)),
            },
            wrong={
                "any other gains exactly while π_w < 1.02 π_l": Iff(
                    relation(RISE_O, ">", 0), relation(LEAD, ">", Fraction(1, 100))
                ),
                "any other always loses": relation(RISE_O, "<=", 0),
            },
            effort=_EFFORT,
        ),
        parts={
            "π_w rises": Part(
                "With π = (a, b, R)/(a + b + R) and a pull g > 0: «d log π_w/dt», «> 0 for w».",
                (
                    Identity(
                        "d log π_w/dt",
                        {"without the normaliser": lambda a, b, R, g: g},
                        _moving("w"),
                        lambda a, b, R, g: g * (2 * b + R) / (a + b + R),
                        _OVER,
                    ),
                    Sign(
                        "> 0 for w",
                        {"R taken off": lambda a, b, R, g: g * (2 * b - R)},
                        lambda a, b, R, g: g * (2 * b + R) / (a + b + R),
                        _OVER,
                    ),
                ),
            ),
            "π_l falls": Part(
                "«d log π_l/dt», «< 0 for l».",
                (
                    Identity(
                        "d log π_l/dt",
                        {"without the normaliser": lambda a, b, R, g: -g},
                        _moving("l"),
                        lambda a, b, R, g: -g * (2 * a + R) / (a + b + R),
                        _OVER,
                    ),
                    Sign(
                        "< 0 for l",
                        {"R taken off": lambda a, b, R, g: g * (2 * a - R)},
                        lambda a, b, R, g: g * (2 * a + R) / (a + b + R),
                        _OVER,
                    ),
                ),
            ),
            "any other gains exactly while π_w < π_l": Part(
                "«d log π_o/dt» has the sign of b − a, which is that of π_l − π_w: g/(a + b + R) > 0.",
                (
                    Identity(
                        "d log π_o/dt",
                        {"with R": lambda a, b, R, g: g * (b - a + R) / (a + b + R)},
                        _moving("o"),
                        lambda a, b, R, g: g * (b - a) / (a + b + R),
                        _OVER,
                    ),
                ),
            ),
        },
        conclusion="A falling chosen probability needs several labels or shared parameters; while trapped, mass "
        "leaks to others.",
        expected=Verdict.PROVED,
    ),
)
