"""What a statement, a check and a verdict are, and the one rule that turns checks into a verdict."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum


class Verdict(Enum):
    """What is known of a statement. Computed by :func:`verdict_of`, never written by hand."""

    PROVED = "PROVED"  #: by symbolic identities, for all values where both sides are defined
    CERTIFIED = "CERTIFIED"  #: rigorously, for every parameter in a stated box or every case of a finite list
    SUPPORTED = "SUPPORTED"  #: cases and property tests only
    REFUTED = "REFUTED"  #: by a witness in ball or rational arithmetic
    VACUOUS = "VACUOUS"  #: nothing meets the hypotheses
    UNDECIDED = "UNDECIDED"  #: a needed check failed, was not run, or cannot be trusted
    NOT_CHECKABLE_HERE = "NOT CHECKABLE HERE"  #: needs what a tabular toolkit does not have


class Quantifier(Enum):
    """What a passed check has established; the part of a claim that it can carry."""

    IDENTITY = "identity, for all values"
    BOX = "every parameter in a box"
    EXISTENCE = "existence, witness certified"
    EXHAUSTIVE = "all of a finite list, exactly"
    CASES = "these cases"
    PROPERTY = "search for a violation"
    COUNTEREXAMPLE = "counterexample, certified"
    VACUITY = "nothing meets the hypotheses"
    OUT_OF_REACH = "cannot be checked here"


@dataclass(frozen=True)
class Finding:
    """What one run found. ``passed`` is None where it could not decide; ``residual`` is an error or a margin."""

    passed: bool | None
    summary: str
    residual: float | None = None
    witness: str | None = None


@dataclass(frozen=True)
class Control:
    """A wrong version of a check's claim, put through the same machinery: it has to fail."""

    name: str
    run: Callable[[], Finding]


@dataclass(frozen=True)
class Check:
    """One piece of evidence.

    Args:
        run: returns a :class:`Finding`. An ImportError means that an optional library is missing, an ArithmeticError
            that no certificate was obtained; both leave the check undecided.
        controls: wrong claims that the same machinery must refuse.
        corroborates: a second route to what the other checks carry. It cannot strengthen a verdict.
        is_claim: the check is a part of the claim itself, not a step of its proof, so that a certified failure refutes.
    """

    name: str
    quantifier: Quantifier
    run: Callable[[], Finding]
    controls: tuple[Control, ...] = ()
    corroborates: bool = False
    is_claim: bool = False


def out_of_reach(name, why) -> Check:
    """The check that says why a statement cannot be checked on a finite table."""
    return Check(name, Quantifier.OUT_OF_REACH, lambda: Finding(None, why))


@dataclass(frozen=True)
class Statement:
    """A statement of the literature or of our own, in plain Unicode, with the checks that decide it."""

    id: str
    title: str
    source: str
    hypotheses: str
    claim: str
    method: str
    conclusion: str
    expected: Verdict
    checks: tuple[Check, ...] = field(repr=False)


@dataclass(frozen=True)
class Outcome:
    """A check after it was run, with the fate of its controls: ``(name, failed as it should)``. Plain data."""

    name: str
    quantifier: Quantifier
    corroborates: bool
    is_claim: bool
    finding: Finding
    controls: tuple[tuple[str, bool], ...] = ()

    @property
    def sound(self) -> bool:
        """No control slipped through."""
        return all(failed for _, failed in self.controls)

    @property
    def decided(self) -> bool | None:
        """A pass counts only if the check is sound; a failure always does."""
        return None if self.finding.passed and not self.sound else self.finding.passed

    @property
    def refutes(self) -> bool:
        """Its failure is a certified violation of the claim."""
        return self.decided is False and self.sound and self.is_claim and self.quantifier in _FAILS_RIGOROUSLY


_CARRIES = {
    Quantifier.IDENTITY: Verdict.PROVED,
    Quantifier.BOX: Verdict.CERTIFIED,
    Quantifier.EXISTENCE: Verdict.CERTIFIED,
    Quantifier.EXHAUSTIVE: Verdict.CERTIFIED,
    Quantifier.CASES: Verdict.SUPPORTED,
    Quantifier.PROPERTY: Verdict.SUPPORTED,
}
_STRENGTH = [Verdict.UNDECIDED, Verdict.SUPPORTED, Verdict.CERTIFIED, Verdict.PROVED]
_FAILS_RIGOROUSLY = {Quantifier.IDENTITY, Quantifier.BOX, Quantifier.EXHAUSTIVE}


