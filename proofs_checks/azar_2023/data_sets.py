"""DPO's minimiser for any preferences, and the data set with which Azar et al. tell IPO from DPO."""

from fractions import Fraction

import numpy as np
import sympy

from proofs_checks.kernel.arithmetic import exp, log, softplus
from proofs_checks.kernel.evidence import POSITIVE, REAL, Identity, Sign
from proofs_checks.kernel.instances import Instances, named
from proofs_checks.kernel.relation import Implies, Saying, relation
from proofs_checks.kernel.search import OBJECTS
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.spaces.bounds import LOG_BELOW_LINEAR
from proofs_checks.spaces.pair import h, measured, β, τ
from proofs_checks.spaces.problems import preferences_of, problem, problem_of
from tabular import dpo, rlhf
from tabular.choice import rules

__all__ = ["ROWS", "STATEMENTS", "TWO_STAGE", "far", "h_c", "share"]

TWO_STAGE, ROWS = named("max |log π_DPO − log π*_r|, r = BT(W)", "max |log π_DPO − log π*_r|, r = mean log-odds")
share = sympy.Symbol("π_c", nonnegative=True)
far = sympy.Symbol("T", positive=True)
(h_c,) = named("h_ac")
_SOURCE = "Azar et al. 2310.12036"
_LEAST = Saying("the policy minimises the loss, that is h = 0", relation(h, "=", 0))


def _connected(draw):
    """Labels of every pair in both orders, with any weights: no reward need be behind them."""
    parts = problem(draw, reward=(0, 0))
    size = len(parts["ref"])
    between = (Fraction(1, 4), 4)
    labels = [(i, j, draw.number(*between)) for i in range(size) for j in range(size) if i != j]
    return {**parts, "labels": labels}


def _wins(size, labels):
    wins = np.zeros((size, size))
    for i, j, weight in labels:
        wins[i, j] += float(weight)
    return wins


def _fitted(ref, labels):
    return rules.bradley_terry(_wins(len(ref), labels)).strength


def _mean_log_odds(ref, labels):
    wins = _wins(len(ref), labels) + np.eye(len(ref))
    return np.log(wins / wins.T).mean(axis=1)


def _apart(ref, β, labels, reward):
    wanted = rlhf.optimal_policy(problem_of(ref, reward(ref, labels), β))
    return float(
        np.abs(dpo.solve(problem_of(ref, [0] * len(ref), β), preferences_of(labels)).log_policy - wanted).max()
    )


_ANY = Instances(
    _connected,
    "Every pair of finite responses labelled both ways, with any weights W > 0, π_ref > 0, β > 0",
    {
        TWO_STAGE: lambda ref, β, labels: _apart(ref, β, labels, _fitted),
        ROWS: lambda ref, β, labels: _apart(ref, β, labels, _mean_log_odds),
    },
    drawn="2 to 4 responses, weights in [1/4, 4], β ∈ [1/10, 5]",
)
_PRINTED = measured(
    "Three responses a, b, c, π_ref > 0, β > 0, labels a > b and b > a once each; a policy with mass π_c on c and h = "
    "log π_a/π_b less that of the reference",
    (h, share, β),
    {},
    π_c=(0, Fraction(99, 100)),
)
_LOSS = softplus(-β * h) + softplus(β * h)
_WITH_C = _LOSS + softplus(-β * h_c)
#: At h = 0, h_ac = T.
_ALONG = 2 * log(2) + softplus(-β * far)
_REPAIRED = measured(
    "Three responses a, b, c, π_ref > 0, β, τ > 0, labels a > b, b > a and a > c once each; h and h_ac the differences "
    "of the log-ratios of a to b and of a to c",
    (h, h_c, β, τ, far),
    {},
)


def _ipo(first, second):
    """The sum of squares of IPO on the three labels."""
    aim = 1 / (2 * τ)
    return (first - aim) ** 2 + (first + aim) ** 2 + (second - aim) ** 2


_EVEN = Identity(
    "sp(−z) + sp(z) = 2 log 2 + log(1 + (cosh z − 1)/2)",
    {"log 2 in place of 2 log 2": lambda z: log(2) + log(1 + (exp(z / 2) - exp(-z / 2)) ** 2 / 4)},
    lambda z: softplus(-z) + softplus(z),
    lambda z: 2 * log(2) + log(1 + (exp(z / 2) - exp(-z / 2)) ** 2 / 4),
    {"z": REAL},
)
_SQUARES = Identity(
    "the sum of squares",
    {"without the 2": lambda h, k, t: h**2 + (k - 1 / (2 * t)) ** 2 + 1 / (2 * t**2)},
    lambda h, k, t: (h - 1 / (2 * t)) ** 2 + (h + 1 / (2 * t)) ** 2 + (k - 1 / (2 * t)) ** 2,
    lambda h, k, t: 2 * h**2 + (k - 1 / (2 * t)) ** 2 + 1 / (2 * t**2),
    {"h": REAL, "k": REAL, "t": POSITIVE},
)
_SCORE = Identity(
    "βh_ij = s_i − s_j",
    {"without β": lambda p, q, s, t, β: (s - t) / β},
    lambda p, q, s, t, β: β * (log(p * exp(s / β)) - log(q * exp(t / β)) - log(p / q)),
    lambda p, q, s, t, β: s - t,
    {"p": POSITIVE, "q": POSITIVE, "s": REAL, "t": REAL, "β": POSITIVE},
)

