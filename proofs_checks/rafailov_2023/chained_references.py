"""One optimum as the reference of the next: rounds of DPO and stages of RLHF multiply exponentials."""

from fractions import Fraction

import numpy as np

from proofs_checks.kernel.arithmetic import exp, log
from proofs_checks.kernel.evidence import COUNT, POSITIVE, REAL, Identity
from proofs_checks.kernel.instances import Instances, named
from proofs_checks.kernel.relation import relation
from proofs_checks.kernel.search import Effort
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.spaces.problems import problem, problem_of
from tabular import Preferences, Problem, dpo, rlhf

__all__ = ["AT_ONCE", "BACKWARDS", "FREE", "NOT_ROUNDS", "ROUNDS", "SAME", "SCALED", "STAGES", "STATEMENTS", "WRONG"]

_FEW = Effort(draws=100, climbs=1, steps=15, least=50)
ROUNDS, NOT_ROUNDS = named("max |log π_T − log π*_(β/T)|", "max |log π_T − log π*_β|")
SCALED, WRONG = named("max |log π − log π*_(β/κ)|", "max |log π − log π*_(βκ)|")
STAGES, BACKWARDS, AT_ONCE = named("error of two stages", "error of the stages exchanged", "error of one stage")
FREE, SAME = named("max |log π_free − log (π_DPO/π_ref)|", "max |log π_free − log π_DPO|")


def _instance(draw):
    parts = problem(draw, reward=(-2, 2), β=(Fraction(1, 5), 3))
    more = {"rounds": draw.integer(1, 3), "κ": draw.number(Fraction(1, 4), 4)}
    second = [draw.number(-2, 2) for _ in parts["ref"]]
    return {**parts, **more, "second": second, "later": draw.number(Fraction(1, 5), 3)}


def _dpo(log_ref, reward, β, κ=1.0):
    """DPO's minimiser on labels of all pairs at rates σ(κΔr)."""
    known = Problem.from_unnormalized(log_ref, β, κ * np.array(reward, float))
    return dpo.solve(known, Preferences.from_bradley_terry(known)).log_policy[0]


def _rlhf(log_ref, reward, β):
    return rlhf.optimal_policy(Problem.from_unnormalized(log_ref, float(β), np.array(reward, float)))[0]


def _apart(log_policy, other):
    return float(np.abs(log_policy - other).max())


def _after(ref, reward, β, rounds):
    policy = problem_of(ref, reward, β).log_ref[0]
    for _ in range(rounds):
        policy = _dpo(policy, reward, float(β))
    return policy


def _stages(ref, first, second):
    policy = problem_of(ref, [0] * len(ref), 1).log_ref[0]
    for reward, β in (first, second):
        policy = _rlhf(policy, reward, β)
    return policy


def _together(ref, reward, β, second, later):
    exponent = np.array(reward, float) / float(β) + np.array(second, float) / float(later)
    return _rlhf(np.log(np.array(ref, float)), exponent, 1)


_CHAINED = Instances(
    _instance,
    "Finite responses, π_ref > 0, β, β′, κ > 0, any rewards r and r′, T = 1, 2, 3; DPO on all pairs with population "
    "labels, rates σ(Δr)",
    {
        ROUNDS: lambda ref, reward, β, rounds: _apart(
            _after(ref, reward, β, rounds), _rlhf(np.log(np.array(ref, float)), reward, float(β) / rounds)
        ),
        NOT_ROUNDS: lambda ref, reward, β, rounds: _apart(
            _after(ref, reward, β, rounds), _rlhf(np.log(np.array(ref, float)), reward, β)
        ),
        SCALED: lambda ref, reward, β, κ: _apart(
            _dpo(np.log(np.array(ref, float)), reward, float(β), float(κ)),
            _rlhf(np.log(np.array(ref, float)), reward, float(β) / float(κ)),
        ),
        WRONG: lambda ref, reward, β, κ: _apart(
            _dpo(np.log(np.array(ref, float)), reward, float(β), float(κ)),
            _rlhf(np.log(np.array(ref, float)), reward, float(β) * float(κ)),
        ),
        STAGES: lambda ref, reward, β, second, later: _apart(
            _stages(ref, (reward, β), (second, later)), _together(ref, reward, β, second, later)
        ),
        BACKWARDS: lambda ref, reward, β, second, later: _apart(
            _stages(ref, (second, later), (reward, β)), _together(ref, reward, β, second, later)
        ),
        AT_ONCE: lambda ref, reward, β, second, later: _apart(
            _stages(ref, (reward, β), (second, later)),
            _rlhf(np.log(np.array(ref, float)), np.array(reward, float) + np.array(second, float), β + later),
        ),
        FREE: lambda ref, reward, β: _apart(_centred(ref, reward, β, True), _centred(ref, reward, β, False)),
        SAME: lambda ref, reward, β: _apart(
            _dpo(np.zeros(len(ref)), reward, float(β)), _dpo(np.log(np.array(ref, float)), reward, float(β))
        ),
    },
    drawn="2 to 4 responses, rewards in [−2, 2], β, β′ ∈ [1/5, 3], κ ∈ [1/4, 4]",
)


def _centred(ref, reward, β, free):
    """log π_free, or log π_DPO/π_ref, less its mean."""
    logs = np.log(np.array(ref, float))
    found = _dpo(np.zeros(len(ref)), reward, float(β)) if free else _dpo(logs, reward, float(β)) - logs
    return found - found.mean()


def _form(right, name, wrong, wrong_name):
    return Form(
        _CHAINED,
        (),
        claim={name: relation(right, "=", 0, noise=1e-7)},
        wrong={wrong_name: relation(wrong, "=", 0, noise=1e-7)},
        effort=_FEW,
    )


