"""How sure is a share of sampled pairs: Wilson's interval, with prompts as the units where they repeat."""

import numpy as np

__all__ = ["effective", "interval", "wilson"]

_Z = 1.959963984540054  # 97.5 % of the standard normal


def wilson(share, n) -> tuple[float, float]:
    """Wilson's 95 % interval of a share of n independent draws; n need not be whole.

    >>> [round(end, 4) for end in wilson(0.5, 100)], [round(end, 4) for end in wilson(0.0, 20)]
    ([0.4038, 0.5962], [0.0, 0.1611])
    """
    centre = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * np.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    return float(max(centre - half, 0.0)), float(min(centre + half, 1.0))


def effective(hits, cluster=None) -> float:
    """How many independent pairs are worth as much as these: n over the design effect of their prompts.

    The variance of a share of clustered pairs is estimated from the clusters' totals, as for a ratio. Where it is not
    defined (all pairs alike, one prompt) the number of prompts stands in.

    >>> effective([True, True, False, False], [0, 0, 1, 1]), effective([True, False, True, False])
    (1.0, 4.0)
    """
    hits = np.asarray(hits, dtype=float)
    n = len(hits)
    if cluster is None:
        return float(n)
    index = np.unique(np.asarray(cluster), return_inverse=True)[1]
    n_clusters, share = int(index.max()) + 1, hits.mean()
    if n_clusters == n:
        return float(n)
    if n_clusters == 1 or share in (0.0, 1.0):
        return float(n_clusters)
    off = np.bincount(index, hits - share)
    variance = n_clusters / (n_clusters - 1) * np.sum(off**2) / n**2
    return float(np.clip(share * (1 - share) / variance, 1.0, n)) if variance > 0 else float(n)


def interval(hits, cluster=None) -> tuple[float, float]:
    """Wilson's interval of the share of hits, at the effective number of pairs.

    >>> [round(end, 3) for end in interval([True] * 9 + [False])]
    [0.596, 0.982]
    """
    return wilson(float(np.mean(hits)), effective(hits, cluster))
