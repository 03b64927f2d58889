"""The registry: every statement once, its verdict, its words, THEOREMS.md and the entry point."""

import json
import re
import sys
import types
from dataclasses import replace
from pathlib import Path

import pytest

import proofs_checks
from proofs_checks import (
    Origin,
    Result,
    Verdict,
    close_names,
    explain,
    registry,
    slowest,
    statements,
    summary,
    table_rows,
    verify,
)
from proofs_checks.__main__ import main
from proofs_checks.kernel.evidence import Quantifier
from proofs_checks.kernel.statement import Form
from proofs_checks.properties import property_of
from proofs_checks.text import MEANINGS, markdown_of, theorems_markdown
from proofs_checks.yang_2026 import definition_3_3
from tabular import cpo, dpo, rlhf
from tabular.errors import InputError

ROOT = Path(__file__).parents[2]
KNOWN = statements()
EXECUTABLE = [name for name, (statement, _) in KNOWN.items() if isinstance(statement.form, Form)]


@pytest.mark.parametrize("name", KNOWN)
def test_statement(name, verdicts):
    result = verdicts[name]
    assert result.as_expected, explain(name, result)
    assert all(outcome.sound for outcome in result.outcomes), "a wrong version passed, or a carrying check has none"
    if result.verdict is Verdict.REFUTED:
        assert result.carried or any(outcome.finding.witness for outcome in result.outcomes)
    assert Result.from_dict(json.loads(json.dumps(result.to_dict()))) == result


@pytest.mark.parametrize("name", EXECUTABLE)
def test_every_executable_form_has_a_near_miss(name):
    """A hypothesis that matters, or a wrong claim that the search breaks; of a false claim, one that it does not."""
    form = KNOWN[name][0].form
    assert form.right or form.wrong or any(not given.needless for given in form.hypotheses)


@pytest.mark.parametrize(
    "name", [name for name in EXECUTABLE if KNOWN[name][0].expected in (Verdict.PROVED, Verdict.CERTIFIED)]
)
def test_property(name):
    property_of(KNOWN[name][0], examples=5)()  # the search has drawn hundreds


@pytest.mark.parametrize("name", ["prop-3.4-vanishes", "accuracy-logged", "thm-3.5-only-if"])
def test_a_property_test_of_a_false_claim_fails(name):
    with pytest.raises(AssertionError, match=f"{re.escape(name)} is violated"):
        property_of(KNOWN[name][0], examples=40)()


def test_a_statement_in_words_has_no_property_test_and_says_why():
    with pytest.raises(InputError, match="has no executable form"):
        property_of(KNOWN["fig-2"][0])


def test_there_are_enough_statements_and_every_verdict_occurs():
    assert len(KNOWN) >= 80
    assert {statement.expected for statement, _ in KNOWN.values()} == set(Verdict) - {Verdict.UNDECIDED}
    assert {statement.origin for statement, _ in KNOWN.values()} >= set(Origin) - {Origin.PRINTED}
    assert len(EXECUTABLE) >= 0.75 * len(KNOWN)


def test_every_statement_file_is_found_by_walking():
    files = (ROOT / "proofs_checks").rglob("*.py")
    holding = {path for path in files if "STATEMENTS = (" in path.read_text(encoding="utf-8")}
    assert {path.relative_to(ROOT).as_posix() for path in holding} == {file for _, file in KNOWN.values()}


@pytest.mark.parametrize("name", KNOWN)
def test_words_are_plain_and_sources_honest(name):
    statement, file = KNOWN[name]
    texts = [getattr(statement, key) for key in ("title", "source", "hypotheses", "claim", "conclusion")]
    assert all(text.strip() for text in texts)
    assert not any("\\" in text or "$" in text for text in texts)
    assert (ROOT / file).is_file()
    if statement.origin.is_the_papers:
        assert "own" not in statement.source.split()[0], "a paper's own claim names the paper"


def test_theorems_markdown_is_current(verdicts):
    written = (ROOT / "THEOREMS.md").read_text(encoding="utf-8")
    assert written == markdown_of(list(verdicts.values())), "run: python -m proofs_checks --write THEOREMS.md"
    assert all(len(line) <= 120 for line in written.splitlines() if not line.startswith(("| ", "- "))), "narrow"
    assert max(map(len, written.splitlines())) < 300
    links = re.findall(r"^\| \[\S+\]\(#(\S+)\)", written, flags=re.MULTILINE)
    headings = [re.sub(r"[^\w-]", "", line[4:]) for line in written.splitlines() if line.startswith("### ")]
    assert links == headings, "each row leads to its words"
    assert len(set(links)) == len(KNOWN)


