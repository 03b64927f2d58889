r"""When can the chosen probability fall while the loss falls?

At the reference let :math:`F=-\nabla_s L` be the push of the labels on :math:`s=\beta\log(\pi/\pi_{\rm ref})` (all
prompts in one vector; :math:`\sum F=0` on each prompt) and :math:`a=e_w-\pi_{\rm ref}`, on the pair's prompt, the
direction in which :math:`\log\pi_w` grows: a step d changes L by :math:`-F\cdot d` and :math:`\beta\log\pi_w` by
:math:`a\cdot d`. Some d has :math:`F\cdot d>0>a\cdot d` unless F = 0 or F = c a with c > 0; the bisector
:math:`F/|F|-a/|a|` is one. So:

* F = 0: the reference has the least loss (L is convex); nothing can fall.
* **F is not a positive multiple of a: it can**, for every beta, since neither F nor a depends on beta. A response
without labels (F = 0 there, a < 0) or any other prompt with room to fall is enough.
* F = c a, two responses: it cannot. Then L depends on h alone and rises below h = 0, where :math:`\pi_w` falls.
* F = c a, three responses or more: the two conditions touch at first order and curvature decides. On the boundary
  L = log 2 the first falls short by second-order terms of order 1, the second gains ones of order
  :math:`1/\beta`, so a small beta allows it. The set is searched along rays (one response up, the others down).
"""

import numpy as np
from scipy.special import expit

from tabular.base import tolerances
from tabular.base.log_space import log_sum_exp, normalised, softplus
from tabular.failures.infimum import Infimum

__all__ = ["allowed_at_first_order", "falling_rows", "push", "starts_down"]

_PARALLEL = 1e-9  # relative size of the part of F off a that counts as none
_STEPS = np.exp2(np.arange(12, -41, -1.0))  # tried lengths of a step in s, nats
_ENTRIES = 1_000_000  # of a matrix with a row a point and a column a label
_DOWN = np.exp2(np.arange(-12, 9, 0.25))  # by how much rays lower the others, nats
_NARROW = 2.0**-48  # nats: closer points of a ray have one loss
_VISIBLE = 10 * tolerances.LOSS  # a fall that any reader can check in double precision


def push(at: Infimum) -> np.ndarray:
    """``(n_prompts, n_responses)`` of F, exactly 0 where wins and losses balance to rounding."""
    graph, size = at.graph, len(at.graph.component)
    pull = np.exp(graph.log_share) * expit(graph.offset)
    won, lost = np.bincount(graph.winner, pull, size), np.bincount(graph.loser, pull, size)
    balanced = np.abs(won - lost) <= tolerances.LOSS * (won + lost)
    return np.where(balanced, 0.0, won - lost).reshape(graph.problem.log_ref.shape)


def allowed_at_first_order(at: Infimum, force=None) -> np.ndarray:
    """``(n_pairs,)`` whether some small step lowers both the loss and pi_w: F is neither 0 nor c a, c > 0."""
    force = push(at) if force is None else force
    own, toward, along = _along(at, force)
    pushed, here = force.any(axis=1), own.any(axis=1)
    off = own - along[:, None] * toward
    generic = np.sqrt((off**2).sum(axis=1)) > _PARALLEL * np.sqrt((own**2).sum(axis=1))
    return (pushed.sum() > here) | (here & (generic | (along < 0)))


def starts_down(at: Infimum, force) -> np.ndarray:
    """``(n_pairs,)`` whether gradient flow from the reference starts out with pi_w falling: F.a < 0."""
    return _along(at, force)[2] < 0


def _along(at, force):
    """F on each pair's prompt, a/|a| there and F.a/|a|."""
    prompt, winner = np.divmod(at.winner, force.shape[1])
    own, toward = force[prompt], _toward(at.graph.problem.log_ref[prompt], winner)
    return own, toward, (own * toward).sum(axis=1)


