"""One's own conjecture: a certified counterexample, made as small as can be, or what a search has covered."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from proofs_checks import quantities as known
from proofs_checks.counterexamples import Counterexample, Told
from proofs_checks.kernel import judging, search
from proofs_checks.kernel.instances import Instances, Replay, WhenAsked, drawn_from
from proofs_checks.kernel.relation import All, Condition, Holds, Relation, foreign, pieces
from proofs_checks.kernel.search import Effort
from proofs_checks.kernel.statement import Form, Given, Origin, Part, Statement, Verdict
from proofs_checks.kernel.verdict import Result, run
from proofs_checks.quantities import Batch, Parts, Quantity
from tabular.base import checks as checks_of
from tabular.base import plain, show
from tabular.errors import InputError
from tabular.testing.made import preferences_of, problem_of
from tabular.testing.recipes import ProblemRecipe

__all__ = ["Answer", "Conjecture", "Counterexample", "conjecture"]

_ONE = "the claim"  # the name of a claim's only part
_EFFORT = Effort(draws=4000, climbs=4, steps=60)


class _Problems(Instances):
    """The instances of a recipe, with the quantities of :mod:`proofs_checks.quantities` and some of one's own."""

    def __init__(self, recipe: ProblemRecipe, more: Sequence[Quantity] = ()):
        measured = {**known.MEASURED, **{one.symbol: one for one in more}}
        exact = {**known.EXACTLY, **{one.symbol: one.exact for one in more if one.exact is not None}}
        super().__init__(recipe, _in_words(recipe), measured, exact, drawn_from({"β": recipe.beta}))
        object.__setattr__(self, "more", tuple(more))

    def __reduce__(self):
        return _Problems, (self.make, self.more)  # the known quantities need not travel

    def values(self, parts):
        return WhenAsked(Batch(_with_objects(one) for one in parts), self.quantities, _measure)

    def exactly(self, answers):
        """Exact parts, and none of the library's objects: a predicate that asks for one is not certified."""
        part = Parts(self.make(Replay(answers)))
        return WhenAsked([part], self.exact, lambda function, parts: function(parts[0]))


def _in_words(recipe):
    kind = f" with {recipe.labels} labels" if recipe.labels else ""
    low, high = recipe.responses
    return f"Problems of {low} to {high} responses{kind}, π_ref > 0, β > 0, any reward"


class _Lazy(dict):
    """Parts, with the library's objects made when a predicate asks for them."""

    def __missing__(self, name):
        if name == "problem":
            self[name] = problem_of(self)
        elif name == "preferences":
            self[name] = preferences_of(self, self["problem"])
        else:
            raise KeyError(name)
        return self[name]

    def items(self):
        """The parts alone."""
        return [(name, part) for name, part in super().items() if name not in ("problem", "preferences")]

    def __repr__(self):
        return repr(dict(self.items()))


def _with_objects(parts):
    return parts if isinstance(parts, _Lazy) else _Lazy(parts)


def _measure(function, batch):
    if not batch:
        return np.empty(0)
    if not isinstance(function, Quantity):
        return function(batch)
    return np.array([float(function.measured(parts["problem"], parts["preferences"])) for parts in batch])


@dataclass(frozen=True, repr=False)
class Answer:
    """What is known of a conjecture.

    Attributes:
        verdict: by the rules of our own statements.
        words: one sentence that says why.
        met: how many different instances met the hypotheses.
        counterexample: the smallest violation found, if any.
        result: the checks that were run, where the ranges drawn hold no violation.
    """

    verdict: Verdict
    words: str
    met: int
    counterexample: Counterexample | None = None
    result: Result | None = None

    def to_dict(self) -> dict:
        """Plain JSON from which :meth:`from_dict` makes an equal one."""
        return plain.written(self)

    @classmethod
    def from_dict(cls, data: dict, conjecture: "Conjecture") -> "Answer":
        """What :meth:`to_dict` wrote of a conjecture's answer.

        Raises:
            InputError: it wrote something else, or of a conjecture of other words.
        """
        result = data.get("result") if isinstance(data, dict) else None
        found = plain.read(data if result is None else {**data, "result": None})
        if not isinstance(found, cls):
            raise InputError("this is no answer that to_dict wrote: check the conjecture again")
        return found if result is None else replace(found, result=Result.from_dict(result, conjecture.statement))

    def __repr__(self):
        shown = f", {self.counterexample.shown!r}" if self.counterexample else ""
        return f"Answer({self.verdict.name}, {self.words!r}{shown})"

    def _repr_html_(self) -> str:
        found = self.counterexample
        known = [("verdict", self.verdict.value), ("why", self.words), ("instances", str(self.met))]
        return show.beside("Answer", known + (found.rows if found else []), found.picture() if found else "")

    def __str__(self):
        shown = f"\n{self.counterexample.shown}" if self.counterexample else ""
        return f"{self.verdict.value}: {self.words}{shown}"


