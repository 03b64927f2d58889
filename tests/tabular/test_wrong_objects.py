"""Every public function of a problem and its labels answers a wrong object in one sentence, whatever its place."""

import contextlib
import inspect

import numpy as np
import pytest

import tabular
from tabular import InputError, Preferences, Problem, losses
from tests.public import items

PROBLEM = Problem.from_probabilities([[0.3, 0.7], [0.5, 0.5]], beta=0.5, reward=[[1.0, 0.0], [0.0, 0.5]])
LABELS = Preferences.from_pairs([(0, 0, 1), (1, 0, 1)])
VALID = {
    "problem": PROBLEM,
    "preferences": LABELS,
    "log_policy": PROBLEM.log_ref,
    "gamma": 0.01,
    "loss_level": 0.6,
    "pairs": [0],
    "loss": losses.get("ipo"),
    "labels": 2,
    "rng": np.random.default_rng(0),
    "times": [0.0, 1.0],
    "features": [[[1.0], [0.0]], [[0.0], [1.0]]],
    "feature": [[1.0, 0.0], [0.0, 1.0]],
    "theta": [0.5],
}
ONE_PROMPT = {"problem": Problem.from_probabilities([0.3, 0.7], beta=0.5, reward=[1.0, 0.0])}
OWN = {
    "tabular.losses.self_consistent": {"loss": losses.get("kto", z0=0.0, l_d=1.0, l_u=1.0)},
    **{f"tabular.finite_samples.{name}": ONE_PROMPT for name in ("distribution", "sampled", "status_probabilities")},
}
WRONG = {
    "None": None,
    "text": "much",
    "an object": object(),
    "a class": Problem,
    "nested text": [["a", "b"]],
    "the problem": PROBLEM,
    "the labels": LABELS,
}
MAY_BE = {("pairs", "None"): "deepest asks about all pairs by default"}


def functions():
    """``{name: function}`` of what the library's modules define and that takes a problem or labels."""
    found = {}
    for name in tabular.__all__:
        module = getattr(tabular, name)
        if not inspect.ismodule(module):
            continue
        for public in getattr(module, "__all__", vars(module)):
            item = getattr(module, public)
            own = not public.startswith("_") and inspect.isfunction(item)
            if own and {"problem", "preferences"} & set(inspect.signature(item).parameters):
                found[f"{module.__name__}.{public}"] = item
    return found


FUNCTIONS = functions()


def required(function):
    """The names of the arguments without a default."""
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


def right(name):
    """Right objects for the required arguments of a function."""
    return {key: OWN.get(name, {}).get(key, VALID[key]) for key in required(FUNCTIONS[name])}


def positional(name):
    parameters = inspect.signature(FUNCTIONS[name]).parameters
    return [key for key in right(name) if parameters[key].kind is not inspect.Parameter.KEYWORD_ONLY]


def test_none_is_left_out():
    assert {"tabular.dpo.solve", "tabular.cpo.constrained_optimum", "tabular.failure_modes.find"} <= set(FUNCTIONS)
    assert len(FUNCTIONS) >= 25


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_right_objects_are_taken(name):
    given, places = right(name), positional(name)
    FUNCTIONS[name](**given)
    FUNCTIONS[name](*(given[key] for key in places), **{key: given[key] for key in given if key not in places})


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_wrong_object_is_one_sentence(name, wrong):
    function = FUNCTIONS[name]
    for place in required(function):
        if type(WRONG[wrong]) is type(right(name)[place]) or (place, wrong) in MAY_BE:
            continue
        with pytest.raises(InputError) as refusal:
            function(**right(name) | {place: WRONG[wrong]})
        assert "\n" not in str(refusal.value)
        assert place in str(refusal.value)


