"""Conjectures of one's own: wrong ones fall to small certified witnesses, true ones stand, empty ones are said."""

import dataclasses
import json
import pickle
import re
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from xml.etree import ElementTree

import numpy as np
import pytest
import sympy

from condeq import problem_file
from proofs_checks import Answer, Counterexample, Verdict, conjecture, statements
from proofs_checks.conjectures import Conjecture
from proofs_checks.kernel import judging
from proofs_checks.kernel.arithmetic import log
from proofs_checks.kernel.evidence import POSITIVE, Box, Identity
from proofs_checks.kernel.instances import Numbers
from proofs_checks.kernel.relation import All, relation
from proofs_checks.kernel.search import OBJECTS, Effort
from proofs_checks.kernel.statement import Part
from proofs_checks.kernel.symbolic import pos, sp, σ
from proofs_checks.own_files import of_file
from proofs_checks.quantities import (
    L_policy,
    Δr,
    attained,
    dimension,
    margin_under,
    rise_w,
    β,
    δ_cpo,
    δ_dpo,
    δ_policy,
    δ_rlhf,
)
from tabular import InputError, Status, cpo, dpo, losses, rlhf
from tabular.testing import labelled_problems, problems, votes
from tabular.testing.made import preferences_of, problem_of

OURS = (
    "accuracy-logged",
    "chosen-falls",
    "prop-3.4-necessity",
    "prop-3.4-vanishes",
    "thm-3.5-if",
    "thm-3.5-only-if",
    "worst-case-accuracy-weights",
    "hypo-majority-first",
    "eq-19-each-label",
    "isotonic-arithmetic",
)
KNOWN = statements()
#: How many responses the known witness has, where the statement speaks of problems.
RESPONSES = {"chosen-falls": 3, "thm-3.5-if": 2, "thm-3.5-only-if": 2}


def size(witness):
    """How many numbers a witness in words has, and how large they are."""
    numbers = [Fraction(number) for number in re.findall(r"\d+(?:/\d+)?", witness)]
    return len(numbers), sum(number.numerator + number.denominator for number in numbers)


@pytest.mark.parametrize("name", OURS)
def test_our_refuted_statements_fall_as_conjectures(name):
    form = KNOWN[name][0].form
    found = Conjecture(KNOWN[name][0], form.effort).check()
    assert found.verdict is Verdict.REFUTED
    assert found.counterexample.certified
    if name in RESPONSES:
        assert len(found.counterexample.parts["ref"]) == RESPONSES[name]
        return
    known = judging.no_violation(form.instances, form.conditions, All(tuple(form.claim.values())), form.effort)
    assert size(found.counterexample.shown) <= size(known.witness)


ipo = margin_under("ipo")
PLANTED = {
    "a set: labels leave one minimiser": (
        conjecture("set", labelled_problems("population"), relation(dimension, "=", 0)),
        (3, 2),
        lambda problem, labels, _: dpo.solve(problem, labels).status is Status.SET,
    ),
    "existence: some policy minimises": (
        conjecture("exists", labelled_problems(), relation(attained, "=", 1)),
        (2, 1),
        lambda problem, labels, _: dpo.solve(problem, labels).status is Status.UNATTAINED,
    ),
    "a threshold: half of log 2 is enough": (
        conjecture(
            "threshold",
            labelled_problems("one-way", policy=True),
            relation(δ_policy, ">", 0),
            [relation(L_policy, "<", log(2) / 2)],
        ),
        (2, 1),
        lambda problem, labels, parts: (
            (policy := problem_of({**parts, "ref": parts["policy"]}).log_ref)[0, 0] < policy[0, 1]
            and dpo.loss(policy, problem, labels) < np.log(2) / 2
        ),
    ),
    "another loss: IPO prefers the winner": (
        conjecture(
            "ipo",
            labelled_problems("one-way", pairs=(1, 1)),
            relation(ipo.symbol, ">", 0),
            quantities=(ipo,),
            effort=OBJECTS,
        ),
        (2, 1),
        lambda problem, labels, _: labels.delta(losses.solve(problem, labels, losses.get("ipo")).log_policy)[0] < 0,
    ),
    "the flow: a winner rises at once": (
        conjecture("flow", labelled_problems("one-way"), relation(rise_w, ">", 0)),
        (3, 2),
        lambda problem, labels, _: _speed(problem, labels) <= 1e-12,
    ),
    "the hard constraint only raises a margin": (
        conjecture("hard", labelled_problems("one-way"), relation(δ_cpo, ">=", δ_rlhf)),
        (3, 2),
        lambda problem, labels, _: (
            labels.delta(cpo.constrained_optimum(problem, labels).log_policy)[0]
            < labels.delta(rlhf.optimal_policy(problem))[0]
        ),
    ),
}


