r"""Gradient flow in tabular softmax logits: of one labelled pair in closed form, of any labels and loss by integration.

**One pair.** In tabular softmax logits the loss :math:`\mathrm{sp}(-(\beta h-\Psi))` of one pair moves only the two
logits, in opposite directions, so :math:`h=\delta-\delta_{\rm ref}` obeys
:math:`\dot h=2\beta\,\sigma(-(\beta h-\Psi))`. With :math:`u=\beta h-\Psi` this is
:math:`(1+e^u)\,\dot u=2\beta^2`, which integrates to

.. math:: u+e^u = 2\beta^2 t + e^{-\Psi}-\Psi,

solved by Wright's omega function. Psi = 0 is DPO. Time is the flow's own (learning rate x steps).
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import log_expit, wrightomega

from tabular.base import checks
from tabular.base.log_space import times_sigmoid
from tabular.base.nouns import takes_nouns
from tabular.base.one_thread import one_thread
from tabular.errors import InputError
from tabular.fits import descent
from tabular.fits.descent import Trajectory
from tabular.losses import get, solve
from tabular.losses.absolute import Dpop, WithSft
from tabular.losses.loss import Loss
from tabular.preferences import Preferences
from tabular.problem import Problem

__all__ = ["Trajectory", "escape_time", "margin_at", "trajectory"]

_STEEP = 40.0  # beyond it e^u swamps u: e^-40 is below double precision
_FIRST_ORDER = 1e-17  # of beta h: so early the speed is the first one to the last digit; beta h may leave the floats


def margin_at(time: ArrayLike, delta_ref: ArrayLike, beta: ArrayLike, margin: ArrayLike = 0.0) -> np.ndarray:
    r"""delta at a time of the flow that starts at the reference, in nats; arguments broadcast.

    Args:
        time: >= 0, ``inf`` allowed.
        delta_ref: :math:`\log\pi_{\rm ref}(w)/\pi_{\rm ref}(l)`.
        beta: > 0.
        margin: the fixed margin Psi of the loss :math:`\mathrm{sp}(-(\beta h-\Psi))`; infinite ones allowed: +inf
            pushes at full speed for ever, -inf not at all.

    Never nan: where the answer overflows it is ``inf``.

    Raises:
        InputError: a negative time, a delta_ref or beta that is not finite, a beta not above 0, shapes that do not fit.

    >>> margin_at(0.0, -2.0, 0.5).tolist(), margin_at(np.inf, -2.0, 0.5).tolist()
    (-2.0, inf)
    >>> margin_at(escape_time(-2.0, 0.5), -2.0, 0.5).round(12).tolist()
    0.0
    """
    time = checks.numbers(time, "time")
    checks.refuse(~(time >= 0), time, "time", "the flow starts at time 0, give 0 or more")
    delta_ref, beta, margin = _checked(delta_ref, beta, margin)
    checks.require_fit(time=time, delta_ref=delta_ref, beta=beta, margin=margin)
    moves = (time > 0) & (margin > -np.inf)  # a loss of 0 throughout exerts no force, however long
    time, margin = np.where(moves, time, 0.0), np.where(moves, margin, 0.0)
    with np.errstate(over="ignore", divide="ignore"):
        pace = 2.0 * (beta * time)
        travelled = beta * pace
        even, long = np.where(margin < np.inf, margin, 0.0), travelled == np.inf
        log_travelled = np.log(np.where(long, 2.0, travelled)) + np.where(long, 2 * np.log(beta) + np.log(time), 0.0)
        steep = np.logaddexp(0.0, log_travelled + even)  # e^(u - u0) = 1 + s e^Psi where s or e^-Psi swamps the rest
        climb = np.where(long | (-even > _STEEP), steep, _climb(np.where(long, 0.0, travelled), even))
        first = (log_travelled + log_expit(margin) < np.log(_FIRST_ORDER)) | (margin == np.inf)
        begun = times_sigmoid(np.where(pace < np.inf, pace, 0.0), margin)
        beyond = np.exp(np.log(2.0) + np.log(beta) + np.log(time) + log_expit(margin))
        return delta_ref + np.where(first, np.where(pace < np.inf, begun, beyond), climb / beta)


def escape_time(delta_ref: ArrayLike, beta: ArrayLike, margin: ArrayLike = 0.0) -> np.ndarray:
    r"""Time of the flow from :math:`\delta_{\rm ref}` to :math:`\delta=0`; 0 where the reference has w first.

    .. math:: t = \frac{\beta d+e^{-\Psi}(e^{\beta d}-1)}{2\beta^2},\qquad d=\max(0,-\delta_{\rm ref}):

    exponential in :math:`\beta d` for DPO, and :math:`d/(2\beta)`, linear, once Psi exceeds :math:`\beta d`.
    A "trapped" policy is exponentially slow, not stuck; only :math:`\Psi=-\infty` exerts no force. ``inf`` where the
    time overflows, never nan.

    Raises:
        InputError: a delta_ref or beta that is not finite, a beta not above 0, shapes that do not fit.

    >>> escape_time([-2.0, -20.0, 1.0], 1.0).round(3).tolist()
    [4.195, 242582607.205, 0.0]
    >>> escape_time(-200.0, 1.0, margin=250.0).round(3).tolist()
    100.0
    """
    delta_ref, beta, margin = _checked(delta_ref, beta, margin)
    distance = np.maximum(0.0, -delta_ref)
    never, at_once = np.isneginf(margin) & (distance > 0), (margin == np.inf) | (distance == 0)
    even = np.where(np.isinf(margin), 0.0, margin)
    with np.errstate(divide="ignore", over="ignore"):
        climb = beta * distance
        small = np.minimum(climb, 1.0)  # (e^x - 1)/x from x, and x from its factors, which may leave the floats
        ratio = np.divide(np.expm1(small), small, out=np.ones_like(small), where=small > 0)
        log_small = np.log(distance) + np.log(beta) + np.log(ratio)
        log_expm1 = np.where(climb < 1, log_small, climb + np.log(-np.expm1(-np.maximum(climb, 1.0))))
        slow = np.exp(log_expm1 - even - np.log(2.0) - 2 * np.log(beta))
        slow = np.where(at_once, 0.0, np.where(never, np.inf, slow))
        even = np.where(beta < 1, distance / (2.0 * beta), distance / beta / 2.0)
        return even + slow


@takes_nouns
@one_thread
def trajectory(problem: Problem, preferences: Preferences, loss: Loss | None = None, *, times: ArrayLike) -> Trajectory:
    r"""The path of gradient flow from the reference, for any labels and any differentiable loss.

    Args:
        loss: DPO by default.
        times: ``(n_times,)``, finite, at least 0, increasing.

    An adaptive integrator of relative error 1e-9, up to 300 responses an implicit one, which takes few steps however
    stiff labels are and however late it is; ``drift`` says how well it keeps what the flow conserves
    (:mod:`tabular.fits.descent`). ``limit`` is where the flow ends: for convex losses of differences by
    :mod:`tabular.fits.flow_limit`; for DPO with an SFT term its one minimiser or limit, as a flow of a convex function
    of the logits tends to the infimum.

    Raises:
        InputError: a label that does not fit the problem; times that are not finite, below 0 or not increasing; a loss
            with a kink, or of a batch.

    >>> problem = Problem.from_probabilities([0.2, 0.3, 0.5], beta=0.5)
    >>> labels = Preferences.from_pairs([(0, 0, 1, 0.75), (0, 1, 0, 0.25)])
    >>> path = trajectory(problem, labels, times=[0.0, 10.0, 1000.0])
    >>> np.exp(path.log_policy[:, 0]).round(4).tolist()
    [[0.2, 0.3, 0.5], [0.3898, 0.1376, 0.4727], [0.5, 0.0833, 0.4167]]
    >>> np.exp(path.limit).round(4).tolist(), path.never_rises
    ([[0.5, 0.0833, 0.4167]], True)
    """
    preferences.check_against(problem)
    loss = get("dpo") if loss is None else loss
    if loss.batch or _has_kink(loss):
        why = "mixes the pairs of a batch" if loss.batch else "has a kink"
        raise InputError(f"{loss.name} {why}: gradient flow is for differentiable losses of pairs")
    times = checks.numbers(times, "times")
    if times.ndim != 1 or times.size == 0:
        raise InputError(f"times has shape {times.shape}: give a list of times")
    checks.refuse(~(np.isfinite(times) & (times >= 0)), times, "times", "a time must be finite and at least 0")
    checks.refuse(np.diff(times, prepend=-1.0) <= 0, times, "times", "times must increase")
    log_policy, values, drift = descent.integrate(problem, preferences, loss.form, times)
    return Trajectory(problem, preferences, times, log_policy, values, drift, _limit(problem, preferences, loss))


def _has_kink(loss):
    return (loss.scalar is not None and loss.scalar.kinked) or (isinstance(loss.form, Dpop) and loss.form.lam > 0)


def _limit(problem, preferences, loss):
    """Where the flow ends, where theory says so of every prompt."""
    if loss.kind == "difference" and loss.convex:
        found = solve(problem, preferences, loss)
        return found.log_policy if found.flow_limit_known.all() else None
    if isinstance(loss.form, WithSft) and loss.form.alpha > 0:
        labelled = np.bincount(preferences.counted().prompt, minlength=problem.n_prompts) > 0
        return np.where(labelled[:, None], solve(problem, preferences, loss).log_policy, problem.log_ref)
    return None


def _checked(delta_ref, beta, margin):
    arrays = {"delta_ref": delta_ref, "beta": beta, "margin": margin}
    arrays = {name: checks.numbers(values, name) for name, values in arrays.items()}
    beta = arrays["beta"]
    checks.refuse(~np.isfinite(arrays["delta_ref"]), arrays["delta_ref"], "delta_ref", "it must be finite")
    checks.refuse(~(np.isfinite(beta) & (beta > 0)), beta, "beta", "it must be finite and above 0")
    checks.refuse(np.isnan(arrays["margin"]), arrays["margin"], "margin", "it must be a number")
    checks.require_fit(**arrays)
    return np.broadcast_arrays(*arrays.values())


def _climb(travelled, margin):
    """beta h = u + Psi for margins that are not steeply negative, to full relative accuracy also at early times."""
    start = np.exp(np.minimum(-margin, _STEEP))
    z = travelled + start - margin
    omega = wrightomega(z)
    with np.errstate(invalid="ignore"):
        early = travelled + (start - omega)  # e^u is small: u + Psi = s + e^-Psi - omega
        late = np.log(np.maximum(omega, 0.5)) + margin  # u = log omega
    climb = np.where(z < 0, early, late)
    near = np.clip(climb, 0.0, 1.0)
    # Newton on x + e^-Psi (e^x - 1) = s undoes the cancellation; from a guess that is all rounding it takes two steps
    for _ in range(2):
        near = np.clip(near - (near + start * np.expm1(near) - travelled) / (1 + start * np.exp(near)), 0.0, 1.0)
    return np.where(climb < 1, near, climb)
