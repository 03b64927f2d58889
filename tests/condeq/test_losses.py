"""Losses on the command line and in problem files."""

import json

import numpy as np
import pytest

from condeq import problem_file
from tabular import InputError, losses

FILE = "beta: 0.5\nloss: {name: cdpo, eps: 0.1}\nprompts: [{reference: [0.2, 0.8], preferences: [[0, 1]]}]\n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "problem.yaml"
    path.write_text(FILE)
    return path


def log_odds(answer):
    p, q = answer["prompts"][0]["probabilities"]["loss"]
    return np.log(p / q)


def test_a_loss_of_the_file_and_of_the_command(condeq, file):
    """cDPO and EXO put one one-way pair at z = logit(1 - eps)."""
    for arguments, name, eps in (
        ((), "cdpo", 0.1),
        (("--set", "eps=0.2"), "cdpo", 0.2),
        (("--loss", "exo_pair", "--set", "eps=0.01"), "exo_pair", 0.01),
    ):
        code, out, _ = condeq("solve", file, *arguments, "--json")
        answer = json.loads(out)
        assert (code, answer["loss"], answer["loss_status"]) == (0, f"{name}(eps={eps})", "unique")
        assert 0.5 * (log_odds(answer) - np.log(0.25)) == pytest.approx(np.log((1 - eps) / eps), abs=1e-9)


@pytest.mark.parametrize("name", losses.names())
def test_every_loss_solves_a_file_or_says_why_not(condeq, name):
    needed = [key for key, (_, default) in losses.parameters(name).items() if default is None]
    settings = [part for key in needed for part in ("--set", f"{key}={losses.typical(name).params[key]}")]
    code, out, err = condeq("solve", "unlabelled_third", "--loss", name, *settings)
    assert code == (2 if losses.typical(name).batch else 0)
    assert (f"Infimum of {name}(" in out) or err.startswith(f"condeq: {name} mixes the pairs of a batch")


def test_unbounded_is_said_in_tables_and_json(condeq):
    code, out, _ = condeq("solve", "misaligned_pair", "--loss", "rdpo", "--set", "eps=0.1")
    assert code == 0
    assert "unbounded below" in " ".join(out.split())
    code, out, _ = condeq("solve", "misaligned_pair", "--loss", "rdpo", "--set", "eps=0.1", "--json")
    assert json.loads(out)["loss_infimum"] == "-inf"


@pytest.mark.parametrize("name", ["ipo", "hinge", "rdpo", "cdpo", "kto", "exo_pair"])
def test_failures_under_a_loss(condeq, name):
    settings = ("--set", "eps=0.1") if "eps" in losses.parameters(name) else ()
    code, out, _ = condeq("failures", "contradictory_labels", "--loss", name, *settings, "--json")
    rows = json.loads(out)
    assert code == 0
    assert all(row["findings"]["contradictory_labels"]["why"] for row in rows)
    code, out, _ = condeq("failures", "contradictory_labels", "--loss", name, *settings)
    assert code == 0
    assert f"at {name}" in out
    assert ("not known" in out) == (name in ("kto", "exo_pair"))
    assert max(map(len, out.splitlines())) < 1000  # piped, a line is as long as its words


def test_the_catalogue_as_table_and_json(condeq, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    code, out, _ = condeq("losses")
    assert code == 0
    for name in losses.names():
        assert name in out
    assert "huggingface/trl#3906" in out
    rows = json.loads(condeq("losses", "--json")[1])
    assert [row["name"] for row in rows] == list(losses.names())
    assert {row["name"]: row["growth"] for row in rows}["ipo"] == ["-inf", "+inf"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("solve", "misaligned_pair", "--set", "eps=0.1"), "--set eps=... changes a loss and none is named"),
        (("solve", "misaligned_pair", "--loss", "ppo"), "there is no loss named 'ppo'"),
        (("solve", "misaligned_pair", "--loss", "cdpo"), "cdpo needs eps"),
        (("solve", "misaligned_pair", "--loss", "cdpo", "--set", "eps=0.7"), "eps of cdpo is 0.7"),
        (("failures", "misaligned_pair", "--loss", "aot"), "aot mixes the pairs of a batch"),
    ],
)
def test_misuse_ends_with_one_sentence(condeq, arguments, said):
    code, out, err = condeq(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"condeq: {said}")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        ("ppo", "there is no loss named 'ppo'"),
        ("{eps: 0.1}", "loss is {'eps': 0.1}: write a name, or a mapping with name and parameters"),
        ("{name: cdpo, eps: big}", "eps of cdpo is 'big'"),
        ("{name: cdpo, 1: 2}", "loss has a parameter whose name is no text"),
        ("[cdpo]", r"loss is \['cdpo'\]"),
    ],
)
def test_a_file_whose_loss_is_none(tmp_path, loss, said):
    path = tmp_path / "problem.yaml"
    path.write_text(FILE.replace("{name: cdpo, eps: 0.1}", loss))
    with pytest.raises(InputError, match=said):
        problem_file.read(path)


def test_a_file_may_name_a_loss_without_parameters(tmp_path):
    path = tmp_path / "problem.yaml"
    path.write_text(FILE.replace("{name: cdpo, eps: 0.1}", "ipo"))
    assert problem_file.read(path).loss == losses.get("ipo")


def test_the_map_has_a_row_a_loss_and_names_what_stands_behind(condeq):
    assert "sigmoid_norm: if n_w ≤ n_l" in condeq("losses", "--map")[1]
    rows = json.loads(condeq("losses", "--map", "--json")[1])
    assert len(rows) == 31
    assert rows[3]["finite"] == {"answer": "holds", "statement": "map-finite-holds", "condition": ""}
