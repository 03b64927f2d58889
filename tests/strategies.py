"""Hypothesis strategies for the objects of the field, extreme scales included."""

import numpy as np
from hypothesis import strategies as st

from tabular import Preferences, Problem

#: The scales users meet and the ones that break floating point; small round values shrink best, so they come first.
betas = st.one_of(st.sampled_from([1.0, 0.1, 0.5, 1e-4, 1e4]), st.floats(1e-4, 1e4))


def log_odds(bound=50.0):
    """A log-ratio such as delta or delta_ref, in nats."""
    return st.one_of(st.sampled_from([0.0, -1.0, 1.0]), st.floats(-bound, bound))


@st.composite
def log_policies(draw, n_prompts, n_responses, spread=20.0, present=None):
    """Normalised log-probabilities ``(n_prompts, n_responses)``; ``-inf`` outside ``present``."""
    cells = n_prompts * n_responses
    logits = draw(st.lists(st.floats(-spread, spread), min_size=cells, max_size=cells))
    logits = np.array(logits).reshape(n_prompts, n_responses)
    if present is not None:
        logits = np.where(present, logits, -np.inf)
    top = logits.max(axis=1, keepdims=True)
    return logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))


@st.composite
def supports(draw, n_prompts, n_responses, at_least=2):
    """Boolean mask with at least ``at_least`` present responses in each row."""
    rows = []
    for _ in range(n_prompts):
        size = draw(st.integers(at_least, n_responses))
        there = draw(st.permutations(range(n_responses)))[:size]
        rows.append(np.isin(np.arange(n_responses), there))
    return np.array(rows)


@st.composite
def problems(draw, max_prompts=3, min_responses=2, max_responses=5, spread=20.0, reward_scale=3.0, beta=betas):
    """A :class:`Problem` with a reward; some responses may be absent."""
    n_prompts = draw(st.integers(1, max_prompts))
    n_responses = draw(st.integers(min_responses, max_responses))
    there = draw(supports(n_prompts, n_responses, at_least=min_responses))
    log_ref = draw(log_policies(n_prompts, n_responses, spread, there))
    cells = n_prompts * n_responses
    reward = draw(st.lists(st.floats(-reward_scale, reward_scale), min_size=cells, max_size=cells))
    return Problem(log_ref, draw(beta), np.array(reward).reshape(n_prompts, n_responses))


@st.composite
def policies_of(draw, problem, spread=20.0):
    """A log-policy with the support of the problem's reference."""
    return draw(log_policies(problem.n_prompts, problem.n_responses, spread, problem.present))


@st.composite
def preferences_on(draw, problem, max_pairs=8, log_weight_range=3.0):
    """Labels of a problem: one-sided, contradictory, repeated, of unequal weight."""
    labels = draw(st.lists(_label(problem, log_weight_range), min_size=1, max_size=max_pairs))
    prompt, winner, loser, log_weight = zip(*labels, strict=True)
    return Preferences(prompt, winner, loser, weight=10.0 ** np.array(log_weight))


@st.composite
def _label(draw, problem, log_weight_range):
    prompt = draw(st.integers(0, problem.n_prompts - 1))
    there = np.flatnonzero(problem.present[prompt]).tolist()
    winner, loser = draw(st.permutations(there))[:2]
    return prompt, winner, loser, draw(st.one_of(st.just(0.0), st.floats(-log_weight_range, log_weight_range)))


@st.composite
def labelled_problems(draw, **kwargs):
    """A problem and labels on it."""
    problem = draw(problems(**kwargs))
    return problem, draw(preferences_on(problem))
