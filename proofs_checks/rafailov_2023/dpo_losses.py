"""The DPO loss: Bradley-Terry in disguise, and the two readings of its labels.

Proof of dpo-bradley-terry. Put s = β log(π/π_ref); then β h = s_w - s_l. Any s is reached, by π ∝ π_ref e^{s/β}. So
the loss is a function of s alone, and its infimum knows neither π_ref nor β.

Proof of dpo-ordered. One pair's loss sp(-βh) has the derivative -βσ(-βh) in δ, negative everywhere: it falls without
end. With several pairs, labels round a cycle do have a minimiser (dpo-solution-set), one label per pair or not.

Proof of dpo-population. With both orders weighted p and 1 - p the derivative of the loss in δ is β(σ(βh) - p),
increasing in δ as its own derivative β² σ(1-σ) is positive. It is 0 at σ(βh) = p; with p = σ(Δr) that is h = Δr/β,
so δ = δ_ref + Δr/β = δ*.
"""

from proofs_checks.kernel import symbolic
from proofs_checks.kernel.arithmetic import exp, log, sigmoid, softplus
from proofs_checks.kernel.search import in_library
from proofs_checks.kernel.statement import Statement, Verdict
from proofs_checks.kernel.symbolic import positive, real
from proofs_checks.own.searches_dpo import SEARCHES
from tabular import Preferences, Problem, dpo


def _improvement(scale=1):
    ref_w, ref_l, beta, z = positive("π_w π_l β Z")
    s_w, s_l = real("s_w s_l")
    policy_w, policy_l = ref_w * exp(s_w / beta) / z, ref_l * exp(s_l / beta) / z
    h = log(policy_w) - log(ref_w) - log(policy_l) + log(ref_l)
    return scale * beta * h - (s_w - s_l)


def _library_disagrees(ref_a, ref_b, s_a, s_b, β, scale=1):
    """Library loss of π ∝ π_ref e^{s/β} on a cycle of three labels, less the Bradley-Terry loss of s."""
    labels = Preferences.from_pairs([(0, 1), (0, 1, 2, 2.0), (0, 2, 0, 3.0)])
    problem = Problem.from_unnormalized([ref_a, ref_b, 0.0], β)
    policy = Problem.from_unnormalized([ref_a + s_a / β, ref_b + s_b / β, 0.0], β).log_ref
    s = (s_a * scale, s_b * scale, 0.0)
    expected = (softplus(s[1] - s[0]) + 2 * softplus(s[2] - s[1]) + 3 * softplus(s[0] - s[2])) / 6
    return abs(dpo.loss(policy, problem, labels) - expected) - 1e-8


def ordered_loss(β, δ_ref, δ):
    """sp(-βh), h = δ - δ_ref: one pair, labelled once."""
    return softplus(-β * (δ - δ_ref))


def ordered_slope(sign=1):
    beta, (delta, delta_ref) = positive("β"), real("δ δ_ref")
    return ordered_loss(beta, delta_ref, delta).diff(delta) + sign * beta * sigmoid(-beta * (delta - delta_ref))


def steepness(sign=1):
    beta, h = positive("β"), real("h")
    return sign * beta * sigmoid(-beta * h)


def _population_slope(swap=False):
    """dL/dδ - β(σ(βh) - p) for labels p : 1-p."""
    beta, (delta, delta_ref, logit) = positive("β"), real("δ δ_ref z")
    p, h = sigmoid(logit), delta - delta_ref
    loss = p * softplus(-beta * h) + (1 - p) * softplus(beta * h)
    return loss.diff(delta) - beta * (sigmoid(beta * h) - (1 - p if swap else p))


def slope_at_optimum(sign=1):
    """The population slope at δ_ref + Δr/β, with p = σ(Δr)."""
    beta, (reward, delta_ref) = positive("β"), real("Δr δ_ref")
    h = (delta_ref + sign * reward / beta) - delta_ref
    return beta * (sigmoid(beta * h) - sigmoid(reward))


