"""What a statement is: words, executable hypotheses and claim, the parts of the claim and what carries each."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from proofs_checks.kernel.evidence import Box, Evidence, Exact, Exhaustive, Identity, Sampled, Sign
from proofs_checks.kernel.instances import Instances
from proofs_checks.kernel.relation import All, Condition, foreign
from proofs_checks.kernel.search import USUAL, Effort

__all__ = ["Form", "Given", "InWords", "Origin", "Part", "Policies", "Settles", "Statement", "Verdict"]

_KINDS = (Identity, Sign, Box, Exhaustive, Sampled, Exact)
_CITED = re.compile(r"\{([a-z0-9.-]+)\}")
_STEP = re.compile(r"«(.+?)»")


class Verdict(Enum):
    """What is known of a statement. Computed by :mod:`proofs_checks.kernel.verdict`, never written by hand."""

    PROVED = "PROVED"  #: for all values; what carries each part is printed with it
    CERTIFIED = "CERTIFIED"  #: rigorously, for every parameter in a box, every case of a list, or one instance
    SUPPORTED = "SUPPORTED"  #: by a search for violations that found none
    REFUTED = "REFUTED"  #: by a witness in exact arithmetic, or by a proof of the contrary
    VACUOUS = "VACUOUS"  #: nothing meets the hypotheses
    UNDECIDED = "UNDECIDED"  #: a check failed, was not run, or cannot be trusted
    NOT_CHECKABLE_HERE = "NOT CHECKABLE HERE"  #: needs what a tabular toolkit does not have


class Origin(Enum):
    """Whose words a statement is in. Headlines count a paper's own claims apart from the rest."""

    PRINTED = "as printed"
    TRANSCRIBED = "as transcribed"
    READING = "a reading of it"
    BELIEF = "a common belief"
    OURS = "our own"

    @property
    def is_the_papers(self) -> bool:
        return self in (Origin.PRINTED, Origin.TRANSCRIBED)


class Policies(Enum):
    """Over which policies a statement quantifies."""

    FULL_SUPPORT = "policies with full support"
    ZEROS_ALLOWED = "policies that may have zeros"


class Settles(Enum):
    """What the parts of a statement, taken together, prove."""

    CLAIM = "the claim"
    NEGATION = "the contrary"
    VACUITY = "that nothing meets the hypotheses"


@dataclass(frozen=True)
class Given:
    """A hypothesis. ``needless``: why the claim survives without it; empty where dropping it must break the claim."""

    condition: Condition
    needless: str = ""


def _check_named(claim):
    """A check of no part carries nothing, and needs no near miss: so each part has a name."""
    if not claim or not all(claim):
        raise ValueError(f"a claim of the parts {list(claim)} claims nothing, or something without a name")


@dataclass(frozen=True)
class Form:
    """The executable form of a statement: instances, hypotheses, claim. All else that is said of it follows.

    Args:
        claim: the parts of the claim by name; each a condition in the instances' symbols.
        wrong: near misses of the claim, by name, that the search must be able to violate.
        right: near misses of a *false* claim, by name, that the search must not be able to violate.
    """

    instances: Instances
    given: tuple[Condition | Given, ...]
    claim: Mapping[str, Condition]
    wrong: Mapping[str, Condition] = field(default_factory=dict)
    right: Mapping[str, Condition] = field(default_factory=dict)
    effort: Effort = USUAL

    def __post_init__(self):
        _check_named(self.claim)
        if strange := foreign(All((*self.conditions, *self.claim.values()))):
            raise TypeError(f"{strange!r} is no condition of the kernel's: it could answer whatever is asked")

    @property
    def hypotheses(self):
        """The hypotheses, each a :class:`Given`."""
        return tuple(given if isinstance(given, Given) else Given(given) for given in self.given)

    @property
    def conditions(self):
        return tuple(given.condition for given in self.hypotheses)

    @property
    def words(self):
        """Hypotheses and claim in words, as printed."""
        given = [given.condition.words for given in self.hypotheses]
        return "; ".join([self.instances.words, *given]), ". ".join(part.words for part in self.claim.values())


