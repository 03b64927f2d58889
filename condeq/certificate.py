"""A Coq file that carries the results of a problem file together with their proofs.

The numbers come from our solvers, and nothing that the file claims rests on them. Each theorem speaks of the problem
written at the top of its module, and follows from finitely many inequalities between rationals, their exponentials
and logarithms, which the tactic ``interval`` proves to Coq's kernel.
"""

import numpy as np
from scipy.special import xlog1py, xlogy

from condeq import certificate_projection, certificate_witnesses
from condeq.certificate_problem import (
    GIVEN,
    SLACK,
    Prompt,
    loss,
    prompts,
    rationals,
    rounded,
    sequence,
    term,
)
from condeq.problem_file import ProblemFile
from proofs_checks.kernel.certificates import circulation
from tabular import InputError, Status, cpo, dpo, rlhf

__all__ = ["certificate"]

#: Scores this far apart make the loss of a label between two blocks smaller than SLACK.
_APART = 30


def certificate(source: ProblemFile, name: str, margin: float = 0.0) -> str:
    """The text of the Coq file.

    Args:
        name: what the file will be called.
        margin: m of the hard constraint, in nats, where the file has a reward.

    Raises:
        InputError: a response of reference probability 0; a margin without a reward.
    """
    source.check_margin(margin)
    listed = prompts(source)
    fitted = dpo.solve(source.problem, source.preferences)
    best = None
    if source.problem.reward is not None:
        best = cpo.constrained_optimum(source.problem, source.preferences, margin)
    return "\n".join([_head(name), *(_module(prompt, source, fitted, best, margin) for prompt in listed)])


def _module(prompt, source, fitted, best, margin):
    scores, flow = _scores(prompt, fitted), _flow(prompt, fitted)
    unattained = fitted.statuses[prompt.index] is Status.UNATTAINED
    parts = [
        _problem(prompt),
        _infimum(prompt, scores, flow),
        _unattained(prompt, fitted) if unattained else _attained(flow),
        certificate_witnesses.failure(prompt),
    ]
    if best is not None:
        parts += [
            _rlhf(prompt, source),
            certificate_witnesses.refutation(prompt, scores),
            certificate_projection.optimum(prompt, source, best, margin),
        ]
    body = "\n".join(part for part in parts if part)
    return f"Module Prompt{prompt.index}.\n{body}\nEnd Prompt{prompt.index}.\n"


def _head(name):
    return f"""\
(** Results of a problem file, with their proofs. Each module below is one prompt: the problem, written out, and what
    is proved. Copy proofs_checks/formal to a directory DIR, run "make -f compile.mk" there, and check this one by

      coqc -Q DIR Formal {name}

    Beside Coq, trust definitions.v, definitions_cpo.v and the first section of certificates.v, and your own eyes that
    the problem written here is the one you mean. *)
From Coq Require Import Reals Lra.
From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq choice fintype bigop.
From Interval Require Import Tactic.
From Formal Require Import definitions certificates certificates_cpo.
Open Scope R_scope.
"""


def _problem(prompt: Prompt):
    """The problem, and the few facts about its lists that every theorem asks for."""
    names = ", ".join(f"{y} {prompt.named(y)}" for y in range(prompt.size))
    labels = sequence([f"({winner}%N, {loser}%N, {term(x)})" for winner, loser, x in prompt.labels])
    reward = "" if prompt.reward is None else f"Definition reward := {rationals(prompt.reward)}.\n"
    k = prompt.size
    return f"""\
(** Responses: {names}. Each label has its share of all weights of the file. *)
Definition masses := {sequence(prompt.written)}.
Definition ref : 'I_{k} -> R := normalised (listed masses).
Definition beta := {term(prompt.beta)}.
{reward}Definition labelling := {labels}.
Definition n : 'I_{k} -> 'I_{k} -> R := labels labelling.

Lemma masses_positive : each {k} (fun y => 0 < nth 0 masses y).
Proof. unfold masses; numbers. Qed.
Lemma beta_positive : 0 < beta.
Proof. unfold beta; lra. Qed.
Lemma within_k : within {k} labelling.
Proof. exact isT. Qed.
Lemma labels_positive : foldr (fun t P => 0 < t.2 /\\ P) True labelling.
Proof. unfold labelling; numbers. Qed.
"""


