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
    UNDECIDED = "UNDECIDED"  #: a check failed, was not run, or cannot be trusted
    NOT_CHECKABLE_HERE = "NOT CHECKABLE HERE"  #: needs what a tabular toolkit does not have


class Quantifier(Enum):
    """What a passed check has established; the part of a claim that it can carry."""

    IDENTITY = "identity or sign, where both sides are defined"
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
        run: returns a :class:`Finding`. Whatever it raises leaves the check undecided, and with it the statement.
        controls: wrong claims that the same machinery must refuse: a control that raises has refused nothing.
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
        """A pass counts only if no wrong version passed too; a failure always does."""
        return None if self.finding.passed and not self.sound else self.finding.passed

    @property
    def refutes(self) -> bool:
        """It is a certified violation of the claim, or of a part of it."""
        if self.quantifier is Quantifier.COUNTEREXAMPLE:
            return self.decided is True
        return self.decided is False and self.is_claim and self.quantifier in _FAILS_RIGOROUSLY


_CARRIES = {
    Quantifier.IDENTITY: Verdict.PROVED,
    Quantifier.BOX: Verdict.CERTIFIED,
    Quantifier.EXISTENCE: Verdict.CERTIFIED,
    Quantifier.EXHAUSTIVE: Verdict.CERTIFIED,
    Quantifier.CASES: Verdict.SUPPORTED,
    Quantifier.PROPERTY: Verdict.SUPPORTED,
}
_STRENGTH = [Verdict.SUPPORTED, Verdict.CERTIFIED, Verdict.PROVED]
_FAILS_RIGOROUSLY = {Quantifier.IDENTITY, Quantifier.BOX, Quantifier.EXHAUSTIVE}


def verdict_of(outcomes) -> Verdict:
    """The weakest link of the checks that together cover the claim, once every check could be run.

    1. A check that could not run or decide, or whose control slipped through, leaves the claim undecided, whatever
       the others say and whether or not it only corroborates: had it run, it might have failed.
    2. One certified counterexample refutes. So does the rigorous failure of a check that is a part of the claim.
    3. Any other failure leaves the claim undecided.
    4. A part that is out of reach makes the whole not checkable here.
    5. A proof that nothing meets the hypotheses makes the claim vacuous.
    6. Otherwise the verdict is that of the weakest check that carries a part of the claim. What only corroborates
       carries none.
    """
    known = [o for o in outcomes if o.quantifier is not Quantifier.OUT_OF_REACH]
    if any(o.decided is None or not o.sound for o in known):
        return Verdict.UNDECIDED
    if any(o.refutes for o in known):
        return Verdict.REFUTED
    if not all(o.decided for o in known):
        return Verdict.UNDECIDED
    if len(known) < len(outcomes):
        return Verdict.NOT_CHECKABLE_HERE
    if any(o.quantifier is Quantifier.VACUITY for o in known):
        return Verdict.VACUOUS
    links = [_CARRIES[o.quantifier] for o in known if not o.corroborates]
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
    except Exception as problem:  # whatever stops a check is said, and unsettles its statement
        finding, controls = Finding(None, f"not run: {type(problem).__name__}: {problem}".removesuffix(": ")), ()
    return Outcome(check.name, check.quantifier, check.corroborates, check.is_claim, finding, controls)
