"""The strategies: recipes whose questions Hypothesis answers, and what the library makes of the parts."""

import functools
from fractions import Fraction
from typing import Any

import numpy as np

try:
    from hypothesis import strategies as st
except ImportError:  # pragma: no cover - the extra is there wherever tests run
    raise ImportError(
        "tabular.testing needs Hypothesis: pip install 'conditional-equivalence[testing]'", name="hypothesis"
    ) from None

from tabular.base import checks
from tabular.choice.rankings import Rankings
from tabular.choice.votes import Profile
from tabular.errors import InputError
from tabular.logged.records import ARRAYS, PairLog
from tabular.losses import Loss, catalogue
from tabular.preferences import Preferences
from tabular.problem import Problem
from tabular.testing.made import preferences_of, problem_of
from tabular.testing.recipes import LABEL, LABELLED, WIDE_BETA, WIDE_LABEL, WIDE_SPREAD, ProblemRecipe

__all__ = [
    "Answers",
    "labelled_problems",
    "logs",
    "losses",
    "policies",
    "preferences",
    "problems",
    "rankings",
    "recipe_of",
    "votes",
]

_SIMPLE = (0, 1, -1, 2, Fraction(1, 2), 10, Fraction(1, 10))
_WEIGHT = st.one_of(st.just(1.0), st.floats(0.1, 10))


@functools.lru_cache(maxsize=256)
def _number(low, high):
    """The simple values first, so that a search shrinks to them; made once, as making takes longer than drawing."""
    simple = [float(x) for x in (*_SIMPLE, low, high) if low <= x <= high]
    return st.one_of(st.sampled_from(simple), st.floats(float(low), float(high)))


