"""The strategies themselves: what they draw obeys the rules and reaches the corners."""

import numpy as np
from hypothesis import Phase, find, given, settings
from scipy.special import logsumexp

from tests import strategies


@given(strategies.labelled_problems())
def test_draws_are_valid_and_labels_speak_of_present_responses(case):
    problem, preferences = case
    np.testing.assert_allclose(logsumexp(problem.log_ref, axis=1), 0, atol=1e-12)
    assert problem.present[preferences.prompt, preferences.winner].all()
    assert problem.present[preferences.prompt, preferences.loser].all()
    assert (preferences.weight > 0).all()


def reaches(condition):
    """Raise NoSuchExample where the corner is never drawn; what was drawn is not made small."""
    find(strategies.labelled_problems(), condition, settings=settings(phases=[Phase.generate], max_examples=5000))


def test_corners_are_reached():
    reaches(lambda case: not case[0].present.all())
    reaches(lambda case: case[0].n_prompts > 1)
    reaches(lambda case: case[0].beta == 1e-4)
    reaches(lambda case: len(case[0].present[0]) > len(np.unique([case[1].winner, case[1].loser])))
    reaches(lambda case: (case[1].delta(case[0].log_ref) < 0).any())


@given(strategies.problems(max_responses=4).flatmap(strategies.policies_of))
def test_policies_are_normalised(log_policy):
    np.testing.assert_allclose(np.exp(log_policy).sum(axis=1), 1, rtol=1e-12)
