"""Every refutation once more: the witness that is printed, put to the library or to brute force, not to the predicate
that found it."""

import json
import re
from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from proofs_checks import Verdict, statements
from tabular import Preferences, Problem, cpo, dpo, failure_modes, rlhf
from tests.proofs_checks.of_literature import LITERATURE

PAIR = Preferences.from_pairs([(0, 1)])


RESULTS = {}


@pytest.fixture(autouse=True)
def _results(verdicts):
    RESULTS.update(verdicts)


def witness(name):
    """The parts of a printed witness by name: numbers, or tuples of numbers."""
    words = next((o.finding.witness for o in RESULTS[name].outcomes if o.finding.witness), None)
    if words is None:  # the proof of the contrary names the instance
        return None
    parts = re.split(r", (?=[^\s(),]+ = )", words)
    return {key: _read(text) for key, text in (part.split(" = ") for part in parts)}


def _read(text):
    """A number, or nested lists of numbers."""
    decimal = re.sub(r"-?\d+/\d+", lambda number: repr(float(Fraction(number[0]))), text)
    return json.loads(decimal.replace("(", "[").replace(")", "]"))


def two(δ_ref, β=1.0, Δr=0.0):
    return Problem.from_unnormalized([δ_ref, 0.0], β, [Δr, 0.0])


def at(δ):
    return Problem.from_unnormalized([δ, 0.0], 1.0).log_ref


def prop_3_4_necessity():
    point = witness("prop-3.4-necessity")
    δ = point.pop("δ")
    problem = two(**point)
    assert dpo.loss(at(δ), problem, PAIR) < dpo.loss(problem.log_ref, problem, PAIR)
    assert δ < 0
    assert PAIR.delta(rlhf.optimal_policy(problem))[0] > 0, "δ_ref > −Δr/β"


def prop_3_4_vanishes():
    problem = two(**witness("prop-3.4-vanishes"))
    assert problem.log_ref[0, 0] < problem.log_ref[0, 1]
    assert np.abs(dpo.gradient(at(0.0), problem, PAIR)).min() > 1e-3


def on_labels(name):
    """The witness's problem, its labels and its pairs as the library's objects, and its policy."""
    point = witness(name)
    log_ref = np.log(point["ref"])
    problem = Problem.from_unnormalized(log_ref, point["β"], point["reward"])
    pairs = [tuple(map(int, pair)) for pair in point["pairs"]]
    policy = np.log(point["policy"])
    return problem, Preferences.from_pairs(pairs), pairs, (policy - np.logaddexp.reduce(policy))[None, :]


def less_loss_than_rlhf(name):
    """Label by label the condition holds; yet moving one of them on from π* lowers the loss."""
    problem, labels, _, _ = on_labels(name)
    best = rlhf.optimal_policy(problem)
    assert (labels.delta(best) > 0).all()
    further = best.copy()
    further[0, labels.winner[0]] += 1e-3
    further -= np.logaddexp.reduce(further, axis=1, keepdims=True)
    assert dpo.loss(further, problem, labels) < dpo.loss(best, problem, labels)


def same_optimum_without_the_condition(name):
    problem, labels, pairs, _ = on_labels(name)
    best = rlhf.optimal_policy(problem)
    assert labels.delta(best).min() <= 0
    population = Preferences.from_bradley_terry(problem, pairs)
    assert dpo.loss(best, problem, population) <= dpo.solve(problem, population).infimum + 1e-12


def theorem_3_5():
    less_loss_than_rlhf("thm-3.5")


def worst_case_accuracy_weights():
    """Sorting would invert the light pair, the cheaper, and stop: 1 of 1 + n. The heavy one alone fits as well."""
    point = witness("worst-case-accuracy-weights")
    weights = np.array([1.0, point["n"]])
    problem = Problem.from_unnormalized([[point["δ_1"], 0.0], [point["δ_2"], 0.0]], point["β"])
    labels = Preferences.from_pairs([(prompt, 0, 1, weight) for prompt, weight in enumerate(weights)])
    costs = weights * np.logaddexp(0, point["β"] * np.array([point["δ_1"], point["δ_2"]]))
    assert costs[0] < costs[1] < point["τ"] < costs.sum()
    least = float(failure_modes.worst_case_accuracy(problem, labels, point["τ"] / weights.sum()))
    assert least == pytest.approx(1 - point["n"] / weights.sum())
    assert least < 1 - 1 / weights.sum()


