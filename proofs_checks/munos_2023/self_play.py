"""Self-play on preference games: the error of a constant normaliser, Nash-MD's rate with its constant, a last "
"iterate."""

from fractions import Fraction

import sympy

from proofs_checks.kernel.arithmetic import derivative, exp, log, sinh
from proofs_checks.kernel.evidence import NONNEGATIVE, POSITIVE, REAL, UNIT, Identity, Sign
from proofs_checks.kernel.instances import Instances, named
from proofs_checks.kernel.relation import Saying, relation
from proofs_checks.kernel.search import Effort
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.spaces.games import matrix_of, rates
from proofs_checks.spaces.pair import measured, τ
from proofs_checks.spaces.problems import log_policy_of, weights
from tabular.choice import self_play

__all__ = ["DISTANCE", "ERROR", "STATEMENTS", "STEPS", "a", "b", "c", "η"]

ERROR, η = named("log Z − η/2")[0], sympy.Symbol("η", positive=True)
STEPS, DISTANCE = named("T", "KL(π*_τ‖π_T)")
a, b, c = sympy.symbols("π_0 π_1 π_2", positive=True)
_HALF = Fraction(1, 2)
_RUNS = Effort(draws=150, climbs=2, steps=20, least=50)


def _step(draw):
    """A game and a policy; often the total order of many responses, where the error is largest."""
    size = draw.integer(2, 6)
    known = rates(draw, size)
    if draw.integer(0, 1) == 0:
        known = [[0] * i for i in range(size)]
    return {"rates": known, "policy": weights(draw, size, (Fraction(1, 4), 4)), "η": draw.number(Fraction(1, 10), 8)}


def _error(rates, policy, η):
    return float(self_play.partition_error(matrix_of(rates), log_policy_of(policy), float(η))[0])


_STEP = Instances(
    _step,
    "A preference game, any P with P + Pᵀ = 1, any policy π, η > 0; Z = Σ π e^(ηPπ), of which SPPO takes the log to be "
    "η/2",
    {η: lambda η: η, ERROR: _error},
    drawn="2 to 6 responses, η ∈ [1/10, 8]",
)


def _game(draw):
    """A game of two or three responses, often the cycle, and a length of the run."""
    size = draw.integer(2, 3)
    cycle = size == 3 and draw.integer(0, 3) > 0
    return {
        "rates": [[], [0], [1, 0]] if cycle else rates(draw, size),
        "ref": weights(draw, size, (Fraction(1, 50), 50)),
        "τ": draw.number(Fraction(1, 30), 1),
        "T": draw.integer(1, 6),
    }


def _distance(rates, ref, τ, T):
    run = self_play.nash_md_run(matrix_of(rates), float(τ), T, log_policy_of(ref))
    return float(run.measured[T - 1, 0])


_RUN = Instances(
    _game,
    "A preference game, any P with P + Pᵀ = 1, μ > 0, τ > 0; Nash-MD from μ with the steps η_t = 2/(τ(t + 2)), T ≥ 1",
    {τ: lambda τ: τ, STEPS: lambda T: T, DISTANCE: _distance},
    drawn="2 and 3 responses, τ ∈ [1/30, 1], T ≤ 6",
)


def _within(share):
    return Saying(
        f"KL(π*_τ‖π_T) ≤ 1/({share}τ²(T + 1))", relation(DISTANCE * τ**2 * (STEPS + 1), "<=", Fraction(1, share))
    )


