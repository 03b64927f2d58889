"""Statements and verdicts: every way in which evidence can fall short, and what is said of it."""

import importlib
import json
import pkgutil
import time
from dataclasses import is_dataclass, replace
from fractions import Fraction
from xml.etree import ElementTree

import pytest
import sympy

from proofs_checks import kernel
from proofs_checks.kernel.arithmetic import exp, softplus
from proofs_checks.kernel.evidence import REAL, Box, Exact, Exhaustive, Identity, Quantifier, Sampled, Sign
from proofs_checks.kernel.finding import Finding
from proofs_checks.kernel.instances import Numbers
from proofs_checks.kernel.relation import Condition, Implies, Not, relation
from proofs_checks.kernel.search import Effort
from proofs_checks.kernel.statement import Form, Given, InWords, Origin, Part, Settles, Statement, Verdict
from proofs_checks.kernel.verdict import Outcome, Result, run
from tabular.errors import InputError

x, y = sympy.symbols("x y", real=True)
PLANE = Numbers({x: (-10, 10), y: (-10, 10)})
X_POSITIVE = relation(x, ">", 0)
PROVED = Verdict.PROVED

TRUE_STEP = Identity("fold", {"2z": lambda z: 2 * z}, lambda z: softplus(z) - softplus(-z), lambda z: z, {"z": REAL})
TRUE_SIGN = Sign("above 0", {"−": lambda z: -exp(z)}, lambda z: exp(z), {"z": REAL})
TRUE_BOX = Box("box", {"less 2": lambda z: z - 2}, lambda z: z + 1, {"z": (0, 1)})
FALSE_STEP = replace(TRUE_STEP, name="false", right=lambda z: Fraction(99, 100) * z)
OPEN_STEP = Sign("open", {"−": lambda z: -exp(z)}, lambda z: exp(z) - z - Fraction(1, 2), {"z": REAL})
SLIPPED = replace(TRUE_STEP, name="slipped", controls={"no wrong version": lambda z: z + 0})
BARE = replace(TRUE_STEP, name="bare", controls={})

TRUE_FORM = Form(PLANE, (X_POSITIVE,), {"part": relation(x + abs(y), ">", 0)}, wrong={"for y": relation(y, ">", 0)})
FALSE_FORM = Form(PLANE, (X_POSITIVE,), {"part": relation(x, ">", 1)}, right={"x > 0": X_POSITIVE})


def statement(form=TRUE_FORM, steps=(TRUE_STEP,), argument="By «fold».", **more):
    parts = {"part": Part(argument, tuple(steps))}
    known = {"parts": parts, "expected": Verdict.PROVED, "conclusion": "so", **more}
    return Statement("planted", "Planted", Origin.OURS, "here", form, **known)


def verdict(*args, known=None, **kwargs):
    return run(statement(*args, **kwargs), known=known).verdict


def test_proved_certified_supported():
    assert verdict() is Verdict.PROVED
    assert verdict(steps=(TRUE_STEP, TRUE_SIGN), argument="«fold», «above 0».") is Verdict.PROVED
    assert verdict(steps=(TRUE_STEP, TRUE_BOX), argument="«fold», «box».") is Verdict.CERTIFIED
    assert verdict(steps=(), argument="") is Verdict.SUPPORTED
    sampled = Sampled("some", {"k < 1": lambda k: k < 1}, lambda: range(3), 3, lambda k: k < 3)
    assert verdict(steps=(sampled,), argument="«some».") is Verdict.SUPPORTED
    assert verdict(steps=(), argument="It is plain.") is Verdict.PROVED, "carried by words, and said so"
    assert verdict(parts={}) is Verdict.SUPPORTED


@pytest.mark.parametrize("step", [FALSE_STEP, OPEN_STEP, SLIPPED, BARE], ids=lambda step: step.name)
def test_one_step_that_does_not_hold_leaves_nothing_standing(step):
    assert verdict(steps=(TRUE_STEP, step), argument=f"«fold» and «{step.name}».") is Verdict.UNDECIDED


def test_a_second_route_unsettles_but_does_not_carry():
    assert verdict(second_routes=(TRUE_BOX,)) is Verdict.PROVED
    assert verdict(second_routes=(FALSE_STEP,)) is Verdict.UNDECIDED
    assert verdict(second_routes=(SLIPPED,)) is Verdict.UNDECIDED
    assert verdict(second_routes=(BARE,)) is Verdict.PROVED, "it carries nothing, so it needs no control"


