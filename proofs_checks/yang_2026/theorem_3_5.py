"""Theorem 3.5, its two directions under the two readings of its labels, and the repaired version.

As transcribed: DPO and RLHF optimise equivalent objectives if and only if δ_ref > −Δr/β on every pair. "Equivalent" is
read as "with the same optimum". The paper's loss is of ordered pairs, each labelled once; there "if" fails, and "only
if" has nothing to speak of unless the labels run round a cycle. With population labels, each pair labelled both ways
at Bradley-Terry rates, the two optima agree whatever the reference, so that "only if" fails.
"""

from fractions import Fraction

from proofs_checks.kernel.arithmetic import derivative, softplus
from proofs_checks.kernel.evidence import REAL, Exact, Identity
from proofs_checks.kernel.relation import All, Holds, Iff, Implies, Rounds, relation
from proofs_checks.kernel.search import OBJECTS
from proofs_checks.kernel.statement import Form, Origin, Part, Settles, Statement, Verdict
from proofs_checks.spaces.label_readings import (
    ORDERED,
    POPULATION,
    acyclic,
    connected,
    distance,
    found,
    gradient,
    least_margin,
    loss,
    loss_at_optimum,
    margin_found,
    ranked,
)
from proofs_checks.spaces.pair import Δr, β, δ_ref
from proofs_checks.yang_2026.assumption_3_1 import MARGIN

__all__ = ["STATEMENTS"]

_SOURCE = "Yang et al. 2026, Theorem 3.5, as transcribed"
_REPAIR = f"repair of {_SOURCE.replace(',', '', 1)}"
_CONDITION, _STATIONARY = relation(least_margin, ">", 0), relation(gradient, "=", 0)
_NO_LESS, _MORE = relation(loss_at_optimum, "<=", loss), relation(loss_at_optimum, "<", loss)


_PRINTED = Exact(
    "the loss at δ* = 1 and at δ = 2",
    {".3143 at δ*": Rounds(softplus(-1), "0.3143"), ".1269 at δ*": Rounds(softplus(-1), "0.1269")},
    All((Rounds(softplus(-1), "0.3133"), Rounds(softplus(-2), "0.1269"))),
)


def _round_a_cycle(x, y, z):
    return softplus(y - x) + softplus(z - y) + softplus(x - z)


_CYCLE = Identity(
    "round a cycle equal scores are stationary",
    {"unequal ones": (lambda x: derivative(lambda s: _round_a_cycle(s, x, x + 1))(x), lambda x: 0 * x)},
    lambda x: derivative(lambda s: _round_a_cycle(s, x, x))(x),
    lambda x: 0 * x,
    {"x": REAL},
)