_ABOVE = Identity(
    "π(S) shares out at most π(S) − π(S)²/2",
    {"π(S)²": lambda p, q, x: p * q * (1 - x) - p**2 / 2},
    lambda p, q, x: p * (p + q) - p**2 / 2 - (p**2 / 2 + p * q * x),
    lambda p, q, x: p * q * (1 - x),
    {"p": UNIT, "q": UNIT, "x": UNIT},
)
_SERIES = Sign(
    "(2k + 2)(2k + 3) − 6(k + 1) ≥ 0",
    {"7 in place of 6": lambda k: (2 * k + 2) * (2 * k + 3) - 7 * (k + 1)},
    lambda k: (2 * k + 2) * (2 * k + 3) - 6 * (k + 1),
    {"k": NONNEGATIVE},
    weak=True,
)
_UNIFORM = Identity(
    "log of the mean of e^(ηu), u uniform on [0, 1], less η/2",
    {"without η/2": lambda h: log(sinh(h / 2) / (h / 2)) + h / 2},
    lambda h: log((exp(h) - 1) / h) - h / 2,
    lambda h: log((exp(h / 2) - exp(-h / 2)) / h),
    {"h": POSITIVE},
)
_INDUCTION = Identity(
    "1 less t/(t + 1) + 1/(t + 2)",
    {"1/(t + 1)": lambda t: 1 / (t + 1)},
    lambda t: 1 - t / (t + 1) - 1 / (t + 2),
    lambda t: 1 / ((t + 1) * (t + 2)),
    {"t": NONNEGATIVE},
)
_RECURSION = Identity(
    "one step at e_t = 1/(6τ²(t + 1))",
    {"with η²/8": lambda t, k: (t / (t + 1) + 3 / (t + 2)) / (6 * k**2 * (t + 2))},
    lambda t, k: (1 - 2 / (t + 2)) / (6 * k**2 * (t + 1)) + (2 / (k * (t + 2))) ** 2 / 24,
    lambda t, k: (t / (t + 1) + 1 / (t + 2)) / (6 * k**2 * (t + 2)),
    {"t": NONNEGATIVE, "k": POSITIVE},
)
_MEAN_SCORE = Identity(
    "the uniform policy's mean score",
    {"with π_0 twice": lambda x, y, z: _HALF * (x + y + z) + x / 3},
    lambda x, y, z: (x / 2 + y + y / 2 + z + z / 2 + x) / 3,
    lambda x, y, z: _HALF * (x + y + z),
    {"x": POSITIVE, "y": POSITIVE, "z": POSITIVE},
)


def _scores(x, y, z):
    """Pπ of rock-paper-scissors: 0 beats 1, 1 beats 2, 2 beats 0."""
    return x / 2 + y, y / 2 + z, z / 2 + x


_S = a + b + c
_NEXT = [w * exp(η * s / _S) for w, s in zip((a, b, c), _scores(a, b, c), strict=True)]


def _away(weights_):
    """KL from uniform to these weights, normalised, times 3, plus 3 log 3."""
    return 3 * log(sum(weights_)) - sum(log(w) for w in weights_)


_CYCLE = measured(
    "Rock–paper–scissors, any policy π ∝ (π_0, π_1, π_2) > 0, any step η > 0; π′ ∝ π e^(ηPπ), u the uniform policy",
    (a, b, c, η),
    {},
    **{name: (Fraction(1, 10), 10) for name in ("π_0", "π_1", "π_2")},
)
_OFF_CENTRE = relation((a - b) ** 2 + (b - c) ** 2, ">", 0)
_TANGENT = (
    Identity(
        "its second slope is e^z",
        {"e^z − 1": lambda z: exp(z) - 1},
        lambda z: derivative(lambda w: exp(w) - 1 - w, 2)(z),
        lambda z: exp(z),
        {"z": REAL},
    ),
    Sign("e^z > 0", {"less 1/10": lambda z: exp(z) - Fraction(1, 10)}, lambda z: exp(z), {"z": REAL}),
)

