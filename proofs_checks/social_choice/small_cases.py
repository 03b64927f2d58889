"""Two theorems of social choice on so few alternatives that every case can be gone through in exact arithmetic."""

import itertools
from fractions import Fraction

from proofs_checks.kernel.evidence import Exhaustive
from proofs_checks.kernel.statement import InWords, Origin, Part, Statement, Verdict

__all__ = ["STATEMENTS"]

_PAIRS = ((0, 1), (1, 2), (0, 2))
_RANKINGS = tuple(itertools.permutations(range(3)))
#: What two voters say of a pair: whether each puts the first before the second.
_VOTES = ((True, True), (True, False), (False, True), (False, False))


def _rules():
    """Every rule with independence and Pareto: what it answers on each pair where the voters disagree."""
    for answers in itertools.product((True, False), repeat=6):
        yield tuple(
            {_VOTES[0]: True, _VOTES[1]: answers[2 * k], _VOTES[2]: answers[2 * k + 1], _VOTES[3]: False}
            for k in range(3)
        )


def _first_before(ranking, pair):
    return ranking.index(pair[0]) < ranking.index(pair[1])


def _always_a_ranking(*rule):
    """No profile of the 36 makes the rule answer with a cycle."""
    for profile in itertools.product(_RANKINGS, repeat=2):
        asked = [tuple(_first_before(ranking, pair) for ranking in profile) for pair in _PAIRS]
        ab, bc, ac = (answer[votes] for answer, votes in zip(rule, asked, strict=True))
        if ab == bc and ac != ab:
            return False
    return True


def _dictator(*rule, voters=(0, 1)):
    return any(all(answer[votes] == votes[v] for answer in rule for votes in _VOTES) for v in voters)


_ARROW = Exhaustive(
    "a ranking on all 36 profiles iff a dictator",
    {
        "iff voter 1 dictates": lambda *rule: _always_a_ranking(*rule) == _dictator(*rule, voters=(0,)),
        "no rule at all": lambda *rule: not _always_a_ranking(*rule),
    },
    _rules,
    64,
    lambda *rule: _always_a_ranking(*rule) == _dictator(*rule),
)


def _games(values, sizes):
    """Skew matrices with these entries above the diagonal, as tuples of rows."""
    for n in sizes:
        above = list(itertools.combinations(range(n), 2))
        for entries in itertools.product(values, repeat=len(above)):
            known = dict(zip(above, entries, strict=True))
            yield [tuple(known.get((i, j), -known.get((j, i), 0)) for j in range(n)) for i in range(n)]


def _kernel(rows):
    """A basis of the kernel of a square integer matrix, in rationals; its rows are reduced in whole numbers."""
    n, rows, pivots = len(rows), [[int(x) for x in row] for row in rows], []
    for column in range(n):
        found = next((k for k in range(len(pivots), n) if rows[k][column]), None)
        if found is None:
            continue
        at = len(pivots)
        rows[at], rows[found] = rows[found], rows[at]
        head = rows[at][column]
        for k in range(n):
            if k != at and rows[k][column]:
                rows[k] = [head * x - rows[k][column] * y for x, y in zip(rows[k], rows[at], strict=True)]
        pivots.append(column)
    free = [column for column in range(n) if column not in pivots]
    of = {column: rows[k] for k, column in enumerate(pivots)}
    return [[Fraction(-of[c][f], of[c][c]) if c in of else Fraction(int(c == f)) for c in range(n)] for f in free]


def _supports(game):
    """The supports of Nash policies; None where one support may carry several."""
    n, found = len(game), []
    for size in range(1, n + 1):
        for support in itertools.combinations(range(n), size):
            basis = _kernel([[game[i][j] for j in support] for i in support])
            if len(basis) > 1:
                return None
            vector = basis[0] if basis else [0]
            if any(x * vector[-1] <= 0 for x in vector):
                continue
            scale = 1 if vector[0] > 0 else -1
            loses = [scale * sum(row[j] * x for j, x in zip(support, vector, strict=True)) for row in game]
            if all(x <= 0 for x in loses):
                found.append(support)
    return found


def _one_and_odd(game):
    supports = _supports(game)
    return supports is not None and len(supports) == 1 and len(supports[0]) % 2 == 1


def _one_response(game):
    supports = _supports(game)
    return supports is not None and len(supports) == 1 and len(supports[0]) == 1


_LOTTERIES = Exhaustive(
    "one Nash policy, of odd support",
    {"one response alone": _one_response},
    lambda: _games((1, -1), (2, 3, 4, 5)),
    1098,
    _one_and_odd,
)

STATEMENTS = (
    Statement(
        id="arrow-two-voters",
        title="Arrow's theorem for two voters and three responses",
        origin=Origin.READING,
        source="Arrow 1951, of two voters, three responses and strict rankings",
        form=InWords(
            "A rule answers each pair from the two voters' orders of that pair alone (independence) and follows both "
            "where they agree (Pareto): 64 rules.",
            {"dictators": "It returns a ranking for every one of the 36 profiles iff it always follows one voter."},
            why="a finite list of rules, all of which are gone through",
        ),
        parts={"dictators": Part("All 64 rules are asked: «a ranking on all 36 profiles iff a dictator».", (_ARROW,))},
        conclusion="No aggregation of labels pair by pair has an order behind it, except to obey one annotator.",
        expected=Verdict.CERTIFIED,
    ),
    Statement(
        id="maximal-lottery-odd",
        title="The Nash policy of a tournament is unique and has odd support",
        origin=Origin.READING,
        source="Laffond, Laslier and Le Breton 1993; Fisher and Ryan 1992; of at most five responses",
        form=InWords(
            "A tournament on two to five responses: of every two one beats the other, by a margin of 1.",
            {"odd": "The unregularised preference game has exactly one Nash policy, and its support has odd size."},
            why="a finite list of games, each solved in rationals",
        ),
        parts={
            "odd": Part(
                "p is a Nash policy of the skew game A iff Ap ≤ 0, and then (Ap)_i = 0 on its support, as pᵀAp = 0: p "
                "is a positive kernel vector of A on its support. All supports of all tournaments are tried: «one Nash "
                "policy, of odd support».",
                (_LOTTERIES,),
            )
        },
        second_routes=(
            Exhaustive(
                "so have margins of 1 and 3, on three responses",
                {"or all tied": lambda game: _one_and_odd([tuple(x * 0 for x in row) for row in game])},
                lambda: _games((-3, -1, 1, 3), (3,)),
                64,
                _one_and_odd,
            ),
        ),
        conclusion="Where no vote is tied the Nash policy needs no tie-break; its support is one response or a cycle.",
        expected=Verdict.CERTIFIED,
    ),
)
