"""Running a statement, and the one rule that turns what was found into a verdict."""

import functools
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from proofs_checks.kernel import judging, search
from proofs_checks.kernel.evidence import Quantifier
from proofs_checks.kernel.finding import Finding
from proofs_checks.kernel.instances import remembered
from proofs_checks.kernel.relation import All, Not, premises
from proofs_checks.kernel.statement import Form, InWords, Settles, Statement, Verdict
from tabular.base import drawings, show
from tabular.errors import InputError

__all__ = ["Carried", "Outcome", "Result", "run", "verdict_of"]

_CARRIES = {
    Quantifier.IDENTITY: Verdict.PROVED,
    Quantifier.SIGN: Verdict.PROVED,
    Quantifier.BOX: Verdict.CERTIFIED,
    Quantifier.EXHAUSTIVE: Verdict.CERTIFIED,
    Quantifier.EXACT: Verdict.CERTIFIED,
    Quantifier.SAMPLED: Verdict.SUPPORTED,
}
_STRENGTH = [Verdict.SUPPORTED, Verdict.CERTIFIED, Verdict.PROVED]


@dataclass(frozen=True)
class Outcome:
    """A check after it was run: plain data.

    Args:
        part: the part of the claim that it carries; empty where it only corroborates.
        controls: ``(name, failed as it should)`` of every wrong version.
    """

    name: str
    quantifier: Quantifier
    part: str
    finding: Finding
    controls: tuple[tuple[str, bool], ...] = ()
    domain: str = ""

    @property
    def sound(self) -> bool:
        """No control slipped through, and what carries has one."""
        return all(failed for _, failed in self.controls) and bool(self.controls or not self.part)

    @property
    def decided(self) -> bool | None:
        """A pass counts only if no wrong version passed too; a failure always does."""
        return None if self.finding.passed and not self.sound else self.finding.passed


@dataclass(frozen=True)
class Carried:
    """What carries one part of the claim: the machine alone, steps of the machine and words, words alone, a search."""

    part: str
    by: str
    verdict: Verdict
    argument: str = ""
    rests_on: tuple[str, ...] = ()


@dataclass(frozen=True, repr=False)
class Result:
    """A statement after its checks were run, with the verdicts of the statements it rests on."""

    statement: Statement
    file: str
    outcomes: tuple[Outcome, ...]
    seconds: float = field(compare=False)
    known: Mapping[str, Verdict]

    @property
    def verdict(self) -> Verdict:
        return verdict_of(self.statement, self.outcomes, self.known)

    @property
    def as_expected(self) -> bool:
        return self.verdict is self.statement.expected

    @property
    def carried(self) -> tuple[Carried, ...]:
        """What carries each part; empty unless the parts decide the verdict."""
        return tuple(_carried(name, part, self.outcomes, self.known) for name, part in self.statement.parts.items())

    @property
    def in_words(self) -> bool:
        """Whether some part rests on an argument in words: on something that no machine has checked."""
        return any("words" in carried.by for carried in self.carried)

    def __repr__(self) -> str:
        checks = (
            f"{sum(outcome.decided is not None for outcome in self.outcomes)} of {len(self.outcomes)} checks decided"
        )
        return f"Result({self.verdict.name}, {self.statement.id!r}, {checks}, {self.statement.title!r})"

    def _repr_html_(self) -> str:
        """The verdict, the words, and a square for each check: full where it passed, a dash where it is undecided."""
        statement, names = self.statement, [str(k + 1) for k in range(len(self.outcomes))]
        words = [("verdict", self.verdict.value), ("source", statement.source), ("claim", statement.claim)]
        words += [(f"check {name}", outcome.name) for name, outcome in zip(names, self.outcomes, strict=True)]
        picture = drawings.cells(names, ["passed"], [[outcome.decided] for outcome in self.outcomes], "checks passed")
        return show.beside(statement.title, words, picture)

    def to_dict(self) -> dict:
        """Plain JSON, the form in which the report and the command line read it."""
        statement = self.statement
        return {
            "id": statement.id,
            "title": statement.title,
            "origin": statement.origin.value,
            "source": statement.source,
            "file": self.file,
            "policies": statement.policies.value,
            "hypotheses": statement.hypotheses,
            "statement": statement.claim,
            "form": statement.form.why if isinstance(statement.form, InWords) else "executable",
            "verdict": self.verdict.value,
            "expected": statement.expected.value,
            "as_expected": self.as_expected,
            "settles": statement.settles.value,
            "parts": [_part_dict(carried) for carried in self.carried],
            "rests_on": list(statement.rests_on),
            "instead": list(statement.instead),
            "out_of_reach": statement.out_of_reach,
            "conclusion": statement.conclusion,
            "known": {name: verdict.value for name, verdict in self.known.items()},
            "seconds": round(self.seconds, 3),
            "checks": [_outcome_dict(outcome) for outcome in self.outcomes],
        }

    @classmethod
    def from_dict(cls, data: dict, statement: Statement | None = None) -> "Result":
        """What :meth:`to_dict` wrote; the verdict is computed anew from the checks.

        Args:
            statement: whose result it is; by default the registry's of that id.

        Raises:
            InputError: nobody has that statement, its words are others by now, or an entry is missing.

        >>> from proofs_checks import Result, verify
        >>> (result,) = verify(["def-3.3"])
        >>> Result.from_dict(result.to_dict()) == result
        True
        """
        try:
            if statement is None:
                from proofs_checks.registry import require  # it is found by name, as verify() finds it

                statement, _ = require(data["id"])
            for key, words in (("hypotheses", statement.hypotheses), ("statement", statement.claim)):
                if data[key] != words:
                    raise InputError(f"{data['id']} has other words by now, it was {data[key]!r}: check it again")
            outcomes = tuple(_outcome(check) for check in data["checks"])
            known = {name: Verdict(verdict) for name, verdict in data["known"].items()}
            return cls(statement, data["file"], outcomes, data["seconds"], known)
        except (KeyError, TypeError, AttributeError) as missing:
            raise InputError(f"this is no result that to_dict wrote ({missing}): write it again") from None


