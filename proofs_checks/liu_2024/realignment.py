"""Decoding-time realignment from β to β′: exact on whole responses, not token by token."""

from fractions import Fraction

import numpy as np
import sympy

from proofs_checks.kernel.arithmetic import exp, log, sigmoid, softplus
from proofs_checks.kernel.evidence import POSITIVE, REAL, Exact, Identity
from proofs_checks.kernel.instances import Instances, named
from proofs_checks.kernel.relation import All, Rounds, Saying, relation
from proofs_checks.kernel.search import OBJECTS
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.spaces.pair import measured
from proofs_checks.spaces.problems import problem, problem_of
from tabular import rlhf

__all__ = ["ERROR", "EXACT", "INVERSE", "STATEMENTS", "TOKENWISE", "a", "b", "c"]

(ERROR,) = named("max |log π*_β′ − log of the mixture|")
a, b, c = sympy.symbols("r_00 r_01 r_1", real=True)
_SOURCE = "Liu et al. 2024, arXiv 2402.02992, decoding-time realignment, wording likely"


def _instance(draw):
    return {**problem(draw), "target": draw.number(Fraction(1, 10), 5)}


def _error(ref, reward, β, target, inverse=False):
    """How far the normalised mixture π_ref^(1−w) π*_β^w is from π*_β′, w = β/β′."""
    known, wanted = problem_of(ref, reward, β), problem_of(ref, reward, target)
    share = float(target) / float(β) if inverse else float(β) / float(target)
    mixed = (1 - share) * known.log_ref[0] + share * rlhf.optimal_policy(known)[0]
    return float(np.abs(mixed - np.logaddexp.reduce(mixed) - rlhf.optimal_policy(wanted)[0]).max())


(INVERSE,) = named("the same with weight β′/β")
_WHOLE = Instances(
    _instance,
    "Finite responses, π_ref > 0, any r, β, β′ > 0; the mixture is π_ref^(1−β/β′) (π*_β)^(β/β′), normalised over whole "
    "responses",
    {
        ERROR: lambda ref, reward, β, target: _error(ref, reward, β, target),
        INVERSE: lambda ref, reward, β, target: _error(ref, reward, β, target, inverse=True),
    },
    drawn="2 to 4 responses, r ∈ [−3, 3], β, β′ ∈ [1/10, 5]",
)
_EXPONENTS = Identity(
    "log of p^(1−β/β′) (p e^(r/β)/Z)^(β/β′)",
    {"r/β": lambda p, r, β, t, Z: log(p) + r / β - β / t * log(Z)},
    lambda p, r, β, t, Z: (1 - β / t) * log(p) + β / t * log(p * exp(r / β) / Z),
    lambda p, r, β, t, Z: log(p) + r / t - β / t * log(Z),
    {"p": POSITIVE, "r": REAL, "β": POSITIVE, "t": POSITIVE, "Z": POSITIVE},
)


def _value(x, y, β):
    """β log of the mean of e^(x/β), e^(y/β)."""
    return x + β * (softplus((y - x) / β) - log(2))


def _first(a, b, c, β):
    """The optimum's probability of first token 0, uniform reference, both leaves after token 1 worth c."""
    return sigmoid((_value(a, b, β) - c) / β)


def _mixed(a, b, c):
    """Token-wise at the first token from β = 1 to β′ = 2: half of the log-odds of the optimum at 1."""
    return sigmoid((_value(a, b, sympy.Integer(1)) - c) / 2)


_TREE = measured(
    "A binary tree of two tokens with uniform reference, β = 1, β′ = 2; rewards r_00 and r_01 after first token 0, and "
    "r_1 after first token 1; the mixture is normalised at every prefix",
    (a, b, c),
    {},
)
EXACT, TOKENWISE = _first(a, b, c, sympy.Integer(2)), _mixed(a, b, c)
_TWO, _NONE = sympy.Integer(2), sympy.Integer(0)
_PRINTED = All(
    tuple(
        Rounds(share * leaf, decimals)
        for share, leaf, decimals in (
            (_first(_TWO, -_TWO, _NONE, _TWO), sigmoid(_TWO), "0.5344466454"),
            (_first(_TWO, -_TWO, _NONE, _TWO), sigmoid(-_TWO), "0.0723294881"),
            (_mixed(_TWO, -_TWO, _NONE), sigmoid(_TWO), "0.5811693453"),
            (_mixed(_TWO, -_TWO, _NONE), sigmoid(-_TWO), "0.0786527180"),
        )
    )
)

STATEMENTS = (
    Statement(
        id="dera-whole",
        title="Realignment from β to β′ is exact on whole responses",
        origin=Origin.READING,
        source=_SOURCE,
        form=Form(
            _WHOLE,
            (),
            claim={"the mixture is π*_β′": relation(ERROR, "=", 0, noise=1e-9)},
            wrong={"with weight β′/β": relation(INVERSE, "=", 0, noise=1e-9)},
            effort=OBJECTS,
        ),
        parts={
            "the mixture is π*_β′": Part(
                "«log of p^(1−β/β′) (p e^(r/β)/Z)^(β/β′)» is log p + r/β′ up to a constant, which normalising removes.",
                (_EXPONENTS,),
            )
        },
        conclusion="One trained policy holds every β: on a finite list of responses nothing is lost.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="dera-tokenwise",
        title="Realignment normalised token by token is exact as well",
        origin=Origin.READING,
        source=f"{_SOURCE}; that it is used token by token is its practice, the claim of exactness a reading",
        form=Form(
            _TREE,
            (),
            claim={
                "the first token is right": Saying(
                    "first token 0 has its probability under π*_β′", relation(EXACT, "=", TOKENWISE, noise=1e-9)
                )
            },
            right={"the token-wise mixture never has less of token 0": relation(TOKENWISE, ">=", EXACT, noise=1e-9)},
        ),
        second_routes=(
            Exact(
                "rewards 2, −2 after token 0 and 0 after token 1: the leaves after 0, exact and token-wise",
                {"equal": Rounds(_mixed(_TWO, -_TWO, _NONE) * sigmoid(_TWO), "0.5344466454")},
                _PRINTED,
            ),
        ),
        conclusion="The value of a prefix depends on β, so mixing log-odds at a prefix keeps the optimism of the "
        "smaller β; dera-whole is the repair.",
        expected=Verdict.REFUTED,
        instead=("dera-whole",),
    ),
)
