"""What a normalised margin, an odds ratio and a smoothed label say of the probabilities themselves."""

from fractions import Fraction

import numpy as np
import sympy

from proofs_checks.kernel.arithmetic import derivative, log, sigmoid, softplus
from proofs_checks.kernel.evidence import NONNEGATIVE, POSITIVE, REAL, UNIT, Exact, Identity, Sign
from proofs_checks.kernel.instances import named
from proofs_checks.kernel.relation import All, Iff, Implies, relation
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.spaces.pair import measured, z
from tabular import losses

__all__ = ["SLOPE", "STATEMENTS", "a", "b", "n_l", "n_w", "p", "q", "ε"]

a, b, n_w, n_l = sympy.symbols("a b n_w n_l", positive=True)
p, q, ε = sympy.symbols("p q ε", positive=True)
SLOPE = named("slope")[0]
_UNIT = (Fraction(1, 50), Fraction(49, 50))
_LENGTHS = measured(
    "A label w > l, responses of n_w and n_l tokens, a = −log π_w, b = −log π_l; SimPO's margin is b/n_l − a/n_w",
    (a, b, n_w, n_l),
    {},
)
_MARGIN = relation(b / n_l, ">", a / n_w)
_ABOVE = relation(a, "<", b)
_ODDS = measured("Two responses of probabilities p and q", (p, q), {}, p=_UNIT, q=_UNIT)
_LOG_ODDS = log(p * (1 - q) / (q * (1 - p)))


def _slope(p, ε, z):
    """Of the population loss p L(z) + (1 − p) L(−z) at β = 1, by the library."""
    loss = losses.get("exo_pair", eps=float(ε))
    up, down = (float(np.ravel(loss.gradient(at, 0.0, 0.0, 0.0, 1.0)[0])[0]) for at in (float(z), -float(z)))
    return float(p) * up - (1 - float(p)) * down


_EXO = measured(
    "One pair labelled both ways at the rate p, β = 1, EXO with ε: the KL from (σ(z), σ(−z)) to (1 − ε, ε) of each "
    "label, z the margin of log-ratios",
    (p, ε, z),
    {SLOPE: _slope},
    p=_UNIT,
    ε=(Fraction(1, 50), Fraction(12, 25)),
)
_FITTED = (2 * p - 1) * log((1 - ε) / ε)


def _exo(p, e, z):
    """The population loss of EXO on a pair."""

    def label(x):
        return sigmoid(x) * (-softplus(-x) - log(1 - e)) + sigmoid(-x) * (-softplus(x) - log(e))

    return p * label(z) + (1 - p) * label(-z)


