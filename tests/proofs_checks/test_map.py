"""The map of losses says what its statements say, of every loss and property, no more; formulas against the library."""

import numpy as np
import pytest
import sympy

from proofs_checks import statements
from proofs_checks.kernel.symbolic import numerically
from proofs_checks.spaces.losses import LOSSES
from tabular import InputError, Preferences, Problem, losses
from tabular.losses.guarantees import PROPERTIES, SETTINGS, Answer

MAP = losses.guarantees()
BEHIND = {name: statement for name, (statement, _) in statements().items() if name.startswith("map-")}
SYMBOLS = sympy.symbols("w l u v", real=True)


@pytest.mark.parametrize("name", PROPERTIES)
def test_every_cell_is_a_part_of_its_statement_and_every_part_a_cell(name):
    told = {(row[name].statement, loss) for loss, row in MAP.items() if row[name].answer is not Answer.OPEN}
    known = {
        (statement, loss)
        for statement in BEHIND
        if statement.rpartition("-")[0] == f"map-{name}"
        for loss in BEHIND[statement].form.claim
    }
    assert told == known
    for loss, row in MAP.items():
        if row[name].answer is not Answer.OPEN:
            words = str(BEHIND[row[name].statement].form.claim[loss])
            assert words.partition(" if ")[2] == row[name].condition
            assert words.partition(" if ")[0].partition(" at ")[::2] == (loss, row[name].setting)
        assert (row[name].answer is Answer.OPEN) == (row[name].statement == "")


_PULLED_BACK = {
    "sppo_hard": ([1, 2, 2], [(0, 1, 1), (1, 2, 1)], 1),
    "nca_pair": ([1, 3, 3, 3], [(1, 2, 1000), (2, 1, 1000), (0, 3, 1), (3, 0, 0.01)], 1),
    "discopop": ([2, 3, 5], [(0, 1, 3000), (2, 1, 3000), (1, 0, 30), (1, 2, 30)], 1),
    "ipo": ([1, 1, 1], [(0, 1, 1), (1, 2, 1)], 1),
}


@pytest.mark.parametrize("name", _PULLED_BACK)
def test_the_votes_of_the_map_move_their_pair_the_other_way(name):
    """The witnesses' labels, solved by the library: π_1/π_3 falls when 1 > 3 is added."""
    ref, labels, votes = _PULLED_BACK[name]
    assert MAP[name]["vote"].answer is Answer.FAILS
    problem, loss = Problem.from_unnormalized(np.log(ref), beta=1), losses.get(name, **SETTINGS.get(name, {}))
    before, after = (
        losses.solve(problem, Preferences.from_pairs([(0, *label) for label in asked]), loss).log_policy[0]
        for asked in (labels, [*labels, (0, 2, votes)])
    )
    assert after[0] - after[2] < before[0] - before[2] - 1e-3


@pytest.mark.parametrize("name", ["dpo_sft", "cpo_xu"])
def test_the_votes_of_the_map_move_their_pair_their_own_way(name):
    rng, loss = np.random.default_rng(0), losses.get(name, **SETTINGS[name])
    for _ in range(30):
        problem = Problem.from_unnormalized(3 * rng.normal(size=4), beta=float(np.exp(rng.normal())))
        labels = [(0, k, (k + 1) % 4, w) for k, w in enumerate(rng.exponential(1, 4) ** 2)]
        more = [*labels, (0, 0, 2, rng.exponential())]
        before, after = (
            losses.solve(problem, Preferences.from_pairs(asked), loss).log_policy[0] for asked in (labels, more)
        )
        rise = after - before
        assert rise[0] >= rise.max() - 1e-9


def test_how_much_is_open():
    answers = [cell.answer for row in MAP.values() for cell in row.values()]
    assert len(answers) == 31 * 13
    assert answers.count(Answer.OPEN) == 16


@pytest.mark.parametrize("name", LOSSES)
def test_formulas_are_the_librarys(name):
    """Two hands wrote each loss: a paper's formula for proofs, and the library's."""
    points = -np.random.default_rng(0).exponential(1.5, (4, 40)) - 0.05
    written = numerically(LOSSES[name](*SYMBOLS, 1), SYMBOLS)(*points)
    assert written == pytest.approx(losses.get(name, **SETTINGS.get(name, {}))(*points, 1.0), rel=1e-12, abs=1e-12)


def test_convexity_and_growth_are_those_of_the_objects():
    for name, row in MAP.items():
        loss = losses.get(name, **SETTINGS.get(name, {}))
        assert (row["convex"].answer is Answer.HOLDS) == loss.convex, name
        if loss.growth is not None:
            left, right = loss.growth
            assert (row["bounded"].answer is Answer.HOLDS) == (left <= 0 <= right), name


def test_a_name_that_is_no_loss_of_pairs_is_refused():
    with pytest.raises(InputError, match="loss of pairs"):
        losses.guarantees("aot")
