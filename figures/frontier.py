"""How wrong a policy can be at a given training loss, with a real run drawn on it."""

from itertools import pairwise

import numpy as np

from figures import style, subject
from figures.drawing import Panels, drawing
from figures.table import Table
from tabular import Preferences, dpo, failure_modes, logs, rlhf
from tabular.audit import audit

__all__ = ["TITLE", "caption", "compute", "draw"]

TITLE = "Worst-case accuracy against training loss, and a real run"
_ACCURACY = {"ylabel": "absolute accuracy (% of pairs)", "ylim": (0, 102)}


def compute(
    *,
    run: str = "hh-pythia410m-dpo",
    prompts: str = "helpful",
    beta: float = 0.25,
    responses: int = 6,
    problem: subject.Given | None = None,
) -> Table:
    r"""The frontier of a real run's pairs with its checkpoints, and that of real prompts with coupled labels.

    (a) 500 pairs, one a prompt: columns ``run_loss`` and ``run_worst`` (steps of the frontier), and for each
    checkpoint ``checkpoint_loss``, ``checkpoint_had`` (share of pairs with delta > 0) and
    ``checkpoint_certified`` (the frontier at its loss: no policy with that loss has less).
    (b) 200 prompts, each with a few of its responses from best to worst reward, neighbours labelled: ``ordered_loss``,
    ``ordered_worst`` for one label a pair, ``population_loss``, ``population_worst`` for both orders at Bradley-Terry
    rates.

    Args:
        run: name of a stored run; prompts: set of the stored rewards.
        beta, responses: of the second panel; the reference is that of the pool of base and fine-tuned models.
        problem: a problem of your own in the place of both, in one panel: ``own_loss`` and ``own_worst``, and for the
            reference, the RLHF optimum and where DPO ends ``policy``, ``policy_loss`` and ``policy_had``.

    Raises:
        logs.DataUnavailable: neither the data directory nor the network has them.

    >>> compute(run="mine")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    tabular.errors.InputError: there is no data set 'mine': choose one of hh-pythia410m-dpo, ...
    """
    if problem is not None:
        return _own(problem)
    course = audit(logs.load(run))
    frontier = failure_modes.separable_frontier(course.delta_ref, course.beta)
    run_loss, run_worst = frontier.steps
    columns = {"run_loss": run_loss, "run_worst": run_worst, "checkpoint_examples": course.step}
    columns |= {"checkpoint_loss": course.loss, "checkpoint_had": course.absolute_accuracy}
    columns["checkpoint_certified"] = frontier.worst_case_accuracy(course.loss)
    problem = logs.load("superhf-rewards").problem(set=prompts, pool="base_sft", beta=beta)
    pairs = _neighbours(problem, responses)
    settings = {
        "run": course.source,
        "run_beta": course.beta,
        "run_pairs": course.n_pairs,
        "prompts": problem.n_prompts,
    }
    settings |= {"set": prompts, "beta": beta, "responses": responses, "labels": len(pairs)}
    settings["uniform"] = _share_uniform(problem)
    labellings = {
        "ordered": Preferences.from_pairs(pairs),
        "population": Preferences.from_bradley_terry(problem, pairs),
    }
    for name, labels in labellings.items():
        found = failure_modes.frontier(problem, labels, highest=np.log(2))
        level, worst = found.steps
        shown = level <= np.log(2) * (1 + 1e-12)
        columns |= {f"{name}_loss": level[shown], f"{name}_worst": worst[shown]}
        settings[f"{name}_gap"] = float(np.max(-np.diff(worst[shown])))
        settings[f"{name}_infimum"] = found.infimum
    return Table(columns, settings)


