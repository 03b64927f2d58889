"""Every input and every result: frozen through every copy, equal by value, JSON and back, and a face of its own."""

import copy
import dataclasses
import importlib
import inspect
import json
import pickle
import pkgutil
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import example, given

import tabular
from tabular import (
    InputError,
    Preferences,
    Problem,
    Status,
    cpo,
    dpo,
    failure_modes,
    finite_samples,
    flow,
    guarantees,
    log_linear,
    logs,
    losses,
    sweep,
)
from tabular.audit import audit
from tabular.auditing import doubts
from tabular.base import drawings, plain
from tabular.base.record import Record, frozen, hashed, same
from tabular.choice import axioms, best_of_n, games, nash, plackett_luce, rules, self_play, transitivity
from tabular.choice.rankings import Rankings
from tabular.choice.votes import Profile
from tabular.losses.solution import Bound
from tabular.simplex import divergences, expected_costs
from tests.strategies import labelled_problems

PROBLEM = Problem.from_probabilities([[0.2, 0.3, 0.5], [0.6, 0.4, 0.0]], beta=0.5, reward=[[0.5, 0.0, -1.0], [0, 1, 0]])
LABELS = Preferences.from_pairs([(0, 0, 1, 0.75), (0, 1, 0, 0.25), (1, 1, 0)])
ONE = Problem.from_probabilities([0.2, 0.3, 0.5], beta=0.5, reward=[0.5, 0.0, -1.0])
PAIR = Preferences.from_pairs([(0, 1)])
PAIRS = logs.PairLog("toy", [-9.0, -4.0], [-7.0, -5.0], [-9.5, -3.0], [-8.5, -6.0], [1.0, 0.5], [0.0, 1.0])
RUN = logs.RunLog("toy", 0.1, [[[-9.0], [-7.0]], [[-8.0], [-8.5]]], ("chosen", "rejected"), [0, 100], 0, 1)
LOG = Path(__file__).parents[3] / "condeq/examples/trainer_log.csv"
PROFILE = Profile([[0, 2, 1], [1, 0, 2], [2, 1, 0]], [2, 5, 4])
RANKED = Rankings([[2, 0, 1], [(0, 1), 2]], weight=[1.0, 2.0])
SHOWN = json.loads((Path(__file__).parents[2] / "golden" / "shown.json").read_text(encoding="utf-8"))
SCISSORS = [[0.5, 0.9, 0.2], [0.1, 0.5, 0.7], [0.8, 0.3, 0.5]]


def solved(name, **params):
    return losses.solve(PROBLEM, LABELS, losses.get(name, **params))


def report():
    return failure_modes.find(PROBLEM, LABELS)


