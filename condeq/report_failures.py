"""The report's failure lists: the example problems, each pair with what can go wrong and a policy that shows it."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from condeq import examples as files
from condeq import problem_file, show
from tabular import failure_modes

__all__ = ["STORIES", "Example", "Failure", "PairRow", "examples"]

STORIES = {
    "misaligned_pair.yaml": (
        "One pair, a misaligned reference",
        "The reference prefers the wrong response and the reward is too weak to turn the RLHF optimum.",
    ),
    "unlabelled_third.yaml": (
        "A response nobody labelled",
        "DPO has no minimiser here, and a policy with as small a loss as you like may put its mass on the third "
        "response.",
    ),
    "contradictory_labels.json": (
        "Labels in a circle, and a label given both ways",
        "Around a > b > c > a no policy agrees with every label; in the second prompt one voter in ten disagrees.",
    ),
}


@dataclass(frozen=True)
class Failure:
    """One kind of failure that a pair shows: why, a policy that shows it, and what removes it, in words."""

    kind: str
    why: str
    witness: str
    removed_by: list[str]


@dataclass(frozen=True)
class PairRow:
    """A labelled pair: its label, log-ratios and threshold as texts, and its failures."""

    label: str
    delta_ref: str
    delta_rlhf: str
    delta_dpo: str
    threshold: str
    failures: list[Failure]


@dataclass(frozen=True)
class Example:
    """A problem with its failure list."""

    name: str
    title: str
    story: str
    rows: list[PairRow]


def examples() -> list[Example]:
    """The failure lists of the example problems, in reading order."""
    return [_example(file, *told) for file, told in STORIES.items()]


def _example(file, title, story):
    source = problem_file.read(files.DIRECTORY / file)
    found = failure_modes.find(source.problem, source.preferences)
    levels = f" Loss of the reference {_nats(found.reference_loss)}, infimum {_nats(found.infimum)} nats."
    rows = [_row(row, source.names[row["prompt"]]) for row in found.to_dicts()]
    return Example(Path(file).stem, title, f"{story} β = {source.problem.beta:g}.{levels}", rows)


def _row(row, names):
    found = row["findings"]
    return PairRow(
        label=f"{names[row['winner']]} > {names[row['loser']]}",
        delta_ref=_nats(row["delta_ref"]),
        delta_rlhf="no reward" if row["delta_rlhf"] is None else _nats(row["delta_rlhf"]),
        delta_dpo=_nats(row["delta_dpo"]),
        threshold=_nats(row["threshold"]),
        failures=[
            Failure(
                kind.replace("_", " ").replace("dpo", "DPO"),
                _symbols(found[kind]["why"]),
                _witness(found[kind]["witness"], names),
                [_symbols(text) for text in show.remedies(found[kind])],
            )
            for kind in row["kinds"]
        ],
    )


def _nats(value):
    """A number, or a limit given as text."""
    if isinstance(value, str):
        return value.replace("inf", "∞").replace("-", "−")
    return f"{value:.4g}".replace("-", "−")


def _witness(witness, names):
    """The witness policy of the pair's prompt in probabilities, with its loss and log-ratio."""
    if witness is None:
        return ""
    log_policy = [-np.inf if value is None else value for value in witness["log_policy"]]  # padded beyond the names
    policy = ", ".join(f"{name} {_probability(p)}" for name, p in zip(names, log_policy, strict=False))
    return f"{policy}; loss {_nats(witness['loss'])}, δ = {_nats(witness['delta'])}"


def _probability(log_p):
    """Four digits; by its logarithm where it is small, for a probability that is there is never shown as 0.

    >>> _probability(np.log(0.25)), _probability(-24578.4), _probability(-np.inf)
    ('0.25', 'e^(−2.458e+04)', '0')
    """
    if log_p == -np.inf or log_p > np.log(1e-4):
        return f"{np.exp(log_p):.4g}"
    return f"e^({_nats(log_p)})"


_GREEK = {"delta": "δ", "beta": "β", "gamma": "γ", "Dr": "Δr", "pi": "π", "Psi": "Ψ"}
_SIGNS = {"pi*_RLHF": "pi*", "<=": "≤", ">=": "≥"}  # π* is the RLHF optimum


def _symbols(text):
    """The sentences of the mathematics with its symbols.

    >>> _symbols("delta* = delta_ref + Dr/beta = -0.3"), _symbols("pi_w >= e^m pi_l")
    ('δ* = δ_ref + Δr/β = −0.3', 'π_w ≥ e^m π_l')
    """
    for plain, sign in _SIGNS.items():
        text = text.replace(plain, sign)
    greek = re.sub(rf"\b({'|'.join(_GREEK)})(?![a-z])", lambda name: _GREEK[name[1]], text)
    return re.sub(r"(?<=[\s(])-(?=\d|inf)", "−", greek)
