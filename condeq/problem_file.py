"""Reading a problem and its labels from a small JSON or YAML file.

The format, one mapping::

    beta: 0.5                               # the KL price, > 0
    loss: {name: cdpo, eps: 0.1}            # optional: a loss of the catalogue and its parameters; DPO by default
    prompts:
      - reference: [0.2, 0.3, 0.5]          # probabilities; or log_reference: [...] in nats
        responses: [polite, rude, silent]   # optional names, used below instead of 0, 1, 2
        reward: [1, 0, 0]                   # optional
        preferences:                        # [winner, loser] or [winner, loser, weight]
          - [polite, rude]
          - [polite, silent, 3]

In place of ``preferences`` a prompt may have ``rankings``, ``wins`` or a ``preference_matrix``: see
:mod:`condeq.choice_input`.

``preferences: bradley-terry`` labels every pair of the prompt both ways at the Bradley-Terry rates of its reward.
"""

import json
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import yaml

from condeq import choice_input, loss_options
from tabular import InputError, Preferences, Problem, losses
from tabular.base import checks

__all__ = ["PROMPT_KEYS", "ProblemFile", "read"]

_KEYS = {"beta", "loss", "prompts"}
_LABELS = ("preferences", *choice_input.KEYS)
PROMPT_KEYS = ("responses", "reference", "log_reference", "reward", *_LABELS)


@dataclass(frozen=True)
class ProblemFile:
    """What a problem file says: the problem, its labels, the names of the responses of each prompt, the prompts as they
    are written, whose numbers no logarithm has rounded, and the loss."""

    problem: Problem
    preferences: Preferences
    names: list[list[str]]
    written: list[dict]
    choices: list[choice_input.Choice | None]
    loss: losses.Loss | None

    def check_margin(self, margin: float) -> None:
        """Refuse a margin of the hard constraint where no reward is there to constrain.

        Raises:
            InputError: a margin other than 0 and no reward.
        """
        if margin and self.problem.reward is None:
            raise InputError(
                f"margin is {margin}, but the file has no reward to constrain: add rewards, or give no margin"
            )


def read(path) -> ProblemFile:
    """Read a ``.json``, ``.yaml`` or ``.yml`` problem file.

    Raises:
        InputError: one sentence that starts with the file and names the place inside it.
    """
    path = checks.path(path)
    return _located(path, lambda: _understood(_parsed(path)))


class _DistinctKeys(yaml.SafeLoader):
    """A loader that refuses two equal keys in a mapping, of which YAML would keep the last."""

    def construct_mapping(self, node, deep=False):
        checks.distinct_keys([(key.value, None) for key, _ in node.value if isinstance(key, yaml.ScalarNode)])
        return super().construct_mapping(node, deep)


def _json(text):
    return json.loads(text, object_pairs_hook=checks.distinct_keys)


def _yaml(text):
    return yaml.load(text, _DistinctKeys)


def _parsed(path):
    parse = {".json": _json, ".yaml": _yaml, ".yml": _yaml}.get(path.suffix.lower())
    if parse is None:
        raise InputError(f"the ending {path.suffix!r} is not known: write .json, .yaml or .yml")
    try:
        return parse(path.read_text(encoding="utf-8-sig"))
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"the file cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError("the file is not UTF-8 text: save it as UTF-8") from None
    except json.JSONDecodeError as error:
        raise InputError(f"line {error.lineno} is not JSON: {error.msg}") from None
    except RecursionError:
        raise InputError("the file is nested too deeply: write one mapping with beta and prompts") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}" if mark else "the file"
        raise InputError(f"{place} is not YAML: {' '.join(str(getattr(error, 'problem', error)).split())}") from None
    except ValueError as error:  # a date with month 13, an integer of 5000 digits
        raise InputError(f"the file holds a value that cannot be read: {error}") from None
    except (KeyError, AttributeError):  # what PyYAML makes of "!!bool x" and "!!timestamp x"
        raise InputError("the file tags a value as what it is not: leave the !! tag out") from None


def _understood(content) -> ProblemFile:
    _mapping(content, "the file", _KEYS, required={"beta", "prompts"})
    prompts = content["prompts"]
    if not isinstance(prompts, list) or not prompts:
        raise InputError("prompts must be a list with at least one prompt")
    for index, prompt in enumerate(prompts):
        _mapping(prompt, f"prompts[{index}]", PROMPT_KEYS, required=set())
        labels = [key for key in _LABELS if key in prompt]
        if not labels:
            others = ", ".join(choice_input.KEYS)
            raise InputError(f"prompts[{index}] has no preferences: add them, or in their place one of {others}")
        if len(labels) > 1:
            raise InputError(f"prompts[{index}] has {' and '.join(labels)}: give one of the two")
        if ("reference" in prompt) == ("log_reference" in prompt):
            raise InputError(f"prompts[{index}] needs either reference or log_reference, one of the two")
    with_reward = ["reward" in prompt for prompt in prompts]
    if any(with_reward) and not all(with_reward):
        raise InputError(f"prompts[{with_reward.index(False)}] has no reward, others have: give all or none")
    log_reference = [_log_reference(prompt, index) for index, prompt in enumerate(prompts)]
    reward = [_reward(p, i, len(log_reference[i])) for i, p in enumerate(prompts)] if all(with_reward) else None
    problem = Problem(log_reference, _number(content["beta"], "beta"), reward)
    names = [_names(prompt, index) for index, prompt in enumerate(prompts)]
    choices = [_choice(prompt, names[index], index) for index, prompt in enumerate(prompts)]
    loss = loss_options.of_file(content["loss"]) if "loss" in content else None
    return ProblemFile(problem, _preferences(prompts, names, problem, choices), names, prompts, choices, loss)


