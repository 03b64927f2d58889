"""Axioms: what is known of the classical rules, smallest witnesses checked by hand, and rules made to fail."""

import numpy as np
import pytest

from tabular import InputError
from tabular.choice import axioms
from tabular.choice.axioms import RULES, smallest_violation


@pytest.mark.parametrize(
    ("rule", "kept", "broken"),
    [
        (
            "plurality",
            ["pareto", "majority", "monotonicity"],
            ["condorcet", "condorcet loser", "independence", "clone winners"],
        ),
        ("borda", ["pareto", "condorcet loser", "monotonicity"], ["majority", "condorcet", "independence", "clones"]),
        ("copeland", ["pareto", "majority", "majority order", "condorcet", "monotonicity"], ["independence"]),
        (
            "bradley-terry",
            ["pareto", "condorcet loser", "monotonicity"],
            ["majority", "majority order", "independence"],
        ),
        ("nash", ["pareto", "majority", "condorcet", "condorcet loser", "clones"], ["majority order", "independence"]),
    ],
)
def test_what_the_classical_rules_keep_and_break(rule, kept, broken):
    scores = asked_once(RULES[rule], of_wins=rule != "plurality")
    for axiom in kept:
        assert smallest_violation(axiom, scores, voters=4) is None, axiom
    for axiom in broken:
        assert smallest_violation(axiom, scores, voters=7) is not None, axiom


def asked_once(rule, of_wins):
    """The rule, which is asked once for a profile by all axioms, or for all profiles of the same wins."""
    known = {}

    def scores(profile):
        ballots = profile.rankings.tobytes(), profile.voters.tobytes(), profile.n_responses
        key = profile.wins.tobytes() if of_wins else ballots
        if key not in known:
            known[key] = rule(profile)
        return known[key]

    return scores


def test_the_smallest_witnesses():
    assert smallest_violation("majority", RULES["borda"]).profile.describe() == "2 x 0>1>2, 1 x 1>2>0"
    # the dictionary of the seven voters of the literature is not the smallest: three break Bradley-Terry's majority
    found = smallest_violation("majority order", RULES["bradley-terry"])
    wins = found.profile.wins
    ranking = np.argsort(-(wins > wins.T).sum(axis=1))
    strength = RULES["bradley-terry"](found.profile)
    assert (np.diff(strength[ranking]) >= -1e-9).any()
    assert found.profile.n_voters <= 3


def test_rules_made_to_fail_are_caught():
    backwards = lambda profile: -RULES["borda"](profile)  # noqa: E731
    assert smallest_violation("pareto", backwards).profile.describe() == "1 x 0>1"
    assert smallest_violation("condorcet loser", backwards).profile.n_voters == 1

    def contrary(profile):
        """Plurality, but a response that everybody puts first is thrown out."""
        first = np.bincount(profile.rankings[:, 0], profile.voters, profile.n_responses).astype(float)
        return np.where(first == profile.n_voters, -1.0, first)

    found = smallest_violation("monotonicity", contrary)
    assert found.other is not None
    assert (np.abs(found.profile.wins - found.other.wins) <= 1).all()


def test_a_constant_rule_keeps_independence_and_breaks_the_majority():
    constant = lambda profile: np.arange(profile.n_responses)  # noqa: E731
    assert smallest_violation("independence", constant) is None
    assert smallest_violation("majority", constant) is not None


def test_a_copy_takes_the_win_where_the_last_wins_and_never_where_the_first_does():
    assert smallest_violation("clone winners", lambda profile: -np.arange(profile.n_responses)) is None
    assert smallest_violation("clone winners", lambda profile: np.arange(profile.n_responses)) is not None


def test_arrow_for_two_voters_by_exhaustion():
    """Two of the 64 rules with Pareto, the dictators; 94 of the 4096 without."""
    dictators = axioms.independent_rules()
    assert {rule[0] for rule in dictators} == {(0, 0, 1, 1), (0, 1, 0, 1)}
    assert all(rule[0] == rule[1] == rule[2] for rule in dictators)
    without = axioms.independent_rules(pareto=False)
    assert len(without) == 94
    assert set(dictators) < set(without)


def test_an_unknown_axiom_is_said():
    with pytest.raises(InputError, match="there is no axiom 'fair': choose one of pareto"):
        smallest_violation("fair", RULES["borda"])


def test_a_violation_by_a_copy_shows_both_profiles():
    found = smallest_violation("clone winners", RULES["borda"], voters=4)
    assert found.other.n_responses == found.profile.n_responses + 1
    assert found.other.n_voters == found.profile.n_voters
