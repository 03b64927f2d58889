"""A table reads back from its CSV to the last bit, whatever its columns hold."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from figures.table import Table

numbers = st.lists(st.floats(allow_nan=False), max_size=5).map(lambda x: np.array(x, dtype=float))
counts = st.lists(st.integers(-(2**53), 2**53), max_size=5).map(lambda x: np.array(x, dtype=np.int64))
texts = st.lists(
    st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\x85"), min_size=1).map(
        lambda text: f"<{text}>"
    ),
    max_size=5,
).map(lambda x: np.array(x, dtype=str))
names = st.text("abcδ_ ,", min_size=1, max_size=6)
settings_of_a_figure = st.dictionaries(
    names, st.integers() | st.floats(allow_nan=False) | st.lists(st.text(max_size=4))
)


@settings(max_examples=40)  # each writes a file
@given(columns=st.dictionaries(names, numbers | counts | texts, min_size=1), settings=settings_of_a_figure)
@example(columns={"delta": np.array([-0.0, 5e-324, 0.1, np.inf])}, settings={})
@example(columns={"long": np.arange(3), "short": np.array([0.5])}, settings={"R": [0.2, 0.3]})
@example(columns={"right": np.array([True, False])}, settings={"run": 'δ, "quoted"\n'})
def test_csv_round_trip(tmp_path_factory, columns, settings):
    path = tmp_path_factory.mktemp("table") / "t.csv"
    table = Table(columns, settings)
    table.to_csv(path)
    back = Table.from_csv(path)
    assert list(back) == list(columns)
    assert back.settings == table.settings
    for name, series in columns.items():
        assert back[name].tolist() == series.tolist()
        assert [np.signbit(x) for x in back[name] if series.dtype.kind == "f"] == [
            np.signbit(x) for x in series if series.dtype.kind == "f"
        ]
    assert back.to_text() == table.to_text()


def test_numpy_settings_become_plain():
    table = Table({"x": [1]}, {"n": np.int64(3), "beta": np.float64(0.1), "R": np.array([0.2]), "names": ("a",)})
    assert table.settings == {"n": 3, "beta": 0.1, "R": [0.2], "names": ["a"]}


def test_columns_are_frozen_copies():
    mine = np.array([1.0, 2.0])
    table = Table({"x": mine})
    mine[0] = 5
    assert table["x"][0] == 1
    with pytest.raises(ValueError, match="read-only"):
        table["x"][0] = 5


@pytest.mark.parametrize("values", [[[1, 2]], [object()], 3.0])
def test_a_column_is_a_series(values):
    with pytest.raises(ValueError, match="'x' must be a 1-D series"):
        Table({"x": values})