SAMPLES = {
    "tabular.problem.Problem": lambda: PROBLEM,
    "tabular.preferences.Preferences": lambda: LABELS,
    "tabular.audit.Audit": lambda: audit(PAIRS, beta=0.5),
    "tabular.auditing.doubt.Doubt": lambda: doubts.Doubt("duplicated rows", 0.5, 2, "leave one out", (1, 2)),
    "tabular.auditing.streamed.StreamedAudit": lambda: audit(logs.scan(LOG), beta=0.5),
    "tabular.logged.metrics.MetricLog": lambda: logs.MetricLog("toy", "nobody's", [1, 2], {"loss": [0.69, 0.5]}),
    "tabular.sweep.Sweep": lambda: sweep.Sweep("swept", 5, 3, 3, {"index": "int64"}),
    "tabular.sweeping.grid.Grid": lambda: sweep.Grid({"beta": [0.1, 1.0], "gain": [0.0, 1.0, 2.0]})[1:5],
    "tabular.logged.scans.Scan": lambda: logs.scan(LOG),
    "tabular.choice.axioms.Violation": lambda: axioms.Violation("pareto", "because", PROFILE),
    "tabular.choice.best_of_n.Tilt": lambda: best_of_n.tilt_of_equal_kl(ONE, 0.1),
    "tabular.choice.games.Equilibrium": lambda: games.maximal_lottery(SCISSORS),
    "tabular.choice.nash.RegularisedNash": lambda: nash.regularised(SCISSORS, 1.0),
    "tabular.choice.plackett_luce.ListwiseSolution": lambda: plackett_luce.solve(ONE, RANKED),
    "tabular.choice.rankings.Rankings": lambda: RANKED,
    "tabular.choice.rules.BradleyTerry": lambda: rules.bradley_terry([[0, 3], [1, 0]]),
    "tabular.choice.self_play.Run": lambda: self_play.hedge_run(SCISSORS, 0.5, 3),
    "tabular.choice.transitivity.Hodge": lambda: transitivity.hodge([[0.0, 1.0], [-1.0, 0.0]]),
    "tabular.choice.votes.Profile": lambda: PROFILE,
    "tabular.cpo.ConstrainedOptimum": lambda: cpo.constrained_optimum(PROBLEM, LABELS),
    "tabular.cpo.Residuals": lambda: cpo.constrained_optimum(PROBLEM, LABELS).residuals,
    "tabular.failures.any_loss.LossThresholds": lambda: failure_modes.solve_loss_thresholds(
        PROBLEM, LABELS, losses.get("cdpo", eps=0.1)
    ),
    "tabular.failures.frontier.Bounds": lambda: failure_modes.accuracy_bounds(PROBLEM, LABELS, 0.6),
    "tabular.failures.frontier.Frontier": lambda: failure_modes.frontier(PROBLEM, LABELS),
    "tabular.failures.inversion.Inversions": lambda: failure_modes.deepest(PROBLEM, LABELS, 0.6),
    "tabular.failures.kinds.Finding": lambda: report().rows[0].findings[failure_modes.Kind.PESSIMISTIC_REFERENCE],
    "tabular.failures.kinds.Witness": lambda: next(
        finding.witness for row in report().rows for finding in row.findings.values() if finding.witness
    ),
    "tabular.failures.movement.Movement": lambda: failure_modes.movement(ONE, PAIR, losses.get("dpo")),
    "tabular.failures.remedies.Remedy": lambda: next(
        remedy for row in report().rows for finding in row.findings.values() for remedy in finding.remedies.values()
    ),
    "tabular.failures.report.FailureReport": report,
    "tabular.failures.report.Row": lambda: report().rows[2],
    "tabular.failures.thresholds.Thresholds": lambda: failure_modes.solve_thresholds(PROBLEM, LABELS),
    "tabular.failures.together.InvertedSet": lambda: failure_modes.largest_inverted_set(PROBLEM, LABELS, 0.6),
    "tabular.finite_samples.SampleDistribution": lambda: finite_samples.distribution(ONE, 2),
    "tabular.fits.bradley_terry.Fit": lambda: dpo.solve(PROBLEM, LABELS).fit,
    "tabular.fits.descent.Trajectory": lambda: flow.trajectory(ONE, PAIR, times=[0.0, 1.0]),
    "tabular.fits.dpo_solution.DPOSolution": lambda: dpo.solve(PROBLEM, LABELS),
    "tabular.fits.polyhedral.Face": lambda: solved("slic", margin=1.0).face,
    "tabular.guarantees.Guarantee": lambda: guarantees.table(PROBLEM, LABELS, gamma=0.5)[1],
    "tabular.log_linear.Fit": lambda: log_linear.dpo(ONE, PAIR, [[[1.0], [0.0], [0.5]]]),
    "tabular.log_linear.RLHFOptimum": lambda: log_linear.rlhf(ONE, [[[1.0], [0.0], [0.5]]]),
    "tabular.logged.records.PairLog": lambda: PAIRS,
    "tabular.logged.records.RunLog": lambda: RUN,
    "tabular.logged.tables.RewardLog": lambda: logs.RewardLog(
        ["helpful", "inf"], [0, 0], [0, 1], [3, 1], [0, 1], [5, 5], [1.0, -1.0]
    ),
    "tabular.logged.tables.VoteLog": lambda: logs.VoteLog([0], [0], [1], [2], [1], [0]),
    "tabular.logged.tables.WinTable": lambda: logs.WinTable(("a", "b"), [[0, 3], [1, 0]]),
    "tabular.losses.link_solution.LinkSolution": lambda: solved("fdpo_forward_kl"),
    "tabular.losses.loss.Loss": lambda: losses.get("simpo", gamma=0.5, n_w=[3, 4, 5], n_l=2),
    "tabular.losses.solution.Bound": lambda: Bound(0.25, 7, (1, 2)),
    "tabular.losses.solution.Cut": lambda: solved("rdpo", eps=0.4).certificate,
    "tabular.losses.solution.DifferenceSolution": lambda: solved("rdpo", eps=0.4),
    "tabular.losses.solution.FaceSolution": lambda: solved("slic", margin=1.0),
    "tabular.losses.solution.Stationary": lambda: solved("cdpo", eps=0.1).certificate,
    "tabular.simplex.divergences.DivergenceOptimum": lambda: divergences.optimum(
        ONE, divergences.get("alpha", alpha=0.5)
    ),
    "tabular.simplex.expected_costs.ConstrainedOptimum": lambda: expected_costs.optimum(ONE, [[0.0, 1.0, 0.0]], 0.2),
    "tabular.simplex.expected_costs.RobustOptimum": lambda: expected_costs.robust_ensemble(
        ONE, [[0.5, 0.0, -1.0], [0.0, 1.0, 0.0]]
    ),
    "tabular.simplex.minimum.Minimum": lambda: losses.solve(ONE, PAIR, losses.get("nca_pair")),
    "tabular.simplex.penalized.PenalizedOptimum": lambda: cpo.penalized_optimum(PROBLEM, LABELS, 0.5),
    "tabular.simplex.shifts.SelfConsistent": lambda: losses.self_consistent(
        ONE, PAIR, losses.get("kto", z0=0.0, l_d=1.0, l_u=1.0)
    ),
}
NAMES = sorted(SAMPLES)


