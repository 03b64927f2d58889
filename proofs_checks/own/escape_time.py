"""How long gradient flow of one pair takes to leave U, for DPO and with a fixed margin Ψ."""

from fractions import Fraction

from proofs_checks.kernel.arithmetic import derivative, exp
from proofs_checks.kernel.evidence import NONNEGATIVE, POSITIVE, REAL, Identity, Sign
from proofs_checks.kernel.instances import named
from proofs_checks.kernel.relation import Implies, relation
from proofs_checks.kernel.search import OBJECTS
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.own.flow_of_one_pair import NOISE, margin_at
from proofs_checks.spaces.pair import Ψ, d, measured, β, δ_ref
from tabular import flow

__all__ = ["STATEMENTS", "T", "δ_T"]

_MORE = Fraction(101, 100)

T, δ_T = named("T", "δ(T)")


def _escape(δ_ref, β, Ψ):
    return flow.escape_time(float(δ_ref), float(β), float(Ψ))


_ESCAPE = measured(
    "The flow of flow-trajectory; T the time at which it leaves U, δ(T) the margin then",
    (β, δ_ref, Ψ),
    {T: _escape, δ_T: lambda δ_ref, β, Ψ: margin_at(_escape(δ_ref, β, Ψ), δ_ref, β, Ψ)},
)
_ESCAPE_OF_D = measured(
    "The flow of flow-trajectory from δ_ref = −d < 0; T the time at which it leaves U",
    (β, d, Ψ),
    {T: lambda d, β, Ψ: _escape(-float(d), β, Ψ)},
    Ψ=(-5, 20),
)
_DPO_ESCAPE = measured(
    "The flow of flow-trajectory for DPO, Ψ = 0, from δ_ref = −d < 0; T the time at which it leaves U",
    (β, d),
    {T: lambda d, β: _escape(-float(d), β, 0)},
)
_TIME = (-β * δ_ref + exp(-Ψ) * (exp(-β * δ_ref) - 1)) / (2 * β**2)

_BETWEEN = Identity(
    "the clock between the ends",
    {
        "2 e^(−Ψ)": lambda β, d, Ψ: β * d + 2 * exp(-Ψ) * (exp(β * d) - 1),
        "e^(−Ψ) e^(βd)": lambda β, d, Ψ: β * d + exp(-Ψ) * exp(β * d),
    },
    lambda β, d, Ψ: (β * d - Ψ + exp(β * d - Ψ)) - (-Ψ + exp(-Ψ)),
    lambda β, d, Ψ: β * d + exp(-Ψ) * (exp(β * d) - 1),
    {"β": POSITIVE, "d": NONNEGATIVE, "Ψ": REAL},
)
#: e^x − 1 − x for x ≥ 0: it and its slope are 0 at 0, and it is convex.
_SLOPE = Identity(
    "slope of e^x − 1 − x",
    {"e^x": lambda x: exp(x)},
    lambda x: derivative(lambda y: exp(y) - 1 - y)(x),
    lambda x: exp(x) - 1,
    {"x": NONNEGATIVE},
)
_CONVEX = Identity(
    "its slope's slope",
    {"e^x − 1": lambda x: exp(x) - 1},
    lambda x: derivative(lambda y: exp(y) - 1 - y, 2)(x),
    lambda x: exp(x),
    {"x": NONNEGATIVE},
)
_RISING = Sign("e^x > 0", {"e^x − 1": lambda x: exp(x) - 1}, lambda x: exp(x), {"x": NONNEGATIVE})
_EXCESS = Identity(
    "T − d/(2β)",
    {
        "e^(−Ψ) e^(βd)": lambda β, d, Ψ: exp(-Ψ) * exp(β * d) / (2 * β**2),
        "1/(2β)": lambda β, d, Ψ: exp(-Ψ) * (exp(β * d) - 1) / (2 * β),
    },
    lambda β, d, Ψ: (β * d + exp(-Ψ) * (exp(β * d) - 1)) / (2 * β**2) - d / (2 * β),
    lambda β, d, Ψ: exp(-Ψ) * (exp(β * d) - 1) / (2 * β**2),
    {"β": POSITIVE, "d": POSITIVE, "Ψ": REAL},
)
_RUSH, _E = 2 * β**2 * T, exp(β * d) - 1
_LEAST, _EXTRA, _CAP = d / (2 * β), exp(β * d - Ψ) / (2 * β**2), 1 / (2 * β**2)

