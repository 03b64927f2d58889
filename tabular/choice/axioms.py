r"""Axioms of social choice, tested on any rule, with the smallest profile that breaks one.

A rule is a function of a :class:`~tabular.choice.votes.Profile` that returns one score for each response, more for the
better; equal scores are ties. The search goes through all profiles, up to the order of the voters, by the number of
responses and then of voters: what it returns is smallest, and what it does not find is not there up to its bounds.
"""

from collections.abc import Callable, Iterator
from itertools import combinations, permutations, product

import numpy as np

from tabular.base import checks
from tabular.base.record import Record
from tabular.choice import games, matrix, rules
from tabular.choice.votes import Profile, profiles

__all__ = ["AXIOMS", "RULES", "Rule", "Violation", "independent_rules", "smallest_violation"]

Rule = Callable[[Profile], np.ndarray]

_CLOSE = 1e-9  # scores this close, relative to their spread, are tied: rules that fit or optimise carry rounding


class Violation(Record):
    """A profile that breaks an axiom, and, where the axiom compares two, the other one."""

    axiom: str
    why: str
    profile: Profile
    other: Profile | None = None


def smallest_violation(
    axiom: str, rule: Rule, responses: tuple[int, int] = (2, 3), voters: int = 5
) -> Violation | None:
    """The first profile that breaks an axiom, or None where every profile within the bounds keeps it.

    Args:
        axiom: a key of :data:`AXIOMS`.
        rule: a function of a profile, such as those of :data:`RULES`.
        responses: the least and the largest number of responses.
        voters: the largest number of voters.

    >>> smallest_violation("majority", RULES["borda"]).profile.describe("ABC")
    '2 x A>B>C, 1 x B>C>A'
    >>> smallest_violation("pareto", RULES["borda"]) is None
    True
    """
    broken = checks.choice(axiom, AXIOMS, "axiom")
    for n_responses in range(responses[0], responses[1] + 1):
        for n_voters in range(1, voters + 1):
            for found in broken(rule, profiles(n_responses, n_voters)):
                return Violation(axiom, *found)
    return None


def _order(rule, profile):
    """``(n, n)`` of -1, 0, 1: does i stand below, with or above j?"""
    score = np.asarray(rule(profile), dtype=float)
    difference = score[:, None] - score[None, :]
    return np.sign(np.where(np.abs(difference) <= _CLOSE * np.ptp(score), 0.0, difference)).astype(int)


def _winners(order):
    return set(np.flatnonzero((order >= 0).all(axis=1)).tolist())


def _pareto(rule, candidates) -> Iterator[tuple]:
    """Where every voter puts i above j, j does not stand above i."""
    for profile in candidates:
        order = _order(rule, profile)
        for i, j in np.argwhere(profile.wins == profile.n_voters):
            if order[i, j] < 0:
                yield f"every voter puts {i} above {j}, the rule puts {j} above {i}", profile


def _majority(rule, candidates):
    """A response that more than half of the voters put first wins, alone."""
    for profile in candidates:
        firsts = np.bincount(profile.rankings[:, 0], profile.voters, profile.n_responses)
        top = int(firsts.argmax())
        if 2 * firsts[top] > profile.n_voters and _winners(_order(rule, profile)) != {top}:
            yield f"{int(firsts[top])} of {profile.n_voters} voters put {top} first, and it does not win alone", profile


def _majority_order(rule, candidates):
    """Where all majorities agree with one ranking, the rule gives that ranking."""
    for profile in candidates:
        beats = profile.wins > profile.wins.T
        wins = beats.sum(axis=1)
        if sorted(wins) == list(range(profile.n_responses)):  # a transitive tournament
            ranking = np.argsort(-wins).tolist()
            order = _order(rule, profile)
            if any(order[a, b] <= 0 for a, b in combinations(ranking, 2)):
                yield f"every majority agrees with {'>'.join(map(str, ranking))}, the rule does not", profile


def _condorcet(rule, candidates):
    """A response that beats every other by a majority wins, alone."""
    for profile in candidates:
        top = np.flatnonzero((profile.wins > profile.wins.T).sum(axis=1) == profile.n_responses - 1)
        if top.size and _winners(_order(rule, profile)) != {int(top[0])}:
            yield f"{top[0]} beats every other response, and does not win alone", profile


def _condorcet_loser(rule, candidates):
    """A response that every other beats by a majority does not win."""
    for profile in candidates:
        last = np.flatnonzero((profile.wins < profile.wins.T).sum(axis=1) == profile.n_responses - 1)
        if last.size and int(last[0]) in _winners(_order(rule, profile)):
            yield f"every other response beats {last[0]}, and it wins", profile


