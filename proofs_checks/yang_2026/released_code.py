"""The margins of the released trainer, as target margins T in sp(−β(δ − T))."""

from fractions import Fraction

from proofs_checks.kernel.arithmetic import greatest, log, positive_part, softplus
from proofs_checks.kernel.evidence import POSITIVE, REAL, Identity, Sign
from proofs_checks.kernel.instances import named
from proofs_checks.kernel.relation import All, Implies, relation
from proofs_checks.kernel.search import OBJECTS
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.spaces.pair import measured, β, γ, δ, δ_ref, τ
from tabular import margins

__all__ = ["STATEMENTS", "L_clip", "L_hypo", "T", "log_l", "log_w", "γ_any"]

_SOURCE = "{} loss of the authors' released trainer (github visitworld123/CPO){}; the statement is ours"
_BELOW_0 = (-50, -Fraction(1, 100))

_LESS = Fraction(99, 100)
T, log_w, log_l, γ_any = named("T", "ℓ_w", "ℓ_l", "γ")
L_clip, L_hypo = named("L_clip(δ)", "L_HyPO(δ)")


def _easy(δ_ref, l_w, l_l, β, γ):
    logs = {"log_ref_winner": float(l_w), "log_ref_loser": float(l_l)}
    return margins.target("code_easy", float(δ_ref), beta=float(β), gamma=float(γ), **logs)


def _clip(δ_ref, δ, β):
    return margins.loss(float(δ), margins.target("code_clip", float(δ_ref)), float(β))


def _hypo(δ_ref, δ, β):
    """−log σ(β log π_w/π_l − max(0, β log π_ref,w/π_ref,l)), term by term."""
    return softplus(-(β * δ - greatest(β * δ_ref, 0)))


def _cpo(δ_ref, γ, τ):
    return margins.target("code_cpo", float(δ_ref), gamma=float(γ), tau=float(τ), alpha=1.0)


_EASY = measured(
    "One pair with log-probabilities ℓ_w, ℓ_l < 0 of the reference, whole or averaged over length; β, γ > 0, any δ_ref",
    (β, γ, δ_ref, log_w, log_l),
    {T: _easy},
    {T: lambda δ_ref, l_w, l_l, β, γ: δ_ref + γ / β * (1 / l_w + 1 / l_l)},
    **{"ℓ_w": _BELOW_0, "ℓ_l": _BELOW_0},
)
_CLIP = measured(
    "One pair, β > 0, any δ_ref and δ; L_HyPO = sp(−(β·δ − max(0, β·δ_ref)))",
    (β, δ_ref, δ),
    {L_clip: _clip, L_hypo: lambda δ_ref, δ, β: _hypo(float(δ_ref), float(δ), float(β))},
    {L_clip: lambda δ_ref, δ, β: softplus(-β * (δ - positive_part(δ_ref))), L_hypo: _hypo},
)
_CPO = measured(
    "One pair, α = 1, τ > 0, any γ and δ_ref",
    (τ, γ_any, δ_ref),
    {T: _cpo},
    {T: lambda δ_ref, γ, τ: δ_ref + softplus(τ * (γ - δ_ref)) / τ},
)
_FLOOR, _ERROR, _SHIFT = greatest(δ_ref, γ_any), log(2) / τ, γ / β * (1 / log_w + 1 / log_l)

