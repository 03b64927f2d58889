"""Three ways to make one policy of conflicting preferences, on the simplex of three responses."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from figures import style, subject
from figures.drawing import Panels, drawing
from figures.table import Table
from tabular import InputError, Preferences, Problem, dpo
from tabular.base import checks
from tabular.choice import matrix, nash, rules
from tabular.choice.votes import wins_of

__all__ = ["TITLE", "caption", "compute", "draw"]

TITLE = "Nash, Borda and Bradley–Terry on three responses"

_CORNERS = np.array([[0.5, np.sqrt(3) / 2], [0.0, 0.0], [1.0, 0.0]])
_LETTERS = "ABC"
_PAIRS = ((0, 1), (0, 2), (1, 2))
_RATES = {
    "winner": (0.58, 0.58, 0.96),
    "cycle": (0.9, 0.2, 0.8),
}
_WORDS = {"winner": "A beats both, barely", "cycle": "A beats B beats C beats A"}
_PATHS = {
    "nash": ("Nash policy, regularised", style.LOOKS["rlhf"].color, "-"),
    "dpo": ("DPO, that is Bradley–Terry", style.LOOKS["dpo"].color, (0, (5, 1.6))),
    "ipo": ("IPO, that is Borda", style.LOOKS["cpo"].color, (0, (1, 1.2))),
}


@dataclass(frozen=True)
class _Game:
    """How often each of three responses is preferred to each, and the reference; pairs that nobody compared."""

    title: str
    rates: np.ndarray
    log_ref: np.ndarray
    names: list[str]
    unseen: list[tuple[int, int]]


def compute(
    *, least: float = 0.02, most: float = 20.0, steps: int = 160, problem: subject.Given | None = None
) -> Table:
    """Three paths from the reference as the price of a nat falls from ``most`` to ``least``.

    ``<game>_<path>_<response>``: probabilities of the regularised Nash policy, of DPO's minimiser (or its limit) and of
    IPO's, every pair compared equally often. ``<game>_<path>_at``: where a problem's β is. Settings hold the rates and
    the end of the Nash path in the limit.

    Args:
        least, most, steps: of the price.
        problem: votes, a preference matrix or labels of your own, three responses a prompt, in the place of the two
            games: from its reference, at the shares of the comparisons won, 1/2 where a pair was never compared.

    Raises:
        InputError: a prompt without three responses, a price that is not above 0.

    >>> table = compute(steps=5)
    >>> bool(table["winner_nash_A"][-1] > 0.9), bool(table["winner_dpo_B"][-1] > 0.9)
    (True, True)
    """
    prices = np.geomspace(checks.number(most, "most"), checks.number(least, "least"), steps)
    games = _two() if problem is None else _own(problem)
    columns, settings = {"price": prices}, {"least": least, "most": most, "games": [game.title for game in games]}
    settings["own"] = problem is not None
    for game in games:
        name = game.title
        for path, chance in _paths(game, prices).items():
            columns |= {f"{name}_{path}_{letter}": chance[:, k] for k, letter in enumerate(_LETTERS)}
        settings[f"rates_{name}"] = [float(game.rates[pair]) for pair in _PAIRS]
        settings[f"limit_{name}"] = np.exp(nash.limit(game.rates, game.log_ref)).tolist()
        settings[f"reference_{name}"] = np.exp(game.log_ref).tolist()
        settings[f"responses_{name}"] = game.names
        settings[f"unseen_{name}"] = game.unseen
    if problem is not None:
        settings["beta"] = float(subject.parts(problem)[0].beta)
        for game in games:
            at = _paths(game, np.array([settings["beta"]]))
            columns |= {f"{game.title}_{path}_at": chance[0] for path, chance in at.items()}
    return Table(columns, settings)


def _two():
    """The two games from the uniform reference."""
    return [_Game(name, _matrix(*rates), np.full(3, -np.log(3)), [*_LETTERS], []) for name, rates in _RATES.items()]


def _matrix(first, second, third):
    """P from the rates of A over B, of A over C and of B over C."""
    return np.array([[0.5, first, second], [1 - first, 0.5, third], [1 - second, 1 - third, 0.5]])


def _own(problem):
    """The labelled prompts of a user's problem."""
    games = []
    for prompt in subject.prompts(problem):
        there = int(prompt.problem.present.sum())
        if len(prompt.names) != 3 or there != 3:
            raise InputError(
                f"{prompt.title} has {there} responses: nash_and_borda draws the triangle of three, so give votes, a "
                "preference matrix or labels of three"
            )
        wins = wins_of(prompt.problem, prompt.preferences)[0]
        unseen = [pair for pair in _PAIRS if wins[pair] + wins.T[pair] == 0]
        games.append(_Game(prompt.title, matrix.from_wins(wins), prompt.problem.log_ref[0], prompt.names, unseen))
    return games


def _paths(game, prices):
    """``(prices, 3)`` of probabilities by the name of the path."""
    rates, log_ref = (np.repeat(part[None], len(prices), axis=0) for part in (game.rates, game.log_ref))
    found = {
        "nash": nash.regularised(rates, prices, log_ref).log_policy,
        "dpo": game.log_ref + _fitted(game.rates) / prices[:, None],
        "ipo": game.log_ref + np.ravel(rules.borda(game.rates)) / 3 / prices[:, None],
    }
    return {path: np.exp(at - np.logaddexp.reduce(at, axis=1, keepdims=True)) for path, at in found.items()}


