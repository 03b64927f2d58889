"""The report's audit of the real run: each number beside what the trainer's own log says of it."""

from dataclasses import dataclass

from tabular import logs
from tabular.audit import audit

__all__ = ["AuditSection", "section"]


@dataclass(frozen=True)
class AuditSection:
    """A paragraph, and rows (quantity, value, what the trainer's log shows)."""

    story: str
    rows: list[tuple[str, str, str]]


def section(run: str) -> AuditSection:
    """The audit of a stored run at its last checkpoint.

    Raises:
        logs.DataUnavailable: neither the data directory nor the network has the run.
    """
    found = audit(logs.load(run)).to_dict()
    return AuditSection(_story(found), _rows(found))


def _story(found):
    return (
        f"The run {found['source']}: {found['n_pairs']} preference pairs, {found['n_checkpoints']} checkpoints, "
        f"β = {found['beta']:g}, audited after {found['step'][-1]:,} examples on the pairs it was trained on. By what "
        f"trainers log it ends with a loss of {found['loss'][-1]:.2g} nats and "
        f"{100 * found['relative_accuracy'][-1]:.1f} % accuracy; the policy still ranks {found['n_short'][-1]} of "
        f"{found['n_pairs']} pairs the wrong way round."
    )


def _rows(found):
    n = found["n_pairs"]

    def share(value):
        return f"{round(value * n)} of {n} ({100 * value:.1f} %)"

    violating = found["share_violating"]
    return [
        ("Pairs whose reference prefers the rejected response, δ_ref < 0", share(found["share_pessimistic"]), "no"),
        (
            "Pairs that violate Assumption 3.1, δ_ref ≤ −Δr/β",
            "not known: the run has no rewards" if violating is None else share(violating),
            "no",
        ),
        ("Relative accuracy, δ > δ_ref", share(found["relative_accuracy"][-1]), "yes, as rewards/accuracies"),
        ("Absolute accuracy, δ > 0", share(found["absolute_accuracy"][-1]), "no"),
        ("Pairs in the undesirable region U, δ_ref < δ < 0", share(found["share_in_u"][-1]), "no"),
        ("The same at its worst checkpoint", share(max(found["share_in_u"])), "no"),
        ("Log-probability of the chosen response fell", share(found["share_chosen_fell"][-1]), "its mean only"),
        ("Log-probabilities of both responses fell", share(found["share_both_fell"][-1]), "their means only"),
        ("DPO loss (nats)", f"{found['loss'][-1]:.2g}", "yes, as loss"),
        ("Pairs still short of their flip threshold sp(βδ_ref)", f"{found['n_short'][-1]} of {n}", "no"),
        ("Ranked right by every policy of that mean loss", share(found["certified_accuracy"][-1]), "no"),
        ("Pairs of which the mean loss alone says that they are", f"{found['n_certified'][-1]} of {n}", "no"),
    ]
