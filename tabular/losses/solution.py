r"""What :func:`tabular.losses.solve` returns for losses of differences: status, solutions, and why.

Everything that :class:`tabular.fits.dpo_solution.DPOSolution` has is here: the theorem there rests on one property,
that inside a block differences are settled and that labels between blocks want to grow without bound.
"""

from dataclasses import field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from tabular.base import digraph
from tabular.base.log_space import normalised
from tabular.base.record import Record
from tabular.fits.convex import Labels
from tabular.fits.dpo_solution import DPOSolution
from tabular.fits.polyhedral import Face
from tabular.losses.loss import Loss
from tabular.losses.mean import mean
from tabular.preferences import Preferences
from tabular.problem import Problem, as_log_policy
from tabular.status import Status

__all__ = ["Bound", "Cut", "DifferenceSolution", "FaceSolution", "Stationary", "loss_of"]


class Cut(Record):
    """A set of responses of one prompt, and the weight of the labels that cross its border.

    Attributes:
        prompt, inside: where, and the set S.
        wins, losses: the weight, as a share of all labels, of the labels that S wins, and loses, against the rest.
        balance: the slope of the loss along raising S as a whole, far out: below 0 the loss is unbounded below, at 0
            it falls for ever towards a finite infimum.
    """

    prompt: int
    inside: tuple[int, ...]
    wins: float
    losses: float
    balance: float


class Stationary(Record):
    """Why a policy is a minimiser: the pulls of the labels cancel at every response.

    Attributes:
        pull: ``(n_labels,)`` minus the derivative of the mean loss in each counted label's margin.
        residual: the largest imbalance of a response, relative to what its labels pull.
    """

    pull: np.ndarray = field(repr=False)
    residual: float


class Bound(Record):
    """Why a value is the global optimum, or that it is not known to be: the search's lower bound.

    Attributes:
        lower: no policy has a smaller loss; -inf where nothing was certified.
        boxes: how many boxes were looked at.
        minimisers: for each searched block, how many points within the certified gap of its least were found.

    The solution's ``residual`` says how nearly the point itself is stationary.
    """

    lower: float
    boxes: int
    minimisers: tuple[int, ...]


class DifferenceSolution(DPOSolution):
    r"""Every minimiser of a loss of differences, or why there is none.

    Attributes:
        infimum: of the loss, a weighted mean over the pairs; -inf where it is unbounded below.
        certificate: a :class:`Cut` (UNBOUNDED, UNATTAINED), else :class:`Stationary` or :class:`Bound`.
        log_policy: where gradient flow from the reference ends, where ``flow_limit_known``; UNATTAINED otherwise: the
            limit closest to the reference; UNBOUNDED: the reference confined to the cut's set, where the mass goes.

    >>> from tabular import Preferences, Problem, losses
    >>> problem = Problem.from_probabilities([0.2, 0.3, 0.5], beta=0.5)
    >>> labels = Preferences.from_pairs([(0, 0, 1, 0.75), (0, 1, 0, 0.25)])
    >>> found = losses.solve(problem, labels, losses.get("ipo"))  # h = (2p - 1) / (2 beta)
    >>> found.status, found.dimension, (found.log_ratio[0, 0] - found.log_ratio[0, 1]).round(12)
    (<Status.SET: 'set'>, 1, np.float64(0.5))
    >>> one_sided = losses.solve(problem, Preferences.from_pairs([(0, 1)]), losses.get("rdpo", eps=0.1))
    >>> one_sided.status, one_sided.infimum, one_sided.certificate.inside
    (<Status.UNBOUNDED: 'unbounded'>, -inf, (0,))
    """

    loss: Loss
    certificate: Cut | Stationary | Bound
    violated: np.ndarray = field(repr=False)
    labels: Labels | None = field(repr=False, default=None)
    local: np.ndarray | None = field(repr=False, default=None)
    several: np.ndarray | None = field(repr=False, default=None)

    shown = ("status", "log_policy", "certificate", "loss", "infimum", "dimension", "residual")

    @cached_property
    def statuses(self) -> list[Status]:
        """The verdict of each prompt."""
        verdicts = super().statuses
        unbounded = self.unbounded
        for prompt, verdict in enumerate(verdicts):
            if unbounded[prompt]:
                verdicts[prompt] = Status.UNBOUNDED
            elif self.local is not None and self.local[prompt]:
                verdicts[prompt] = Status.LOCAL
            elif self.several is not None and self.several[prompt] and verdict is Status.UNIQUE:
                verdicts[prompt] = Status.SET
        return verdicts

    @property
    def unbounded(self) -> np.ndarray:
        """``(n_prompts,)`` mask of the prompts in which the loss is unbounded below."""
        return self.violated.any(axis=1)

    @property
    def recession(self) -> np.ndarray:
        """``(n_prompts, n_responses)``: a direction that certifies UNBOUNDED or UNATTAINED, 0 elsewhere.

        Along it the loss falls for ever: 0 on the set that gains, negative on what it leaves behind.
        """
        falls = np.where(self.violated, 0, -1) * self.problem.present
        return np.where(self.unbounded[:, None], falls, super().recession)

    @property
    def log_policy(self) -> np.ndarray:
        return self._limit[0]

    @property
    def flow_limit_known(self) -> np.ndarray:
        """``(n_prompts,)`` mask: theory decides where gradient flow from the reference ends."""
        return self._limit[1]

    @cached_property
    def _limit(self):
        logistic = self.loss.scalar is not None and self.loss.scalar.shape == "logistic"
        if logistic and not self.loss.scalar.linear:
            policy, known = (a.copy() for a in self._flow_limit)
        else:
            policy = normalised(self.problem.log_ref + self.log_ratio)
            known = ~self._unattained
            policy[~known] = self.closest_to_reference()[~known]
        if not self.loss.convex:  # the flow may end in another minimum
            known = np.zeros_like(known)
        unbounded = self.unbounded
        if unbounded.any():
            confined = np.where(self.violated, self.problem.log_ref, -np.inf)[unbounded]
            policy[unbounded], known[unbounded] = normalised(confined), False
        for array in (policy, known):
            array.flags.writeable = False
        return policy, known

    def contains(self, log_policy: ArrayLike, atol: float = 1e-8, closure: bool = False) -> bool:
        """Membership of the solution set: see :meth:`DPOSolution.contains`; never where the loss is unbounded below.

        Where the loss is not strictly convex: whether the loss of the policy is the infimum, within ``atol``.
        """
        if self.unbounded.any():
            return False
        if closure or (self.loss.convex and not (self.several is not None and self.several.any())):
            return super().contains(log_policy, atol, closure)
        return loss_of(self, log_policy) <= self.infimum + atol

    @cached_property
    def _digraph(self):
        if self.labels is None:
            return super()._digraph
        drawn = self.labels.log_weight > -np.inf
        return digraph.adjacency(self.labels.n_nodes, self.labels.winner[drawn], self.labels.loser[drawn])