def kinds():
    """Every record that a module of the library defines."""
    for module in pkgutil.walk_packages(tabular.__path__, "tabular."):
        importlib.import_module(module.name)
    found, more = set(), [Record]
    while more:
        more = [sub for cls in more for sub in cls.__subclasses__()]
        found |= {
            plain.name(cls) for cls in more if cls.__module__.startswith("tabular.") and "<" not in plain.name(cls)
        }
    return found


def arrays(value):
    """The arrays in a record's fields, in lists, tuples and mappings, and in the records it holds."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, Record):
        for each in dataclasses.fields(value):
            yield from arrays(getattr(value, each.name))
    elif isinstance(value, list | tuple | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from arrays(each)


def returned_dataclasses():
    """Dataclasses that public functions say they return, or that a module offers by name."""
    modules = [getattr(tabular, name) for name in tabular.__all__]
    modules = [m for m in modules if inspect.ismodule(m)]
    modules += [
        getattr(m, name) for m in modules for name in getattr(m, "__all__", ()) if inspect.ismodule(getattr(m, name))
    ]
    items = {id(item): item for m in modules for name in getattr(m, "__all__", vars(m)) for item in [getattr(m, name)]}
    own = [item for item in items.values() if getattr(item, "__module__", "").startswith("tabular.")]
    classes = {item for item in own if inspect.isclass(item)}
    classes |= {f.__annotations__.get("return") for f in own if inspect.isfunction(f)}
    return {cls for cls in classes if inspect.isclass(cls) and dataclasses.is_dataclass(cls)}


def test_every_record_has_a_sample():
    assert kinds() - {"tabular.base.record.Point"} == set(NAMES)


def test_what_public_functions_return_is_a_record():
    known = {"tabular.margins.Target"}  # called like a function
    assert {plain.name(cls) for cls in returned_dataclasses() if not issubclass(cls, Record)} <= known
    assert len(returned_dataclasses()) >= 30


@pytest.mark.parametrize("name", NAMES)
def test_the_sample_is_of_its_kind(name):
    assert plain.name(type(SAMPLES[name]())) == name


@pytest.mark.parametrize("name", NAMES)
def test_every_copy_is_equal_and_frozen(name):
    record = SAMPLES[name]()
    line = repr(record)
    copies = [copy.copy(record), copy.deepcopy(record), pickle.loads(pickle.dumps(record)), dataclasses.replace(record)]
    for other in copies:
        assert type(other) is type(record)
        assert other == record
        assert hash(other) == hash(record)
        assert repr(other) == line
        for array in [*arrays(record), *arrays(other)]:
            assert not array.flags.writeable
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(record, dataclasses.fields(record)[0].name, None)


@pytest.mark.parametrize("name", NAMES)
def test_json_and_back(name):
    record = SAMPLES[name]()
    text = json.dumps(record.to_dict(), allow_nan=False)
    again = type(record).from_dict(json.loads(text))
    assert again == record
    assert type(again) is type(record)
    assert all(not array.flags.writeable for array in arrays(again))
    assert json.dumps(again.to_dict(), allow_nan=False) == text


def changed(value):
    """Nearly the same value, or nothing where no near one is easily made."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "f" and np.isfinite(value).any():
        other = value.copy()
        at = np.unravel_index(np.flatnonzero(np.isfinite(other))[-1], other.shape)
        other[at] = np.nextafter(other[at], np.inf)
        return other
    if isinstance(value, float) and np.isfinite(value):
        return np.nextafter(value, np.inf)
    return None


