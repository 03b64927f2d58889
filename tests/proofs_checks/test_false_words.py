"""Falsehoods written into true statements, in one place each: a changed relation fails its search, changed prose shows.

A relation is printed from what the search evaluates, so a false one is caught by the verdict. Prose is read by nobody
but people: it is pinned with an outline of its evidence (``tests/words.py``).
"""

import json
import sys
from dataclasses import replace
from fractions import Fraction as Q
from pathlib import Path

import pytest

from proofs_checks import statements
from proofs_checks.kernel.instances import Instances
from proofs_checks.kernel.relation import All, Iff, Implies, Rounds, Saying, relation
from proofs_checks.kernel.statement import Origin, Verdict
from proofs_checks.kernel.verdict import run
from proofs_checks.spaces.pair import β, δ_ref

sys.path.insert(0, str(Path(__file__).parents[1]))
from words import PINNED, changed

KNOWN = {name: statement for name, (statement, _) in statements().items()}
THEN = json.loads(PINNED.read_text(encoding="utf-8"))
_MORE = Q(101, 100)


def times(share):
    return lambda said: relation(said.left, said.op, share * said.right, said.noise)


def right_of_iff(op, share=1):
    return lambda said: Iff(said.left, relation(said.right.left, op, share * said.right.right))


FALSE = {
    ("escape-time", "the time"): times(_MORE),
    ("escape-time-exponential", "less than twice that"): times(Q(99, 100)),
    ("dpo-ordered", "a larger δ has less loss"): times(Q(99, 100)),
    ("def-3.3-loss", "the loss is below log 2, its value at the reference"): times(Q(99, 100)),
    ("def-3.3", "if U holds any δ, δ_ref < 0"): lambda said: Implies(said.premise, relation(δ_ref, "<", -Q(1, 10))),
    ("thm-4.9-local", "δ > 0 iff γ > γ*"): right_of_iff(">", _MORE),
    ("eq-17-overstates", "iff |δ_ref| > |δ|"): right_of_iff(">="),
    ("prop-3.4", "U = {δ_ref < δ < 0} holds δ*"): lambda said: All(
        (said.conditions[0], relation(said.conditions[1].left, "<", -Q(1, 10)))
    ),
    ("prop-3.4-weaker", "at δ = 0"): lambda said: All(
        (said.conditions[0], relation(said.conditions[1].left, ">", Q(1, 100)))
    ),
    ("gamma-max", "a local maximum exists iff γ < γ_max"): right_of_iff(">"),
    ("triangle-defect", "the defect"): times(_MORE),
    ("dpo-set-example", "the decimals"): lambda said: Rounds(said.expression, "0.5623351447"),
    ("threshold-one-pair", "the level"): lambda said: relation(said.left, "=", said.right.subs(β, 2 * β), said.noise),
    ("assumption-3.1", "π* ranks w first iff δ_ref > −Δr/β"): right_of_iff(">", _MORE),
}  # fmt: skip


@pytest.mark.parametrize(("name", "part"), FALSE)
def test_a_false_relation_written_into_a_statement_changes_its_verdict(name, part):
    true = KNOWN[name]
    false = replace(
        true, form=replace(true.form, claim={**true.form.claim, part: FALSE[name, part](true.form.claim[part])})
    )
    assert false.claim != true.claim, "the words say it too"
    result = run(false, known=dict.fromkeys(true.rests_on, Verdict.PROVED))
    assert result.verdict in (Verdict.REFUTED, Verdict.UNDECIDED)
    assert not result.as_expected


def test_the_words_are_as_pinned():
    """If this fails: read the changed words against the evidence, then ``python tests/words.py --write``."""
    assert not changed(KNOWN.values(), THEN)


def _instances_in_other_words(form):
    other = Instances(form.instances.make, "Any problem at all", form.instances.quantities, form.instances.exact)
    return replace(form, instances=other)


PROSE = {
    "hard-example-margin": lambda s: replace(s, form=replace(s.form, claim={"the optimum": "It is (1/4, 1/4, 1/2)."})),
    "grid-u": lambda s: replace(s, form=replace(s.form, claim={"the count": "40 of the 75 cells are in U."})),
    "dpo-ordered-zeros": lambda s: replace(s, form=replace(s.form, hypotheses="Any labels.")),
    "closest-member": lambda s: replace(
        s, form=replace(s.form, claim={k: Saying("anything", c) for k, c in s.form.claim.items()})
    ),
    "hard-any": lambda s: replace(s, form=_instances_in_other_words(s.form)),
    "prop-3.4": lambda s: replace(s, title="Any reference puts the RLHF optimum in U"),
    "price": lambda s: replace(s, conclusion="The price is nothing."),
    "eq-17": lambda s: replace(s, origin=Origin.BELIEF),
    "escape-time": lambda s: replace(
        s, parts={k: replace(p, argument="Clearly: " + p.argument) for k, p in s.parts.items()}
    ),
    "dpo-solution-set": lambda s: replace(s, second_routes=()),
    "thm-4.9-local": lambda s: replace(
        s, form=replace(s.form, given=tuple(replace(g, needless="") for g in s.form.hypotheses))
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PROSE)
def test_changed_prose_or_evidence_shows(name):
    (found,) = changed([PROSE[name](KNOWN[name])], {name: THEN[name]})
    assert found.startswith(f"{name}: its ")


def test_a_statement_dropped_or_added_shows():
    two, then = [KNOWN["price"], KNOWN["cycle"]], {name: THEN[name] for name in ("price", "cycle")}
    assert changed(two, then) == []
    assert changed(two[1:], then) == ["price is gone"]
    assert changed([*two, replace(two[0], id="dear")], then) == ["dear is new: read its words against its evidence"]


def test_a_changed_formula_of_a_step_shows_though_it_still_holds():
    part, first = next(iter(KNOWN["escape-time"].parts.items()))
    (step,) = first.steps
    other = replace(step, left=lambda β, d, Ψ: 2 * step.left(β, d, Ψ), right=lambda β, d, Ψ: 2 * step.right(β, d, Ψ))
    parts = {**KNOWN["escape-time"].parts, part: replace(first, steps=(other,))}
    falsified = replace(KNOWN["escape-time"], parts=parts)
    (found,) = changed([falsified], {"escape-time": THEN["escape-time"]})
    assert found.startswith("escape-time: its evidence changed")