STATEMENTS = (
    Statement(
        id="sppo-partition",
        title="Taking log Z for η/2 errs by 0 to log(sinh(η/2)/(η/2)), at most η²/24",
        origin=Origin.OURS,
        source="Wu et al. 2405.00675 (SPPO) replaces log Z by η/2; the exact error is ours",
        form=Form(
            _STEP,
            (),
            claim={
                "not negative": relation(ERROR, ">=", 0, noise=1e-12),
                "at most log(sinh(η/2)/(η/2))": relation(ERROR, "<=", log(2 * sinh(η / 2) / η), noise=1e-12),
                "at most η²/24": relation(ERROR, "<=", η**2 / 24, noise=1e-12),
            },
            wrong={
                "at most η²/40": relation(ERROR, "<=", η**2 / 40),
                "at least η²/100": relation(ERROR, ">=", η**2 / 100),
            },
            effort=Effort(draws=600, climbs=3, steps=60),
        ),
        parts={
            "not negative": Part(
                "e^z − 1 − z and its slope are 0 at z = 0, «its second slope is e^z», «e^z > 0»: it is at least 0. "
                "With z = η((Pπ)_y − 1/2), whose mean under π is 0 as πᵀPπ = 1/2, that is log E_π e^(ηPπ) ≥ η/2.",
                _TANGENT,
            ),
            "at most log(sinh(η/2)/(η/2))": Part(
                "Let S be the responses of the largest scores. Within S scores sum to π(S)²/2, against the others "
                "they are at most π(S)(1 − π(S)): «π(S) shares out at most π(S) − π(S)²/2», which is what the largest "
                "share π(S) of the uniform law on [0, 1] has. Means agree at 1/2, so Pπ under π is below the uniform "
                "law in convex order (Landau's majorisation), and e^(ηx) is convex: «log of the mean of e^(ηu), u "
                "uniform on [0, 1], less η/2».",
                (_ABOVE, _UNIFORM),
            ),
            "at most η²/24": Part(
                "With y = η/2, sinh(y)/y = Σ y^(2k)/(2k + 1)! ≤ Σ (y²/6)^k/k! = e^(y²/6), as (2k + 1)! ≥ 6^k k!, by "
                "induction from k = 0: «(2k + 2)(2k + 3) − 6(k + 1) ≥ 0».",
                (_SERIES,),
            ),
        },
        conclusion="Hoeffding's η²/8 is three times too large: preferences are never as spread as a coin.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="nlhf-nash-md-rate",
        title="Nash-MD's last iterate is within 1/(6τ²(T + 1)), a 48th of the printed bound",
        origin=Origin.OURS,
        source="Munos et al. 2312.00886 have 8/(τ²(T + 1)) for the same steps; the constant is ours",
        form=Form(
            _RUN,
            (),
            claim={"KL after T steps": _within(6)},
            wrong={"1/(50τ²(T + 1))": _within(50)},
            effort=_RUNS,
        ),
        parts={
            "KL after T steps": Part(
                "With m the geometric mixture, e_(t+1) = KL(π*‖m) − η(E_π* Pm − 1/2) + log Z − η/2. The normaliser of "
                "m is at most 1, and gives KL(π*‖m) ≤ (1 − ητ) e_t + ητ (KL(π*‖μ) − KL(m‖μ)); the Nash property gives "
                "E_π* Pm − 1/2 ≥ τ(KL(π*‖μ) − KL(m‖μ)); and {sppo-partition} bounds the rest: e_(t+1) ≤ (1 − η_t τ) "
                "e_t + η_t²/24. The first step, with η_0 τ = 1, forgets e_0; then «one step at e_t = 1/(6τ²(t + 1))» "
                "is at most 1/(6τ²(t + 2)): «1 less t/(t + 1) + 1/(t + 2)» is positive.",
                (_RECURSION, _INDUCTION),
            )
        },
        conclusion="The search breaks 1/(50τ²(T + 1)), so the best constant lies between 1/50 and 1/6: it is open.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="spo-last-iterate",
        title="On rock–paper–scissors Hedge in self-play moves away from the Nash policy at every step",
        origin=Origin.OURS,
        source="own derivation; self-play as in Swamy et al. 2401.04056",
        form=Form(
            _CYCLE,
            (_OFF_CENTRE,),
            claim={"KL(u‖π′) > KL(u‖π)": relation(_away(_NEXT), ">", _away((a, b, c)), noise=1e-12)},
            wrong={"by a hundredth": relation(_away(_NEXT), ">", _away((a, b, c)) + Fraction(1, 100))},
        ),
        parts={
            "KL(u‖π′) > KL(u‖π)": Part(
                "The difference is log Σ π e^(ηPπ) − η E_u Pπ, and «the uniform policy's mean score» is 1/2: log Z − "
                "η/2 of {sppo-partition}, 0 only where Pπ is constant, that is at u.",
                (_MEAN_SCORE,),
            )
        },
        conclusion="Averages converge and the policy that is kept does not: the last iterate needs a penalty.",
        expected=Verdict.PROVED,
    ),
)
