"""Assumption 3.1: the RLHF optimum ranks every labelled winner first."""

from fractions import Fraction

from proofs_checks.kernel.arithmetic import exp, log
from proofs_checks.kernel.evidence import POSITIVE, REAL, Identity
from proofs_checks.kernel.relation import Iff, relation
from proofs_checks.kernel.search import OBJECTS
from proofs_checks.kernel.statement import Form, InWords, Origin, Part, Statement, Verdict
from proofs_checks.spaces.pair import Δr, β, δ_ref
from proofs_checks.spaces.pairs import ONE_PAIR, δ_optimum

__all__ = ["MARGIN", "STATEMENTS"]

_SOURCE = "Yang et al. 2026, Assumption 3.1, as transcribed"
_RANKED = relation(δ_optimum, ">", 0)

MARGIN = Identity(
    "δ* = δ_ref + Δr/β",
    {
        "δ_ref + Δr": lambda a, b, β, Z, r, s: log(a) - log(b) + (r - s),
        "with log Z": lambda a, b, β, Z, r, s: log(a) - log(b) + (r - s) / β - log(Z),
    },
    lambda a, b, β, Z, r, s: log(a * exp(r / β) / Z) - log(b * exp(s / β) / Z),
    lambda a, b, β, Z, r, s: log(a) - log(b) + (r - s) / β,
    {"a": POSITIVE, "b": POSITIVE, "β": POSITIVE, "Z": POSITIVE, "r": REAL, "s": REAL},
)

STATEMENTS = (
    Statement(
        id="assumption-3.1",
        title="When the RLHF optimum agrees with a label",
        origin=Origin.OURS,
        source=f"{_SOURCE}: π*(w) > π*(l) on every pair; when that holds is our derivation",
        form=Form(
            ONE_PAIR,
            (),
            claim={"π* ranks w first iff δ_ref > −Δr/β": Iff(_RANKED, relation(δ_ref, ">", -Δr / β))},
            wrong={
                "iff δ_ref > −1.1 Δr/β": Iff(_RANKED, relation(δ_ref, ">", -Fraction(11, 10) * Δr / β)),
                "iff δ_ref > −Δr": Iff(_RANKED, relation(δ_ref, ">", -Δr)),
            },
            effort=OBJECTS,
        ),
        parts={
            "π* ranks w first iff δ_ref > −Δr/β": Part(
                "π* = π_ref e^(r/β)/Z ({rlhf-closed-form}); on a pair, with π_ref = a and b and rewards r and s, "
                "«δ* = δ_ref + Δr/β», the normaliser Z dropping out.",
                (MARGIN,),
            )
        },
        conclusion="The assumption is a property of the reference and of the reward, to be checked pair by pair.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="assumption-3.1-rate",
        title="How often the assumption is violated in practice",
        origin=Origin.TRANSCRIBED,
        source=_SOURCE,
        form=InWords(
            "Llama-3-8B-Instruct, β = 0.1, the authors' pairs and reward model.",
            {"the rate": "The assumption is violated for 45.5 % of the pairs."},
            why="it speaks of one data set",
        ),
        conclusion="For a log of your own, the audit reports the rate on its pairs.",
        expected=Verdict.NOT_CHECKABLE_HERE,
        out_of_reach="the authors' log-probabilities and rewards are not public",
    ),
)
