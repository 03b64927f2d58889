"""The map of losses says what its statements say, of every loss and property, no more; formulas against the library."""

import numpy as np
import pytest
import sympy

from proofs_checks import statements
from proofs_checks.kernel.symbolic import numerically
from proofs_checks.spaces.losses import LOSSES
from tabular import InputError, losses
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


def test_how_much_is_open():
    answers = [cell.answer for row in MAP.values() for cell in row.values()]
    assert len(answers) == 31 * 13
    assert answers.count(Answer.OPEN) == 21


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