def _part_dict(carried):
    known = {"part": carried.part, "carried_by": carried.by, "verdict": carried.verdict.value}
    words = re.sub(r"\{([a-z0-9.-]+)\}", r"\1", carried.argument)
    return {**known, "argument": words, "rests_on": list(carried.rests_on)}


def _outcome_dict(outcome):
    finding = outcome.finding
    return {
        "name": outcome.name,
        "quantifier": outcome.quantifier.value,
        "carries": outcome.part,
        "domain": outcome.domain,
        "passed": outcome.decided,
        "found": finding.passed,
        "summary": finding.summary,
        "residual": finding.residual,
        "witness": finding.witness,
        "controls": [{"name": name, "failed_as_it_should": failed} for name, failed in outcome.controls],
    }


def _outcome(check):
    """A check as :func:`_outcome_dict` wrote it; whether it decides follows from what it found and its controls."""
    finding = Finding(check["found"], check["summary"], check["residual"], check["witness"])
    controls = tuple((control["name"], control["failed_as_it_should"]) for control in check["controls"])
    return Outcome(check["name"], Quantifier(check["quantifier"]), check["carries"], finding, controls, check["domain"])


def run(
    statement: Statement,
    file: str = "",
    known: Mapping[str, Verdict] | None = None,
    judged: judging.Judged | None = None,
) -> Result:
    """Run every check of a statement, and every wrong version of every check; its search may have been made already."""
    start = time.perf_counter()
    steps = [(name, step) for name, part in statement.parts.items() for step in part.steps]
    steps += [("", route) for route in statement.second_routes]
    found = {id(step): step for _, step in steps}  # a step that several parts cite is run once
    found = {key: _safely(functools.partial(_checked, step)) for key, step in found.items()}
    outcomes = [Outcome(step.name, step.quantifier, part, *found[id(step)], step.domain) for part, step in steps]
    if isinstance(statement.form, Form):
        outcomes += _search_outcomes(statement, judged)
    return Result(statement, file, tuple(outcomes), time.perf_counter() - start, dict(known or {}))


def _checked(step):
    return step.run(), tuple((name, found.passed is False) for name, found in step.near_misses())


def _safely(run):
    """Whatever stops a check is said, and leaves it undecided."""
    try:
        return run()
    except ImportError as missing:
        return Finding(None, f"not run: the library {missing.name} is missing"), ()
    except Exception as problem:
        return Finding(None, f"not run: {type(problem).__name__}: {problem}".removesuffix(": ")), ()


def _search_outcomes(statement, judged):
    """The search for a violation, and the near misses that follow from the form: each hypothesis dropped in turn."""
    form = replace(statement.form, instances=remembered(statement.form.instances))
    claim = All(tuple(form.claim.values()))

    def met_by_nobody():
        finding = judging.nobody_meets(form.instances, form.conditions, claim, form.effort)
        return finding, tuple(_met_without(form, claim)) if finding.passed else ()

    def searched():
        finding = judging.of_claim(form.instances, form.conditions, claim, form.effort, judged)
        return finding, tuple(_near_misses(form, claim)) if finding.passed else tuple(_right_versions(form))

    finding, controls = _safely(met_by_nobody if statement.settles is Settles.VACUITY else searched)
    return [Outcome("search over the stated instances", Quantifier.SEARCH, "", finding, controls, form.instances.drawn)]


