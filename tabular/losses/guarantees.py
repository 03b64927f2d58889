"""What each loss guarantees: one row a loss, one column a property, each cell with the statement behind it.

Statements and their verdicts are ``proofs_checks``' (``condeq check map-convex-holds``); a test holds every cell
against them, so that the map says no more than is proved.
"""

from dataclasses import dataclass
from enum import Enum
from fractions import Fraction

from tabular.base import checks
from tabular.losses.catalogue import ours

__all__ = ["PROPERTIES", "SETTINGS", "Answer", "Cell", "guarantees", "settings"]

#: Property -> what is asked of a loss.
PROPERTIES = {
    "one-way": "a minimum exists when the one label says w > l",
    "any": "a minimum exists whatever the labels",
    "unique": "one optimum on two responses labelled both ways",
    "rlhf": "equals the RLHF optimum under labels at the reward's odds",
    "ranks": "ranks a lone pair right, whatever the reference",
    "target": "never aims at δ < 0 on a misaligned reference",
    "finite": "keeps the ratio of a deterministic label finite",
    "unlabelled": "can leave mass on unlabelled responses",
    "chosen": "never lowers the chosen probability along the flow of one label",
    "bounded": "is bounded below",
    "reference": "does not look at the reference",
    "vote": "an added vote never moves its pair the other way",
    "convex": "is convex in its margin, or in the two log-ratios",
}


class Answer(Enum):
    """What is known of a loss and a property."""

    HOLDS = "holds"
    FAILS = "fails"
    IF = "if"  #: under a condition
    OPEN = "open"  #: nothing is proved here


@dataclass(frozen=True)
class Cell:
    """One answer: the statement behind it, "" where it is open, the condition of an "if", and where it was asked.

    Attributes:
        setting: the parameters of the loss at which the answer was proved, those that the condition names left out;
            of others it says nothing. "" for a loss, or a condition, that leaves none.
    """

    answer: Answer
    statement: str = ""
    condition: str = ""
    setting: str = ""


#: Loss -> the parameters at which its cells speak, unless their condition names others; the rest have no parameters.
SETTINGS: dict[str, dict[str, int | Fraction]] = {
    "cdpo": {"eps": Fraction(1, 10)},
    "rdpo": {"eps": Fraction(1, 10)},
    "ipo_norm": {"n_w": 1, "n_l": 1},
    "slic": {"margin": 1},
    "exo_pair": {"eps": Fraction(1, 10)},
    "odpo": {"offset": Fraction(1, 2)},
    "ecpo": {"gamma": Fraction(1, 10)},
    "simpo": {"n_w": 1, "n_l": 1, "gamma": Fraction(1, 10)},
    "sigmoid_norm": {"n_w": 1, "n_l": 1},
    "discopop": {"tau": Fraction(1, 20)},
    "fdpo_alpha": {"alpha": Fraction(1, 2)},
    "chi_po": {"r_max": 1},
    "kto": {"z0": 0, "l_d": 1, "l_u": 1},
    "bco_pair": {"shift": Fraction(1, 2)},
    "bco_pair_unshifted": {"shift": 0},
    "dpop": {"lam": 1},
    "dpo_sft": {"alpha": 1, "n_w": 1},
    "cpo_xu": {"alpha": 1, "n_w": 1},
    "orpo": {"lam": 1},
}


def settings(loss: str, condition: str = "") -> str:
    """The parameters at which the map speaks of a loss, as text; those that a condition names are left out.

    >>> settings("simpo"), settings("simpo", "n_w ≤ n_l"), settings("dpo")
    ('n_w = 1, n_l = 1, gamma = 1/10', 'gamma = 1/10', '')
    """
    asked = SETTINGS.get(loss, {}).items()
    return ", ".join(f"{name} = {value}" for name, value in asked if _SIGNS.get(name, name) not in condition)