@dataclass(frozen=True)
class InWords:
    """A statement that takes no executable form: words alone, and why."""

    hypotheses: str
    claim: Mapping[str, str]
    why: str

    def __post_init__(self):
        _check_named(self.claim)

    @property
    def words(self):
        return self.hypotheses, " ".join(self.claim.values())


@dataclass(frozen=True)
class Part:
    """What carries one part of a claim.

    Args:
        argument: how the steps carry the part, in words; it cites each step as «name» and statements as {id}. Empty
            where the one step is the part itself.
        steps: the checks. A step that is not cited, or a citation without a step, is an error.

    Raises:
        ValueError: the argument and the steps do not match.
    """

    argument: str = ""
    steps: tuple[Evidence, ...] = ()

    def __post_init__(self):
        if any(type(step) not in _KINDS for step in self.steps):
            raise TypeError(f"a step is one of the kernel's pieces of evidence, not {self.steps!r}")
        if strange := re.search(r"[{}«»].*", _STEP.sub("", _CITED.sub("", self.argument))):
            raise ValueError(f"nobody reads this as a citation, {{id}} or «step»: {strange[0]}")
        cited, there = _STEP.findall(self.argument), [step.name for step in self.steps]
        if not self.argument:
            if len(self.steps) > 1:
                raise ValueError(f"say in words how these steps together carry the part: {', '.join(there)}")
            return
        if set(cited) != set(there) or len(set(there)) != len(there):
            missing, idle = sorted(set(cited) - set(there)), sorted(set(there) - set(cited))
            raise ValueError(f"the argument cites {missing or 'no missing step'}, and leaves idle {idle or 'none'}")

    @property
    def rests_on(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(_CITED.findall(self.argument)))


@dataclass(frozen=True)
class Statement:
    """A statement of the literature or of our own.

    Args:
        origin: whose words it is in; ``source`` says where.
        form: its executable form, or :class:`InWords` with the reason why it has none.
        parts: for each part of the claim, by the same name, what carries it; for a claim that is refuted by proof or
            vacuous, parts of that proof under names of their own. Empty where the search alone decides.
        uses: the ids of statements whose results the form itself uses.
        instead: the ids of statements that say what holds, and where, in place of a claim that fails.
        out_of_reach: why it cannot be checked on a finite table.
        second_routes: checks that carry nothing, and unsettle the verdict if they fail.

    Raises:
        ValueError: a part of the claim without an entry in ``parts``, or the reverse.

    >>> words = InWords("8B models.", {"claim": "One beats the other."}, why="it needs their training")
    >>> known = Statement("planted", "A claim", Origin.BELIEF, "hearsay", words, "Unknown.", Verdict.NOT_CHECKABLE_HERE)
    >>> known.claim, known.rests_on
    ('One beats the other.', ())
    """

    id: str
    title: str
    origin: Origin
    source: str
    form: Form | InWords
    conclusion: str
    expected: Verdict
    parts: Mapping[str, Part] = field(default_factory=dict)
    settles: Settles = Settles.CLAIM
    policies: Policies = Policies.FULL_SUPPORT
    second_routes: tuple[Evidence, ...] = ()
    uses: tuple[str, ...] = ()
    instead: tuple[str, ...] = ()
    out_of_reach: str = ""

    def __post_init__(self):
        if self.parts and self.settles is Settles.CLAIM and set(self.parts) != set(self.form.claim):
            raise ValueError(f"{self.id}: the claim has parts {list(self.form.claim)}, carried are {list(self.parts)}")
        if isinstance(self.form, InWords) and any(part.steps and not part.argument for part in self.parts.values()):
            raise ValueError(f"{self.id}: no machine reads its claim, say in words how the step carries it")

    @property
    def hypotheses(self) -> str:
        return self.form.words[0]

    @property
    def claim(self) -> str:
        return self.form.words[1]

    @property
    def rests_on(self) -> tuple[str, ...]:
        """The statements whose verdict this one needs."""
        cited = (name for part in self.parts.values() for name in part.rests_on)
        return tuple(dict.fromkeys([*self.uses, *cited]))
