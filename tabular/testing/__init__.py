"""Hypothesis strategies for the objects of the field, for tests of one's own: ``pip install
conditional-equivalence[testing]``.

>>> from hypothesis import given, settings
>>> from tabular import dpo
>>> @settings(max_examples=20, deadline=None)
... @given(labelled_problems(labels="population"))
... def test_population_labels_have_a_minimiser(case):
...     problem, preferences = case
...     assert dpo.solve(problem, preferences).status.name in ("UNIQUE", "SET")
>>> test_population_labels_have_a_minimiser()

What they draw shrinks to problems that a person can read: few prompts, responses and labels first, then whole numbers.
:func:`problems` and :func:`labelled_problems` also say of what ``proofs_checks.conjecture`` speaks.
"""

from tabular.testing.strategies import (
    labelled_problems,
    logs,
    losses,
    policies,
    preferences,
    problems,
    rankings,
    recipe_of,
    votes,
)

__all__ = [
    "labelled_problems",
    "logs",
    "losses",
    "policies",
    "preferences",
    "problems",
    "rankings",
    "recipe_of",
    "votes",
]
