r"""KTO's z0 and BCO's shift, which trainers move along with the policy, at the value that they would settle at.

Trainers detach them: KTO's :math:`z_0` estimates :math:`\mathrm{KL}(\pi\|\pi_{\rm ref})` (the trainers' own, from
mismatched completions of a batch, is another number), BCO's shift is the mean reward of the data,
:math:`\tfrac12\sum_i\bar w_i(\beta r_{w_i}+\beta r_{l_i})`. A *self-consistent* minimiser is one at whose own shift it
is the minimiser: a fixed point in one number, not the minimum of any loss.
"""

from functools import cache

import numpy as np

from tabular.base import checks, roots
from tabular.base.log_space import kl
from tabular.base.nouns import takes_nouns
from tabular.base.record import Record
from tabular.errors import InputError
from tabular.losses.absolute import Bco, Kto
from tabular.losses.catalogue import get
from tabular.losses.loss import Loss
from tabular.preferences import Preferences
from tabular.problem import Problem
from tabular.simplex import absolute
from tabular.simplex.minimum import Minimum

__all__ = ["SelfConsistent", "self_consistent"]

_AGREES = 1e-9  # nats, relative: how well the shift and what the minimiser makes of it have to agree
_ROUNDING = 1e-13  # relative: what the two may differ by and still be equal
_FARTHEST = 1e6


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
    own, least, high = _kto(problem, preferences) if loss.name == "kto" else _bco(problem, preferences)
    key = "z0" if loss.name == "kto" else "shift"

    @cache
    def solved(shift):
        return absolute.solve(problem, preferences, get(loss.name, **(loss.params | {key: shift})))

    def beyond(shift):
        """By how much a shift is above what its minimiser makes of it, but for rounding."""
        return shift - own(solved(shift).log_policy) - _ROUNDING * max(1.0, abs(shift))

    low, step = high, max(1.0, high)
    while beyond(low) > 0:
        low, high, step = max(low - step, least), low, 2 * step
        if low == high:
            raise InputError(f"{loss.name}: no shift from {least:g} on is a fixed point; fix one instead")
    ends = np.array([low]), np.array([high])
    atol = _ROUNDING / 10 * max(1.0, abs(low))
    shift = float(roots.increasing(lambda x: np.array([beyond(float(x[0]))]), *ends, atol)[0]) if low < high else low
    minimum = solved(shift)
    error = abs(own(minimum.log_policy) - shift)
    if not error <= _AGREES * max(1.0, abs(shift)):
        raise InputError(
            f"{loss.name}: the minimiser jumps at shift {shift:.6g}, past every fixed point; fix one instead"
        )
    return SelfConsistent(float(shift), float(error), minimum)


def _kto(problem, preferences):
    """KL is at least 0, and at most the largest -log pi_ref."""

    def own(log_policy):
        return float(problem.prompt_weights @ kl(log_policy, problem.log_ref))

    return own, 0.0, float(-problem.log_ref[problem.present].min())


def _bco(problem, preferences):
    """Rewards stay below beta x -log pi_ref."""
    labels = preferences.check_against(problem).counted()
    base = labels.prompt * problem.n_responses
    lost = np.setdiff1d(base + labels.loser, base + labels.winner)
    if lost.size:
        prompt, response = divmod(int(lost[0]), problem.n_responses)
        raise InputError(f"bco_pair: response {response} of prompt {prompt} never wins, so the mean reward is -inf")
    share = np.exp(labels.log_share)

    def own(log_policy):
        r = log_policy - np.where(problem.present, problem.log_ref, 0.0)
        return float(problem.beta * share @ (r[labels.prompt, labels.winner] + r[labels.prompt, labels.loser]) / 2)

    return own, -_FARTHEST, float(problem.beta * -problem.log_ref[problem.present].min())
