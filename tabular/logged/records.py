"""What a logged run is made of: pairs of sequence log-probabilities, at one checkpoint or at many."""

from collections.abc import Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tabular.base import checks
from tabular.base.record import Record
from tabular.errors import InputError
from tabular.preferences import Preferences
from tabular.problem import Problem

__all__ = ["ARRAYS", "FINITE_RULE", "LOG_PROB_RULE", "PairLog", "RunLog", "broken_rule", "freeze"]

LOG_PROB_RULE = "a log-probability is at most 0, so give sums of token log-probs in nats, not probabilities or losses"
FINITE_RULE = "it must be finite: drop the pair or log it again"


class PairLog(Record):
    r"""Log-probabilities of the chosen and the rejected response of each pair, validated once and then frozen.

    Args:
        source: where it comes from, for messages and reports.
        ref_chosen, ref_rejected: ``(n_pairs,)`` sums of token log-probs under the reference, in nats, finite, <= 0.
        policy_chosen, policy_rejected: the same under the trained policy; both or neither.
        reward_chosen, reward_rejected: ``(n_pairs,)`` rewards that do not come from the policy itself, finite; both
            or neither. (What trainers log as ``rewards/chosen`` is beta times a log-ratio, not such a reward.)
        n_chosen, n_rejected: ``(n_pairs,)`` token counts, above 0; both or neither.
        start_chosen, start_rejected: ``(n_pairs,)`` of a pass of the policy before its first update, which should
            repeat the reference's; both or neither.
        row: ``(n_pairs,)`` the row of each pair in the file it was read from, from 0; origin: who wrote that file.
        n_skipped, n_clamped: rows that were left out, and log-probabilities above 0 by a rounding that were set to 0.
        n_unmatched, joined: pairs without a partner in the policy's file, and by what the files were joined.
        frame: the file as a lazy table, for the columns that were not read.

    Raises:
        InputError: naming the array, the pair and the rule.

    >>> log = PairLog("by hand", ref_chosen=[-9.0, -4.0], ref_rejected=[-7.0, -5.0])
    >>> log.n_pairs, log.delta_ref.tolist(), log.delta is None
    (2, [-2.0, 1.0], True)
    >>> PairLog("by hand", ref_chosen=[-9.0, -4.0], ref_rejected=[-7.0])
    Traceback (most recent call last):
        ...
    tabular.errors.InputError: ref_rejected has 1 entries, ref_chosen 2: give one for each pair
    """

    source: str
    ref_chosen: np.ndarray
    ref_rejected: np.ndarray
    policy_chosen: np.ndarray | None = None
    policy_rejected: np.ndarray | None = None
    reward_chosen: np.ndarray | None = None
    reward_rejected: np.ndarray | None = None
    n_chosen: np.ndarray | None = None
    n_rejected: np.ndarray | None = None
    row: np.ndarray | None = None
    origin: Any = None
    n_skipped: int = 0
    n_clamped: int = 0
    n_unmatched: int = 0
    joined: str | None = None
    frame: Any = field(default=None, repr=False, compare=False)
    start_chosen: np.ndarray | None = None
    start_rejected: np.ndarray | None = None

    if TYPE_CHECKING:  # what is given; the fields say what is kept

        def __init__(
            self,
            source: str,
            ref_chosen: ArrayLike,
            ref_rejected: ArrayLike,
            policy_chosen: ArrayLike | None = None,
            policy_rejected: ArrayLike | None = None,
            reward_chosen: ArrayLike | None = None,
            reward_rejected: ArrayLike | None = None,
            n_chosen: ArrayLike | None = None,
            n_rejected: ArrayLike | None = None,
            row: ArrayLike | None = None,
            origin: Any = None,
            n_skipped: int = 0,
            n_clamped: int = 0,
            n_unmatched: int = 0,
            joined: str | None = None,
            frame: Any = None,
            start_chosen: ArrayLike | None = None,
            start_rejected: ArrayLike | None = None,
        ) -> None: ...

    def __post_init__(self):
        for what in ("policy", "reward", "n", "start"):
            given = [side for side in ("chosen", "rejected") if getattr(self, f"{what}_{side}") is not None]
            if len(given) == 1:
                raise InputError(f"only {what}_{given[0]} is given: give both {what}_chosen and {what}_rejected")
        for name in _VALUES:
            if getattr(self, name) is not None or name in ARRAYS[:2]:
                freeze(self, name, _validated(getattr(self, name), name))
        if self.n_pairs == 0:
            raise InputError("ref_chosen is empty: give at least one pair")
        for name in _VALUES:
            values = getattr(self, name)
            if values is not None and len(values) != self.n_pairs:
                raise InputError(f"{name} has {len(values)} entries, ref_chosen {self.n_pairs}: give one for each pair")
        self._freeze_counts()

    def _freeze_counts(self):
        row = np.arange(self.n_pairs) if self.row is None else self.row
        freeze(self, "row", checks.whole_numbers(row, "row"))
        for name in ("n_chosen", "n_rejected"):
            if getattr(self, name) is not None:
                counts = checks.numbers(getattr(self, name), name)
                checks.refuse(~(counts > 0), counts, name, "a token count must be above 0")
                freeze(self, name, counts)
        for name in ("n_chosen", "n_rejected", "row"):
            values = getattr(self, name)
            if values is not None and values.shape != (self.n_pairs,):
                raise InputError(f"{name} has shape {values.shape}: give one for each of {self.n_pairs} pairs")

    @property
    def n_pairs(self) -> int:
        return len(self.ref_chosen)

    @property
    def delta_ref(self) -> np.ndarray:
        r"""``(n_pairs,)`` of :math:`\delta_{\rm ref}=\log\pi_{\rm ref}(w)-\log\pi_{\rm ref}(l)`, nats."""
        return self.ref_chosen - self.ref_rejected

    @property
    def delta(self) -> np.ndarray | None:
        r"""``(n_pairs,)`` of :math:`\delta=\log\pi(w)-\log\pi(l)`, nats; ``None`` without a policy."""
        return None if self.policy_chosen is None else self.policy_chosen - self.policy_rejected

    @property
    def reward_difference(self) -> np.ndarray | None:
        r"""``(n_pairs,)`` of :math:`\Delta r=r_w-r_l`; ``None`` without rewards."""
        return None if self.reward_chosen is None else self.reward_chosen - self.reward_rejected


