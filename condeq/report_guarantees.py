"""The report's table of guarantees: what RLHF, DPO and the readings of CPO promise on a problem, and at what price."""

from dataclasses import dataclass
from itertools import groupby

from tabular import Preferences, Problem, guarantees, logs

__all__ = ["COLUMNS", "DATA", "NAMES", "GuaranteeSection", "real", "small"]

DATA = "superhf-rewards"
NAMES = {
    "rlhf": "RLHF",
    "dpo": "DPO",
    "constrained": "CPO, hard constraint π(w) ≥ π(l)",
    "penalized": "CPO, penalised objective (Eq. 10)",
    "reference_margin": "CPO, margin of Eq. 17",
    "code_easy": "released “easy”",
    "code_cpo": "released “cpo”",
    "code_clip": "released “clip”",
}
COLUMNS = (
    "Reading",
    "Optimum?",
    "The numbers describe",
    "Ranked right",
    "Tied",
    "Least δ",
    "Reward given up",
    "KL to π_ref",
    "Price",
)


@dataclass(frozen=True)
class GuaranteeSection:
    """A problem, told in a title and a paragraph, and one row of texts for each different outcome."""

    title: str
    story: str
    rows: list[tuple[str, ...]]


def small() -> list[GuaranteeSection]:
    """Two problems that can be followed by hand."""
    pair = Problem.from_probabilities([0.1, 0.9], beta=0.5, reward=[0.5, 0.0])
    circle = Problem.from_probabilities([0.1, 0.3, 0.6], beta=0.5, reward=[0.5, 0.3, 0.0])
    return [
        GuaranteeSection(
            "One pair, a misaligned reference",
            "π_ref = (0.1, 0.9), Δr = 0.5, one label, β = 0.5, γ = 0.2: inside the window of Theorem 4.9.",
            _rows(pair, Preferences.from_pairs([(0, 1)]), gamma=0.2),
        ),
        GuaranteeSection(
            "Labels in a circle",
            "π_ref = (0.1, 0.3, 0.6), r = (0.5, 0.3, 0), labels a > b three times, b > c twice, c > a once, β = 0.5, "
            "γ = 0.05: every loss has a minimiser, and no policy ranks all labels right.",
            _rows(circle, Preferences.from_pairs([(0, 0, 1, 3), (0, 1, 2, 2), (0, 2, 0, 1)]), gamma=0.05),
        ),
    ]


def real(beta: float = 1.0, gamma: float = 0.001) -> GuaranteeSection:
    """The helpful prompts of the scored responses: every pair labelled by its reward.

    Raises:
        logs.DataUnavailable: neither the data directory nor the network has them.
    """
    problem = logs.load(DATA).problem(set="helpful", pool="base_sft", beta=beta)
    both = Preferences.from_bradley_terry(problem)
    right = problem.reward[both.prompt, both.winner] > problem.reward[both.prompt, both.loser]
    labels = Preferences(both.prompt[right], both.winner[right], both.loser[right])
    return GuaranteeSection(
        "Real rewards",
        f"{problem.n_prompts} prompts of {DATA} (helpful), the reference is the pool of base and fine-tuned "
        f"responses, {labels.n_pairs:,} labels: of any two responses the one with the higher reward. β = {beta:g}, "
        f"γ = {gamma:g}.",
        _rows(problem, labels, gamma),
    )


def _rows(problem, labels, gamma):
    """Readings next to each other with the same outcome share a row."""
    merged = groupby(guarantees.table(problem, labels, gamma), key=_texts)
    return [(", ".join(NAMES[row.reading] for row in same), *texts) for texts, same in merged]


def _texts(row):
    numbers = [_percent(share) for share in (row.ranked_right, row.tied)]
    numbers += [_number(value) for value in (row.worst_margin, row.reward_given_up, row.kl, row.price)]
    return (("yes: " if row.exists else "no: ") + row.status.value.upper(), row.policy, *numbers)


def _percent(value):
    return "" if value is None else f"{100 * value:.1f} %"


def _number(value):
    """Three digits; rounding noise around 0 is 0.

    >>> _number(-1.23456), _number(-1e-16), _number(float("inf"))
    ('−1.23', '0', '∞')
    """
    if value is None:
        return ""
    return f"{0.0 if abs(value) < 1e-12 else value:.3g}".replace("inf", "∞").replace("-", "−")
