r"""Self-play on a preference game as exact maps: Nash-MD, SPO (Hedge), SPPO; proved rates beside measured ones.

**The partition sum.** For :math:`z=\eta A\pi` under pi, with :math:`A=P-\tfrac12` skew, :math:`\mathbb E_\pi z=0` and

.. math:: 0\le\log\sum_i\pi_ie^{\eta(P\pi)_i}-\frac\eta2\le\log\frac{\sinh(\eta/2)}{\eta/2}\le\frac{\eta^2}{24}.

*Proof.* Jensen below. Above: among any set S of responses :math:`\sum_{S}\pi_i(P\pi)_i\le\pi(S)-\pi(S)^2/2`, for
inside S the scores average 1/2 and against the others they are at most 1. So :math:`P\pi` under pi is below the
uniform law on [0, 1] in convex order (Landau's majorisation), whose :math:`\mathbb E e^{\eta u}` is
:math:`e^{\eta/2}\sinh(\eta/2)/(\eta/2)`. General games have :math:`\eta^2/8` there (Hoeffding), three times as much.

**Rates.** Put into the usual recursions this gives

- Nash-MD, last iterate, :math:`\eta_t=2/(\tau(t+2))` from the reference:
  :math:`\mathrm{KL}(\pi^\star_\tau\|\pi_T)\le\frac1{6\tau^2(T+1)}`, where Munos et al. 2023 print 8 for 1/6. With
  :math:`e_t` that divergence, :math:`e_{t+1}\le(1-\eta_t\tau)e_t+\eta_t^2/24`, and
  :math:`\frac t{t+1}+\frac1{t+2}\le 1` carries the induction.
- SPO, average policy, from :math:`\pi_0`: no response beats it by more than
  :math:`\max_i\log(1/\pi_{0,i})/(\eta T)+\eta/24` (:math:`\eta/8` in general games).
- SPPO and Hedge have no last-iterate rate: from an interior equilibrium of a game that is not constant they move away,
  as the linearised map has the eigenvalues :math:`1\pm i\eta\omega`.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import wrightomega

from tabular.base import checks, roots
from tabular.base.log_space import kl, log_sum_exp, normalised
from tabular.base.record import Record
from tabular.choice import nash
from tabular.choice.matrix import game, policies
from tabular.errors import InputError

__all__ = [
    "Run",
    "hedge",
    "hedge_run",
    "multipliers",
    "nash_md",
    "nash_md_run",
    "partition_bound",
    "partition_error",
    "sppo",
]


class Run(Record):
    """A trajectory and what is known of it, for T = 1, 2, ...

    Attributes:
        iterates: ``(steps + 1, n_prompts, n)`` log-policies, the start first.
        measured: ``(steps, n_prompts)``, what the bounds bound.
        proved: ``(steps,)`` or ``(steps, n_prompts)``, our bound.
        printed: the bound of the literature.
    """

    iterates: np.ndarray
    measured: np.ndarray
    proved: np.ndarray
    printed: np.ndarray


def nash_md(
    preference: ArrayLike, tau: ArrayLike, log_policy: ArrayLike, eta: ArrayLike, log_ref: ArrayLike | None = None
) -> np.ndarray:
    r"""One step of Nash-MD: :math:`\pi^\mu\propto\pi^{1-\eta\tau}\pi_{\rm ref}^{\eta\tau}`, then
    :math:`\pi_{t+1}\propto\pi^\mu e^{\eta P\pi^\mu}` (Munos et al. 2023, Section 6).

    Args:
        eta: the step, > 0 and at most 1/tau; one number, or one for each prompt.

    >>> nash_md([[0.5, 1.0], [0.0, 0.5]], 1.0, np.log([0.5, 0.5]), 1.0).round(6).tolist()
    [[-0.474077, -0.974077]]
    """
    skew, tau, log_ref = game(preference, tau, log_ref)
    log_policy = policies(log_policy, log_ref)
    share = _step(eta) * tau
    checks.refuse(share > 1 + 1e-12, share, "eta * tau", "the mixture needs eta * tau of at most 1")
    share = np.minimum(share, 1.0)[:, None]
    there = log_ref > -np.inf
    mixed = np.where(
        there, share * np.where(there, log_ref, 0.0) + (1 - share) * np.where(there, log_policy, 0.0), -np.inf
    )
    mixed = normalised(mixed)
    return normalised(mixed + _step(eta)[:, None] * _score(skew, mixed))


def nash_md_run(preference: ArrayLike, tau: ArrayLike, steps: int, log_ref: ArrayLike | None = None) -> Run:
    r"""Nash-MD from the reference, :math:`\eta_t=2/(\tau(t+2))`.

    Measured is :math:`\mathrm{KL}(\pi^\star_\tau\|\pi_T)`.

    >>> run = nash_md_run([[0.5, 1, 0], [0, 0.5, 1], [1, 0, 0.5]], 0.2, 50, np.log([0.5, 0.3, 0.2]))
    >>> bool((run.measured[:, 0] <= run.proved).all()), run.printed[0] / run.proved[0]
    (True, np.float64(48.0))
    """
    steps = checks.whole_number(steps, "steps", least=1)
    _, taus, log_ref = game(preference, tau, log_ref)
    target = nash.regularised(preference, taus, log_ref).log_policy
    iterates = [log_ref]
    for t in range(steps):
        iterates.append(nash_md(preference, taus, iterates[-1], 2 / (taus * (t + 2)), log_ref))
    measured = np.array([kl(target, policy) for policy in iterates[1:]])
    proved = 1 / (6 * np.arange(2, steps + 2)[:, None] * taus**2)
    proved = proved[:, 0] if np.ndim(tau) == 0 else proved
    return Run(np.array(iterates), measured, proved, 48 * proved)


def hedge(preference: ArrayLike, log_policy: ArrayLike, eta: ArrayLike) -> np.ndarray:
    r"""One step of SPO and of SPPO in its exact form: :math:`\pi_{t+1}\propto\pi_te^{\eta P\pi_t}`.

    Swamy et al. 2024 (2401.04056); Wu et al. 2024 (2405.00675), Eq. for the multiplicative weights.

    >>> hedge([[0.5, 1.0], [0.0, 0.5]], np.log([0.5, 0.5]), 2.0).round(6).tolist()
    [[-0.313262, -1.313262]]
    """
    skew, _, log_policy = game(preference, 1.0, log_policy)
    return normalised(log_policy + _step(eta)[:, None] * _score(skew, log_policy))


def hedge_run(preference: ArrayLike, eta: float, steps: int, log_start: ArrayLike | None = None) -> Run:
    """Self-play with one player; measured is by how much the best response beats the *average* of the first T policies.

    >>> run = hedge_run([[0.5, 1, 0], [0, 0.5, 1], [1, 0, 0.5]], 0.5, 100, np.log([0.4, 0.3, 0.3]))
    >>> bool((run.measured[:, 0] <= run.proved[:, 0]).all())
    True
    >>> [round(float(kl(np.log(np.full((1, 3), 1 / 3)), run.iterates[t])[0]), 6) for t in (0, 20, 100)]  # it moves away
    [0.009466, 0.014154, 0.067151]
    """
    steps = checks.whole_number(steps, "steps", least=1)
    skew, _, start = game(preference, 1.0, log_start)
    eta = checks.number(eta, "eta")
    iterates = [start]
    for _ in range(steps):
        iterates.append(hedge(preference, iterates[-1], eta))
    count = np.arange(1, steps + 1)
    average = np.cumsum(np.exp(iterates[:-1]), axis=0) / count[:, None, None]
    there = start > -np.inf
    measured = np.where(there, np.einsum("pij,tpj->tpi", skew, average), -np.inf).max(axis=2)
    cost = np.where(there, -start, -np.inf).max(axis=1) / (eta * count[:, None])
    return Run(np.array(iterates), measured, cost + eta / 24, cost + eta / 8)


def sppo(preference: ArrayLike, log_policy: ArrayLike, eta: ArrayLike) -> np.ndarray:
    r"""One step of SPPO as printed, with :math:`\eta/2` for the log of the partition sum, solved over all policies.

    .. math:: \min_\pi\ \sum_i\pi_{t,i}\Big(\log\frac{\pi_i}{\pi_{t,i}}-\eta\big((P\pi_t)_i-\tfrac12\big)\Big)^2 .

    The targets a have :math:`\sum\pi_te^{a}\ge1`, so over the convex set :math:`\sum\pi_te^\rho\le1` the strictly
    convex sum of squares is least on the boundary: one minimiser, :math:`\rho=a-W_0(\nu e^{a})`, one
    :math:`\nu\ge 0`.

    >>> game, policy = [[0.5, 1.0], [0.0, 0.5]], np.log([0.5, 0.5])
    >>> sppo(game, policy, 2.0).round(6).tolist(), hedge(game, policy, 2.0).round(6).tolist()
    ([[-0.33721, -1.250921]], [[-0.313262, -1.313262]])
    """
    skew, _, log_policy = game(preference, 1.0, log_policy)
    target = np.broadcast_to(_step(eta)[:, None], log_policy.shape) * _score(skew, log_policy)

    def excess(log_nu, index):
        shrink = wrightomega(log_nu[:, None] + target[index])
        log_new = log_policy[index] + target[index] - shrink
        total = log_sum_exp(log_new)
        share = np.exp(log_new - total[:, None])
        return total, -(share * shrink / (1 + shrink)).sum(axis=1)

    far = np.abs(target).max(axis=1)
    constant = far == 0
    # at nu = e^-800 nothing is shrunk; at nu = max a, W(nu e^a) >= a: no response is above its old share
    log_nu = roots.decreasing(excess, -800.0 - far, np.log(np.where(constant, 1.0, far)))
    shrink = wrightomega(log_nu[:, None] + target)
    return normalised(np.where(constant[:, None], log_policy, log_policy + target - shrink))


def partition_error(preference: ArrayLike, log_policy: ArrayLike, eta: ArrayLike) -> np.ndarray:
    r"""``(n_prompts,)``: :math:`\log\sum_i\pi_ie^{\eta(P\pi)_i}-\eta/2`, what SPPO leaves out; 0 iff P pi is constant.

    >>> partition_error([[0.5, 1.0], [0.0, 0.5]], np.log([0.5, 0.5]), 2.0).round(6).tolist()
    [0.120115]
    """
    skew, _, log_policy = game(preference, 1.0, log_policy)
    z = _step(eta)[:, None] * _score(skew, log_policy)
    near, chance, mild = np.abs(z) < 1e-3, np.exp(log_policy), np.minimum(z, 1.0)
    small = np.where(near, z, 0.0)
    bend = chance * np.where(near, small**2 / 2 * (1 + small / 3 * (1 + small / 4)), np.expm1(mild) - mild)
    with np.errstate(over="ignore"):  # beyond z = 1 in logs, where a chance may underflow and its factor overflow
        above = np.where(z > 1, np.exp(log_policy + z) - chance * (1 + z), bend).sum(axis=1)
    return np.where(above < 1, np.log1p(np.minimum(above, 1.0)), log_sum_exp(log_policy + z))


def partition_bound(eta: ArrayLike) -> np.ndarray:
    r"""The largest partition error of any preference game: :math:`\log(\sinh(\eta/2)/(\eta/2))`, a supremum.

    >>> partition_bound([0.5, 2.0, 8.0]).round(10).tolist()
    [0.010395051, 0.1614393616, 1.9202229394]
    """
    half = _step(eta) / 2
    square = np.minimum(half, 0.1) ** 2
    series = square / 6 * (1 - square / 30 * (1 - 4 * square / 63 * (1 - 3 * square / 40)))
    large = np.maximum(half, 0.1)
    return np.where(half < 0.1, series, large + np.log1p(-np.exp(-2 * large)) - np.log(2 * large))


def multipliers(preference: ArrayLike, log_policy: ArrayLike, eta: ArrayLike) -> np.ndarray:
    r"""``(n_prompts, n)`` complex: eigenvalues of the Hedge map in logits, :math:`I+\eta AD`, at a policy.

    At an interior equilibrium they are :math:`1\pm i\eta\omega`: none is inside the unit circle, so it repels unless
    the game is constant.

    >>> rock_paper_scissors = [[0.5, 1, 0], [0, 0.5, 1], [1, 0, 0.5]]
    >>> np.abs(multipliers(rock_paper_scissors, np.log(np.full(3, 1 / 3)), 1.0)).max().round(10)
    np.float64(1.0408329997)
    """
    skew, _, log_policy = game(preference, 1.0, log_policy)
    policy = np.exp(log_policy)
    spread = np.einsum("pi,ij->pij", policy, np.eye(policy.shape[1])) - policy[:, :, None] * policy[:, None]
    return np.linalg.eigvals(np.eye(policy.shape[1]) + _step(eta)[:, None, None] * (skew @ spread))


def _score(skew, log_policy):
    return np.einsum("pij,pj->pi", skew, np.exp(log_policy))


def _step(eta):
    eta = np.atleast_1d(checks.numbers(eta, "eta"))
    checks.refuse(~((eta > 0) & (eta < np.inf)), eta, "eta", "a step must be finite and above 0")
    if eta.ndim != 1:
        raise InputError(f"eta has shape {eta.shape}: give one number, or one for each prompt")
    return eta
