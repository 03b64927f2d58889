r"""Every pairwise preference loss as soft-margin ranking with a target margin.

DPO and its relatives all have the form :math:`\mathrm{sp}(-\beta(\delta-T))` with
:math:`\delta=\log\pi_w/\pi_l`, :math:`\mathrm{sp}(z)=\log(1+e^z)` and a target :math:`T(\delta_{\rm ref})`: they push
delta above T, softly. DPO's target is :math:`\delta_{\rm ref}` itself, negative whenever the reference prefers the
dispreferred response.
"""

import numpy as np
from scipy.optimize import brentq
from scipy.special import log_expit, logit

from tabular.errors import InputError
from tabular.log_space import softplus


def dpo(delta_ref):
    r""":math:`T=\delta_{\rm ref}` (Rafailov et al. 2023, Eq. 7)."""
    return np.array(delta_ref, dtype=float)


def hypo(delta_ref):
    r""":math:`T=\max(\delta_{\rm ref},0)` (HyPO, arXiv 2602.11902): never a negative target."""
    return np.maximum(np.asarray(delta_ref, dtype=float), 0.0)


def ecpo(delta_ref, *, beta, gamma, log_ref_winner=None, log_ref_loser=None):
    r""":math:`T=\delta_{\rm ref}+\frac{\gamma}{\beta}\big(1/\pi_{\rm ref}(w)+1/\pi_{\rm ref}(l)\big)`.

    Eq. 17, as transcribed. Without reference log-probabilities the pair is taken to be the whole response space, where
    :math:`\pi_{\rm ref}(w)=\sigma(\delta_{\rm ref})`.
    """
    delta_ref = np.asarray(delta_ref, dtype=float)
    log_ref_winner = log_expit(delta_ref) if log_ref_winner is None else np.asarray(log_ref_winner, dtype=float)
    log_ref_loser = log_expit(-delta_ref) if log_ref_loser is None else np.asarray(log_ref_loser, dtype=float)
    with np.errstate(over="ignore"):
        return delta_ref + gamma / beta * (np.exp(-log_ref_winner) + np.exp(-log_ref_loser))


def code_easy(delta_ref, *, log_ref_winner, log_ref_loser, beta=0.1, gamma=0.5):
    r""":math:`T=\delta_{\rm ref}+\frac{\gamma}{\beta}\big(1/\log\pi_{\rm ref}(w)+1/\log\pi_{\rm ref}(l)\big)`.

    The released trainer's "easy" loss: log-probabilities (length-averaged there) stand where Eq. 17 has
    probabilities, so the margin is negative and the target lies *below* DPO's.
    """
    inverse = 1 / np.asarray(log_ref_winner, dtype=float) + 1 / np.asarray(log_ref_loser, dtype=float)
    return np.asarray(delta_ref, dtype=float) + gamma / beta * inverse


def code_cpo(delta_ref, *, gamma=0.5, tau=2.0, alpha=1.0):
    r""":math:`T=\delta_{\rm ref}+\mathrm{sp}_\tau(\gamma-\delta_{\rm ref})/\alpha`.

    The released trainer's "cpo" loss, with :math:`\mathrm{sp}_\tau(z)=\log(1+e^{\tau z})/\tau`:
    for alpha = 1 a smooth :math:`\max(\delta_{\rm ref},\gamma)`.
    """
    delta_ref = np.asarray(delta_ref, dtype=float)
    return delta_ref + softplus(tau * (gamma - delta_ref)) / (tau * alpha)


def code_clip(delta_ref):
    r""":math:`T=\max(\delta_{\rm ref},0)`: the released trainer's "clip" loss is HyPO's."""
    return hypo(delta_ref)


TARGETS = {f.__name__: f for f in (dpo, hypo, ecpo, code_easy, code_cpo, code_clip)}


def target(name, delta_ref, **params):
    r"""The target margin T of a named loss :math:`\mathrm{sp}(-\beta(\delta-T))`, in nats, shaped like ``delta_ref``.

    Args:
        name: "dpo", "hypo", "ecpo", "code_easy", "code_cpo" or "code_clip".
        delta_ref: :math:`\log\pi_{\rm ref}(w)/\pi_{\rm ref}(l)`.
        params: keyword parameters of the function of that name in this module.

    Raises:
        InputError: an unknown name.

    >>> target("dpo", [-2.0, 1.0]).tolist(), target("hypo", [-2.0, 1.0]).tolist()
    ([-2.0, 1.0], [0.0, 1.0])
    >>> target("ecpo", 0.0, beta=0.5, gamma=0.1).tolist()  # two responses: 0 + 0.1/0.5 (2 + 2)
    0.8
    """
    if name not in TARGETS:
        raise InputError(f"there is no loss named {name!r}: choose one of {', '.join(TARGETS)}")
    return TARGETS[name](delta_ref, **params)


def loss(delta, target_margin, beta):
    r"""The pair's loss :math:`\mathrm{sp}(-\beta(\delta-T))` in nats.

    >>> float(loss(0.0, 0.0, beta=1).round(6))
    0.693147
    """
    return softplus(-beta * (np.asarray(delta, dtype=float) - target_margin))