def _met_without(form, claim):
    """For a form that nothing meets: without each hypothesis in turn something does."""
    for given, others in _each_dropped(form):
        left = search.seek(form.instances, others, claim, form.effort).met
        yield f"without “{given.condition}” something is left", bool(left) is not bool(given.needless)


def _each_dropped(form):
    """Each hypothesis with the conditions that are left without it."""
    hypotheses = form.hypotheses
    for dropped in hypotheses:
        yield dropped, tuple(given.condition for given in hypotheses if given is not dropped)


def _near_misses(form, claim):
    for words, premise in {str(premise): premise for premise in premises(claim)}.items():
        yield f"nobody meets “{words}”", judging.is_violated(form.instances, form.conditions, Not(premise), form.effort)
    for given, others in _each_dropped(form):
        broken = _breaks(form, others, claim)
        label = f"without “{given.condition}”" + (f" (not needed: {given.needless})" if given.needless else "")
        yield label, broken is not bool(given.needless)
    for name, wrong in form.wrong.items():
        yield name, judging.is_violated(form.instances, form.conditions, wrong, form.effort)


def _breaks(form, given, claim):
    """Whether the claim falls under these hypotheses: it is violated, or it has not even a value."""
    try:
        return judging.is_violated(form.instances, given, claim, form.effort)
    except search.NoValue:
        return True


def _right_versions(form):
    for name, right in form.right.items():
        found = judging.no_violation(form.instances, form.conditions, right, form.effort)
        yield f"{name} (must not be violated)", found.passed is True


def _carried(name, part, outcomes, known):
    steps = [outcome for outcome in outcomes if outcome.part == name]
    links = [_CARRIES[step.quantifier] for step in steps] + [_as_support(known, other) for other in part.rests_on]
    if not part.steps and not part.argument:
        return Carried(name, "a search", Verdict.SUPPORTED)
    by = "the machine" if not part.argument else "words" if not steps else "the machine and words"
    strength = Verdict.UNDECIDED if None in links else min(links, key=_STRENGTH.index, default=Verdict.PROVED)
    return Carried(name, by, strength, part.argument, part.rests_on)


def _as_support(known, other):
    """What a statement lends to one that rests on it: from what is refuted, vacuous or not decided nothing follows."""
    return known.get(other) if known.get(other) in _STRENGTH else None


def verdict_of(statement: Statement, outcomes, known: Mapping[str, Verdict]) -> Verdict:
    """The weakest link of what together covers the claim, once everything could be run.

    1. A statement out of reach is not checkable here.
    2. A violation that exact arithmetic confirms refutes, unless the form uses what is not decided.
    3. A check that could not run or decide, or that let a wrong version pass, leaves the statement undecided, whatever
       the others say and whether or not it only corroborates; so does a check that failed.
    4. A statement rests on others: where one of them is not decided, neither is this.
    5. Otherwise the parts decide, by the weakest of them; without parts, the search supports and no more. What an
       executable claim's own search confirms is not refuted by a proof of the contrary.
    """
    if statement.out_of_reach:
        return Verdict.NOT_CHECKABLE_HERE
    searched = [outcome for outcome in outcomes if outcome.quantifier is Quantifier.SEARCH]
    if any(_as_support(known, other) is None for other in statement.uses):
        return Verdict.UNDECIDED
    if any(outcome.finding.passed is False and outcome.sound for outcome in searched):
        return Verdict.REFUTED
    if not all(outcome.decided and outcome.sound for outcome in outcomes):
        return Verdict.UNDECIDED
    links = [_carried(name, part, outcomes, known).verdict for name, part in statement.parts.items()]
    if Verdict.UNDECIDED in links or not (links or searched):
        return Verdict.UNDECIDED
    weakest = min(links, key=_STRENGTH.index, default=Verdict.SUPPORTED)
    if statement.settles is Settles.CLAIM:
        return weakest
    if weakest is Verdict.SUPPORTED or (searched and statement.settles is Settles.NEGATION):
        return Verdict.UNDECIDED
    return Verdict.REFUTED if statement.settles is Settles.NEGATION else Verdict.VACUOUS
