"""Labels that never disagree: the odds of the loser fall to 0 with the loss, whatever β is."""

from fractions import Fraction

from proofs_checks.kernel.arithmetic import exp, log, softplus
from proofs_checks.kernel.evidence import POSITIVE, REAL, Identity
from proofs_checks.kernel.relation import Iff, relation
from proofs_checks.kernel.statement import Form, Origin, Part, Statement, Verdict
from proofs_checks.rafailov_2023.dpo_losses import FALLS
from proofs_checks.spaces.bounds import EXPM1_BELOW
from proofs_checks.spaces.pair import LOSS, pair, β, δ, δ_ref, ε

__all__ = ["STATEMENTS"]

#: The bound in logarithms: log π_l/π_w = −δ against −δ_ref + log(e^ε − 1)/β.
_BOUND = -δ_ref + log(exp(ε) - 1) / β
_BELOW, _ODDS = relation(LOSS, "<", ε), relation(-δ, "<", _BOUND)

STATEMENTS = (
    Statement(
        id="dpo-deterministic-labels",
        title="Deterministic labels drive π_l to 0 whatever β is",
        origin=Origin.READING,
        source="Azar et al. 2310.12036, Section 4.2, made quantitative",
        form=Form(
            pair(β, δ_ref, δ, ε, β=(Fraction(1, 10), 3), δ_ref=(-5, 5), δ=(-5, 5)),
            (),
            claim={
                "log π_l/π_w is below the bound iff the loss is below ε": Iff(_ODDS, _BELOW),
                "the bound falls without end": relation(_BOUND, "<=", -δ_ref + (log(ε) + ε) / β),
            },
            wrong={
                "without the 1": Iff(relation(-δ, "<", -δ_ref + ε / β), _BELOW),
                "with log ε for log(e^ε − 1)": Iff(relation(-δ, "<", -δ_ref + log(ε) / β), _BELOW),
                "below log ε": relation(_BOUND, "<=", -δ_ref + log(ε) / β),
            },
        ),
        parts={
            "log π_l/π_w is below the bound iff the loss is below ε": Part(
                "The loss falls strictly in δ, «dL/dδ = −β σ(−βh)», «β σ(−βh) > 0», and is ε where −δ is the bound: "
                "«loss at the bound», with e^ε = 1 + a.",
                (
                    *FALLS,
                    Identity(
                        "loss at the bound",
                        {"log a": lambda β, d, a: log(a)},
                        lambda β, d, a: softplus(-β * ((d - log(a) / β) - d)),
                        lambda β, d, a: log(1 + a),
                        {"β": POSITIVE, "d": REAL, "a": POSITIVE},
                    ),
                ),
            ),
            "the bound falls without end": Part(
                "e^ε − 1 ≤ ε e^ε: «slope of ε e^ε − (e^ε − 1)» and «ε e^ε > 0», 0 at ε = 0. So π_l/π_w is at most "
                "e^(−δ_ref) (ε e^ε)^(1/β), which falls to 0 with ε for every β.",
                EXPM1_BELOW,
            ),
        },
        conclusion="The KL penalty does not regularise DPO when labels never disagree.",
        expected=Verdict.PROVED,
    ),
)