def hinge(delta, target_margin):
    """The hinge ``max(0, T - delta)`` that the loss divided by beta softens, in nats."""
    return np.maximum(np.asarray(target_margin, dtype=float) - delta, 0.0)


def soft_margin_gap(delta, target_margin, beta):
    r"""How far the soft margin lies above the hinge, in nats: :math:`\mathrm{sp}(\beta a)/\beta-\max(0,a)`.

    Here :math:`a=T-\delta`. Equal to :math:`\log(1+e^{-\beta|a|})/\beta`, hence in :math:`(0,\log 2/\beta]` with
    equality exactly at a = 0 (Prop. 5.1, as transcribed, with its uniform error): DPO divided by beta tends to the
    hinge with target :math:`\delta_{\rm ref}` as beta grows.

    >>> soft_margin_gap([0.0, 5.0], 0.0, beta=2).round(6).tolist()
    [0.346574, 2.3e-05]
    """
    distance = np.abs(np.asarray(target_margin, dtype=float) - delta)
    return np.log1p(np.exp(-beta * distance)) / beta


def asks_less_than_dpo(name, **params):
    r"""Where a loss's target lies below DPO's, :math:`T<\delta_{\rm ref}`: open intervals of :math:`\delta_{\rm ref}`.

    Nowhere for "hypo", "code_clip" and "code_cpo" (what they add is at least 0) and for "ecpo" (a positive margin);
    *wherever it is defined* for "code_easy" with gamma > 0, whose margin is negative: with the chosen response's
    log-probability held fixed that is :math:`\delta_{\rm ref}>\log\pi_{\rm ref}(w)`, so that the rejected one's is
    below 0 too.

    Args:
        name, params: as for :func:`target`; "code_easy" takes ``log_ref_winner``, and the loser's follows.

    >>> asks_less_than_dpo("code_cpo"), asks_less_than_dpo("code_easy", log_ref_winner=-1.5)
    ([], [(-1.5, inf)])
    """
    _known(name)
    if name == "code_easy" and params.get("gamma", 0.5) > 0:
        return [(params["log_ref_winner"], np.inf)]
    return []


def positive_target(name, **params):
    r"""Where a loss guarantees a positive target, T > 0: open intervals of :math:`\delta_{\rm ref}`.

    * "dpo", "hypo", "code_clip": :math:`\delta_{\rm ref}>0` (the last two have T = 0, not more, below).
    * "ecpo" with two responses, :math:`T=\delta_{\rm ref}+2\kappa(1+\cosh\delta_{\rm ref})` with
      :math:`\kappa=\gamma/\beta`: everywhere if :math:`F(\kappa)<0` (F of :func:`tabular.penalized.fold`, 0 at
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
    _known(name)
    if name == "ecpo":
        return _positive_ecpo(params["gamma"] / params["beta"])
    if name == "code_easy":
        length, kappa = -params["log_ref_winner"], params.get("gamma", 0.5) / params.get("beta", 0.1)
        half = (length - kappa / length) / 2
        root = np.hypot(half, np.sqrt(2 * kappa))
        return [(float(root - half if half < 0 else 2 * kappa / (root + half)), np.inf)]
    if name == "code_cpo":
        return _positive_code_cpo(**({"gamma": 0.5, "tau": 2.0, "alpha": 1.0} | params))
    return [(0.0, np.inf)]


def _known(name):
    if name not in TARGETS:
        raise InputError(f"there is no loss named {name!r}: choose one of {', '.join(TARGETS)}")


def _positive_ecpo(kappa):
    if kappa == 0:
        return [(0.0, np.inf)]

    def short_of(a):  # -T at delta_ref = -a
        return a - 2 * kappa * (1 + np.cosh(a))

    peak = np.arcsinh(0.5 / kappa)
    if short_of(peak) < 0:
        return [(-np.inf, np.inf)]
    nearer, farther = brentq(short_of, 0.0, peak), brentq(short_of, peak, 2 * peak + 2)
    return [(-np.inf, -farther), (-nearer, np.inf)]


def _positive_code_cpo(gamma, tau, alpha):
    def short_of(delta_ref):
        return -float(code_cpo(delta_ref, gamma=gamma, tau=tau, alpha=alpha))

    reach = abs(gamma) + 1 / tau
    if alpha == 1:
        return [(-np.inf, np.inf) if gamma >= 0 else (float(np.log(-np.expm1(tau * gamma)) / tau), np.inf)]
    if alpha > 1:
        return [(brentq(short_of, -(reach * (alpha + 1)) / (alpha - 1) - reach, reach), np.inf)]
    lowest = gamma - logit(alpha) / tau
    if short_of(lowest) < 0:
        return [(-np.inf, np.inf)]
    left = brentq(short_of, lowest - (reach + abs(lowest)) * 4 / (1 - alpha), lowest)
    return [(-np.inf, left), (brentq(short_of, lowest, max(lowest, 0.0) + reach), np.inf)]