def _choice(prompt, names, index):
    place = f"prompts[{index}]"
    return _located(place, choice_input.read, prompt, lambda name, at: _response(name, names, at), len(names))


def _mapping(value, place, known, required):
    if not isinstance(value, dict):
        raise InputError(f"{place} must be a mapping with the keys {', '.join(sorted(known))}")
    for key in value:
        if key not in known:
            raise InputError(
                f"{place} has the unknown key {checks.brief(key)}: the keys are {', '.join(sorted(known))}"
            )
    for key in sorted(required - set(value)):
        raise InputError(f"{place} has no {key}: add it")


def _numbers(values, place):
    if not isinstance(values, list) or not values:
        raise InputError(f"{place} must be a list of numbers")
    return np.array([_number(value, f"{place}[{index}]") for index, value in enumerate(values)])


def _number(value, place):
    if isinstance(value, bool) or not isinstance(value, int | float):
        hint = " (YAML takes 1e-3 for text: write 1.0e-3)" if isinstance(value, str) else ""
        raise InputError(f"{place} is {checks.brief(value)}: it must be a number{hint}")
    try:
        return float(value)
    except OverflowError:
        raise InputError(f"{place} is beyond the floating-point numbers: give a smaller one") from None


def _log_reference(prompt, index):
    """One row, checked here so that the sentence names the row's place in the file."""
    key = "reference" if "reference" in prompt else "log_reference"
    values = _numbers(prompt[key], f"prompts[{index}].{key}")
    make = Problem.from_probabilities if key == "reference" else Problem
    return _located(f"prompts[{index}].{key}", make, values, 1.0).log_ref[0]


def _reward(prompt, index, n_responses):
    values = _numbers(prompt["reward"], f"prompts[{index}].reward")
    if len(values) != n_responses:
        raise InputError(
            f"prompts[{index}].reward has {len(values)} entries for {n_responses} responses: give one each"
        )
    return values


def _names(prompt, index):
    n_responses = len(prompt.get("reference", prompt.get("log_reference")))
    names = prompt.get("responses", list(range(n_responses)))
    found = [_name(name) for name in names] if isinstance(names, list) else []
    _no_truth_values(names, f"prompts[{index}].responses")
    if len(found) != n_responses or None in found or len(set(found)) != n_responses:
        raise InputError(f"prompts[{index}].responses must be a list of {n_responses} different names")
    return found


def _no_truth_values(names, place):
    """YAML's trap: yes, no, on and off are read as true and false."""
    truth = [name for name in names if isinstance(name, bool)] if isinstance(names, list) else []
    if truth:
        said = "yes, on or true" if truth[0] else "no, off or false"
        raise InputError(f"{place} has {said}, which YAML reads as a truth value, not as a name: write it in quotes")


def _name(value):
    """A response's name as text, or ``None`` where the value cannot be one: half a Unicode character, a list."""
    if isinstance(value, int) and abs(value) < 2**63:
        return str(value)
    text = str(value) if isinstance(value, str | float) else ""
    return text if text and text.encode(errors="replace").decode() == text else None


def _preferences(prompts, names, problem, choices):
    rows = []
    for i, (prompt, choice) in enumerate(zip(prompts, choices, strict=True)):
        rows += _labels(prompt["preferences"], names[i], i, problem) if choice is None else choice.rows(i)
    if not rows:
        raise InputError("no prompt has a preference: give at least one [winner, loser]")
    prompt, winner, loser, log_weight = zip(*rows, strict=True)
    return Preferences(prompt, winner, loser, log_weight=log_weight).check_against(problem)


def _labels(given, names, index, problem):
    """Rows (prompt, winner, loser, log weight) of one prompt."""
    place = f"prompts[{index}].preferences"
    if given == "bradley-terry":
        there = np.flatnonzero(problem.present[index])
        if len(there) == 1:
            return []
        population = _located(
            place, Preferences.from_bradley_terry, problem, [(index, *p) for p in combinations(there, 2)]
        )
        columns = (population.prompt, population.winner, population.loser, population.log_weight)
        return list(zip(*columns, strict=True))
    if not isinstance(given, list):
        raise InputError(f"{place} must be a list of [winner, loser] pairs, or bradley-terry")
    return [row for i, pair in enumerate(given) for row in _label(pair, names, index, problem, f"{place}[{i}]")]


def _label(pair, names, index, problem, place):
    if not isinstance(pair, list) or len(pair) not in (2, 3):
        raise InputError(f"{place} is {checks.brief(pair)}: write [winner, loser] or [winner, loser, weight]")
    winner, loser = (_response(name, names, place) for name in pair[:2])
    if winner == loser:
        raise InputError(f"{place} prefers {pair[0]!r} to itself: name two responses")
    weight = checks.number(pair[2] if len(pair) == 3 else 1.0, f"{place}[2]", checks.NOT_NEGATIVE)
    _located(place, lambda: Preferences([index], [winner], [loser]).check_against(problem))
    return [(index, winner, loser, np.log(weight) if weight else -np.inf)]


def _located(place, make, *args):
    """The result of a call, or its one sentence with the place in the file before it."""
    try:
        return make(*args)
    except InputError as error:
        raise InputError(f"{place}: {error}") from None


def _response(name, names, place):
    _no_truth_values([name], place)
    text = _name(name)
    if text in names:
        return names.index(text)
    if isinstance(name, int) and not isinstance(name, bool) and 0 <= name < len(names):
        return name
    raise InputError(f"{place} names the response {checks.brief(name)}, which is not one of {checks.brief(names)}")
