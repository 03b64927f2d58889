"""Facts behind the ternary plots of solution sets and the win digraphs."""

import numpy as np
import pytest

from figures import solution_sets, win_digraph


@pytest.fixture(scope="module")
def table():
    return solution_sets.compute()


def vertices(table, panel):
    return np.column_stack([table[f"{panel}_set_{name}"] for name in "abc"])


def test_status_and_dimension_of_each_panel(table):
    assert [table.settings[f"status_{p}"] for p in ("point", "ray", "face", "corner")] == [
        "unique",
        "set",
        "unattained",
        "unattained",
    ]
    assert [len(vertices(table, p)) for p in ("point", "ray", "face", "corner")] == [1, 2, 2, 1]


def test_each_set_is_what_the_theorem_says(table):
    assert vertices(table, "point")[0] == pytest.approx(table["point_rlhf"], abs=1e-12)
    assert sorted(vertices(table, "ray").tolist()) == pytest.approx(np.array([[0, 0, 1], [6 / 7, 1 / 7, 0]]))
    assert sorted(vertices(table, "face").tolist()) == [[0, 0, 1], [1, 0, 0]]
    assert vertices(table, "corner").tolist() == [[1, 0, 0]]


def test_rlhf_lies_on_the_ray_apart_from_where_the_flow_ends(table):
    for name in ("rlhf", "flow", "closest"):
        policy = table[f"ray_{name}"]
        assert policy[0] / policy[1] == pytest.approx(6.0)
    assert abs(table["ray_rlhf"][2] - table["ray_flow"][2]) > 0.1
    assert table["face_flow"].tolist() == [1, 0, 0]


def test_every_policy_is_drawn_where_it_belongs(table):
    corners = np.array([[0, 0], [1, 0], [0.5, np.sqrt(3) / 2]])
    axes = solution_sets.draw(table).axes
    for ax, panel in zip(axes, ("point", "ray", "face", "corner"), strict=True):
        drawn = [line.get_xydata()[0] for line in ax.get_lines() if len(line.get_xdata()) == 1]
        for name in ("reference", "rlhf", "flow", "closest"):
            expected = table[f"{panel}_{name}"] @ corners
            assert min(np.abs(point - expected).max() for point in drawn) < 1e-12
        assert len([text for text in ax.texts if text.get_text() == ""]) == len(table[f"{panel}_winner"])  # arrows


def test_captions_give_the_numbers(table):
    assert "(0.500, 0.083, 0.417)" in solution_sets.caption(table)
    assert "0.6931 (set)" in win_digraph.caption(win_digraph.compute())


def test_digraph_verdicts_follow_the_labels():
    digraph = win_digraph.compute()
    assert [digraph.settings[f"status_{name}"] for name in digraph.settings["panels"]] == digraph.settings["panels"]
    assert digraph["unattained_source"].tolist() == [True, True, True, False, False, True]
    assert digraph["unattained_mass"][3:] == pytest.approx([0, 0, 0])
    figure = win_digraph.draw(digraph)
    for ax, name in zip(figure.axes, digraph.settings["panels"], strict=True):
        assert len(ax.patches) == len(digraph[f"{name}_winner"])
