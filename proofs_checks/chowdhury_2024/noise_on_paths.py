"""Symmetric label noise, uncorrected: on a path of comparisons log-odds saturate and add up, so orders can flip."""

from fractions import Fraction

from proofs_checks.kernel.arithmetic import derivative, exp, log
from proofs_checks.kernel.evidence import POSITIVE, REAL, Exact, Identity, Sign
from proofs_checks.kernel.instances import named
from proofs_checks.kernel.relation import All, Iff, Implies, Rounds, relation
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.spaces.pair import measured, ε

__all__ = ["FIRST", "SECOND", "STATEMENTS", "A", "B", "C", "noisy"]

A, B, C = named("r_1−r_4", "r_4−r_3", "r_3−r_2")
FIRST, SECOND = named("r_1−r_3", "r_3−r_2")
_FLIPS = {"ε": (Fraction(1, 100), Fraction(49, 100))}
_LABELS = (
    "compared only along the path {}, Bradley–Terry labels each flipped at rate ε, 0 < ε < 1/2, DPO without correction "
    "from a uniform reference: on a path its log-odds fit every rate, log((1−ε)e^x + ε) − log(εe^x + 1 − ε) for a gap "
    "x, and add up"
)


def noisy(x, ε):
    """The log-odds of labels of gap x that are flipped at rate ε."""
    return log((1 - ε) * exp(x) + ε) - log(ε * exp(x) + 1 - ε)


_FOUR = measured(f"Four responses {_LABELS.format('1-4-3-2')}", (A, B, C, ε), {}, **_FLIPS)
_THREE = measured(f"Three responses {_LABELS.format('1-3-2')}", (FIRST, SECOND, ε), {}, **_FLIPS)
_FITTED = noisy(A, ε) + noisy(B, ε) + noisy(C, ε)
_FITTED_THREE = noisy(FIRST, ε) + noisy(SECOND, ε)
_WITNESS = sum(noisy(x, Fraction(1, 10)) for x in (Fraction(-9, 2), 10, Fraction(-9, 2)))

# In the proof ε = a and 1 − ε = a + g with any a, g > 0: only their ratio matters.
_ODD = Identity(
    "odd",
    {"even": lambda a, g, x: log((a + g) * exp(x) + a) - log(a * exp(x) + a + g)},
    lambda a, g, x: log((a + g) * exp(-x) + a) - log(a * exp(-x) + a + g),
    lambda a, g, x: -(log((a + g) * exp(x) + a) - log(a * exp(x) + a + g)),
    {"a": POSITIVE, "g": POSITIVE, "x": REAL},
)


def _rate(a, g, x):
    return exp(x) * g * (2 * a + g) / (((a + g) * exp(x) + a) * (a * exp(x) + a + g))


_RATE = Identity(
    "its slope",
    {"without g": lambda a, g, x: _rate(a, g, x) / g, "1": lambda a, g, x: 1},
    lambda a, g, x: derivative(lambda y: log((a + g) * exp(y) + a) - log(a * exp(y) + a + g))(x),
    _rate,
    {"a": POSITIVE, "g": POSITIVE, "x": REAL},
)
_RISES = Sign(
    "the slope is positive",
    {"less 1/10": lambda a, g, x: _rate(a, g, x) - Fraction(1, 10)},
    _rate,
    {"a": POSITIVE, "g": POSITIVE, "x": REAL},
)

STATEMENTS = (
    Statement(
        id="noise-misorders-path",
        title="Symmetric label noise only shrinks rewards: false on four responses",
        origin=Origin.BELIEF,
        source="a common belief; the witness is ours",
        form=Form(
            _FOUR,
            (relation(A + B + C, ">", 0),),
            claim={"1, the better response, is fitted above 2": relation(_FITTED, ">", 0)},
            right={
                "it is where every step of the path goes up": Implies(
                    All((relation(A, ">", 0), relation(B, ">", 0), relation(C, ">", 0))), relation(_FITTED, ">", 0)
                )
            },
        ),
        second_routes=(
            Exact(
                "r = (5.5, 4.5, 0, 10), ε = 1/10: the fitted gap of 1 over 2",
                {"the true gap": Rounds(_WITNESS, "1.0000000000"), "half": Rounds(_WITNESS / 2, "-2.0095094352")},
                Rounds(_WITNESS, "-2.0095094352"),
            ),
        ),
        conclusion="Noise caps each log-odds at log((1−ε)/ε), so a large gap no longer outweighs two middling ones. "
        "Three responses on a path keep their order (noise-three-on-a-path).",
        expected=Verdict.REFUTED,
        instead=("noise-three-on-a-path",),
    ),
    Statement(
        id="noise-three-on-a-path",
        title="Symmetric label noise keeps the order of three responses on a path",
        origin=Origin.OURS,
        source="own derivation; the repair of noise-misorders-path",
        form=Form(
            _THREE,
            (),
            claim={
                "1 is fitted above 2 iff r_1 > r_2": Iff(
                    relation(_FITTED_THREE, ">", 0), relation(FIRST + SECOND, ">", 0)
                )
            },
            wrong={
                "by a tenth of the gap": Implies(
                    relation(FIRST + SECOND, ">", 0), relation(_FITTED_THREE, ">", (FIRST + SECOND) / 10)
                ),
                "iff r_1 − r_3 > 2(r_2 − r_3)": Iff(
                    relation(_FITTED_THREE, ">", 0), relation(FIRST + 2 * SECOND, ">", 0)
                ),
            },
        ),
        parts={
            "1 is fitted above 2 iff r_1 > r_2": Part(
                "With ε = a and 1 − ε = a + g the log-odds t is «odd» in the gap, and «its slope» has «the slope is "
                "positive»: t(x) + t(y) = t(x) − t(−y) has the sign of x + y.",
                (_ODD, _RATE, _RISES),
            )
        },
        conclusion="Two log-odds are compared, and noise does not change which is larger; with three, sums are.",
        expected=Verdict.PROVED,
    ),
)
