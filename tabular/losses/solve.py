"""Solving any loss on labelled pairs: existence first, then the minimiser, with the reason."""

from dataclasses import replace

import numpy as np

from tabular.base import digraph
from tabular.base.nouns import takes_nouns
from tabular.base.one_thread import one_thread
from tabular.errors import InputError
from tabular.fits import convex, links, nonconvex, polyhedral, reach
from tabular.fits.bradley_terry import Fit
from tabular.fits.convex import Labels
from tabular.losses import kinks
from tabular.losses.absolute import Dpop, WithSft
from tabular.losses.forms import OfMargin
from tabular.losses.link_solution import LinkSolution, of_differences
from tabular.losses.loss import Loss
from tabular.losses.scalars import Logistic
from tabular.losses.solution import Bound, Cut, DifferenceSolution, FaceSolution, Stationary
from tabular.preferences import Preferences
from tabular.problem import Problem
from tabular.simplex import absolute
from tabular.simplex.minimum import Minimum

__all__ = ["certificate", "labels_of", "solve"]

#: Share of the largest curvature of a block below which a label counts as sitting on a straight piece.
_STRAIGHT = 1e-9


@takes_nouns
@one_thread
def solve(
    problem: Problem, preferences: Preferences, loss: Loss
) -> DifferenceSolution | FaceSolution | LinkSolution | Minimum:
    r"""Every minimiser of a loss, or why there is none, decided before anything is solved.

    Args:
        problem: its reward, if any, plays no part; its beta is the loss's (IPO's tau).
        preferences: any labels: one-sided, contradictory, repeated, of weights any orders of magnitude apart.
        loss: of :func:`tabular.losses.get` or :func:`tabular.losses.custom`.

    For a loss of differences a :class:`~tabular.losses.solution.DifferenceSolution`, or, for hinges, a
    :class:`~tabular.losses.solution.FaceSolution`: statuses UNIQUE, SET, UNATTAINED, UNBOUNDED, or LOCAL where the
    optimum could not be certified: the loss is not convex, or a user's own with kinks and more labels than
    :mod:`tabular.losses.kinks` takes. For a loss of links a
    :class:`~tabular.losses.link_solution.LinkSolution`; for a loss of the log-ratios themselves a
    :class:`~tabular.simplex.minimum.Minimum`.

    Raises:
        InputError: a label that does not fit the problem, a loss that is not one of pairs, a margin beyond the floats
            or, around a cycle of labels, beyond 1e13 nats, token counts that give one response two lengths, a beta
            beyond 1e12 with an SFT term.

    >>> from tabular import losses
    >>> problem = Problem.from_probabilities([0.2, 0.3, 0.5], beta=0.5)
    >>> labels = Preferences.from_pairs([(0, 0, 1, 0.75), (0, 1, 0, 0.25)])
    >>> for name, params in [("dpo", {}), ("cdpo", {"eps": 0.1}), ("rdpo", {"eps": 0.1}), ("rdpo", {"eps": 0.25})]:
    ...     found = solve(problem, labels, losses.get(name, **params))
    ...     print(found.loss, found.status.value, round(found.infimum, 6))
    dpo() set 0.562335
    cdpo(eps=0.1) set 0.610864
    rdpo(eps=0.1) set 0.482578
    rdpo(eps=0.25) unattained 0.0
    """
    preferences.check_against(problem)
    if loss.batch:
        raise InputError(f"{loss.name} mixes the pairs of a batch: it has no loss of labels to solve; use dpo")
    if loss.kind == "difference":
        return _differences(problem, preferences, loss)
    if loss.of_margin:
        if loss.form.per_token:  # u is of a response only where that has one length
            links.token_counts(preferences, problem, loss.form.n_w, loss.form.n_l)
        graph = _differences(problem, preferences, of_differences(loss))
        return LinkSolution(problem, preferences, loss, graph)
    if _is_dpo(loss.form):
        free = loss.form.reference_free
        return _differences(problem, preferences, replace(loss, form=OfMargin(Logistic(), reference_free=free)))
    return absolute.solve(problem, preferences, loss)


def _is_dpo(form):
    """Whether what a loss adds to DPO's has weight 0."""
    return (isinstance(form, WithSft) and form.alpha == 0) or (isinstance(form, Dpop) and form.lam == 0)


def _differences(problem, preferences, loss):
    labels, rate = labels_of(problem, preferences, loss)
    if loss.scalar.shape == "hinge":
        return _face(problem, preferences, loss, labels, rate)
    if not loss.convex:
        return _nonconvex(problem, preferences, loss, labels, rate)
    return _convex(problem, preferences, loss, labels, rate)


def labels_of(problem: Problem, preferences: Preferences, loss: Loss) -> tuple[Labels, float]:
    r"""The labels of positive weight in units of the loss's margin x, and the rate: x = rate h - offset."""
    winner, loser, log_ref = preferences.winner, preferences.loser, problem.log_ref.ravel()
    if problem.n_prompts > 1:
        base = preferences.prompt * problem.n_responses
        winner, loser = base + winner, base + loser
    chosen, rejected, name = log_ref[winner], log_ref[loser], f"the margin of {loss.name}"
    offset = preferences.per_pair(loss.form.offset(chosen, rejected, problem.beta), name)
    reach.check(problem, preferences, offset, name)
    columns = winner, loser, preferences.log_share, offset, preferences.weight
    if preferences.log_share.min() == -np.inf:
        kept = preferences.log_weight > -np.inf
        columns = tuple(column[kept] for column in columns)
    return Labels(log_ref.size, *columns), loss.form.rate(problem.beta)


