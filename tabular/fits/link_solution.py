r"""Losses of differences in a link, solved: f-DPO, chi-PO without its clip, SquaredPO, SimPO, length-normalised DPO.

In u these are a problem on the label graph, with DPO's existence theorem (:mod:`tabular.fits.bradley_terry`: it uses
only that a label's loss is continuous, positive, 0 at :math:`+\infty` and :math:`\infty` at :math:`-\infty`, and that u
takes every value). A minimiser exists iff no label joins two blocks of the win digraph; the minimisers are then given
by the mass of each block, any positive numbers that sum to 1, and each block's fit at its mass
(:mod:`tabular.fits.links`).

**Not attained.** Let the loss tend to its infimum. Differences of u inside blocks tend to those of the fit, and
:math:`u_w-u_l\to\infty` on labels between blocks. As :math:`\pi_w\le 1` bounds :math:`u_w`, :math:`u_l\to-\infty` and
:math:`\pi_l\to 0`: the limits are supported on source blocks. A source block of limit mass m > 0 has finite u, so its
proportions are those of the fit at mass m. Every choice of such masses, 0 included, is a limit: put the other blocks
ever lower in u, in the order of their ranks. So the limits are one policy for each point of the simplex of source
blocks - a curved simplex unless the link is the identity, for the proportions inside a block change with its mass.
:math:`\pi_l/\pi_w` need not tend to 0: forward KL's loss of one label tends to 0 along :math:`\pi_l=t,\pi_w=2t`.
"""

import numpy as np

from tabular.fits import bradley_terry, links
from tabular.fits.bradley_terry import Fit
from tabular.preferences import Preferences
from tabular.problem import Problem


def fit(problem: Problem, preferences: Preferences, form) -> Fit:
    r"""The blocks' fits in :math:`\rho u`, for a logistic loss of :math:`\rho(u_w-u_l)-\Psi` (rate rho: beta or 1).

    Raises:
        InputError: a label that does not fit the problem.
    """
    preferences.check_against(problem)
    base = preferences.prompt * problem.n_responses
    ends = base + preferences.winner, base + preferences.loser
    psi = form.psi(*problem.log_ref.ravel()[np.array(ends)], problem.beta)
    offset = np.broadcast_to(psi, preferences.prompt.shape)
    return bradley_terry.fit(problem.log_ref.size, *ends, preferences.log_share, offset)


def log_policy(problem: Problem, preferences: Preferences, form, fit: Fit) -> np.ndarray:
    r"""``(n_prompts, n_responses)``: the minimiser, or limit, with the reference's masses of the source blocks.

    Args:
        form: of a loss of :math:`\rho(u_w-u_l)` (:class:`tabular.losses.forms.OfMargin`).
        fit: with :math:`\rho u` as its strengths; any scalar loss may have been fitted.

    Where nothing joins two blocks, every block keeps the mass the reference gives it, and unlabelled responses their
    probability; otherwise the source blocks keep their masses relative to one another, and the others have none.

    Raises:
        InputError: a response whose token counts differ from pair to pair.

    >>> from tabular import losses
    >>> problem = Problem.from_probabilities([0.2, 0.3, 0.5], beta=0.5)
    >>> labels = Preferences.from_pairs([(0, 0, 1, 0.75), (0, 1, 0, 0.25)])
    >>> forward = losses.get("fdpo_forward_kl").form
    >>> policy = log_policy(problem, labels, forward, fit(problem, labels, forward))
    >>> float(np.exp(policy[0, 2]).round(12)), float(np.exp(policy).sum().round(12))
    (0.5, 1.0)
    >>> r = (policy - problem.log_ref)[0]
    >>> (np.exp(-r[1]) - np.exp(-r[0]) - np.log(3) / 0.5).round(9) == 0  # beta (u_0 - u_1) = log 3
    np.True_
    """
    log_ref, there = problem.log_ref.ravel(), problem.present.ravel()
    label = np.where(there & (fit.rank[fit.block] == 0), fit.block, -1)
    groups = links.grouped(label, _log_masses(problem, label))
    u = fit.strength / form.rate(problem.beta)
    if form.per_token:
        counts = links.token_counts(preferences, problem, form.n_w, form.n_l)
        start = np.zeros(len(log_ref)) if form.reference_free else log_ref
        found = links.policy_by_length(form.link, u, start, counts, groups)
    else:
        found = links.policy(form.link, u, log_ref, groups)
    return found.reshape(problem.log_ref.shape)


def _log_masses(problem, label):
    """Of each group, in the order of their numbers: its reference mass over that of all groups of its prompt."""
    nodes = np.argsort(label, kind="stable")
    nodes = nodes[label[nodes] >= 0]
    prompt = nodes // problem.n_responses
    log_ref = problem.log_ref.ravel()[nodes]
    total = np.full(problem.n_prompts, -np.inf)
    np.logaddexp.at(total, prompt, log_ref)
    start = np.flatnonzero(np.diff(label[nodes], prepend=-1))
    return np.logaddexp.reduceat(log_ref, start) - total[prompt[start]]
