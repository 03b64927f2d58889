"""How many small problems a second a conjecture's search draws, solves and measures."""

from time import process_time

import numpy as np
import pytest

from proofs_checks import conjecture
from proofs_checks.kernel.instances import Chance, uniforms
from proofs_checks.kernel.relation import relation
from proofs_checks.quantities import Δr, δ_cpo, δ_dpo, δ_rlhf
from tabular import cpo, dpo, rlhf
from tabular.testing import labelled_problems
from tabular.testing.made import preferences_of, problem_of
from tests.benchmarks.timing import timed

BATCH = 2000
#: claims about optima -> who answers the same of one problem
CLAIMS = {
    "DPO ends where RLHF does": (
        conjecture("same", labelled_problems("population"), relation(δ_dpo, "=", δ_rlhf)),
        lambda problem, labels: (dpo.solve(problem, labels), rlhf.optimal_policy(problem)),
    ),
    "DPO ranks right what the reward does": (
        conjecture("ranked", labelled_problems("cyclic"), relation(δ_dpo, ">", -99), [relation(Δr, ">", -9)]),
        dpo.solve,
    ),
    "the constraint raises the margin": (
        conjecture("hard", labelled_problems("one-way"), relation(δ_cpo, ">=", δ_rlhf - 99)),
        lambda problem, labels: (cpo.constrained_optimum(problem, labels), rlhf.optimal_policy(problem)),
    ),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_problems_a_second(benchmark, name):
    """A batch of a search, drawn and judged, against the library one problem at a time."""
    claim, alone = CLAIMS[name]
    seen, spent = [], process_time()
    benchmark.pedantic(lambda: seen.append(claim.batch(0)), rounds=3, warmup_rounds=1)
    spent = (process_time() - spent) / len(seen)
    assert len(seen[0].met) > 0.9 * BATCH

    def one_by_one():
        draw = uniforms(np.random.default_rng(0))
        for _ in range(100):
            parts = claim.statement.form.instances.make(Chance(draw))
            problem = problem_of(parts)
            alone(problem, preferences_of(parts, problem))

    _, peer = timed(one_by_one, rounds=3)
    ratio = (peer / 100) / (benchmark.stats.stats.median / BATCH)
    print(f"\n{name}: {BATCH / spent:,.0f} problems a second of processor time, {ratio:.0f}x as many as one by one")