def _speed(problem, labels):
    """d log π_w/dt at the reference, by a difference quotient along the library's gradient."""
    step = problem.log_ref - 1e-6 * dpo.gradient(problem.log_ref, problem, labels)
    step -= np.logaddexp.reduce(step, axis=1, keepdims=True)
    return (step - problem.log_ref)[labels.prompt[0], labels.winner[0]]


@pytest.mark.parametrize("name", PLANTED)
def test_planted_wrong_conjectures_fall_to_the_smallest_witness_which_the_library_confirms(name):
    wrong, (responses, labels), confirmed = PLANTED[name]
    found = wrong.check()
    assert found.verdict is Verdict.REFUTED
    assert found.counterexample.certified
    parts = found.counterexample.parts
    assert (len(parts["reward"]), len(parts["reward"][0]), len(parts["labels"])) == (1, responses, labels)
    problem = problem_of(parts)
    assert confirmed(problem, preferences_of(parts, problem), parts)


def test_a_true_one_stands_and_says_what_was_covered():
    """The theorem's own near miss, a margin a hundredth larger, falls."""
    stands = conjecture("thm", labelled_problems("population"), relation(δ_dpo, "=", δ_rlhf)).check()
    near = relation(δ_dpo, "=", Fraction(101, 100) * δ_rlhf)
    falls = conjecture("miss", labelled_problems("population"), near).check()
    assert stands.verdict is Verdict.SUPPORTED
    assert stands.met >= 4000
    assert "Problems of 2 to 4 responses with population labels" in stands.words
    assert falls.verdict is Verdict.REFUTED


def test_a_hypothesis_that_nothing_meets_supports_nothing():
    empty = conjecture("empty", problems(), relation(δ_rlhf, ">", 0), [relation(Δr, ">", 7)]).check()
    assert empty.verdict is Verdict.UNDECIDED
    assert "looks vacuous" in empty.words


def test_where_the_claim_has_no_value_is_said_and_a_hypothesis_that_it_has_one_is_needed():
    """Labels without a minimiser leave the set of minimisers no dimension."""
    claim = relation(dimension, ">=", 0)
    alone = conjecture("alone", labelled_problems(), claim, effort=OBJECTS).check()
    assert alone.verdict is Verdict.UNDECIDED
    assert re.match(r"“dimension ≥ 0” has no value at ref = .*: add the hypothesis that it has one$", alone.words)
    some = conjecture("some", labelled_problems(), claim, [relation(attained, "=", 1)], effort=OBJECTS).check()
    assert some.verdict is Verdict.SUPPORTED
    few = conjecture("few", labelled_problems(), relation(dimension, "<", 0), effort=Effort(2, 0, 0, seed=26))
    assert few.check().verdict is Verdict.REFUTED, "though some of the small instances that were tried have none"
    x = sympy.Symbol("x", real=True)
    line = conjecture("line", Numbers({x: (-1, 1)}), relation(sympy.log(x), "<", 2)).check()
    assert re.match(r"“log\(x\) < 2” has no value at x = -[.\d]+:", line.words)


def test_a_claim_may_hold_constants_of_our_functions():
    """sp(0) = log 2 and σ(0) = 1/2 are numbers in floats as they are in exact arithmetic."""
    true = conjecture("true", labelled_problems("one-way"), relation(sp(0) * σ(0), "<", 1 + pos(β)), effort=OBJECTS)
    assert true.check().verdict is Verdict.SUPPORTED
    false = conjecture("false", labelled_problems(policy=True), relation(L_policy, ">=", sp(0)), effort=OBJECTS)
    assert false.check().verdict is Verdict.REFUTED


def test_a_hypothesis_that_is_not_needed_is_said():
    idle = conjecture("idle", problems(), relation(β, ">", 0), [relation(Δr, ">", 0)]).check()
    assert idle.verdict is Verdict.UNDECIDED
    assert "without “Δr > 0”" in idle.words


def test_a_predicate_of_the_librarys_objects_is_violated_in_floats_and_not_certified():
    def ranks_right(problem, preferences):
        """The RLHF optimum ranks every label right."""
        return bool((preferences.delta(rlhf.optimal_policy(problem)) > 0).all())

    found = conjecture("floats", labelled_problems("one-way"), ranks_right, effort=OBJECTS).check()
    assert found.verdict is Verdict.UNDECIDED
    assert found.counterexample.certified is False
    assert len(found.counterexample.parts["reward"][0]) == 2


def test_the_answer_is_the_same_on_an_executor():
    wrong = conjecture("exists", labelled_problems(), relation(attained, "=", 1))
    with ThreadPoolExecutor(2) as pool:
        assert wrong.check(pool) == wrong.check()


