"""The public strategies at the scales that break floating point, and pieces that only our own tests ask for."""

import numpy as np
from hypothesis import strategies as st

from tabular import Problem, testing

#: The scales users meet and the ones that break floating point; small round values shrink best, so they come first.
betas = st.one_of(st.sampled_from([1.0, 0.1, 0.5, 1e-4, 1e4]), st.floats(1e-4, 1e4))


def log_odds(bound=50.0):
    """A log-ratio such as delta or delta_ref, in nats."""
    return st.one_of(st.sampled_from([0.0, -1.0, 1.0]), st.floats(-bound, bound))


def log_policies(n_prompts, n_responses, spread=20.0, present=True):
    """Normalised log-probabilities ``(n_prompts, n_responses)``; ``-inf`` outside ``present``."""
    support = np.where(present, np.zeros((n_prompts, n_responses)), -np.inf)
    return testing.policies(Problem.from_unnormalized(support, 1.0), spread)


def problems(max_prompts=3, min_responses=2, max_responses=5, spread=20.0, reward_scale=3.0, beta=betas):
    """A :class:`Problem` with a reward; some responses may be absent."""
    sizes = {"prompts": (1, max_prompts), "responses": (min_responses, max_responses)}
    absent = min_responses == 2
    made = testing.problems(**sizes, spread=spread, reward=reward_scale, absent=absent)
    return st.builds(lambda one, beta: Problem(one.log_ref, beta, one.reward), made, beta)


#: Log-policies with the support of a problem's reference.
policies_of = testing.policies


def preferences_on(problem):
    """Labels on a problem, up to eight, of weights up to a million apart."""
    return testing.preferences(problem, pairs=(1, 8), weight=(1e-3, 1e3))


def labelled_problems(**kwargs):
    """A problem and labels on it: one-sided, contradictory, repeated, of unequal weight."""
    return problems(**kwargs).flatmap(lambda problem: st.tuples(st.just(problem), preferences_on(problem)))