def test_what_raises_is_said_and_unsettles():
    broken = Exhaustive("broken", {"no": lambda k: False}, lambda: None.nothing, 2, lambda k: True)
    result = run(statement(steps=(TRUE_STEP, broken), argument="«fold», «broken»."))
    assert result.verdict is Verdict.UNDECIDED
    assert "not run: AttributeError" in result.outcomes[1].finding.summary
    assert [(result.outcomes[1].controls, result.outcomes[1].domain)] == [((), "2 cases")]
    missing = replace(broken, name="missing", cases=_import_nothing)
    result = run(statement(steps=(missing,), argument="«missing»."))
    assert result.outcomes[0].finding.summary == "not run: the library no_such_library is missing"
    assert [(result.outcomes[0].controls, result.outcomes[0].domain)] == [((), "2 cases")]


def _import_nothing():
    import no_such_library

    return no_such_library.cases


def test_a_violation_refutes_whatever_the_steps_say():
    result = run(statement(FALSE_FORM))
    assert result.verdict is Verdict.REFUTED
    assert result.outcomes[-1].finding.witness.startswith("x = 1")


def test_a_false_claim_needs_a_true_neighbour_that_holds():
    unsound = replace(FALSE_FORM, right={"x > 5": relation(x, ">", 5)})
    assert verdict(unsound, parts={}) is Verdict.UNDECIDED


def test_a_hypothesis_that_does_nothing_is_noticed():
    idle = replace(TRUE_FORM, given=(X_POSITIVE, relation(y, "<", 5)))
    assert verdict(idle) is Verdict.UNDECIDED
    said = replace(TRUE_FORM, given=(X_POSITIVE, Given(relation(y, "<", 5), needless="y plays no part")))
    assert verdict(said) is Verdict.PROVED
    false_excuse = replace(TRUE_FORM, given=(Given(X_POSITIVE, needless="so it is claimed"),))
    assert verdict(false_excuse) is Verdict.UNDECIDED


@pytest.mark.parametrize("order", [1, -1])
def test_each_hypothesis_is_dropped_alone(order):
    """The excused one is not needed as long as the other stays; two that say the same are each not needed."""
    said = Given(relation(y, "<", 5), needless="y plays no part")
    assert verdict(replace(TRUE_FORM, given=(X_POSITIVE, said)[::order])) is PROVED
    twice = (Given(X_POSITIVE, needless="it is said twice"), X_POSITIVE)
    assert verdict(replace(TRUE_FORM, given=twice[::order])) is Verdict.UNDECIDED
    assert verdict(replace(TRUE_FORM, given=(twice[0], replace(twice[0])))) is PROVED


def test_a_hypothesis_that_is_missing_is_noticed():
    assert verdict(replace(TRUE_FORM, given=())) is Verdict.REFUTED


def test_a_wrong_version_that_is_true_is_noticed():
    assert verdict(replace(TRUE_FORM, wrong={"weaker": relation(x, ">", -1)})) is Verdict.UNDECIDED


def test_too_few_instances_leave_it_undecided():
    rare = replace(TRUE_FORM, given=(relation(x, ">", Fraction(9999, 1000)), relation(x, "<", 10)))
    assert verdict(rare) is Verdict.UNDECIDED
    assert verdict(replace(TRUE_FORM, effort=Effort(least=5000))) is Verdict.UNDECIDED


def test_vacuous_needs_a_proof_and_a_search_that_meets_nobody():
    nobody = Form(PLANE, (relation(x**2, "<", 0),), {"part": relation(x, ">", 5)})
    proof = {"nothing meets the hypotheses": Part("«above 0».", (TRUE_SIGN,))}
    assert verdict(nobody, parts=proof, settles=Settles.VACUITY) is Verdict.VACUOUS
    assert verdict(nobody) is Verdict.UNDECIDED
    assert verdict(TRUE_FORM, parts=proof, settles=Settles.VACUITY) is Verdict.UNDECIDED, "there are instances"
    doubtful = {"nothing meets the hypotheses": Part("«open».", (OPEN_STEP,))}
    assert verdict(nobody, parts=doubtful, settles=Settles.VACUITY) is Verdict.UNDECIDED
    idle = replace(nobody, given=(*nobody.given, relation(x, "<", 10**6)))
    assert verdict(idle, parts=proof, settles=Settles.VACUITY) is Verdict.UNDECIDED, "one hypothesis excludes nobody"


