# /// script
# [tool.marimo.opengraph]
# title = "7. Which loss would have saved this pair?"
# description = "The reference ranks a pair wrong. Train to the end with each of thirty-one losses: who puts it right?"
# [tool.marimo.display]
# theme = "system"
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", css_file="lesson.css", app_title="7. Which loss would have saved this pair?")

with app.setup:
    import marimo as mo
    import numpy as np

    from demos import lesson
    from figures import inline, style
    from tabular import Preferences, Problem, Status, losses

    NAMES = [name for name in losses.names() if not losses.typical(name).batch]
    #: Parameter -> where its slider can stand; token counts stay 1.
    STEPS = {
        "eps": [0.01, 0.05, 0.1, 0.2, 0.3, 0.4],
        "margin": [0, 0.5, 1, 2, 4, 8],
        "offset": [0, 0.5, 1, 2, 4, 8],
        "gamma": [0, 0.1, 0.5, 1, 2, 4],
        "tau": [0.02, 0.05, 0.1, 0.3, 1],
        "alpha": [0.1, 0.25, 0.5, 0.75, 1],
        "r_max": [0.25, 0.5, 1, 4, 16],
        "z0": [-2, -1, 0, 1, 2],
        "shift": [-2, -1, 0, 1, 2],
        "lam": [0.1, 0.5, 1, 5, 20],
    }


@app.cell(hide_code=True)
def question():
    mo.md(r"""
    # 7. Which loss would have saved this pair?

    The labels say $a$ over $b$, the reference says the opposite: $\delta_{\rm ref}=\log\pi_{\rm ref}(a)/\pi_{\rm
    ref}(b)<0$. A third response $c$, with half of the mass, is labelled by nobody. Train to the end with each of
    thirty-one losses: which of them puts $a$ above $b$?
    """)
    return


@app.cell(hide_code=True)
def prediction():
    guess = lesson.prediction(
        r"$\delta_{\rm ref}=-2$, $\beta=1/2$, three in four labels are right. Who ends on the *wrong* side?",
        ["DPO", "IPO", "both", "neither"],
    )
    guess
    return (guess,)


@app.cell(hide_code=True)
def revealed(guess):
    lesson.reveal(
        guess.value,
        "IPO",
        r"DPO gains $h=\log(3)/\beta=2.2$, just enough; IPO gains $(2p-1)/(2\beta)=0.5$. Now raise $\beta$ a little.",
    )
    return


@app.cell(hide_code=True)
def controls():
    delta_ref = mo.ui.slider(
        -6, 1, 0.5, value=-2, show_value=True, full_width=True, label=r"$\delta_{\rm ref}$ of the reference"
    )
    beta = mo.ui.slider(steps=[0.1, 0.2, 0.5, 0.6, 1, 2], value=0.5, show_value=True, full_width=True, label=r"$\beta$")
    share = mo.ui.slider(
        steps=[0.55, 0.6, 0.75, 0.9, 0.99, 1],
        value=0.75,
        show_value=True,
        full_width=True,
        label="$p$, share of $a$ over $b$",
    )
    row = mo.ui.slider(1, len(NAMES), 1, value=4, show_value=True, full_width=True, label="loss, by its number")
    mo.vstack([mo.hstack(pair_of, widths="equal") for pair_of in ((delta_ref, beta), (share, row))])
    return beta, delta_ref, row, share


@app.cell(hide_code=True)
def parameter(row):
    _named, _value = main_parameter(NAMES[row.value - 1])
    strength = mo.ui.slider(
        steps=STEPS.get(_named, [0, 1]),
        value=_value,
        show_value=_named is not None,
        full_width=True,
        disabled=_named is None,
        label=f"`{_named}` of `{NAMES[row.value - 1]}`" if _named else f"`{NAMES[row.value - 1]}` has no parameter",
    )
    strength
    return (strength,)


@app.cell
def solved(beta, delta_ref, row, share, strength):
    name = NAMES[row.value - 1]
    problem, labels = pair(delta_ref.value, beta.value, share.value)
    chosen = at(name, strength.value)
    ends = {other: losses.solve(problem, labels, chosen if other == name else losses.typical(other)) for other in NAMES}
    delta = {other: end(found) for other, found in ends.items()}
    found, ended = ends[name], delta[name]
    saved = sum(value > 0 for value in delta.values() if value is not None)
    return chosen, delta, ended, found, name, saved


@app.cell(hide_code=True)
def picture(delta, delta_ref, name):
    mo.image(
        inline.data_url(draw(delta, delta_ref.value, name)),
        alt=f"Where each loss ends: the log-ratio of a and b, right of 0 the right side; {name} is picked out",
        width="100%",
    )
    return


@app.cell(hide_code=True)
def verdict(chosen, ended, found, saved):
    _how = {
        Status.UNIQUE: "at its minimum",
        Status.SET: "at one of its minima",
        Status.UNATTAINED: "in the limit; it has no minimum",
        Status.UNBOUNDED: "in the limit; it is unbounded below",
        Status.LOCAL: "at the best policy that was found, which is not certified to be the best",
    }
    _side = "nowhere: both vanish" if ended is None else side(ended)
    _where = "" if ended is None else f", δ = {ended:.2f}".replace("inf", "∞").replace("-", "−")
    mo.callout(
        mo.md(
            f"`{chosen}` ends **{_side}**{_where}, {_how[found.status]}. "
            f"Of the {len(NAMES)} losses {saved} end on the right side."
        ),
        kind="success" if ended is not None and ended > 0 else "danger",
    )
    return