def accuracy_logged():
    point = witness("accuracy-logged")
    problem, policy = two(point["δ_ref"]), at(point["δ"])
    assert PAIR.delta(policy)[0] - PAIR.delta(problem.log_ref)[0] > 0 > PAIR.delta(policy)[0]


def chosen_falls():
    point = witness("chosen-falls")
    ref, policy = (np.array(point[name]) / np.sum(point[name]) for name in ("ref", "policy"))
    problem = Problem.from_probabilities(ref, point["β"])
    assert dpo.loss(np.log(policy), problem, PAIR) < dpo.loss(problem.log_ref, problem, PAIR)
    assert policy[0] < ref[0]
    assert min(*ref, *policy) > 0


def theorem_4_9_equality():
    point = witness("thm-4.9-equality")
    problem = two(-4 * point["κ"])
    assert PAIR.delta(cpo.penalized_optimum(problem, PAIR, point["κ"]).local)[0] == pytest.approx(0, abs=1e-9)
    assert cpo.gamma_window(problem, PAIR)[0][0] == pytest.approx(point["κ"])


def theorem_4_9_three_responses():
    """No γ of a fine grid; without the third response half of them would do."""
    point = witness("thm-4.9-three-responses")
    star, other = point["δ*"], np.log(point["π*_o"] / point["π*_l"])
    problem = Problem.from_unnormalized([star, 0.0, other], 1.0, [0.0] * 3)
    found = [cpo.penalized_optimum(problem, PAIR, γ).local for γ in np.geomspace(1e-4, 10, 200)]
    margins = [PAIR.delta(local)[0] for local in found if local is not None]
    assert margins
    assert max(margins) < 0
    first, last = (ends[0] for ends in cpo.gamma_window(two(star), PAIR))
    assert PAIR.delta(cpo.penalized_optimum(two(star), PAIR, (first + last) / 2).local)[0] > 0


def margins_at_the_local_optimum(name):
    """β = 1: Ψ_ref and Ψ* at the local maximum of the problem that the witness describes; Δr."""
    point = witness(name)
    κ, δ_ref, δ = point["κ"], point["δ_ref"], point["δ"]
    reward = δ - 2 * κ * (1 + np.cosh(δ)) - δ_ref
    problem = two(δ_ref, 1.0, reward)
    local = cpo.penalized_optimum(problem, PAIR, κ).local
    assert PAIR.delta(local)[0] == pytest.approx(δ, abs=1e-7)
    return cpo.reference_margin(problem, PAIR, κ)[0], κ * np.exp(-local[0]).sum(), reward, δ_ref


def equation_17():
    of_reference, exact, reward, _ = margins_at_the_local_optimum("eq-17")
    assert reward > 0
    assert abs(of_reference - exact) > 0.01


def equation_17_overstates_always():
    of_reference, exact, reward, δ_ref = margins_at_the_local_optimum("eq-17-overstates-always")
    assert δ_ref < 0 < reward
    assert of_reference < exact


def equation_19_each_label():
    """The least of the loss, by golden section: with its own +Ψ on each label, and with the sign of the pair."""
    point = witness("eq-19-each-label")
    p = 1 / (1 + np.exp(-point["Δr"]))

    def least(sign):
        def loss(u):
            reversed_label = np.logaddexp(0, u - sign * point["Ψ"])
            return p * np.logaddexp(0, point["Ψ"] - u) + (1 - p) * reversed_label

        return minimize_scalar(loss, bounds=(-20, 20), method="bounded", options={"xatol": 1e-8}).x

    assert least(1) == pytest.approx(point["Δr"] + point["Ψ"], abs=1e-5)
    assert abs(least(-1) - point["Δr"] - point["Ψ"]) > 0.01


def isotonic_arithmetic():
    point = witness("isotonic-arithmetic")
    star = np.array([point["π*_1"], point["π*_2"], point["π*_o"]]) / sum(point.values())
    best = np.exp(cpo.constrained_optimum(Problem.from_probabilities(star, 1.0, [0.0] * 3), PAIR).log_policy[0])
    assert best[0] == pytest.approx(best[1])
    assert abs(best[0] - star[:2].mean()) > 0.01


