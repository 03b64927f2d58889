"""Margins too far for floats to balance are refused around cycles of labels that count, and nowhere else."""

import numpy as np
import pytest

from tabular import InputError, Preferences, Problem, dpo
from tabular.fits import reach

PROBLEM = Problem.from_probabilities([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]], 0.5)
FAR = 1.0000001e13
CASES = {  # labels (prompt, winner, loser, weight, margin), and which one is refused
    "a cycle": ([(0, 0, 1, 1, 0), (0, 1, 0, 1, FAR)], 1),
    "a cycle, the other way": ([(0, 0, 1, 1, 0), (0, 1, 0, 1, -FAR)], 1),
    "a longer one in the second prompt": ([(0, 0, 1, 1, 0), (1, 0, 1, 2, 0), (1, 1, 2, 1, 0), (1, 2, 0, 1, FAR)], 3),
    "as far as it goes": ([(0, 0, 1, 1, 0), (0, 1, 0, 1, 1e13)], None),
    "a weight of 0 closes no cycle": ([(0, 0, 1, 1, FAR), (0, 1, 0, 0, 0)], None),
    "a weight of 0 is asked nothing": ([(0, 0, 1, 1, 0), (0, 1, 0, 1, 0), (0, 0, 1, 0, FAR)], None),
    "a cycle is of one prompt": ([(0, 0, 1, 1, FAR), (1, 1, 0, 1, -FAR)], None),
    "a chain": ([(0, 0, 1, 1, FAR), (0, 1, 2, 1, -FAR)], None),
    "beside a cycle": ([(0, 0, 1, 1, 0), (0, 1, 0, 1, 0), (0, 1, 2, 1, FAR)], None),
}


@pytest.mark.parametrize("name", CASES)
def test_only_labels_of_weight_inside_a_cycle_are_refused(name):
    rows, refused = CASES[name]
    labels = Preferences.from_pairs([row[:4] for row in rows])
    margin = np.array([row[4] for row in rows], dtype=float)
    for solve in (reach.check, dpo.solve):
        if refused is None:
            solve(PROBLEM, labels, margin)
            continue
        with pytest.raises(InputError, match=rf"\[{refused}\] is .*: where labels form a cycle keep margins within"):
            solve(PROBLEM, labels, margin)


def test_a_far_margin_without_weight_moves_nothing():
    rows = [(0, 0, 1, 2), (0, 1, 0, 1), (0, 1, 2, 1), (0, 2, 0, 1)]
    some, far = Preferences.from_pairs(rows), Preferences.from_pairs([*rows, (0, 2, 1, 0)])
    margin = np.array([0.1, -0.2, 0.3, 0.0])
    np.testing.assert_array_equal(
        dpo.solve(PROBLEM, some, margin).log_policy, dpo.solve(PROBLEM, far, np.r_[margin, 1e20]).log_policy
    )
