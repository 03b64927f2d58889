"""On three responses every odd increasing link orders alike, whatever the weights and the rates."""

from fractions import Fraction

import sympy

from proofs_checks.kernel.arithmetic import sigmoid
from proofs_checks.kernel.evidence import POSITIVE, REAL, AnyFunction, Identity, Sign
from proofs_checks.kernel.instances import named
from proofs_checks.kernel.relation import Iff, Implies, relation
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.spaces.pair import measured

__all__ = ["STATEMENTS", "a_ij", "b_ik", "c_jk", "first", "second", "third", "w_ij", "w_ik", "w_jk"]

first, second, third = named("s_i", "s_j", "s_k")
w_ij, w_ik, w_jk = sympy.symbols("w_ij w_ik w_jk", positive=True)
a_ij, b_ik, c_jk = named("a", "b", "c")
_HALF = Fraction(1, 2)


def _link(x):
    return sigmoid(x) - _HALF


def _deciding(a, b, c, wij, wik, wjk):
    """d_i w_jk − d_j w_ik, with a, b, c the link at s_i − s_j, s_i − s_k and s_j − s_k."""
    return (wij * a + wik * b) * wjk - (-wij * a + wjk * c) * wik


_D = _deciding(_link(first - second), _link(first - third), _link(second - third), w_ij, w_ik, w_jk)
#: The gap of least squares on the same surpluses: the Laplacian of the triangle, inverted.
_IPO = _D / (w_ij * w_ik + w_ij * w_jk + w_ik * w_jk)
_FITTED = measured(
    "Three responses compared with any weights w > 0 at any rates; s the scores that DPO fits to them, so that the "
    "surplus of i is d_i = Σ_k w_ik (P_ik − 1/2) = Σ_k w_ik (σ(s_i − s_k) − 1/2); IPO's gap is "
    "(d_i w_jk − d_j w_ik)/(w_ij w_ik + w_ij w_jk + w_ik w_jk) in units of 1/τ",
    (first, second, third, w_ij, w_ik, w_jk),
    {},
)
_SAME = relation(first, ">", second)
_ANY = AnyFunction(lambda x: x**3 + x)
_SPLIT = Identity(
    "d_i w_jk − d_j w_ik",
    {
        "without w_jk": lambda F, x, y, a, b, c: a * F(x - y) * b + b * c * (F(x) - F(y)),
        "with weights added": lambda F, x, y, a, b, c: a * F(x - y) * (b + c) + (b + c) * (F(x) - F(y)),
    },
    lambda F, x, y, a, b, c: _deciding(F(x - y), F(x), F(y), a, b, c),
    lambda F, x, y, a, b, c: a * F(x - y) * (b + c) + b * c * (F(x) - F(y)),
    {"F": _ANY, "x": REAL, "y": REAL, "a": POSITIVE, "b": POSITIVE, "c": POSITIVE},
)
_LEAST_SQUARES = Identity(
    "least squares: with the link x",
    {"twice the Laplacian": lambda x, y, a, b, c: 2 * (x - y) * (a * b + a * c + b * c)},
    lambda x, y, a, b, c: _deciding(x - y, x, y, a, b, c),
    lambda x, y, a, b, c: (x - y) * (a * b + a * c + b * c),
    {"x": REAL, "y": REAL, "a": POSITIVE, "b": POSITIVE, "c": POSITIVE},
)
_BOTH = Sign(
    "both terms have the sign of s_i − s_j",
    {"one of them taken off": lambda f, g, a, b, c: a * f * (b + c) - b * c * g},
    lambda f, g, a, b, c: a * f * (b + c) + b * c * g,
    dict.fromkeys("fgabc", POSITIVE),
)

STATEMENTS = (
    Statement(
        id="ipo-dpo-same-order",
        title="On three responses DPO and IPO order alike, under any weights and any rates",
        origin=Origin.OURS,
        source="own derivation",
        form=Form(
            _FITTED,
            (),
            claim={
                "DPO puts i above j iff d_i w_jk > d_j w_ik": Iff(relation(_D, ">", 0), _SAME),
                "so does IPO": Iff(relation(_IPO, ">", 0), _SAME),
            },
            wrong={
                "iff d_i > d_j": Iff(
                    relation(
                        (w_ij * 2) * _link(first - second) + w_ik * _link(first - third) - w_jk * _link(second - third),
                        ">",
                        0,
                    ),
                    _SAME,
                ),
                "by the same gap": relation(4 * _IPO, "=", first - second),
            },
        ),
        parts={
            "DPO puts i above j iff d_i w_jk > d_j w_ik": Part(
                "For any odd link F, «d_i w_jk − d_j w_ik», scores measured from s_k. Where F increases, F(x − y) and "
                "F(x) − F(y) have the sign of x − y: «both terms have the sign of s_i − s_j».",
                (_SPLIT, _BOTH),
            ),
            "so does IPO": Part(
                "The surpluses d are those of the data, the same for both. IPO's link is x: «least squares: with the "
                "link x» gives its gap, of the same sign.",
                (_LEAST_SQUARES,),
            ),
        },
        conclusion="What is needed of a loss is an odd increasing score, no more; four responses break it "
        "(ipo-dpo-order-four).",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="dpo-sampling-dependence",
        title="Which pairs are sampled does not change what DPO puts first",
        origin=Origin.BELIEF,
        source="a common belief; the instance is ours",
        form=Form(
            measured(
                "Three responses with uniform reference; a, b and c the rates of i over j, i over k and j over k, less "
                "1/2; DPO puts i above j iff d_i w_jk > d_j w_ik, with the surpluses d_i = w_ij a + w_ik b and "
                "d_j = w_jk c − w_ij a",
                (a_ij, b_ik, c_jk, w_ij, w_ik, w_jk),
                {},
                **dict.fromkeys(("a", "b", "c"), (-_HALF, _HALF)),
            ),
            (),
            claim={
                "the order of i and j under weights w is that under equal weights": Iff(
                    relation(_deciding(a_ij, b_ik, c_jk, w_ij, w_ik, w_jk), ">", 0),
                    relation(_deciding(a_ij, b_ik, c_jk, 1, 1, 1), ">", 0),
                )
            },
            right={
                "i is above j wherever it wins their pair, and against k by more than j does": Implies(
                    relation(a_ij, ">", 0) & relation(b_ik, ">", c_jk),
                    relation(_deciding(a_ij, b_ik, c_jk, w_ij, w_ik, w_jk), ">", 0),
                )
            },
        ),
        uses=("ipo-dpo-same-order",),
        conclusion="Preferences that are not Bradley–Terry have no reward behind them, and what is fitted depends on "
        "what was asked. For population labels of a reward it does not (thm-3.5-repaired).",
        expected=Verdict.REFUTED,
        instead=("thm-3.5-repaired",),
    ),
)
