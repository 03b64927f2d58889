"""Public functions that solve keep BLAS to one thread, and hand back as many as there were."""

import functools
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
from scipy import linalg
from threadpoolctl import threadpool_info, threadpool_limits

from tabular import InputError, Preferences, Problem, cpo, dpo, failure_modes, losses
from tabular.base.one_thread import one_thread

PROBLEM = Problem.from_probabilities([0.2, 0.3, 0.5], beta=1, reward=[1, 0, 0])
LABELS = Preferences.from_pairs([(0, 1), (1, 2), (2, 0)])


@functools.cache
def shared():
    """The files of each BLAS of this process that takes as many threads as it is given; some are built for one."""
    assert linalg.norm(np.ones(1)) == 1  # SciPy's own BLAS is there
    with threadpool_limits(3, user_api="blas"):
        found = [library for library in threadpool_info() if library["user_api"] == "blas"]
    return {library["filepath"] for library in found if library["num_threads"] == 3}


def threads():
    """Of each such BLAS, how many threads it would use."""
    return [library["num_threads"] for library in threadpool_info() if library["filepath"] in shared()]


@pytest.fixture(autouse=True)
def three():
    """As many threads as no function here would choose."""
    if not shared():
        pytest.skip("this BLAS has no threads to count")
    with threadpool_limits(3, user_api="blas"):
        assert set(threads()) == {3}
        yield


def test_within_one_and_as_many_as_before_after_it():
    assert set(one_thread(threads)()) == {1}
    assert set(threads()) == {3}


def test_after_an_error_and_after_calls_within_calls():
    @one_thread
    def fails():
        assert set(one_thread(threads)()) == {1}
        assert set(threads()) == {1}
        raise InputError("no")

    with pytest.raises(InputError):
        fails()
    assert set(threads()) == {3}


def test_a_call_beside_one_of_another_thread_leaves_the_number_to_that():
    """It begins within the other, ends after it, and does not give back the one thread that it found."""
    begun, ended = Barrier(2), Barrier(2)

    @one_thread
    def outlasting():
        begun.wait()
        ended.wait()

    @one_thread
    def during(pool):
        other = pool.submit(outlasting)
        begun.wait()
        return other

    with ThreadPoolExecutor(1) as pool:
        other = during(pool)
        assert set(threads()) == {3}
        ended.wait()
        other.result()
    assert set(threads()) == {3}


@pytest.mark.parametrize(
    "call",
    [
        lambda: dpo.solve(PROBLEM, LABELS),
        lambda: losses.solve(PROBLEM, LABELS, losses.get("discopop")),
        lambda: failure_modes.thresholds(PROBLEM, LABELS),
        lambda: failure_modes.deepest(PROBLEM, LABELS, 1.0),
        lambda: failure_modes.find(PROBLEM, LABELS),
        lambda: failure_modes.accuracy_bounds(PROBLEM, LABELS, 1.0),
        lambda: failure_modes.largest_inverted_set(PROBLEM, LABELS, 1.0),
        lambda: failure_modes.movement(PROBLEM, LABELS, losses.get("dpo")),
        lambda: cpo.penalized_optimum(PROBLEM, LABELS, 0.1),
        lambda: cpo.reference_margin_solve(PROBLEM, LABELS, 0.1),
    ],
)
def test_what_solves_asks_for_one_thread(call, monkeypatch):
    """Every other thread count of the call, as a function deep within it sees them."""
    seen, inner = set(), np.bincount

    def counted(*args, **kwargs):
        seen.update(threads() if not seen else ())
        return inner(*args, **kwargs)

    monkeypatch.setattr(np, "bincount", counted)
    call()
    assert seen == {1}
    assert set(threads()) == {3}
