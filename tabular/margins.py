r"""Every pairwise preference loss as soft-margin ranking with a target margin.

DPO and its relatives all have the form :math:`\mathrm{sp}(-\beta(\delta-T))` with
:math:`\delta=\log\pi_w/\pi_l`, :math:`\mathrm{sp}(z)=\log(1+e^z)` and a target :math:`T(\delta_{\rm ref})`: they push
delta above T, softly. DPO's target is :math:`\delta_{\rm ref}` itself, negative whenever the reference prefers the
dispreferred response.

Every function that takes the parameters of a named loss raises InputError for one that is unknown, missing, not finite
or out of range: beta, tau and alpha are above 0; gamma is at least 0, of any sign in "code_cpo"; log-probabilities are
at most 0, and below 0 in "code_easy", which divides by them.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, log_expit, logit

from tabular.base import checks, roots
from tabular.base.log_space import softplus
from tabular.errors import InputError
from tabular.losses.target_parameters import LOG_PROBABILITIES, checked, parameters
from tabular.simplex.penalized import fold

__all__ = [
    "TARGETS",
    "Target",
    "asks_less_than_dpo",
    "code_clip",
    "code_cpo",
    "code_easy",
    "dpo",
    "ecpo",
    "hinge",
    "hypo",
    "loss",
    "positive_target",
    "soft_margin_gap",
    "target",
]


@checked
def dpo(delta_ref: ArrayLike) -> np.ndarray:
    r""":math:`T=\delta_{\rm ref}` (Rafailov et al. 2023, Eq. 7).

    >>> dpo([-2.0, 1.0]).tolist()
    [-2.0, 1.0]
    """
    return delta_ref


@checked
def hypo(delta_ref: ArrayLike) -> np.ndarray:
    r""":math:`T=\max(\delta_{\rm ref},0)` (HyPO, Yuan et al. 2026, arXiv 2602.11902): never a negative target.

    >>> hypo([-2.0, 1.0]).tolist()
    [0.0, 1.0]
    """
    return np.maximum(delta_ref, 0.0)


@checked
def ecpo(
    delta_ref: ArrayLike,
    *,
    beta: ArrayLike,
    gamma: ArrayLike,
    log_ref_winner: ArrayLike | None = None,
    log_ref_loser: ArrayLike | None = None,
) -> np.ndarray:
    r""":math:`T=\delta_{\rm ref}+\frac{\gamma}{\beta}\big(1/\pi_{\rm ref}(w)+1/\pi_{\rm ref}(l)\big)`.

    Eq. 17, as transcribed. Without reference log-probabilities the pair is taken to be the whole response space, where
    :math:`\pi_{\rm ref}(w)=\sigma(\delta_{\rm ref})`.

    >>> ecpo(0.0, beta=0.5, gamma=0.1).round(9).tolist()  # two responses: 0 + 0.1/0.5 (2 + 2)
    0.8
    """
    if gamma == 0:
        return delta_ref
    log_ref_winner = log_expit(delta_ref) if log_ref_winner is None else log_ref_winner
    log_ref_loser = log_expit(-delta_ref) if log_ref_loser is None else log_ref_loser
    log_kappa = np.log(gamma) - np.log(beta)
    with np.errstate(over="ignore"):
        return delta_ref + np.exp(log_kappa - log_ref_winner) + np.exp(log_kappa - log_ref_loser)


@checked
def code_easy(
    delta_ref: ArrayLike,
    *,
    log_ref_winner: ArrayLike,
    log_ref_loser: ArrayLike,
    beta: ArrayLike = 0.1,
    gamma: ArrayLike = 0.5,
) -> np.ndarray:
    r""":math:`T=\delta_{\rm ref}+\frac{\gamma}{\beta}\big(1/\log\pi_{\rm ref}(w)+1/\log\pi_{\rm ref}(l)\big)`.

    The released trainer's "easy" loss: log-probabilities (length-averaged there) stand where Eq. 17 has
    probabilities, so the margin is negative and the target lies *below* DPO's.

    >>> code_easy(1.0, log_ref_winner=-1.0, log_ref_loser=-2.0).tolist()  # 1 - 0.5/0.1 (1 + 1/2)
    -6.5
    """
    with np.errstate(over="ignore"):
        return delta_ref + np.divide(gamma / beta, log_ref_winner) + np.divide(gamma / beta, log_ref_loser)


@checked
def code_cpo(
    delta_ref: ArrayLike, *, gamma: ArrayLike = 0.5, tau: ArrayLike = 2.0, alpha: ArrayLike = 1.0
) -> np.ndarray:
    r""":math:`T=\delta_{\rm ref}+\mathrm{sp}_\tau(\gamma-\delta_{\rm ref})/\alpha`.

    The released trainer's "cpo" loss, with :math:`\mathrm{sp}_\tau(z)=\log(1+e^{\tau z})/\tau`:
    for alpha = 1 a smooth :math:`\max(\delta_{\rm ref},\gamma)`.

    >>> code_cpo([-50.0, 0.5, 50.0]).round(6).tolist()  # in the middle 0.5 + log 2/2
    [0.5, 0.846574, 50.0]
    """
    gap, unit = soft_margin_gap(delta_ref, gamma, tau), max(alpha, 1.0)  # sp_tau(z) = max(0, z) + gap
    with np.errstate(over="ignore"):
        lifted = (delta_ref * ((alpha - 1) / unit) + (gamma + gap) / unit) / (alpha / unit)  # of the mean no digit lost
        return np.where(delta_ref < gamma, lifted, delta_ref + gap / alpha)


@checked
def code_clip(delta_ref: ArrayLike) -> np.ndarray:
    r""":math:`T=\max(\delta_{\rm ref},0)`: the released trainer's "clip" loss is HyPO's.

    >>> code_clip([-2.0, 1.0]).tolist()
    [0.0, 1.0]
    """
    return hypo(delta_ref)


def target(name: str, delta_ref: ArrayLike, **params: Any) -> np.ndarray:
    r"""The target margin T of a named loss :math:`\mathrm{sp}(-\beta(\delta-T))`, in nats, shaped like ``delta_ref``.

    Args:
        name: "dpo", "hypo", "ecpo", "code_easy", "code_cpo" or "code_clip".
        delta_ref: :math:`\log\pi_{\rm ref}(w)/\pi_{\rm ref}(l)`.
        params: keyword parameters of the function of that name in this module.

    Raises:
        InputError: an unknown name, or a parameter that the loss does not have, needs, or cannot take.

    >>> target("dpo", [-2.0, 1.0]).tolist(), target("hypo", [-2.0, 1.0]).tolist()
    ([-2.0, 1.0], [0.0, 1.0])
    >>> target("ecpo", 0.0, gamma=0.1)
    Traceback (most recent call last):
        ...
    tabular.errors.InputError: ecpo needs beta: pass beta=...
    """
    return checks.choice(name, TARGETS, "loss named")(delta_ref, **params)


def loss(delta: ArrayLike, target_margin: ArrayLike, beta: float) -> np.ndarray:
    r"""The pair's loss :math:`\mathrm{sp}(-\beta(\delta-T))` in nats; delta and T may be infinite.

    >>> float(loss(0.0, 0.0, beta=1).round(6))
    0.693147
    """
    with np.errstate(over="ignore"):
        return softplus(checks.number(beta, "beta") * _shortfall(delta, target_margin))


def hinge(delta: ArrayLike, target_margin: ArrayLike) -> np.ndarray:
    """The hinge ``max(0, T - delta)`` that the loss divided by beta softens, in nats.

    >>> hinge([0.0, 5.0], 2.0).tolist()
    [2.0, 0.0]
    """
    return np.maximum(_shortfall(delta, target_margin), 0.0)


def soft_margin_gap(delta: ArrayLike, target_margin: ArrayLike, beta: float) -> np.ndarray:
    r"""How far the soft margin lies above the hinge, in nats: :math:`\mathrm{sp}(\beta a)/\beta-\max(0,a)`.

    Here :math:`a=T-\delta`. Equal to :math:`\log(1+e^{-\beta|a|})/\beta`, hence in :math:`(0,\log 2/\beta]` with
    equality exactly at a = 0 (Prop. 5.1, as transcribed, with its uniform error): DPO divided by beta tends to the
    hinge with target :math:`\delta_{\rm ref}` as beta grows.

    >>> soft_margin_gap([0.0, 5.0], 0.0, beta=2).round(6).tolist()
    [0.346574, 2.3e-05]
    """
    beta = checks.number(beta, "beta")
    with np.errstate(over="ignore"):
        return np.log1p(np.exp(-beta * np.abs(_shortfall(delta, target_margin)))) / beta


def _shortfall(delta, target_margin):
    """T - delta."""
    delta, target_margin = checks.numbers(delta, "delta"), checks.numbers(target_margin, "target_margin")
    checks.require_fit(delta=delta, target_margin=target_margin)
    with np.errstate(invalid="ignore"):
        shortfall = target_margin - delta
    checks.refuse(np.isnan(shortfall), shortfall, "target_margin - delta", "give numbers, not both infinite alike")
    return shortfall


def asks_less_than_dpo(name: str, **params: Any) -> list[tuple[float, float]]:
    r"""Where a loss's target lies below DPO's, :math:`T<\delta_{\rm ref}`: open intervals of :math:`\delta_{\rm ref}`.

    Nowhere for "hypo", "code_clip" and "code_cpo" (what they add is at least 0) and for "ecpo" (a positive margin);
    *wherever it is defined* for "code_easy" with gamma > 0, whose margin is negative: with the chosen response's
    log-probability held fixed that is :math:`\delta_{\rm ref}>\log\pi_{\rm ref}(w)`, so that the rejected one's is
    below 0 too.

    Args:
        name, params: as for :func:`target`, with two responses in "ecpo"; "code_easy" takes ``log_ref_winner``, and
            the loser's follows.

    >>> asks_less_than_dpo("code_cpo"), asks_less_than_dpo("code_easy", log_ref_winner=-1.5)
    ([], [(-1.5, inf)])
    """
    return _region(name, "below_dpo", params)


def positive_target(name: str, **params: Any) -> list[tuple[float, float]]:
    r"""Where a loss guarantees a positive target, T > 0: open intervals of :math:`\delta_{\rm ref}`.

    * "dpo", "hypo", "code_clip": :math:`\delta_{\rm ref}>0` (the last two have T = 0, not more, below).
    * "ecpo" with two responses, :math:`T=\delta_{\rm ref}+2\kappa(1+\cosh\delta_{\rm ref})` with
      :math:`\kappa=\gamma/\beta`: everywhere if :math:`F(\kappa)<0` (F of :func:`tabular.simplex.penalized.fold`, 0 at
      kappa = 0.2239), else outside an interval of negative :math:`\delta_{\rm ref}`.
    * "code_easy", chosen log-probability -L: above the positive root of
      :math:`d^2+(L-\kappa/L)d-2\kappa=0`: a positive reference margin is not enough.
    * "code_cpo", alpha = 1: :math:`T=\frac1\tau\log(e^{\tau\delta_{\rm ref}}+e^{\tau\gamma})`, so everywhere for
      :math:`\gamma\ge 0` and above :math:`\log(1-e^{\tau\gamma})/\tau` otherwise. For alpha > 1 above one root
      (T rises); for alpha < 1 T is convex with its minimum at :math:`\gamma-\mathrm{logit}(\alpha)/\tau`: outside
      two roots, if any.

    >>> positive_target("code_cpo"), positive_target("hypo")
    ([(-inf, inf)], [(0.0, inf)])
    >>> [(round(low, 6), high) for low, high in positive_target("code_easy", log_ref_winner=-1.5)]
    [(4.209124, inf)]
    """
    return _region(name, "positive", params)


def _region(name, fact, params):
    """One fact of a target, as delta_ref varies: with two responses, or the chosen one's log-probability held fixed."""
    chosen = checks.choice(name, TARGETS, "loss named")
    params = parameters(chosen.function, params, absent=chosen.follows)
    if np.ndim(params.get("log_ref_winner", 0.0)):
        raise InputError(f"log_ref_winner of {name} has shape {params['log_ref_winner'].shape}: give one number")
    return getattr(chosen, fact)(**{key: float(value) for key, value in params.items()})


