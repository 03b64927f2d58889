"""The set of all DPO solutions, for any labels (theorem and proof in tabular/dpo_solution.py).

The checks prove single instances rigorously: the infimum is enclosed between the loss inside the blocks and a
conserved flow (certificates.py), the block numbers certify that a label between blocks costs nothing in the limit.
All 63 sets of labels on three responses are gone through, and random weighted ones on up to six.

Proof of dpo-set-example. Labels a > b with weight 3/4, b > a with 1/4: the loss is least at β h = log 3, the only
zero of σ(βh) - 3/4. With β = 1/2, π_a/π_b = (π_ref,a/π_ref,b) e^{2 log 3} = (2/3)·9 = 6, and the mass of c is free.
"""

import itertools
from fractions import Fraction

import numpy as np

from proofs_checks import symbolic
from proofs_checks.arithmetic import exp, log, sigmoid, softplus
from proofs_checks.searches_dpo import SEARCHES
from proofs_checks.statement import Check, Control, Finding, Quantifier, Statement, Verdict
from proofs_checks.symbolic import positive
from tabular import Preferences, Problem, Status, dpo

_TOLERANCE = 1e-10


def _all_label_sets():
    """Every non-empty set of ordered pairs of three responses, one label each."""
    pairs = list(itertools.permutations(range(3), 2))
    for size in range(1, 7):
        for chosen in itertools.combinations(pairs, size):
            yield 3, [(win, lose, Fraction(1)) for win, lose in chosen]


def _random_label_sets(count=40):
    rng = np.random.default_rng(1)
    for _ in range(count):
        n = int(rng.integers(3, 7))
        labels = [tuple(rng.choice(n, 2, replace=False)) for _ in range(rng.integers(2, 9))]
        yield n, [(int(win), int(lose), Fraction(int(rng.integers(1, 20)), 4)) for win, lose in labels]


def _library(n, labels):
    problem = Problem.from_unnormalized(np.zeros(n), 0.5)
    return dpo.solve(problem, Preferences.from_pairs([(0, win, lose, float(weight)) for win, lose, weight in labels]))


def _infimum_error(n, labels, shift=0.0):
    """How far the library's infimum may be from the true one, rigorously, per label weight."""
    from proofs_checks.certificates import bradley_terry_gap

    solution, total = _library(n, labels), float(sum(weight for *_, weight in labels))
    loss, bound = bradley_terry_gap(labels, solution.fit.strength, solution.fit.block)
    low, high = float(bound.lo) / total, float(loss.hi) / total
    return max(abs(solution.infimum + shift - low), abs(solution.infimum + shift - high))


def _infima(cases, shift=0.0):
    def run():
        errors = [_infimum_error(n, labels, shift) for n, labels in cases()]
        worst = max(errors)
        return Finding(worst < _TOLERANCE, f"{len(errors)} label sets, infimum enclosed", worst)

    return run


def _attained(labels):
    """Straight from the definition: every label lies on a cycle of labels."""
    wins = {(win, lose) for win, lose, _ in labels}
    nodes = range(1 + max(max(pair) for pair in wins))
    for k, i, j in itertools.product(nodes, nodes, nodes):
        if (i, k) in wins and (k, j) in wins:
            wins.add((i, j))
    return all((lose, win) in wins for win, lose, _ in labels)


def _labelled_both_ways(labels):
    """A wrong rule: some pair is labelled in both orders."""
    wins = {(win, lose) for win, lose, _ in labels}
    return any(pair[::-1] in wins for pair in wins)


def _statuses(cases, rule=_attained):
    def run():
        known = [(labels, _library(n, labels).status is not Status.UNATTAINED) for n, labels in cases()]
        wrongly = [labels for labels, attained in known if attained != rule(labels)]
        return Finding(not wrongly, f"{len(known)} label sets", witness=str(wrongly[0]) if wrongly else None)

    return run


def _escape_loss(order="limit", power=1):
    """sp(-β(log(t/ε) - δ_ref)) = log(1 + e^{βδ_ref} e/t^β) with e = ε^β: its limit as e → 0."""
    import sympy

    e, scale = positive("e c")
    loss = log(1 + scale * e**power)
    return sympy.limit(loss, e, 0, "+") if order == "limit" else loss


def _inverse(sign=1):
    """sp(-βh) at βh = -log(e^ε - 1), less ε; with e^ε = 1 + a."""
    a = positive("a")
    return softplus(sign * log(a)) - log(1 + a)


def _example(odds=6):
    """Loss at (6t, t, 1-7t) less its least value, the entropy of 3/4, with β = 1/2 and π_ref = (.2, .3, .5)."""
    t = positive("t")
    ratio = log(odds * t / t) - log(Fraction(2, 3) + 0 * t)
    p = Fraction(3, 4) + 0 * t
    loss = p * softplus(-ratio / 2) + (1 - p) * softplus(ratio / 2)
    return loss + p * log(p) + (1 - p) * log(1 - p)


def _increasing(sign=1):
    z = symbolic.real("z")
    return sign * sigmoid(z).diff(z) * (1 + exp(-z)) ** 2


