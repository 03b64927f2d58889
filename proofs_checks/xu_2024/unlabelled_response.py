"""Theorem 4.1's phenomenon on three responses: DPO may send mass to a response nobody labelled."""

from fractions import Fraction

from proofs_checks.kernel.arithmetic import exp, log, softplus
from proofs_checks.kernel.evidence import POSITIVE, REAL, Identity
from proofs_checks.kernel.instances import Instances, named
from proofs_checks.kernel.relation import All, relation
from proofs_checks.kernel.search import Effort
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.spaces.bounds import ABOVE_LINEAR, LOG_BELOW_LINEAR
from proofs_checks.spaces.problems import log_policy_of, preferences_of, problem_of, weights
from tabular import dpo

__all__ = ["BOUND", "LIMIT", "STATEMENTS", "L"]

L, LIMIT, BOUND = named("L(t, ε, 1−t−ε)", "inf L", "e^(βδ_ref)·(ε/t)^β")
_TENTH = Fraction(1, 10)


def _three(draw):
    ref = weights(draw, 3)
    t, ε = draw.number(_TENTH, 1 - _TENTH), draw.number(Fraction(1, 10**8), Fraction(1, 20))
    return {"ref": ref, "reward": [0, 0, 0], "β": draw.number(Fraction(1, 4), 4), "t": t, "ε": ε}


def _loss(ref, reward, β, t, ε):
    policy = log_policy_of([t, ε, 1 - float(t) - float(ε)])
    return dpo.loss(policy, problem_of(ref, reward, β), preferences_of([(0, 1, 1)]))


def _bound(ref, β, t, ε):
    return (float(ref[0]) / float(ref[1]) * float(ε) / float(t)) ** float(β)


_THREE = Instances(
    _three,
    "One label w > l and a third response o without labels, β > 0, π_ref > 0, 0 < t < 1, 0 < ε < 1 − t",
    {
        L: _loss,
        BOUND: _bound,
        LIMIT: lambda ref, reward, β: dpo.solve(problem_of(ref, reward, β), preferences_of([(0, 1, 1)])).infimum,
    },
    drawn="t ∈ [1/10, 9/10], ε ∈ [10⁻⁸, 1/20], β ∈ [1/4, 4]",
)

STATEMENTS = (
    Statement(
        id="dpo-unlabelled-response",
        title="DPO may send mass to a response nobody labelled",
        origin=Origin.READING,
        source="Xu et al. 2404.10719, Theorem 4.1, of one label and three responses",
        form=Form(
            _THREE,
            (),
            claim={
                "the loss is above its infimum 0": All((relation(L, ">=", LIMIT), relation(LIMIT, "=", 0))),
                "it is below a bound that vanishes with ε": relation(L, "<=", BOUND),
            },
            wrong={
                "0.98 of the bound": relation(L, "<=", BOUND * Fraction(98, 100)),
                "infimum 1/1000": relation(L, ">=", Fraction(1, 1000)),
            },
            effort=Effort(draws=250, climbs=2, steps=40),
        ),
        parts={
            "the loss is above its infimum 0": Part(
                "«sp(−z) > 0», and the next part brings it as close to 0 as one likes.",
                ABOVE_LINEAR[1:],
            ),
            "it is below a bound that vanishes with ε": Part(
                "«loss = log(1 + a)» with a = e^(βδ_ref) (ε/t)^β, and log(1 + a) < a («slope of a − log(1 + a)», "
                "«a/(1 + a) > 0»). (ε/t)^β falls to 0 with ε for every β > 0 and every t: all splits of the mass "
                "between w and o are limits.",
                (
                    Identity(
                        "loss = log(1 + a)",
                        {"with (ε/t)^(2β)": lambda β, d, t, ε: log(1 + exp(β * d + 2 * β * (log(ε) - log(t))))},
                        lambda β, d, t, ε: softplus(-β * (log(t / ε) - d)),
                        lambda β, d, t, ε: log(1 + exp(β * d + β * (log(ε) - log(t)))),
                        {"β": POSITIVE, "d": REAL, "t": POSITIVE, "ε": POSITIVE},
                    ),
                    *LOG_BELOW_LINEAR,
                ),
            ),
        },
        conclusion="Every split of the mass between w and the unlabelled response is a limit of DPO.",
        expected=Verdict.PROVED,
    ),
)
