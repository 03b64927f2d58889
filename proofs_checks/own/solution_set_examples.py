"""Consequences of the solution set: an example in full, an unlabelled response, labels that never differ.

Proof of dpo-set-example. Labels a > b with weight 3/4, b > a with 1/4: the loss is least at β h = log 3, the only
zero of σ(βh) - 3/4. With β = 1/2, π_a/π_b = (π_ref,a/π_ref,b) e^{2 log 3} = (2/3)·9 = 6, and the mass of c is free.

Proof of dpo-deterministic-labels. sp increases, and sp(-βh) = ε at δ = δ_ref - log(e^ε - 1)/β. So a loss below ε has
δ above that: π_l/π_w = e^{-δ} < e^{-δ_ref} (e^ε - 1)^{1/β}.
"""

from fractions import Fraction

from proofs_checks.kernel import ball, symbolic
from proofs_checks.kernel.arithmetic import exp, log, sigmoid, softplus
from proofs_checks.kernel.statement import Check, Control, Finding, Quantifier, Statement, Verdict
from proofs_checks.kernel.symbolic import positive, real
from proofs_checks.own.searches_dpo import SEARCHES
from proofs_checks.rafailov_2023.dpo_losses import ordered_loss


def _escape_loss(order="limit", power=1):
    """sp(-β(log(t/ε) - δ_ref)) = log(1 + e^{βδ_ref} e/t^β) with e = ε^β: its limit as e → 0."""
    import sympy

    e, scale = positive("e c")
    loss = log(1 + scale * e**power)
    return sympy.limit(loss, e, 0, "+") if order == "limit" else loss


def _escape_form(power=1):
    """sp(-β(log(t/ε) - δ_ref)) - log(1 + cε^β), c = e^{βδ_ref}/t^β."""
    beta, t, eps = positive("β t ε")
    delta_ref = real("δ_ref")
    scale = exp(beta * delta_ref) / t**beta
    return ordered_loss(beta, delta_ref, log(t / eps)) - log(1 + scale * eps ** (power * beta))


def _inverse(sign=1):
    """The loss at δ = δ_ref - log(e^ε - 1)/β, less ε; with e^ε = 1 + a."""
    (beta, a), delta_ref = positive("β a"), real("δ_ref")
    return ordered_loss(beta, delta_ref, delta_ref - sign * log(a) / beta) - log(1 + a)


def _rises(sign=1):
    z = real("z")
    return sign * sigmoid(z)


def _odds_vanish(power=1):
    """(e^ε - 1)^{1/β} as ε → 0."""
    import sympy

    eps, inverse_beta = positive("ε b")
    return sympy.limit((exp(eps) - 1) ** (power * inverse_beta), eps, 0, "+")


def _example(odds=6):
    """Loss at (6t, t, 1-7t) less its least value, the entropy of 3/4, with β = 1/2 and π_ref = (.2, .3, .5)."""
    t = positive("t")
    ratio = log(odds * t / t) - log(Fraction(2, 3) + 0 * t)
    p = Fraction(3, 4) + 0 * t
    loss = p * softplus(-ratio / 2) + (1 - p) * softplus(ratio / 2)
    return loss + p * log(p) + (1 - p) * log(1 - p)


def _increasing(sign=1):
    z = real("z")
    return sign * sigmoid(z).diff(z) * (1 + exp(-z)) ** 2


def _printed_minimum(value=Fraction(5623351446, 10**10)):
    p = ball.number(Fraction(3, 4))
    entropy = -(p * p.log()) - (1 - p) * (1 - p).log()
    close = abs(entropy - value) < Fraction(1, 2 * 10**10)
    return Finding(close, f"{entropy}", witness="min loss = H(3/4)")


STATEMENTS = (
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
        method="Loss log(1 + cε^β) with c = e^{βδ_ref}/t^β, an identity, and its limit; the loss is positive "
        "everywhere, so 0 is its infimum.",
        conclusion="Every split of the mass between w and the unlabelled response is a limit of DPO.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check(
                "loss = log(1 + cε^β)", _escape_form, controls={"log(1 + cε^{2β})": lambda: _escape_form(2)}
            ),
            symbolic.check("limit 0", _escape_loss, controls={"at ε^0": lambda: _escape_loss(power=0)}),
            SEARCHES["dpo-unlabelled-response"],
        ),
    ),
    Statement(
        id="dpo-deterministic-labels",
        title="Deterministic labels drive π_l to 0 whatever β is",
        source="Azar et al. 2310.12036",
        hypotheses="One label w > l, β > 0, loss below ε.",
        claim="π_l/π_w < e^{−δ_ref}(e^ε − 1)^{1/β}, which tends to 0 with ε for every β.",
        method="sp increases, and the loss is ε where the odds are the bound: identity, with e^ε = 1 + a; limit.",
        conclusion="The KL penalty does not regularise DPO when labels never disagree.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check("loss ε at the bound", _inverse, controls={"sign flipped": lambda: _inverse(-1)}),
            symbolic.positivity_check("σ = sp′ > 0", _rises, controls={"−": lambda: _rises(-1)}),
            symbolic.check("(e^ε − 1)^{1/β} → 0", _odds_vanish, controls={"power 0": lambda: _odds_vanish(0)}),
            SEARCHES["dpo-deterministic-labels"],
        ),
    ),
)