class FaceSolution(Record):
    r"""The minimisers of a hinge loss: a polyhedron of difference constraints on each labelled component.

    Attributes:
        status: UNIQUE where the constraints and the normalisation leave one policy, else SET.
        infimum: of the loss, attained; 0 iff no cycle of labels asks for more than 0 around it.
        log_policy: one minimiser.
        certificate: the pulls of the labels, a circulation within their weights whose gain equals the loss up to
            ``residual``, so that no policy does better.
        dimension: of the set of minimising policies: of the face, and the free masses of components and unlabelled
            responses.

    >>> from tabular import Preferences, Problem, losses
    >>> problem = Problem.from_probabilities([0.2, 0.8], beta=0.5)
    >>> found = losses.solve(problem, Preferences.from_pairs([(0, 1)]), losses.get("hinge"))
    >>> found.status, found.infimum, found.dimension  # every z >= 1
    (<Status.SET: 'set'>, 0.0, 1)
    >>> [round(bound, 6) for bound in found.margin_range(0, 0, 1)]  # delta_ref + 1 / beta and more
    [0.613706, inf]
    """

    problem: Problem = field(repr=False)
    preferences: Preferences = field(repr=False)
    loss: Loss
    face: Face = field(repr=False)
    infimum: float
    certificate: Stationary = field(repr=False)
    rate: float = field(repr=False)

    @property
    def residual(self) -> float:
        return self.face.gap

    @property
    def status(self) -> Status:
        return Status.UNIQUE if self.dimension == 0 else Status.SET

    @property
    def statuses(self) -> list[Status]:
        """The verdict of each prompt."""
        return [Status.UNIQUE if d == 0 else Status.SET for d in self._dimensions]

    @property
    def dimension(self) -> int:
        return int(sum(self._dimensions))

    @cached_property
    def _dimensions(self):
        classes = np.where(self.problem.present, self.face.classes.reshape(self.problem.log_ref.shape), -1)
        return [len(set(row[row >= 0].tolist())) - 1 for row in classes]

    @cached_property
    def log_ratio(self) -> np.ndarray:
        """``(n_prompts, n_responses)`` of log pi / pi_ref of the minimiser shown, up to a constant per component."""
        return self.face.strength.reshape(self.problem.log_ref.shape) / self.rate

    @property
    def log_policy(self) -> np.ndarray:
        return normalised(self.problem.log_ref + self.log_ratio)

    def vertices(self) -> np.ndarray:
        """``(n_vertices, n_prompts, n_responses)`` log-ratios of the vertices, mean 0 over each component.

        >>> from tabular import Preferences, Problem, losses
        >>> problem = Problem.from_probabilities([0.5, 0.5], beta=1)
        >>> both = Preferences.from_pairs([(0, 1), (1, 0)])  # p = 1/2: all of [-1, 1]
        >>> found = losses.solve(problem, both, losses.get("hinge"))
        >>> sorted(found.vertices()[:, 0, 0].tolist()), found.infimum
        ([-0.5, 0.5], 1.0)
        """
        corners = self.face.vertices() / self.rate
        return corners.reshape(-1, *self.problem.log_ref.shape)

    def margin_range(self, prompt: int, winner: int, loser: int) -> tuple[float, float]:
        """Least and greatest delta = log pi_w/pi_l over the minimisers, in nats.

        Raises:
            InputError: two equal or absent responses.
        """
        Preferences([prompt], [winner], [loser]).check_against(self.problem)
        w, y = (prompt * self.problem.n_responses + r for r in (winner, loser))
        delta_ref = self.problem.log_ref[prompt, winner] - self.problem.log_ref[prompt, loser]
        least, most = -self.face.farthest_from(y)[w], self.face.farthest_from(w)[y]
        return float(delta_ref + least / self.rate), float(delta_ref + most / self.rate)

    def contains(self, log_policy: ArrayLike, atol: float = 1e-8) -> bool:
        """Whether a policy's loss is the infimum, within ``atol``.

        Raises:
            InputError: not a policy of this problem.
        """
        return loss_of(self, log_policy) <= self.infimum + atol


def loss_of(solution, log_policy) -> float:
    """The mean loss of a policy that has the problem's support; ``inf`` for the others.

    Raises:
        InputError: not a policy of this problem.
    """
    log_policy = as_log_policy(log_policy, solution.problem)
    if not np.array_equal(log_policy > -np.inf, solution.problem.present):
        return np.inf
    return mean(log_policy, solution.problem, solution.preferences, solution.loss)
