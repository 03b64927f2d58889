r"""How far is a point from the fit of a block, at most? A bound that any spanning tree proves.

Let b be the pushes left at the nodes, H the Hessian, u the way from s to the optimum,
:math:`q^2=u^{\mathsf T}Hu` and :math:`\lambda^2=b^{\mathsf T}H^+b`. A flow that delivers b along a spanning tree of
labels, :math:`F_t` through label t of curvature :math:`c_t`, shows :math:`\lambda^2\le\sum_tF_t^2/c_t` (Thomson's
principle). As :math:`c_t(u_w-u_l)^2\le q^2`, no label's margin changes by more than :math:`R\le qK` along u,
:math:`K=\sum_tc_t^{-1/2}`. Along u curvatures fall by at most :math:`e^{-R}` (Bach 2010, Prop. 1; see
:mod:`tabular.fits.block_solvers`), so

.. math:: \lambda q\ge b^{\mathsf T}u\ge q^2\,(1-e^{-R})/R\ge\frac qK(1-e^{-R}).

If :math:`\lambda K\le1/2`, then :math:`1-e^{-R}\le1/2`, so :math:`R\le\log2` and :math:`(1-e^{-R})/R\ge0.72`: hence
:math:`q\le1.4\lambda`, and the loss is above its least by at most :math:`b^{\mathsf T}u\le1.4\lambda^2`. ∎

**The loss alone** needs no K. Label e pushes with :math:`y_e=w_ep_e,\ p_e=\sigma(-h_e)`. Where every
:math:`|F_t|\le c_t=w_tp_t(1-p_t)`, the pushes :math:`y'=y-F` lie between 0 and the weights, and as much arrives at each
node as leaves: a circulation, whose :math:`\Phi` (:mod:`tabular.failures.least_cost`) is at most the least loss. The
loss at s is above it by :math:`\sum_tw_tD(h_t,h'_t)`, of which each D is the relative entropy of the shares
:math:`p'_t` from :math:`p_t`, at most :math:`(p'_t-p_t)^2/(p_t(1-p_t))`: by :math:`\sum_tF_t^2/c_t` at most, however
soft a direction is and however far its end. Labels outside the tree may change their shares, too: to 0, or to 1, at a
cost of :math:`-w_e\log(1-p_e)`, or :math:`-w_e\log p_e`. ∎
"""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

__all__ = ["Tree", "distance"]


class Tree:
    """The spanning tree of largest curvatures, from a node of a connected block; of several, from a node of each.

    Attributes:
        label: of each node but the roots, the label that leads towards it, -1 for others: nodes that are not connected.
        order, above: nodes from the roots outwards, and the node before each.
        reached: mask of the nodes that are connected to a root.
    """

    def __init__(self, n_nodes, winner, loser, curvature, root):
        order, root = np.argsort(-curvature), np.atleast_1d(root)
        place = np.r_[np.arange(1.0, len(order) + 1), np.full(len(root), len(order) + 1.0)]
        ends = np.r_[winner[order], root], np.r_[loser[order], np.full(len(root), n_nodes)]  # a node above all roots
        graph = coo_array((place, ends), shape=(n_nodes + 1, n_nodes + 1))
        graph.has_canonical_format = True  # places of parallel labels are not summed: the most curved joins the tree
        tree = minimum_spanning_tree(graph.tocsr()).tocoo()
        self.order, self.above = breadth_first_order(tree.tocsr(), n_nodes, directed=False)
        self.order, self.n_nodes = self.order[1:], n_nodes
        below = np.where(self.above[tree.col] == tree.row, tree.col, tree.row)
        self.label = np.full(n_nodes + 1, -1)
        self.label[below] = np.r_[order, -1][tree.data.astype(np.int64) - 1]
        self.reached = np.zeros(n_nodes, dtype=bool)
        self.reached[self.order] = True
        self.label = np.where(self.reached, self.label[:-1], -1)

    def delivered(self, push):
        """``F``: what flows through the label of each node when the pushes of all below it are delivered."""
        total, above = [*push.tolist(), 0.0], self.above.tolist()
        for node in self.order[::-1].tolist():
            total[above[node]] += total[node]
        return np.array(total[:-1])

    def cuts(self):
        """``(n_nodes, n_nodes)`` that takes pushes to what is delivered: which nodes are below each."""
        below = np.eye(self.n_nodes + 1)
        for node in self.order[::-1]:
            below[self.above[node]] += below[node]
        return below[:-1, :-1]


def distance(delivered, curvature):
    r"""The bound on lambda, K, and the largest F/c, from F and c of the labels of a tree, the first axis.

    >>> winner, loser, c = np.array([0, 1, 0]), np.array([1, 2, 2]), np.array([4.0, 1.0, 0.5])
    >>> tree = Tree(3, winner, loser, c, root=0)
    >>> flow = tree.delivered(np.array([0.3, -0.2, -0.1]))
    >>> lam, K, share = distance(flow[1:], c[tree.label[1:]])
    >>> lam.round(6).item(), K.round(6).item(), share.round(6).item()  # sqrt(.09/4 + .01), 1/2 + 1, .1/1
    (0.180278, 1.5, 0.1)
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        terms = np.where(delivered == 0, 0.0, np.abs(delivered) / np.sqrt(curvature))
        share = np.where(delivered == 0, 0.0, np.abs(delivered) / curvature).max(axis=0, initial=0.0)
        return np.sqrt(np.square(terms).sum(axis=0)), (1 / np.sqrt(curvature)).sum(axis=0), share
