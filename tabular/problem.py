"""A tabular RLHF problem: reference policy, KL price, reward, prompt weights."""

from dataclasses import field
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike

from tabular.base import checks, drawings, tolerances
from tabular.base.log_space import log_sum_exp
from tabular.base.nouns import takes_nouns
from tabular.base.record import Record
from tabular.errors import InputError

__all__ = ["Problem", "as_log_policy"]


class Problem(Record):
    r"""A finite prompt/response space with everything RLHF needs, validated once and then frozen.

    The problem is :math:`\max_\pi \mathbb E_\pi[r] - \beta\,\mathrm{KL}(\pi\|\pi_{\rm ref})`, one prompt a row.

    Args:
        log_ref: ``log pi_ref`` in nats, ``(n_prompts, n_responses)``; a 1-D array is one prompt, rows of
            different lengths are padded. ``-inf`` marks a response that is not there; others are above -1e15. Each row
            sums to 1 in probability within 1e-8 and is then renormalised exactly.
        beta: the price of one nat of KL, from 1e-100 to 1e100.
        reward: same shape as ``log_ref``, finite, and so what lies between two of a prompt over beta; what it says of
            responses marked absent is ignored. ``None`` where only preferences are known.
        prompt_weights: ``(n_prompts,)``, non-negative, scaled here to sum to 1; uniform by default.

    Raises:
        InputError: naming the rule, the value, its index and the remedy.

    >>> problem = Problem.from_probabilities([[0.2, 0.3, 0.5], [0.9, 0.1]], beta=0.5)
    >>> problem.log_ref.shape, problem.present.sum(axis=1).tolist()
    ((2, 3), [3, 2])
    >>> Problem.from_probabilities([0.2, 0.3], beta=0.5)
    Traceback (most recent call last):
        ...
    tabular.errors.InputError: ref row 0 sums to 0.5, not 1: rescale it, or use Problem.from_unnormalized
    """

    log_ref: np.ndarray
    beta: float
    reward: np.ndarray | None = None
    prompt_weights: np.ndarray = field(default=None)  # type: ignore[arg-type]

    if TYPE_CHECKING:  # what is given; the fields say what is kept

        def __init__(
            self,
            log_ref: ArrayLike,
            beta: float,
            reward: ArrayLike | None = None,
            prompt_weights: ArrayLike | None = None,
        ) -> None: ...

    def __post_init__(self):
        log_ref, lengths = _validated_log_ref(self.log_ref)
        _set(self, "log_ref", log_ref)
        object.__setattr__(self, "beta", checks.number(self.beta, "beta"))
        if not 1 / _STEEPEST <= self.beta <= _STEEPEST:
            rule = f"products of betas leave double precision; give one from {1 / _STEEPEST:g} to {_STEEPEST:g}"
            raise InputError(f"beta is {self.beta:.10g}: {rule}")
        if self.reward is not None:
            _set(self, "reward", _validated_reward(self.reward, log_ref, lengths, self.beta))
        _set(self, "prompt_weights", _validated_prompt_weights(self.prompt_weights, len(log_ref)))

    @classmethod
    def from_probabilities(
        cls, ref: ArrayLike, beta: float, reward: ArrayLike | None = None, prompt_weights: ArrayLike | None = None
    ) -> Self:
        """The same from probabilities; zeros are allowed and mean that the response is not there."""
        probability, lengths = _rows(ref, "ref")
        checks.refuse(~np.isfinite(probability), probability, "ref", "a probability must be finite")
        checks.refuse(probability < 0, probability, "ref", "a probability must be at least 0")
        with np.errstate(over="ignore"):
            total = probability.sum(axis=1)
        _reject_row_sums(total, "ref")
        with np.errstate(divide="ignore"):
            log_ref = np.log(probability / total[:, None])
        return cls(_as_given(log_ref, lengths), beta, reward, prompt_weights)

    @classmethod
    def from_unnormalized(
        cls,
        log_weight: ArrayLike,
        beta: float,
        reward: ArrayLike | None = None,
        prompt_weights: ArrayLike | None = None,
    ) -> Self:
        """The same from logits or sequence log-probabilities, renormalised over the listed responses.

        >>> Problem.from_unnormalized([0.0, np.log(3.0)], beta=0.1).log_ref.round(4).tolist()
        [[-1.3863, -0.2877]]
        """
        log_weight, lengths = _rows(log_weight, "log_weight", padding=-np.inf)
        checks.refuse(np.isnan(log_weight) | (log_weight == np.inf), log_weight, "log_weight", _LOG_RULE)
        total = log_sum_exp(log_weight, keepdims=True)
        if np.isneginf(total).any():
            row = int(np.argmax(np.isneginf(total)))
            raise InputError(f"log_weight row {row} has no response: give each prompt a weight above -inf")
        return cls(_as_given(log_weight - total, lengths), beta, reward, prompt_weights)

    def picture(self) -> str:
        """The reference, and a tick at the RLHF optimum where there is a reward."""
        from tabular import rlhf  # it stands on this module

        best = None if self.reward is None else np.exp(rlhf.optimal_policy(self))
        return drawings.bars(np.exp(self.log_ref), best, compared="the RLHF optimum")

    @property
    def n_prompts(self) -> int:
        return self.log_ref.shape[0]

    @property
    def n_responses(self) -> int:
        """The largest number of responses of a prompt, absent ones included."""
        return self.log_ref.shape[1]

    @cached_property
    def present(self) -> np.ndarray:
        """``(n_prompts, n_responses)`` mask of the responses with positive reference probability."""
        present = self.log_ref > -np.inf
        present.flags.writeable = False
        return present

    def require_reward(self) -> np.ndarray:
        """The reward, or one sentence that says it is missing."""
        if self.reward is None:
            raise InputError("this problem has no reward: pass Problem(..., reward=...)")
        return self.reward


