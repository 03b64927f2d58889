"""Everything that is solved for a problem file, as plain JSON: probabilities per response, statuses, certificates."""

import numpy as np

from condeq import choice_answer
from condeq.problem_file import ProblemFile
from tabular import Problem, Status, cpo, dpo, failure_modes, losses, rlhf

__all__ = ["LOSS_MEANING", "MEANING", "TIE", "UNKNOWN_LIMIT", "failures", "solve"]

MEANING = {
    Status.UNIQUE: "one minimiser",
    Status.SET: "a set of minimisers; shown is the one that gradient flow from the reference reaches",
    Status.UNATTAINED: "no minimiser; shown is where gradient flow from the reference ends",
}
LOSS_MEANING = {
    Status.UNIQUE: "one minimiser",
    Status.SET: "a set of minimisers; shown is one of them",
    Status.UNATTAINED: "no minimiser; shown is a limit of policies on their way to the infimum",
    Status.UNBOUNDED: "unbounded below; shown is the reference confined to the responses that take all mass",
    Status.LOCAL: "a local minimum: not certified to be the least",
}
#: Log-probabilities this close, relative to their size, are equal but for rounding: tied, not inverted.
TIE = 1e-12
UNKNOWN_LIMIT = (
    "no minimiser, and theory does not say where gradient flow ends; shown is the limit closest to the reference"
)


def solve(source: ProblemFile, margin=0.0, loss=None) -> dict:
    """The reference, the RLHF optimum, DPO's solution set and the constrained optimum of each prompt.

    Without a reward only DPO is solved; with a loss of the catalogue that loss is solved beside it.

    Raises:
        InputError: a margin without a reward, or one that is not finite.
    """
    source.check_margin(margin)
    solution = dpo.solve(source.problem, source.preferences)
    columns = {"reference": source.problem.log_ref, "dpo": solution.log_policy}
    answer = {"beta": source.problem.beta, "dpo_infimum": solution.infimum, "dpo_dimension": solution.dimension}
    if source.problem.reward is not None:
        constrained = cpo.constrained_optimum(source.problem, source.preferences, margin)
        columns |= {"rlhf": rlhf.optimal_policy(source.problem), "cpo": constrained.log_policy}
        answer |= {"cpo_margin": margin, "cpo_status": constrained.status.value}
    other = None if loss is None else losses.solve(source.problem, source.preferences, loss)
    if other is not None:
        columns["loss"] = other.log_policy
        infimum = other.infimum if np.isfinite(other.infimum) else "-inf"
        answer |= {"loss": repr(loss), "loss_status": other.status.value, "loss_infimum": infimum}
    prompts = [_prompt(source, solution, columns, i) for i in range(source.problem.n_prompts)]
    if other is not None:
        for prompt, status in zip(prompts, other.statuses, strict=True):
            prompt |= {"loss_status": status.value, "loss_meaning": LOSS_MEANING[status]}
    if source.problem.reward is not None:
        for prompt, price in zip(prompts, constrained.price.tolist(), strict=True):
            prompt["price"] = price if np.isfinite(price) else None
        for prompt, cycle in constrained.cycle:
            prompts[prompt]["cycle"] = [source.names[prompt][y] for y in cycle]
    for index, choice in enumerate(source.choices):
        if choice is not None:
            one = Problem(source.problem.log_ref[index, : len(source.names[index])], source.problem.beta)
            prompts[index]["choice"] = choice_answer.solve(choice, one, source.names[index])
    return answer | {"prompts": prompts}


def failures(source: ProblemFile, loss=None) -> list[dict]:
    """The failure list of a problem file: one dictionary for each pair, with its responses by name."""
    found = failure_modes.find(source.problem, source.preferences, loss)
    return [_named(row, source.names[row["prompt"]]) for row in found.to_dicts()]


def _named(row, names):
    findings = {kind: _finding(finding, names) for kind, finding in row["findings"].items()}
    named = {"responses": names, "winner": names[row["winner"]], "loser": names[row["loser"]], "findings": findings}
    return row | named


def _finding(finding, names):
    """A finding with the responses of its cycle by name, also in its sentence."""
    around = [*finding["cycle"], *finding["cycle"][:1]]
    numbers, words = " > ".join(map(str, around)), " > ".join(names[y] for y in around)
    why = finding["why"].replace(numbers, words) if around else finding["why"]
    return finding | {"why": why, "cycle": [names[y] for y in finding["cycle"]]}


def _prompt(source, solution, columns, index):
    """One prompt: names, the probabilities of every policy, and what is known of DPO there."""
    names = source.names[index]
    status = solution.statuses[index]
    known = status is not Status.UNATTAINED or bool(solution.flow_limit_known[index])
    vertices = np.exp(solution.limit_vertices[index][:, : len(names)])
    return {
        "responses": names,
        "probabilities": {name: np.exp(rows[index, : len(names)]).tolist() for name, rows in columns.items()},
        "dpo_status": status.value,
        "dpo_meaning": MEANING[status] if known else UNKNOWN_LIMIT,
        "dpo_blocks": [[names[y] for y in block] for block in solution.blocks[index]],
        "dpo_vertices": vertices.tolist(),
        "inverted": {name: _inverted(source, index, rows) for name, rows in columns.items()},
    }


def _inverted(source, index, log_policy):
    """The labels (winner, loser) of the prompt that a policy inverts: less mass on the winner than on the loser."""
    labels, names = source.preferences, source.names[index]
    here = np.flatnonzero(labels.prompt == index)
    pairs = zip(labels.winner[here], labels.loser[here], strict=True)
    row = log_policy[index]
    return [[names[w], names[y]] for w, y in pairs if row[w] < row[y] - TIE * max(1.0, abs(row[y]))]
