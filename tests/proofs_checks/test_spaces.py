"""What statements share: a computation asked for by many is made once, and lends nothing to exact decisions."""

from fractions import Fraction

from proofs_checks.kernel import exact
from proofs_checks.kernel.relation import Holds
from proofs_checks.spaces.problems import once


def test_what_is_computed_once_decides_nothing_exactly():
    """Not even where the answer is known already: a fraction and the float that equals it are looked up alike."""
    asked = []

    @once
    def total(weights):
        asked.append(weights)
        return sum(weights)

    def light(weights):
        return total(weights) < 2

    assert Holds(light)._answers({"instances": [{"weights": [0.5, 1]}, {"weights": (0.5, 1)}]}).all()
    assert asked == [(0.5, 1)]
    assert exact.by_floats(light)
    assert Holds(light).decide({"weights": [Fraction(1, 2), 1]}) is None