STATEMENTS = (
    Statement(
        id="azar-prop4-any-preferences",
        title="DPO is the two-stage method for any preferences, Bradley–Terry or not",
        origin=Origin.READING,
        source=f"{_SOURCE}, Proposition 4, read of any labels",
        form=Form(
            _ANY,
            (),
            claim={"the minimiser is π*_r of the fitted reward": relation(TWO_STAGE, "=", 0, noise=1e-7)},
            wrong={"of the mean log-odds": relation(ROWS, "=", 0, noise=1e-6)},
            effort=OBJECTS,
        ),
        parts={
            "the minimiser is π*_r of the fitted reward": Part(
                "With π ∝ π_ref e^(s/β), «βh_ij = s_i − s_j», so the loss is the Bradley–Terry loss of s "
                "({dpo-bradley-terry}). Every pair is labelled both ways, so it has one minimiser up to a constant, "
                "BT(W) ({dpo-solution-set}); and π is the RLHF optimum of s ({rlhf-closed-form}).",
                (_SCORE,),
            )
        },
        conclusion="That the labels follow a reward is no hypothesis of the equivalence: both methods fit the same "
        "reward, right or wrong.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="azar-d3-printed",
        title="On the labels a > b and b > a DPO excludes c",
        origin=Origin.PRINTED,
        source=f"{_SOURCE}, data set D3, as read",
        form=Form(
            _PRINTED,
            (),
            claim={"a policy that minimises the loss has no mass on c": Implies(_LEAST, relation(share, "=", 0))},
            right={"its loss is 2 log 2": Implies(_LEAST, relation(_LOSS, "=", 2 * log(2)))},
        ),
        conclusion="Both losses are least where π_a/π_b = π_ref,a/π_ref,b, and the mass of c is free; azar-d3-repaired "
        "has the label that is missing.",
        expected=Verdict.REFUTED,
        instead=("azar-d3-repaired",),
    ),
    Statement(
        id="azar-d3-repaired",
        title="With a > c labelled too DPO has no minimiser and excludes c in the limit; IPO keeps it",
        origin=Origin.OURS,
        source=f"the repair of {_SOURCE}, data set D3",
        form=Form(
            _REPAIRED,
            (),
            claim={
                "DPO's loss exceeds 2 log 2": relation(_WITH_C, ">", 2 * log(2), noise=1e-12),
                "by less than e^(−βT) at h = 0, h_ac = T": relation(
                    _ALONG, "<", 2 * log(2) + exp(-β * far), noise=1e-12
                ),
                "IPO's is least at h = 0, h_ac = 1/(2τ) alone": relation(
                    _ipo(h, h_c), "=", 2 * h**2 + (h_c - 1 / (2 * τ)) ** 2 + 1 / (2 * τ**2), noise=1e-8
                ),
            },
            wrong={
                "DPO's exceeds 2.2 log 2": relation(_WITH_C, ">", Fraction(22, 10) * log(2)),
                "by less than half of e^(−βT)": relation(_ALONG, "<", 2 * log(2) + exp(-β * far) / 2),
            },
        ),
        parts={
            "DPO's loss exceeds 2 log 2": Part(
                "«sp(−z) + sp(z) = 2 log 2 + log(1 + (cosh z − 1)/2)» is at least 2 log 2, and «sp(−βh_ac) > 0».",
                (
                    _EVEN,
                    Sign(
                        "sp(−βh_ac) > 0",
                        {"less 1/100": lambda z: softplus(-z) - Fraction(1, 100)},
                        lambda z: softplus(-z),
                        {"z": REAL},
                    ),
                ),
            ),
            "by less than e^(−βT) at h = 0, h_ac = T": Part(
                "sp(−βT) = log(1 + a), a = e^(−βT) > 0, and log(1 + a) < a: «slope of a − log(1 + a)», «a/(1 + a) > "
                "0». So the infimum is 2 log 2, reached by no policy, and mass π_ref,c e^(−T) of c goes to 0.",
                LOG_BELOW_LINEAR,
            ),
            "IPO's is least at h = 0, h_ac = 1/(2τ) alone": Part("«the sum of squares».", (_SQUARES,)),
        },
        conclusion="DPO's limit is the reference on {a, b}; IPO's c keeps the mass that one label can take.",
        expected=Verdict.PROVED,
    ),
)
