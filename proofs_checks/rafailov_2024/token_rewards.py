"""Token rewards on a tree of prefixes: which of them have one optimum, and what an implicit reward of a token is."""

import itertools
from fractions import Fraction

import numpy as np

from proofs_checks.kernel.arithmetic import exp, log
from proofs_checks.kernel.evidence import POSITIVE, REAL, Exhaustive, Identity
from proofs_checks.kernel.instances import Instances, named
from proofs_checks.kernel.relation import Implies, relation
from proofs_checks.kernel.search import OBJECTS
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.spaces.pair import measured, β
from proofs_checks.spaces.problems import problem_of, weights
from tabular import rlhf

__all__ = ["FREE", "INTERNAL", "RAW", "SHAPED", "SOFT", "STATEMENTS", "TOKEN", "UNSHAPED", "a", "b"]

SHAPED, UNSHAPED = named("max change of log π*, r + Φ(s′) − Φ(s)", "max change of log π*, Φ at leaves too")
FREE, INTERNAL = named("dimension of the rewards with one optimum", "number of internal prefixes")
TOKEN, SOFT, RAW = named("β log π*/π_ref of a token", "r + V(s′) − V(s)", "r + E V(s′) − E V(s)")
a, b = named("r_00", "r_01")
_SOURCE = "Rafailov et al. 2404.12358"
_TREES = ((2, 1), (2, 2), (2, 3), (3, 1), (3, 2))


def _prefixes(tokens, length):
    """Internal prefixes, the root first."""
    return [p for n in range(length) for p in itertools.product(range(tokens), repeat=n)]


def _leaves(tokens, length):
    return list(itertools.product(range(tokens), repeat=length))


def _edges(tokens, length):
    return [p for n in range(1, length + 1) for p in itertools.product(range(tokens), repeat=n)]


def _instance(draw):
    tokens, length = draw.choice(_TREES)
    return {
        "tokens": tokens,
        "length": length,
        "ref": [weights(draw, tokens, (Fraction(1, 5), 5)) for _ in _prefixes(tokens, length)],
        "reward": [draw.number(-2, 2) for _ in _edges(tokens, length)],
        "Φ": [draw.number(-2, 2) for _ in _prefixes(tokens, length)],
        "end": [draw.number(-2, 2) for _ in _leaves(tokens, length)],
        "β": draw.number(Fraction(1, 5), 3),
    }


def _token_logs(tokens, length, ref):
    """log π_ref of each edge."""
    found = {}
    for prefix, row in zip(_prefixes(tokens, length), ref, strict=True):
        logs = np.log(np.array(row, float)) - np.log(np.sum(np.array(row, float)))
        found.update({(*prefix, t): logs[t] for t in range(tokens)})
    return found


def _sums(leaf, values):
    return sum(values[leaf[:n]] for n in range(1, len(leaf) + 1))


def _optimum(tokens, length, ref, reward, β):
    """log π* of the leaves for token rewards by edge."""
    logs = _token_logs(tokens, length, ref)
    leaves = _leaves(tokens, length)
    base = [float(np.exp(_sums(leaf, logs))) for leaf in leaves]
    return rlhf.optimal_policy(problem_of(base, [_sums(leaf, reward) for leaf in leaves], β))[0]


def _change(tokens, length, ref, reward, Φ, end, β, at_leaves=False):
    given = {edge: float(r) for edge, r in zip(_edges(tokens, length), reward, strict=True)}
    potential = {p: float(x) for p, x in zip(_prefixes(tokens, length), Φ, strict=True)}
    last = {leaf: float(x) * at_leaves for leaf, x in zip(_leaves(tokens, length), end, strict=True)}
    potential.update(last)
    shaped = {edge: r + potential[edge] - potential[edge[:-1]] for edge, r in given.items()}
    first, second = (_optimum(tokens, length, ref, known, β) for known in (given, shaped))
    return float(np.abs(first - second).max())


