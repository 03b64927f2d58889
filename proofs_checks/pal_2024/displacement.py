"""Does DPO raise the chosen response? Always with a softmax of its own at every prefix; not with shared features."""

from fractions import Fraction

import numpy as np
import sympy

from proofs_checks.kernel.arithmetic import cosh, derivative, exp, log
from proofs_checks.kernel.evidence import NONNEGATIVE, POSITIVE, REAL, UNIT, Identity, Sign
from proofs_checks.kernel.instances import Instances, named
from proofs_checks.kernel.relation import Implies, relation
from proofs_checks.kernel.search import OBJECTS
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.spaces.pair import measured
from proofs_checks.spaces.problems import weights
from tabular import Preferences, Problem, log_linear

__all__ = ["BOUND", "BOUND_L", "FALL", "FROM_REF", "INNER", "RATE", "RISE", "STATEMENTS", "a", "b", "s"]

RISE, FALL, BOUND, BOUND_L = named("d log π_w", "d log π_l", "1 − p_w + p_l", "1 − p_l + p_w")
RATE, INNER = named("d log π_w/ds", "(φ_w − E_π φ)(φ_w − φ_l)")
FROM_REF = named("(φ_w − E_ref φ)(φ_w − φ_l)")[0]
a, b = sympy.symbols("a b", positive=True)
s = sympy.Symbol("s", positive=True)
_TOKENS, _LENGTH = 3, 3
_SOURCE = "Pal et al. 2402.13228"


def _completions(draw):
    """Two completions of three tokens that differ, and next-token weights at every prefix of either."""
    win = [draw.integer(0, _TOKENS - 1) for _ in range(_LENGTH)]
    lose = [draw.integer(0, _TOKENS - 1) for _ in range(_LENGTH)]
    fork = draw.integer(0, _LENGTH - 1)
    lose[:fork], lose[fork] = win[:fork], (win[fork] + draw.integer(1, _TOKENS - 1)) % _TOKENS
    prefixes = [*((k, "w") for k in range(_LENGTH)), *((k, "l") for k in range(fork + 1, _LENGTH))]
    return {"w": win, "l": lose, "fork": fork, "table": [weights(draw, _TOKENS) for _ in prefixes]}


def _gradients(w, l, fork, table):  # noqa: E741
    """∇ log π_w and ∇ log π_l in the logits of every prefix, one row a prefix."""
    chance = np.array(table, float)
    chance /= chance.sum(axis=1, keepdims=True)
    of_w, of_l = np.zeros(chance.shape), np.zeros(chance.shape)
    for k in range(_LENGTH):
        of_w[k] = np.eye(_TOKENS)[w[k]] - chance[k]
        row = k if k <= fork else _LENGTH + k - fork - 1
        of_l[row] = np.eye(_TOKENS)[l[k]] - chance[row]
    return of_w, of_l, chance[fork, w[fork]], chance[fork, l[fork]]


def _rate(of, parts):
    win, lose, *_ = _gradients(**parts)
    return float(((win if of == "w" else lose) * (win - lose)).sum())


def _bound(of, parts):
    *_, p_w, p_l = _gradients(**parts)
    return float(1 - p_w + p_l if of == "w" else 1 - p_l + p_w)


_TREE = Instances(
    _completions,
    "Two completions that part at some prefix, tokens with a softmax of its own at every prefix, any policy; the rates "
    "of log π_w and log π_l along the DPO gradient over βσ(−βh), p_w and p_l the next tokens' probabilities at the "
    "fork",
    {
        RISE: lambda parts: _rate("w", parts),
        FALL: lambda parts: _rate("l", parts),
        BOUND: lambda parts: _bound("w", parts),
        BOUND_L: lambda parts: _bound("l", parts),
    },
    drawn="3 tokens, completions of 3, weights in [1/20, 20]",
)


def _featured(draw):
    return {"ref": weights(draw, 3), "feature": [draw.number(-3, 3) for _ in range(3)], "θ": draw.number(-2, 2)}


def _moved(ref, feature, θ, step):
    """log π_w after a step along the gradient of the pair alone, w = 0 and l = 1."""
    f = np.array(feature, float)
    logits = np.log(np.array(ref, float)) + (float(θ) + step * (f[0] - f[1])) * f
    return float((logits - np.logaddexp.reduce(logits))[0])


def _measured_rate(ref, feature, θ):
    return (_moved(ref, feature, θ, 1e-5) - _moved(ref, feature, θ, -1e-5)) / 2e-5


def _criterion(ref, feature, θ, at_policy=True):
    problem = Problem.from_unnormalized(np.log(np.array(ref, float)), 1.0)
    phi = np.array(feature, float)[:, None]
    policy = log_linear.policy(problem, phi, [float(θ) if at_policy else 0.0])
    return float(log_linear.displacement(policy, problem, Preferences.from_pairs([(0, 1)]), phi)[0])