def _nowhere(**params):
    return []


def _above_zero(**params):
    return [(0.0, np.inf)]


def _below_dpo_code_easy(log_ref_winner, beta, gamma):
    return [(log_ref_winner, np.inf)] if gamma > 0 else []


def _positive_ecpo(beta, gamma):
    if gamma == 0:
        return [(0.0, np.inf)]
    log_kappa = np.log(gamma) - np.log(beta)
    if log_kappa > 0 or fold(log_kappa) < 0:  # F decreases, and F(1) < 0
        return [(-np.inf, np.inf)]
    kappa = np.exp(log_kappa)

    def target_at(a, _):  # T at delta_ref = -a, and its slope in a
        up, down = np.exp(log_kappa + a), np.exp(log_kappa - a)
        return 2 * kappa + up + down - a, up - down - 1

    peak = np.log1p(np.hypot(1, 2 * kappa)) - np.log(2) - log_kappa
    beyond = peak + 1 + np.log1p(peak)  # kappa e^peak >= 1, so that kappa e^beyond >= e (1 + peak) > beyond
    nearer, farther = _zero(target_at, 0.0, peak), _zero(_negative(target_at), peak, beyond)
    return [(-np.inf, -farther), (-nearer, np.inf)]


def _positive_code_easy(log_ref_winner, beta, gamma):
    length, kappa = -log_ref_winner, gamma / beta
    half = (length - kappa / length) / 2
    root = np.hypot(half, np.sqrt(2 * kappa))
    return [(float(root - half if half < 0 else 2 * kappa / (root + half)), np.inf)]


