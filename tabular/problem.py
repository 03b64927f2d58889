"""A tabular RLHF problem: reference policy, KL price, reward, prompt weights."""

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from tabular import tolerances
from tabular.errors import InputError


@dataclass(frozen=True, eq=False)
class Problem:
    r"""A finite prompt/response space with everything RLHF needs, validated once and then frozen.

    The problem is :math:`\max_\pi \mathbb E_\pi[r] - \beta\,\mathrm{KL}(\pi\|\pi_{\rm ref})`, one prompt a row.

    Args:
        log_ref: ``log pi_ref`` in nats, ``(n_prompts, n_responses)``; a 1-D array is one prompt, rows of
            different lengths are padded. ``-inf`` marks a response that is not there. Each row sums to 1 in
            probability within 1e-8 and is then renormalised exactly.
        beta: the price of one nat of KL, finite and > 0.
        reward: same shape as ``log_ref``, finite; what it says of absent responses is ignored. ``None`` where
            only preferences are known.
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
    prompt_weights: np.ndarray | None = None

    def __post_init__(self):
        log_ref = _validated_log_ref(self.log_ref)
        _set(self, "log_ref", log_ref)
        object.__setattr__(self, "beta", _validated_beta(self.beta))
        if self.reward is not None:
            _set(self, "reward", _validated_reward(self.reward, log_ref))
        _set(self, "prompt_weights", _validated_prompt_weights(self.prompt_weights, len(log_ref)))

    @classmethod
    def from_probabilities(cls, ref, beta, reward=None, prompt_weights=None):
        """The same from probabilities; zeros are allowed and mean that the response is not there."""
        probability, _ = _rows(ref, "ref", padding=0.0)
        _reject(~np.isfinite(probability), probability, "ref", "a probability must be finite")
        _reject(probability < 0, probability, "ref", "a probability must be at least 0")
        total = probability.sum(axis=1)
        _reject_row_sums(total, "ref")
        with np.errstate(divide="ignore"):
            log_ref = np.log(probability / total[:, None])
        return cls(log_ref, beta, reward, prompt_weights)

    @classmethod
    def from_unnormalized(cls, log_weight, beta, reward=None, prompt_weights=None):
        """The same from logits or sequence log-probabilities, renormalised over the listed responses.

        >>> Problem.from_unnormalized([0.0, np.log(3.0)], beta=0.1).log_ref.round(4).tolist()
        [[-1.3863, -0.2877]]
        """
        log_weight, _ = _rows(log_weight, "log_weight", padding=-np.inf)
        _reject(np.isnan(log_weight) | (log_weight == np.inf), log_weight, "log_weight", _LOG_RULE)
        total = logsumexp(log_weight, axis=1, keepdims=True)
        if np.isneginf(total).any():
            row = int(np.argmax(np.isneginf(total)))
            raise InputError(f"log_weight row {row} has no response: give each prompt a weight above -inf")
        return cls(log_weight - total, beta, reward, prompt_weights)

    @property
    def n_prompts(self) -> int:
        return self.log_ref.shape[0]

    @property
    def n_responses(self) -> int:
        """The largest number of responses of a prompt, absent ones included."""
        return self.log_ref.shape[1]

    @property
    def present(self) -> np.ndarray:
        """``(n_prompts, n_responses)`` mask of the responses with positive reference probability."""
        return self.log_ref > -np.inf

    def require_reward(self) -> np.ndarray:
        """The reward, or one sentence that says it is missing."""
        if self.reward is None:
            raise InputError("this problem has no reward: pass Problem(..., reward=...)")
        return self.reward


_LOG_RULE = "a log-probability must be a number below +inf; -inf marks a response that is not there"


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
    _reject(np.isnan(policy) | (policy == np.inf), policy, "log_policy", _LOG_RULE)
    _reject_row_sums(np.exp(logsumexp(policy, axis=1)), "log_policy", remedy="subtract its logsumexp")
    return policy


def _set(problem, name, array):
    array.flags.writeable = False
    object.__setattr__(problem, name, array)


def _rows(values, name, padding):
    """A fresh 2-D float array and the length each row was given with."""
    try:
        array = np.array(values, dtype=float)
    except (ValueError, TypeError):
        array = _ragged_rows(values, name, padding)
        return array, np.array([np.size(row) for row in values])
    if array.ndim == 1:
        array = array[None, :]
    if array.ndim != 2 or 0 in array.shape:
        raise InputError(
            f"{name} has shape {np.shape(values)}: give one row of responses for each prompt, at least one of each"
        )
    return array, np.full(len(array), array.shape[1])


def _ragged_rows(values, name, padding):
    try:
        rows = [np.array(row, dtype=float) for row in values]
        shapes = {row.ndim for row in rows}
    except (ValueError, TypeError) as error:
        raise InputError(f"{name} is not an array of numbers ({error}): give one row for each prompt") from None
    if shapes != {1} or any(row.size == 0 for row in rows):
        raise InputError(f"{name} must hold one non-empty 1-D row for each prompt")
    array = np.full((len(rows), max(map(len, rows))), padding)
    for row, given in zip(array, rows, strict=True):
        row[: len(given)] = given
    return array


def _reject(bad, array, name, rule):
    """Name the first offending entry of a 2-D array."""
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise InputError(f"{name}[{row}, {column}] is {array[row, column]}: {rule}")


def _reject_row_sums(total, name, remedy="rescale it, or use Problem.from_unnormalized"):
    off = ~(np.abs(total - 1) <= tolerances.ROW_SUM)
    if off.any():
        row = int(np.argmax(off))
        raise InputError(f"{name} row {row} sums to {total[row]:.10g}, not 1: {remedy}")


def _validated_log_ref(values):
    log_ref, _ = _rows(values, "log_ref", padding=-np.inf)
    _reject(np.isnan(log_ref) | (log_ref == np.inf), log_ref, "log_ref", _LOG_RULE)
    log_total = logsumexp(log_ref, axis=1)
    with np.errstate(over="ignore"):
        _reject_row_sums(np.exp(log_total), "log_ref")
    return log_ref - log_total[:, None]


def _validated_beta(beta):
    try:
        value = float(beta)
    except OverflowError:
        raise InputError("beta is beyond the floating-point numbers: it must be finite and above 0") from None
    except (TypeError, ValueError):
        raise InputError(f"beta is {beta!r:.60}: it must be one number above 0") from None
    if not (0 < value < np.inf):
        raise InputError(f"beta is {value}: it must be finite and above 0")
    return value


def _validated_reward(values, log_ref):
    given, lengths = _rows(values, "reward", padding=0.0)
    there = log_ref > -np.inf
    if len(given) != len(log_ref) or given.shape[1] > log_ref.shape[1]:
        raise InputError(
            f"reward has shape {given.shape}, log_ref {log_ref.shape} (prompts, responses): "
            "give one reward for each response"
        )
    missing = there & (np.arange(log_ref.shape[1]) >= lengths[:, None])
    if missing.any():
        prompt, response = np.argwhere(missing)[0]
        raise InputError(f"reward row {prompt} has no value for response {response}: give one for each response")
    reward = np.zeros(log_ref.shape)
    reward[:, : given.shape[1]] = given
    _reject(there & ~np.isfinite(reward), reward, "reward", "a reward must be finite")
    return np.where(there, reward, 0.0)


def _validated_prompt_weights(values, n_prompts):
    if values is None:
        return np.full(n_prompts, 1 / n_prompts)
    try:
        weights = np.array(values, dtype=float).reshape(-1)
    except (TypeError, ValueError):
        raise InputError("prompt_weights is not an array of numbers: give one number for each prompt") from None
    if len(weights) != n_prompts:
        raise InputError(f"prompt_weights has {len(weights)} entries for {n_prompts} prompts: give one for each")
    bad = ~(np.isfinite(weights) & (weights >= 0))
    if bad.any():
        index = int(np.argmax(bad))
        raise InputError(f"prompt_weights[{index}] is {weights[index]}: a weight must be finite and at least 0")
    if weights.max() == 0:
        raise InputError("prompt_weights are all 0: give at least one prompt a positive weight")
    weights /= weights.max()  # before the sum, which could overflow
    return weights / weights.sum()
