"""When a fit exists: linear separation of feature differences, and cycles of labels."""

import numpy as np

from proofs_checks.kernel.arithmetic import derivative, sigmoid, softplus
from proofs_checks.kernel.evidence import REAL, Identity
from proofs_checks.kernel.instances import Instances, named
from proofs_checks.kernel.relation import Implies, relation
from proofs_checks.kernel.search import Effort
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.spaces.bounds import ABOVE_LINEAR
from proofs_checks.spaces.pair import measured
from proofs_checks.spaces.problems import label, once
from tabular import Preferences, Problem, Status, log_linear

__all__ = ["ATTAINED", "BALANCED", "LEAST", "MOST", "STATEMENTS", "a", "b", "θ"]

ATTAINED, LEAST, MOST, BALANCED = named(
    "whether a minimiser exists", "least gain of a label", "largest gain of a label", "what the balance leaves"
)
a, b, θ = named("x", "y", "θ")
_SOURCE = "Albert and Anderson 1984"


def _instance(draw):
    """Small whole features, so that separation is often weak, and a few labels."""
    size, k = draw.integer(2, 4), draw.integer(1, 2)
    return {
        "features": [[draw.integer(-2, 2) for _ in range(k)] for _ in range(size)],
        "labels": [label(draw, size) for _ in range(draw.integer(1, 5))],
    }


@once
def _fit(features, labels):
    problem = Problem.from_unnormalized(np.zeros(len(features)), 1.0)
    pairs = Preferences.from_pairs([(0, w, lo, float(n)) for w, lo, n in labels])
    return log_linear.dpo(problem, pairs, np.array(features, float))


def _rows(features, labels):
    known = np.array(features, float)
    return np.array([known[w] - known[lo] for w, lo, _ in labels])


def _attained(features, labels):
    return float(_fit(features, labels).status is not Status.UNATTAINED)


def _gains(features, labels):
    """What each label gains along the library's direction; 0 for all where it names none."""
    return _rows(features, labels) @ _fit(features, labels).direction


def _imbalance(features, labels):
    """Weights on the labels that overlap, whose feature differences cancel: what is left, over their size."""
    found = _fit(features, labels)
    if found.balance is None:
        return 1.0
    left = found.balance @ _rows(features, labels)
    positive = bool((found.balance[found.overlapping] > 0).all())
    return float(np.abs(left).max()) / (1 + float(np.abs(found.balance).max())) + (0.0 if positive else 1.0)


_LABELS = Instances(
    _instance,
    "Log-linear policies ∝ π_ref e^(θ·φ), any labels (w, l), D the rows φ_w − φ_l; the direction that the library "
    "names, 0 if none, and the weights it names on the labels that keep a loss",
    {
        ATTAINED: _attained,
        LEAST: lambda features, labels: float(_gains(features, labels).min()),
        MOST: lambda features, labels: float(_gains(features, labels).max()),
        BALANCED: _imbalance,
    },
    drawn="2 to 4 responses, 1 or 2 features of whole numbers, 1 to 5 labels",
)
_NONE = relation(ATTAINED, "=", 0)
_ALONG = Identity(
    "slope of sp(−(z + tg)) in t",
    {"without g": lambda z, t, g: -sigmoid(-z - t * g)},
    lambda z, t, g: derivative(lambda s: softplus(-(z + s * g)))(t),
    lambda z, t, g: -g * sigmoid(-(z + t * g)),
    {"z": REAL, "t": REAL, "g": REAL},
)
_TWO = measured(
    "Two labels without a cycle, 0 > 1 and 3 > 2, one feature, x and y the differences of the feature on them; the "
    "slope of DPO's loss in βθ",
    (a, b, θ),
    {},
)


def _slope(at):
    return -a * sigmoid(-a * at) - b * sigmoid(-b * at)


STATEMENTS = (
    Statement(
        id="albert-anderson-features",
        title="With shared features DPO has a minimiser iff no direction gains on some label and loses on none",
        origin=Origin.READING,
        source=f"{_SOURCE}, of logistic regression",
        form=Form(
            _LABELS,
            (),
            claim={
                "where none exists some label gains": Implies(_NONE, relation(MOST, ">", 0, noise=1e-9)),
                "and none loses": relation(LEAST, ">=", 0, noise=1e-9),
                "where one exists, or is approached, weights balance": relation(BALANCED, "=", 0, noise=1e-7),
            },
            wrong={
                "a minimiser always exists": relation(ATTAINED, "=", 1),
                "where none exists every label gains": Implies(_NONE, relation(LEAST, ">", 0)),
            },
            effort=Effort(draws=400, climbs=1, steps=20),
        ),
        parts={
            "where none exists some label gains": Part(
                "The loss is a sum of convex functions sp(−(Dθ)_k). If no direction has Dd ≥ 0, Dd ≠ 0, then along "
                "every d with Dd ≠ 0 some label loses without bound, «sp(z) = z + sp(−z)», «sp(−z) > 0», so the loss "
                "is coercive in Dθ and attained. So where it is not attained there is such a d, and the library names "
                "one.",
                ABOVE_LINEAR,
            ),
            "and none loses": Part(
                "Along such a d the loss of no label rises and of one falls for ever, «slope of sp(−(z + tg)) in t»: "
                "nothing is attained. Both are the certificate.",
                (_ALONG,),
            ),
            "where one exists, or is approached, weights balance": Part(
                "f > 0 with Σ f_k D_k = 0 excludes a direction: Σ f_k (Dd)_k = 0 and all at least 0 make Dd = 0. At a "
                "minimiser the loss has no slope along any d, «slope of sp(−(z + tg)) in t»: f_k = n_k σ(−(Dθ)_k).",
                (_ALONG,),
            ),
        },
        conclusion="One-hot features give back that no label joins two blocks; strict separation of all labels is too "
        "much to ask.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="cycle-needed",
        title="Labels without a cycle leave DPO without a minimiser",
        origin=Origin.BELIEF,
        source="true of tabular policies; of one feature",
        form=Form(
            _TWO,
            (),
            claim={
                "the loss goes on falling: a slope below 0 at θ = 0 stays so": Implies(
                    relation(-(a + b) / 2, "<", 0) & relation(θ, ">", 0), relation(_slope(θ), "<", 0, noise=1e-12)
                )
            },
            right={
                "it does where both differences are positive": Implies(
                    relation(a, ">", 0) & relation(b, ">", 0), relation(_slope(θ), "<", 0, noise=1e-12)
                )
            },
        ),
        conclusion="A shared feature makes two labels contradict each other that have no response in common.",
        expected=Verdict.REFUTED,
        instead=("albert-anderson-features",),
    ),
)
