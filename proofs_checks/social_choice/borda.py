"""Bradley-Terry on balanced data is the Borda count, with its virtues and its vices."""

from fractions import Fraction

import numpy as np
import sympy

from proofs_checks.kernel.arithmetic import derivative, sigmoid
from proofs_checks.kernel.evidence import REAL, Exact, Identity, Sign
from proofs_checks.kernel.instances import Instances, named
from proofs_checks.kernel.relation import All, Iff, Implies, relation
from proofs_checks.kernel.search import Effort
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.spaces.games import matrix_of, rates
from proofs_checks.spaces.pair import measured
from proofs_checks.spaces.problems import once
from tabular.choice import rules

__all__ = ["BORDA", "OTHER", "SCORES", "STATEMENTS", "WINS", "down", "share", "up"]

SCORES, BORDA = named("s_1 − s_2", "Borda_1 − Borda_2")
WINS, OTHER = sympy.symbols("u v", integer=True, positive=True)
up, down, share = named("a", "b", "q")
_EFFORT = Effort(draws=300, climbs=2, steps=40)


def _balanced(draw):
    size = draw.integer(2, 4)
    return {"rates": rates(draw, size, between=(Fraction(1, 50), Fraction(49, 50)))}


@once
def _scores(rates):
    known = matrix_of(rates)
    np.fill_diagonal(known, 0)
    return rules.bradley_terry(known).strength


def _borda_gap(rates):
    counts = rules.borda(matrix_of(rates))
    return float(np.ravel(counts)[0] - np.ravel(counts)[1])


_DATA = Instances(
    _balanced,
    "Finite responses, every pair compared equally often, any rates P that have a Bradley–Terry fit s, Borda_i the "
    "sum of i's rates",
    {
        SCORES: lambda rates: float(_scores(rates)[0] - _scores(rates)[1]),
        BORDA: _borda_gap,
    },
    drawn="2 to 4 responses, rates in [1/50, 49/50]",
)
_MONOTONE = (
    Identity(
        "slope of σ(s − t) in s",
        {"1/4": lambda s, t: Fraction(1, 4) + 0 * s},
        lambda s, t: derivative(lambda x: sigmoid(x - t))(s),
        lambda s, t: sigmoid(s - t) * sigmoid(t - s),
        {"s": REAL, "t": REAL},
    ),
    Sign(
        "it is positive",
        {"less 1/10": lambda x: sigmoid(x) * sigmoid(-x) - Fraction(1, 10)},
        lambda x: sigmoid(x) * sigmoid(-x),
        {"x": REAL},
    ),
)


def _electorate(words):
    """u and v voters of two kinds."""
    return Instances(
        lambda draw: {"u": draw.integer(1, 40), "v": draw.integer(1, 40)},
        f"u voters {words[0]}, v voters {words[1]}, all pairs; Bradley–Terry orders as the Borda counts do",
        {WINS: lambda u: u, OTHER: lambda v: v},
        {WINS: lambda u: u, OTHER: lambda v: v},
        drawn="1 to 40 voters of each kind",
    )


#: Borda counts of A and B, in votes: before and after C′ is placed beside C.
_A, _B = 2 * WINS + OTHER, 2 * OTHER
_A_CLONED, _B_CLONED = 3 * WINS + 2 * OTHER, 3 * OTHER
_MIX = measured(
    "Two responses, a share q of annotators with utility gap a > 0 and the others with gap −b < 0, each labelling by "
    "Bradley–Terry",
    (share, up, down),
    {},
    q=(Fraction(1, 20), Fraction(19, 20)),
    a=(Fraction(1, 10), 10),
    b=(Fraction(1, 10), 10),
)
_POOLED = share * sigmoid(up) + (1 - share) * sigmoid(-down)
_LIKELY = share * up - (1 - share) * down