ARRAYS = ("ref_chosen", "ref_rejected", "policy_chosen", "policy_rejected", "reward_chosen", "reward_rejected")
_VALUES = (*ARRAYS, "start_chosen", "start_rejected")


class RunLog(Record):
    r"""A training run: log-probabilities of a fixed set of responses to each prompt, checkpoint after checkpoint.

    Args:
        name: of the run.
        beta: the beta it was trained with.
        log_prob: ``(n_checkpoints, n_responses, n_prompts)`` sums of token log-probs, nats, finite, <= 0.
            Checkpoint 0 is the reference.
        responses: a name for each response.
        step: ``(n_checkpoints,)`` training examples seen, from 0, increasing.
        winner, loser: which two of the responses carry the label.
        base: the pairs as they were read from files, with what stands beside their log-probabilities.

    Raises:
        InputError: naming the array, the entry and the rule.

    >>> run = RunLog("toy", 0.1, [[[-9.0], [-7.0]], [[-8.0], [-8.5]]], ("chosen", "rejected"), [0, 100], 0, 1)
    >>> run.pairs().delta_ref.tolist(), run.pairs().delta.tolist(), run.pairs(0).delta.tolist()
    ([-2.0], [0.5], [-2.0])
    """

    name: str
    beta: float
    log_prob: np.ndarray
    responses: tuple[str, ...]
    step: np.ndarray
    winner: int
    loser: int
    base: PairLog | None = field(default=None, repr=False)

    if TYPE_CHECKING:  # what is given; the fields say what is kept

        def __init__(
            self,
            name: str,
            beta: float,
            log_prob: ArrayLike,
            responses: Sequence[str],
            step: ArrayLike,
            winner: int,
            loser: int,
            base: PairLog | None = None,
        ) -> None: ...

    def __post_init__(self):
        freeze(self, "log_prob", _validated(self.log_prob, "log_prob", n_dimensions=3))
        freeze(self, "step", checks.whole_numbers(self.step, "step"))
        object.__setattr__(self, "responses", checks.names(self.responses, "responses"))
        n_checkpoints, n_responses, _ = self.log_prob.shape
        if 0 in self.log_prob.shape:
            raise InputError(f"log_prob has shape {self.log_prob.shape}: give at least one of each")
        if len(self.responses) != n_responses:
            raise InputError(f"there are {len(self.responses)} response names for {n_responses} responses")
        if self.step.shape != (n_checkpoints,) or self.step[0] != 0 or (np.diff(self.step) <= 0).any():
            raise InputError(f"step must hold {n_checkpoints} increasing counts from 0, one for each checkpoint")
        for name in ("winner", "loser"):
            object.__setattr__(self, name, checks.whole_number(getattr(self, name), name))
        if self.winner == self.loser or not {self.winner, self.loser} <= set(range(n_responses)):
            raise InputError(
                f"winner {checks.brief(self.winner)} and loser {checks.brief(self.loser)} must be two different "
                f"responses among {n_responses}, counted from 0"
            )
        object.__setattr__(self, "beta", checks.number(self.beta, "beta"))

    @property
    def n_checkpoints(self) -> int:
        return self.log_prob.shape[0]

    @property
    def n_responses(self) -> int:
        return self.log_prob.shape[1]

    @property
    def n_prompts(self) -> int:
        return self.log_prob.shape[2]

    def pairs(self, checkpoint: int = -1) -> PairLog:
        """The labelled pair of each prompt at one checkpoint, beside the reference (checkpoint 0)."""
        policy = self._at(checkpoint)
        reference = self.log_prob[0]
        sides = {
            "ref_chosen": reference[self.winner],
            "ref_rejected": reference[self.loser],
            "policy_chosen": policy[self.winner],
            "policy_rejected": policy[self.loser],
        }
        if self.base is not None:
            return replace(self.base, **sides)
        return PairLog(f"{self.name}, after {self.step[checkpoint]} examples", **sides)

    def problem(self, checkpoint: int = 0, beta: float | None = None) -> Problem:
        """The listed responses as a :class:`Problem`: one checkpoint's probabilities, renormalised over the list.

        Differences such as delta are unchanged by that; probabilities are conditional on the list.
        """
        return Problem.from_unnormalized(self._at(checkpoint).T, self.beta if beta is None else beta)

    def preferences(self) -> Preferences:
        """The run's labels on :meth:`problem`: winner over loser, once for each prompt."""
        same = np.full(self.n_prompts, 1)
        return Preferences(np.arange(self.n_prompts), self.winner * same, self.loser * same)

    def _at(self, checkpoint):
        if not -self.n_checkpoints <= checks.whole_number(checkpoint, "checkpoint") < self.n_checkpoints:
            raise InputError(
                f"there is no checkpoint {checks.brief(checkpoint)}: {self.name} has {self.n_checkpoints}, "
                "counted from 0"
            )
        return self.log_prob[checkpoint]


def freeze(log, name, array):
    """Set an array of a frozen dataclass, read-only."""
    array.flags.writeable = False
    object.__setattr__(log, name, array)


def broken_rule(values, is_log_prob):
    """Where values break a rule, as a mask, and the rule; ``None`` where all are fine."""
    for bad, rule in ((~np.isfinite(values), FINITE_RULE), (is_log_prob & (values > 0), LOG_PROB_RULE)):
        if bad.any():
            return bad, rule
    return None


def _validated(values, name, n_dimensions=1):
    array = checks.numbers(values, name)
    if array.ndim != n_dimensions:
        raise InputError(f"{name} has shape {array.shape}: give a {n_dimensions}-D array")
    broken = broken_rule(array, is_log_prob=not name.startswith("reward"))
    if broken:
        bad, rule = broken
        checks.refuse(bad, array, name, rule)
    return array
