"""Theorem 4.9 (as transcribed: γ ≥ γ* makes δ > 0 on all pairs), under each reading of "the CPO optimum"."""

from fractions import Fraction

from proofs_checks.kernel.arithmetic import exp, log, sinh
from proofs_checks.kernel.evidence import POSITIVE, REAL, Identity
from proofs_checks.kernel.instances import Instances, Numbers, named
from proofs_checks.kernel.relation import All, Iff, relation
from proofs_checks.kernel.search import Effort
from proofs_checks.kernel.statement import Form, Given, InWords, Origin, Part, Settles, Statement, Verdict
from proofs_checks.own.hard_constraint import CONVEX
from proofs_checks.spaces import orders, penalty
from proofs_checks.spaces.pair import Δr, β, γ, δ, δ_ref, δ_star, κ
from proofs_checks.spaces.penalty import EXISTS, GAMMA_MAX, LOCAL, level

__all__ = ["APART", "CLOSER", "FEASIBLE", "LEAST", "STATEMENTS"]

_SOURCE = "Yang et al. 2026, Theorem 4.9"
_THERE = relation(EXISTS, "=", 1)
_TWO = penalty.two_responses((β, γ, δ_ref, Δr), "; δ of the local maximum of Eq. 10, γ* = −βδ*/4")
_GAMMA_STAR = -β * δ_star / 4
LEAST, CLOSER = named("least δ − m at the optimum", "KL(π‖π*) − that of the optimum")
FEASIBLE, APART = named("min over labels of δ − m", "‖π − optimum‖₁")


def _labelled(draw):
    """Acyclic labels, and a policy half of the time moved into the polytope."""
    parts = orders.constrained(draw)
    return orders.made_feasible(parts) if draw.choice((True, False)) else parts


_HARD = Instances(
    _labelled,
    "Finite responses, acyclic labels with margins m ≥ 0, the library's optimum of RLHF under π_w ≥ e^m π_l; any π > 0",
    {
        LEAST: orders.slack_of_optimum,
        FEASIBLE: orders.least_excess,
        APART: orders.distance_to_optimum,
        CLOSER: lambda ref, reward, β, pairs, policy: (
            orders.divergence_of(ref, reward, β, policy)
            - float(orders.optimum_of(ref, reward, β, pairs).price[0]) / float(β)
        ),
    },
    drawn="2 to 5 responses, 1 to 5 labels, m ∈ [0, 2]",
)
_ROUNDING = Fraction(1, 10**9)

