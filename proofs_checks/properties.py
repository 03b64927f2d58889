"""Every statement with an executable form as a Hypothesis property test, made of the form alone.

``property_of(statement)`` is a test function: it draws instances from the statement's own generator, discards those
that miss a hypothesis, and fails on a violation, which Hypothesis then shrinks.
"""

import math
from collections.abc import Callable

from proofs_checks.kernel.instances import Instances
from proofs_checks.kernel.judging import certified
from proofs_checks.kernel.relation import All
from proofs_checks.kernel.search import scores
from proofs_checks.kernel.shrinking import as_rationals
from proofs_checks.kernel.statement import Form, Statement
from tabular.errors import InputError

__all__ = ["instances_of", "property_of"]


def instances_of(instances: Instances):
    """A Hypothesis strategy of the answers that make an instance of these."""
    from hypothesis import strategies as st

    from tabular.testing.strategies import Answers

    @st.composite
    def answers(draw):
        drawn = Answers(draw)
        instances.make(drawn)
        return drawn.answers

    return answers()


def property_of(statement: Statement, examples: int = 50) -> Callable[[], None]:
    """The statement as a property test, to be called or collected by pytest.

    Raises:
        InputError: the statement has no executable form; its reason is named.

    >>> from proofs_checks import statements
    >>> property_of(statements()["def-3.3"][0], examples=20)()
    """
    from hypothesis import HealthCheck, assume, given, settings

    form = statement.form
    if not isinstance(form, Form):
        raise InputError(f"{statement.id!r} has no executable form: {form.why}")
    claim = All(tuple(form.claim.values()))
    slow = [HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.data_too_large]

    @settings(max_examples=examples, deadline=None, suppress_health_check=slow)
    @given(instances_of(form.instances))
    def holds(answers):
        values, _ = form.instances.replay(answers)
        score = scores(form.conditions, claim, values)[0]
        assume(score > -math.inf)
        if score > 0:
            found = certified(form.instances, form.conditions, claim, as_rationals(answers))
            assert found.passed is True, f"{statement.id} is violated: {found.witness}"

    return holds
