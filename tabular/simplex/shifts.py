r"""KTO's z0 and BCO's shift, which trainers move along with the policy, at the value that they would settle at.

Trainers detach them: KTO's :math:`z_0` estimates :math:`\mathrm{KL}(\pi\|\pi_{\rm ref})` (the trainers' own, from
mismatched completions of a batch, is another number), BCO's shift is the mean reward of the data,
:math:`\tfrac12\sum_i\bar w_i(\beta r_{w_i}+\beta r_{l_i})`. A *self-consistent* minimiser is one at whose own shift it
is the minimiser: a fixed point in one number, not the minimum of any loss.
"""

from functools import cache

import numpy as np
from scipy.special import expit

from tabular.base import checks, roots
from tabular.base.log_space import kl, normalised
from tabular.base.nouns import takes_nouns
from tabular.base.record import Record
from tabular.errors import InputError
from tabular.losses.absolute import Bco, Kto
from tabular.losses.catalogue import get
from tabular.losses.loss import Loss
from tabular.preferences import Preferences
from tabular.problem import Problem
from tabular.simplex import absolute, local
from tabular.simplex.minimum import Minimum

__all__ = ["SelfConsistent", "self_consistent"]

_AGREES = 1e-9  # nats, relative: how well the shift and what the minimiser makes of it have to agree
_ROUNDING = 1e-13  # relative: what the two may differ by and still be equal
_FARTHEST = 1e6
_FAR = 40.0  # nats


class SelfConsistent(Record):
    """A fixed point of the shift.

    Attributes:
        shift: KTO's z0, in nats, or BCO's, in units of beta r. error: how far the minimiser's own shift is from it.
        minimum: of the loss with this shift.
    """

    shift: float
    error: float
    minimum: Minimum


@takes_nouns
def self_consistent(problem: Problem, preferences: Preferences, loss: Loss) -> SelfConsistent:
    r"""The shift of "kto" or "bco_pair" that its own minimiser has, and that minimiser.

    KTO's is the mean of :math:`\mathrm{KL}(\pi\|\pi_{\rm ref})` over prompts, by their weights. The shift that the loss
    was made with plays no part. Where there are several fixed points, the largest: BCO's may be all shifts below some
    number, at which every response has what it wants and the unlabelled have the rest.

    Raises:
        InputError: another loss; or no fixed point: KTO's minimiser may jump past every one, and BCO's mean reward is
            -inf as soon as a labelled response never wins.

    >>> problem = Problem.from_probabilities([0.2, 0.3, 0.5], beta=0.5)
    >>> labels = Preferences.from_pairs([(0, 0, 1, 0.75), (0, 1, 0, 0.25), (0, 1, 2, 0.5), (0, 2, 1, 0.3)])
    >>> found = self_consistent(problem, labels, get("bco_pair", shift=0.0))
    >>> round(found.shift, 6), found.error < 1e-9, np.exp(found.minimum.log_policy[0]).round(4).tolist()
    (-0.317611, True, [0.8256, 0.0806, 0.0938])
    """
    checks.choice(loss.name, {"kto": Kto, "bco_pair": Bco}, "loss with a shift named")
    own, *bracket = _kto(problem, preferences) if loss.name == "kto" else _bco(problem, preferences)
    key, pool = "z0" if loss.name == "kto" else "shift", []

    def shifted(shift, near=None):
        return absolute.solve(problem, preferences, get(loss.name, **(loss.params | {key: shift})), near=near)

    solved = cache(shifted)

    @cache
    def followed(shift):
        """The lowest from where minimisers of other shifts are, which is not the lowest for sure."""
        minimum = shifted(shift, np.array(pool).reshape(-1, *problem.log_ref.shape))
        pool.append(minimum.log_policy)
        return minimum

    searches = [followed]
    if loss.name == "kto" and problem.beta > 1:
        pool += [solved(bracket[-1]).log_policy, *_apart(problem, preferences, loss.form)]
        searches.append(solved)
    for minimiser in searches:
        shift = _crossing(lambda shift, of=minimiser: own(of(shift).log_policy), *bracket)
        if shift is not None:
            minimum = solved(shift)
            error = abs(own(minimum.log_policy) - shift)
            if error <= _AGREES * max(1.0, abs(shift)):
                return SelfConsistent(shift, float(error), minimum)
    if shift is None:
        raise InputError(f"{loss.name}: no shift from {bracket[0]:g} on is a fixed point; fix one instead")
    raise InputError(f"{loss.name}: the minimiser jumps at shift {shift:.6g}, past every fixed point; fix one instead")


def _apart(problem, preferences, form):
    """Log-policies that shifts may prefer: one response, the others far below their references, and who wins most."""
    labels = preferences.counted()
    ends = labels.prompt, labels.winner, labels.loser
    prompts = local.Prompts(form, problem.beta, problem.log_ref, *ends, labels.log_weight)
    alone = local.alone(prompts, np.where(problem.present, problem.log_ref, 0.0))
    far = _FAR - problem.log_ref[problem.present].min()
    each = far * np.tile(np.eye(problem.n_responses)[:, None], (1, problem.n_prompts, 1))
    return list(normalised(np.where(problem.present, np.concatenate([each, alone]), -np.inf)))