STATEMENTS = (
    Statement(
        id="simpo-margin-orders",
        title="Where SimPO's margin is positive the chosen response is the more probable",
        origin=Origin.BELIEF,
        source="a common belief about length-normalised margins (Meng et al. 2405.14734)",
        form=Form(
            _LENGTHS,
            (_MARGIN,),
            claim={"π_w > π_l": _ABOVE},
            right={"it is where the chosen has no more tokens": Implies(relation(n_w, "<=", n_l), _ABOVE)},
        ),
        second_routes=(
            Exact(
                "π_w = .3 in 10 tokens, π_l = .6 in one",
                {"in 10 tokens as well": log(Fraction(3, 10)) / 10 > log(Fraction(3, 5)) / 10},
                All(
                    (
                        relation(-log(sympy.Rational(3, 5)), "<", -log(sympy.Rational(3, 10))),
                        relation(log(sympy.Rational(3, 10)) / 10, ">", log(sympy.Rational(3, 5))),
                    )
                ),
            ),
        ),
        conclusion="Ten tokens at 89 % each are less likely than one at 60 %, and have the better margin.",
        expected=Verdict.REFUTED,
        instead=("simpo-margin-shorter",),
    ),
    Statement(
        id="simpo-margin-shorter",
        title="A positive margin of SimPO orders the probabilities of a label whose chosen response is no longer",
        origin=Origin.OURS,
        source="own derivation; the repair of simpo-margin-orders",
        form=Form(
            _LENGTHS,
            (_MARGIN, relation(n_w, "<=", n_l)),
            claim={"π_w > π_l": _ABOVE},
            wrong={"π_w² > π_l": relation(2 * a, "<", b)},
        ),
        parts={
            "π_w > π_l": Part(
                "With g > 0 the margin and k ≥ 0 the tokens that l has more, «b − a», «positive».",
                (
                    Identity(
                        "b − a",
                        {"without g": lambda b, n, k, g: b * k / (n + k)},
                        lambda b, n, k, g: b - n * (b / (n + k) - g),
                        lambda b, n, k, g: n * g + b * k / (n + k),
                        {"b": POSITIVE, "n": POSITIVE, "k": NONNEGATIVE, "g": POSITIVE},
                    ),
                    Sign(
                        "positive",
                        {"less 1/10": lambda b, n, k, g: n * g + b * k / (n + k) - Fraction(1, 10)},
                        lambda b, n, k, g: n * g + b * k / (n + k),
                        {"b": POSITIVE, "n": POSITIVE, "k": NONNEGATIVE, "g": POSITIVE},
                    ),
                ),
            )
        },
        conclusion="Normalising favours long responses: it may only be trusted to rank where the long one loses.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="orpo-odds-exceed",
        title="The odds ratio of two responses is further from 1 than their probability ratio",
        origin=Origin.READING,
        source="ORPO (arXiv 2403.07691) on why odds ratios, wording uncertain",
        form=Form(
            _ODDS,
            (relation(p, ">", q),),
            claim={"log odds ratio > log ratio": relation(_LOG_ODDS, ">", log(p / q))},
            wrong={"by 1/10": relation(_LOG_ODDS, ">", log(p / q) + Fraction(1, 10))},
        ),
        parts={
            "log odds ratio > log ratio": Part(
                "«odds ratio over ratio, less 1», «positive» for 1 − p = u > 0 and p − q = g > 0.",
                (
                    Identity(
                        "odds ratio over ratio, less 1",
                        {"(p − q)/(1 − q)": lambda u, g, q: g / (u + g)},
                        lambda u, g, q: (q + g) * (u + g) / (q * u) / ((q + g) / q) - 1,
                        lambda u, g, q: g / u,
                        {"u": POSITIVE, "g": POSITIVE, "q": POSITIVE},
                    ),
                    Sign(
                        "positive",
                        {"less 1/10": lambda u, g: g / u - Fraction(1, 10)},
                        lambda u, g: g / u,
                        {"u": POSITIVE, "g": POSITIVE},
                    ),
                ),
            )
        },
        conclusion="For sequences, whose probabilities are tiny, the two are the same number.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="exo-pair-optimum",
        title="On pairs EXO has the optimum of DPO",
        origin=Origin.READING,
        source="EXO (arXiv 2402.00856), read of hard pairs labelled at a rate",
        form=Form(
            _EXO,
            (),
            claim={"its margin is logit p": relation(_FITTED, "=", log(p / (1 - p)))},
            right={
                "it is at p = 1/2": Implies(relation(p, "=", Fraction(1, 2)), relation(_FITTED, "=", log(p / (1 - p))))
            },
        ),
        uses=("exo-pair-rate",),
        conclusion="A straight line through the logit curve at p = 1/2: steeper than it there for ε below 1/(1 + e²), "
        "and too flat far out, where it ends at logit(1 − ε).",
        expected=Verdict.REFUTED,
        instead=("exo-pair-rate",),
    ),
    Statement(
        id="exo-pair-rate",
        title="On a pair EXO's loss is least at the margin (2p − 1) logit(1 − ε), linear in the rate",
        origin=Origin.OURS,
        source="own derivation; the loss is that of arXiv 2402.00856",
        form=Form(
            _EXO,
            (),
            claim={
                "it rises exactly above": Iff(
                    relation(SLOPE, ">", 0, noise=1e-9), relation(z, ">", _FITTED, noise=1e-9)
                )
            },
            wrong={"above logit p": Iff(relation(SLOPE, ">", 0), relation(z, ">", log(p / (1 - p))))},
        ),
        parts={
            "it rises exactly above": Part(
                "«slope of the loss» is «positive» times z − (2p − 1) logit(1 − ε).",
                (
                    Identity(
                        "slope of the loss",
                        {
                            "with p for 2p − 1": lambda p, e, z: (
                                sigmoid(z) * sigmoid(-z) * (z - p * (log(1 - e) - log(e)))
                            )
                        },
                        lambda p, e, z: derivative(lambda x: _exo(p, e, x))(z),
                        lambda p, e, z: sigmoid(z) * sigmoid(-z) * (z - (2 * p - 1) * (log(1 - e) - log(e))),
                        {"p": UNIT, "e": UNIT, "z": REAL},
                    ),
                    Sign(
                        "positive",
                        {"less 1/10": lambda z: sigmoid(z) * sigmoid(-z) - Fraction(1, 10)},
                        lambda z: sigmoid(z) * sigmoid(-z),
                        {"z": REAL},
                    ),
                ),
            )
        },
        conclusion="No rate asks for more than logit(1 − ε), and every rate is answered in proportion.",
        expected=Verdict.PROVED,
    ),
)