@pytest.mark.parametrize("order", [1, -1])
def test_each_hypothesis_of_a_vacuous_form_is_dropped_alone(order):
    said = Given(relation(x, "<", 10**6), needless="it excludes nobody")
    given = (relation(x**2, "<", 0), said)[::order]
    nobody = Form(PLANE, given, {"part": relation(x, ">", 5)})
    proof = {"nothing meets the hypotheses": Part("«above 0».", (TRUE_SIGN,))}
    assert verdict(nobody, parts=proof, settles=Settles.VACUITY) is Verdict.VACUOUS


def test_a_contrary_that_is_proved_refutes():
    why = InWords("Anyone.", {"claim": "Someone does."}, why="it speaks of existence")
    contrary = {"nobody does": Part("«fold».", (TRUE_STEP,))}
    assert verdict(why, parts=contrary, settles=Settles.NEGATION) is Verdict.REFUTED
    weak = {"nobody does": Part("", ())}
    assert verdict(why, parts=weak, settles=Settles.NEGATION) is Verdict.UNDECIDED


def test_out_of_reach():
    why = InWords("8B models.", {"claim": "Better."}, why="needs training")
    assert verdict(why, parts={}, out_of_reach="needs training") is Verdict.NOT_CHECKABLE_HERE
    assert verdict(why, parts={}) is Verdict.UNDECIDED, "no parts, no search: nothing was checked"


@pytest.mark.parametrize(
    ("lent", "verdict_there"),
    [
        (Verdict.PROVED, Verdict.PROVED),
        (Verdict.CERTIFIED, Verdict.CERTIFIED),
        (Verdict.SUPPORTED, Verdict.SUPPORTED),
        (Verdict.REFUTED, Verdict.UNDECIDED),
        (Verdict.VACUOUS, Verdict.UNDECIDED),
        (Verdict.UNDECIDED, Verdict.UNDECIDED),
        (Verdict.NOT_CHECKABLE_HERE, Verdict.UNDECIDED),
        (None, Verdict.UNDECIDED),
    ],
)
def test_a_statement_loses_its_verdict_with_what_it_rests_on(lent, verdict_there):
    known = {} if lent is None else {"other": lent}
    assert verdict(argument="By {other} and «fold».", known=known) is verdict_there


def test_what_a_statement_rests_on_is_read_from_its_arguments():
    known = statement(argument="By {thm-3.5} and {dpo-set}, «fold»; again {thm-3.5}.")
    assert known.rests_on == ("thm-3.5", "dpo-set")


@pytest.mark.parametrize(
    ("argument", "steps", "words"),
    [
        ("By «fold» and «more».", (TRUE_STEP,), "more"),
        ("By «fold».", (TRUE_STEP, TRUE_SIGN), "above 0"),
        ("In words alone.", (TRUE_STEP,), "fold"),
        ("By «fold».", (TRUE_STEP, TRUE_STEP), "none"),
        ("", (TRUE_STEP, TRUE_SIGN), "say in words"),
    ],
)
def test_an_argument_cites_its_steps_and_no_others(argument, steps, words):
    with pytest.raises(ValueError, match=words):
        Part(argument, steps)


@pytest.mark.parametrize(
    ("argument", "unread"),
    [
        ("By {Refuted}.", "{Refuted}."),
        ("By { refuted }.", "{ refuted }."),
        ("By {re_futed}, at once.", "{re_futed}, at once."),
        ("By {refuted.", "{refuted."),
        ("By refuted}.", "}."),
        ("By «fold.", "«fold."),
        ("By fold».", "»."),
        ("By {}.", "{}."),
    ],
)
def test_a_citation_that_nobody_reads_is_refused(argument, unread):
    with pytest.raises(ValueError, match=r"nobody reads this as a citation, \{id\} or «step»: ") as refused:
        Part(argument)
    assert str(refused.value).endswith(f": {unread}")


class Vouching(Sign):
    def run(self):
        return Finding(True, "so it is")