@pytest.mark.parametrize("name", NAMES)
def test_the_last_bit_of_any_field_makes_it_another(name):
    """Set behind the class's back: a validating class would round or refuse it."""
    record = SAMPLES[name]()
    for each in dataclasses.fields(record):
        other_value = changed(getattr(record, each.name))
        if other_value is not None:
            other = copy.copy(record)
            object.__setattr__(other, each.name, other_value)
            assert other != record, each.name


@pytest.mark.parametrize("name", NAMES)
def test_shows_itself(name):
    record = SAMPLES[name]()
    line = repr(record)
    assert "\n" not in line
    assert len(line) < 1200
    root = ElementTree.fromstring(record._repr_html_())
    assert root.find(".//caption/b").text == type(record).__name__
    assert [row.find("th").text + "=" + "".join(row.find("td").itertext()) for row in root.iter("tr")] == [
        f"{key}={text}" for key, text in tabular.base.show.rows(record)
    ]
    if isinstance(getattr(record, "status", None), Status) and not isinstance(record, failure_modes.Row):
        assert line.startswith(f"{type(record).__name__}(status={record.status.name}")  # a row's is its threshold's
    if record.picture():
        picture = ElementTree.fromstring(record.picture())
        assert picture.find("{http://www.w3.org/2000/svg}title").text
        values = [value for element in picture.iter() for value in element.attrib.values()]
        assert not {"nan", "inf", "-inf"} & {word for value in values for word in value.replace(",", " ").split()}


def test_what_is_shown_of_records_that_choose_it():
    """Pinned: a name that goes, or moves, is a change for every reader of notebooks and logs."""
    choosing = [name for name in NAMES if type(SAMPLES[name]()).shown]
    assert {name: list(type(SAMPLES[name]()).shown) for name in choosing} == SHOWN


def test_fractions_are_shown_as_such_unless_they_are_long():
    class Shares(Record):
        all: list

    shown = repr(Shares([Fraction(1, 3), Fraction(-8, 999_999), Fraction(1, 10**6), Fraction(10**7, 10**7 + 1)]))
    assert shown == "Shares(all=[1/3, -8/999999, 1e-06, 1])"


def test_pictures_are_where_they_say_something():
    with_picture = {name for name in NAMES if SAMPLES[name]().picture()}
    assert with_picture >= {
        "tabular.problem.Problem",
        "tabular.preferences.Preferences",
        "tabular.fits.dpo_solution.DPOSolution",
        "tabular.losses.solution.FaceSolution",
        "tabular.losses.link_solution.LinkSolution",
        "tabular.simplex.minimum.Minimum",
        "tabular.cpo.ConstrainedOptimum",
        "tabular.failures.report.FailureReport",
        "tabular.guarantees.Guarantee",
        "tabular.audit.Audit",
    }


