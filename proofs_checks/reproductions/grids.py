"""The grids of the public reproductions, gone through exactly."""

import itertools
from fractions import Fraction

from proofs_checks.kernel.arithmetic import exp, log, sigmoid, softplus
from proofs_checks.kernel.evidence import Exhaustive
from proofs_checks.kernel.interval import Interval
from proofs_checks.kernel.statement import InWords, Origin, Part, Statement, Verdict

__all__ = ["STATEMENTS"]

_SOURCE = "grid of a public reproduction of Yang et al. 2026, {}; the count is ours"
_WHY = "a count over a fixed list: the kernel goes through all of it"


def _numbers(text):
    return [Fraction(number) for number in text.split()]


_OFFSETS, _BETA = _numbers("1/10 1/4 1/2 1 2"), _numbers("1/2 1 2")
#: For each δ_ref how many of the offsets, in rising order, keep δ = δ_ref + offset below 0.
_INSIDE = {Fraction(-4): 5, Fraction(-2): 4, Fraction(-1): 3, Fraction(-1, 4): 1, Fraction(1, 4): 0}
_REF, _REWARD = _numbers("1/10 1/4 1/2 3/4 9/10"), _numbers("1/10 1/2 1")


def _cells(inside):
    """The cells (δ_ref, δ, β) that the table puts inside U, or outside."""
    for (δ_ref, count), β in itertools.product(_INSIDE.items(), _BETA):
        yield from ((δ_ref, δ_ref + offset, β) for offset in (_OFFSETS[:count] if inside else _OFFSETS[count:]))


def _penalised(gammas):
    return itertools.product(_REF, _REWARD, _BETA, _numbers(gammas))


def _objective(p, reward, β, γ, δ):
    """J = E[r] − β KL + γδ of two responses with rewards Δr and 0, π_ref = (p, 1 − p), at a policy with margin δ."""
    win, lose, δ = sigmoid(Interval.of(δ)), sigmoid(Interval.of(-δ)), Interval.of(δ)
    divergence = win * (-softplus(-δ) - log(p)) + lose * (-softplus(δ) - log(1 - p))
    return reward * win - β * divergence + γ * δ


def _value(p, reward, β):
    """The most that J can be without a penalty: β log Σ π_ref e^(r/β)."""
    return β * log(p * exp(Interval.of(reward / β)) + 1 - p)


STATEMENTS = (
    Statement(
        id="grid-u",
        title="A public grid: cells strictly in U",
        origin=Origin.OURS,
        source=_SOURCE.format("δ_ref × offset × β"),
        form=InWords(
            "δ_ref ∈ {−4, −2, −1, −1/4, 1/4}, δ = δ_ref + offset, offset ∈ {.1, .25, .5, 1, 2}, β ∈ {.5, 1, 2}.",
            {"the count": "39 of the 75 cells are strictly in U."},
            why=_WHY,
        ),
        parts={
            "the count": Part(
                "«39 inside» and «36 outside» are all 75.",
                (
                    Exhaustive(
                        "39 inside",
                        {"deeper than 1/5": lambda δ_ref, δ, β: δ_ref < δ < -Fraction(1, 5)},
                        lambda: _cells(inside=True),
                        39,
                        lambda δ_ref, δ, β: δ_ref < δ < 0,
                    ),
                    Exhaustive(
                        "36 outside",
                        {"outside U with its ends": lambda δ_ref, δ, β: not δ_ref <= δ <= 0},
                        lambda: _cells(inside=False),
                        36,
                        lambda δ_ref, δ, β: not δ_ref < δ < 0,
                    ),
                ),
            )
        },
        conclusion="β only multiplies the cells: U does not depend on it.",
        expected=Verdict.CERTIFIED,
    ),
    Statement(
        id="grid-unbounded",
        title="A public grid: cells of Eq. 10 without a maximiser",
        origin=Origin.OURS,
        source=_SOURCE.format("π_ref × Δr × β × γ"),
        form=InWords(
            "Two responses, π_ref,w ∈ {.1, .25, .5, .75, .9}, Δr ∈ {.1, .5, 1}, β ∈ {.5, 1, 2}, γ ∈ {0, .01, .05, .1}.",
            {
                "γ > 0": "J exceeds 1000 in all 135 cells with γ > 0,",
                "γ = 0": "and stays below 1 in all 45 with γ = 0.",
            },
            why=_WHY,
        ),
        parts={
            "γ > 0": Part(
                "One δ in each cell is enough: «J > 1000 at δ = 101 000».",
                (
                    Exhaustive(
                        "J > 1000 at δ = 101 000",
                        {"at δ = 100 100": lambda p, r, β, γ: _objective(p, r, β, γ, 100_100) > 1000},
                        lambda: _penalised("1/100 1/20 1/10"),
                        135,
                        lambda p, r, β, γ: _objective(p, r, β, γ, 101_000) > 1000,
                    ),
                ),
            ),
            "γ = 0": Part(
                "There J is the objective of RLHF, at most its value ({rlhf-closed-form}): «V < 1».",
                (
                    Exhaustive(
                        "V < 1",
                        {"V < 9/10": lambda p, r, β, _: _value(p, r, β) < Fraction(9, 10)},
                        lambda: _penalised("0"),
                        45,
                        lambda p, r, β, _: _value(p, r, β) < 1,
                    ),
                ),
            ),
        },
        conclusion="What a grid calls an optimum of Eq. 10 is the edge of its search range.",
        expected=Verdict.CERTIFIED,
    ),
)