def test_headlines_tell_the_papers_claims_and_the_carriers_apart(verdicts):
    lines = summary(list(verdicts.values())).splitlines()
    assert lines[0].startswith(f"{len(KNOWN)} statements: ")
    assert lines[1].startswith("In a paper's own words ")
    assert lines[2].startswith("Checked by the kernel of Coq ")
    assert ", not re-checked here: in full " in lines[2]
    assert lines[3].startswith("PROVED by the machine alone ")
    proved = sum(result.verdict is Verdict.PROVED for result in verdicts.values())
    assert sum(int(part.split()[-1]) for part in lines[3].split(",")) == proved


def test_of_the_papers_own_claims_few_are_refuted(verdicts):
    """Readings and beliefs are not laid at the paper's door: of it, "if" of Theorem 3.5 and the "≥" of 4.9 fail."""
    refuted = {name for name, result in verdicts.items() if result.verdict is Verdict.REFUTED}
    own = {name for name in refuted if KNOWN[name][0].origin.is_the_papers and "Yang" in KNOWN[name][0].source}
    assert own == {"thm-3.5", "thm-3.5-if", "thm-4.9-equality"}


def test_progress_table_and_summary():
    seen, names = [], ["def-3.3", "prop-3.4-necessity", "fig-2"]
    found = verify(names, progress=lambda done, total, result: seen.append((done, total, result.statement.id)))
    assert [done for done, _, _ in seen] == list(range(1, seen[-1][1] + 1))
    assert set(names) <= {name for *_, name in seen}
    assert [row[0] for row in table_rows(found)] == names
    assert "every verdict is the expected one" in summary(found)
    assert len(slowest(found, 2)) == 2
    assert theorems_markdown(found).count("](proofs_checks/") == 3
    assert [result.verdict for result in verify(names, processes=2)] == [result.verdict for result in found]


def test_the_explanation_holds_what_a_reader_needs(verdicts):
    text = explain("dpo-solution-set", verdicts["dpo-solution-set"])
    for part in ("PROVED", "our own", "carried by the machine and words", "carries “the infimum”", "corroborates"):
        assert part in text
    for part in ("wrong version", "rests on dpo-bradley-terry", "where z any real number", "Conclusion"):
        assert part in text
    assert "witness:" in explain("prop-3.4-necessity")


def test_a_statement_loses_its_verdict_with_what_it_rests_on(monkeypatch):
    falsified = tuple(
        replace(s, parts={}, expected=Verdict.SUPPORTED) if s.id == "dpo-population" else s
        for s in _losses().STATEMENTS
    )
    monkeypatch.setattr(_losses(), "STATEMENTS", falsified)
    below = verify(["dpo-set-example"])[0]
    assert below.known == {"dpo-population": Verdict.SUPPORTED}
    assert below.verdict is Verdict.SUPPORTED
    assert not below.as_expected


def _losses():
    from proofs_checks.rafailov_2023 import dpo_losses

    return dpo_losses


def test_what_rests_on_what_is_a_graph_without_circles():
    rests = {name: statement.rests_on for name, (statement, _) in KNOWN.items()}
    order = registry.in_order(rests, rests)
    assert all(order.index(other) < order.index(name) for name in rests for other in rests[name])
    with pytest.raises(InputError, match="in a circle"):
        registry.in_order(["a"], {"a": ("b",), "b": ("a",)})
    with pytest.raises(InputError, match=r"'a' rests on 'nobody'"):
        registry.in_order(["a"], {"a": ("nobody",)})


def test_where_a_claim_fails_a_statement_says_what_holds():
    known = {name: statement for name, (statement, _) in statements().items()}
    for name, statement in known.items():
        assert bool(statement.instead) == (statement.expected is Verdict.REFUTED), name
        assert all(known[other].expected in (Verdict.PROVED, Verdict.CERTIFIED) for other in statement.instead), name


def test_every_source_has_a_title_of_its_own():
    titles = [registry.title(folder) for folder in {name.split(".")[0] for name in registry.modules()}]
    assert len(set(titles)) == len(titles) == 27


def test_a_broken_file_is_one_sentence_that_names_it(monkeypatch):
    monkeypatch.setattr(registry, "modules", lambda: ("own.no_such_file",))
    with pytest.raises(InputError, match=r"proofs_checks/own/no_such_file\.py cannot be read as statements"):
        registry.statements()


