"""What one more label does to a fit: in Bradley-Terry and DPO what one expects, in IPO not always."""

import functools
from fractions import Fraction

import sympy

from proofs_checks.kernel.evidence import POSITIVE, REAL, Exact, Identity, Sign
from proofs_checks.kernel.instances import Instances, named
from proofs_checks.kernel.relation import All, Iff, Implies, relation
from proofs_checks.kernel.search import Effort
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.spaces.pair import measured
from proofs_checks.spaces.problems import once, preferences_of, problem, problem_of
from tabular import dpo, losses

__all__ = ["DOWN", "LEAST_I", "MOST_J", "OVER", "OVER_AFTER", "STATEMENTS", "UP", "a", "b", "c", "more"]

LEAST_I, MOST_J, UP, DOWN = named(
    "least change of log π_i/π_k", "largest change of log π_j/π_k", "change of log π_i", "change of log π_j"
)
OVER, OVER_AFTER = named("x", "y")
a, b, c, more = sympy.symbols("W_01 W_12 W_20 t", positive=True)
_BETWEEN, _HALF = (Fraction(1, 4), 4), Fraction(1, 2)


def _instance(draw):
    """A round of labels that connects all responses strongly, some more, and a label to be added."""
    parts = problem(draw, responses=(2, 4), reward=(0, 0))
    size = len(parts["ref"])
    known = [(k, (k + 1) % size, draw.number(*_BETWEEN)) for k in range(size)]
    if size == 2:
        known = [(0, 1, draw.number(*_BETWEEN)), (1, 0, draw.number(*_BETWEEN))]
    for _ in range(draw.integer(0, 3)):
        first = draw.integer(0, size - 1)
        known.append((first, (first + draw.integer(1, size - 1)) % size, draw.number(*_BETWEEN)))
    i = draw.integer(0, size - 1)
    return {**parts, "labels": known, "added": (i, (i + draw.integer(1, size - 1)) % size, draw.number(*_BETWEEN))}


@once
def _fits(loss, ref, β, labels, added):
    """The log-ratios to the reference before and after the label is added."""
    known = problem_of(ref, [0] * len(ref), β)
    solve = dpo.solve if loss == "dpo" else functools.partial(losses.solve, loss=losses.get(loss))
    asked = labels, (*labels, added)
    return [solve(known, preferences_of(some)).log_policy[0] - known.log_ref[0] for some in asked]


def _change(loss, ref, β, labels, added):
    """The change of log π of every response."""
    before, after = _fits(loss, ref, β, labels, added)
    return after - before


def _against(loss, response, pick):
    def computed(ref, β, labels, added):
        moved = _change(loss, ref, β, labels, added)
        chosen = added[response]
        return float(pick([moved[chosen] - moved[k] for k in range(len(moved)) if k != chosen]))

    return computed


def _over(time):
    """IPO's h_ij in units of its target 1/(2β), less 1."""

    def computed(ref, β, labels, added):
        fitted = _fits("ipo", ref, β, labels, added)[time]
        return float(2 * float(β) * (fitted[added[0]] - fitted[added[1]]) - 1)

    return computed


_LABELS = Instances(
    _instance,
    "Labels whose win digraph connects all responses strongly, π_ref > 0, β > 0; the DPO minimiser before and after "
    "weight is added to a label i over j",
    {
        LEAST_I: _against("dpo", 0, min),
        MOST_J: _against("dpo", 1, max),
        UP: lambda ref, β, labels, added: float(_change("dpo", ref, β, labels, added)[added[0]]),
        DOWN: lambda ref, β, labels, added: float(_change("dpo", ref, β, labels, added)[added[1]]),
    },
    drawn="2 to 4 responses, a round of labels and up to 3 more, weights in [1/4, 4]",
)
_IPO_LABELS = Instances(
    _instance,
    "Labels that connect all responses, π_ref > 0, β > 0; the IPO minimiser before and after weight is added to a "
    "label i over j, its targets 1/(2β); x and y are h_ij before and after in units of that target, less 1",
    {
        OVER: _over(0),
        OVER_AFTER: _over(1),
        LEAST_I: _against("ipo", 0, min),
        MOST_J: _against("ipo", 1, max),
    },
    drawn="2 to 4 responses, a round of labels and up to 3 more, weights in [1/4, 4]",
)


def _fitted(t):
    """IPO's h_02 in units of 1/(2τ): targets 1 on 0>1 and 1>2, and labels 2>0 and 0>2 of weights c and t."""
    weight, aim = c + t, (t - c) / (c + t)
    return aim + (2 - aim) / (weight * (1 / a + 1 / b + 1 / weight))