_STEEPEST = 1e100  # beta: with its square, weights and rewards of as much again are still floats
_FARTHEST = 1e15  # nats: floats there are an eighth of a nat apart
_ABSENT = "-inf marks a response that is not there"
_LOG_RULE = f"a log-probability must be a number below +inf; {_ABSENT}"


@takes_nouns
def as_log_policy(log_policy, problem: Problem) -> np.ndarray:
    """A policy of this problem as a 2-D array of log-probabilities, or one sentence that says what is wrong.

    >>> as_log_policy(np.log([0.5, 0.5]), Problem.from_probabilities([0.1, 0.9], beta=1)).shape
    (1, 2)
    """
    policy, _ = _rows(log_policy, "log_policy", padding=-np.inf)
    if policy.shape != problem.log_ref.shape:
        raise InputError(
            f"log_policy has shape {policy.shape}, the problem {problem.log_ref.shape} (prompts, responses): "
            "give one log-probability for each response"
        )
    checks.refuse(np.isnan(policy) | (policy == np.inf), policy, "log_policy", _LOG_RULE)
    with np.errstate(over="ignore"):
        total = np.exp(log_sum_exp(policy))
    _reject_row_sums(total, "log_policy", remedy="subtract its logsumexp")
    return policy


def _set(problem, name, array):
    array.flags.writeable = False
    object.__setattr__(problem, name, array)


def _rows(values, name, padding=0.0):
    """A fresh 2-D float array, shorter rows padded, and the length each row was given with."""
    try:
        array = checks.numbers(values, name)
    except InputError:
        if not np.iterable(values):
            raise
        return _ragged_rows(values, name, padding)
    if array.ndim == 1:
        array = array[None, :]
    if array.ndim != 2 or 0 in array.shape:
        raise InputError(
            f"{name} has shape {np.shape(values)}: give one row of responses for each prompt, at least one of each"
        )
    return array, np.full(len(array), array.shape[1])


def _ragged_rows(values, name, padding):
    rows = [checks.numbers(row, f"{name} row {prompt}") for prompt, row in enumerate(values)]
    lengths = np.array([row.size for row in rows])
    if {row.ndim for row in rows} != {1} or 0 in lengths:
        raise InputError(f"{name} must hold one non-empty 1-D row for each prompt")
    array = np.full((len(rows), lengths.max()), padding)
    array[np.arange(lengths.max()) < lengths[:, None]] = np.concatenate(rows)
    return array, lengths