def _positive_code_cpo(gamma, tau, alpha):
    def target_at(delta_ref, _):  # T and its slope
        slope = (alpha - 1 + expit(tau * (delta_ref - gamma))) / alpha
        return code_cpo(delta_ref, gamma=gamma, tau=tau, alpha=alpha), slope

    rising = _negative(target_at)
    reach = abs(gamma) + 1 / tau
    if alpha == 1:
        return [(-np.inf if gamma >= 0 else _log_complement(tau * gamma) / tau, np.inf)]
    if alpha > 1:
        return [(_zero(rising, -(reach * (alpha + 1)) / (alpha - 1) - reach, reach), np.inf)]
    lowest = gamma - logit(alpha) / tau
    if target_at(lowest, None)[0] > 0:
        return [(-np.inf, np.inf)]
    left = _zero(target_at, lowest - (reach + abs(lowest)) * 4 / (1 - alpha), lowest)
    return [(-np.inf, left), (_zero(rising, lowest, max(lowest, 0.0) + reach), np.inf)]


def _log_complement(x):
    """log(1 - e^x) for x < 0."""
    return float(np.log(-np.expm1(x)) if x > -1 else np.log1p(-np.exp(x)))


def _zero(falling, low, high):
    """Where a falling function is 0, to the last digits however small the root."""
    return float(roots.decreasing(falling, low, high)[0])