@app.cell(hide_code=True)
def explanation():
    mo.md(r"""
    ## What saves a pair

    **A pull without end.** DPO and its kin of one margin fall for ever: from one-sided labels, $p=1$, they end at
    $\delta=\infty$, whatever the reference. With labels both ways DPO stops at $\delta_{\rm
    ref}+\operatorname{logit}(p)/\beta$: the more $\beta$, the less is gained.

    **A target that does not start from the reference.** SLiC and SimPO never look at it, HyPO and E-CPO make up for
    what it has wrong. IPO, cDPO, the hinge and SPPO ask for a *finite gain*: a reference that is wrong by more keeps
    the pair wrong even if every label is right.

    **The normalisation.** KTO, BCO, ORPO and DPO with an SFT term see each log-ratio itself: they raise $\pi(a)$ until
    there is no more to take, first of all from $c$. APO-down gives everything to $c$.
    """)
    return


@app.cell(hide_code=True)
def exercise():
    mo.md(r"""
    ## Exercise

    Every label is right, $p=1$, and $\beta=1/2$. How wrong may the reference be for IPO to end on the right side?
    """)
    return


@app.cell(hide_code=True)
def solution():
    answer = -1.0
    _ipo = losses.get("ipo")
    _below, _above = (end(losses.solve(*pair(answer + s, 0.5, 1), _ipo)) for s in (-0.01, 0.01))
    mo.accordion(
        {
            "Answer": mo.md(rf"""
    IPO gains $1/(2\beta)=1$ nat and no more: $\delta_{{\rm ref}}>-1/(2\beta)={answer:g}$. On both sides of it, at
    {answer - 0.01:g} and {answer + 0.01:g}, it ends at $\delta=$ **{_below:+.2f}** and **{_above:+.2f}**.
    """)
        }
    )
    return (answer,)


@app.cell(hide_code=True)
def further():
    lesson.further("6_losses", "map-ranks-fails", "map-ranks-holds", "map-target-fails")
    return


@app.function
def main_parameter(name):
    """The parameter that the slider moves, and where it stands at first; ``None`` and 0 where there is none."""
    default = losses.typical(name).params
    named = next((key for key in default if key in STEPS and name != "bco_pair_unshifted"), None)
    return named, 0 if named is None else default[named]


@app.function
def at(name, value):
    """A loss with its main parameter at a value, the others as usual."""
    named, _ = main_parameter(name)
    usual = losses.typical(name).params
    return losses.get(name, **(usual | {named: value} if named else usual))


@app.function
def pair(delta_ref, beta, share):
    """The problem, c having half of the mass, and the labels."""
    a = 0.5 / (1 + np.exp(-delta_ref))
    rates = [(0, 0, 1, share), (0, 1, 0, 1 - share)]
    return Problem.from_probabilities([a, 0.5 - a, 0.5], beta), Preferences.from_pairs([r for r in rates if r[3] > 0])


@app.function
def end(found):
    """δ at the policy that a solution shows, rounding around 0 apart; ``None`` where both responses vanish."""
    a, b = found.log_policy[0, :2]
    return None if a == b == -np.inf else float(np.round(a - b, 12))


@app.function
def side(delta):
    """In words."""
    return "on the right side" if delta > 0 else "on the wrong side" if delta < 0 else "in a tie"


@app.function
@style.styled
def draw(delta, delta_ref, name):
    """A row a loss, in two columns: where it ends; a triangle where that is beyond the picture."""
    figure, columns = style.new_figure(columns=2, height=3.2, cols=2)
    rows, half = list(enumerate(delta.items())), (len(delta) + 1) // 2
    for ax, part in zip(columns, (rows[:half], rows[half:]), strict=True):
        panel(ax, part, delta_ref, name)
        ax.set_ylim(part[0][0] + half - 0.5, part[0][0] - 0.5)
    return figure


@app.function
def panel(ax, rows, delta_ref, name):
    """Some of the rows."""
    reach = 8.0
    ax.axvspan(-reach - 1, 0, color=style.REGION_U, linewidth=0, zorder=0)
    ax.axvline(delta_ref, **style.line("reference"))
    for row, (other, value) in rows:
        if value is None:
            ax.text(0.2, row, "both vanish", va="center", fontsize="small")
            continue
        marker = ("o" if value > 0 else "s" if value < 0 else "D") if abs(value) <= reach else "<>"[value > 0]
        color = style.LOOKS["cpo" if value > 0 else "dpo" if value < 0 else "reference"].color
        picked = {"markersize": 7, "markeredgecolor": "black"} if other == name else {"markersize": 4.5}
        ax.plot(np.clip(value, -reach, reach), row, marker, color=color, **picked)
    ax.set(xlim=(-reach - 0.6, reach + 0.6), xlabel=r"$\delta=\log\,\pi(a)/\pi(b)$ at the end; dotted: reference")
    ax.set_yticks([row for row, _ in rows], [f"{other}  {row + 1}" for row, (other, _) in rows])
    for tick, (_, (other, _)) in zip(ax.get_yticklabels(), rows, strict=True):
        tick.set_fontweight("bold" if other == name else "normal")
    ax.tick_params(axis="y", length=0)
    for x, words in ((0.25, "wrong side"), (0.75, "right side")):
        ax.text(x, 1.02, words, transform=ax.transAxes, ha="center")


if __name__ == "__main__":
    app.run()
