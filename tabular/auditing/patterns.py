"""Traps that rows show one by one, so that they can be counted while a log streams by."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = [
    "AVERAGES",
    "BOTH_ROSE",
    "FEW",
    "IDENTICAL",
    "LD_ALPHA",
    "OTHER_WAY",
    "OVER_ONE",
    "PATTERNS",
    "PLACEHOLDER",
    "SIDES",
    "TIES",
    "ZERO",
    "Pattern",
]

#: pairs below which a pattern may be chance
FEW = 10
_PLACEHOLDER = -1e7  # 10^5 tokens at 100 nats each
_BEYOND = 0.01  # nats by which probabilities exceed 1, and no rounding of sums does
SIDES = ("ref_chosen", "ref_rejected", "policy_chosen", "policy_rejected")


@dataclass(frozen=True)
class Pattern:
    """A trap with its sign.

    Attributes:
        name, what: as in :class:`tabular.auditing.doubt.Doubt`.
        shown_by: of rows with log-probabilities, those that show it.
        share: the least share of rows that makes a doubt of it; few: whether a handful of rows is enough to tell.
        of_policy: whether it needs a policy.
        possible: of the least and the largest log-probability of some rows, whether any of them may show it.
    """

    name: str
    shown_by: Callable[[Any], np.ndarray]
    what: str
    share: float = 0.0
    few: bool = True
    of_policy: bool = False
    possible: Callable[[float, float], bool] = lambda lowest, highest: True

    def suspicious(self, shown: int, pairs: int) -> bool:
        """Whether so many of so many pairs make a doubt."""
        return bool(shown) and shown >= self.share * pairs and (self.few or pairs >= FEW)


def _any_side(rows, shows):
    sides = [getattr(rows, name) for name in SIDES if getattr(rows, name) is not None]
    return np.any([shows(side) for side in sides], axis=0)


def _over_one(rows):
    pairs = [(rows.ref_chosen, rows.ref_rejected)]
    if rows.policy_chosen is not None:
        pairs.append((rows.policy_chosen, rows.policy_rejected))
    return np.any([np.logaddexp(*pair) > _BEYOND for pair in pairs], axis=0)


def _same(rows):
    return (rows.policy_chosen == rows.ref_chosen) & (rows.policy_rejected == rows.ref_rejected)


def _one_moved(rows):
    """min(r_w, r_l) = 0 < max(r_w, r_l), of the two log-ratios."""
    r_w, r_l = rows.policy_chosen - rows.ref_chosen, rows.policy_rejected - rows.ref_rejected
    return ((r_w == 0) & (r_l > 0)) | ((r_l == 0) & (r_w > 0))


def _both_rose(rows):
    """By a hundredth or more: what is 0.99 of a negative number lies above it."""
    return (rows.policy_chosen > 0.99 * rows.ref_chosen) & (rows.policy_rejected > 0.99 * rows.ref_rejected)


def _fell(rows):
    return rows.policy_chosen - rows.policy_rejected < rows.ref_chosen - rows.ref_rejected


IDENTICAL = Pattern(
    "policy identical to the reference",
    _same,
    "the two columns of the policy equal the reference's to the last bit: the log is of step 0, an adapter was "
    "switched off, or one file was given twice. Nothing is said about training.",
    share=0.5,
    of_policy=True,
)
LD_ALPHA = Pattern(
    "ld_alpha on one model only",
    _one_moved,
    "the shorter response has not moved at all and the longer one has risen: the policy's sum is discounted beyond the "
    "shorter length and the reference's is not (LLaMA-Factory, ms-swift, TRL 0.18-0.28). h is off by the discount: "
    "recompute both without ld_alpha.",
    share=0.5,
    few=False,
    of_policy=True,
)
OTHER_WAY = Pattern(
    "trained the other way round",
    _fell,
    "the log-ratio fell on most pairs: chosen and rejected are swapped in one of the two files, or the run diverged.",
    share=0.8,
    few=False,
    of_policy=True,
)
BOTH_ROSE = Pattern(
    "both sides rose",
    _both_rose,
    "DPO moves the two sides apart and rarely raises both: a loss with an SFT term does, and so does a reference that "
    "is a weaker model than the run began from (the base below an adapter's SFT). A pass of the policy before its "
    "first update tells them apart: give it as step 0.",
    share=0.9,
    few=False,
    of_policy=True,
)
PLACEHOLDER = Pattern(
    "a number that stands for something else",
    lambda rows: _any_side(rows, lambda side: side < _PLACEHOLDER),
    "no text has a log-probability below -10^7 nats: a mask or a placeholder was logged. These pairs are counted as "
    "they stand, and may carry the whole mean loss.",
    possible=lambda lowest, highest: lowest < _PLACEHOLDER,
)
ZERO = Pattern(
    "log-probability exactly 0",
    lambda rows: _any_side(rows, lambda side: side == 0),
    "a response of probability 1: rather a missing entry (early caches of open-instruct), a completion cut to nothing, "
    "or ld_alpha of TRL 0.18-0.28. These pairs are counted as they stand.",
    possible=lambda lowest, highest: highest >= 0,
)
OVER_ONE = Pattern(
    "more probability than there is",
    _over_one,
    "the probabilities of two different responses add up to more than 1: averages over tokens, one text twice, or "
    "completions cut to next to nothing. What a loss of more than the difference certifies rests on that sum.",
    possible=lambda lowest, highest: highest > -np.log(2),
)
TIES = Pattern(
    "equal log-probabilities",
    lambda rows: rows.ref_chosen == rows.ref_rejected,
    "chosen and rejected have the same sum under the reference: equal texts, texts that were cut to the same prefix "
    "(max_length), or rounding. delta_ref = 0 is not pessimistic, and delta = 0 never right.",
    share=0.01,
)
AVERAGES = Pattern(
    "averages",
    lambda rows: (rows.ref_chosen > -10) & (rows.ref_rejected > -10),
    "the log-probabilities are those of a token, not of a response (all above -10 nats), as TRL's columns under ipo "
    "until 0.28 are. delta_ref is then no log-ratio of probabilities: log sums, or multiply by the token counts.",
    share=0.95,
    few=False,
)
#: all of them, in the order in which they are told
PATTERNS = (AVERAGES, IDENTICAL, LD_ALPHA, BOTH_ROSE, OTHER_WAY, PLACEHOLDER, ZERO, OVER_ONE, TIES)