def _negative(function):
    return lambda x, index: tuple(-part for part in function(x, index))


@dataclass(frozen=True)
class Target:
    """A target margin together with the facts that are asked of it; none has a default, so that none falls through.

    Attributes:
        function: of ``delta_ref`` and keyword parameters; a target is called like it.
        positive: where T > 0, as open intervals of delta_ref, from the parameters; below_dpo: where T < delta_ref.
        follows: parameters that follow from delta_ref (and the chosen log-probability) as it varies.
    """

    function: Callable
    positive: Callable
    below_dpo: Callable
    follows: tuple[str, ...]

    @property
    def __signature__(self):
        return inspect.signature(self.function)

    def __call__(self, delta_ref: ArrayLike, **params: Any) -> np.ndarray:
        return self.function(delta_ref, **params)


#: By name. A new target is entered here, with its facts.
TARGETS = {
    entry.function.__name__: entry
    for entry in (
        Target(dpo, _above_zero, _nowhere, ()),
        Target(hypo, _above_zero, _nowhere, ()),
        Target(ecpo, _positive_ecpo, _nowhere, LOG_PROBABILITIES),
        Target(code_easy, _positive_code_easy, _below_dpo_code_easy, ("log_ref_loser",)),
        Target(code_cpo, _positive_code_cpo, _nowhere, ()),
        Target(code_clip, _above_zero, _nowhere, ()),
    )
}