def _printed_minimum(value=Fraction(5623351446, 10**10)):
    from proofs_checks.ball import number

    p = number(Fraction(3, 4))
    entropy = -(p * p.log()) - (1 - p) * (1 - p).log()
    close = abs(entropy - value) < Fraction(1, 2 * 10**10)
    return Finding(close, f"{entropy}", witness="min loss = H(3/4)")


def _checks_of(cases, quantifier, corroborates=False):
    return (
        Check(
            "infimum between loss and conserved flow",
            quantifier,
            _infima(cases),
            (Control("1e-9 too high", _infima(cases, 1e-9)),),
            corroborates,
        ),
        Check(
            "attained iff every label lies on a cycle",
            quantifier,
            _statuses(cases),
            (Control("iff some pair is labelled both ways", _statuses(cases, _labelled_both_ways)),),
            corroborates,
        ),
    )


STATEMENTS = (
    Statement(
        id="dpo-solution-set",
        title="The set of all DPO solutions",
        source="own derivation, in tabular/dpo_solution.py",
        hypotheses="Any labels of positive weight on finite responses; blocks are the strongly connected components.",
        claim="inf L is the sum of the blocks' minima. It is attained iff no label joins two blocks; the solutions "
        "are then the "
        "fitted proportions inside blocks with free block masses.",
        method="Random weighted labels on up to six responses: infimum enclosed by loss and dual flow in ball "
        "arithmetic, "
        "existence against the definition.",
        conclusion="Existence is read off the graph; a solver's success message is not evidence.",
        expected=Verdict.SUPPORTED,
        checks=(*_checks_of(_random_label_sets, Quantifier.CASES), SEARCHES["dpo-solution-set"]),
    ),
    Statement(
        id="dpo-solution-set-three",
        title="The same on three responses, all label sets",
        source="own derivation, in tabular/dpo_solution.py",
        hypotheses="Three responses, any of the 63 non-empty sets of labels, one label of weight 1 for each ordered "
        "pair in it.",
        claim="As in dpo-solution-set.",
        method="Exhaustive: infimum enclosed within 10⁻¹⁰ by loss and dual flow in ball arithmetic, for each of the "
        "63.",
        conclusion="On three responses nothing is left to sampling.",
        expected=Verdict.CERTIFIED,
        checks=_checks_of(_all_label_sets, Quantifier.EXHAUSTIVE),
    ),
    Statement(
        id="dpo-set-example",
        title="A solution set in full",
        source="own derivation, in the file",
        hypotheses="π_ref = (.2, .3, .5), β = 1/2, P(a beats b) = 3/4, c unlabelled.",
        claim="The minimisers are (6t, t, 1 − 7t) for 0 < t ≤ 1/7, with loss H(3/4) = .5623351446.",
        method="Identity of the loss along the family; uniqueness of βh because σ increases; the decimals in ball "
        "arithmetic. The end t = 1/7 has π_c = 0: a minimiser among all policies, a limit among softmax policies.",
        conclusion="DPO fixes the odds of a and b and says nothing about c.",
        expected=Verdict.CERTIFIED,
        checks=(
            symbolic.check("loss on the family is H(3/4)", _example, controls={"(5t, t, 1 − 6t)": lambda: _example(5)}),
            symbolic.positivity_check("σ increases", _increasing, controls={"−": lambda: _increasing(-1)}),
            Check(
                "the decimals",
                Quantifier.EXHAUSTIVE,
                _printed_minimum,
                (Control("last digit off by one", lambda: _printed_minimum(Fraction(5623351447, 10**10))),),
            ),
            SEARCHES["dpo-set-example"],
        ),
    ),
    Statement(
        id="dpo-unlabelled-response",
        title="DPO may send mass to a response nobody labelled",
        source="Xu et al. 2404.10719, Theorem 4.1",
        hypotheses="One label w > l, a third response without labels, any β, π_ref > 0, 0 < t < 1.",
        claim="The policies (t, ε, 1 − t − ε) have loss → 0, the infimum, as ε → 0.",
        method="Limit of log(1 + cε^β) with c = e^{βδ_ref}/t^β; the loss is positive everywhere, so 0 is its infimum.",
        conclusion="Every split of the mass between w and the unlabelled response is a limit of DPO.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check("limit 0", _escape_loss, controls={"at ε^0": lambda: _escape_loss(power=0)}),
            SEARCHES["dpo-unlabelled-response"],
        ),
    ),
    Statement(
        id="dpo-deterministic-labels",
        title="Deterministic labels drive π_l to 0 whatever β is",
        source="Azar et al. 2310.12036",
        hypotheses="One label w > l, loss below ε.",
        claim="π_l/π_w < e^{−δ_ref}(e^ε − 1)^{1/β}, which tends to 0 with ε for every β.",
        method="sp is increasing and sp(log a) = log(1 + a): identity, with e^ε = 1 + a.",
        conclusion="The KL penalty does not regularise DPO when labels never disagree.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check("sp(log(e^ε − 1)) = ε", _inverse, controls={"sign flipped": lambda: _inverse(-1)}),
            SEARCHES["dpo-deterministic-labels"],
        ),
    ),
)