def _monotonicity(rule, candidates):
    """A winner that one voter moves up by a place still wins."""
    for profile in candidates:
        for winner in _winners(_order(rule, profile)):
            for row, ranking in enumerate(profile.rankings.tolist()):
                at = ranking.index(winner)
                if at and profile.voters[row]:
                    raised = [*ranking[: at - 1], winner, ranking[at - 1], *ranking[at + 1 :]]
                    voters = [*(profile.voters - (np.arange(len(profile.voters)) == row)), 1]
                    other = Profile([*profile.rankings.tolist(), raised], voters)
                    if winner not in _winners(_order(rule, other)):
                        yield f"{winner} wins; a voter puts it one place higher, and it does not", profile, other


def _independence(rule, candidates):
    """The order of i and j depends on how voters rank the two only: for anonymous rules, on how many put i first."""
    seen = {}
    for profile in candidates:
        order = _order(rule, profile)
        for i, j in combinations(range(profile.n_responses), 2):
            before, other = seen.setdefault((i, j, profile.wins[i, j]), (order[i, j], profile))
            if before != order[i, j]:
                same = f"{profile.wins[i, j]} of {profile.n_voters} voters put {i} above {j} both times"
                yield f"{same}, the rule orders the two differently", profile, other


def _clones(rule, candidates):
    """A copy of c that every voter ranks next to c does not change the order of two other responses."""
    for profile in candidates:
        order = _order(rule, profile)
        for copied in range(profile.n_responses):
            rest = [y for y in range(profile.n_responses) if y != copied]
            for first in product((False, True), repeat=len(profile.rankings)):
                other = profile.with_clone(copied, first)
                changed = _order(rule, other)
                for i, j in combinations(rest, 2):
                    if order[i, j] * changed[i, j] < 0:
                        yield f"a copy of {copied} turns the order of {i} and {j} round", profile, other


def _clone_winners(rule, candidates):
    """Tideman 1987: a copy of c takes the win from no other response, nor from c and its copy together."""
    for profile in candidates:
        winners = _winners(_order(rule, profile))
        for copied in range(profile.n_responses) if len(winners) == 1 else ():
            for first in product((False, True), repeat=len(profile.rankings)):
                other = profile.with_clone(copied, first)
                allowed = {copied, profile.n_responses} if winners == {copied} else winners
                if not allowed & _winners(_order(rule, other)):
                    yield f"a copy of {copied} takes the win from {next(iter(winners))}", profile, other


#: Each axiom: from a rule and profiles to (why, profile[, other profile]) of every violation.
AXIOMS = {
    "pareto": _pareto,
    "majority": _majority,
    "majority order": _majority_order,
    "condorcet": _condorcet,
    "condorcet loser": _condorcet_loser,
    "monotonicity": _monotonicity,
    "independence": _independence,
    "clones": _clones,
    "clone winners": _clone_winners,
}


def _of_preference(score) -> Rule:
    return lambda profile: score(matrix.from_wins(profile.wins))[0]


#: Rules to test. ``bradley-terry`` adds a tenth of a vote each way to every pair, so that it always exists; ``nash`` is
#: the maximal lottery, the policy of the unregularised preference game.
RULES: dict[str, Rule] = {
    "plurality": lambda profile: np.bincount(profile.rankings[:, 0], profile.voters, profile.n_responses),
    "borda": lambda profile: profile.wins.sum(axis=1),
    "copeland": _of_preference(rules.copeland),
    "bradley-terry": lambda profile: (
        rules.bradley_terry(profile.wins + 0.1 * (1 - np.eye(profile.n_responses))).strength
    ),
    "nash": lambda profile: games.maximal_lottery(matrix.exact_from_wins(profile.wins)).probabilities,
}


def independent_rules(pareto: bool = True) -> list[tuple]:
    """Every rule for 3 responses and 2 voters that decides pair by pair and always returns a ranking.

    A rule is three tables, for the pairs 01, 02, 12, from (does voter 1, voter 2 put the lower number first) to whether
    the rule does. Arrow (1951): with Pareto only the two dictators are left.

    >>> len(independent_rules()), len(independent_rules(pareto=False))
    (2, 94)
    """
    tables = [table for table in product((0, 1), repeat=4) if not pareto or (table[0] == 0 and table[3] == 1)]
    rankings = [_signs(ranking) for ranking in permutations(range(3))]
    inputs = [[2 * a + b for a, b in zip(one, two, strict=True)] for one in rankings for two in rankings]
    found = []
    for rule in product(tables, repeat=3):
        if all(tuple(table[k] for table, k in zip(rule, case, strict=True)) in rankings for case in inputs):
            found.append(rule)
    return found


def _signs(ranking):
    """For the pairs 01, 02, 12: does the ranking put the lower number first?"""
    return tuple(int(ranking.index(i) < ranking.index(j)) for i, j in combinations(range(3), 2))
