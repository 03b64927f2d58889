"""Definition 3.3: the policies U that improve on the reference and still prefer the dispreferred response."""

from fractions import Fraction

from proofs_checks.kernel.arithmetic import log, softplus, tanh
from proofs_checks.kernel.evidence import POSITIVE, REAL, Box, Identity, Sign
from proofs_checks.kernel.relation import All, Implies, relation
from proofs_checks.kernel.statement import Form, Given, Origin, Part, Statement, Verdict
from proofs_checks.spaces.pair import LOSS, pair, β, δ, δ_ref

__all__ = ["STATEMENTS"]

_SOURCE = "Yang et al. 2026, Definition 3.3"
_BELOW, _ABOVE = relation(δ_ref, "<", δ), relation(δ, "<", 0)
_FELL = relation(LOSS, "<", log(2))
_HALF = δ_ref / 2

STATEMENTS = (
    Statement(
        id="def-3.3",
        title="When the undesirable set U is non-empty",
        origin=Origin.OURS,
        source=f"{_SOURCE} defines U = {{δ_ref < δ < 0}}; the criterion is ours",
        form=Form(
            pair(δ_ref, δ),
            (),
            claim={
                "if δ_ref < 0, U holds δ_ref/2": Implies(
                    relation(δ_ref, "<", 0), All((relation(δ_ref, "<", _HALF), relation(_HALF, "<", 0)))
                ),
                "if U holds any δ, δ_ref < 0": Implies(All((_BELOW, _ABOVE)), relation(δ_ref, "<", 0)),
            },
            wrong={
                "only if δ_ref < −1/10": Implies(All((_BELOW, _ABOVE)), relation(δ_ref, "<", -Fraction(1, 10))),
                "2δ_ref in U": Implies(relation(δ_ref, "<", 0), relation(δ_ref, "<", 2 * δ_ref)),
            },
        ),
        parts={
            "if δ_ref < 0, U holds δ_ref/2": Part(
                "With δ_ref = −d both gaps are positive: «δ_ref/2 − δ_ref» and «0 − δ_ref/2»; a policy with any margin "
                "exists, for instance two responses with odds e^δ.",
                (
                    Sign("δ_ref/2 − δ_ref", {"at δ_ref": lambda d: d - d}, lambda d: -d / 2 + d, {"d": POSITIVE}),
                    Sign("0 − δ_ref/2", {"at −δ_ref/2": lambda d: -d / 2}, lambda d: d / 2, {"d": POSITIVE}),
                ),
            ),
            "if U holds any δ, δ_ref < 0": Part(
                "Both gaps are positive and «the gaps add up to −δ_ref».",
                (
                    Identity(
                        "the gaps add up to −δ_ref",
                        {"to −2δ_ref": lambda δ, δ_ref: -2 * δ_ref},
                        lambda δ, δ_ref: (δ - δ_ref) + (0 - δ),
                        lambda δ, δ_ref: -δ_ref,
                        {"δ": REAL, "δ_ref": REAL},
                    ),
                ),
            ),
        },
        conclusion="Reward and temperature play no part: a reference that prefers the dispreferred response is enough.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="def-3.3-loss",
        title="On U the loss is below its start",
        origin=Origin.TRANSCRIBED,
        source=_SOURCE,
        form=Form(
            pair(β, δ_ref, δ),
            (_BELOW, Given(_ABOVE, needless="the loss is below its start at every δ above δ_ref")),
            claim={"the loss is below log 2, its value at the reference": _FELL},
            wrong={"below 0.99 log 2": relation(LOSS, "<", Fraction(99, 100) * log(2))},
        ),
        parts={
            "the loss is below log 2, its value at the reference": Part(
                "With t = β(δ − δ_ref) > 0, «the deficit», and «it is positive».",
                (
                    Identity(
                        "the deficit",
                        {"log(1 + tanh t)": lambda t: log(1 + tanh(t)), "at −t": lambda t: log(1 + tanh(-t / 2))},
                        lambda t: log(2) - softplus(-t),
                        lambda t: log(1 + tanh(t / 2)),
                        {"t": POSITIVE},
                    ),
                    Sign(
                        "it is positive",
                        {"for t < 0": lambda t: log(1 + tanh(-t / 2))},
                        lambda t: log(1 + tanh(t / 2)),
                        {"t": POSITIVE},
                    ),
                ),
            )
        },
        second_routes=(
            Box(
                "the loss fell",
                {"by 1/1000": lambda β, h: log(2) - softplus(-β * h) - Fraction(1, 1000)},
                lambda β, h: log(2) - softplus(-β * h),
                {"β": (Fraction(1, 1000), 1000), "h": (Fraction(1, 10**6), 50)},
            ),
        ),
        conclusion="A falling loss is no evidence that the ranking has been learned: on U, δ < 0, it is wrong.",
        expected=Verdict.PROVED,
    ),
)