def test_an_id_in_two_files_is_refused(monkeypatch):
    twice = types.ModuleType("proofs_checks.own.twice")
    twice.STATEMENTS = definition_3_3.STATEMENTS
    monkeypatch.setitem(sys.modules, "proofs_checks.own.twice", twice)
    monkeypatch.setattr(registry, "modules", lambda: ("yang_2026.definition_3_3", "own.twice"))
    with pytest.raises(InputError, match=r"'def-3\.3' stands in .*definition_3_3\.py and again in .*twice\.py"):
        registry.statements()


def test_one_source_alone():
    assert set(registry.of_source("yang_2026")) < set(KNOWN)
    assert registry.of_source(None) is None
    with pytest.raises(InputError, match=r"no source 'yang': one of .*rafailov_2023"):
        registry.of_source("yang")


@pytest.mark.parametrize(("wrong", "close"), [("thm-35", "thm-3.5"), ("prop-3.5", "prop-3.4"), ("gamma", "gamma-max")])
def test_an_unknown_name_lists_the_close_ones(wrong, close):
    assert close in close_names(wrong)
    with pytest.raises(InputError, match=close.replace(".", r"\.")):
        verify([wrong])


def test_a_name_like_no_other_still_gets_one_sentence():
    with pytest.raises(InputError, match=r"there is no statement 'zzz': there are \d+"):
        explain("zzz")


def test_entry_point(capsys, tmp_path):
    assert main(["def-3.3", "fig-2", "--json", "--jobs", "1"]) == 0
    assert [known["id"] for known in json.loads(capsys.readouterr().out)] == ["def-3.3", "fig-2"]
    assert main(["prop-3.4"]) == 0
    assert "PROVED" in capsys.readouterr().out
    assert main(["def-3.3", "fig-2", "--jobs", "1"]) == 0
    assert "NOT CHECKABLE HERE" in capsys.readouterr().out
    assert main(["--source", "schulman_2020", "--jobs", "1"]) == 0
    assert "kl-k3-optimum" in capsys.readouterr().out
    assert main(["def-3.3", "--write", str(tmp_path / "T.md")]) == 0
    assert "def-3.3" in (tmp_path / "T.md").read_text(encoding="utf-8")


def test_entry_point_exits_with_one_for_an_unexpected_verdict_and_two_for_bad_use(capsys, monkeypatch):
    assert main(["thm-35"]) == 2
    assert "thm-3.5" in capsys.readouterr().err
    changed = tuple(replace(statement, expected=Verdict.REFUTED) for statement in definition_3_3.STATEMENTS)
    monkeypatch.setattr(definition_3_3, "STATEMENTS", changed)
    assert main(["def-3.3", "def-3.3-loss", "--jobs", "1"]) == 1
    assert "expected REFUTED" in capsys.readouterr().out


def test_the_meanings_claim_no_more_than_they_hold():
    assert set(MEANINGS) == {verdict.value for verdict in Verdict}
    assert "in words" in MEANINGS["PROVED"]
    assert "stated box" in MEANINGS["CERTIFIED"]
    assert all(name in (ROOT / "THEOREMS.md").read_text(encoding="utf-8") for name in ("PROVED", MEANINGS["PROVED"]))
    page = (ROOT / "docs/site/how_to/read_a_verdict.md").read_text(encoding="utf-8")
    assert all(f"| {verdict} | {meaning} |" in page for verdict, meaning in MEANINGS.items())


@pytest.mark.parametrize(
    ("name", "module", "function"),
    [
        ("rlhf-closed-form", rlhf, "optimal_policy"),
        ("dpo-bradley-terry", dpo, "loss"),
        ("flow-third-response", dpo, "gradient"),
        ("assumption-3.1", rlhf, "optimal_policy"),
        ("triangle-defect", cpo, "reference_margin"),
    ],
)
def test_a_sign_flipped_in_the_library_is_seen(monkeypatch, name, module, function):
    right = getattr(module, function)
    monkeypatch.setattr(module, function, lambda *args, **kwargs: -right(*args, **kwargs))
    result = verify([name])[0]
    assert not result.as_expected
    searched = next(outcome for outcome in result.outcomes if outcome.quantifier is Quantifier.SEARCH)
    assert searched.decided is not True


def test_the_front_door_offers_what_reviewers_need():
    assert set(proofs_checks.__all__) >= {"Verdict", "explain", "statements", "summary", "verify"}