def _toward(log_ref, winner):
    """Unit rows along a: 1 - pi_w times e_w less the others' conditional distribution, so that no tail underflows."""
    others = log_ref.copy()
    others[np.arange(len(winner)), winner] = -np.inf
    toward = -np.exp(others - log_sum_exp(others, keepdims=True))
    toward[np.arange(len(winner)), winner] = 1
    return toward / np.linalg.norm(toward, axis=1, keepdims=True)


def falling_rows(at: Infimum, winners, force) -> dict:
    """``(row, elsewhere)`` for each winner, or ``None``: of a policy whose loss and probability of it both fall.

    Winners are flat nodes. ``elsewhere`` says where the other prompts are: at the "reference" where the pair's own
    prompt loses enough, else "near_optimum".
    """
    prompt, winner = np.divmod(winners, force.shape[1])
    found = dict.fromkeys(winners.tolist())
    for p in np.unique(prompt).tolist():
        local, mine = _Prompt(at, p), winner[prompt == p]
        for part in np.array_split(mine, -(-len(mine) * max(len(local.winner), 1) // _ENTRIES)):
            rows = _falling(local, part, force[p])
            found |= {int(node): row for node, row in zip(p * force.shape[1] + part, rows, strict=True)}
    return found


def _falling(local, winners, own):
    """The row and the other prompts' place for each winner of one prompt."""
    toward, found = _toward(np.broadcast_to(local.log_ref, (len(winners), len(local.log_ref))), winners), {}
    if own.any():
        direction = own / np.linalg.norm(own) - toward
        generic = np.flatnonzero(np.linalg.norm(direction, axis=1) > _PARALLEL)
        rows = local.along(winners[generic], direction[generic], 0.0)
        found |= {k: (row, "reference") for k, row in zip(generic.tolist(), rows, strict=True) if row is not None}
    if local.room > 2 * _VISIBLE:
        left = np.setdiff1d(np.arange(len(winners)), list(found))
        rows = local.along(winners[left], -toward[left], local.room)
        found |= {k: (row, "near_optimum") for k, row in zip(left.tolist(), rows, strict=True) if row is not None}
    if own.any() and local.there.sum() > 2:
        for k in set(range(len(winners))) - set(found):
            row = _on_rays(local, winners[k])
            found |= {} if row is None else {k: (row, "reference")}
    return [found.get(k) for k in range(len(winners))]


class _Prompt:
    """One prompt's part of the loss as a function of s, and the room that the other prompts leave it."""

    def __init__(self, at: Infimum, prompt):
        graph, n_responses = at.graph, at.graph.problem.n_responses
        self.prompt = prompt
        self.beta, self.log_ref = graph.problem.beta, graph.problem.log_ref[prompt]
        self.there = np.isfinite(self.log_ref)
        labels = np.flatnonzero(graph.winner // n_responses == prompt)
        self.winner, self.loser = graph.winner[labels] % n_responses, graph.loser[labels] % n_responses
        self.share, self.offset = np.exp(graph.log_share[labels]), graph.offset[labels]
        components = np.unique(graph.component[prompt * n_responses : (prompt + 1) * n_responses])
        start = float(np.exp(graph.log_share) @ softplus(graph.offset))
        self.own_start = float(self.loss(np.zeros((1, n_responses)))[0])
        self.room = max((start - self.own_start) - (at.value - at.components.cost[components].sum()), 0.0)

    def loss(self, s):
        return softplus(self.offset - (s[:, self.winner] - s[:, self.loser])) @ self.share

    def along(self, winners, direction, room):
        """For each winner the farthest row along its direction whose loss falls visibly, given room to rise, or None.

        The loss is convex along it, and falls from the start on or not at all: where it does not fall it rises, too far
        out, or has yet to fall. The chosen probability, log-concave and falling from the start on, is lowest farthest.
        """
        direction = direction / np.abs(direction).max(axis=1, keepdims=True)
        rise = direction[:, self.winner] - direction[:, self.loser]
        far, near = np.full(len(winners), -1), np.full(len(winners), len(_STEPS))
        falls = np.zeros(len(winners), dtype=bool)
        while (moving := np.flatnonzero(near - far > 1)).size:
            middle = (far + near)[moving] // 2
            h = _STEPS[middle, None] * rise[moving] - self.offset
            fell = softplus(-h) @ self.share < self.own_start + room - _VISIBLE
            rising = np.zeros(len(moving), dtype=bool)
            rising[~fell] = (expit(-h[~fell]) * rise[moving[~fell]]) @ self.share < 0
            far[moving[rising]] = middle[rising]
            near[moving[~rising]], falls[moving[~rising]] = middle[~rising], fell[~rising]
        step = _STEPS[np.minimum(near, len(_STEPS) - 1), None]
        rows = normalised(np.where(self.there, self.log_ref + step * direction / self.beta, -np.inf))
        falls &= self._visible(rows, winners)
        return [row if fell else None for row, fell in zip(rows, falls, strict=True)]

    def lowest(self, winner, s):
        """The row of the lowest chosen probability among those whose loss falls visibly."""
        rows = normalised(np.where(self.there, self.log_ref + s / self.beta, -np.inf))
        falls = (self.loss(s) < self.own_start - _VISIBLE) & self._visible(rows, winner)
        return rows[np.where(falls, rows[:, winner], np.inf).argmin()] if falls.any() else None

    def _visible(self, rows, winner):
        """Whether the winner's probability is visibly lower than at the reference, or the rest's, if less, higher."""
        mine = np.arange(len(self.log_ref)) == np.broadcast_to(winner, len(rows))[:, None]
        rest, rest_ref = (log_sum_exp(np.where(mine, -np.inf, values)) for values in (rows, self.log_ref))
        log_ref = self.log_ref[winner]
        return np.where(log_ref < rest_ref, rows[mine] < log_ref - _VISIBLE, rest > rest_ref + _VISIBLE)


def _on_rays(local, winner):
    """The lowest row among the points of all rays, or None."""
    raised, rows = np.flatnonzero(local.there & (np.arange(len(local.log_ref)) != winner)), []
    for some in np.array_split(raised, -(-len(raised) * len(_DOWN) * len(local.winner) // _ENTRIES)):
        rows.append(local.lowest(winner, _rays(local, winner, some)))
    return min((row for row in rows if row is not None), key=lambda row: row[winner], default=None)


def _rays(local, winner, raised):
    """Points just inside L = L(ref): one response raised as far as lowering all others but the winner pays for."""
    s = np.repeat(-_DOWN, len(raised))[:, None] * np.ones(len(local.log_ref))
    s[:, winner] = 0
    row, column = np.arange(len(s)), np.tile(raised, len(_DOWN))
    start, loss = local.own_start - 2 * _VISIBLE, _varied(local, s, column)
    low, high = np.zeros(len(s)), np.full(len(s), 4096.0)
    middle = (low + high) / 2  # the loss grows along the raised response once it is above the winner: bisect
    while ((high - low > _NARROW) & (low < middle) & (middle < high)).any():
        under = loss(middle) < start
        low, high = np.where(under, middle, low), np.where(under, high, middle)
        middle = (low + high) / 2
    s[row, column] = low
    return s


def _varied(local, s, column):
    """The loss of each point as a function of its entry in a column of its own: only the labels there move."""
    wins, loses = column[:, None] == local.winner, column[:, None] == local.loser
    rest = np.where(wins | loses, 0.0, softplus(local.offset - (s[:, local.winner] - s[:, local.loser]))) @ local.share
    row, label = np.nonzero(wins | loses)
    sign, other = np.where(wins[row, label], -1.0, 1.0), np.where(wins, local.loser, local.winner)[row, label]
    fixed, share = local.offset[label] - sign * s[row, other], local.share[label]
    return lambda x: rest + np.bincount(row, share * softplus(fixed + sign * x[row]), len(s))
