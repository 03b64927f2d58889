r"""Loss thresholds: below which mean loss is a labelled pair certainly ranked correctly?

.. math:: v_i=\inf\{L(\pi):\delta_i(\pi)\le 0\},\qquad \delta_i=\log\pi(w_i)-\log\pi(l_i).

**Mean loss below v_i implies delta_i > 0.** If :math:`\delta_i(\pi)\le 0` then pi is one of the policies the infimum
is over, so :math:`L(\pi)\ge v_i`; the claim is the contrapositive. Conversely, let :math:`v_i<L(\pi_{\rm ref})` and
take any level between the two. Some policy with :math:`\delta_i\le 0` lies below the level; the loss is continuous in
the log-ratios, so a small step that makes :math:`\delta_i<0` stays below it: the loss can fall that far with the
pair strictly inverted.

**One constraint, one contraction.** The loss is convex in :math:`s=\beta\log(\pi/\pi_{\rm ref})`, so
:math:`g(t)=\inf\{L:\delta_i=t\}` is convex and :math:`v_i=\min_{t\le 0}g(t)`. If the DPO optimum has
:math:`\delta_i>0` then g decreases up to 0 and :math:`v_i=g(0)`: the constraint binds, w and l are tied, and the rest
is an ordinary fit (:mod:`tabular.failures.ties`). Otherwise the constraint is slack and :math:`v_i=\inf L`. Which of
the two holds is read off the win digraph: w and l in one block have a unique :math:`\delta_i` at the optimum; if w
reaches l by wins between blocks, every minimising sequence has :math:`\delta_i\to\infty`; in every other case it can be
sent to :math:`-\infty` for free. Other prompts, and the labels of the same prompt that share no cycle with the pair,
add their own infimum (:mod:`tabular.failures.pieces`).
"""

from dataclasses import field

import numpy as np
from numpy.typing import ArrayLike

from tabular.base.log_space import normalised
from tabular.base.nouns import takes_nouns
from tabular.base.one_thread import one_thread
from tabular.base.record import Record
from tabular.failures.infimum import Infimum, Relation, infimum
from tabular.failures.pieces import Pieces
from tabular.fits.many import LEVEL
from tabular.preferences import Preferences
from tabular.problem import Problem
from tabular.status import Status

__all__ = ["Thresholds", "lowered", "solve", "tied"]


class Thresholds(Record):
    """The thresholds of all pairs; arrays are ``(n_pairs,)``.

    Attributes:
        value: v_i, as mean loss in nats.
        excess: v_i - inf L, computed without the other prompts' share: what inverting the pair costs.
        binds: whether the constraint delta_i <= 0 holds the loss up (else ``value`` is inf L).
        multiplier: of the constraint, in nats of loss per nat of delta: minus the derivative of v_i with respect to
            the right-hand side of delta_i <= 0. It is beta times the net flow of :math:`\\bar w\\sigma(-\\beta h)`
            out of the winner.
        attained: whether some policy with delta_i <= 0 has loss v_i exactly.
        at: where the loss is least, unconstrained.
    """

    value: np.ndarray
    excess: np.ndarray
    binds: np.ndarray
    multiplier: np.ndarray
    attained: np.ndarray
    at: Infimum = field(repr=False)

    def status(self, pair: int) -> Status:
        """UNATTAINED, or UNIQUE or SET: whether one or many policies have delta_i <= 0 at loss v_i."""
        if not self.attained[pair]:
            return Status.UNATTAINED
        return Status.UNIQUE if self.at.connected else Status.SET

    def row(self, pair: int) -> np.ndarray:
        """``(n_responses,)`` log-policy of the pair's prompt in the witness."""
        if self.binds[pair]:
            return self.at.rows(np.array([pair]), 0.0)[0]
        return lowered(self.at, pair, 0.0)

    def witness(self, pair: int) -> np.ndarray:
        """``(n_prompts, n_responses)`` log-policy with delta_i <= 0 at loss v_i.

        Where v_i is not attained: a policy on the way there along the recession direction, whose labels across blocks
        still cost e^-40 of their weight. delta_i is exactly 0 where the constraint binds.
        """
        return self.at.with_row(self.at.winner[pair] // self.at.graph.problem.n_responses, self.row(pair))


@takes_nouns
@one_thread
def solve(problem: Problem, preferences: Preferences, offset: ArrayLike | None = None) -> Thresholds:
    r"""The thresholds of all pairs, with multipliers and witnesses.

    Args:
        offset: ``(n_pairs,)`` fixed margins Psi of the loss :math:`\mathrm{sp}(-(\beta h-\Psi))`; 0, DPO, by default.

    Raises:
        InputError: labels that the problem does not have.

    >>> problem = Problem.from_probabilities([0.2, 0.8], beta=1)
    >>> found = solve(problem, Preferences.from_pairs([(0, 1)]))
    >>> found.value.round(6).tolist(), round(float(np.log(1 + 0.2 / 0.8)), 6)  # sp(beta delta_ref)
    ([0.223144], 0.223144)
    >>> np.exp(found.witness(0)).round(6).tolist()
    [[0.5, 0.5]]
    """
    at = infimum(problem, preferences, offset)
    return tied(at, at.parts)


def tied(at: Infimum, pieces: Pieces, asked: np.ndarray | None = None) -> Thresholds:
    """The thresholds, its piece fitted for each pair that binds; any pieces give the same numbers.

    Where some are ``(n_pairs,)`` ``asked`` it is for their values alone: of a pair that binds the multiplier is rough.
    Where ``asked`` is False, its value and multiplier are nan.
    """
    binds = (at.relation == Relation.ABOVE) | ((at.relation == Relation.SAME) & (at.delta > 0))
    excess, multiplier = np.zeros(len(binds)), np.zeros(len(binds))
    unattained = np.full(len(binds), np.sum(~pieces.attained))  # pieces, with the pair's as it is once tied
    spare = 0.0 if asked is None else LEVEL
    asked = np.ones(len(binds), dtype=bool) if asked is None else asked
    excess[binds & ~asked] = multiplier[binds & ~asked] = np.nan
    bound = np.flatnonzero(binds & asked)
    piece, held = pieces.piece(bound), pieces.held(bound, 0.0, spare)
    excess[bound] = np.maximum(held.cost - pieces.cost[piece], 0)
    multiplier[bound] = at.graph.problem.beta * held.flow
    unattained[bound] += pieces.attained[piece].astype(int) - held.attained
    return Thresholds(at.value + excess, excess, binds, multiplier, unattained == 0, at)


def lowered(at: Infimum, pair, delta):
    """``(n_responses,)`` log-policy near the infimum with a pair that may fall freely brought to delta or below."""
    n_responses = at.graph.problem.n_responses
    prompt, policy = at.winner[pair] // n_responses, at.unnormalised.copy()
    above = policy[at.winner[pair]] - policy[at.loser[pair]] - delta
    if above > 0 and at.relation[pair] != Relation.SAME:
        policy[at.reached(at.winner[pair])] -= above + 1
    return normalised(policy.reshape(-1, n_responses)[prompt])