_LINEAR = Instances(
    _featured,
    "Three responses w, l, o with one feature φ each, π ∝ π_ref e^(θφ), any θ; s the time along the gradient of the "
    "pair's margin θ(φ_w − φ_l)",
    {
        RATE: _measured_rate,
        INNER: lambda ref, feature, θ: _criterion(ref, feature, θ),
        FROM_REF: lambda ref, feature, θ: _criterion(ref, feature, θ, at_policy=False),
    },
    drawn="φ ∈ [−3, 3], θ ∈ [−2, 2], weights in [1/20, 20]",
)
_FORK = Identity(
    "⟨e_w − p, e_w − e_l⟩ at the fork",
    {"1 − p_w − p_l": lambda p, q: 1 - p - q},
    lambda p, q: (1 - p) * 1 + (0 - q) * (0 - 1),
    lambda p, q: 1 - p + q,
    {"p": UNIT, "q": UNIT},
)
_OWN = Sign(
    "squares on w's own prefixes",
    {"less the chance of another token": lambda p, q, r: (q + r) ** 2 + q**2 + r**2 - q - p},
    lambda p, q, r: (q + r) ** 2 + q**2 + r**2,
    {"p": NONNEGATIVE, "q": NONNEGATIVE, "r": NONNEGATIVE},
    weak=True,
)
_SOFTMAX = Identity(
    "d log π_w/dθ",
    {"without the mean": lambda t, p, q, x, y: x},
    lambda t, p, q, x, y: derivative(lambda u: u * x - log(exp(u * x) + p * exp(u * y) + q))(t),
    lambda t, p, q, x, y: x - (x * exp(t * x) + p * y * exp(t * y)) / (exp(t * x) + p * exp(t * y) + q),
    {"t": REAL, "p": POSITIVE, "q": POSITIVE, "x": REAL, "y": REAL},
)
#: Uniform reference, features 0, −a, b of w, l and a bystander: the rate of log π_w at the start.
_TIED = (0 - (b - a) / 3) * a
_CHAIN = 1 / (1 + 2 * cosh(s))

STATEMENTS = (
    Statement(
        id="pal-tree-chosen-rises",
        title="With a softmax at every prefix a DPO step raises the chosen completion and lowers the other",
        origin=Origin.OURS,
        source=f"{_SOURCE} has the question, of completions at edit distance 1; the answer for tabular trees is ours",
        form=Form(
            _TREE,
            (),
            claim={
                "log π_w rises at a rate of at least 1 − p_w + p_l": relation(RISE, ">=", BOUND, noise=1e-9),
                "log π_l falls at a rate of at least 1 − p_l + p_w": relation(-FALL, ">=", BOUND_L, noise=1e-9),
            },
            wrong={
                "at a rate of at least 1": relation(RISE, ">=", 1),
                "log π_l rises": relation(FALL, ">", 0),
            },
            effort=OBJECTS,
        ),
        parts={
            "log π_w rises at a rate of at least 1 − p_w + p_l": Part(
                "The rate is ⟨∇ log π_w, ∇ log π_w − ∇ log π_l⟩, a sum over prefixes. Before the fork the difference "
                "is 0; «⟨e_w − p, e_w − e_l⟩ at the fork»; after it the two have no prefix in common, so what is left "
                "are «squares on w's own prefixes», of 1 − π(token) = q + r and of the other tokens' q, r.",
                (_FORK, _OWN),
            ),
            "log π_l falls at a rate of at least 1 − p_l + p_w": Part(
                "The former part with w and l exchanged, the gradient being that of log π_w − log π_l: «⟨e_w − p, e_w "
                "− e_l⟩ at the fork» of l, and «squares on w's own prefixes», on l's.",
                (_FORK, _OWN),
            ),
        },
        conclusion="Displacement of the chosen response is no property of DPO's loss: it needs parameters that "
        "prefixes share (pal-tied-features).",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="pal-tied-features",
        title="A DPO step raises the chosen response",
        origin=Origin.BELIEF,
        source="a common belief, here with features that responses share",
        form=Form(
            measured(
                "Responses w, l and o with features 0, −a, b, uniform reference, π ∝ e^(θφ); the rate of log π_w at "
                "the start along the gradient of the label w > l",
                (a, b),
                {},
            ),
            (),
            claim={"log π_w rises": relation(_TIED, ">", 0)},
            right={"it does where b < a": Implies(relation(b, "<", a), relation(_TIED, ">", 0))},
        ),
        conclusion="The label asks for a larger feature, and the bystander has the largest.",
        expected=Verdict.REFUTED,
        instead=(
            "pal-tree-chosen-rises",
            "razin-linear-criterion",
        ),
    ),
    Statement(
        id="razin-linear-criterion",
        title="With fixed features the chosen response falls iff ⟨φ_w − E φ, φ_w − φ_l⟩ < 0",
        origin=Origin.READING,
        source="Razin et al. 2410.08847, of log-linear policies",
        form=Form(
            _LINEAR,
            (),
            claim={"the rate of log π_w": relation(RATE, "=", INNER, noise=1e-6)},
            wrong={"with E under the reference": relation(RATE, "=", FROM_REF, noise=1e-6)},
            effort=OBJECTS,
        ),
        parts={
            "the rate of log π_w": Part(
                "The margin's gradient in θ is φ_w − φ_l, and «d log π_w/dθ» is φ_w less the mean of φ, features "
                "measured from the third one's.",
                (_SOFTMAX,),
            )
        },
        conclusion="With one-hot features it is 1 − π_w + π_l > 0; between shared features the sign is open.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="razin-chain-middle",
        title="Along the flow of a chain of labels every chosen response rises",
        origin=Origin.BELIEF,
        source="a common belief; the instance is ours",
        form=Form(
            measured(
                "Labels a > b and b > c, uniform reference, tabular logits (s, 0, −s), where the flow stays by "
                "symmetry; b is chosen once: π_b = 1/(1 + 2 cosh s), s > 0",
                (s,),
                {},
            ),
            (),
            claim={"π_b ≥ 1/3": relation(_CHAIN, ">=", Fraction(1, 3))},
            right={"π_a rises: e^s π_b ≥ 1/3": relation(exp(s) * _CHAIN, ">=", Fraction(1, 3))},
        ),
        conclusion="Chosen once and rejected once, b loses to the response above it: a label is no promise.",
        expected=Verdict.REFUTED,
        instead=("bt-monotone-label",),
    ),
)
