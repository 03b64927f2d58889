"""One page a loss, from the catalogue: formula, curve, existence, optima of one example, failure modes, names."""

import functools
from pathlib import Path

import numpy as np

from condeq import loss_options
from docs.generate import formulas, plots
from docs.generate.statements import environment
from tabular import InputError, Preferences, Problem, Status, failure_modes, losses

BETA = 0.5
KINDS = {
    "difference": "of h = ρ_w − ρ_l alone (class A)",
    "link": "of φ(ρ_w) − φ(ρ_l), or of log-probabilities a token (class A in a link)",
    "absolute": "of ρ_w and ρ_l themselves (class B)",
}
#: what each parameter of a formula is
GLOSSES = {
    "eps": "ε, share of labels taken to be flipped",
    "margin": "m, margin in nats",
    "offset": "c, margin in the units of z",
    "gamma": "γ, strength of the margin",
    "n_w": "n_w, tokens of the chosen response",
    "n_l": "n_l, tokens of the rejected response",
    "tau": "τ, temperature of the mixture",
    "alpha": "α: the order of the divergence, or the weight of the SFT term",
    "r_max": "R, bound of the reward",
    "z0": "z_0, the KL estimate, held fixed",
    "l_d": "λ_D, weight of desirable responses",
    "l_u": "λ_U, weight of undesirable responses",
    "shift": "d, running mean of the rewards, held fixed",
    "lam": "λ, weight of the second term",
}
LABELS = {
    "labelled both ways, a over b in 3 of 4": ((0, 0, 1, 0.75), (0, 1, 0, 0.25)),
    "labelled once, a over b": ((0, 1),),
}


def write(out: Path) -> None:
    """``out/losses``: a page and a curve for every loss of the catalogue, and an index."""
    folder = out / "losses"
    folder.mkdir(parents=True, exist_ok=True)
    rows = loss_options.catalogue()
    template = environment().get_template("loss.md.j2")
    for row in rows:
        plots.save(row["name"], folder / f"{row['name']}.svg")
        page = template.render(loss=row, **described(row["name"]))
        (folder / f"{row['name']}.md").write_text(page, encoding="utf-8")
    index = environment().get_template("losses.md.j2")
    table = [{"loss": row, "optima": optima(row["name"])} for row in rows]
    (folder / "index.md").write_text(index.render(rows=table, kinds=KINDS), encoding="utf-8")


def described(name: str) -> dict:
    """What a page says besides the catalogue's row."""
    return {
        "formula": formulas.latex(name),
        "kind": KINDS[losses.typical(name).kind],
        "glosses": GLOSSES,
        "optima": optima(name),
        "population": population(name),
        "failures": failures(name),
    }


@functools.cache
def optima(name: str) -> tuple[dict, ...]:
    """The loss at its usual setting on three responses, one of them unlabelled: status, infimum, policy.

    >>> optima("nca_pair")[0]["policy"]
    '(0.45, 0.075, 0.475)'
    """
    return tuple(_optimum(name, labels, pairs) for labels, pairs in LABELS.items())


def _optimum(name, labels, pairs):
    problem = Problem.from_probabilities([0.2, 0.3, 0.5], beta=BETA)
    try:
        found = losses.solve(problem, Preferences.from_pairs(pairs), losses.typical(name))
    except InputError as refusal:
        return {"labels": labels, "status": "not solved", "infimum": "", "policy": "", "why": str(refusal)}
    policy = "(" + ", ".join(f"{p:.3g}" for p in np.exp(found.log_policy[0]).round(4)) + ")"
    infimum = "−∞" if found.infimum == -np.inf else f"{found.infimum + 0.0:.6g}"
    return {"labels": labels, "status": found.status.value, "infimum": infimum, "policy": policy, "why": ""}


def population(name: str, shares=(0.5, 0.6, 0.75, 0.9)) -> list[tuple[float, str, str]]:
    """``(p, status, δ at the optimum)`` of one pair labelled w > l with share p, reference (1/4, 3/4).

    >>> population("dpo")[2]
    (0.75, 'unique', '1.099')
    """
    problem, loss = Problem.from_probabilities([0.25, 0.75], beta=BETA), losses.typical(name)
    return [] if loss.batch else [_population(problem, loss, share) for share in shares]


def _population(problem, loss, share):
    labels = Preferences.from_pairs([(0, 0, 1, share), (0, 1, 0, 1 - share)])
    found = losses.solve(problem, labels, loss)
    if found.status is Status.UNBOUNDED:
        return share, found.status.value, "none: the loss falls without bound"
    log_w, log_l = found.log_policy[0]
    return share, found.status.value, f"{log_w - log_l:.4g}".replace("inf", "∞").replace("-", "−")


def failures(name: str) -> dict:
    """What can go wrong on one label whose reference prefers the rejected response, and why, or why it is not listed.

    >>> [kind for kind, _ in failures("cdpo")["kinds"]][:2]
    ['pessimistic reference', 'loss falls while inverted']
    """
    problem = Problem.from_probabilities([0.2, 0.5, 0.3], beta=BETA)
    try:
        row = failure_modes.find(problem, Preferences.from_pairs([(0, 1)]), loss=losses.typical(name)).rows[0]
    except InputError as refusal:
        return {"kinds": [], "why": str(refusal)}
    return {"kinds": [(kind.value.replace("_", " "), row.findings[kind].why) for kind in row.kinds], "why": ""}
