r"""Log-linear policies :math:`\pi_\theta\propto\pi_{\rm ref}e^{\theta\cdot\phi}`: DPO, IPO and RLHF in one class.

The log-ratio of two responses is :math:`\theta\cdot(\phi_w-\phi_l)`, the normaliser cancels: DPO is a logistic and IPO
a least-squares regression on differences of features, convex. RLHF's objective is not concave in :math:`\theta`: its
gradient is :math:`\mathrm{Cov}_\theta(\phi,\,r-\beta\,\theta\cdot\phi)`, and it may have several local maxima. One-hot
features give all policies back.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize
from scipy.special import expit

from tabular import rlhf as tabular_rlhf
from tabular.base import checks
from tabular.base.log_space import normalised, softplus
from tabular.base.nouns import takes_nouns
from tabular.base.one_thread import one_thread
from tabular.base.record import Record
from tabular.errors import InputError
from tabular.fits import logistic, separation
from tabular.preferences import Preferences
from tabular.problem import Problem, as_log_policy
from tabular.status import Status

__all__ = ["Fit", "RLHFOptimum", "displacement", "dpo", "ipo", "local_maxima", "policy", "rlhf", "two_stage"]


class Fit(Record):
    """The minimiser of a convex loss in the class, or its limit.

    Attributes:
        status: UNIQUE (one policy), SET (parameters that no label sees move the policy), or UNATTAINED.
        theta: ``(n_features,)``: the minimiser of least norm; of the overlapping labels alone if UNATTAINED.
        log_policy: ``(n_prompts, n_responses)`` of theta.
        infimum: of the loss.
        overlapping: ``(n_pairs,)`` mask of the labels that keep a loss in the limit.
        direction: ``(n_features,)`` along which no label loses and all others gain for ever: the certificate of
            UNATTAINED, 0 otherwise.
        balance: ``(n_pairs,)`` weights, positive on the overlapping labels, under which their feature differences
            cancel: the certificate that they do not separate. None where that could not be proved.
        residual: the largest component of the gradient in theta over the sum of the sizes of its terms.
    """

    status: Status
    theta: np.ndarray
    log_policy: np.ndarray
    infimum: float
    overlapping: np.ndarray
    direction: np.ndarray
    balance: np.ndarray | None
    residual: float


class RLHFOptimum(Record):
    """The best local maximum found of RLHF's objective in the class.

    Attributes:
        status: UNIQUE where the class reaches the tabular optimum, which nothing exceeds; otherwise LOCAL.
        theta, log_policy, value: of it; the value is the mean over prompts by their weights.
        gap: what the tabular optimum has more.
    """

    status: Status
    theta: np.ndarray
    log_policy: np.ndarray
    value: float
    gap: float


@takes_nouns
def policy(problem: Problem, features: ArrayLike, theta: ArrayLike) -> np.ndarray:
    r"""``(n_prompts, n_responses)``: :math:`\log\pi_{\rm ref}+\theta\cdot\phi` less its logsumexp.

    Args:
        features: ``(n_prompts, n_responses, n_features)``; without the first axis, one prompt.

    >>> problem = Problem.from_probabilities([0.5, 0.5], beta=1)
    >>> np.exp(policy(problem, [[1.0], [0.0]], [np.log(3)])).round(6).tolist()
    [[0.75, 0.25]]
    """
    features, theta = _features(problem, features), checks.numbers(theta, "theta")
    if theta.shape != features.shape[2:]:
        raise InputError(f"theta has shape {theta.shape} for {features.shape[2]} features: give one number for each")
    checks.refuse(~np.isfinite(theta), theta, "theta", "a parameter must be finite")
    return _policy(problem, features, theta)


@takes_nouns
@one_thread
def dpo(problem: Problem, preferences: Preferences, features: ArrayLike) -> Fit:
    r"""DPO in the class: the least weighted mean of :math:`\mathrm{sp}(-\beta\,\theta\cdot(\phi_w-\phi_l))`.

    Existence is a matter of linear separation (:mod:`tabular.fits.separation`), decided in fractions for small data and
    otherwise by the fit itself: its weights balance the labels, which proves that nothing separates.

    Raises:
        InputError: features or labels that do not fit the problem.

    >>> problem = Problem.from_probabilities([0.25] * 4, beta=2)
    >>> labels = Preferences.from_pairs([(0, 1), (3, 2)])  # no cycle, and yet attained: the features tie the labels
    >>> found = dpo(problem, labels, [[1.0], [0.0], [4.0], [1.0]])
    >>> found.status, (2 * found.theta).round(10).tolist()
    (<Status.UNIQUE: 'unique'>, [-0.4540921313])
    >>> dpo(problem, Preferences.from_pairs([(0, 1)]), [[1.0], [0.0], [4.0], [1.0]]).direction.tolist()
    [1.0]
    """
    features, compared, weight = _compared(problem, preferences, features)
    found = logistic.from_a_part(compared, weight)
    if found is None:
        return _fit_of_all(problem, features, compared.rows(), weight)
    theta, nothing = found.theta / problem.beta, np.zeros(len(found.theta))
    log_policy, all_of_them = _policy(problem, features, theta), np.ones(len(weight), dtype=bool)
    return Fit(Status.UNIQUE, theta, log_policy, found.infimum, all_of_them, nothing, found.balance, found.residual)


@takes_nouns
@one_thread
def ipo(problem: Problem, preferences: Preferences, features: ArrayLike) -> Fit:
    r"""IPO in the class: the least weighted mean of :math:`(\theta\cdot(\phi_w-\phi_l)-\frac1{2\beta})^2`.

    Least squares, so always attained.

    >>> problem = Problem.from_probabilities([0.25] * 4, beta=1)
    >>> ipo(problem, Preferences.from_pairs([(0, 1), (3, 2)]), [[1.0], [0.0], [4.0], [1.0]]).theta.round(6).tolist()
    [-0.1]
    """
    features, rows, weight = _differences(problem, preferences, features)
    target, basis = 1 / (2 * problem.beta), logistic.row_space(_kept(rows, weight > 0))
    theta = logistic.least_squares(rows, weight, target, basis)
    miss = rows @ theta - target
    return Fit(
        _status(features, problem, basis),
        theta,
        _policy(problem, features, theta),
        float(weight @ miss**2),
        weight > 0,
        np.zeros(len(theta)),
        None,
        _relative(rows, weight * miss),
    )


@takes_nouns
@one_thread
def two_stage(problem: Problem, preferences: Preferences, features: ArrayLike) -> tuple[Fit, np.ndarray]:
    r"""Bradley-Terry with rewards :math:`w\cdot\psi`, then RLHF over all policies with the fitted reward.

    Returns:
        The fit, whose ``theta`` is w, and the log-policy :math:`\pi_{\rm ref}e^{w\cdot\psi/\beta}/Z`. That is
        :func:`dpo` with the same features; DPO over *all* policies is another matter where the reward is not in the
        class.

    >>> problem = Problem.from_probabilities([0.5, 0.3, 0.2], 1.0, [0.0, 1.0, 3.0])
    >>> fit, log_policy = two_stage(problem, Preferences.from_bradley_terry(problem), [[0.0], [2.0], [1.0]])
    >>> fit.theta.round(10).tolist(), tabular_rlhf.objective(log_policy, problem).round(10).tolist()
    ([0.3677806989], [1.001521546])
    """
    fit = dpo(Problem(problem.log_ref, 1.0, None, problem.prompt_weights), preferences, features)
    return fit, _policy(problem, _features(problem, features), fit.theta / problem.beta)


@takes_nouns
@one_thread
def rlhf(
    problem: Problem, features: ArrayLike, starts: ArrayLike = (), rng: np.random.Generator | None = None
) -> RLHFOptimum:
    r"""The best local maximum of :math:`\mathbb E_{\theta}[r]-\beta\mathrm{KL}` in theta that several starts find.

    With one parameter :func:`local_maxima` finds them all.

    Args:
        starts: further thetas to start from, beside 0 and the regression of the reward on the features, over beta.
        rng: with one, ten random starts more.

    >>> problem = Problem.from_probabilities([1 / 3] * 3, 0.6, [3.0, 0.0, 4.0])
    >>> found = rlhf(problem, [[-1.0], [0.0], [1.0]])
    >>> found.status, found.theta.round(6).tolist(), round(found.value, 10)
    (<Status.LOCAL: 'local'>, [6.636193], 3.3416083632)
    """
    features, reward = _features(problem, features), problem.require_reward()
    regression = _regression(problem, features, reward) / problem.beta
    starts = checks.numbers(starts, "starts")
    if starts.size and (starts.ndim != 2 or starts.shape[1] != len(regression)):
        raise InputError(f"starts has shape {starts.shape}: give (n, {len(regression)}), a theta a row")
    checks.refuse(~np.isfinite(starts), starts, "starts", "a theta must be finite")
    points = [np.zeros(len(regression)), regression, *starts.reshape(-1, len(regression))]
    if rng is not None:
        points += list(np.linalg.norm(regression) * rng.normal(size=(10, features.shape[2])))
    theta, value = max((_climb(problem, features, point) for point in points), key=lambda found: found[1])
    best = float(problem.prompt_weights @ tabular_rlhf.value(problem))
    gap = max(best - value, 0.0)
    status = Status.UNIQUE if gap <= 1e-12 * (1 + abs(best)) else Status.LOCAL
    return RLHFOptimum(status, theta, _policy(problem, features, theta), value, gap)


@takes_nouns
def local_maxima(problem: Problem, feature: ArrayLike) -> list[tuple[float, float]]:
    r"""Every local maximum of RLHF's objective in the class with one parameter: ``(theta, value)``, by theta.

    The slope :math:`J'=\sum_x w_x\mathrm{Cov}(\phi,r-\beta\theta\phi)` vanishes only for :math:`|\theta|\le L/\beta`,
    with L the steepest slope of the mean reward between two values of the feature in a prompt, as
    :math:`|\mathrm{Cov}(\phi,r)|\le L\,\mathrm{Var}(\phi)`. That interval is halved until on every part a bound on J''
    excludes a root or one on its derivative leaves one at most: with V the variance, s the span of the feature and
    :math:`G=\mathrm{span}(r)+\beta|\theta|s`, :math:`|J''|\le V(G+\beta)`, its derivative is at most
    :math:`Vs(\tfrac74G+2\beta)`, and V changes by a factor of at most :math:`e^{s|h|}` over a distance h.

    Args:
        feature: ``(n_prompts, n_responses)`` or ``(n_responses,)``.

    Raises:
        InputError: a root of the slope that is double, or too nearly so to be told; or, among the policies looked at,
            one under which the feature's variance underflows: references or rewards over beta hundreds of nats apart.

    >>> problem = Problem.from_probabilities([1 / 3] * 3, 0.6, [3.0, 0.0, 4.0])
    >>> [(round(theta, 8), round(value, 10)) for theta, value in local_maxima(problem, [-1.0, 0.0, 1.0])]
    [(-4.81626923, 2.3452657489), (6.63619294, 3.3416083632)]
    """
    phi = _features(problem, np.atleast_2d(checks.numbers(feature, "feature"))[..., None])[..., 0]
    reward = problem.require_reward()
    far = _steepest(problem, phi, reward) / problem.beta * (1 + 1e-9)
    span, wide = _spans(problem, phi), _spans(problem, reward)
    a, b = np.array([[-far], [far]])
    roots = [] if far > 0 else [0.0]
    while a.size and far > 0:
        middle, half, edge = (a + b) / 2, (b - a) / 2, np.maximum(np.abs(a), np.abs(b))
        slope, bend, variance = _slopes(problem, phi, reward, middle)
        if (variance @ problem.prompt_weights == 0).any():
            raise InputError("a policy of the class is beyond the floating-point numbers: give a larger beta")
        share = problem.prompt_weights * variance * np.exp(np.minimum(np.outer(half, span), 300))
        gain = wide + problem.beta * np.outer(edge, span)
        second = (share * (gain + problem.beta)).sum(axis=1)
        third = (share * span * (1.75 * gain + 2 * problem.beta)).sum(axis=1)
        open_, bent = np.abs(slope) <= second * half, np.abs(bend) > third * half
        for low, high in zip(a[open_ & bent], b[open_ & bent], strict=True):
            if _slopes(problem, phi, reward, low)[0] > 0 >= _slopes(problem, phi, reward, high)[0]:
                roots.append(_bisected(problem, phi, reward, low, high))
        left = open_ & ~bent
        if (half[left] < 1e-9 * far).any():
            where = middle[left][0]
            raise InputError(f"near theta = {where:.6g} the slope has a root that is double or nearly so: change beta")
        a, b = np.r_[a[left], middle[left]], np.r_[middle[left], b[left]]
    policies = [(theta, _policy(problem, phi[..., None], np.array([theta]))) for theta in sorted(map(float, roots))]
    return [(theta, float(problem.prompt_weights @ tabular_rlhf.objective(row, problem))) for theta, row in policies]


@takes_nouns
def displacement(log_policy: ArrayLike, problem: Problem, preferences: Preferences, features: ArrayLike) -> np.ndarray:
    r"""``(n_pairs,)``: how fast :math:`\log\pi_w` moves along the DPO gradient of each pair alone, up to a factor > 0.

    :math:`\langle\phi_w-\mathbb E_\pi\phi,\ \phi_w-\phi_l\rangle` (Razin et al. 2024, 2410.08847): the chosen response
    falls iff it is negative; never with one-hot features.

    >>> problem = Problem.from_probabilities([1 / 3] * 3, beta=1)
    >>> pair, features = Preferences.from_pairs([(0, 1)]), [[0.0], [-1.0], [4.0]]
    >>> displacement(problem.log_ref, problem, pair, features).round(6).tolist()
    [-1.0]
    """
    features, rows, _ = _differences(problem, preferences, features)
    mean = np.einsum("py,pyk->pk", np.exp(as_log_policy(log_policy, problem)), features)
    away = features[preferences.prompt, preferences.winner] - mean[preferences.prompt]
    return (away * rows).sum(axis=1)


def _features(problem, features):
    plain = type(features) is np.ndarray and features.dtype == float  # only read: a copy would take a tenth of a fit
    array = features if plain else checks.numbers(features, "features")
    array = array[None] if array.ndim == 2 else array
    if array.ndim != 3 or array.shape[:2] != problem.log_ref.shape or array.shape[2] == 0:
        raise InputError(
            f"features has shape {array.shape} for {problem.n_prompts} prompts of {problem.n_responses} responses: "
            "give (n_prompts, n_responses, n_features)"
        )
    with np.errstate(over="ignore", invalid="ignore"):
        finite = np.isfinite(array.sum())  # a sum is read faster than a mask is made
    if finite and problem.present.all():
        return array
    there = problem.present[..., None]
    checks.refuse(there & ~np.isfinite(array), array, "features", "a feature must be finite")
    return array if there.all() else np.where(there, array, 0.0)


def _compared(problem, preferences, features):
    """Features, the two responses of every label with theirs, and its share of the loss."""
    features = _features(problem, features)
    preferences.check_against(problem)
    flat, base = features.reshape(-1, features.shape[2]), preferences.prompt * problem.n_responses
    compared = logistic.Responses(flat, base + preferences.winner, base + preferences.loser)
    return features, compared, np.exp(preferences.log_share)


def _differences(problem, preferences, features):
    """Features, the difference row of every label, and its share of the loss."""
    features, compared, weight = _compared(problem, preferences, features)
    return features, compared.rows(), weight


def _fit_of_all(problem, features, rows, weight):
    """DPO in the class by Newton, after a decision on existence."""
    overlapping, direction = weight > 0, np.zeros(rows.shape[1])
    kept, share = _kept(rows, overlapping), weight[overlapping]
    fitted = None
    if kept.size > separation.EXACT:
        basis = logistic.row_space(kept)
        fitted = logistic.newton(kept, share, basis)
        balance = separation.balanced(kept, share * expit(-kept @ fitted))
    if fitted is None or balance is None:
        split = separation.separate(kept)
        overlapping[overlapping], direction = split.overlapping, split.direction
        kept, share = _kept(rows, overlapping), weight[overlapping]
        basis = logistic.row_space(kept)
        fitted = logistic.newton(kept, share, basis)
        balance = split.balance[split.overlapping] if split.balance is not None else None
    h = kept @ fitted
    theta = fitted / problem.beta
    return Fit(
        Status.UNATTAINED if direction.any() else _status(features, problem, basis),
        theta,
        _policy(problem, features, theta),
        float(share @ softplus(-h)),
        overlapping,
        direction,
        None if balance is None else _placed(balance, overlapping, len(rows)),
        _relative(kept, share * expit(-h)),
    )


def _policy(problem, features, theta):
    score = (features.reshape(-1, len(theta)) @ theta).reshape(problem.log_ref.shape)  # one product, not one a prompt
    return normalised(np.where(problem.present, problem.log_ref + score, -np.inf))


def _kept(rows, mask):
    """Some of the rows; all of them without a copy."""
    return rows if mask.all() else rows[mask]


def _placed(values, at, size):
    whole = np.zeros(size)
    whole[at] = values
    return whole


def _relative(rows, push):
    scale = logistic.Rows(rows).sizes(np.abs(push)).max(initial=0.0)
    return float(np.abs(push @ rows).max(initial=0.0) / max(scale, 1e-300))


def _status(features, problem, seen):
    """SET where a direction that no label sees moves the policy."""
    if seen.shape[1] == features.shape[2]:
        return Status.UNIQUE
    mean = features.sum(axis=1, keepdims=True) / problem.present.sum(axis=1)[:, None, None]
    moves = np.where(problem.present[..., None], features - mean, 0.0).reshape(-1, features.shape[2])
    unit = np.abs(moves).max(axis=0)
    unit[unit == 0] = 1.0
    moves, seen = moves / unit, np.linalg.qr(seen / unit[:, None])[0]
    unseen = moves - moves @ seen @ seen.T
    return Status.SET if np.abs(unseen).max() > 1e-7 * np.abs(moves).max() else Status.UNIQUE


def _regression(problem, features, reward):
    chance = np.exp(problem.log_ref)
    root = np.sqrt(chance * problem.prompt_weights[:, None])
    centred = features - np.einsum("py,pyk->pk", chance, features)[:, None]
    target = (reward - (chance * reward).sum(axis=1, keepdims=True)) * root
    return np.linalg.lstsq((centred * root[..., None]).reshape(target.size, -1), target.ravel(), rcond=1e-12)[0]


def _climb(problem, features, start):
    """A local maximum from a start, (theta, value): every step gains, and floats can gain finitely often."""
    before = np.inf

    def gained(intermediate_result):
        nonlocal before
        if not intermediate_result.fun < before:
            raise StopIteration
        before = intermediate_result.fun

    def downhill(theta):
        log_policy = _policy(problem, features, theta)
        chance, gain = np.exp(log_policy), problem.reward - problem.beta * (features @ theta)
        centred = gain - (chance * gain).sum(axis=1, keepdims=True)
        slope = np.einsum("p,py,pyk->k", problem.prompt_weights, chance * centred, features)
        return -float(problem.prompt_weights @ tabular_rlhf.objective(log_policy, problem)), -slope

    options = {"gtol": 1e-12, "maxiter": np.inf}
    found = minimize(downhill, start, jac=True, method="BFGS", callback=gained, options=options)
    return found.x, -float(found.fun)


def _spans(problem, values):
    """``(n_prompts,)``: largest less smallest over the present responses."""
    there = problem.present
    return np.where(there, values, -np.inf).max(axis=1) - np.where(there, values, np.inf).min(axis=1)


def _slopes(problem, phi, reward, theta):
    """J' and J'' of the one-parameter class at every theta, and the variance of the feature in each prompt."""
    theta = np.asarray(theta, float)[..., None, None]
    logits = np.where(problem.present, problem.log_ref + theta * phi, -np.inf)
    chance = np.exp(normalised(logits))
    gain = reward - problem.beta * theta * phi
    p = phi - (chance * phi).sum(axis=-1, keepdims=True)
    g = gain - (chance * gain).sum(axis=-1, keepdims=True)
    variance = (chance * p * p).sum(axis=-1)
    bend = (chance * p * p * g).sum(axis=-1) - problem.beta * variance
    return (chance * p * g).sum(axis=-1) @ problem.prompt_weights, bend @ problem.prompt_weights, variance


def _bisected(problem, phi, reward, a, b):
    """The root of the slope on a part where it falls."""
    while a < (middle := (a + b) / 2) < b:
        a, b = (middle, b) if _slopes(problem, phi, reward, middle)[0] > 0 else (a, middle)
    return middle


def _steepest(problem, phi, reward):
    """The largest slope of the mean reward between two values of the feature in one prompt."""
    steepest = 0.0
    for there, values, rewards, log_ref in zip(problem.present, phi, reward, problem.log_ref, strict=True):
        levels, place = np.unique(values[there], return_inverse=True)
        chance = np.exp(log_ref[there] - log_ref[there].max())
        mean = np.bincount(place, chance * rewards[there]) / np.maximum(np.bincount(place, chance), 1e-300)
        gap, rise = np.subtract.outer(levels, levels), np.subtract.outer(mean, mean)
        if (gap > 0).any():
            steepest = max(steepest, np.abs(rise[gap > 0] / gap[gap > 0]).max())
    return steepest