def _fitted(rates):
    """DPO's scores, at β = 1 from a uniform reference; −∞ of what always loses to others, where the flow ends."""
    labels = [(0, i, j, rates[i, j]) for i in range(3) for j in range(3) if i != j]
    return dpo.solve(Problem.from_unnormalized(np.zeros(3), 1.0), Preferences.from_pairs(labels)).log_policy[0]


@drawing(columns=2, height=2.7, legend=3)
def draw(table: Table) -> Panels:
    """One triangle a game: a dot at the reference, three curves, a ring at the limit of the Nash path."""
    named = zip("abcdefgh", table.settings["games"], strict=False)
    return {letter: partial(_panel, table=table, letter=letter, name=name) for letter, name in named}


def _panel(ax, table, letter, name):
    _triangle(ax, table.settings[f"responses_{name}"])
    for path, (label, color, linestyle) in _PATHS.items():
        chance = np.column_stack([table[f"{name}_{path}_{response}"] for response in _LETTERS])
        ax.plot(*(chance @ _CORNERS).T, color=color, linestyle=linestyle, linewidth=1.4, label=label)
    own = table.settings["own"]
    if own:
        for path, (_, color, _) in _PATHS.items():
            square = {"marker": "s", "markersize": 4, "linestyle": "none", "color": color}
            ax.plot(*(table[f"{name}_{path}_at"] @ _CORNERS), **square, zorder=4)
    ax.plot(*(np.array(table.settings[f"reference_{name}"]) @ _CORNERS), **style.points("reference", markersize=5))
    ring = {"marker": "o", "markersize": 7, "markerfacecolor": "none", "linestyle": "none", "color": style.RULE}
    ax.plot(*(np.array(table.settings[f"limit_{name}"]) @ _CORNERS), **ring, label="Nash policy, unregularised")
    style.panel_letter(ax, letter, name if own else _WORDS[name])


def _triangle(ax, names):
    ax.plot(*np.vstack([_CORNERS, _CORNERS[:1]]).T, color=style.RULE, linewidth=0.7)
    for name, (x, y) in zip(names, _CORNERS, strict=True):
        away, side = (0.04, "bottom") if y > 0 else (-0.04, "top")
        ax.text(x, y + away, style.plain(name), ha="center", va=side)
    ax.set(xlim=(-0.12, 1.12), ylim=(-0.14, 1.0), aspect="equal")
    ax.axis("off")


def caption(table: Table) -> str:
    return _own_caption(table) if table.settings["own"] else _two_caption(table)


def _own_caption(table):
    """Of a user's votes."""
    s, n = table.settings, style.number
    told = [
        f"({letter}) {name}: {_rates_in_words(s, name)}; {_nash_in_words(s, name)}"
        for letter, name in zip("abcdefgh", s["games"], strict=False)
    ]
    return (
        "Policies on the simplex of three responses as the price of a nat falls from "
        f"{n(s['most'])} to {n(s['least'])}, from the problem’s reference, every pair compared equally often at the "
        f"share of its comparisons that was won; squares are at β = {n(s['beta'])}. {'. '.join(told)}. IPO’s scores "
        "are Borda counts less their mean over the price, DPO’s the Bradley–Terry fit over it. Exact, no sampling."
    )


def _rates_in_words(s, name):
    names = s[f"responses_{name}"]
    rates = zip(_PAIRS, s[f"rates_{name}"], strict=True)
    words = ", ".join(f"{names[i]} over {names[j]} {style.number(rate, '.4g')}" for (i, j), rate in rates)
    never = ", ".join(f"{names[i]} and {names[j]}" for i, j in s[f"unseen_{name}"])
    return words + (f" (never compared, so even: {never})" if never else "")


def _nash_in_words(s, name):
    names, (winner,) = s[f"responses_{name}"], rules.condorcet_winner(_matrix(*s[f"rates_{name}"]))
    if winner >= 0:
        return f"{names[winner]} is the Condorcet winner and the only Nash policy (ring)"
    ends = ", ".join(style.number(x, ".3f") for x in s[f"limit_{name}"])
    return f"no Condorcet winner, the Nash policies end at ({ends}) of ({', '.join(names)}) (ring)"


def _two_caption(table):
    s, n = table.settings, style.number
    rates = {name: ", ".join(n(rate) for rate in s[f"rates_{name}"]) for name in s["games"]}
    return (
        "Policies on the simplex of three responses A, B and C as the price of a nat falls from "
        f"{n(s['most'])} to {n(s['least'])}, from the uniform reference, every pair compared equally often. (a) Rates "
        f"of A over B, A over C, B over C: {rates['winner']}. A is a Condorcet winner and the only Nash policy (ring), "
        "yet B, which beats C by much, has the better Borda count: DPO and IPO go to B at every temperature, the "
        f"regularised Nash policy turns to A once its price is low. (b) {rates['cycle']}, a cycle: the Nash policy "
        "stays inside at every price, DPO and IPO end at a corner. IPO’s scores are Borda counts less their mean over "
        "the price, DPO’s the Bradley–Terry fit over it: the same order, and here almost the same curve. Exact, no "
        "sampling."
    )