_SIGNS = {"gamma": "γ", "tau": "τ"}
_FITS = "π_ref,w e^(1/(2β)) + π_ref,l e^(−1/(2β)) < 1"
_NEVER = (
    "dpo rdpo hypo odpo ecpo simpo sigmoid_norm discopop fdpo_forward_kl fdpo_js fdpo_alpha chi_po_unclipped "
    "squared_po kto nca_pair bco_pair bco_pair_unshifted apo_zero apo_down dpop dpo_sft cpo_xu orpo"
)
_ALWAYS = "cdpo ipo ipo_norm hinge slic exo_pair chi_po"
_REST = "*"  # all losses that are not named elsewhere
#: Property -> (losses for which it holds, for which it fails, loss -> condition); parameters off their zeros.
_TABLE = {
    "one-way": (_ALWAYS, _NEVER, {"sppo_hard": _FITS}),
    "any": (_ALWAYS, _NEVER, {"sppo_hard": "every response is labelled"}),
    "unique": (
        "dpo cdpo rdpo ipo ipo_norm exo_pair hypo odpo ecpo simpo sigmoid_norm fdpo_forward_kl fdpo_js fdpo_alpha "
        "chi_po_unclipped dpop dpo_sft cpo_xu orpo",
        _REST,
        {},
    ),
    "rlhf": ("dpo", _REST, {"sigmoid_norm": "n_w = n_l = 1"}),
    "ranks": (
        "dpo rdpo hypo odpo ecpo discopop dpop apo_down nca_pair kto apo_zero bco_pair bco_pair_unshifted dpo_sft "
        "cpo_xu orpo fdpo_js chi_po_unclipped slic",
        "cdpo exo_pair ipo ipo_norm hinge chi_po sppo_hard fdpo_forward_kl fdpo_alpha squared_po",
        {"simpo": "n_w ≤ n_l", "sigmoid_norm": "n_w ≤ n_l"},
    ),
    "target": (
        "hypo slic cpo_xu orpo",
        _REST,
        {"ecpo": "γ/β ≥ 1/e", "simpo": "n_w = n_l"},
    ),
    "finite": ("cdpo ipo exo_pair sppo_hard", _REST, {"ipo_norm": "n_w = n_l"}),
    "unlabelled": (
        _REST,
        "kto apo_zero bco_pair bco_pair_unshifted dpo_sft cpo_xu orpo",
        {"nca_pair": "π_ref,w 2^(1/β) < 1", "sppo_hard": _FITS},
    ),
    "chosen": (
        "dpo rdpo hypo odpo ecpo cdpo ipo hinge slic exo_pair dpop dpo_sft cpo_xu chi_po_unclipped chi_po orpo",
        "apo_down fdpo_forward_kl fdpo_alpha squared_po",
        {"discopop": "τ ≥ (1 − log 2)/3"} | dict.fromkeys(("simpo", "sigmoid_norm", "ipo_norm"), "n_w ≤ 2n_l"),
    ),
    "bounded": (_REST, "rdpo", {}),
    "reference": ("slic simpo cpo_xu orpo", _REST, {}),
    "vote": (
        "dpo rdpo hinge slic hypo odpo ecpo simpo sigmoid_norm fdpo_forward_kl fdpo_js fdpo_alpha chi_po_unclipped "
        "dpo_sft cpo_xu",
        "ipo ipo_norm cdpo exo_pair discopop nca_pair sppo_hard",
        {},
    ),
    "convex": (_REST, "exo_pair discopop chi_po squared_po kto apo_zero apo_down orpo", {}),
}


def guarantees(loss: str | None = None) -> dict:
    """The map: {loss: {property: cell}}, or one loss's row; the properties are those of ``PROPERTIES``.

    Losses are asked at :data:`SETTINGS`, unless a condition names the parameter: where one is 0 a loss is often
    another. The twelve without parameters are asked in full. A cell that fails has an exact witness in its statement.

    Raises:
        InputError: a name that is no loss of pairs.

    >>> cell = guarantees("ipo")["finite"]
    >>> cell.answer, cell.statement
    (<Answer.HOLDS: 'holds'>, 'map-finite-holds')
    >>> cell = guarantees("simpo")["ranks"]
    >>> cell.condition, cell.setting
    ('n_w ≤ n_l', 'gamma = 1/10')
    >>> len(guarantees()), len(guarantees()["dpo"])
    (31, 13)
    """
    pairs = [name for name in ours() if not name.startswith("aot")]
    if loss is not None:
        return _row(checks.choice(loss, {name: name for name in pairs}, "loss of pairs named"))
    return {name: _row(name) for name in pairs}


def _row(loss):
    return {name: _cell(name, loss) for name in PROPERTIES}


def _cell(name, loss):
    holds, fails, under = _TABLE[name]
    condition = under.get(loss, "")
    answer = Answer.IF if condition else _plain(loss, holds, fails)
    statement = "" if answer is Answer.OPEN else f"map-{name}-{answer.value}"
    return Cell(answer, statement, condition, settings(loss, condition))


def _plain(loss, holds, fails):
    if loss in holds.split():
        return Answer.HOLDS
    if loss in fails.split():
        return Answer.FAILS
    return {holds: Answer.HOLDS, fails: Answer.FAILS}.get(_REST, Answer.OPEN)