def verdict_of(outcomes) -> Verdict:
    """The weakest link of the checks that together cover the claim.

    1. One trusted counterexample refutes. So does the rigorous failure of a check that is a part of the claim itself.
    2. A check for a counterexample or for vacuity that was not run or could not decide leaves the claim undecided,
       whatever the others say, corroborating or not: the claim may be false, or empty.
    3. A trusted proof that nothing meets the hypotheses makes the claim vacuous.
    4. Any other failure, and any control that slips through, leaves the claim undecided.
    5. A part that is out of reach makes the whole not checkable here.
    6. Otherwise the verdict is that of the weakest check that carries a part of the claim. A part whose check was
       not run or could not decide counts as supported if another route passed, else undecided. A corroborating check
       that was not run counts as if it were not there: what carries the claim keeps its strength, and no part can lean
       on the second route.

    So a pass that is not run never strengthens a verdict: it stays, or is lowered along UNDECIDED < SUPPORTED <
    CERTIFIED < PROVED, or becomes UNDECIDED from any other. A *failure* that is not run is not seen.
    """
    by_kind = {kind: [o.decided for o in outcomes if o.quantifier is kind] for kind in Quantifier}
    broken = [o for o in outcomes if o.decided is False or not o.sound]
    if True in by_kind[Quantifier.COUNTEREXAMPLE] or any(o.refutes for o in broken):
        return Verdict.REFUTED
    if None in by_kind[Quantifier.COUNTEREXAMPLE] + by_kind[Quantifier.VACUITY]:
        return Verdict.UNDECIDED
    if True in by_kind[Quantifier.VACUITY]:
        return Verdict.VACUOUS
    if broken:
        return Verdict.UNDECIDED
    if by_kind[Quantifier.OUT_OF_REACH]:
        return Verdict.NOT_CHECKABLE_HERE
    carriers = [o for o in outcomes if not o.corroborates]
    second_route = any(o.corroborates and o.decided for o in outcomes)
    fallback = Verdict.SUPPORTED if second_route else Verdict.UNDECIDED
    links = [_CARRIES[o.quantifier] if o.decided else fallback for o in carriers]
    return min(links, key=_STRENGTH.index, default=Verdict.UNDECIDED)


@dataclass(frozen=True)
class Result:
    """A statement after its checks were run."""

    statement: Statement
    file: str
    outcomes: tuple[Outcome, ...]
    seconds: float

    @property
    def verdict(self) -> Verdict:
        return verdict_of(self.outcomes)

    @property
    def as_expected(self) -> bool:
        return self.verdict is self.statement.expected

    def to_dict(self) -> dict:
        """Plain JSON, the form in which the report and the command line read it."""
        statement = self.statement
        return {
            "id": statement.id,
            "title": statement.title,
            "source": statement.source,
            "file": self.file,
            "statement": statement.claim,
            "hypotheses": statement.hypotheses,
            "verdict": self.verdict.value,
            "expected": statement.expected.value,
            "as_expected": self.as_expected,
            "method": statement.method,
            "conclusion": statement.conclusion,
            "seconds": round(self.seconds, 3),
            "checks": [_outcome_dict(outcome) for outcome in self.outcomes],
        }


def _outcome_dict(outcome):
    finding = outcome.finding
    return {
        "name": outcome.name,
        "quantifier": outcome.quantifier.value,
        "passed": outcome.decided,
        "summary": finding.summary,
        "residual": finding.residual,
        "witness": finding.witness,
        "controls": [{"name": name, "failed_as_it_should": failed} for name, failed in outcome.controls],
    }


def run(statement: Statement, file: str = "") -> Result:
    """Run every check of a statement, and every negative control of every check."""
    start = time.perf_counter()
    outcomes = tuple(_outcome(check) for check in statement.checks)
    return Result(statement, file, outcomes, time.perf_counter() - start)


def _outcome(check):
    try:
        finding = check.run()
        controls = tuple((control.name, control.run().passed is False) for control in check.controls)
    except ImportError as missing:
        finding, controls = Finding(None, f"not run: the library {missing.name} is missing"), ()
    except ArithmeticError as problem:
        finding, controls = Finding(None, f"no certificate: {problem or type(problem).__name__}"), ()
    return Outcome(check.name, check.quantifier, check.corroborates, check.is_claim, finding, controls)
