"""The kinds of failure, and the policies that show them."""

from dataclasses import field
from enum import Enum

import numpy as np

from tabular import dpo
from tabular.base.record import Record
from tabular.failures.remedies import Remedy
from tabular.losses.loss import Loss
from tabular.losses.mean import mean
from tabular.preferences import Preferences
from tabular.problem import Problem

__all__ = ["Finding", "Kind", "Witness"]


class Kind(Enum):
    """What can go wrong with a labelled pair (w, l)."""

    PESSIMISTIC_REFERENCE = "pessimistic_reference"  #: delta_ref < 0: the region U of Def. 3.3 is not empty
    ASSUMPTION_VIOLATED = "assumption_violated"  #: delta* <= 0 at the RLHF optimum (Assumption 3.1, as transcribed)
    DPO_OPTIMUM_INVERTED = "dpo_optimum_inverted"  #: delta <= 0 wherever the DPO loss is least
    INVERTED_SOMEWHERE_IN_THE_SET = "inverted_somewhere_in_the_set"  #: delta <= 0 at some of its minimisers only
    LOSS_FALLS_WHILE_INVERTED = "loss_falls_while_inverted"  #: a policy with less loss than the reference has delta < 0
    CHOSEN_PROBABILITY_FALLS = "chosen_probability_falls"  #: one with less loss has a smaller pi(w)
    MASS_TO_UNLABELLED = "mass_to_unlabelled"  #: one with less loss has more mass on responses that no label names
    CONTRADICTORY_LABELS = "contradictory_labels"  #: the label lies on a cycle: no policy agrees with all of it


class Witness(Record):
    """A policy that shows a failure of one pair.

    Attributes:
        pair: the label; row: ``(n_responses,)`` log-policy of its prompt.
        elsewhere: where the other prompts are: at the "reference", the "rlhf_optimum", "near_optimum" of the loss, or
            "as_given" in ``others``.
    """

    pair: int
    row: np.ndarray
    elsewhere: str
    problem: Problem = field(repr=False)
    preferences: Preferences = field(repr=False)
    others: np.ndarray = field(repr=False)
    under: Loss | None = field(repr=False, default=None)

    @property
    def log_policy(self) -> np.ndarray:
        """The whole policy, ``(n_prompts, n_responses)``, as :func:`tabular.dpo.loss` takes it."""
        policy = self.others.copy()
        policy[self.preferences.prompt[self.pair]] = self.row
        return policy

    @property
    def loss(self) -> float:
        """Its mean loss in nats: DPO's, or that of the loss ``under`` which it was listed."""
        if self.under is not None:
            return mean(self.log_policy, self.problem, self.preferences, self.under)
        return dpo.loss(self.log_policy, self.problem, self.preferences)

    @property
    def delta(self) -> float:
        """Its log-ratio on the pair, in nats."""
        return float(self.row[self.preferences.winner[self.pair]] - self.row[self.preferences.loser[self.pair]])

    def readable(self) -> dict:
        """Its numbers for a reader, as JSON; ``None`` is the log-probability of a response that is not there."""
        row = [float(p) if np.isfinite(p) else None for p in self.row]
        return {"log_policy": row, "elsewhere": self.elsewhere, "loss": self.loss, "delta": self.delta}


class Finding(Record):
    """Whether one kind of failure applies to one pair.

    Attributes:
        occurs: ``None`` where it cannot be said: no reward, or a search that found no policy and proves nothing.
        why: one sentence, for each answer.
        witness: a policy that shows it, where it occurs.
        cycle: responses r0 > r1 > ... > r0 of a contradiction, by label.
        remedies: where it occurs, by name: "beta", "hypo", "eq17", "hard_constraint".
    """

    occurs: bool | None
    why: str
    witness: Witness | None = None
    cycle: tuple[int, ...] = ()
    remedies: dict[str, Remedy] = field(default_factory=dict)

    def readable(self) -> dict:
        """What was found, for a reader, as JSON."""
        return {
            "occurs": self.occurs,
            "why": self.why,
            "witness": self.witness.readable() if self.witness else None,
            "cycle": list(self.cycle),
            "remedies": {name: remedy.readable() for name, remedy in self.remedies.items()},
        }