def hypo_majority_first():
    """The least of the loss by a bounded scalar search."""
    point = witness("hypo-majority-first")

    def loss(z):
        return point["o"] * np.logaddexp(0, -z) + np.logaddexp(0, z + point["d"])

    assert point["o"] > 1
    assert minimize_scalar(loss, bounds=(-20, 20), method="bounded").x < -0.01


def fitted_on_a_path(rates):
    """log π of the library's DPO solution on responses 1, 4, 3, 2 in a row, compared next to next at these rates."""
    both = [label for k, p in enumerate(rates) for label in ((0, k, k + 1, p), (0, k + 1, k, 1 - p))]
    return dpo.solve(Problem.from_unnormalized([0.0] * 4, 1.0), Preferences.from_pairs(both)).log_policy[0]


def noise_misorders_path():
    point = witness("noise-misorders-path")
    gaps = np.array([point["r_1−r_4"], point["r_4−r_3"], point["r_3−r_2"]])
    fitted = fitted_on_a_path(point["ε"] + (1 - 2 * point["ε"]) / (1 + np.exp(-gaps)))
    assert gaps.sum() > 0
    assert fitted[0] < fitted[3] - 1e-6


def ipo_and_dpo_order_four():
    """IPO by least squares in the four scores."""
    point = witness("ipo-dpo-order-four")
    rates = 1 / (1 + np.exp(-np.array([point["a"], point["b"], point["c"]])))
    differences = np.eye(4)[:3] - np.eye(4)[1:]
    ipo, fitted = np.linalg.lstsq(differences, rates - 0.5, rcond=None)[0], fitted_on_a_path(rates)
    assert (ipo[0] - ipo[3]) * (fitted[0] - fitted[3]) < 0


def dera_tokenwise():
    """The four whole responses 00, 01, 10, 11, their optimum summed over the second token."""
    point = witness("dera-tokenwise")
    reward = [point["r_00"], point["r_01"], point["r_1"], point["r_1"]]
    at_one, at_two = (np.exp(rlhf.optimal_policy(Problem.from_unnormalized([0.0] * 4, β, reward))[0]) for β in (1, 2))
    mixed = np.sqrt(at_one.reshape(2, 2).sum(axis=1))
    assert abs(mixed[0] / mixed.sum() - at_two[:2].sum()) > 1e-3


SECOND = {
    "hypo-majority-first": hypo_majority_first,
    "noise-misorders-path": noise_misorders_path,
    "ipo-dpo-order-four": ipo_and_dpo_order_four,
    "dera-tokenwise": dera_tokenwise,
    "prop-3.4-necessity": prop_3_4_necessity,
    "prop-3.4-vanishes": prop_3_4_vanishes,
    "thm-3.5": theorem_3_5,
    "thm-3.5-if": lambda: less_loss_than_rlhf("thm-3.5-if"),
    "thm-3.5-only-if": lambda: same_optimum_without_the_condition("thm-3.5-only-if"),
    "worst-case-accuracy-weights": worst_case_accuracy_weights,
    "accuracy-logged": accuracy_logged,
    "chosen-falls": chosen_falls,
    "thm-4.9-equality": theorem_4_9_equality,
    "thm-4.9-three-responses": theorem_4_9_three_responses,
    "eq-17": equation_17,
    "eq-17-overstates-always": equation_17_overstates_always,
    "eq-19-each-label": equation_19_each_label,
    "isotonic-arithmetic": isotonic_arithmetic,
    **{name: lambda name=name, check=check: check(witness(name)) for name, check in LITERATURE.items()},
}


@pytest.mark.parametrize("name", SECOND)
def test_the_witness_refutes_by_another_computation(name):
    SECOND[name]()


def test_what_is_put_to_a_second_computation_is_refuted():
    refuted = {name for name, (known, _) in statements().items() if known.expected is Verdict.REFUTED}
    assert set(SECOND) <= refuted
    assert len(SECOND) >= 0.9 * len(refuted), "a refutation is put to a second computation wherever one is at hand"
