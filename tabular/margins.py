r"""Every pairwise preference loss as soft-margin ranking with a target margin.

DPO and its relatives all have the form :math:`\mathrm{sp}(-\beta(\delta-T))` with
:math:`\delta=\log\pi_w/\pi_l`, :math:`\mathrm{sp}(z)=\log(1+e^z)` and a target :math:`T(\delta_{\rm ref})`: they push
delta above T, softly. DPO's target is :math:`\delta_{\rm ref}` itself, negative whenever the reference prefers the
dispreferred response.
"""

import numpy as np
from scipy.special import log_expit

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
