r"""KTO's z0 and BCO's shift, which trainers move along with the policy, at the value that they would settle at.

Trainers detach them: KTO's :math:`z_0` estimates :math:`\mathrm{KL}(\pi\|\pi_{\rm ref})` (the trainers' own, from
mismatched completions of a batch, is another number), BCO's shift is the mean reward of the data,
:math:`\tfrac12\sum_i\bar w_i(\beta r_{w_i}+\beta r_{l_i})`. A *self-consistent* minimiser is one at whose own shift it
is the minimiser: a fixed point in one number, not the minimum of any loss.
"""

from functools import cache

import numpy as np
from scipy.special import expit, log_expit

from tabular.base import checks, roots
from tabular.base.log_space import kl
from tabular.base.nouns import takes_nouns
from tabular.base.record import Record
from tabular.errors import InputError
from tabular.losses.catalogue import get
from tabular.losses.loss import Loss
from tabular.preferences import Preferences
from tabular.problem import Problem
from tabular.simplex import absolute, allocation
from tabular.simplex.minimum import Minimum

__all__ = ["SelfConsistent", "self_consistent"]

_AGREES = 1e-9  # nats, relative: how well the shift and what the minimiser makes of it have to agree
_ROUNDING = 1e-13  # relative: what the two may differ by and still be equal
_STEEP = 1e3  # what a shift makes of the policy changes by that many times as much: it jumps
_SUDDEN = 1e6  # the same where the place of the jump is told
_FARTHEST = 1e6
_PARTS = 6  # of what is between two of them
_FEW, _MANY = 64, 256  # of shifts: fixed points between two are found where they differ in number by one


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
    number, at which every response has what it wants and the unlabelled have the rest. KTO's is looked for on a grid
    from 0 to the largest :math:`-\log\pi_{\rm ref}`; a pair of fixed points between two of its shifts is not seen.

    Raises:
        InputError: another loss; or no fixed point: KTO's minimiser may jump past every one, BCO's mean reward is -inf
            as soon as a labelled response never wins, and below a shift of -1e6 none is looked for.

    >>> problem = Problem.from_probabilities([0.2, 0.3, 0.5], beta=0.5)
    >>> labels = Preferences.from_pairs([(0, 0, 1, 0.75), (0, 1, 0, 0.25), (0, 1, 2, 0.5), (0, 2, 1, 0.3)])
    >>> found = self_consistent(problem, labels, get("bco_pair", shift=0.0))
    >>> round(found.shift, 6), found.error < 1e-9, np.exp(found.minimum.log_policy[0]).round(4).tolist()
    (-0.317611, True, [0.8256, 0.0806, 0.0938])
    """
    searched = {"kto": ("z0", _kto), "bco_pair": ("shift", _bco)}
    key, search = checks.choice(loss.name, searched, "loss with a shift named")

    @cache
    def solved(shift):
        return absolute.solve(problem, preferences, get(loss.name, **(loss.params | {key: shift})))

    own, crossings = search(problem, preferences, loss)

    jumps = []
    for shift in crossings(solved):
        error = abs(own(solved(shift).log_policy) - shift)
        if error <= _AGREES * max(1.0, abs(shift)):
            return SelfConsistent(shift, float(error), solved(shift))
        jumps.append(shift)
    if not jumps:
        raise InputError(f"{loss.name}: no shift from {-_FARTHEST:g} on is a fixed point; fix one instead")
    where = f"the minimiser jumps at shift {jumps[0]:.4g}, past every fixed point"
    raise InputError(f"{loss.name}: {where}; fix one instead")


def _kto(problem, preferences, loss):
    """KL is at least 0, and at most the largest -log pi_ref: where it changes sides on a grid, the largest shift first.

    A shift is to a bell what references are that are higher by as much.
    """
    labels, form = preferences.check_against(problem).counted(), get("kto", **(loss.params | {"z0": 0.0})).form
    wishes, most = absolute.wishes(problem, labels, form), float(-problem.log_ref[problem.present].min())

    def own(log_policy):
        return problem.prompt_weights @ kl(log_policy, problem.log_ref)

    def crossings(solved):
        def gaps(shifts):
            found = allocation.allocate(wishes.raised(shifts))
            if found.decided.all():
                policies = found.log_policy.reshape(-1, *problem.log_ref.shape)
            else:
                policies = [solved(float(shift)).log_policy for shift in shifts]
            gap = shifts - np.array([own(log_policy) for log_policy in policies])
            return np.where(np.abs(gap) <= _ROUNDING * np.maximum(1.0, shifts), 0.0, gap)

        shifts = np.linspace(0.0, most, _FEW if problem.beta > 1 else _MANY)
        gap = gaps(shifts)
        for place in range(len(shifts) - 1, -1, -1):
            if gap[place] == 0:
                yield float(shifts[place])
            elif place and gap[place] * gap[place - 1] < 0:
                yield _crossing(gaps, shifts, gap, place - 1)

    return own, crossings


def _crossing(gaps, shifts, gap, place):
    """The largest shift from a place to the next at which gaps change sign, maybe by a jump; asked for side by side.

    Evenly and where the inverse of a cubic has it: every time a cell is at most a part of the one before.
    """
    while True:
        ends, near = shifts[place : place + 2], slice(max(place - 1, 0), place + 3)
        least = np.abs(gap[place : place + 2])
        if least.min() > _STEEP * np.diff(ends)[0] or np.diff(ends)[0] <= _ROUNDING * max(1.0, abs(ends[0])):
            return float(ends[least.argmin()])
        root = np.clip(_inverse(shifts[near], gap[near]), *ends)
        shifts = np.unique(np.append(np.linspace(*ends, _PARTS + 1), root))
        gap = gaps(shifts)
        if (gap == 0).any():
            return float(shifts[gap == 0].max())
        place = np.flatnonzero(gap[1:] * gap[:-1] < 0)[-1]


@np.errstate(divide="ignore", invalid="ignore", over="ignore")
def _inverse(x, y):
    """Where the polynomial in y through points is at y = 0; between the first two where y are equal."""
    ratio = y / (y - y[:, None])
    np.fill_diagonal(ratio, 1.0)
    found = x @ ratio.prod(axis=1)
    return found if np.isfinite(found) else x[:2].mean()


def _bco(problem, preferences, _loss):
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
    floor = _floor(problem, named, share, odds, start)

    def crossings(solved):
        under, over = (-np.inf, 0.0), (np.inf, 0.0)  # the nearest shifts on both sides, and their gaps

        def beyond(shift):
            """By how much a shift is above its own, but for jumps and for rounding, of which a half is nothing."""
            nonlocal under, over
            slack = _ROUNDING * max(1.0, abs(shift))
            gap = shift - own(solved(shift).log_policy) - slack
            under, over = max(under, (shift, gap)) if gap < 0 else under, min(over, (shift, gap)) if gap > 0 else over
            jumps = min(-under[1], over[1]) > _SUDDEN * (over[0] - under[0])
            return 0.0 if jumps or abs(gap) <= slack / 2 else gap

        low, top, step = start, high, max(1.0, abs(start))
        while beyond(low) > 0:
            if low <= -_FARTHEST:
                return
            low, top, step = max(min(low - step, floor), -_FARTHEST), low, 2 * step
        ends, atol = (np.array([low]), np.array([top])), _ROUNDING / 10 * max(1.0, abs(low))
        yield float(roots.increasing(lambda x: np.array([beyond(float(x[0]))]), *ends, atol)[0]) if low < top else low

    return own, crossings


def _floor(problem, named, share, odds, start):
    r"""The largest shift d, ``start`` at most, from which down BCO's own may be d or more; -inf if there is none.

    Against d a response has :math:`u_y=\beta r_y-d` at most the log-odds a of its labels, where nobody has more than he
    wants, or else what it has at the top of :mod:`tabular.simplex.surfeit`, with :math:`v=u-a` and
    :math:`f''/f'=\beta\,(1-\sigma(u))/((1-\sigma(a))(1-e^{-v}))=1`, but for one of each prompt, for which pi <= 1.
    """
    log_p, log_r, beta = log_expit(odds), log_expit(-odds), problem.beta
    b = beta + expit(odds) - expit(-odds)
    with np.errstate(divide="ignore"):
        log_b = np.log(np.abs(b))
    both = np.logaddexp(log_b, np.logaddexp(2 * log_b, np.log(4) + log_p + log_r) / 2) - np.log(2)
    with np.errstate(invalid="ignore"):  # responses that never lose
        top = odds + np.where(b >= 0, both - log_p, log_r - both)
    filled = ~(problem.present & ~named).any(axis=1)
    top, log_ref = np.where(filled[:, None], top, odds)[named], problem.log_ref[named]
    prompt, share = np.nonzero(named)[0], np.maximum(share[named], np.finfo(float).tiny)  # of what may be infinite

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