def _own(given):
    """The frontier of a user's problem, up to where nothing is certain any more, and policies that have their place."""
    problem, labels, _ = subject.parts(given)
    found = failure_modes.frontier(problem, labels)
    loss, worst = found.steps
    solved = dpo.solve(problem, labels)
    start = labels.delta(problem.log_ref)
    places = {"reference": (start, dpo.loss(problem.log_ref, problem, labels))}
    places["dpo"] = (start + _rise(solved, labels), found.infimum)
    if problem.reward is not None:
        policy = rlhf.optimal_policy(problem)
        places["rlhf"] = (labels.delta(policy), dpo.loss(policy, problem, labels))
    weight = np.exp(labels.log_weight - labels.log_weight.max())
    columns = {"own_loss": loss, "own_worst": worst, "policy": list(places)}
    columns["policy_loss"] = [level for _, level in places.values()]
    columns["policy_had"] = [float(weight[delta > 0].sum() / weight.sum()) for delta, _ in places.values()]
    settings = {"beta": float(problem.beta), "labels": len(labels.prompt), "infimum": found.infimum}
    return Table(columns, {**settings, "own": True, "status": solved.status.value})


def _rise(solved, labels):
    """What DPO adds to each label's log-ratio: without end from one block to another, which only labels join."""
    ends = (labels.prompt, labels.winner), (labels.prompt, labels.loser)
    apart = solved.label[ends[0]] != solved.label[ends[1]]
    with np.errstate(invalid="ignore"):
        return np.where(apart, np.inf, solved.log_ratio[ends[0]] - solved.log_ratio[ends[1]])


def _share_uniform(problem):
    """The share of prompts whose reference is uniform over the responses that are there."""
    least = np.where(problem.present, problem.log_ref, np.inf).min(axis=1)
    return float((problem.log_ref.max(axis=1) - least < 1e-12).mean())


def _neighbours(problem, responses):
    """Responses spread evenly from best to worst reward, each labelled above the next."""
    order = np.argsort(-np.where(problem.present, problem.reward, -np.inf), axis=1, kind="stable")
    pairs = []
    for prompt, there in enumerate(problem.present.sum(axis=1)):
        chosen = order[prompt, np.linspace(0, there - 1, responses).round().astype(int)].tolist()
        pairs += [(prompt, w, loser) for w, loser in pairwise(chosen)]
    return pairs


@drawing(columns=2, height=2.8)
def draw(table: Table) -> Panels:
    """Accuracy over loss: what no policy can be below, and where the run went."""
    if "own" in table.settings:
        return {"a": lambda ax: _problem(ax, table)}
    return {"a": lambda ax: _run(ax, table), "b": lambda ax: _prompts(ax, table)}


def _run(ax, table):
    loss, worst = np.maximum(table["run_loss"], 1e-6), 100 * table["run_worst"]
    ax.fill_between(loss, worst, 0, step="post", color="#E8E8E8", linewidth=0, label="no policy is here")
    ax.step(loss, worst, where="post", color=style.RULE, label="worst case at that loss")
    ax.plot(
        table["checkpoint_loss"],
        100 * table["checkpoint_had"],
        **style.points("dpo", markersize=3, label="checkpoints of the run"),
    )
    ax.plot(
        table["checkpoint_loss"][:1],
        100 * table["checkpoint_had"][:1],
        **style.points("reference", markersize=5, label="reference"),
    )
    last, had, certified = (
        float(table[name][-1]) for name in ("checkpoint_loss", "checkpoint_had", "checkpoint_certified")
    )
    ax.plot([last, last], [100 * certified, 100 * had], color=style.LOOKS["dpo"].color, linewidth=0.8)
    for value, words, above in ((had, "had", True), (certified, "certified", False)):
        ax.annotate(
            f"{words} {100 * value:.1f} %",
            (last, 100 * value),
            (4, 3 if above else -4),
            textcoords="offset points",
            va="bottom" if above else "top",
            fontsize="small",
        )
    ax.set_xscale("log")
    ax.set(xlabel=f"mean {style.SYMBOLS['loss']}", xlim=(1.2, 1e-5), **_ACCURACY)
    ax.legend(loc="upper left", fontsize="small", handlelength=1.4)
    style.panel_letter(ax, "a", f"a real run, {table.settings['run_pairs']} pairs")