STATEMENTS = (
    Statement(
        id="code-easy",
        title="The “easy” loss aims below DPO",
        origin=Origin.OURS,
        source=_SOURCE.format("“easy”", ""),
        form=Form(
            _EASY,
            (),
            claim={
                "the target lies below DPO's": All((relation(T, "=", δ_ref + _SHIFT), relation(T, "<", δ_ref))),
            },
            wrong={
                "with 0.99 γ": relation(T, "=", δ_ref + _LESS * _SHIFT),
                "below δ_ref − γ/(10β)": relation(T, "<", δ_ref - γ / (10 * β)),
            },
            effort=OBJECTS,
        ),
        parts={
            "the target lies below DPO's": Part(
                "The equation is the definition, read off the released code. With ℓ_w = −a and ℓ_l = −b, a and b > 0, "
                "«δ_ref − T > 0».",
                (
                    Sign(
                        "δ_ref − T > 0",
                        {
                            "less 1/100": lambda a, b, β, γ: -γ / β * (1 / (-a) + 1 / (-b)) - Fraction(1, 100),
                            "1/a − 1/b": lambda a, b, β, γ: -γ / β * (1 / (-a) + 1 / b),
                        },
                        lambda a, b, β, γ: -γ / β * (1 / (-a) + 1 / (-b)),
                        {"a": POSITIVE, "b": POSITIVE, "β": POSITIVE, "γ": POSITIVE},
                    ),
                ),
            ),
        },
        conclusion="With log-probabilities in place of Eq. 17's probabilities the margin changes its sign.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="code-clip",
        title="The “clip” loss is HyPO's",
        origin=Origin.OURS,
        source=_SOURCE.format("“clip”", " and arXiv 2602.11902"),
        form=Form(
            _CLIP,
            (),
            claim={"one loss": relation(L_clip, "=", L_hypo)},
            wrong={
                "0.99 of it": relation(L_clip, "=", _LESS * L_hypo),
                "DPO's": relation(L_clip, "=", softplus(-β * (δ - δ_ref))),
            },
            effort=OBJECTS,
        ),
        parts={
            "one loss": Part(
                "With δ_ref = r, both are sp at minus the same argument: β > 0 goes into the maximum, «the "
                "arguments agree».",
                (
                    Identity(
                        "the arguments agree",
                        {
                            "β max(r, 0)²": lambda β, δ, r: β * δ - β * positive_part(r) ** 2,
                            "max(r, 0)": lambda β, δ, r: β * δ - positive_part(r),
                        },
                        lambda β, δ, r: β * (δ - positive_part(r)),
                        lambda β, δ, r: β * δ - positive_part(β * r),
                        {"β": POSITIVE, "δ": REAL, "r": REAL},
                    ),
                ),
            )
        },
        conclusion="One loss under two names.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="code-cpo",
        title="The “cpo” loss is a smooth floor of the margin",
        origin=Origin.OURS,
        source=_SOURCE.format("“cpo”", ""),
        form=Form(
            _CPO,
            (),
            claim={
                "above the floor": relation(T, ">", _FLOOR),
                "by at most log 2/τ": relation(T, "<=", _FLOOR + _ERROR),
                "exactly there at δ_ref = γ alone": All(
                    (
                        Implies(relation(δ_ref, "=", γ_any), relation(T, "=", _FLOOR + _ERROR)),
                        Implies(relation(δ_ref, "!=", γ_any), relation(T, "<", _FLOOR + _ERROR)),
                    )
                ),
            },
            wrong={
                "by at most 0.99 log 2/τ": relation(T, "<=", _FLOOR + _LESS * _ERROR),
                "by at least 1/(1000τ)": relation(T, ">", _FLOOR + 1 / (1000 * τ)),
            },
            effort=OBJECTS,
        ),
        parts={
            name: Part(
                "T − max(δ_ref, γ) is the excess of a soft hinge: «T − max(δ_ref, γ) = sp(τx)/τ − max(0, x)» at "
                f"x = γ − δ_ref. {{prop-5.1}}, with τ for β and γ for δ_ref, says that it is {bound}.",
                (
                    Identity(
                        "T − max(δ_ref, γ) = sp(τx)/τ − max(0, x)",
                        {
                            "max(0, −x)": lambda τ, γ, r: softplus(τ * (γ - r)) / τ - positive_part(r - γ),
                            "τx for x": lambda τ, γ, r: softplus(τ * (γ - r)) / τ - positive_part(τ * (γ - r)),
                        },
                        lambda τ, γ, r: r + softplus(τ * (γ - r)) / τ - (r + γ + abs(r - γ)) / 2,
                        lambda τ, γ, r: softplus(τ * (γ - r)) / τ - positive_part(γ - r),
                        {"τ": POSITIVE, "γ": REAL, "r": REAL},
                    ),
                ),
            )
            for name, bound in {
                "above the floor": "positive",
                "by at most log 2/τ": "at most log 2/τ",
                "exactly there at δ_ref = γ alone": "log 2/τ at x = 0, and less elsewhere",
            }.items()
        },
        conclusion="The released loss floors the target at γ, which has no counterpart in Eq. 17.",
        expected=Verdict.PROVED,
    ),
)