@dataclass(frozen=True, repr=False)
class Conjecture:
    """A statement of one's own; made by :func:`conjecture`."""

    statement: Statement
    effort: Effort = field(default=_EFFORT)
    #: what another process calls with the number of a batch, where the conjecture itself cannot travel
    elsewhere: Callable[[int], search.Batch] | None = field(default=None, compare=False, repr=False)

    def __repr__(self):
        given, claim = self.statement.form.words
        return f"Conjecture({self.statement.id!r}, {claim!r}, given {given!r})"

    def check(self, executor: Executor | None = None) -> Answer:
        """Search for a violation, make it small and certify it; where there is none, run the checks.

        Args:
            executor: who draws and measures the batches, by the interface of :mod:`concurrent.futures`; the answer is
                the same whoever does. Processes read a conjecture of a file from its text; one made elsewhere travels
                to them if its own functions can.
        """
        checks_of.executor(executor)
        form, claim = self.statement.form, self._claim
        try:
            found = judging.judged(form.instances, form.conditions, claim, self.effort, spread=self._spread(executor))
        except search.NoValue as nowhere:
            return Answer(Verdict.UNDECIDED, str(nowhere), 0)
        met = found.sought.met
        if found.finding is not None:
            with suppress(search.NoValue):  # at some small instance: what was found stands
                found = judging.smallest(form.instances, form.conditions, claim, self.effort, found)
            verdict = Verdict.REFUTED if found.finding.passed is False else Verdict.UNDECIDED
            return Answer(verdict, found.finding.summary, met, self._shown(found))
        if met == 0:
            words = f"it looks vacuous: none of {self.effort.draws} instances drawn meets the hypotheses"
            return Answer(Verdict.UNDECIDED, words, 0)
        silence = judging.silence(form.instances, met, self.effort)
        result = run(self.statement, judged=found if form.effort == self.effort else None)
        if result.verdict is Verdict.REFUTED:
            return self._refuted_beyond(result, met)
        covered = f" ({form.instances.words}; {form.instances.drawn})"
        return Answer(result.verdict, silence.summary + covered + _in_the_way(result), met, result=result)

    def _refuted_beyond(self, result, met):
        """The answer where the ranges drawn hold no violation and the numbers that the symbols allow do."""
        form, finding = self.statement.form, result.outcomes[-1].finding
        point = judging.far_violation(form.instances, form.conditions, self._claim)
        numbers = {symbol.name: value for symbol, value in point.items()}
        at = {name: float(value) for name, value in numbers.items()}
        told = self._told({symbol: np.array([float(value)]) for symbol, value in point.items()})
        shown = Counterexample(True, finding.witness, numbers, at, self.statement.id, told)
        return Answer(Verdict.REFUTED, finding.summary, met, shown, result)

    @property
    def _claim(self):
        return All(tuple(self.statement.form.claim.values()))

    def batch(self, number: int) -> search.Batch:
        """What one batch of its search sees."""
        form = self.statement.form
        return search.batch(form.instances, form.conditions, self._claim, self.effort, number)

    def _spread(self, executor):
        if executor is None:
            return map
        return lambda task, numbers: executor.map(self.elsewhere or task, numbers)

    def _shown(self, found):
        form = self.statement.form
        conditions = (*form.conditions, *form.claim.values())
        symbols = {symbol for one in conditions for symbol in _symbols(one)}
        values, _ = form.instances.replay(found.values)
        at = {s.name: float(values[s][0]) for s in sorted(symbols, key=lambda s: s.name)}
        parts = form.instances.make(Replay(found.values))
        asked = {name: getattr(form.instances.quantities[s], "loss", None) for s in symbols for name in (s.name,)}
        return Counterexample(
            found.finding.passed is False,
            found.finding.witness,
            parts,
            at,
            self.statement.id,
            self._told(values),
            {name: loss for name, loss in sorted(asked.items()) if loss is not None},
        )

    def _told(self, values):
        form = self.statement.form
        roles = [("hypothesis", one) for one in form.conditions] + [("claim", one) for one in pieces(self._claim)]
        return tuple(_at(role, condition, values) for role, condition in roles)


def _at(role, condition, values):
    """A condition at the one instance of a batch."""
    holds = not bool(np.ravel(condition.violated(values))[0] > 0)
    if not isinstance(condition, Relation):
        return Told(condition.words, role, holds)
    left, right = (float(np.ravel(side)[0]) for side in condition.sides(values))
    return Told(condition.words, role, holds, (left, right))