_POWER = Identity(
    "T factors e^(r/β) are one of β/T",
    {"of βT": lambda p, r, β, n: log(p) + r / (β * n)},
    lambda p, r, β, n: log(p) + n * log(exp(r / β)),
    lambda p, r, β, n: log(p * exp(r / (β / n))),
    {"p": POSITIVE, "r": REAL, "β": POSITIVE, "n": COUNT},
)
_LEVEL = Identity(
    "β log(π/π_ref) = κr",
    {"r/κ": lambda p, r, β, k: r / k},
    lambda p, r, β, k: β * log(p * exp(r / (β / k)) / p),
    lambda p, r, β, k: k * r,
    {"p": POSITIVE, "r": REAL, "β": POSITIVE, "k": POSITIVE},
)
_PRODUCT = Identity(
    "the exponents add up",
    {"(r + r′)/(β + β′)": lambda p, r, s, β, b, Z: log(p) + (r + s) / (β + b) - log(Z)},
    lambda p, r, s, β, b, Z: log(p * exp(r / β) / Z * exp(s / b)),
    lambda p, r, s, β, b, Z: log(p) + r / β + s / b - log(Z),
    {"p": POSITIVE, "r": REAL, "s": REAL, "β": POSITIVE, "b": POSITIVE, "Z": POSITIVE},
)
_EITHER = Identity(
    "in either order",
    {"of r and r/2": (lambda r, s, β, b: exp(r / β) * exp(s / b), lambda r, s, β, b: exp(s / b) * exp(r / (2 * β)))},
    lambda r, s, β, b: exp(r / β) * exp(s / b),
    lambda r, s, β, b: exp(s / b) * exp(r / β),
    {"r": REAL, "s": REAL, "β": POSITIVE, "b": POSITIVE},
)
_WITHOUT = Identity(
    "log-odds less those of the reference",
    {"added": lambda a, b, s, t, β: (s - t) / β + log(a / b)},
    lambda a, b, s, t, β: log(a * exp(s / β) / (b * exp(t / β))) - log(a / b),
    lambda a, b, s, t, β: (s - t) / β,
    {"a": POSITIVE, "b": POSITIVE, "s": REAL, "t": REAL, "β": POSITIVE},
)

STATEMENTS = (
    Statement(
        id="iterated-dpo",
        title="T rounds of DPO, each from the last policy, are RLHF at β/T from the first",
        origin=Origin.OURS,
        source="folklore of iterated and online DPO; population labels",
        form=_form(ROUNDS, "the policy after T rounds is π*_(β/T)", NOT_ROUNDS, "it is π*_β"),
        parts={
            "the policy after T rounds is π*_(β/T)": Part(
                "By {thm-3.5-repaired} a round multiplies its reference by e^(r/β) and normalises; after T rounds "
                "«T factors e^(r/β) are one of β/T».",
                (_POWER,),
            )
        },
        conclusion="Moving the reference along is the same as lowering β: the KL to the first one is not held.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="dpo-temperature-not-identified",
        title="β and the annotators' temperature cannot be told apart",
        origin=Origin.OURS,
        source="own derivation",
        form=_form(SCALED, "from labels at rates σ(κΔr) DPO finds π*_(β/κ)", WRONG, "it finds π*_(βκ)"),
        parts={
            "from labels at rates σ(κΔr) DPO finds π*_(β/κ)": Part(
                "The labels are population labels of the reward κr, so DPO finds its optimum at β "
                "({thm-3.5-repaired}), where «β log(π/π_ref) = κr».",
                (_LEVEL,),
            )
        },
        conclusion="Consistent annotators and a small β look the same: the scale of a fitted reward is a convention.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="rlhf-composes",
        title="Two stages of RLHF commute: π_ref e^(r/β + r′/β′)/Z",
        origin=Origin.OURS,
        source="folklore",
        form=Form(
            _CHAINED,
            (),
            claim={
                "r at β, then r′ at β′": relation(STAGES, "=", 0, noise=1e-8),
                "or the other way round": relation(BACKWARDS, "=", 0, noise=1e-8),
            },
            wrong={"one stage of r + r′ at β + β′": relation(AT_ONCE, "=", 0, noise=1e-8)},
            effort=_FEW,
        ),
        parts={
            "r at β, then r′ at β′": Part(
                "Each stage multiplies its reference by an exponential and normalises ({rlhf-closed-form}): «the "
                "exponents add up», Z being removed by the second normalisation.",
                (_PRODUCT,),
            ),
            "or the other way round": Part(
                "«the exponents add up» with the two stages exchanged, to the same sum: «in either order».",
                (_PRODUCT, _EITHER),
            ),
        },
        conclusion="Stages lose nothing and forget nothing; a later stage undoes an earlier one only by its own "
        "reward.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="dpo-reference-free",
        title="DPO with a uniform reference is DPO divided by the reference",
        origin=Origin.OURS,
        source="own derivation; reference-free losses use it in place of π_ref",
        form=_form(FREE, "π_free ∝ π_DPO/π_ref", SAME, "π_free = π_DPO"),
        parts={
            "π_free ∝ π_DPO/π_ref": Part(
                "Both fit the same Bradley–Terry scores s ({dpo-bradley-terry}), π ∝ π_ref e^(s/β): «log-odds less "
                "those of the reference» are the same.",
                (_WITHOUT,),
            )
        },
        conclusion="The same loss is reached; what the reference knew is gone, by exactly its own factor.",
        expected=Verdict.PROVED,
    ),
)
