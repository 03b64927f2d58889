"""Instances at the edge of a premise: where a claim "A if B" breaks first when its threshold is slightly wrong.

A wrong threshold leaves a thin set of violations, between its own edge and the true one, that drawing at random misses.
It lies along the edge of the premise: between an instance that meets the premise and one that does not, halving finds
where the premise begins.
"""

import numpy as np

from proofs_checks.kernel.relation import Condition, Implies, Not, Relation

__all__ = ["edges"]

_PAIRS = 2  # of instances between which an edge is looked for
_HALVINGS = 25  # of the way between two instances: 3e-8 of it is left


def edges(instances, given: tuple[Condition, ...], claim: Condition, values, answers) -> list[list]:
    """Answers that just meet the premise of ``claim``, near those of a batch that come closest to its edge.

    >>> import sympy
    >>> from proofs_checks.kernel.instances import Numbers
    >>> from proofs_checks.kernel.relation import relation
    >>> x = sympy.Symbol("x", real=True)
    >>> line = Numbers({x: (0, 9)})
    >>> above = Implies(relation(x, ">", sympy.sqrt(2)), relation(x, ">", 2))
    >>> values, answers = line.draw(np.random.default_rng(0), 50)
    >>> [round(float(answer[-1]), 6) for (answer,) in edges(line, (), above, values, answers)][:1]
    [1.414214]
    """
    if not (isinstance(claim, Implies) and _has_edge(claim.premise)):
        return []

    allowed = [condition.satisfied(values) > 0 for condition in given]
    try:
        depth = np.broadcast_to(np.asarray(claim.premise.satisfied(values), float), len(answers))
    except ArithmeticError:
        return []
    depth = np.where(np.all([np.broadcast_to(met, len(answers)) for met in allowed], axis=0), depth, 0.0)
    ordered = np.argsort(np.abs(depth), kind="stable")
    inner, outer = ([answers[k] for k in ordered if side[k]] for side in (depth > 0, depth < 0))
    found = []
    for start in inner[:_PAIRS]:
        end = next((end for end in outer if _shape(end) == _shape(start)), None)
        if end is not None:
            found.append(_edge(instances, given, claim.premise, start, end))
    return found


def _has_edge(premise):
    """An equality has none: what nearly meets it does not."""
    inner = premise.condition if isinstance(premise, Not) else premise
    return not (isinstance(inner, Relation) and inner.op in ("=", "!="))


def _shape(answers):
    """What has to agree for one instance to be moved towards another: how many numbers it has, and where."""
    return [kind for kind, *_ in answers]


def _edge(instances, given, premise, start, end):
    """The last answers on the way from ``start`` to ``end`` that were seen to meet every hypothesis and the premise."""
    last, near, far = start, 0.0, 1.0
    for _ in range(_HALVINGS):
        share = (near + far) / 2
        values, (answers,) = instances.replay([_between(a, b, share) for a, b in zip(start, end, strict=True)])
        if all(np.all(condition.satisfied(values) > 0) for condition in (*given, premise)):
            last, near = answers, share
        else:
            far = share
    return last


def _between(start, end, share):
    kind, _, _, value = start
    return value if kind != "number" else float(value) + share * (float(end[3]) - float(value))