def _dimension(tokens, length):
    """Of the token rewards whose leaf sums are constant: edges less the rank of leaf sums modulo constants."""
    leaves, edges = _leaves(tokens, length), _edges(tokens, length)
    table = np.array([[float(leaf[: len(edge)] == edge) for edge in edges] for leaf in leaves])
    return len(edges) - int(np.linalg.matrix_rank(table - table.mean(axis=0)))


def _values(tokens, length, ref, reward, β, soft=True):
    """V of every prefix: β log Σ π_ref e^(Q/β), or the mean of Q under the reference."""
    logs = _token_logs(tokens, length, ref)
    given = {edge: float(r) for edge, r in zip(_edges(tokens, length), reward, strict=True)}
    value = dict.fromkeys(_leaves(tokens, length), 0.0)
    for prefix in reversed(_prefixes(tokens, length)):
        edges = [(*prefix, t) for t in range(tokens)]
        q = np.array([given[e] + value[e] for e in edges])
        base = np.array([logs[e] for e in edges])
        value[prefix] = float(β) * np.logaddexp.reduce(base + q / float(β)) if soft else float(np.exp(base) @ q)
    return value, given


def _first_token(tokens, length, ref, reward, β):
    """β log π*/π_ref of the first token 0, from the optimum over whole responses."""
    log_policy = _optimum(tokens, length, ref, dict(zip(_edges(tokens, length), map(float, reward), strict=True)), β)
    starts = np.array([leaf[0] == 0 for leaf in _leaves(tokens, length)])
    return float(β) * float(np.logaddexp.reduce(log_policy[starts]) - _token_logs(tokens, length, ref)[(0,)])


def _advantage(tokens, length, ref, reward, β, soft=True):
    value, given = _values(tokens, length, ref, reward, β, soft)
    return given[(0,)] + value[(0,)] - value[()]


_TREE = Instances(
    _instance,
    "Responses of T tokens from V, π_ref > 0 at every token, token rewards r, β > 0, KL at every token; Φ any function "
    "of prefixes, 0 at whole responses",
    {
        SHAPED: lambda tokens, length, ref, reward, Φ, end, β: _change(tokens, length, ref, reward, Φ, end, β),
        UNSHAPED: lambda tokens, length, ref, reward, Φ, end, β: _change(tokens, length, ref, reward, Φ, end, β, True),
        FREE: lambda tokens, length: _dimension(tokens, length),
        INTERNAL: lambda tokens, length: len(_prefixes(tokens, length)),
        TOKEN: lambda tokens, length, ref, reward, β: _first_token(tokens, length, ref, reward, β),
        SOFT: lambda tokens, length, ref, reward, β: _advantage(tokens, length, ref, reward, β),
        RAW: lambda tokens, length, ref, reward, β: _advantage(tokens, length, ref, reward, β, soft=False),
    },
    drawn="(V, T) = (2, 1), (2, 2), (2, 3), (3, 1), (3, 2), r and Φ ∈ [−2, 2], β ∈ [1/5, 3]",
)
_TELESCOPE = Identity(
    "Φ(s_1) − Φ(s_0) + Φ(s_2) − Φ(s_1)",
    {"without Φ(s_0)": lambda x, y, z: z},
    lambda x, y, z: (y - x) + (z - y),
    lambda x, y, z: z - x,
    {"x": REAL, "y": REAL, "z": REAL},
)
_COUNT = Exhaustive(
    "edges + 1 = internal prefixes + leaves",
    {"leaves alone": lambda v, t: len(_edges(v, t)) + 1 == len(_leaves(v, t))},
    lambda: iter(_TREES),
    len(_TREES),
    lambda v, t: len(_edges(v, t)) + 1 == len(_prefixes(v, t)) + len(_leaves(v, t)),
)
_SOFT_STEP = Identity(
    "β log of π_ref e^(Q/β)/e^(V/β) over π_ref",
    {"Q": lambda p, Q, V, b: Q},
    lambda p, Q, V, b: b * log(p * exp(Q / b) / exp(V / b) / p),
    lambda p, Q, V, b: Q - V,
    {"p": POSITIVE, "Q": REAL, "V": REAL, "b": POSITIVE},
)
_TWO = measured(
    "A binary tree of two tokens with uniform reference, rewards r_00 and r_01 on the second token after 0 and none "
    "elsewhere, β > 0; the implicit reward β log π*/π_ref of the first token 0",
    (a, b, β),
    {},
)
_MEAN = (exp(a / β) + exp(b / β)) / 2
_FIRST_TOKEN = β * log(2 * _MEAN / (_MEAN + 1))

