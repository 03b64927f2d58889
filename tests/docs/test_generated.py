"""The pages that the toolkit writes: one for every statement, loss and public module, and what they say is so."""

import itertools
import json

import pytest

from docs.generate import formulas, losses, moving, plots, reference, statements, tree
from proofs_checks import statements as registry
from proofs_checks.formal import record
from tabular import losses as catalogue
from tests.test_docstrings import public

POINTS = [(-1.25, -2.375, -1.5, -1.875, 0.125), (-3.0, -1.0, -2.5, -0.5, 0.5), (-0.75, -1.125, -1.0, -0.625, 2.0)]


@pytest.fixture(scope="module")
def written(results, tmp_path_factory):
    out = tmp_path_factory.mktemp("source")
    statements.write(out, results, {"1_rlhf": ["def-3.3"]})
    tree.write(out, results)
    return out


def test_every_statement_has_a_page_under_its_id(written):
    assert {page.stem for page in (written / "statements").glob("*.md")} == {*registry(), "index", "tree"}


def test_every_index_names_every_statement_once(written, results):
    ids = sorted(registry())
    for index in (statements.by_source(results), statements.by_chapter(results, {"1_rlhf": ["def-3.3"]})):
        assert sorted(itertools.chain.from_iterable(index.values())) == ids
    text = (written / "statements" / "index.md").read_text()
    assert all(text.count(f"{{verdict}}`{name}`") == 3 for name in ids)


def test_a_page_says_what_carries_its_verdict_and_what_was_refused(written, results):
    page = (written / "statements" / "def-3.3.md").read_text()
    known = next(result for result in results if result["id"] == "def-3.3")
    assert known["kernel_claim"] in page
    assert "Qed." in page
    assert f"condeq check {known['id']}" in page
    controls = [control for check in known["checks"] for control in check["controls"]]
    assert page.count(": refused\n") == len(controls) > 0


def test_every_formal_proof_is_found_from_its_theorem_to_its_qed():
    for name, entry in record.entries().items():
        text = statements.formal_proof(name)
        assert text.endswith("Qed."), name
        assert text.count("Qed.") == 1
        assert f"{entry.claim}_{entry.shown}" in text.splitlines()[0]


def test_a_name_of_another_statement_becomes_a_link(results):
    assert "[thm-3.5-if](/statements/thm-3.5-if.md)" in statements.linked("see thm-3.5-if.", results)
    assert "[" not in statements.linked("the price of a cycle", results)


@pytest.mark.parametrize("name", sorted(formulas.FORMULAS))
@pytest.mark.parametrize("point", POINTS)
def test_the_formula_that_is_printed_is_the_loss_that_is_computed(name, point):
    loss = catalogue.typical(name)
    assert formulas.value(name, loss.params, *point) == pytest.approx(float(loss(*point)), rel=1e-12, abs=1e-12)


def test_every_loss_has_a_formula_and_every_parameter_a_symbol_and_a_gloss():
    for name in catalogue.names():
        assert formulas.latex(name)
        assert set(catalogue.parameters(name)) <= formulas.PARAMETERS.keys() & losses.GLOSSES.keys()


def test_a_wrong_formula_would_be_seen(monkeypatch):
    """A near miss: the sign of one parameter."""
    right = formulas.value("cdpo", {"eps": 0.1}, *POINTS[0])
    monkeypatch.setitem(formulas.FORMULAS, "cdpo", formulas.FORMULAS["cdpo"].subs(formulas.EPS, -formulas.EPS))
    assert abs(formulas.value("cdpo", {"eps": 0.1}, *POINTS[0]) - right) > 1e-3


@pytest.mark.parametrize("name", catalogue.names())
def test_the_curve_of_a_loss_is_the_loss(name):
    h, value, chosen, rejected = plots.along(name, n=9)
    assert value.shape == chosen.shape == rejected.shape == h.shape
    slope = catalogue.typical(name).gradient
    for k in (2, 6):
        at = [[a] for a in (plots.REF[0] + h[k] / 2, plots.REF[1] - h[k] / 2, *plots.REF)]
        assert [chosen[k], rejected[k]] == [part[0] for part in slope(*at, plots.BETA)]


def test_the_worked_example_of_the_losses_is_the_known_one():
    assert losses.optima("sppo_hard")[0]["infimum"] == "1.5"
    assert losses.optima("rdpo")[1] | {"policy": ""} == {
        "labels": "labelled once, a over b",
        "status": "unbounded",
        "infimum": "−∞",
        "policy": "",
        "why": "",
    }
    assert losses.optima("aot")[0]["status"] == "not solved"


def test_the_reference_has_every_public_function():
    told = {
        f"{module}.{name}"
        for names in reference.modules().values()
        for module in names
        for name in reference.members(module)
    }
    missing = set(public()) - told
    assert missing == set(), sorted(missing)[:5]


def test_the_policies_move_from_the_reference_to_where_the_flow_is_known_to_end():
    paths = moving.paths(moving.LABELS["both"][1])
    assert all(path[0] == list(moving.REFERENCE) for path in paths.values())
    assert paths["dpo"][-1] == [0.5, 0.0833, 0.4167]
    assert json.dumps(paths)


def test_the_tree_stands_on_what_rests_on_nothing(results):
    rests_on = {result["id"]: result["rests_on"] for result in results}
    depth = tree.depths(rests_on)
    assert all(depth[name] > depth[below] for name, others in rests_on.items() for below in others)
    figure = tree.draw(rests_on, {result["id"]: result["verdict"] for result in results})
    written = [text.get_text() for text in figure.axes[0].texts]
    assert sorted(written) == sorted(tree.joined(rests_on))