def _scores(prompt, fitted):
    """beta log(pi / pi_ref) of a policy whose loss is all but the infimum."""
    row = float(prompt.beta) * fitted.log_ratio[prompt.index] + _APART * fitted.recession[prompt.index]
    return [rounded(x) for x in row[: prompt.size]]


def _flow(prompt, fitted):
    """Each label's share of its weight, a flow conserved at every response; None on labels between blocks."""
    block = {y: number for number, block in enumerate(fitted.blocks[prompt.index]) for y in block.tolist()}
    inside = [block[winner] == block[loser] for winner, loser, _ in prompt.labels]
    inner = [label for label, kept in zip(prompt.labels, inside, strict=True) if kept]
    scores = [rounded(float(prompt.beta) * x) for x in fitted.log_ratio[prompt.index][: prompt.size]]
    found = circulation(inner, scores) if inner else []
    if min(found, default=1) <= 0:
        raise InputError(
            f"prompts[{prompt.index}] has labels so far apart that what balances them is below the floating-point "
            "numbers: a certificate needs weights that are less so"
        )
    flow = iter(found)
    return [next(flow) / label[2] if kept else None for label, kept in zip(prompt.labels, inside, strict=True)]


def _shares(flow):
    return sequence(["None" if q is None else f"Some ({term(q)})" for q in flow])


def _entropy(prompt, flow):
    inner = [(float(q), float(x)) for q, (_, _, x) in zip(flow, prompt.labels, strict=True) if q is not None]
    return sum(-x * float(xlogy(q, q) + xlog1py(1 - q, -q)) for q, x in inner)


def _infimum(prompt, scores, flow):
    low = rounded(_entropy(prompt, flow) - SLACK, 15)
    high = rounded(loss(prompt, scores) + SLACK, 15)
    return f"""\
(** The infimum of the DPO loss over policies of full support, from both sides. *)
Theorem dpo_infimum : exists v, infimum full (dpo_loss ref beta n) v /\\ {term(low)} <= v <= {term(high)}.
Proof.
apply: (certified_infimum {GIVEN} labels_positive
  (qs := {_shares(flow)})
  (s := {rationals(scores)})) => //; unfold labelling; numbers.
Qed.
"""


def _attained(flow):
    return f"""\
(** It is attained: a conserved flow is positive on every label. *)
Theorem dpo_attained : exists p, minimises full (dpo_loss ref beta n) p.
Proof.
apply: (certified_attained {GIVEN} labels_positive
  (qs := {_shares(flow)})) => //; unfold labelling; numbers.
Qed.
"""


def _unattained(prompt, fitted):
    """Cut at a level of the recession direction that some label falls from."""
    height = fitted.recession[prompt.index][: prompt.size]
    level = max(height[loser] for winner, loser, _ in prompt.labels if height[winner] > height[loser])
    side = ["true" if x > level else "false" for x in height]
    return f"""\
(** It is not attained: a label leaves a set of responses that none enters, and raising that set lowers the loss for
    ever. *)
Theorem dpo_unattained : ~ exists p, minimises full (dpo_loss ref beta n) p.
Proof.
apply: (certified_unattained {GIVEN} labels_positive
  (side := {sequence(side)})); unfold labelling; numbers.
Qed.
"""


def _rlhf(prompt, source):
    policy = np.exp(rlhf.optimal_policy(source.problem)[prompt.index][: prompt.size])
    value = float(rlhf.value(source.problem)[prompt.index])
    low, high = (rounded(value + sign * SLACK * max(1.0, abs(value)), 15) for sign in (-1, 1))
    return f"""\
(** The RLHF optimum and its value, within an error. *)
Definition optimum := {rationals(map(rounded, policy))}.
Theorem rlhf_optimum :
  only_maximiser policy (J ref (listed reward) beta) (pi_star ref (listed reward) beta) /\\
  (forall y, Rabs (pi_star ref (listed reward) beta y - listed optimum y) <= {term(rounded(SLACK, 1))}) /\\
  {term(low)} <= V ref (listed reward) beta <= {term(high)}.
Proof.
apply: (certified_rlhf masses_positive isT beta_positive); unfold masses, reward, beta, optimum; numbers.
Qed.
"""