def test_a_step_is_one_of_the_kernels():
    own = Vouching("own", {"1": lambda z: z}, lambda z: z, {"z": REAL})
    for steps in ((own,), (TRUE_STEP, own), ("fold",)):
        with pytest.raises(TypeError, match="one of the kernel's pieces of evidence"):
            Part("«own».", steps)


class Answering(Condition):
    words = "it answers"


def test_a_form_is_of_the_kernels_conditions():
    for own in ({"claim": {"part": Not(Answering())}}, {"given": (X_POSITIVE, Given(Answering()))}):
        with pytest.raises(TypeError, match="no condition of the kernel's"):
            replace(TRUE_FORM, **own)


def test_no_machine_reads_a_claim_in_words():
    words = InWords("Anyone.", {"part": "It is so."}, why="because")
    with pytest.raises(ValueError, match="planted: no machine reads its claim"):
        statement(words, argument="")
    assert run(statement(words)).carried[0].by == "the machine and words"


def test_every_part_of_the_claim_is_carried():
    two = replace(TRUE_FORM, claim={"part": relation(x, ">", -1), "other": relation(x + abs(y), ">", 0)})
    with pytest.raises(ValueError, match=r"parts \['part', 'other'\], carried are \['part'\]"):
        statement(two)
    with pytest.raises(ValueError, match="carried are"):
        statement(parts={"part": Part("Plain."), "more": Part("Plain.")})


def test_a_statement_claims_something():
    for claim in ({}, {"": X_POSITIVE}, {"part": X_POSITIVE, "": X_POSITIVE}):
        with pytest.raises(ValueError, match=r"claims nothing, or something without a name"):
            replace(TRUE_FORM, claim=claim)
        with pytest.raises(ValueError, match=r"claims nothing, or something without a name"):
            InWords("Anyone.", dict.fromkeys(claim, "so"), why="because")


def test_what_carries_each_part_is_said():
    two = replace(TRUE_FORM, claim={"one": relation(x, ">", -1), "two": relation(x + abs(y), ">", 0)})
    parts = {"one": Part("", (TRUE_STEP,)), "two": Part("By {other}: «above 0».", (TRUE_SIGN,))}
    result = run(statement(two, parts=parts), known={"other": Verdict.PROVED})
    assert [(c.part, c.by, c.verdict) for c in result.carried] == [
        ("one", "the machine", Verdict.PROVED),
        ("two", "the machine and words", Verdict.PROVED),
    ]
    assert result.in_words
    assert result.carried[1].rests_on == ("other",)
    in_words = run(statement(steps=(), argument="It is plain."))
    assert in_words.carried[0].by == "words"
    searched = run(statement(steps=(), argument=""))
    assert searched.carried[0].by == "a search"
    assert not searched.in_words


def test_the_weakest_part_decides():
    two = replace(TRUE_FORM, claim={"one": relation(x, ">", -1), "two": relation(x + abs(y), ">", 0)})
    assert verdict(two, parts={"one": Part("", (TRUE_STEP,)), "two": Part("", (TRUE_BOX,))}) is Verdict.CERTIFIED
    assert verdict(two, parts={"one": Part("", (TRUE_BOX,)), "two": Part("", ())}) is Verdict.SUPPORTED


def test_words_come_from_the_executable_form():
    known = statement()
    assert known.hypotheses == "x, y real; x > 0"
    assert known.claim == "x + |y| > 0"
    worded = statement(InWords("Any.", {"part": "It is so."}, why="because"))
    assert (worded.hypotheses, worded.claim) == ("Any.", "It is so.")


