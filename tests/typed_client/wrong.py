"""Near misses of a typed program: every marked line must be refused, by mypy under the code that it names."""

from figures import solution_sets
from proofs_checks import conjecture
from tabular import Preferences, Problem, dpo, failure_modes, losses, margins, rlhf

problem = Problem.from_probabilities([0.5, 0.5], beta=1.0)
labels = Preferences.from_pairs([(0, 1)])

dpo.solve(labels, problem)  # E: arg-type
dpo.solve(problem)  # E: call-arg
dpo.solve(problem, [(0, 1)])  # E: arg-type
rlhf.optimal_policy(None)  # E: arg-type
Problem([0.0], beta="much")  # E: arg-type
Problem([0.0], 1.0, rewards=[0.0])  # E: call-arg
losses.get(3)  # E: arg-type
policy = dpo.solve(problem, labels).log_polic  # E: attr-defined
failure_modes.find(problem, labels, "dpo")  # E: arg-type
margins.target("hypo")  # E: call-arg
number: float = dpo.solve(problem, labels).log_policy  # E: assignment
problem.beta = 2.0  # E: misc
solution_sets.compute(problem=problem)  # E: arg-type
solution_sets.draw(solution_sets.compute(), width=[3])  # E: arg-type
conjecture("wrong", None, "β > 0")  # E: arg-type