def test_it_travels_to_another_process_if_its_own_functions_can():
    wrong = conjecture("wrong", labelled_problems(), relation(δ_dpo, ">", 1), [relation(Δr, ">", 0)], quantities=[ipo])
    sent = pickle.dumps(wrong)  # before and after its relations have been evaluated
    assert pickle.loads(sent).batch(0).met == wrong.batch(0).met == pickle.loads(pickle.dumps(wrong)).batch(0).met
    assert pickle.loads(sent).batch(1).tops == wrong.batch(1).tops


def test_answers_go_through_json_and_back():
    """With a problem's counterexample, an infinite value, a predicate, and with checks that stood."""
    cases = [
        conjecture("infinite", labelled_problems("one-way"), relation(δ_dpo, "<", 30), effort=OBJECTS),
        conjecture(
            "ipo", labelled_problems("one-way"), relation(ipo.symbol, ">", 0), quantities=(ipo,), effort=OBJECTS
        ),
        conjecture("stands", Numbers({δ: (1, 2)}), relation(δ, ">", 0)),
        conjecture("far", Numbers({δ: (1, 2)}), relation(δ, "<", 3)),
    ]
    for one in cases:
        answer = one.check()
        assert Answer.from_dict(json.loads(json.dumps(answer.to_dict(), allow_nan=False)), one) == answer
        if answer.counterexample is not None:
            written = json.loads(json.dumps(answer.counterexample.to_dict(), allow_nan=False))
            assert Counterexample.from_dict(written) == answer.counterexample
            assert Counterexample.from_dict(written).problem_file() == answer.counterexample.problem_file()
    written = cases[2].check().to_dict()
    with pytest.raises(InputError, match="stands has other words by now, it was 'δ > 0"):
        Answer.from_dict(written, conjecture("stands", Numbers({δ: (1, 2)}), relation(δ, ">", -1)))
    with pytest.raises(InputError, match="no counterexample that to_dict wrote"):
        Counterexample.from_dict(written | {"result": None})


@pytest.mark.parametrize("ref", [{"log_ref": [[0, -9000, None], [1, 2]]}, {"ref": [[1, None, Fraction(1, 7)], [3, 4]]}])
def test_a_problem_file_reopens_as_the_same_problem_at_every_scale(ref, tmp_path):
    """Logits that no probability can hold, responses that are not there, prompts of different sizes."""
    parts = {**ref, "reward": [[1, -1, 0], [Fraction(1, 3), 2]], "beta": Fraction(1, 10), "labels": [(0, 0, 1, 2)]}
    if "ref" in ref:
        parts["labels"] = [(0, 0, 2, Fraction(1, 3)), (1, 1, 0, 1)]
    (tmp_path / "mine.yaml").write_text(Counterexample(True, "", parts, {}, "mine").problem_file(), encoding="utf-8")
    opened = problem_file.read(tmp_path / "mine.yaml")
    made = problem_of(parts)
    np.testing.assert_allclose(opened.problem.log_ref, made.log_ref, rtol=1e-12)
    np.testing.assert_allclose(opened.problem.reward[made.present], made.reward[made.present])
    assert opened.problem.beta == made.beta
    np.testing.assert_allclose(opened.preferences.log_weight, preferences_of(parts, made).log_weight)


def test_they_show_themselves_verdict_first():
    wrong = conjecture("w<1", problems(), relation(δ_rlhf, ">", 0), [relation(Δr, ">", 0)], effort=OBJECTS)
    answer = wrong.check()
    assert repr(answer).startswith(
        "Answer(REFUTED, 'violated: hypotheses and violation certified in exact arithmetic', 'ref"
    )
    assert repr(wrong).startswith("Conjecture('w<1', 'δ_rlhf > 0', given 'Problems of 2 to 4 responses")
    for page in (answer._repr_html_(), answer.counterexample._repr_html_()):
        root = ElementTree.fromstring(page)
        words = "".join(root.itertext())
        for told in ("Δr > 0 holds", "δ_rlhf > 0 fails", "confirms it", "prompts:", answer.counterexample.shown):
            assert told in words
        assert root.find(".//{http://www.w3.org/2000/svg}svg") is not None
    alone = conjecture("stands", Numbers({δ: (1, 2)}), relation(δ, ">", 0)).check()
    assert "no violation among" in "".join(ElementTree.fromstring(alone._repr_html_()).itertext())


δ, η = sympy.symbols("δ η", positive=True)
PLANE = Numbers({δ: (Fraction(1, 10), 10), η: (Fraction(1, 10), 10)})
FACTORS = Identity(
    "a square", {"a sum": lambda δ, η: (δ + η) ** 2}, lambda δ, η: δ**2 - 2 * δ * η + η**2, lambda δ, η: (δ - η) ** 2,
    {"δ": POSITIVE, "η": POSITIVE},
)  # fmt: skip
WRONG = Identity(
    "a square", {"a sum": lambda δ, η: (δ + η) ** 2}, lambda δ, η: δ**2 + η**2, lambda δ, η: (δ - η) ** 2,
    {"δ": POSITIVE, "η": POSITIVE},
)  # fmt: skip