def test_a_result_is_plain_data():
    known = statement(second_routes=(TRUE_BOX,), argument="By «fold» and {other}.", instead=("what holds",))
    result = run(known, "here.py", {"other": PROVED})
    known = result.to_dict()
    assert json.loads(json.dumps(known, ensure_ascii=False)) == known
    assert known.pop("seconds") == round(result.seconds, 3)
    checks = known.pop("checks")
    assert known == {
        "id": "planted",
        "title": "Planted",
        "origin": "our own",
        "source": "here",
        "file": "here.py",
        "policies": "policies with full support",
        "hypotheses": "x, y real; x > 0",
        "statement": "x + |y| > 0",
        "form": "executable",
        "verdict": "PROVED",
        "expected": "PROVED",
        "as_expected": True,
        "settles": "the claim",
        "parts": [
            {
                "part": "part",
                "carried_by": "the machine and words",
                "verdict": "PROVED",
                "argument": "By «fold» and other.",
                "rests_on": ["other"],
            }
        ],
        "rests_on": ["other"],
        "instead": ["what holds"],
        "out_of_reach": "",
        "conclusion": "so",
        "known": {"other": "PROVED"},
    }
    fold, box, searched = checks
    assert fold == {
        "name": "fold",
        "quantifier": "identity, for all values",
        "carries": "part",
        "domain": "z any real number",
        "passed": True,
        "found": True,
        "summary": "computer algebra brings the difference to 0; 16 exact points agree",
        "residual": result.outcomes[0].finding.residual,
        "witness": None,
        "controls": [{"name": "2z", "failed_as_it_should": True}],
    }
    assert (box["name"], box["carries"], box["domain"]) == ("box", "", "z ∈ [0, 1]")
    assert (searched["name"], searched["carries"]) == ("search over the stated instances", "")
    assert searched["domain"] == "x ∈ [−10, 10], y ∈ [−10, 10]"
    assert searched["controls"] == [
        {"name": "without “x > 0”", "failed_as_it_should": True},
        {"name": "for y", "failed_as_it_should": True},
    ]


def test_a_result_is_read_back_and_its_verdict_computed_anew():
    known = statement(second_routes=(TRUE_BOX,), argument="By «fold» and {other}.", instead=("what holds",))
    result = run(known, "here.py", {"other": PROVED})
    known = json.loads(json.dumps(result.to_dict()))
    assert Result.from_dict(known, result.statement) == result
    weaker = Result.from_dict(known | {"known": {"other": "SUPPORTED"}, "verdict": "PROVED"}, result.statement)
    assert weaker.verdict is Verdict.SUPPORTED
    passed = [{**check, "found": None} for check in known["checks"]]
    assert Result.from_dict(known | {"checks": passed}, result.statement).verdict is Verdict.UNDECIDED
    with pytest.raises(InputError, match="no result that to_dict wrote"):
        Result.from_dict({"id": "planted"}, result.statement)
    with pytest.raises(InputError, match="has other words by now"):
        Result.from_dict(known | {"statement": "Nothing."}, result.statement)
    with pytest.raises(InputError, match="there is no statement 'planted'"):
        Result.from_dict(known)


def test_a_statement_in_words_says_why_it_has_no_form():
    words = InWords("Anyone.", {"part": "Someone does."}, why="it speaks of existence")
    known = run(statement(words, out_of_reach="it needs training")).to_dict()
    assert (known["form"], known["out_of_reach"]) == ("it speaks of existence", "it needs training")


def test_seconds_are_those_that_passed():
    slow = Exhaustive("slow", {"no": lambda k: False}, lambda: range(2), 2, lambda k: not time.sleep(0.02), "slowly")
    assert 0.04 <= run(statement(InWords("", {"part": ""}, ""), steps=(slow,), argument="By «slow».")).seconds < 60


def test_each_control_of_a_form_has_its_name_and_its_fate():
    excused = Given(relation(y, "<", 50), needless="y plays no part")
    claim = Implies(relation(y, ">", 1), relation(x + abs(y), ">", 0))
    form = replace(TRUE_FORM, given=(X_POSITIVE, excused), claim={"part": claim})
    controls = run(statement(form)).outcomes[-1].controls
    assert controls == (
        ("nobody meets “y > 1”", True),
        ("without “x > 0”", True),
        ("without “y < 50” (not needed: y plays no part)", True),
        ("for y", True),
    )
    refuted = run(statement(FALSE_FORM)).outcomes[-1].controls
    assert refuted == (("x > 0 (must not be violated)", True),)
    nobody = Form(PLANE, (relation(x**2, "<", 0),), {"part": relation(x, ">", 5)})
    proof = {"nothing meets the hypotheses": Part("«above 0».", (TRUE_SIGN,))}
    searched = run(statement(nobody, parts=proof, settles=Settles.VACUITY)).outcomes[-1]
    assert searched.controls == (("without “x² < 0” something is left", True),)
    assert searched.finding.summary == "0 instances of those drawn meet the hypotheses"


