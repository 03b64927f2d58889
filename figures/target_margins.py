r"""Every loss as soft-margin ranking: the target margin T against the reference's log-ratio, in one picture."""

import numpy as np

from figures import style, subject
from figures.drawing import Panels, drawing
from figures.table import Table
from tabular import margins

__all__ = ["LOSSES", "TITLE", "caption", "compute", "draw", "panel"]

TITLE = "What every loss asks for: target margins"

#: loss -> its look
LOSSES = {"dpo": "dpo", "ecpo": "ecpo", "hypo": "hypo", "code_cpo": "code", "code_easy": "easy"}


def compute(
    *,
    beta: float = 0.1,
    gamma: float = 0.5,
    tau: float = 2.0,
    alpha: float = 1.0,
    kappa_ecpo: float = 0.05,
    log_ref_winner: float = -4.0,
    reach: float = 4.0,
    points: int = 321,
    problem: subject.Given | None = None,
) -> Table:
    """Targets of all losses for two responses; the released losses with their trainer's defaults.

    Columns: ``delta_ref`` and one target for each loss; ``delta_ref_easy`` and ``code_easy``, which is defined where
    the rejected response's log-probability is below 0. Settings hold where each target is positive.

    Args:
        problem: a problem of your own: its labelled pairs are marked, each with its own log-probabilities where a
            target depends on them, and its beta is taken. Columns ``pair``, ``pair_delta_ref`` and ``pair_<loss>``;
            nan where the released "easy" loss is not defined.

    >>> table = compute(kappa_ecpo=0.05)
    >>> round(table.settings["least_ecpo"], 4)  # Eq. 17 asks for less than 0 around there
    -1.8932
    """
    settings = {
        "dpo": {},
        "hypo": {},
        "ecpo": {"beta": 1.0, "gamma": kappa_ecpo},
        "code_cpo": {"gamma": gamma, "tau": tau, "alpha": alpha},
    }
    own = {}
    if problem is not None:
        beta = float(subject.parts(problem)[0].beta)
        own = _own(problem, settings, beta, gamma)
        reach = max(reach, 1.2 * float(np.abs(own["pair_delta_ref"]).max()))
    delta_ref = np.linspace(-reach, reach, points)
    easy = delta_ref[delta_ref > log_ref_winner + 0.02]
    columns = {name: margins.target(name, delta_ref, **given) for name, given in settings.items()}
    logs = {"log_ref_winner": log_ref_winner, "log_ref_loser": log_ref_winner - easy}
    columns["code_easy"] = margins.target("code_easy", easy, beta=beta, gamma=gamma, **logs)
    settings["code_easy"] = {"beta": beta, "gamma": gamma, "log_ref_winner": log_ref_winner}
    return Table(
        {"delta_ref": delta_ref, "delta_ref_easy": easy} | columns | own,
        {"own": bool(own), "beta": beta, "gamma": gamma, "tau": tau, "alpha": alpha}
        | {"kappa_ecpo": kappa_ecpo, "log_ref_winner": log_ref_winner}
        | {f"positive_{name}": str(margins.positive_target(name, **given)) for name, given in settings.items()}
        | {"least_ecpo": float(columns["ecpo"].min())}
        | {"easy_positive_from": float(margins.positive_target("code_easy", **settings["code_easy"])[0][0])},
    )


def _own(problem, settings, beta, gamma):
    """The pairs of a user's problem and their targets; each once, in the order of the file."""
    given, labels, _ = subject.parts(problem)
    pairs = subject.pairs(problem)
    _, first = np.unique(np.column_stack([labels.prompt, labels.winner, labels.loser]), axis=0, return_index=True)
    first = np.sort(first)
    prompt, winner, loser = labels.prompt[first], labels.winner[first], labels.loser[first]
    logs = {"log_ref_winner": given.log_ref[prompt, winner], "log_ref_loser": given.log_ref[prompt, loser]}
    delta_ref = np.array([pair.delta_ref for pair in pairs])
    defined = (logs["log_ref_winner"] < 0) & (logs["log_ref_loser"] < 0)
    easy = np.full(len(pairs), np.nan)
    there = {name: column[defined] for name, column in logs.items()}
    easy[defined] = margins.target("code_easy", delta_ref[defined], beta=beta, gamma=gamma, **there)
    targets = {
        name: margins.target(name, delta_ref, **given, **(logs if name == "ecpo" else {}))
        for name, given in settings.items()
    }
    columns = {f"pair_{name}": target for name, target in (targets | {"code_easy": easy}).items()}
    return {"pair": [pair.label for pair in pairs], "pair_delta_ref": delta_ref} | columns