class Answers:
    """Hypothesis' answers to a recipe's questions; simple values come first, so that it shrinks to them."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.answers: list[Any] = []

    def integer(self, low: int, high: int) -> int:
        return self._said(self.draw(st.integers(low, high)))

    def number(self, low: Any, high: Any) -> float:
        return self._said(self.draw(_number(low, high)))

    def choice(self, options: Any) -> Any:
        return options[self._said(self.draw(st.integers(0, len(options) - 1)))]

    def _said(self, value: Any) -> Any:
        self.answers.append(value)
        return value


def recipe_of(strategy: st.SearchStrategy[Any]) -> ProblemRecipe:
    """How the objects of a strategy of this module are made; of one that was mapped or filtered nobody knows.

    Raises:
        InputError: a strategy that is no :func:`problems` or :func:`labelled_problems`.

    >>> recipe_of(problems(responses=(3, 3))).responses
    (3, 3)
    """
    recipe = getattr(strategy, "recipe", None)
    if recipe is None:
        raise InputError(
            f"{checks.brief(strategy)} says not how it is made: give problems(...) or labelled_problems(...) as they "
            "are, and put what .filter would ask among the hypotheses"
        )
    return recipe


def _made_by(recipe: ProblemRecipe, make: Any) -> st.SearchStrategy[Any]:
    @st.composite
    def drawn(draw: st.DrawFn) -> Any:
        return make(recipe(Answers(draw)))

    strategy = drawn()
    strategy.recipe = recipe  # type: ignore[attr-defined]
    return strategy


def _recipe(extreme, settings, labels=None):
    if extreme:
        settings = {"beta": WIDE_BETA, "spread": WIDE_SPREAD, "weight": WIDE_LABEL, **settings}
    known = set(ProblemRecipe.__dataclass_fields__) - {"labels"}
    for key in settings:
        if key not in known:
            raise InputError(f"there is no setting {key!r}: one of {', '.join(sorted(known))}")
    return ProblemRecipe(labels=labels, **settings)


def problems(*, extreme: bool = False, **settings: Any) -> st.SearchStrategy[Problem]:
    """Problems with a reward.

    Args:
        extreme: beta from 1e-4 to 1e4 and references down to e^-20000, which break what is not in log-space.
        settings: ``prompts`` and ``responses``, (least, greatest); ``beta``, a range; ``reward``, its greatest size;
            ``spread``, of reference logits in nats, in place of weights from 1/20 to 20; ``alignment``, "aligned" or
            "misaligned" for references in the order of the rewards or against it; ``absent``, whether some responses
            may not be there.

    Raises:
        InputError: a setting that there is not, or a range that cannot be drawn from.

    >>> from hypothesis import find
    >>> find(problems(alignment="misaligned"), lambda problem: True).reward.shape
    (1, 2)
    """
    return _made_by(_recipe(extreme, settings), problem_of)


def labelled_problems(
    labels: str = "any", *, extreme: bool = False, **settings: Any
) -> st.SearchStrategy[tuple[Problem, Preferences]]:
    """Pairs of a problem and labels on it.

    Args:
        labels: "any", repeated and contradictory ones included; "one-way", along a hidden order, the reward's where an
            alignment is asked for; "cyclic", with a cycle through all responses of each prompt; "population", some
            pairs, each both ways at the Bradley-Terry rates of the reward; "disconnected", each pair both ways, and a
            response of each prompt in none.
        extreme, settings: as of :func:`problems`, ``pairs``, the least and the greatest number of labels drawn, and
            ``weight``, the range of their weights.

    >>> from hypothesis import find
    >>> problem, preferences = find(labelled_problems("cyclic", responses=(3, 3)), lambda case: True)
    >>> preferences.winner.tolist(), preferences.loser.tolist()
    ([0, 1, 2], [1, 2, 0])
    """
    recipe = _recipe(extreme, settings, labels)

    def both(parts):
        problem = problem_of(parts)
        return problem, preferences_of(parts, problem)

    return _made_by(recipe, both)


@st.composite
def _preferences(draw, problem, labels, pairs, weight):
    rows = {i: np.flatnonzero(there).tolist() for i, there in enumerate(problem.present) if there.sum() > 1}
    found = LABELLED[labels](Answers(draw), list(rows.values()), pairs, weight)
    return preferences_of({"labels": [(list(rows)[i], *label) for i, *label in found]}, problem)


def preferences(
    problem: Problem,
    labels: str = "any",
    pairs: tuple[int, int] = (1, 6),
    weight: tuple[float, float] = LABEL,
) -> st.SearchStrategy[Any]:
    """Labels on a problem, of the kinds of :func:`labelled_problems`.

    Raises:
        InputError: a kind or range that there is not, no prompt with two responses, or too few for disconnected labels.

    >>> from hypothesis import find
    >>> one = Problem.from_probabilities([0.5, 0.25, 0.25], beta=1)
    >>> find(preferences(one, "one-way"), lambda labels: True).n_pairs
    1
    """
    ProblemRecipe(labels=labels, responses=(3, 3), pairs=pairs, weight=weight)  # which checks them
    sizes = problem.present.sum(axis=1)
    if sizes.max() < 2 or (labels == "disconnected" and sizes[sizes > 1].min() < 3):
        raise InputError(f"{labels} labels need more responses than the problem's prompts have: {sizes.tolist()}")
    return _preferences(problem, labels, pairs, weight)


@functools.lru_cache(maxsize=256)
def _logit(spread):
    return st.one_of(st.sampled_from([0.0, 1.0, -1.0]), st.floats(-spread, spread))


@st.composite
def _policies(draw, problem, spread):
    number = _logit(spread)
    logits = np.array([[draw(number) if cell else -np.inf for cell in row] for row in problem.present])
    return Problem.from_unnormalized(logits, 1.0).log_ref


def policies(problem: Problem, spread: float = 20.0) -> st.SearchStrategy[Any]:
    """Log-probabilities ``(n_prompts, n_responses)`` with the support of the reference; logits up to ``spread`` nats.

    >>> from hypothesis import find
    >>> find(policies(Problem.from_probabilities([0.75, 0.25], beta=1)), lambda policy: True).round(2).tolist()
    [[-0.69, -0.69]]
    """
    return _policies(problem, checks.number(spread, "spread"))


def losses(kind: str | None = None, convex: bool | None = None) -> st.SearchStrategy[Loss]:
    """Losses of a pair from the catalogue, at their typical parameters, the plain ones first.

    Args:
        kind: "difference", "link" or "absolute" only.
        convex: only those that are, or that are not.

    Raises:
        InputError: no loss is of that kind.

    >>> from hypothesis import find
    >>> find(losses("difference", convex=True), lambda loss: True).name
    'dpo'
    """
    of_pairs = [catalogue.typical(name) for name in catalogue.ours() if not name.startswith("aot")]
    chosen = [loss for loss in of_pairs if kind in (None, loss.kind) and convex in (None, loss.convex)]
    if not chosen:
        raise InputError(f"no loss is of kind {kind!r} with convex {convex}: kinds are difference, link and absolute")
    return st.sampled_from(chosen)


@st.composite
def rankings(draw: st.DrawFn, responses: tuple[int, int] = (2, 5), count: tuple[int, int] = (1, 6)) -> Rankings:
    """Rankings of the responses of one prompt: full or partial, with ties, of unequal weight.

    >>> from hypothesis import find
    >>> find(rankings(), lambda found: True).groups
    (((0,), (1,)),)
    """
    size = draw(st.integers(*responses))
    said = draw(st.lists(st.tuples(_order(size), _WEIGHT), min_size=count[0], max_size=count[1]))
    return Rankings([order for order, _ in said], weight=[weight for _, weight in said])


@st.composite
def _order(draw, size):
    """Two responses or more in groups, two groups or more."""
    named = draw(st.permutations(range(size)))[: draw(st.integers(2, size))]
    cuts = draw(st.lists(st.booleans(), min_size=len(named) - 2, max_size=len(named) - 2))
    groups = [[named[0]], [named[1]]]
    for response, tied in zip(named[2:], cuts, strict=True):
        groups = [*groups[:-1], [*groups[-1], response]] if tied else [*groups, [response]]
    return [tuple(group) for group in groups]


@st.composite
def votes(
    draw: st.DrawFn, responses: tuple[int, int] = (2, 5), count: tuple[int, int] = (1, 6), voters: int = 9
) -> Profile:
    """Profiles of votes: strict rankings of all responses, each with up to ``voters`` voters.

    >>> from hypothesis import find
    >>> profile = find(votes(responses=(3, 3)), lambda profile: True)
    >>> profile.rankings.tolist(), profile.voters.tolist()
    ([[0, 1, 2]], [1])
    """
    said = st.tuples(st.permutations(range(draw(st.integers(*responses)))), st.integers(1, voters))
    return Profile(*zip(*draw(st.lists(said, min_size=count[0], max_size=count[1])), strict=True))


@st.composite
def logs(draw: st.DrawFn, pairs: tuple[int, int] = (1, 8), least: float = -1e4, reward: bool = True) -> PairLog:
    """Logs of labelled pairs: sequence log-probabilities of reference and policy, and, with ``reward``, rewards.

    Args:
        pairs: the least and the greatest number of pairs.
        least: the smallest log-probability, in nats.

    >>> from hypothesis import find
    >>> log = find(logs(), lambda log: (log.delta_ref < 0).any())
    >>> log.ref_chosen.tolist(), log.ref_rejected.tolist()
    ([-1.0], [0.0])
    """
    count, ask = draw(st.integers(*pairs)), Answers(draw)
    columns = {name: [ask.number(least, 0) for _ in range(count)] for name in ARRAYS[:4]}
    if reward:
        columns |= {name: [ask.number(-10, 10) for _ in range(count)] for name in ARRAYS[4:]}
    return PairLog("drawn", **columns)