STATEMENTS = (
    Statement(
        id="escape-time",
        title="Time to leave U",
        origin=Origin.OURS,
        source="own derivation",
        form=Form(
            _ESCAPE,
            (relation(δ_ref, "<", 0),),
            claim={
                "the time": relation(T, "=", _TIME),
                "δ is 0 then": relation(δ_T, "=", 0, NOISE),
            },
            wrong={
                "1.01 times the time": relation(T, "=", _MORE * _TIME),
                "without e^(−Ψ)": relation(T, "=", _TIME.subs(Ψ, 0)),
            },
            effort=OBJECTS,
        ),
        parts={
            name: Part(
                "By {flow-trajectory}, u + e^u runs at 2β²; with d = −δ_ref it has to run from u = −Ψ to u = βd − Ψ, "
                "«the clock between the ends», and {flow-monotone} passes δ = 0 once.",
                (_BETWEEN,),
            )
            for name in ("the time", "δ is 0 then")
        },
        conclusion="Escape is certain, and its time known.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="escape-time-exponential",
        title="For DPO the escape time is exponential in β|δ_ref|",
        origin=Origin.OURS,
        source="own derivation",
        form=Form(
            _DPO_ESCAPE,
            (),
            claim={
                "at least e^(βd) − 1": relation(_E, "<", _RUSH),
                "less than twice that": relation(_RUSH / 2, "<", _E),
            },
            wrong={
                "at least 1.01 of it": relation(_MORE * _E, "<", _RUSH),
                "1.01 times it less than twice that": relation(_MORE * _RUSH / 2, "<", _E),
            },
            effort=OBJECTS,
        ),
        parts={
            "at least e^(βd) − 1": Part(
                "With x = βd and Ψ = 0, 2β²T = x + e^x − 1 ({escape-time}), and «x > 0».",
                (Sign("x > 0", {"x ≥ 1/50": lambda x: x - Fraction(1, 50)}, lambda x: x, {"x": POSITIVE}),),
            ),
            "less than twice that": Part(
                "What is missing is e^x − 1 − x. At x = 0 it is 0, and so is its slope, «slope of e^x − 1 − x»; "
                "«its slope's slope» is e^x, «e^x > 0»: so it is positive for x > 0.",
                (_SLOPE, _CONVEX, _RISING),
            ),
        },
        conclusion="Once β|δ_ref| is well above 1, each further nat of it multiplies the wait by about e; while it is "
        "small the wait is linear, about |δ_ref|/β.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="escape-time-linear",
        title="A margin of β|δ_ref| makes the escape time linear",
        origin=Origin.OURS,
        source="own derivation",
        form=Form(
            _ESCAPE_OF_D,
            (),
            claim={
                "more than d/(2β)": relation(T, ">", _LEAST),
                "less than e^(βd − Ψ)/(2β²) more": relation(T, "<", _LEAST + _EXTRA),
                "within 1/(2β²) once Ψ ≥ βd": Implies(relation(Ψ, ">=", β * d), relation(T, "<", _LEAST + _CAP)),
            },
            wrong={
                "more than 1.01 d/(2β)": relation(T, ">", _MORE * _LEAST),
                "less than the excess over 1.01": relation(T, "<", _LEAST + _EXTRA / _MORE),
                "within half of that": Implies(relation(Ψ, ">=", β * d), relation(T, "<", _LEAST + _CAP / 2)),
            },
            effort=OBJECTS,
        ),
        parts={
            "more than d/(2β)": Part(
                "By {escape-time} the excess is «T − d/(2β)»; with e^(βd) = 1 + c, c > 0, «the excess is positive».",
                (
                    _EXCESS,
                    Sign(
                        "the excess is positive",
                        {"c − 1/50": lambda β, c, Ψ: exp(-Ψ) * (c - Fraction(1, 50)) / (2 * β**2)},
                        lambda β, c, Ψ: exp(-Ψ) * c / (2 * β**2),
                        {"β": POSITIVE, "c": POSITIVE, "Ψ": REAL},
                    ),
                ),
            ),
            "less than e^(βd − Ψ)/(2β²) more": Part(
                "The excess «T − d/(2β)» falls short of that by «e^(−Ψ)/(2β²)», «which is positive».",
                (
                    _EXCESS,
                    Identity(
                        "e^(−Ψ)/(2β²)",
                        {"e^(−Ψ)/β²": lambda β, d, Ψ: exp(-Ψ) / β**2},
                        lambda β, d, Ψ: (exp(β * d - Ψ) - exp(-Ψ) * (exp(β * d) - 1)) / (2 * β**2),
                        lambda β, d, Ψ: exp(-Ψ) / (2 * β**2),
                        {"β": POSITIVE, "d": POSITIVE, "Ψ": REAL},
                    ),
                    Sign(
                        "which is positive",
                        {"less 1/100": lambda β, Ψ: exp(-Ψ) / (2 * β**2) - Fraction(1, 100)},
                        lambda β, Ψ: exp(-Ψ) / (2 * β**2),
                        {"β": POSITIVE, "Ψ": REAL},
                    ),
                ),
            ),
            "within 1/(2β²) once Ψ ≥ βd": Part(
                "Then e^(βd − Ψ) ≤ 1; with βd − Ψ = −s, s ≥ 0, and e^s = 1 + a, «1 − e^(−s) ≥ 0».",
                (
                    Sign(
                        "1 − e^(−s) ≥ 0",
                        {"1 − 1.01 e^(−s)": lambda a: 1 - _MORE / (1 + a)},
                        lambda a: 1 - 1 / (1 + a),
                        {"a": NONNEGATIVE},
                        weak=True,
                    ),
                ),
            ),
        },
        conclusion="A target margin removes the exponential wait: as Ψ grows beyond β|δ_ref| the excess over "
        "|δ_ref|/(2β) falls like e^(−Ψ).",
        expected=Verdict.PROVED,
    ),
)