MORE = WRONG | {
    "nan": float("nan"),
    "ragged": [[1, 2], [3]],
    "a complex number": 1 + 2j,
    "a number of 400 digits": 10**400,
    "four dimensions": np.zeros((1, 1, 1, 1)),
    "wider floats": np.array([np.longdouble("1e4000")]),
    "no rows": np.empty((0, 3)),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("wrong", MORE)
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_any_argument_takes_a_strange_object_or_refuses_it_in_one_sentence(name, wrong):
    """Also those that have a default: whatever it is, no other exception and no warning."""
    for place in inspect.signature(FUNCTIONS[name]).parameters:
        if isinstance(right(name).get(place), type(MORE[wrong])) and wrong in WRONG:
            continue
        assert "\n" not in said(FUNCTIONS[name], **right(name) | {place: MORE[wrong]})


def said(function, **arguments):
    """The sentence that refuses the arguments; nothing where they are taken."""
    try:
        function(**arguments)
    except InputError as refusal:
        return str(refusal)
    return ""


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda: tabular.failure_modes.find(PROBLEM, LABELS, loss="dpo"), "loss is 'dpo': give a Loss"),
        (lambda: tabular.failure_modes.deepest(PROBLEM, LABELS, 0.6, at="start"), "at is 'start': give an Infimum"),
        (lambda: tabular.failure_modes.solve_thresholds(PROBLEM, LABELS, 1e308), "leave double precision"),
        (lambda: tabular.cpo.penalized_optimum(PROBLEM, LABELS, 1.7e308), "over beta, 0.5, it leaves double precision"),
        (lambda: tabular.log_linear.rlhf(PROBLEM, VALID["features"], [[1.0, 2.0]]), r"starts has shape \(1, 2\)"),
        (lambda: tabular.log_linear.rlhf(PROBLEM, VALID["features"], rng=0), "rng is 0: give a Generator"),
        (lambda: tabular.flow.trajectory(PROBLEM, LABELS, "ipo", times=[1.0]), "loss is 'ipo': give a Loss"),
        (lambda: tabular.finite_samples.distribution(ONE_PROMPT["problem"], 10**400), "labels is 1000"),
        (
            lambda: tabular.finite_samples.distribution(ONE_PROMPT["problem"], 2, [[[1], [2, 3]]]),
            "must be two responses",
        ),
        (lambda: tabular.failure_modes.separable_thresholds([2.0], 1.7e308), "its product with beta must be finite"),
        (lambda: next(tabular.choice.votes.profiles(2**64, 2)), "of at most 10 responses"),
        (lambda: tabular.choice.matrix.from_reward(1.0), "give one for each response"),
        (lambda: tabular.choice.transitivity.hodge([[[1], [2]], [[3], [4, 5]]]), "rows of different lengths"),
        (lambda: tabular.sweep.phases({"gain": [1.0]}), "with delta_ref and gain"),
        (lambda: tabular.sweep.run(np.array(1.0), len, "nowhere"), "with a length and slices"),
        (lambda: tabular.sweep.run(range(2), len, "nowhere", progress=[1, 2]), "progress is"),
        (lambda: tabular.logs.MetricLog("by hand", "nobody's", [1], [0.5]), "give a dictionary of numbers by name"),
    ],
)
def test_what_may_be_left_out_is_asked_too(ask, sentence):
    with pytest.raises(InputError, match=sentence) as refusal:
        ask()
    assert "\n" not in str(refusal.value)


def test_no_pair_at_all_is_held_at_the_least_loss_of_any_loss():
    problem = Problem.from_probabilities([0.5, 0.5], beta=1)
    cycle, ipo = Preferences.from_pairs([(0, 1), (1, 0)]), losses.get("ipo")
    least = losses.solve(problem, cycle, ipo).infimum
    assert tabular.failure_modes.joint_threshold(problem, cycle, [], ipo) == pytest.approx(least, rel=1e-12)


def test_swapped_arguments_name_the_order():
    with pytest.raises(InputError, match=r"problem is a Preferences: give a Problem \(the order .* is: problem"):
        tabular.dpo.solve(LABELS, PROBLEM)
    with pytest.raises(InputError, match="solve: preferences is a list: give a Preferences"):
        tabular.dpo.solve(PROBLEM, [(0, 1)])
    with pytest.raises(InputError, match="check_against: problem is a ndarray"):
        LABELS.check_against(np.zeros(2))


def callables():
    """Every public function, and every public class with rules for its fields, that needs an argument."""
    own = {
        name: item
        for name, item in items(tabular).items()
        if inspect.isfunction(item) or (inspect.isclass(item) and "__post_init__" in vars(item))
    }
    return {name: item for name, item in own.items() if required(item)}


def answered(function, wrong):
    """What a function says when every argument that it needs is one wrong object; of a generator the first word, of a
    context what entering it says."""
    parameters = inspect.signature(function).parameters
    keywords = [key for key in required(function) if parameters[key].kind is inspect.Parameter.KEYWORD_ONLY]
    places = [wrong] * (len(required(function)) - len(keywords))
    found = function(*places, **dict.fromkeys(keywords, wrong))
    if isinstance(found, contextlib.AbstractContextManager):
        return found.__enter__()
    return next(found) if inspect.isgenerator(found) else found


#: what one of the wrong objects is right for: a question that any path has an answer to
_ANSWERED = {("tabular.logs.is_metrics", "text")}


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        (name, wrong)
        for name in sorted(callables())
        for wrong in ("None", "text", "an object", "a class", "nested text")
        if (name, wrong) not in _ANSWERED
    ],
)
def test_nothing_right_at_all_is_one_sentence_of_every_public_function(name, wrong):
    with pytest.raises(InputError) as refusal:
        answered(callables()[name], WRONG[wrong])
    assert "\n" not in str(refusal.value)


def test_the_walk_finds_the_functions_that_take_neither_problem_nor_labels():
    assert {"tabular.flow.escape_time", "tabular.choice.games.maximal_lottery"} <= set(callables())
    assert len(callables()) >= 120
