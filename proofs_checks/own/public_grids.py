"""The grids of the public reproductions, gone through exactly."""

import itertools
from fractions import Fraction

from proofs_checks.kernel import ball
from proofs_checks.kernel.statement import Check, Control, Finding, Quantifier, Statement, Verdict

_DELTA_REF = [Fraction(x) for x in ("-4", "-2", "-1", "-1/4", "1/4")]
_OFFSET = [Fraction(x) for x in ("1/10", "1/4", "1/2", "1", "2")]
_REF = [Fraction(x) for x in ("1/10", "1/4", "1/2", "3/4", "9/10")]
_REWARD = [Fraction(x) for x in ("1/10", "1/2", "1")]
_BETA = [Fraction(x) for x in ("1/2", "1", "2")]


def _strictly_in_u(expected=39, strict=True):
    cells = [(d, d + offset) for d, offset, _ in itertools.product(_DELTA_REF, _OFFSET, _BETA)]
    inside = sum(d < delta < 0 if strict else d <= delta <= 0 for d, delta in cells)
    return Finding(inside == expected, f"{inside} of {len(cells)} cells", 0.0)


def _unbounded_cells(gammas=("0", "1/100", "1/20", "1/10"), level=1000):
    """For each cell a δ at which J exceeds ``level``, by the bound J ≥ -|Δr| - β max(-log p, -log(1-p)) + γδ."""
    count = unbounded = bounded = 0
    for p, reward, beta, gamma in itertools.product(_REF, _REWARD, _BETA, map(Fraction, gammas)):
        floor = -reward + beta * ball.number(min(p, 1 - p)).log()
        count += 1
        unbounded += bool(floor + gamma * 10**6 > level)
        bounded += gamma == 0 and reward < level  # J ≤ E[r] ≤ Δr
    right = (unbounded, bounded) == (135, 45)
    return Finding(right, f"{unbounded} of {count} cells exceed {level} at δ = 10⁶, {bounded} never do", 0.0)


STATEMENTS = (
    Statement(
        id="grid-u",
        title="A public grid: cells strictly in U",
        source="public reproduction, δ_ref × offset × β",
        hypotheses="δ_ref ∈ {−4, −2, −1, −1/4, 1/4}, δ = δ_ref + offset, offset ∈ {.1, .25, .5, 1, 2}, β ∈ {.5, 1, 2}.",
        claim="39 of the 75 cells are strictly in U.",
        method="All cells, in rational arithmetic.",
        conclusion="β only multiplies the cells: U does not depend on it.",
        expected=Verdict.CERTIFIED,
        checks=(
            Check(
                "39 of 75",
                Quantifier.EXHAUSTIVE,
                _strictly_in_u,
                (Control("with the ends of U", lambda: _strictly_in_u(strict=False)),),
            ),
        ),
    ),
    Statement(
        id="grid-unbounded",
        title="A public grid: cells of Eq. 10 without a maximiser",
        source="public reproduction, π_ref × Δr × β × γ",
        hypotheses="π_ref,w ∈ {.1, .25, .5, .75, .9}, Δr ∈ {.1, .5, 1}, β ∈ {.5, 1, 2}, γ ∈ {0, .01, .05, .1}.",
        claim="J exceeds 1000 in all 135 cells with γ > 0 and in none of the 45 with γ = 0.",
        method="KL ≤ −log min π_ref, so J ≥ −Δr + β log min π_ref + γδ; evaluated at δ = 10⁶ in ball arithmetic. "
        "With γ = 0, J ≤ Δr.",
        conclusion="What a grid calls an optimum of Eq. 10 is the edge of its search range.",
        expected=Verdict.CERTIFIED,
        checks=(
            Check(
                "135 of 180",
                Quantifier.EXHAUSTIVE,
                _unbounded_cells,
                (Control("with γ = 0 only", lambda: _unbounded_cells(gammas=("0",))),),
            ),
        ),
    ),
)