def _convex(problem, preferences, loss, labels, rate):
    found = convex.fit(labels, loss.scalar)
    strength = found.fit.strength * (problem.beta / rate)
    fit = replace(found.fit, strength=strength) if rate != problem.beta else found.fit
    violated = found.violated.reshape(problem.log_ref.shape)
    offset = np.zeros(preferences.n_pairs)
    offset[preferences.log_weight > -np.inf] = labels.offset
    why, local, several = certificate(problem, labels, loss.scalar, found.fit, violated, found.pull), None, None
    infimum = found.infimum
    if loss.scalar.shape == "other":
        several = _flat(problem, labels, loss.scalar, found)
        if not fit.residual <= kinks.STATIONARY:
            kinked = kinks.solve(problem, labels, loss.scalar, found)
            fit, local, several = (
                replace(kinked.fit, strength=kinked.fit.strength * (problem.beta / rate)),
                *kinked.masks,
            )
            why = why if isinstance(why, Cut) else kinked.certificate
            infimum = kinked.infimum
    return DifferenceSolution(
        problem,
        preferences,
        fit,
        offset,
        infimum,
        fit.residual,
        loss,
        why,
        violated,
        found.labels,
        local,
        several,
    )


def _flat(problem, labels, scalar, found):
    """``(n_prompts,)`` mask: some labels sit where g is straight, and the others do not settle all differences."""
    s, block = found.fit.strength, found.fit.block
    inner = block[labels.winner] == block[labels.loser]
    bend = scalar.curvature(s[labels.winner] - s[labels.loser] - labels.offset)
    curved = inner & (bend > _STRAIGHT * np.max(bend, where=inner, initial=0.0))
    settled = digraph.components(labels.n_nodes, labels.winner[curved], labels.loser[curved])
    settled = settled.reshape(problem.log_ref.shape)
    blocks = block.reshape(problem.log_ref.shape)
    return np.array([len(set(a.tolist())) > len(set(b.tolist())) for a, b in zip(settled, blocks, strict=True)])


def certificate(problem: Problem, labels: Labels, scalar, fit: Fit, violated, pull=None):
    """The cut along which the loss falls for ever, or the pulls that cancel, if known: -Wg' of each label."""
    n = problem.n_responses
    falling = violated.any(axis=1)
    inside = violated.ravel()
    if not falling.any():
        if not fit.rank.any():
            if pull is None:
                slope = scalar.slope(fit.strength[labels.winner] - fit.strength[labels.loser] - labels.offset)
                pull = -np.exp(labels.log_weight) * slope
            return Stationary(pull, fit.residual)
        rank, component = fit.rank[fit.block], labels.component()
        unsettled = np.isin(component, component[rank > 0])
        inside = unsettled & (rank == 0)
        falling = inside.reshape(problem.log_ref.shape).any(axis=1)
    prompt = int(np.argmax(falling))
    here = inside & (np.arange(inside.size) // n == prompt)
    weight = np.exp(labels.log_weight)
    wins = float(weight[here[labels.winner] & ~here[labels.loser]].sum())
    losses = float(weight[~here[labels.winner] & here[labels.loser]].sum())
    left, right = scalar.growth
    slope = (right * wins if wins else 0.0) - (left * losses if losses else 0.0)
    if not violated.any():
        slope = 0.0
    return Cut(prompt, tuple((np.flatnonzero(here) % n).tolist()), wins, losses, slope)


def _face(problem, preferences, loss, labels, rate):
    free = loss.form.reference_free  # levels are then of log pi, which the offsets count from the reference
    face = polyhedral.solve(labels, -rate * np.where(problem.present, problem.log_ref, 0.0).ravel() if free else 0.0)
    certificate = Stationary(face.pull, face.gap)
    return FaceSolution(problem, preferences, loss, face, float(face.minimum.sum()), certificate, rate)


def _nonconvex(problem, preferences, loss, labels, rate):
    """Block by block; what is not certified is LOCAL."""
    scalar, component = loss.scalar, labels.component()
    block, rank = component, np.zeros(component.max() + 1, dtype=np.int64)
    if getattr(scalar, "existence", None) == "blocks":
        block, rank = digraph.ranked_blocks(digraph.adjacency(labels.n_nodes, labels.winner, labels.loser))
    inner = block[labels.winner] == block[labels.loser]
    strength, minimum = np.zeros(labels.n_nodes), np.zeros(len(rank))
    local, several = np.zeros((2, problem.n_prompts), dtype=bool)
    lower, boxes, counts = 0.0, 0, []
    for number in np.unique(block[labels.winner[inner]]):
        nodes, mine = np.flatnonzero(block == number), inner & (block[labels.winner] == number)
        place = np.searchsorted(nodes, [labels.winner[mine], labels.loser[mine]])
        found = nonconvex.solve_block(len(nodes), *place, labels.log_weight[mine], labels.offset[mine], scalar)
        strength[nodes], minimum[number] = found.minimisers[0], found.value
        prompt = nodes[0] // problem.n_responses
        local[prompt] |= not found.certified
        several[prompt] |= not found.unique
        lower, boxes = lower + found.lower, boxes + found.boxes
        counts.append(len(found.minimisers))
    columns = (labels.winner, labels.loser, labels.log_weight, labels.offset)
    residual = convex.residual(labels.n_nodes, tuple(column[inner] for column in columns), strength, scalar)
    fit = Fit(strength * (problem.beta / rate), block, rank, minimum, residual)
    violated = np.zeros(problem.log_ref.shape, dtype=bool)
    why = certificate(problem, labels, scalar, fit, violated)
    if not isinstance(why, Cut):
        why = Bound(lower, boxes, tuple(counts))
    offset = np.zeros(preferences.n_pairs)
    offset[preferences.log_weight > -np.inf] = labels.offset
    return DifferenceSolution(
        problem, preferences, fit, offset, fit.infimum, residual, loss, why, violated, None, local, several
    )