STATEMENTS = (
    Statement(
        id="qstar-shaping-dimension",
        title="Token rewards with one optimum differ by shaping, a space of one dimension for each internal prefix",
        origin=Origin.OURS,
        source=f"{_SOURCE} have that shaping keeps the optimum; converse and dimension are ours",
        form=Form(
            _TREE,
            (),
            claim={
                "r + Φ(s′) − Φ(s) has the optimum of r": relation(SHAPED, "=", 0, noise=1e-8),
                "dimension": relation(FREE, "=", INTERNAL),
            },
            wrong={
                "with any Φ at whole responses": relation(UNSHAPED, "=", 0, noise=1e-6),
                "one less": relation(FREE, "=", INTERNAL - 1),
            },
            effort=OBJECTS,
        ),
        parts={
            "r + Φ(s′) − Φ(s) has the optimum of r": Part(
                "The optimum depends on the sums along whole responses ({rlhf-closed-form}), and «Φ(s_1) − Φ(s_0) + "
                "Φ(s_2) − Φ(s_1)» telescopes to −Φ(root), the same for all ({rlhf-reward-class}).",
                (_TELESCOPE,),
            ),
            "dimension": Part(
                "Rewards have one optimum iff their sums along whole responses differ by a constant. Sums map rewards "
                "of edges onto all functions of leaves, as each leaf has a last edge of its own, so those with "
                "constant sums have dimension edges − leaves + 1. In a tree every node but the root ends one edge: "
                "that is the number of internal prefixes. Shaping has one free number for each, and Φ ≠ 0 shapes: at "
                "a deepest prefix with Φ ≠ 0 its edges change."
            ),
        },
        second_routes=(_COUNT,),
        conclusion="A token's reward is known up to a potential: nothing else, and nothing less.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="qstar-token-advantage",
        title="The implicit reward of a token is its soft advantage r + V(s′) − V(s)",
        origin=Origin.READING,
        source=_SOURCE,
        form=Form(
            _TREE,
            (),
            claim={"of the first token": relation(TOKEN, "=", SOFT, noise=1e-8)},
            wrong={"with V the mean under the reference": relation(TOKEN, "=", RAW, noise=1e-6)},
            effort=OBJECTS,
        ),
        parts={
            "of the first token": Part(
                "At a prefix sum over the continuations: by induction from the leaves π*(t|s) = π_ref e^((Q − V)/β), "
                "Q = r + V(s′), V = β log Σ π_ref e^(Q/β), and «β log of π_ref e^(Q/β)/e^(V/β) over π_ref» is Q − V.",
                (_SOFT_STEP,),
            )
        },
        conclusion="DPO's token rewards look ahead: they credit a token with what it makes possible.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="qstar-token-reward",
        title="The implicit reward of a token is the token's own reward",
        origin=Origin.BELIEF,
        source=f"a reading of {_SOURCE} that it does not make",
        form=Form(
            _TWO,
            (),
            claim={"the first token, without a reward of its own, has 0": relation(_FIRST_TOKEN, "=", 0)},
            right={
                "it has where nothing follows": Implies(
                    relation(a, "=", 0) & relation(b, "=", 0), relation(_FIRST_TOKEN, "=", 0)
                )
            },
        ),
        conclusion="qstar-token-advantage says what it is instead.",
        expected=Verdict.REFUTED,
        instead=("qstar-token-advantage",),
    ),
)
