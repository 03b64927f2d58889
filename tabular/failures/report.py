"""The listing of every failure mode, pair by pair."""

from collections import Counter
from dataclasses import field

import numpy as np

from tabular.base import drawings, plain
from tabular.base.nouns import takes_nouns
from tabular.base.one_thread import one_thread
from tabular.base.record import Record
from tabular.failures.any_listing import LossListing
from tabular.failures.kinds import Finding, Kind
from tabular.failures.listing import Listing
from tabular.failures.partial_listing import PartialListing
from tabular.losses.loss import Loss
from tabular.preferences import Preferences
from tabular.problem import Problem
from tabular.status import Status

__all__ = ["FailureReport", "Row", "find"]


class Row(Record):
    """One labelled pair.

    Attributes:
        pair, prompt, winner, loser: positions, counted from 0; share: of the mean loss.
        delta_ref, delta_dpo, delta_rlhf: log-ratios in nats at the reference, where the DPO loss is least (+-inf in the
            limit, nan where free), and at the RLHF optimum (``None`` without a reward).
        threshold: v_i in nats: mean loss below it ranks the pair correctly; status: whether it is attained.
        multiplier: minus the derivative of v_i with respect to the bound on delta; 0 where the bound is slack.
        log_policy: ``(n_prompts, n_responses)`` with delta <= 0 at loss v_i, or within e^-40 of it.
        findings: of every kind, with the reason.
    """

    pair: int
    prompt: int
    winner: int
    loser: int
    share: float
    delta_ref: float
    delta_dpo: float
    delta_rlhf: float | None
    threshold: float
    status: Status
    multiplier: float
    findings: dict[Kind, Finding]
    _listing: Listing | LossListing

    shown = (
        "pair",
        "kinds",
        "prompt",
        "winner",
        "loser",
        "delta_ref",
        "delta_dpo",
        "delta_rlhf",
        "threshold",
        "status",
        "multiplier",
    )

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of failure that apply."""
        return tuple(kind for kind, finding in self.findings.items() if finding.occurs)

    @property
    def log_policy(self) -> np.ndarray:
        return self._listing.found.witness(self.pair)

    def _compared(self):
        own = {name: value for name, value in super()._compared().items() if name != "_listing"}
        return own | _asked(self._listing)

    def to_dict(self) -> dict:
        """The problem, its labels and the pair: :meth:`from_dict` computes the row anew."""
        return {"is": plain.name(type(self)), **plain.entries(_asked(self._listing)), "pair": self.pair}

    @classmethod
    def _from_plain(cls, data):
        asked = plain.fields_of(data, ("problem", "preferences", "loss", "pair"))
        return find(asked["problem"], asked["preferences"], asked["loss"]).rows[asked["pair"]]

    def readable(self) -> dict:
        """The row for a reader, as JSON; infinite and undefined log-ratios are written as text."""
        open_one = isinstance(self._listing, PartialListing)
        free = "not known" if open_one else "free"
        delta_dpo = self.delta_dpo if np.isfinite(self.delta_dpo) else _LIMIT.get(self.delta_dpo, free)
        return {
            "pair": self.pair,
            "prompt": self.prompt,
            "winner": self.winner,
            "loser": self.loser,
            "share": self.share,
            "delta_ref": self.delta_ref,
            "delta_dpo": delta_dpo,
            "delta_rlhf": self.delta_rlhf,
            "threshold": "not known" if open_one else _LIMIT.get(self.threshold, self.threshold),
            "threshold_status": self.status.value,
            "multiplier": None if open_one else self.multiplier,
            "kinds": [kind.value for kind in self.kinds],
            "findings": {kind.value: finding.readable() for kind, finding in self.findings.items()},
        }


_LIMIT = {np.inf: "+inf", -np.inf: "-inf"}


class FailureReport(Record):
    """The failures of a problem and its labels.

    Attributes:
        rows: one for each label, in order.
        reference_loss, infimum: of the mean loss, in nats.
        problem, preferences, loss: what they are the failures of; ``None`` is the DPO loss.
    """

    rows: tuple[Row, ...]
    reference_loss: float
    infimum: float
    problem: Problem = field(repr=False)
    preferences: Preferences = field(repr=False)
    loss: Loss | None = field(repr=False, default=None)

    shown = ("n_failing", "n_pairs", "reference_loss", "infimum", "loss")

    @property
    def n_pairs(self) -> int:
        return len(self.rows)

    @property
    def n_failing(self) -> int:
        """How many pairs some kind of failure applies to."""
        return sum(bool(row.kinds) for row in self.rows)

    def picture(self) -> str:
        """A row of squares a pair, full where the kind of failure applies, a dash where that cannot be said."""
        kinds = [kind.value.replace("_", " ") for kind in Kind]
        filled = [[row.findings[kind].occurs for kind in Kind] for row in self.rows]
        return drawings.cells([str(row.pair) for row in self.rows], kinds, filled, "kinds of failure, one row a pair")

    def to_dict(self) -> dict:
        """The problem and its labels, from which :meth:`from_dict` computes the report anew, and the rows to read."""
        asked = {"problem": self.problem, "preferences": self.preferences, "loss": self.loss}
        return {"is": plain.name(type(self)), **plain.entries(asked), "rows": self.to_dicts()}

    @classmethod
    def _from_plain(cls, data):
        return find(**plain.fields_of(data, ("problem", "preferences", "loss")))

    def to_dicts(self) -> list[dict]:
        """One plain JSON dictionary for each pair."""
        return [row.readable() for row in self.rows]

    def counts(self) -> dict[Kind, int]:
        """How many pairs each kind applies to."""
        seen = Counter(kind for row in self.rows for kind in row.kinds)
        return {kind: seen[kind] for kind in Kind}

    def summary(self) -> str:
        """A table to print: a line for each pair, then a line for each kind."""
        head = ("pair", "prompt", "w > l", "delta_ref", "delta_dpo", "delta_rlhf", "threshold", "fails by")
        lines = [head] + [_line(row) for row in self.rows]
        width = [max(len(line[k]) for line in lines) for k in range(len(head) - 1)]
        table = ["  ".join([*(c.rjust(w) for c, w in zip(line[:-1], width, strict=True)), line[-1]]) for line in lines]
        counts = [f"{n:6d}  {kind.value.replace('_', ' ')}" for kind, n in self.counts().items()]
        levels = f"loss of the reference {self.reference_loss:.6f}, infimum {self.infimum:.6f} nats"
        return "\n".join([*table, "", f"{len(self.rows)} pairs; {levels}", *counts])


def _line(row):
    kinds = ", ".join(kind.value.replace("_", " ") for kind in row.kinds) or "nothing"
    numbers = (row.delta_ref, row.delta_dpo, row.delta_rlhf, row.threshold)
    shown = ("-" if x is None else "free" if np.isnan(x) else f"{x:.4f}" for x in numbers)
    return (str(row.pair), str(row.prompt), f"{row.winner} > {row.loser}", *shown, kinds)


@takes_nouns
@one_thread
def find(problem: Problem, preferences: Preferences, loss: Loss | None = None) -> FailureReport:
    """Each kind of failure of each labelled pair: a policy that shows it, why it cannot occur, or why that is open.

    Under a ``loss`` of :mod:`tabular.losses` other than DPO "the optimum" is that loss's, and no remedies are listed.
    Where it is not convex and of differences no threshold is known (nan), the optimum counts where it is certified and
    one policy, and what cannot be said is ``None``. A label of weight 0 is a pair that is only asked about: it carries
    no loss, the others may leave it open.

    Raises:
        InputError: labels that the problem does not have, a loss of a batch.

    >>> problem = Problem.from_probabilities([0.2, 0.8], beta=0.5, reward=[1, 0])
    >>> report = find(problem, Preferences.from_pairs([(0, 1)]))
    >>> report.rows[0].findings[Kind.CHOSEN_PROBABILITY_FALLS].why
    'with two responses and nothing else to gain, the loss falls only as the chosen probability grows'
    >>> print(report.summary().splitlines()[1])
       0       0  0 > 1    -1.3863        inf      0.6137     0.4055  pessimistic reference, loss falls while inverted
    """
    dpo = loss is None or loss.name == "dpo"
    if dpo:
        listing = Listing(problem, preferences)
    else:
        exact = loss.kind == "difference" and loss.convex and not loss.batch
        listing = (LossListing if exact else PartialListing)(problem, preferences, loss)
    rows = tuple(_row(listing, pair) for pair in range(preferences.n_pairs))
    return FailureReport(rows, float(listing.start), float(listing.at.value), problem, preferences, loss)


def _asked(listing):
    return {"problem": listing.problem, "preferences": listing.preferences, "loss": getattr(listing, "loss", None)}


def _row(listing, pair):
    preferences, found = listing.preferences, listing.found
    return Row(
        pair=pair,
        prompt=int(preferences.prompt[pair]),
        winner=int(preferences.winner[pair]),
        loser=int(preferences.loser[pair]),
        share=float(np.exp(preferences.log_share[pair])),
        delta_ref=float(listing.delta_ref[pair]),
        delta_dpo=float(listing.at.delta[pair]),
        delta_rlhf=None if listing.delta_rlhf is None else float(listing.delta_rlhf[pair]),
        threshold=float(found.value[pair]),
        status=found.status(pair),
        multiplier=float(found.multiplier[pair]),
        findings={kind: listing.finding(kind, pair) for kind in Kind},
        _listing=listing,
    )