@given(labelled=labelled_problems(spread=9000.0))
@example(
    labelled=(Problem([-1e4, np.log1p(-np.exp(-1e4)), -np.inf], 1e-4), Preferences([0], [0], [1], log_weight=[800]))
)
def test_extreme_problems_go_through_json_and_replace(labelled):
    problem, labels = labelled
    for record in (problem, labels, dpo.solve(problem, labels)):
        assert type(record).from_dict(json.loads(json.dumps(record.to_dict(), allow_nan=False))) == record
        assert dataclasses.replace(record) == record
        repr(record), ElementTree.fromstring(record._repr_html_())


def test_replace_validates():
    assert np.array_equal(dataclasses.replace(PROBLEM, beta=2).log_ref, PROBLEM.log_ref)  # to the last bit
    with pytest.raises(InputError, match="beta is -1: it must be one number"):
        dataclasses.replace(PROBLEM, beta=-1)
    with pytest.raises(InputError, match="weight and log_weight disagree"):
        dataclasses.replace(LABELS, weight=[1, 1, 1])
    assert dataclasses.replace(LABELS, weight=[1, 1, 2], log_weight=None).weight.tolist() == [1, 1, 2]
    assert dataclasses.replace(RANKED, prompt=[1, 1]).log_share.tolist() == RANKED.log_share.tolist()


def test_a_reader_is_told_what_is_wrong_with_a_file():
    data = PROBLEM.to_dict()
    for bad, sentence in [
        (data | {"beta": -1}, "beta is -1: it must be one number"),
        (data | {"is": "os.path"}, "there is no kind 'os.path'"),
        (data | {"is": "tabular.problem.Nothing"}, "there is no kind 'tabular.problem.Nothing'"),
        (data | {"color": 1}, "has an unknown field 'color'"),
        ({k: v for k, v in data.items() if k != "beta"}, "lacks 'beta': its fields are log_ref, beta"),
        (LABELS.to_dict(), "this is a Preferences: read it with Preferences.from_dict"),
        ({}, "is not what to_dict wrote"),
        (None, "this is a NoneType"),
    ]:
        with pytest.raises(InputError, match=sentence):
            Problem.from_dict(bad)


def test_functions_of_ones_own_are_refused_in_one_sentence():
    own = losses.custom("mine", lambda x: np.logaddexp(0, -x), lambda x: -1 / (1 + np.exp(x)))
    with pytest.raises(InputError, match="a function cannot be written as JSON: leave out functions of your own"):
        losses.solve(ONE, PAIR, own).to_dict()


def test_equality_is_by_value_of_anything_a_record_holds():
    assert same(np.array([np.nan, -0.0]), np.array([np.nan, 0.0]))
    assert hashed(np.array([np.nan, -0.0])) == hashed(np.array([np.nan, 0.0]))
    assert not same(np.array([1.0]), np.array([1.0, 1.0]))
    assert not same([1], (1,))
    assert not same({"a": 1}, {"b": 1})
    assert same(float("nan"), float("nan"))
    assert len({PROBLEM, copy.deepcopy(PROBLEM)}) == 1
    assert PROBLEM != LABELS


def test_what_is_frozen_is_no_longer_the_callers():
    mine = np.zeros(3)
    view = mine[:2]
    view.flags.writeable = False
    theirs = frozen((view, mine))
    mine[:] = 1.0
    assert [array.tolist() for array in theirs] == [[0.0, 0.0], [0.0, 0.0, 0.0]]
    assert mine.flags.writeable
    kept = frozen(mine.copy())
    assert frozen(kept) is kept


def test_an_arrow_of_a_drawing_starts_and_ends_at_the_rims():
    """From (0, 0) to (100, 0): 10 inside its start, 11 before its end for the head, bent to one side."""
    path = drawings._arrow((0.0, 0.0), (100.0, 0.0))
    assert 'd="M10,0 Q50,8 89,0"' in path
    assert 'd="M0,90 Q8,50 0,11"' in drawings._arrow((0.0, 100.0), (0.0, 0.0))