def _crossing(own, least, floor, start, high):
    """The shift where ``own``, at most ``high``, crosses the diagonal; None if it is below from ``least`` on.

    Args:
        floor, start: where to look for a low end of the bracket: first at start, and then from the floor downwards.
    """

    @cache
    def beyond(shift):
        """By how much a shift is above what its minimiser makes of it, but for rounding, of which a half is nothing."""
        slack = _ROUNDING * max(1.0, abs(shift))
        gap = shift - own(shift) - slack
        return 0.0 if abs(gap) <= slack / 2 else gap

    low, step = start, max(1.0, abs(start))
    while beyond(low) > 0:
        if low <= least:
            return None
        low, high, step = max(min(low - step, floor), least), low, 2 * step
    if low >= high:
        return low
    atol = _ROUNDING / 10 * max(1.0, abs(low))
    ends = np.array([low]), np.array([high])
    return float(roots.increasing(lambda x: np.array([beyond(float(x[0]))]), *ends, atol)[0])


def _kto(problem, preferences):
    """KL is at least 0, and at most the largest -log pi_ref."""
    most = float(-problem.log_ref[problem.present].min())

    def own(log_policy):
        return float(problem.prompt_weights @ kl(log_policy, problem.log_ref))

    return own, 0.0, most, most, most


def _bco(problem, preferences):
    r"""With s_y half the share of y's labels, :math:`\beta\sum s_y(\log\pi_y-\log\pi_{\rm ref})`, largest at pi = s.

    From the shift on at which the goals of every prompt have a mass of 1 or more, all are between -inf and their goals
    and fall against the shift.
    """
    labels = preferences.check_against(problem).counted()
    base, shape = labels.prompt * problem.n_responses, problem.log_ref.shape
    lost = np.setdiff1d(base + labels.loser, base + labels.winner)
    if lost.size:
        prompt, response = divmod(int(lost[0]), problem.n_responses)
        raise InputError(f"bco_pair: response {response} of prompt {prompt} never wins, so the mean reward is -inf")
    tallies = np.full((2, problem.log_ref.size), -np.inf)
    for tally, end in zip(tallies, (labels.winner, labels.loser), strict=True):
        np.logaddexp.at(tally, base + end, labels.log_share)
    won, fell = tallies.reshape(2, *shape)
    named, log_share = won > -np.inf, np.logaddexp(won, fell) - np.log(2)
    share, log_ref = np.exp(log_share), np.where(named, problem.log_ref, 0.0)

    def own(log_policy):
        return float(problem.beta * (share * (np.where(named, log_policy, 0.0) - log_ref)).sum())

    with np.errstate(invalid="ignore"):  # a prompt without labels
        high = own(log_share - np.logaddexp.reduce(log_share, axis=1, keepdims=True))
    odds = np.where(named, won, 0.0) - np.where(named, fell, np.inf)
    log_mass = np.logaddexp.reduce(problem.log_ref + odds / problem.beta, axis=1)
    start = -problem.beta * log_mass[named.any(axis=1)].min()
    start = start if start > -np.inf else high
    return own, -_FARTHEST, _floor(problem, named, share, odds, start), start, high


def _floor(problem, named, share, odds, start):
    r"""The largest shift d, ``start`` at most, from which down BCO's own may be d or more; -inf if there is none.

    Against d a response has :math:`u_y=\beta r_y-d` at most the log-odds a of its labels, where nobody has more than he
    wants, or else what it has at the top of :mod:`tabular.simplex.surfeit`, with :math:`v=u-a` and
    :math:`f''/f'=\beta\,(1-\sigma(u))/((1-\sigma(a))(1-e^{-v}))=1`, but for one of each prompt, for which pi <= 1.
    """
    p, r, beta = expit(odds), expit(-odds), problem.beta
    b = beta + p - r
    root = np.sqrt(b * b + 4 * p * r)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        top = odds + np.log(np.where(b >= 0, (b + root) / (2 * p), 2 * r / (root - b)))
    filled = ~(problem.present & ~named).any(axis=1)
    top, log_ref = np.where(filled[:, None], top, odds)[named], problem.log_ref[named]
    prompt, share = np.nonzero(named)[0], share[named]

    def most(d):
        rest = np.zeros(len(named))
        np.maximum.at(rest, prompt, share * np.maximum(-beta * log_ref - d - top, 0.0))
        return share @ top + rest[filled].sum()

    if not most(start) < 0:
        return start
    if most(-_FARTHEST) < 0:
        return -np.inf
    ends = np.array([-_FARTHEST]), np.array([start])
    return float(roots.increasing(lambda d: np.array([-most(d[0])]), *ends)[0])