_TRIANGLE = measured(
    "Three responses, labels 0>1, 1>2 and 2>0 with weights W_01, W_12 and W_20; IPO's minimiser before and after a "
    "weight t is put on labels 0>2, in closed form by the loop's three least squares",
    (a, b, c, more),
    {},
    **{name: (Fraction(1, 20), 20) for name in ("W_01", "W_12", "W_20", "t")},
)
_LOOP = Identity(
    "weighted pulls of the loop agree",
    {"with h_02 = aim": lambda x, y, m, g: m * 0 * x + m * (2 - g) / (1 / x + 1 / y + 1 / m)},
    lambda x, y, m, g: m * (g + (2 - g) / (m * (1 / x + 1 / y + 1 / m)) - g),
    lambda x, y, m, g: x * (1 - (1 - (2 - g) / (x * (1 / x + 1 / y + 1 / m)))),
    {"x": POSITIVE, "y": POSITIVE, "m": POSITIVE, "g": REAL},
)
_POTENTIAL = Identity(
    "the Laplacian of a triangle: what flows in at i",
    {"without one edge": lambda x, y, z, p, q, r: p * (x - y)},
    lambda x, y, z, p, q, r: p * x + q * x - p * y - q * z,
    lambda x, y, z, p, q, r: p * (x - y) + q * (x - z),
    {"x": REAL, "y": REAL, "z": REAL, "p": POSITIVE, "q": POSITIVE, "r": POSITIVE},
)
_MEAN = Sign(
    "a mean of neighbours less the least of them",
    {"less the largest": lambda p, q, u, v: -(p * u + q * v) / (p + q)},
    lambda p, q, u, v: (p * u + q * v) / (p + q),
    {"p": POSITIVE, "q": POSITIVE, "u": POSITIVE, "v": POSITIVE},
)
_ADDED = Identity(
    "what the added label pulls, at k = t(m − h)/(1 + tR)",
    {"without the new gap": lambda t, m, h, R: t * (m - h)},
    lambda t, m, h, R: t * (m - h) / (1 + t * R),
    lambda t, m, h, R: t * (m - (h + t * (m - h) / (1 + t * R) * R)),
    {"t": POSITIVE, "m": REAL, "h": REAL, "R": POSITIVE},
)
_LEFT = Identity(
    "what is left of m − h",
    {"with tR taken off": lambda t, m, h, R: (m - h) / (1 - t * R)},
    lambda t, m, h, R: m - (h + t * (m - h) / (1 + t * R) * R),
    lambda t, m, h, R: (m - h) / (1 + t * R),
    {"t": POSITIVE, "m": REAL, "h": REAL, "R": POSITIVE},
)
_SHARE = Sign(
    "1 less 1/(1 + tR)",
    {"the other way": lambda t, R: 1 / (1 + t * R) - 1},
    lambda t, R: 1 - 1 / (1 + t * R),
    {"t": POSITIVE, "R": POSITIVE},
)
_BY_RATIOS = (
    Identity(
        "π_i by the ratios π_k/π_i",
        {"without 1": lambda x, y, r: 1 / (y / x + r / x)},
        lambda x, y, r: x / (x + y + r),
        lambda x, y, r: 1 / (1 + y / x + r / x),
        {"x": POSITIVE, "y": POSITIVE, "r": POSITIVE},
    ),
    Sign(
        "rises as one of them falls",
        {"as it rises": lambda u, v, r: 1 / (1 + u + v + r) - 1 / (1 + u + r)},
        lambda u, v, r: 1 / (1 + u + r) - 1 / (1 + u + v + r),
        {"u": POSITIVE, "v": POSITIVE, "r": POSITIVE},
    ),
)

