"""The prompts of a problem file as exact rationals, and as Coq reads them."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np

from condeq.problem_file import ProblemFile
from tabular import InputError
from tabular.base.log_space import softplus

__all__ = ["DIGITS", "GIVEN", "SLACK", "Prompt", "exact", "loss", "prompts", "rationals", "rounded", "sequence", "term"]

#: Digits that are kept of what solvers found: a certificate is as sharp as these.
DIGITS = 12
#: What a stated bound leaves between itself and the floats that suggested it.
SLACK = 1e-11
#: What most theorems ask of the problem, by the names that its module gives them.
GIVEN = "masses_positive isT beta_positive within_k"


@dataclass(frozen=True)
class Prompt:
    """One prompt.

    Args:
        index: its place in the file.
        names: its responses.
        beta: the KL price.
        written: the reference masses as Coq terms, positive and up to one factor.
        log_ref: the reference as floats, from which witnesses are sought.
        reward: one number a response, or None.
        labels: (winner, loser, share of all weights of the file).
    """

    index: int
    names: list[str]
    beta: Fraction
    written: list[str]
    log_ref: np.ndarray
    reward: list[Fraction] | None
    labels: list[tuple[int, int, Fraction]]

    @property
    def size(self) -> int:
        return len(self.names)

    def margin(self, winner: int, loser: int) -> float:
        """delta_ref of a pair."""
        return float(self.log_ref[winner] - self.log_ref[loser])

    def named(self, response: int) -> str:
        """A response's name, fit for a comment of Coq."""
        return self.names[response].replace("(*", "( *").replace("*)", "* )").replace('"', "'")


def loss(prompt: Prompt, scores: list[Fraction]) -> float:
    """The prompt's part of the DPO loss at scores beta log(pi / pi_ref)."""
    return float(sum(float(x) * softplus(float(scores[loser] - scores[winner])) for winner, loser, x in prompt.labels))


def prompts(source: ProblemFile) -> list[Prompt]:
    """The prompts that have a label of positive weight.

    Raises:
        InputError: a response of reference probability 0: Coq's ``ln 0`` is a number that means nothing.
    """
    weights = [_weights(source, index) for index in range(len(source.written))]
    total = sum(sum(row) for row in weights)
    return [_prompt(source, index, [w / total for w in row]) for index, row in enumerate(weights) if any(row)]


def _prompt(source, index, shares):
    row, names = source.written[index], source.names[index]
    log_ref = source.problem.log_ref[index, : len(names)]
    if not np.isfinite(log_ref).all():
        raise InputError(
            f"prompts[{index}] gives {names[int(np.argmin(log_ref))]} the reference probability 0, of which a "
            "certificate would take the logarithm: leave that response out"
        )
    here = np.flatnonzero(source.preferences.prompt == index)
    pairs = zip(source.preferences.winner[here].tolist(), source.preferences.loser[here].tolist(), strict=True)
    return Prompt(
        index=index,
        names=names,
        beta=exact(source.problem.beta),
        written=_reference(row),
        log_ref=log_ref,
        reward=[exact(x) for x in row["reward"]] if "reward" in row else None,
        labels=[(*pair, share) for pair, share in zip(pairs, shares, strict=True) if share],
    )


def _reference(row):
    if "reference" in row:
        return [term(exact(x)) for x in row["reference"]]
    return [f"exp ({term(exact(x))})" for x in row["log_reference"]]


def _weights(source, index):
    """The weights of a prompt's labels, as they are written; as floats where rates of Bradley and Terry were asked."""
    if "preferences" not in source.written[index]:
        raise InputError(f"prompts[{index}] has no preferences: certificates are of labels, not of rankings or votes")
    given = source.written[index]["preferences"]
    if isinstance(given, list):
        return [exact(pair[2]) if len(pair) == 3 else Fraction(1) for pair in given]
    weights = np.exp(source.preferences.log_weight[source.preferences.prompt == index])
    if not weights.all():
        raise InputError(
            f"prompts[{index}].preferences: a Bradley-Terry rate is below the floating-point numbers, and a "
            "certificate writes every weight out: give rewards that are less far apart"
        )
    return [exact(x) for x in weights]


def exact(x) -> Fraction:
    """The decimal that a number is written as.

    >>> exact(0.2), exact(3)
    (Fraction(1, 5), Fraction(3, 1))
    """
    return Fraction(repr(float(x)))


def rounded(x: float, digits: int = DIGITS) -> Fraction:
    """A float to so many significant digits.

    >>> rounded(1 / 3, 4)
    Fraction(3333, 10000)
    """
    return Fraction(Decimal(f"{x:.{digits - 1}e}"))


def term(x: Fraction) -> str:
    """A rational as Coq reads it.

    >>> term(Fraction(1, 5)), term(Fraction(-3))
    ('1 / 5', '-3')
    """
    return f"{x.numerator}" if x.denominator == 1 else f"{x.numerator} / {x.denominator}"


def sequence(terms) -> str:
    """A list as Coq reads it."""
    return f"[:: {'; '.join(terms)}]"


def rationals(values) -> str:
    """A list of rationals as Coq reads it.

    >>> rationals([Fraction(1, 2), Fraction(3)])
    '[:: 1 / 2; 3]'
    """
    return sequence(map(term, values))