@drawing(columns=1, height=3.4, legend=2)
def draw(table: Table) -> Panels:
    """One panel: below the diagonal a loss asks for less than DPO, above the horizontal it asks for the right order."""
    return {"a": lambda ax: panel(ax, table)}


def panel(ax, table: Table) -> None:
    """The target of every loss against the reference's log-ratio."""
    delta_ref = table["delta_ref"]
    reach = delta_ref[-1]
    ax.fill_between(delta_ref, -2 * reach, delta_ref, color="#F3EAD3", linewidth=0, zorder=0)
    ax.text(0.97 * reach, -0.95 * reach, "asks for less than DPO", ha="right", fontsize="small", color="#6B5210")
    ax.text(-0.97 * reach, -0.05 * reach, "target negative", ha="left", va="top", fontsize="small", color=style.RULE)
    for name, look in LOSSES.items():
        ax.plot(table["delta_ref_easy" if name == "code_easy" else "delta_ref"], table[name], **style.line(look))
    if table.settings["own"]:
        for name, look in LOSSES.items():
            shown = style.points(look, label="_", markersize=5, zorder=4)
            ax.plot(table["pair_delta_ref"], table[f"pair_{name}"], **shown)
    ax.axhline(0, color=style.RULE, linewidth=0.6, zorder=1)
    ax.axvline(0, color=style.RULE, linewidth=0.6, zorder=1)
    ax.set(xlabel=style.SYMBOLS["delta_ref"], ylabel=r"target margin $T$ (nats)")
    ax.set(xlim=(-reach, reach), ylim=(-1.15 * reach, 1.15 * reach))


def caption(table: Table) -> str:
    s, n = table.settings, style.number
    return (
        "Target margins T in sp(−β(δ − T)) for two responses against δ_ref. DPO asks for δ_ref itself, negative for "
        "every misaligned reference. HyPO and the released “clip” loss ask for max(δ_ref, 0); the released “cpo” loss "
        f"(γ = {n(s['gamma'])}, τ = {n(s['tau'])}, α = {n(s['alpha'])}) for a smooth max(δ_ref, γ), always positive. "
        f"Eq. 17 with κ = γ/β = {n(s['kappa_ecpo'])} adds 2κ(1 + cosh δ_ref): it turns up for very misaligned "
        "references, and from κ = 0.2239 on its target is positive everywhere. The released “easy” loss "
        f"(γ = {n(s['gamma'])}, β = {n(s['beta'])}, log π_ref(w) = {n(s['log_ref_winner'])}) has log-probabilities "
        "where Eq. 17 has "
        "probabilities: its target lies below DPO's wherever it is defined (shaded) and is positive only from δ_ref = "
        f"{n(s['easy_positive_from'], '.2f')} on. Closed forms on {len(table['delta_ref'])} points."
        + (_own_words(table) if s["own"] else "")
    )


def _own_words(table):
    told = (
        f"{words} at {style.number(float(x), '.3g')}"
        for words, x in zip(table["pair"], table["pair_delta_ref"], strict=True)
    )
    return (
        f" Markers: the pairs of your problem, β = {style.number(table.settings['beta'])}, with their own "
        f"log-probabilities: {', '.join(told)}. Where there are more than two responses, Eq. 17 and the “easy” loss "
        "leave their curves; one beyond the frame is in the table."
    )
