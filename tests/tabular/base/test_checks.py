"""The shared rules of input: what counts as numbers, whole numbers, names and paths, and the sentence for the rest."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabular import InputError
from tabular.base import checks

NO_NUMBERS = [
    None,
    "0.5",
    b"1",
    [None],
    ["1"],
    [[1], [2, 3]],
    {},
    {1},
    1j,
    [1j],
    True,
    [True],
    object(),
    [10**400],
    print,
]
NO_NUMBERS += [np.array(["2020-01-01"], dtype="M8[D]"), np.ma.array([1.0, 2.0], mask=[False, True]), 10**5000]
NO_INTS = [*NO_NUMBERS, 0.0, [1.0], [0, 0.5], -1, [1, -1], [2**63], np.array([2**64 - 1], dtype=np.uint64), np.nan]
ONE_LINE = 300


def sentence_of(check, *args):
    with pytest.raises(InputError) as raised:
        check(*args)
    sentence = str(raised.value)
    assert sentence.startswith("it")
    assert "\n" not in sentence
    assert len(sentence) < ONE_LINE
    return sentence


@pytest.mark.parametrize("wrong", NO_NUMBERS, ids=lambda wrong: type(wrong).__name__)
def test_what_is_no_number_is_refused_in_one_line(wrong):
    sentence_of(checks.numbers, wrong, "it")
    sentence_of(checks.number, wrong, "it")
    sentence_of(checks.whole_numbers, wrong, "it")


@pytest.mark.parametrize("wrong", NO_INTS, ids=lambda wrong: type(wrong).__name__)
def test_what_is_no_whole_number_is_refused_in_one_line(wrong):
    sentence_of(checks.whole_numbers, wrong, "it")


@given(st.lists(st.floats(allow_nan=False), min_size=1))
def test_numbers_are_kept_to_the_last_bit_in_an_array_of_their_own(values):
    given_ = np.array(values)
    for form in (values, tuple(values), given_):
        found = checks.numbers(form, "it")
        assert found.tolist() == values
        assert not np.shares_memory(found, given_)


def test_every_kind_of_number_is_one():
    for one in (2, 2.0, np.float32(2), np.int8(2), Fraction(4, 2), np.array(2), np.uint64(2)):
        assert checks.numbers([one], "it").tolist() == [2.0]
        assert checks.number(one, "it") == 2.0
    assert checks.numbers(10**30, "it") == 1e30


@given(st.lists(st.integers(0, 2**63 - 1)))
def test_whole_numbers_are_kept_exactly(values):
    found = checks.whole_numbers(values, "it")
    assert found.dtype == np.int64
    assert found.tolist() == values


@pytest.mark.parametrize(("values", "place"), [([0, 0.5], 1), ([0, 1, "2"], 2), ([3, 2**64], 1), ([1, 2, -3], 2)])
def test_the_entry_at_fault_is_named(values, place):
    assert f"it[{place}] is {values[place]!r}: " in sentence_of(checks.whole_numbers, values, "it")


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (checks.POSITIVE, [5e-324, 1e308], [0, -1, np.inf, np.nan]),
        (checks.NOT_NEGATIVE, [0, 1e308], [-5e-324, np.inf, np.nan]),
        (checks.FINITE, [-1e308, 0, 1e308], [np.inf, -np.inf, np.nan]),
        (checks.NOT_NAN, [-np.inf, 0, np.inf], [np.nan]),
    ],
)
def test_the_range_of_one_number(rule, good, bad):
    assert [checks.number(value, "it", rule) for value in good] == good
    for value in [*bad, [1.0], np.ones(1)]:
        assert sentence_of(checks.number, value, "it", rule).endswith(f": it must be one number, {rule}")


def test_one_whole_number():
    assert [checks.whole_number(value, "it") for value in (3, -3, np.int64(3))] == [3, -3, 3]
    for wrong in (3.0, "3", None, True, np.True_, [3]):
        sentence_of(checks.whole_number, wrong, "it")
    assert checks.whole_number(0, "it", least=0) == 0
    assert sentence_of(checks.whole_number, -1, "it", 0) == "it is -1: it must be one whole number, an int of 0 or more"


def test_names_and_texts():
    assert checks.names(["a", "b"], "it") == ("a", "b")
    assert checks.texts(np.array(["a", "a"], dtype=object), "it").tolist() == ["a", "a"]
    for wrong in (["a", "a"], ["a", None], None, 3):
        sentence_of(checks.names, wrong, "it")
    for wrong in (["a", None], [1, 2], [["a"], ["b", "c"]]):
        sentence_of(checks.texts, wrong, "it")


def test_a_path_is_text_or_a_path():
    assert checks.path("a.csv") == checks.path(Path("a.csv")) == Path("a.csv")
    for wrong in (None, 3, b"a.csv", "a\0b"):
        with pytest.raises(InputError, match=r"^the path is .*: name a file$"):
            checks.path(wrong)


def test_what_a_sentence_shows_is_short_and_on_one_line():
    for value in (np.zeros((50, 50)), "x\ny" * 999, [[["deep"] * 99] * 99] * 99, 10**5000, {"a": "b" * 999}):
        assert len(checks.brief(value)) < ONE_LINE
        assert "\n" not in checks.brief(value)
    assert checks.brief(np.float64(0.5)) == checks.brief(0.5) == "0.5"
