"""A tiny foreign package, installed as pip leaves it: its statement, its loss and its figure in the command."""

import json
import sys

import numpy as np
import pytest

import figures
from tabular import InputError, Preferences, Problem, losses

GROUPS = {
    "condeq.statements": "foreign = foreign_package.statements",
    "condeq.losses": "mild = foreign_package.losses:mild\nflat = foreign_package.losses:FLAT",
    "condeq.figures": "two_points = foreign_package.two_points",
}
FILES = {
    "__init__": "",
    "statements": """
import dataclasses

from proofs_checks.yang_2026.definition_3_3 import STATEMENTS as OURS

STATEMENTS = (dataclasses.replace(OURS[0], id="foreign-claim", title="A claim from elsewhere"),)
""",
    "losses": '''
import numpy as np

from tabular import losses


def mild(eps, scale=1.0):
    """cDPO's mixture, written anew; the optimum of one label is logit(1 - eps) / scale."""
    return losses.custom(
        "mild",
        lambda x: (1 - eps) * np.logaddexp(0, -scale * x) + eps * np.logaddexp(0, scale * x),
        lambda x: scale * (eps - 1 / (1 + np.exp(scale * x))),
    )


FLAT = losses.custom("flat", lambda x: np.exp(-x), lambda x: -np.exp(-x))
''',
    "two_points": """
from figures import style
from figures.drawing import drawing
from figures.table import Table

TITLE = "Two points of a foreign figure"


def compute(*, beta=0.5):
    return Table({"x": [0.0, beta]}, {"beta": beta})


@drawing(columns=1, height=1.5)
def draw(table):
    return {"a": lambda ax: ax.plot(table["x"], table["x"], **style.line("dpo"))}


def caption(table):
    return f"From elsewhere, at β = {table.settings['beta']:g}."
""",
}


@pytest.fixture
def installed(tmp_path_factory, monkeypatch):
    """The package on the path, and the facts that an installer leaves beside it; some of either may be other ones."""

    def install(groups=GROUPS, **other):
        site = tmp_path_factory.mktemp("site")
        package, facts = site / "foreign_package", site / "foreign-2.1.dist-info"
        package.mkdir()
        facts.mkdir()
        for name, text in {**FILES, **other}.items():
            (package / f"{name}.py").write_text(text, encoding="utf-8")
        (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign\nVersion: 2.1\n", encoding="utf-8")
        listed = "\n".join(f"[{group}]\n{entries}\n" for group, entries in groups.items())
        (facts / "entry_points.txt").write_text(listed, encoding="utf-8")
        monkeypatch.syspath_prepend(site)

    yield install
    for name in [name for name in sys.modules if name.split(".")[0] == "foreign_package"]:
        del sys.modules[name]


def test_all_that_it_lends_is_listed(installed, condeq):
    installed()
    code, out, _ = condeq("list")
    assert code == 0
    lines = out.splitlines()
    for line in (
        "statements\tforeign-claim\tA claim from elsewhere",
        "losses\tmild\tdifference, a user's own",
        "figures\ttwo_points\tTwo points of a foreign figure; beta=0.5",
    ):
        assert line in lines


def test_its_statement_is_checked(installed, condeq):
    installed()
    code, out, _ = condeq("check", "foreign-claim")
    assert (code, out.splitlines()[0]) == (0, "foreign-claim: A claim from elsewhere")
    assert "foreign_package/foreign" in out


def test_its_loss_is_solved_under_its_name_and_parameters(installed, condeq):
    """Two routes: the closed form, and the catalogue's cdpo, whose formula it writes anew."""
    installed()
    code, out, _ = condeq("solve", "misaligned_pair", "--loss", "mild", "--set", "eps=0.125", "--json")
    answer = json.loads(out)
    assert (code, answer["loss"], answer["loss_status"]) == (0, "mild(eps=0.125, scale=1.0)", "unique")
    assert answer["loss_infimum"] == pytest.approx(-0.125 * np.log(0.125) - 0.875 * np.log(0.875))
    policies = {}
    for name in ("mild", "cdpo"):
        out = condeq("solve", "misaligned_pair", "--loss", name, "--set", "eps=0.2", "--json")[1]
        policies[name] = json.loads(out)["prompts"][0]["probabilities"]["loss"]
    assert policies["mild"] == pytest.approx(policies["cdpo"], rel=1e-7)
    pair = Problem.from_probabilities([0.4, 0.6], beta=0.5), Preferences.from_pairs([(0, 1)])
    assert losses.solve(*pair, losses.get("flat")).status.name == "UNATTAINED"
    assert losses.parameters("mild") == {"eps": ("as its package says", None), "scale": ("as its package says", 1.0)}


def test_its_figure_is_drawn_with_its_settings(installed, condeq, tmp_path):
    installed()
    code, out, _ = condeq("figures", "two_points", "--set", "beta=0.25", "--format", "svg", "--out", tmp_path)
    assert code == 0
    assert (tmp_path / "two_points.txt").read_text(encoding="utf-8") == "From elsewhere, at β = 0.25.\n"
    assert (tmp_path / "two_points.svg").read_bytes().startswith(b"<?xml")
    assert out.count(str(tmp_path)) == 3


@pytest.mark.parametrize(
    ("group", "file", "arguments", "why"),
    [
        ("condeq.statements", {"statements": "import nowhere"}, ("check", "foreign-claim"), "ModuleNotFoundError"),
        ("condeq.statements", {"statements": "X = 1"}, ("check", "foreign-claim"), "names no module with STATEMENTS"),
        ("condeq.losses", {"losses": "mild = FLAT = 3"}, ("list", "losses"), "names neither a Loss nor a function"),
        ("condeq.losses", {"losses": "def mild(eps): return eps"}, ("solve", "--loss", "mild"), "makes a float"),
        ("condeq.losses", {"losses": "def mild(eps): 1 / 0"}, ("solve", "--loss", "mild"), "ZeroDivisionError"),
        ("condeq.figures", {"two_points": "TITLE = 'x'"}, ("figures", "two_points"), "it lacks compute"),
        ("condeq.figures", {"two_points": "("}, ("list", "figures"), "SyntaxError"),
    ],
)
def test_a_broken_one_is_one_sentence_that_names_it(installed, condeq, tmp_path, group, file, arguments, why):
    installed(**file)
    asked = {"solve": ("misaligned_pair", "--set", "eps=0.1"), "figures": ("--out", tmp_path)}.get(arguments[0], ())
    code, out, err = condeq(*arguments, *asked)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f" of foreign 2.1 ({group}, foreign_package" in err
    assert "cannot be used: " in err
    assert why in err
    assert condeq("solve", "misaligned_pair", "--loss", "ipo")[0] == 0  # what does not need it goes on


def test_no_name_is_taken_twice(installed):
    installed({"condeq.losses": "dpo = foreign_package.losses:mild", "condeq.figures": "overview = foreign_package"})
    with pytest.raises(InputError, match=r"plugin dpo of foreign 2\.1 .* has the name of one of this toolkit: rename"):
        losses.names()
    with pytest.raises(InputError, match=r"the plugin overview .* has the name of one of this toolkit"):
        figures.names()
    assert losses.get("dpo").source.startswith("Rafailov")


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({}, "mild needs eps: pass eps="),
        ({"eps": 0.1, "tau": 1}, "mild has no parameter 'tau' here: it takes eps, scale"),
        ({"eps": "much"}, "eps of mild is 'much': it must be one number"),
    ],
)
def test_its_parameters_are_asked_for_in_our_words(installed, params, sentence):
    installed()
    with pytest.raises(InputError, match=sentence):
        losses.get("mild", **params)