def _as_given(array, lengths):
    """The rows without their padding."""
    if lengths.min() == array.shape[1]:
        return array
    return [row[:length] for row, length in zip(array, lengths, strict=True)]


def _reject_row_sums(total, name, remedy="rescale it, or use Problem.from_unnormalized"):
    off = ~(np.abs(total - 1) <= tolerances.ROW_SUM)
    if off.any():
        row = int(np.argmax(off))
        raise InputError(f"{name} row {row} sums to {total[row]:.10g}, not 1: {remedy}")


def _validated_log_ref(values):
    log_ref, lengths = _rows(values, "log_ref", padding=-np.inf)
    checks.refuse(np.isnan(log_ref) | (log_ref == np.inf), log_ref, "log_ref", _LOG_RULE)
    log_total = log_sum_exp(log_ref)
    with np.errstate(over="ignore"):
        _reject_row_sums(np.exp(log_total), "log_ref")
    far = (log_ref < -_FARTHEST) & (log_ref > -np.inf)
    checks.refuse(far, log_ref, "log_ref", f"below {-_FARTHEST:g} nats its rounding is as large; {_ABSENT}")
    if _is_ours(values) and (np.abs(log_total) <= tolerances.NORMALISED).all():
        return log_ref, lengths
    return log_ref - log_total[:, None], lengths


def _is_ours(values):
    """Whether these are a problem's own arrays, which copying and reading must not move by a rounding again."""
    return isinstance(values, np.ndarray) and values.dtype == float and not values.flags.writeable


def _validated_reward(values, log_ref, n_given, beta):
    given, lengths = _rows(values, "reward")
    if len(given) != len(log_ref) or given.shape[1] > log_ref.shape[1]:
        raise InputError(
            f"reward has shape {given.shape}, log_ref {log_ref.shape} (prompts, responses): "
            "give one reward for each response"
        )
    there = log_ref > -np.inf
    needed = np.where(there, np.arange(1, log_ref.shape[1] + 1), 0).max(axis=1)  # up to the last one that is there
    wrong = (lengths < needed) | (lengths > n_given)
    if wrong.any():
        prompt = int(np.argmax(wrong))
        raise InputError(
            f"reward row {prompt} has {lengths[prompt]} entries for {n_given[prompt]} responses: give one for each"
        )
    reward = np.zeros(log_ref.shape)
    reward[:, : given.shape[1]] = given
    checks.refuse(there & ~np.isfinite(reward), reward, "reward", "a reward must be finite")
    best, least = (one(reward, axis=1, where=there, initial=end) for one, end in ((np.max, -np.inf), (np.min, np.inf)))
    with np.errstate(over="ignore"):
        far = np.isinf((best - least) / beta)
    if far.any():
        prompt = int(np.argmax(far))
        raise InputError(
            f"reward row {prompt} goes from {least[prompt]:.10g} to {best[prompt]:.10g}, which over beta, {beta:.10g}, "
            "leaves double precision: give less extreme rewards or a larger beta"
        )
    return np.where(there, reward, 0.0)


def _validated_prompt_weights(values, n_prompts):
    if values is None:
        return np.full(n_prompts, 1 / n_prompts)
    weights = checks.numbers(values, "prompt_weights")
    if weights.shape != (n_prompts,):
        raise InputError(f"prompt_weights has shape {weights.shape} for {n_prompts} prompts: give one for each")
    bad = ~(np.isfinite(weights) & (weights >= 0))
    checks.refuse(bad, weights, "prompt_weights", "a weight must be finite and at least 0")
    if weights.max() == 0:
        raise InputError("prompt_weights are all 0: give at least one prompt a positive weight")
    if _is_ours(values) and abs(weights.sum() - 1) <= tolerances.NORMALISED:
        return weights
    weights /= weights.max()  # before the sum, which could overflow
    return weights / weights.sum()
