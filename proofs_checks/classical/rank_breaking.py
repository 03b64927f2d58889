"""Rankings broken into pairs: all pairs are consistent for Plackett-Luce, adjacent ones are not."""

import sympy

from proofs_checks.kernel.arithmetic import log
from proofs_checks.kernel.evidence import POSITIVE, Exact, Identity
from proofs_checks.kernel.relation import All, Implies, Rounds, relation
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.spaces.pair import measured

__all__ = ["STATEMENTS", "v0", "v1", "v2"]

v0, v1, v2 = sympy.symbols("v_0 v_1 v_2", positive=True)
_SOURCE = "Azari Soufiani et al. 2013"


def _ranking(first, second, third):
    """The Plackett–Luce probability of an order of three."""
    total = first + second + third
    return first / total * second / (second + third)


def _above(i, j, k):
    """The probability that i is ranked above j."""
    return _ranking(i, j, k) + _ranking(i, k, j) + _ranking(k, i, j)


def _next_to(i, j, k):
    """The probability that i is ranked next above j."""
    return _ranking(i, j, k) + _ranking(k, i, j)


def _ends(i, j, k):
    """The probability that i is first and j last."""
    return _ranking(i, k, j)


def _surplus(count, i, j, k):
    """What i wins beyond the Bradley–Terry expectation at the true v, over the pairs that are kept."""
    total = 0
    for other, rest in ((j, k), (k, j)):
        won, lost = count(i, other, rest), count(other, i, rest)
        total += won - (won + lost) * i / (i + other)
    return total


_THREE = measured("Three responses, rankings by Plackett–Luce with strengths v > 0", (v0, v1, v2), {})
_ALL_PAIRS = relation(_surplus(_above, v0, v1, v2), "=", 0, noise=1e-9)
_ADJACENT = relation(_surplus(_next_to, v0, v1, v2), "=", 0, noise=1e-9)
_EXTREMES = relation(_surplus(_ends, v0, v1, v2), "=", 0, noise=1e-9)
_EVEN = All((relation(v0, "=", v1), relation(v1, "=", v2)))
_MARGINAL = Identity(
    "i above j in v_i/(v_i + v_j) of the rankings",
    {"of i next above j": lambda i, j, k: _next_to(i, j, k)},
    lambda i, j, k: _above(i, j, k),
    lambda i, j, k: i / (i + j),
    {"i": POSITIVE, "j": POSITIVE, "k": POSITIVE},
)


def _odds(count, i, j, k):
    return log(count(i, j, k) / count(j, i, k))


_STRENGTHS = {v0: 4, v1: 2, v2: 1}
STATEMENTS = (
    Statement(
        id="pl-all-pairs-consistent",
        title="All pairs of Plackett–Luce rankings are Bradley–Terry with the same strengths",
        origin=Origin.READING,
        source=f"{_SOURCE}; Rafailov et al. 2023 use it for rankings; of three responses",
        form=Form(
            _THREE,
            (),
            claim={"at the true strengths every response wins what is expected": _ALL_PAIRS},
            wrong={"adjacent pairs alone": _ADJACENT},
        ),
        parts={
            "at the true strengths every response wins what is expected": Part(
                "«i above j in v_i/(v_i + v_j) of the rankings»: every term of the score is 0 there.", (_MARGINAL,)
            )
        },
        conclusion="DPO on all pairs of such rankings and the listwise loss have one minimiser.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="adjacent-breaking-consistent",
        title="Adjacent pairs of rankings are enough",
        origin=Origin.BELIEF,
        source=f"a common practice; {_SOURCE} show which ways of breaking rankings are consistent",
        form=Form(
            _THREE,
            (),
            claim={"at the true strengths response 0 wins what is expected": _ADJACENT},
            right={"it does where all strengths agree": Implies(_EVEN, _ADJACENT)},
        ),
        second_routes=(
            Exact(
                "v = (4, 2, 1): log-odds of adjacent pairs, whose sum misses that of the outer pair by .1429",
                {"of all pairs": Rounds(_odds(_above, v0, v1, v2).subs(_STRENGTHS), "0.5108256238")},
                Rounds(
                    (_odds(_next_to, v0, v1, v2) + _odds(_next_to, v1, v2, v0) - _odds(_next_to, v0, v2, v1)).subs(
                        _STRENGTHS
                    ),
                    "-0.1428918",
                ),
            ),
        ),
        conclusion="Neighbours are closer than strangers: adjacent pairs deflate every margin and are not "
        "Bradley–Terry.",
        expected=Verdict.REFUTED,
        instead=("pl-all-pairs-consistent",),
    ),
    Statement(
        id="best-worst-consistent",
        title="The pair of the best and the worst of a ranking is enough",
        origin=Origin.BELIEF,
        source=f"the common way to make preference data of rated responses; {_SOURCE}",
        form=Form(
            _THREE,
            (),
            claim={"at the true strengths response 0 wins what is expected": _EXTREMES},
            right={"it does where all strengths agree": Implies(_EVEN, _EXTREMES)},
        ),
        second_routes=(
            Identity(
                "odds of being first and last: v_i(v_i + v_k) to v_j(v_j + v_k)",
                {"v_i to v_j": lambda i, j, k: i / j},
                lambda i, j, k: _ends(i, j, k) / _ends(j, i, k),
                lambda i, j, k: i * (i + k) / (j * (j + k)),
                {"i": POSITIVE, "j": POSITIVE, "k": POSITIVE},
            ),
        ),
        conclusion="It inflates what adjacent pairs deflate: a reward fitted to extremes is too sharp.",
        expected=Verdict.REFUTED,
        instead=("pl-all-pairs-consistent",),
    ),
)