def _prompts(ax, table):
    for name, label, look in (
        ("ordered", "one label a pair", {"color": style.RULE, "linestyle": "-"}),
        ("population", "both orders, Bradley-Terry rates", {"color": style.RULE, "linestyle": (0, (3, 1.2))}),
    ):
        ax.step(table[f"{name}_loss"], 100 * table[f"{name}_worst"], where="post", label=label, **look)
    ax.axvline(np.log(2), color=style.RULE, linewidth=0.6, linestyle=(0, (2, 2)))
    ax.annotate(r"untrained, $\log\,2$", (np.log(2), 92), (4, 0), textcoords="offset points", fontsize="small")
    ax.set(xlabel=f"mean {style.SYMBOLS['loss']}", xlim=(0.72, 0), **_ACCURACY)
    ax.legend(loc="lower right", fontsize="small")
    style.panel_letter(ax, "b", f"{table.settings['prompts']} prompts, labels that share responses")


def _problem(ax, table):
    loss, worst = table["own_loss"], 100 * table["own_worst"]
    least, most = table.settings["infimum"], 1.08 * max(loss.max(), table["policy_loss"].max(), np.log(2))
    end = max(0.0, least - 0.1 * (most - least))
    steps, levels = np.append(loss, most), np.append(worst, worst[-1])
    ax.fill_between(steps, levels, 0, step="post", color="#E8E8E8", linewidth=0, label="no policy is here")
    ax.axvspan(end, least, color="#E8E8E8", linewidth=0)
    ax.step(steps, levels, where="post", color=style.RULE, label="worst case at that loss")
    for name, x, y in zip(table["policy"].tolist(), table["policy_loss"], table["policy_had"], strict=True):
        ax.plot([x], [100 * y], **style.points(name, clip_on=False, zorder=4))
    ax.set(xlabel=f"mean {style.SYMBOLS['loss']}", xlim=(most, end), **_ACCURACY)
    ax.legend(loc="upper left", bbox_to_anchor=(1.02, 1), fontsize="small", handlelength=1.4)
    style.panel_letter(ax, "a", f"your problem, {table.settings['labels']} labels")


def _own_caption(table):
    s, n = table.settings, style.number
    names = {"reference": "the reference", "rlhf": "the RLHF optimum", "dpo": "where DPO ends"}
    told = (
        f"{names[name]} {100 * had:.3g} % at {n(float(loss), '.3g')}"
        for name, had, loss in zip(table["policy"].tolist(), table["policy_had"], table["policy_loss"], strict=True)
    )
    return (
        "Least weight of labels ranked right (δ > 0) that any policy of that mean DPO loss can have; a tie "
        f"is not right. Your problem, β = {n(s['beta'])}, {s['labels']} labels; the loss's infimum, "
        f"{n(s['infimum'], '.4g')} nats, is {s['status']}. Shares and losses: {', '.join(told)}. Every tie pattern of "
        "every prompt was searched."
    )


def caption(table: Table) -> str:
    s = table.settings
    if "own" in s:
        return _own_caption(table)
    had, certified, loss = (float(table[f"checkpoint_{name}"][-1]) for name in ("had", "certified", "loss"))
    return (
        "Least share of pairs ranked right (δ > 0) that any policy of that mean DPO loss can have; a tie is not right. "
        f"(a) The {s['run_pairs']} pairs of the run {s['run']} (β = {s['run_beta']:g}), each a prompt of its own: the "
        f"costs w·sp(βδ_ref), sorted, are exact. Its {len(table['checkpoint_loss'])} checkpoints: at the last, loss "
        f"{loss:.2g} nats certifies {100 * certified:.1f} %, the policy had {100 * had:.1f} %; untrained, at "
        f"log 2, {100 * table['checkpoint_certified'][0]:.1f} % are certain and "
        f"{100 * table['checkpoint_had'][0]:.1f} % right. "
        f"(b) {s['prompts']} prompts of superhf-rewards ({s['set']}, β = {s['beta']:g}), {s['responses']} responses "
        f"each from best to worst reward, neighbours labelled: {s['labels']} pairs in chains. With one label a "
        "pair the worst case is close to a straight line, because the reference is uniform on "
        f"{100 * s['uniform']:.0f} % of these prompts, where every wrong label costs log 2. With "
        "both orders at the Bradley-Terry rates of the reward even the least loss, "
        f"{s['population_infimum']:.3f}, leaves the minority labels wrong. Every tie pattern of every prompt was "
        f"searched; no step is higher than {100 * max(s['ordered_gap'], s['population_gap']):.1g} % of the weight."
    )