def test_a_step_that_two_parts_cite_is_run_once_and_carries_both():
    ran = []
    counted = Exhaustive("counted", {"no": lambda k: False}, lambda: ran.append(1) or range(2), 2, lambda k: k < 2)
    two = replace(TRUE_FORM, claim={"one": relation(x, ">", -1), "two": relation(x + abs(y), ">", 0)})
    result = run(statement(two, parts={"one": Part("", (counted,)), "two": Part("", (counted,))}))
    assert len(ran) == 2, "itself and its wrong version"
    assert [outcome.part for outcome in result.outcomes[:2]] == ["one", "two"]


def test_a_form_that_uses_what_is_not_decided_says_nothing():
    assert run(statement(FALSE_FORM, uses=("other",))).verdict is Verdict.UNDECIDED
    assert run(statement(FALSE_FORM, uses=("other",)), known={"other": PROVED}).verdict is Verdict.REFUTED
    assert run(statement(uses=("other",)), known={"other": Verdict.SUPPORTED}).verdict is PROVED
    both = statement(uses=("first", "second"), argument="By «fold», {third} and {first}.")
    assert both.rests_on == ("first", "second", "third")


def test_a_contrary_proved_against_a_search_that_confirms_is_undecided():
    contrary = {"not so": Part("«fold».", (TRUE_STEP,))}
    assert verdict(TRUE_FORM, parts=contrary, settles=Settles.NEGATION) is Verdict.UNDECIDED
    supported = {"not so": Part("", ())}
    nobody = Form(PLANE, (relation(x**2, "<", 0),), {"part": relation(x, ">", 5)})
    assert verdict(nobody, parts=supported, settles=Settles.VACUITY) is Verdict.UNDECIDED


def test_a_refutation_needs_a_sound_search_even_where_a_proof_is_at_hand():
    unsound = replace(FALSE_FORM, right={"x > 5": relation(x, ">", 5)})
    assert verdict(unsound) is Verdict.UNDECIDED


def test_an_outcome_needs_a_control_where_it_carries():
    passed = Finding(True, "")
    assert Outcome("o", Quantifier.SIGN, "part", passed).decided is None
    assert Outcome("o", Quantifier.SIGN, "", passed).decided is True
    assert Outcome("o", Quantifier.SIGN, "part", passed, (("c", True),)).decided is True
    assert Outcome("o", Quantifier.SIGN, "part", passed, (("c", False),)).decided is None
    assert Outcome("o", Quantifier.SIGN, "part", Finding(False, ""), (("c", False),)).decided is False


def test_origins_of_a_paper_are_told_from_the_rest():
    assert [origin for origin in Origin if origin.is_the_papers] == [Origin.PRINTED, Origin.TRANSCRIBED]


def test_exact_and_unexpected():
    third = Exact("third", {"half": {x: Fraction(1, 2)}}, relation(3 * x, "=", 1), {x: Fraction(1, 3)})
    assert verdict(steps=(third,), argument="") is Verdict.CERTIFIED
    assert not run(statement(expected=Verdict.REFUTED)).as_expected


def test_a_result_shows_its_verdict_first():
    known = run(statement(second_routes=(TRUE_BOX, OPEN_STEP)), "here.py")
    assert repr(known) == "Result(UNDECIDED, 'planted', 3 of 4 checks decided, 'Planted')"
    page = ElementTree.fromstring(known._repr_html_())
    shown = {row.find("th").text: row.find("td").text for row in page.iter("tr")}
    assert list(shown.items())[:5] == [
        ("verdict", "UNDECIDED"),
        ("source", "here"),
        ("claim", "x + |y| > 0"),
        ("check 1", "fold"),
        ("check 2", "box"),
    ]
    assert len(shown) == 3 + len(known.outcomes)
    squares = page.findall(".//{http://www.w3.org/2000/svg}rect")
    assert len(squares) == sum(outcome.decided is not None for outcome in known.outcomes)


def test_what_a_verdict_is_made_of_cannot_be_changed_afterwards():
    names = [info.name for info in pkgutil.iter_modules(kernel.__path__)]
    modules = [importlib.import_module(f"{kernel.__name__}.{name}") for name in names]
    made = {one for module in modules for one in vars(module).values() if isinstance(one, type) and is_dataclass(one)}
    assert len(made) > 25
    assert all(one.__dataclass_params__.frozen for one in made)