STATEMENTS = (
    Statement(
        id="thm-4.9",
        title="γ ≥ γ* makes δ > 0 on all pairs: of the maximiser of Eq. 10",
        origin=Origin.TRANSCRIBED,
        source=_SOURCE,
        form=InWords(
            "π maximises the penalised objective of Eq. 10 over policies with full support on the labelled responses, "
            "with γ ≥ γ* > 0; wins and losses do not cancel everywhere.",
            {"ranking": "δ > 0 on every labelled pair."},
            why="nothing meets the hypotheses, so there is nothing to draw",
        ),
        parts={
            "no maximiser exists": Part(
                "Wins and losses sum to 0 and do not cancel everywhere, so some response has more losses than wins, "
                "and by {eq-10} J has no maximiser for γ > 0."
            )
        },
        settles=Settles.VACUITY,
        conclusion="Taken at its word the theorem speaks of a policy that does not exist.",
        expected=Verdict.VACUOUS,
    ),
    Statement(
        id="thm-4.9-local",
        title="Theorem 4.9 of the local optimum",
        origin=Origin.READING,
        source=f"{_SOURCE}, of the local maximum on two responses; the repair is ours",
        form=Form(
            _TWO,
            (
                Given(relation(δ_star, "<", 0), needless="for δ* ≥ 0, γ* ≤ 0 and δ ≥ δ* for every γ > 0"),
                _THERE,
            ),
            claim={"δ > 0 iff γ > γ*": Iff(relation(LOCAL, ">", 0), relation(γ, ">", _GAMMA_STAR, noise=1e-7))},
            wrong={"iff γ > γ*/2": Iff(relation(LOCAL, ">", 0), relation(γ, ">", _GAMMA_STAR / 2))},
            effort=Effort(draws=300, climbs=1, steps=15, least=60),
        ),
        parts={
            "δ > 0 iff γ > γ*": Part(
                "By {eq-10-local} the local maximum is the smaller root of G(δ) = δ*, where G rises: «G″ = −2κ cosh "
                "δ», «2κ cosh δ > 0», up to «G′ = 0 at asinh(1/(2κ))» > 0, of height «the summit is F(κ)». «G(0) = "
                "−4κ»: the root is positive iff δ* > −4κ, that is iff γ > γ* = −βδ*/4.",
                (
                    *penalty.CONCAVE,
                    *penalty.SUMMIT,
                    Identity(
                        "G(0) = −4κ",
                        {"−2κ": lambda k: -2 * k},
                        lambda k: level(0 * k, k),
                        lambda k: -4 * k,
                        {"k": POSITIVE},
                    ),
                ),
            )
        },
        conclusion="The threshold is right, and sharp, for the local optimum on (γ*, γ_max).",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="thm-4.9-equality",
        title="Theorem 4.9 at γ = γ* exactly",
        origin=Origin.TRANSCRIBED,
        source=f"{_SOURCE}, its “≥”, of the local maximum on two responses",
        form=Form(
            Numbers(
                {κ: (Fraction(1, 100), 10), δ: (-10, 10)},
                "Two responses, one pair, γ = γ*, so that δ* = −4κ; δ a local maximum of Eq. 10: ",
                points=({δ: 0, κ: Fraction(1, 4)}, {δ: 0, κ: 1}),
            ),
            (relation(level(δ, κ), "=", -4 * κ), relation(2 * κ * sinh(δ), "<", 1)),
            claim={"δ > 0": relation(δ, ">", 0)},
            right={"δ ≥ 0": relation(δ, ">=", 0)},
            effort=Effort(least=1),
        ),
        uses=("eq-10-local",),
        conclusion="At γ* itself the pair is tied: strict and weak inequality must not be exchanged.",
        expected=Verdict.REFUTED,
        instead=("thm-4.9-local",),
    ),
    Statement(
        id="thm-4.9-beyond",
        title="Theorem 4.9 beyond γ_max",
        origin=Origin.READING,
        source=f"{_SOURCE}, of the local maximum on two responses",
        form=Form(
            _TWO,
            (relation(γ, ">=", GAMMA_MAX), _THERE),
            claim={"δ > 0": relation(LOCAL, ">", 0)},
            effort=penalty.EFFORT,
        ),
        parts={"no local maximum exists": Part("By {eq-10-local} and {gamma-max} one exists exactly for γ < γ_max.")},
        settles=Settles.VACUITY,
        conclusion="“γ large enough” is not a safe reading: past γ_max even the local optimum is gone.",
        expected=Verdict.VACUOUS,
    ),
    Statement(
        id="thm-4.9-hard",
        title="Theorem 4.9 of the hard constraint",
        origin=Origin.READING,
        source=f"{_SOURCE}, of RLHF under π_w ≥ e^m π_l; the reading is ours",
        form=Form(
            _HARD,
            (relation(FEASIBLE, ">=", 0),),
            claim={
                "the optimum has δ ≥ m on all pairs": relation(LEAST, ">=", -_ROUNDING),
                "it is the only one": All(
                    (relation(CLOSER, ">=", -_ROUNDING), relation(CLOSER, ">=", APART**2 / 2 - _ROUNDING))
                ),
            },
            wrong={"strictly on all pairs": relation(LEAST, ">", _ROUNDING)},
            effort=Effort(draws=250, climbs=2, steps=40, least=60),
        ),
        parts={
            "the optimum has δ ≥ m on all pairs": Part(
                "π ∝ e^(m·height), m the largest margin and height the longest way up, is feasible, as a winner "
                "stands at least one step higher: «one step and more». So the polytope of feasible policies is not "
                "empty; it is compact and convex, the objective is continuous on it, and the optimum is one of its "
                "points.",
                (
                    Identity(
                        "one step and more",
                        {"of equal height": lambda m, h, k, Z: m * k},
                        lambda m, h, k, Z: log(exp(m * (h + 1 + k)) / Z) - log(exp(m * h) / Z),
                        lambda m, h, k, Z: m + m * k,
                        {"m": POSITIVE, "h": REAL, "k": POSITIVE, "Z": POSITIVE},
                    ),
                ),
            ),
            "it is the only one": Part(
                "By {rlhf-closed-form} the objective is V − β KL(π‖π*), strictly concave: «curvature of π log(π/q)», "
                "«1/π > 0».",
                CONVEX,
            ),
        },
        conclusion="The hard constraint is the one reading of CPO that carries a guarantee.",
        expected=Verdict.PROVED,
    ),
)