STATEMENTS = (
    Statement(
        id="thm-3.5",
        title="DPO and RLHF are equivalent iff δ_ref > −Δr/β on every pair",
        origin=Origin.TRANSCRIBED,
        source=f"{_SOURCE}; “equivalent” read as “with the same optimum”",
        form=Form(
            ORDERED,
            (),
            claim={"π* is stationary for the DPO loss iff the condition holds": Iff(_STATIONARY, _CONDITION)},
            right={"every label pulls by less than β": relation(gradient, "<", 2 * β)},
            effort=OBJECTS,
        ),
        conclusion="False as printed. The loss is convex in the log-ratios, so that a policy minimises it iff it is "
        "stationary. Which direction fails depends on what the labels are: see the next statements.",
        expected=Verdict.REFUTED,
        instead=(
            "thm-3.5-repaired",
            "thm-3.5-ranking",
        ),
    ),
    Statement(
        id="thm-3.5-if",
        title="“If”, with one label per pair",
        origin=Origin.TRANSCRIBED,
        source=_SOURCE,
        form=Form(
            ORDERED,
            (_CONDITION,),
            claim={"π* minimises the DPO loss": _NO_LESS},
            right={"π* ranks every pair right": relation(ranked, ">", 0)},
            effort=OBJECTS,
        ),
        second_routes=(_PRINTED,),
        conclusion="β = Δr = 1, uniform reference: the loss is .3133 at δ* = 1 and .1269 at δ = 2. Under the condition "
        "the labels agree with π*, so they have no cycle, and their loss has no minimiser at all.",
        expected=Verdict.REFUTED,
        instead=("thm-3.5-repaired",),
    ),
    Statement(
        id="thm-3.5-only-if",
        title="“Only if”, with population labels",
        origin=Origin.READING,
        source=f"{_SOURCE}, read with population labels; the paper's loss is of ordered pairs",
        form=Form(
            POPULATION,
            (_STATIONARY,),
            claim={"the condition holds": _CONDITION},
            right={"π* minimises the DPO loss": _NO_LESS},
            effort=OBJECTS,
        ),
        conclusion="On population labels the two optima always agree, condition or not (thm-3.5-repaired).",
        expected=Verdict.REFUTED,
        instead=("thm-3.5-repaired",),
    ),
    Statement(
        id="thm-3.5-only-if-ordered",
        title="“Only if”, with one label per pair and no cycle",
        origin=Origin.TRANSCRIBED,
        source=_SOURCE,
        form=Form(
            ORDERED,
            (Holds(acyclic), _STATIONARY),
            claim={"the condition holds": _CONDITION},
            effort=OBJECTS,
        ),
        settles=Settles.VACUITY,
        parts={
            "no policy minimises the DPO loss": Part(
                "Labels without a cycle have a response that wins and never loses: follow losers to winners until it "
                "ends. Raising its logit raises δ on its labels and leaves the others, and a larger δ has less loss "
                "({dpo-ordered}). So no policy is a minimiser, π* neither."
            )
        },
        second_routes=(_CYCLE,),
        conclusion="Vacuously true: there is no optimum of DPO to be equal to π*. Round a cycle of labels there is "
        "one, with equal rewards and weights it is π*, and δ_ref > 0 cannot hold all round: there it fails.",
        expected=Verdict.VACUOUS,
    ),
    Statement(
        id="thm-3.5-repaired",
        title="Theorem 3.5 repaired: population labels",
        origin=Origin.OURS,
        source=_REPAIR,
        form=Form(
            POPULATION,
            (Holds(connected),),
            claim={
                "argmin DPO = {π*}": All((Implies(relation(distance, ">", 0), _MORE), relation(found, "=", 0, 1e-8)))
            },
            wrong={
                "by a factor of 1.01": relation(Fraction(101, 100) * loss_at_optimum, "<=", loss),
                "by a hundredth of ‖log π/π*‖": relation(loss_at_optimum + distance / 100, "<=", loss),
            },
            effort=OBJECTS,
        ),
        parts={
            "argmin DPO = {π*}": Part(
                "The loss is a mean over pairs of a function of δ alone, which has its least value at δ_ref + Δr/β "
                "and nowhere else ({dpo-population}). That is the margin of π*, «δ* = δ_ref + Δr/β», on all pairs at "
                "once: so π* minimises every term, and a minimiser has the margins of π* on every labelled pair. Where "
                "these connect all responses it is π*.",
                (MARGIN,),
            )
        },
        conclusion="Equivalence of DPO and RLHF needs population labels, not a well-ranked reference.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="thm-3.5-ranking",
        title="What the condition of Theorem 3.5 does decide",
        origin=Origin.OURS,
        source=_REPAIR,
        form=Form(
            POPULATION,
            (),
            claim={
                "the optimum of DPO ranks w first iff the condition holds": Iff(
                    relation(margin_found, ">", 0), relation(δ_ref, ">", -Δr / β)
                )
            },
            wrong={
                "iff δ_ref > −1.05 Δr/β": Iff(
                    relation(margin_found, ">", 0), relation(δ_ref, ">", -Fraction(105, 100) * Δr / β)
                ),
                "iff δ_ref > −Δr": Iff(relation(margin_found, ">", 0), relation(δ_ref, ">", -Δr)),
            },
            effort=OBJECTS,
        ),
        parts={
            "the optimum of DPO ranks w first iff the condition holds": Part(
                "The loss is a mean over pairs of functions of their δ, each least at δ_ref + Δr/β alone "
                "({dpo-population}). π* has all these margins, «δ* = δ_ref + Δr/β»; so every minimiser has them, "
                "whether or not the pairs connect all responses. One is positive iff δ_ref > −Δr/β.",
                (MARGIN,),
            )
        },
        conclusion="The condition is about ranking, not about equivalence.",
        expected=Verdict.PROVED,
    ),
)
