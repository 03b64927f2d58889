"""What trainers log as accuracy, and what it is taken for."""

import numpy as np

from proofs_checks.kernel.arithmetic import log
from proofs_checks.kernel.instances import Instances, named
from proofs_checks.kernel.relation import relation
from proofs_checks.kernel.search import OBJECTS
from proofs_checks.kernel.statement import Form, Origin, Statement, Verdict
from proofs_checks.spaces.pair import h, measured, δ, δ_ref
from proofs_checks.spaces.pairs import difference, logs, mean_loss
from proofs_checks.spaces.problems import log_policy_of, preferences_of, problem, problem_of, weights
from tabular import dpo

__all__ = ["STATEMENTS", "chosen", "chosen_ref", "loss", "margin", "margin_ref"]

_LABEL = [(0, 1, 1)]
chosen, chosen_ref, loss, margin, margin_ref = named("π_w", "π_ref,w", "L(π)", "δ", "δ_ref")


def _with_policy(draw):
    parts = problem(draw, responses=(3, 4), reward=(0, 0))
    return {**parts, "policy": weights(draw, len(parts["ref"]))}


def _share(mass):
    return mass[0] / sum(mass)


_ONE_LABEL = Instances(
    _with_policy,
    "One label w > l among three or more responses, π_ref > 0, β > 0, L the DPO loss; any policy π",
    {
        chosen: lambda policy: _share(policy),
        chosen_ref: lambda ref: _share(ref),
        margin: lambda policy: np.log(float(policy[0]) / float(policy[1])),
        margin_ref: lambda ref: np.log(float(ref[0]) / float(ref[1])),
        loss: lambda policy, ref, reward, β: dpo.loss(
            log_policy_of(policy), problem_of(ref, reward, β), preferences_of(_LABEL)
        ),
    },
    {
        chosen: lambda policy: _share(policy),
        chosen_ref: lambda ref: _share(ref),
        margin: lambda policy: difference(logs(policy), (0, 1)),
        margin_ref: lambda ref: difference(logs(ref), (0, 1)),
        loss: lambda policy, ref, β: mean_loss(ref, β, _LABEL, logs(policy)),
    },
    drawn="3 or 4 responses, weights of π_ref and π from 1/20 to 20, β ∈ [1/10, 5]",
)
_LOGGED = measured(
    "One pair, h = δ − δ_ref its implicit reward over β",
    (δ_ref, δ),
    {h: lambda δ, δ_ref: δ - δ_ref},
    {h: lambda δ, δ_ref: δ - δ_ref},
)

STATEMENTS = (
    Statement(
        id="accuracy-logged",
        title="The logged accuracy is the ranking accuracy",
        origin=Origin.BELIEF,
        source="common reading of the rewards/accuracies that trainers log",
        form=Form(
            _LOGGED,
            (relation(h, ">", 0),),
            claim={"a pair counted as accurate is ranked right": relation(δ, ">", 0)},
            right={
                "it is for a reference that ranks it right": relation(δ, ">", 0) | relation(δ_ref, "<", 0),
                "the policy ranks it better than the reference": relation(δ, ">", δ_ref),
            },
        ),
        conclusion="They differ exactly between δ_ref and 0, which is U for a misaligned reference: report both.",
        expected=Verdict.REFUTED,
        instead=("def-3.3",),
    ),
    Statement(
        id="chosen-falls",
        title="A falling loss raises the chosen probability",
        origin=Origin.BELIEF,
        source="a belief that the literature on likelihood displacement corrects",
        form=Form(
            _ONE_LABEL,
            (relation(loss, "<", log(2)),),
            claim={"it is no lower than the reference's": relation(chosen, ">=", chosen_ref)},
            right={"the odds against l rise": relation(margin, ">", margin_ref)},
            effort=OBJECTS,
        ),
        conclusion="The loss starts at log 2 and sees the odds only: both probabilities may fall.",
        expected=Verdict.REFUTED,
        instead=("flow-third-response",),
    ),
)