STATEMENTS = (
    Statement(
        id="bt-order-is-borda",
        title="On balanced data Bradley–Terry, and DPO from a uniform reference, order by Borda count",
        origin=Origin.READING,
        source="Siththaranjan et al. 2312.08358",
        form=Form(
            _DATA,
            (),
            claim={
                "s_1 > s_2 iff Borda_1 > Borda_2": Iff(
                    relation(SCORES, ">", 0, noise=1e-7), relation(BORDA, ">", 0, noise=1e-7)
                )
            },
            wrong={
                "iff Borda_1 > Borda_2 + 1/10": Iff(relation(SCORES, ">", 0), relation(BORDA, ">", Fraction(1, 10))),
                "by the same difference": relation(SCORES, "=", BORDA),
            },
            effort=_EFFORT,
        ),
        parts={
            "s_1 > s_2 iff Borda_1 > Borda_2": Part(
                "At the fit Borda_i = Σ_j σ(s_i − s_j), j ≠ i; adding the 1/2 of j = i to each, Borda_1 − Borda_2 = "
                "Σ_j (σ(s_1 − s_j) − σ(s_2 − s_j)) over all j. «slope of σ(s − t) in s», «it is positive»: every term "
                "has the sign of s_1 − s_2.",
                _MONOTONE,
            )
        },
        conclusion="What alignment by pairs aggregates is the oldest positional count there is.",
        expected=Verdict.PROVED,
    ),
    Statement(
        id="bt-clone-flips",
        title="Cloning a response does not change the order of the others",
        origin=Origin.BELIEF,
        source="independence of clones, asked of Bradley–Terry; classical for Borda, the instance is ours",
        form=Form(
            _electorate(("A > C > B", "B > A > C")),
            (),
            claim={
                "A is above B with a clone of C, ranked beside it, iff it is without": Iff(
                    relation(_A, ">", _B), relation(_A_CLONED, ">", _B_CLONED)
                )
            },
            right={
                "it is where the majority has A first": Implies(
                    relation(WINS, ">", OTHER), All((relation(_A, ">", _B), relation(_A_CLONED, ">", _B_CLONED)))
                )
            },
        ),
        uses=("bt-order-is-borda",),
        second_routes=(
            Exact(
                "2 and 5 voters: B first with 10 against 9, A first with 16 against 15 once C is there twice",
                {"3 and 5 voters": {WINS: 3, OTHER: 5}},
                All((relation(_A, "<", _B), relation(_A_CLONED, ">", _B_CLONED))),
                {WINS: 2, OTHER: 5},
            ),
        ),
        conclusion="Near-duplicates of a bad response decide which good one a model prefers; five of seven voters had "
        "B first all the time.",
        expected=Verdict.REFUTED,
        instead=("nlhf-clones",),
    ),
    Statement(
        id="bt-majority-fails",
        title="Bradley–Terry puts first what a majority puts above everything else",
        origin=Origin.BELIEF,
        source="majority and Condorcet consistency, asked of Bradley–Terry",
        form=Form(
            _electorate(("A > B > C", "B > C > A")),
            (relation(WINS, ">", OTHER),),
            claim={"A, ahead of B and of C with the majority, is above B": relation(2 * WINS, ">", WINS + 2 * OTHER)},
            right={
                "A is with twice as many voters and one more": Implies(
                    relation(WINS, ">", 2 * OTHER), relation(2 * WINS, ">", WINS + 2 * OTHER)
                )
            },
        ),
        uses=("bt-order-is-borda",),
        conclusion="4 voters to 3 are not enough; more than two to one are. The Nash policy is A for every majority "
        "(nlhf-condorcet).",
        expected=Verdict.REFUTED,
        instead=("nlhf-condorcet",),
    ),
    Statement(
        id="dpl-mean-utility",
        title="Bradley–Terry on pooled annotators orders by mean utility",
        origin=Origin.READING,
        source="Siththaranjan et al. 2312.08358 refute it by Borda; of a mixture of two",
        form=Form(
            _MIX,
            (),
            claim={
                "fitted above iff the mean utility is": Iff(
                    relation(_POOLED, ">", Fraction(1, 2)), relation(_LIKELY, ">", 0)
                )
            },
            right={
                "it is where both kinds are equally many": Implies(
                    relation(share, "=", Fraction(1, 2)),
                    Iff(relation(_POOLED, ">", Fraction(1, 2)), relation(_LIKELY, ">", 0)),
                )
            },
        ),
        second_routes=(
            Exact(
                "70 % with gap 2 and 30 % with gap −10: above 1/2, with mean −1.6",
                {"30 % with gap −1": {share: Fraction(7, 10), up: 2, down: 1}},
                All((relation(_POOLED, ">", Fraction(61, 100)), relation(_LIKELY, "=", Fraction(-8, 5)))),
                {share: Fraction(7, 10), up: 2, down: 10},
            ),
        ),
        conclusion="A label says who wins and not by how much: strong dislikes of a minority vanish.",
        expected=Verdict.REFUTED,
        instead=("bt-order-is-borda",),
    ),
)