def _in_the_way(result):
    """What keeps the checks from deciding, in words: each that did not pass, each wrong version that did."""
    undone = [f"{one.name}, {one.finding.summary}" for one in result.outcomes if one.finding.passed is not True]
    bare = [f"{one.name} has no wrong version" for one in result.outcomes if one.part and not one.controls]
    unsure = [name for one in result.outcomes for name, failed in one.controls if not failed]
    idle = [f"the claim is as true in the wrong version {', '.join(unsure)}"] if unsure else []
    return "".join(f"; {words}" for words in (*undone, *bare, *idle))


def _symbols(condition):
    """The symbols of every relation inside a condition."""
    if hasattr(condition, "symbols"):
        return set(condition.symbols)
    inside = [getattr(condition, name, ()) for name in ("condition", "conditions", "premise", "conclusion")]
    inside += [getattr(condition, name, ()) for name in ("left", "right")]
    flat = [one for part in inside for one in (part if isinstance(part, tuple) else (part,))]
    return {symbol for one in flat if isinstance(one, Condition) for symbol in _symbols(one)}


def conjecture(
    name: str,
    instances: Any,
    claim: Condition | Callable[..., bool] | Mapping[str, Condition],
    given: Sequence[Condition | Given | Callable[..., bool]] = (),
    *,
    checks: Part | Mapping[str, Part] | None = None,
    quantities: Sequence[Quantity] = (),
    effort: Effort = _EFFORT,
) -> Conjecture:
    """A conjecture in executable form: instances, hypotheses, claim; ``.check()`` settles what can be settled.

    Args:
        instances: :func:`tabular.testing.problems` or :func:`tabular.testing.labelled_problems`, or instances of the
            kernel, such as ``Numbers``.
        claim: a condition in the symbols of :mod:`proofs_checks.quantities`; or a predicate of ``problem`` and
            ``preferences``, which floats can violate and exact arithmetic cannot certify; or several by name.
        given: the hypotheses, likewise.
        checks: what carries the claim, by the rules of our own statements; of a claim of several parts, each by name.
        quantities: quantities of one's own.
        effort: how much the search does.

    Raises:
        InputError: a name that no file can have, instances that nobody can draw, what is no condition, a symbol that
            nobody measures, or checks of other parts than the claim's.

    >>> from proofs_checks.kernel.relation import relation
    >>> from proofs_checks.quantities import δ_rlhf, Δr
    >>> from tabular.testing import problems
    >>> ranked = conjecture("ranked", problems(), relation(δ_rlhf, ">", 0), [relation(Δr, ">", 0)])
    >>> print(ranked.check())
    REFUTED: violated: hypotheses and violation certified in exact arithmetic
    ref = ((1, 2)), reward = ((1, -1)), beta = 3
    """
    _check_name(name)
    if not isinstance(given, list | tuple):
        raise InputError(f"given is {checks_of.brief(given)}: give a list of hypotheses, each a condition")
    space = instances if isinstance(instances, Instances) else _problems(instances, quantities)
    parts = {name: _condition(part) for name, part in (claim if isinstance(claim, Mapping) else {_ONE: claim}).items()}
    hypotheses = tuple(one if isinstance(one, Given) else Given(_condition(one)) for one in given)
    for condition in (*parts.values(), *(one.condition for one in hypotheses)):
        for symbol in _symbols(condition) - set(space.quantities):
            shown = ", ".join(sorted(s.name for s in space.quantities))
            raise InputError(f"nobody measures {symbol}: the quantities are {shown}; give your own with quantities=")
    form = Form(space, hypotheses, parts, effort=effort)
    carried = {_ONE: checks} if isinstance(checks, Part) else checks or {}
    if not isinstance(carried, Mapping) or not all(isinstance(part, Part) for part in carried.values()):
        raise InputError(f"checks is {checks_of.brief(checks)}: give a Part, or a Part for each part of the claim")
    if carried and carried.keys() != parts.keys():
        raise InputError(f"checks carry {list(carried)} and the claim has the parts {list(parts)}: name each part once")
    return Conjecture(Statement(name, name, Origin.OURS, "yours", form, "", Verdict.UNDECIDED, carried), effort)


def _problems(strategy, quantities):
    from tabular.testing import recipe_of

    return _Problems(recipe_of(strategy), quantities)


def _condition(given):
    if isinstance(given, Condition) and foreign(given) is None:
        return given
    if not callable(given):
        raise InputError(f"{checks_of.brief(given)} is no condition: give relation(...), or a function of a problem")
    return Holds(given)


def _check_name(name):
    """It names files beside the conjecture's own words."""
    if not isinstance(name, str) or not name or set(name) & set("/\\\0\n"):
        raise InputError(f"the name is {checks_of.brief(name)}: give a text without / and \\, files are called by it")
