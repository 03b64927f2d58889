"""Do IPO and DPO order responses alike? On a path of three they do; on a path of four they need not."""

from fractions import Fraction

from proofs_checks.kernel.arithmetic import derivative, logit, sigmoid
from proofs_checks.kernel.evidence import REAL, Exact, Identity, Sign
from proofs_checks.kernel.instances import named
from proofs_checks.kernel.relation import All, Iff, Implies, Rounds, relation
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.spaces.pair import measured

__all__ = ["STATEMENTS", "A", "B", "C"]

A, B, C = named("a", "b", "c")
_HALF = Fraction(1, 2)
_PATH = (
    "uniform reference, compared only along the path {}, the log-odds of the rates along it {}: on a path DPO fits "
    "every log-odds and IPO every rate less 1/2, up to factors 1/β and 1/τ, and both add up"
)
_FOUR = measured("Four responses, " + _PATH.format("1-4-3-2", "a, b, c"), (A, B, C), {})
_THREE = measured("Three responses, " + _PATH.format("1-3-2", "a, b"), (A, B), {})


def _ipo(*odds):
    return sum(sigmoid(x) - _HALF for x in odds)


_RATES = tuple(Fraction(k, 100) for k in (99, 25, 25))
_PRINTED = All(
    (
        Rounds(sum(logit(p) for p in _RATES), "2.3978952728"),
        relation(sum(p - _HALF for p in _RATES), "=", Fraction(-1, 100)),
    )
)
_SAME = Iff(relation(_ipo(A, B, C), ">", 0), relation(A + B + C, ">", 0))
_SAME_THREE = Iff(relation(_ipo(A, B), ">", 0), relation(A + B, ">", 0))

STATEMENTS = (
    Statement(
        id="ipo-dpo-order-four",
        title="IPO and DPO order responses alike",
        origin=Origin.BELIEF,
        source="a common belief; the witness is ours",
        form=Form(
            _FOUR,
            (),
            claim={"IPO puts 1 above 2 iff DPO does": _SAME},
            right={
                "they do where every step of the path goes up": Implies(
                    All((relation(A, ">", 0), relation(B, ">", 0), relation(C, ">", 0))), _SAME
                )
            },
        ),
        second_routes=(
            Exact(
                "P_14 = .99, P_43 = P_32 = .25: DPO's gap of 1 over 2 in units of 1/β, IPO's in units of 1/τ",
                {"rates .99, .25, .26": Rounds(logit(_RATES[0]) + 2 * logit(Fraction(26, 100)), "2.3978952728")},
                _PRINTED,
            ),
        ),
        conclusion="DPO lets one near-certain comparison outweigh two opposite ones, IPO counts it as less than half a "
        "vote. On three responses of a path they agree (ipo-dpo-order-three).",
        expected=Verdict.REFUTED,
        instead=(
            "ipo-dpo-same-order",
            "ipo-dpo-order-three",
        ),
    ),
    Statement(
        id="ipo-dpo-order-three",
        title="On a path of three responses IPO and DPO order alike",
        origin=Origin.OURS,
        source="own derivation; the repair of ipo-dpo-order-four",
        form=Form(
            _THREE,
            (),
            claim={"IPO puts 1 above 2 iff DPO does": _SAME_THREE},
            wrong={
                "with the same gap": relation(_ipo(A, B), "=", A + B),
                "iff a + 2b > 0": Iff(relation(_ipo(A, B), ">", 0), relation(A + 2 * B, ">", 0)),
            },
        ),
        parts={
            "IPO puts 1 above 2 iff DPO does": Part(
                "σ − 1/2 is «odd» and rises, «its slope», «the slope is positive»: its values at a and b add up to "
                "those at a less those at −b, which has the sign of a + b.",
                (
                    Identity(
                        "odd",
                        {"even": lambda x: sigmoid(x) - _HALF},
                        lambda x: sigmoid(-x) - _HALF,
                        lambda x: -(sigmoid(x) - _HALF),
                        {"x": REAL},
                    ),
                    Identity(
                        "its slope",
                        {"1/4": lambda x: Fraction(1, 4)},
                        lambda x: derivative(lambda y: sigmoid(y) - _HALF)(x),
                        lambda x: sigmoid(x) * sigmoid(-x),
                        {"x": REAL},
                    ),
                    Sign(
                        "the slope is positive",
                        {"less 1/10": lambda x: sigmoid(x) * sigmoid(-x) - Fraction(1, 10)},
                        lambda x: sigmoid(x) * sigmoid(-x),
                        {"x": REAL},
                    ),
                ),
            )
        },
        conclusion="Between two comparisons only their order matters, and every odd increasing link sees the same one.",
        expected=Verdict.PROVED,
    ),
)