def curvature(sign=1):
    """β² σ(1-σ) = β² e^z/(1+e^z)²."""
    beta, z = positive("β"), real("z")
    return sign * beta**2 * exp(z) / (1 + exp(z)) ** 2


def curvature_identity(scale=1):
    """d/dδ β σ(βh) - β² e^z/(1+e^z)² at z = βh."""
    beta, h = positive("β"), real("h")
    slope = beta * sigmoid(beta * h)
    return slope.diff(h) - scale * beta**2 * exp(beta * h) / (1 + exp(beta * h)) ** 2


#: The slope of a pair labelled once, and its sign.
FALLS = (
    symbolic.check("dL/dδ = −β σ(−βh)", ordered_slope, controls={"+": lambda: ordered_slope(sign=-1)}),
    symbolic.positivity_check("β σ(−βh) > 0", steepness, controls={"−": lambda: steepness(sign=-1)}),
)
#: The curvature of a pair labelled either way, and its sign.
CONVEX = (
    symbolic.check(
        "d²L/dδ² = β² σ(1 − σ)", curvature_identity, controls={"doubled": lambda: curvature_identity(scale=2)}
    ),
    symbolic.positivity_check("β² σ(1 − σ) > 0", curvature, controls={"−": lambda: curvature(sign=-1)}),
)
TURNS_AT_OPTIMUM = symbolic.check(
    "the population slope is 0 at δ*", slope_at_optimum, controls={"at δ_ref − Δr/β": lambda: slope_at_optimum(sign=-1)}
)

STATEMENTS = (
    Statement(
        id="dpo-bradley-terry",
        title="Tabular DPO is Bradley–Terry maximum likelihood",
        source="Rafailov et al. 2023, Eq. 7",
        hypotheses="Any labels on any finite responses, β > 0.",
        claim="In s = β log(π/π_ref) the loss is the negative Bradley–Terry log-likelihood of s, per label, so its "
        "infimum depends on neither π_ref nor β.",
        method="Identity β h = s_w − s_l under π ∝ π_ref e^{s/β}, which reaches every s; second route: the library's "
        "loss.",
        conclusion="The reference moves the solution, never the attainable loss.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check("β h = s_w − s_l", _improvement, controls={"2 β h": lambda: _improvement(scale=2)}),
            in_library(
                "the loss is that of s",
                _library_disagrees,
                {"ref_a": (-9, 9), "ref_b": (-9, 9), "s_a": (-5, 5), "s_b": (-5, 5), "β": (0.01, 100)},
                scale=2,
            ),
        ),
    ),
    Statement(
        id="dpo-ordered",
        title="A pair labelled once: its loss always falls in δ",
        source="own derivation, in the file",
        hypotheses="One pair alone, labelled in one order, β > 0.",
        claim="dL/dδ = −β σ(−βh) < 0 for every δ: the loss has no minimiser.",
        method="Identity for the derivative; its sign by the rules of sign.",
        conclusion="The empirical loss pushes δ up whatever δ* is; only labels round a cycle can stop it "
        "(dpo-solution-set).",
        expected=Verdict.PROVED,
        checks=(
            *FALLS,
            SEARCHES["dpo-ordered"],
        ),
    ),
    Statement(
        id="dpo-population",
        title="With Bradley–Terry labels the loss is least at δ*",
        source="Rafailov et al. 2023",
        hypotheses="One pair labelled both ways with rates σ(±Δr), β > 0.",
        claim="The only minimiser is δ = δ_ref + Δr/β = δ*, for either sign of δ*.",
        method="Derivative β(σ(βh) − p) as an identity, zero at δ*, increasing because its derivative is positive.",
        conclusion="On population labels DPO and RLHF share their optimum, misranked or not.",
        expected=Verdict.PROVED,
        checks=(
            symbolic.check(
                "dL/dδ = β(σ(βh) − p)", _population_slope, controls={"p swapped": lambda: _population_slope(swap=True)}
            ),
            TURNS_AT_OPTIMUM,
            *CONVEX,
            SEARCHES["dpo-population"],
        ),
    ),
)