STATEMENTS = (
    Statement(
        id="bt-monotone-label",
        title="At DPO's optimum one more label i over j raises i against all and lowers j against all",
        origin=Origin.OURS,
        source="own derivation; comparative statics of Bradley–Terry",
        form=Form(
            _LABELS,
            (),
            claim={
                "log π_i/π_k falls for no k": relation(LEAST_I, ">=", 0, noise=1e-8),
                "log π_j/π_k rises for no k": relation(MOST_J, "<=", 0, noise=1e-8),
                "π_i rises": relation(UP, ">", 0, noise=1e-9),
                "π_j falls": relation(DOWN, "<", 0, noise=1e-9),
            },
            wrong={"log π_i/π_k rises by a tenth for every k": relation(LEAST_I, ">=", Fraction(1, 10))},
            effort=Effort(draws=200, climbs=2, steps=25),
        ),
        parts={
            "log π_i/π_k falls for no k": Part(
                "By {dpo-bradley-terry} log π = log π_ref + s/β, s the fit. Differentiating its score equations in "
                "the weight, L ds = σ(s_j − s_i)(e_i − e_j), L the Laplacian of weights (W + Wᵀ)σσ′: ds is the "
                "potential of a current from i to j, «the Laplacian of a triangle: what flows in at i». At every "
                "other response it is the mean of its neighbours, «a mean of neighbours less the least of them», so "
                "it is largest at i and least at j. Integrate over the weight.",
                (_POTENTIAL, _MEAN),
            ),
            "log π_j/π_k rises for no k": Part(
                "The same potential, «the Laplacian of a triangle: what flows in at i», is least at j: elsewhere it is "
                "more than the least of its neighbours or equal to all, «a mean of neighbours less the least of them».",
                (_POTENTIAL, _MEAN),
            ),
            "π_i rises": Part(
                "No ratio π_i/π_k falls and π_i/π_j rises, as the current is not 0. «π_i by the ratios π_k/π_i», which "
                "«rises as one of them falls».",
                _BY_RATIOS,
            ),
            "π_j falls": Part(
                "No ratio π_k/π_j falls and π_i/π_j rises: «π_i by the ratios π_k/π_i», for j, «rises as one of them "
                "falls».",
                _BY_RATIOS,
            ),
        },
        conclusion="Displacement is a matter of the path, of shared parameters or of a minimum that is not attained, "
        "never of DPO's tabular optima.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="ipo-monotone-label",
        title="At IPO's optimum one more label 0 over 2 does not lower 0 against 2",
        origin=Origin.BELIEF,
        source="a common belief; the instance is ours",
        form=Form(
            _TRIANGLE,
            (),
            claim={"h_02 does not fall": relation(_fitted(more), ">=", _fitted(0))},
            right={
                "it does not where h_02 was below its target": Implies(
                    relation(_fitted(0), "<=", 1), relation(_fitted(more), ">=", _fitted(0), noise=1e-9)
                )
            },
        ),
        second_routes=(
            _LOOP,
            Exact(
                "weights 1, 1, 1/20 and t = 1: from 19/11 down to 39/31",
                {"with t = 10": {a: 1, b: 1, c: Fraction(1, 20), more: 10}},
                All((relation(_fitted(0), "=", Fraction(19, 11)), relation(_fitted(more), "=", Fraction(39, 31)))),
                {a: 1, b: 1, c: Fraction(1, 20), more: 1},
            ),
        ),
        conclusion="A label says “by 1/(2τ)”, also to a pair that is further apart: IPO's agreement pulls back.",
        expected=Verdict.REFUTED,
        instead=("ipo-monotone-below-target",),
    ),
    Statement(
        id="ipo-monotone-below-target",
        title="At IPO's optimum one more label i over j helps i and hurts j iff h_ij was below its target",
        origin=Origin.OURS,
        source="own derivation; the repair of ipo-monotone-label",
        form=Form(
            _IPO_LABELS,
            (),
            claim={
                "h_ij moves to its target": relation(OVER_AFTER**2, "<=", OVER**2),
                "and not beyond": relation(OVER * OVER_AFTER, ">=", 0),
                "log π_i/π_k falls for no k iff h_ij was at most its target": Iff(
                    relation(OVER, "<=", 0), relation(LEAST_I, ">=", 0)
                ),
                "log π_j/π_k rises for no k iff h_ij was at most its target": Iff(
                    relation(OVER, "<=", 0), relation(MOST_J, "<=", 0)
                ),
            },
            wrong={
                "log π_i/π_k falls for no k, wherever h_ij was": relation(LEAST_I, ">=", 0),
                "iff h_ij was at most half as much more": Iff(relation(OVER, "<=", _HALF), relation(LEAST_I, ">=", 0)),
                "half of the way at least": relation(4 * OVER_AFTER**2, "<=", OVER**2),
            },
            effort=Effort(draws=400, climbs=2, steps=25),
        ),
        parts={
            "h_ij moves to its target": Part(
                "By {ipo-existence} there is a minimiser; its scores s, log-ratios to the reference, solve L s = b, L "
                "the Laplacian of the weights W + Wᵀ. With e = e_i − e_j and v the potential of a unit current from i "
                "to j, L v = e and R = v_i − v_j > 0, as R = vᵀLv and labels connect. A weight t on i over j, target "
                "m, adds t e eᵀ to L and t m e to b; s + kv solves that, as L(s + kv) = b + ke and «what the added "
                "label pulls, at k = t(m − h)/(1 + tR)» is k times e. So «what is left of m − h» is a part of it: «1 "
                "less 1/(1 + tR)».",
                (_ADDED, _LEFT, _SHARE),
            ),
            "and not beyond": Part("«what is left of m − h» has its sign, as 1 + tR > 0.", (_LEFT,)),
            "log π_i/π_k falls for no k iff h_ij was at most its target": Part(
                "The scores move by kv, «what the added label pulls, at k = t(m − h)/(1 + tR)». The potential v, «the "
                "Laplacian of a triangle: what flows in at i», is at every other response the mean of its neighbours, "
                "so largest at i: «a mean of neighbours less the least of them». For k ≥ 0 i falls against nobody; for "
                "k < 0 it falls against j, by |k|R.",
                (_ADDED, _POTENTIAL, _MEAN),
            ),
            "log π_j/π_k rises for no k iff h_ij was at most its target": Part(
                "The same potential, «the Laplacian of a triangle: what flows in at i», is least at j, «a mean of "
                "neighbours less the least of them»; j rises against i iff «what the added label pulls, at "
                "k = t(m − h)/(1 + tR)» is negative.",
                (_ADDED, _POTENTIAL, _MEAN),
            ),
        },
        conclusion="IPO's labels are targets, not votes: one more of them helps the chosen response only as far as it "
        "asks, 1/(2β), and takes back what is more. DPO's never do (bt-monotone-label).",
        expected=Verdict.PROVED,
    ),
)
