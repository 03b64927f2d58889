"""Every loss of the catalogue against 30-digit values and derivatives, rows at +-1000 nats included."""

import json
from pathlib import Path

import numpy as np
import pytest

from tabular import losses

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "losses.json").read_text())
CASES = [(name, row) for name, entry in GOLDEN["losses"].items() for row in entry["rows"]]
#: Relative: a few roundings of a margin of up to 2000 nats, in the exponent.
DIGITS = 1e-13


def golden(name, **changed):
    return losses.get(name, **{**GOLDEN["losses"][name]["params"], **changed})


def agrees(found, wanted):
    """Equal to 13 digits; inf where the true value is beyond the floats, and 0 or subnormal where it is below."""
    return found == wanted or abs(found - wanted) <= DIGITS * abs(wanted) + 1e-307


@pytest.mark.parametrize(("name", "row"), CASES)
def test_value_and_derivatives(name, row):
    inputs, wanted = GOLDEN["inputs"][row], GOLDEN["losses"][name]["rows"][row]
    loss = golden(name)
    found = (loss(**inputs), *loss.gradient(**inputs))
    for number, key in zip(found, ("value", "d_chosen", "d_rejected"), strict=True):
        assert agrees(number, float(wanted[key])), (key, number, wanted[key])
    assert not np.isnan(loss.curvature(**inputs)).any()


def test_all_rows_at_once_are_the_rows_one_by_one():
    inputs = {key: np.array([row[key] for row in GOLDEN["inputs"].values()]) for key in GOLDEN["inputs"]["typical"]}
    for name in GOLDEN["losses"]:
        loss = golden(name)
        one_by_one = [(loss(**row), *loss.gradient(**row)) for row in GOLDEN["inputs"].values()]
        np.testing.assert_allclose((loss(**inputs), *loss.gradient(**inputs)), np.array(one_by_one).T, rtol=1e-14)


def test_token_counts_may_differ_from_pair_to_pair():
    row = GOLDEN["inputs"]["typical"]
    for name in ("ipo_norm", "simpo", "sigmoid_norm", "dpo_sft", "cpo_xu"):
        params = {key: [8, 2] for key in ("n_w", "n_l") if key in GOLDEN["losses"][name]["params"]}
        both = golden(name, **params)
        single = [golden(name, **{key: counts[k] for key, counts in params.items()}) for k in (0, 1)]
        np.testing.assert_array_equal(both(**row), [loss(**row) for loss in single])
        np.testing.assert_array_equal(both.gradient(**row), np.array([loss.gradient(**row) for loss in single]).T)
        assert both != single[0]


@pytest.mark.parametrize("name", ["dpo", "aot", "aot_unpaired"])
def test_losses_of_a_batch(name):
    batch = GOLDEN["batch"]
    columns = np.array(batch["inputs"]).T
    assert losses.get(name)(*columns, batch["beta"]).mean() == pytest.approx(float(batch[name]), rel=1e-15)


def test_the_catalogue_is_the_golden_file():
    assert losses.names() == (*GOLDEN["losses"], "aot", "aot_unpaired")
    for name, entry in GOLDEN["losses"].items():
        assert set(losses.parameters(name)) == set(entry["params"])


def test_a_digit_off_is_seen():
    inputs = GOLDEN["inputs"]["typical"]
    assert not agrees(golden("odpo", offset=0.75 * (1 + 1e-12))(**inputs), golden("odpo")(**inputs))
    assert not agrees(golden("kto", z0=-0.25)(**inputs), golden("kto")(**inputs))
    assert not agrees(golden("sigmoid_norm", n_w=16, n_l=8)(**inputs), golden("sigmoid_norm")(**inputs))