def test_ones_own_checks_carry_by_the_rules_of_ours():
    """An identity proves, a box certifies, the weaker of two parts counts; a false check leaves it undecided."""
    mean = relation(δ**2 + η**2, ">=", 2 * δ * η)
    near = relation(δ**2 + η**2, ">=", Fraction(201, 100) * δ * η)
    part = Part("The difference is «a square», and a square is not negative.", (FACTORS,))
    proved = conjecture("mean", PLANE, mean, checks=part).check()
    assert (proved.verdict, proved.result.carried[0].by) == (Verdict.PROVED, "the machine and words")
    assert conjecture("mean", PLANE, mean).check().verdict is Verdict.SUPPORTED
    assert conjecture("near", PLANE, near, checks=part).check().verdict is Verdict.REFUTED
    false = Part("The difference is «a square», and a square is not negative.", (WRONG,))
    left = conjecture("mean", PLANE, mean, checks=false).check()
    assert left.verdict is Verdict.UNDECIDED
    assert left.words.endswith("; a square, the two sides differ")
    unguarded = Part("The difference is «a square».", (dataclasses.replace(FACTORS, controls={}),))
    left = conjecture("mean", PLANE, mean, checks=unguarded).check()
    assert left.verdict is Verdict.UNDECIDED
    assert left.words.endswith("; a square has no wrong version")


def test_a_box_certifies_and_the_weaker_part_counts():
    space, given = Numbers({δ: (Fraction(1, 10), 10)}), [relation(δ, "<=", 2)]
    bounded = Box("3 − δ > 0", {"2 − δ > 0": lambda δ: Fraction(19, 10) - δ}, lambda δ: 3 - δ, {"δ": (0, 2)})
    claim = {"bounded": relation(δ, "<", 3), "positive": relation(δ, ">", 0)}
    checks = {"bounded": Part("", (bounded,)), "positive": Part("δ is a positive symbol.")}
    found = conjecture("box", space, claim, given, checks=checks).check()
    assert found.verdict is Verdict.CERTIFIED
    assert [(one.part, one.verdict.value) for one in found.result.carried] == [
        ("bounded", "CERTIFIED"),
        ("positive", "PROVED"),
    ]
    with pytest.raises(InputError, match=r"checks carry \['bounded'\] and the claim has the parts"):
        conjecture("box", space, claim, given, checks={"bounded": Part("", (bounded,))})


def test_what_falls_only_beyond_the_ranges_drawn_is_shown_there():
    found = conjecture("far", Numbers({δ: (1, 2)}), relation(δ, "<", 3)).check()
    assert found.verdict is Verdict.REFUTED
    assert found.counterexample.certified
    assert found.words == "violated beyond the ranges drawn: certified in exact arithmetic"
    assert found.counterexample.parts["δ"] >= 3
    assert found.counterexample.latex().startswith(r"$\delta = ")
    assert found.counterexample.problem_file() is None


def test_the_line_of_latex_of_a_problem():
    """Weights that are not normalised are said to be proportional, and the columns of labels are named."""
    wrong = conjecture("wrong", labelled_problems("one-way"), relation(δ_rlhf, ">", 0), [relation(Δr, ">", 0)])
    line = wrong.check().counterexample.latex()
    assert line.startswith(r"$\pi_{\mathrm{ref}} \propto ((1, ")
    assert (
        r"(i, w, l, n) = ((0, 0, 1, 1))$, labels of prompt $i$, winner $w$, loser $l$ and weight $n$; there $" in line
    )


def test_a_name_that_two_conjectures_of_a_file_have_is_said(tmp_path):
    made = "conjecture('same', Numbers({x: (0, 1)}), relation(x, '<', 2))"
    names = "from proofs_checks import conjecture\nfrom proofs_checks.kernel.instances import Numbers, named\n"
    names += "from proofs_checks.kernel.relation import relation\n(x,) = named('x')\n"
    (tmp_path / "mine.py").write_text(f"{names}A = {made}\nB = {made}\n", encoding="utf-8")
    with pytest.raises(InputError, match="holds 2 conjectures named 'same': give each a name"):
        of_file(tmp_path / "mine.py")
    (tmp_path / "mine.py").write_text(f"{names}A = {made}\nB = A\nSTATEMENTS = (A,)\n", encoding="utf-8")
    assert [one.statement.id for one in of_file(tmp_path / "mine.py")] == ["same"]


def test_what_cannot_be_asked_is_said():
    with pytest.raises(InputError, match="nobody measures δ_ipo"):
        conjecture("unknown", labelled_problems(), relation(ipo.symbol, ">", 0))
    with pytest.raises(InputError, match="says not how it is made"):
        conjecture("votes", votes(), relation(β, ">", 0))
