"""The report's verdicts on real votes: on how many prompts DPO has a minimiser, and where its mass goes if not."""

from collections import Counter
from dataclasses import dataclass

from tabular import dpo, logs

__all__ = ["BETA", "DATA", "TIES", "VoteSection", "section"]

DATA = "pandalm-human"
TIES = 0.5
BETA = 1.0
_GONE = 1e-9  # probability: a block with less has lost its mass


@dataclass(frozen=True)
class VoteSection:
    """A paragraph, and rows (what, number of prompts, what it means)."""

    story: str
    rows: list[tuple[str, int, str]]


def section() -> VoteSection:
    """The verdict of every prompt of the PandaLM votes, ties counted as half a win each way.

    Raises:
        logs.DataUnavailable: neither the data directory nor the network has the votes.
    """
    votes = logs.load(DATA)
    labels = votes.preferences(TIES)
    rows = dpo.solve(votes.problem(BETA), labels).verdicts()
    outright = votes.preferences(0)
    preferred = set(zip(outright.prompt.tolist(), outright.winner.tolist(), strict=True))
    story = (
        f"Human votes between responses to {len(rows)} prompts ({DATA}), ties counted as half a win each way: "
        f"{labels.n_pairs:,} weighted labels under a uniform reference, β = {BETA:g}. The verdict follows from the "
        "win digraph of each prompt and depends neither on β nor on the reference."
    )
    return VoteSection(story, _rows(rows, preferred))


def _rows(rows, preferred):
    count = Counter(row["status"] for row in rows)
    lost = [row for row in rows if row["status"] == "unattained"]
    ends = [(row["prompt"], _kept(row)) for row in lost if row["mass"] is not None]
    unasked = [any((prompt, y) not in preferred for y in kept) for prompt, kept in ends]
    possible = [
        any(all((row["prompt"], y) not in preferred for y in block) for block in row["sources"]) for row in lost
    ]
    return [
        ("UNIQUE", count["unique"], "every response is tied to every other by a chain of wins: one minimiser"),
        ("SET", count["set"], "groups of responses that no vote compares: a set of minimisers"),
        ("UNATTAINED", count["unattained"], "a group of responses beat another and never lost to it: no minimiser"),
        ("of these, the flow ends on one response", sum(len(kept) == 1 for _, kept in ends), "it takes all the mass"),
        ("the flow ends on several", sum(len(kept) > 1 for _, kept in ends), "the others lose all their mass"),
        ("where the flow ends is not decided", len(lost) - len(ends), "theory does not say how tied groups share"),
        ("the flow leaves mass on a response nobody preferred", sum(unasked), "no vote was for it, at best a tie"),
        ("a minimising sequence can put all mass on such responses", sum(possible), "in the limit, at the least loss"),
    ]


def _kept(row):
    """The responses that still have mass at the end of gradient flow."""
    return [y for block, mass in zip(row["sources"], row["mass"], strict=True) if mass > _GONE for y in block]
