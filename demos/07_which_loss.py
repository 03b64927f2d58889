# /// script
# [tool.marimo.opengraph]
# title = "7. Which loss?"
# description = "Thirty losses, one table: where does each of them want the policy?"
# [tool.marimo.display]
# theme = "system"
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", css_file="lesson.css", app_title="7. Which loss?")

with app.setup:
    import marimo as mo
    import numpy as np

    from demos import lesson
    from figures import inline, style
    from tabular import Preferences, Problem, Status, losses


@app.cell(hide_code=True)
def question():
    mo.md(r"""
    # 7. Which loss?

    DPO has some thirty relatives. Put them all on one table: three responses, $a$ and $b$ labelled, $c$ labelled by
    nobody. A share $p$ of the labels says $a$ over $b$. Where does each loss want the policy?
    """)
    return


@app.cell(hide_code=True)
def prediction():
    guess = lesson.prediction(
        r"Three in four labels say $a$ over $b$. Can a loss send *all* probability to $c$, which nobody labelled?",
        ["no, never", "only if labels are one-sided", "yes"],
    )
    guess
    return (guess,)


@app.cell(hide_code=True)
def revealed(guess):
    lesson.reveal(
        guess.value,
        "yes",
        "APO-down does, from two-sided labels. Choose it below, and then NCA, SPPO and DPO with an SFT term.",
    )
    return


@app.cell(hide_code=True)
def controls():
    chosen = mo.ui.dropdown(
        [name for name in losses.names() if not losses.typical(name).batch], value="ipo", label="loss"
    )
    share = mo.ui.slider(
        steps=[0.5, 0.6, 0.75, 0.9, 0.99, 1],
        value=0.75,
        show_value=True,
        full_width=True,
        label="$p$, share of labels that say $a$ over $b$",
    )
    beta = mo.ui.slider(steps=[0.2, 0.5, 1, 2], value=0.5, show_value=True, full_width=True, label=r"$\beta$")
    mo.vstack([chosen, share, beta])
    return beta, chosen, share


@app.cell
def solved(beta, chosen, share):
    problem = Problem.from_probabilities([0.2, 0.3, 0.5], beta.value)
    rates = [(0, 0, 1, share.value), (0, 1, 0, 1 - share.value)]
    labels = Preferences.from_pairs([rate for rate in rates if rate[3] > 0])
    loss = losses.typical(chosen.value)
    found = losses.solve(problem, labels, loss)
    plain = losses.solve(problem, labels, losses.get("dpo"))
    policy = np.exp(found.log_policy[0])
    return found, labels, loss, plain, policy, problem


@app.cell(hide_code=True)
def picture(chosen, plain, policy, problem):
    mo.image(
        inline.data_url(draw(problem, plain, policy, chosen.value)),
        alt=f"Probabilities of the three responses under the reference, DPO and {chosen.value}",
        width="100%",
    )
    return


@app.cell(hide_code=True)
def verdict(found, loss, policy):
    _words = {
        Status.UNIQUE: "has one minimiser",
        Status.SET: "has a whole set of minimisers; shown is where gradient flow from the reference ends",
        Status.UNATTAINED: "has **no minimiser**; shown is a limit",
        Status.UNBOUNDED: "is **unbounded below**; shown is where the mass goes",
        Status.LOCAL: "is not convex; shown is the best policy that was found, **not certified** to be the best",
    }
    _slopes = f" Its slopes at the two ends are {loss.growth[0]:g} and {loss.growth[1]:g}." if loss.growth else ""
    mo.callout(
        mo.md(f"`{loss}` {_words[found.status]}.{_slopes} It leaves {100 * policy[2]:.1f} % to $c$."),
        kind="success" if found.status in (Status.UNIQUE, Status.SET) else "danger",
    )
    return


@app.cell(hide_code=True)
def explanation():
    mo.md(r"""
    ## What sorts them

    **Does the loss see only differences of log-ratios?** Then the normalisation never binds, and existence is decided
    by the slopes at its two ends: growing at both (IPO, cDPO), it always has a minimiser; falling to 0 at one (DPO), it
    has none if an arrow of labels is one-way; falling for ever (rDPO), it can be unbounded below.

    **Does it see each log-ratio itself?** Then a minimum satisfies $G_y=\nu\,\pi(y)$ for all $y$, with $G_y$ the slope
    in $\log\pi(y)$. For an unlabelled response $G_y=0$, so either $\nu=0$ or *it gets nothing*.
    """)
    return


@app.cell(hide_code=True)
def exercise():
    mo.md(r"""
    ## Exercise

    NCA wants $\rho_y=\log(2p_y)/\beta$ of both labelled responses. With $p=3/4$, $\beta=1/2$ and the reference
    above, how much is left for $c$?
    """)
    return


@app.cell(hide_code=True)
def solution():
    _problem = Problem.from_probabilities([0.2, 0.3, 0.5], 0.5)
    _labels = Preferences.from_pairs([(0, 0, 1, 0.75), (0, 1, 0, 0.25)])
    answer = float(np.exp(losses.solve(_problem, _labels, losses.get("nca_pair")).log_policy[0, 2]))
    mo.accordion(
        {
            "Answer": mo.md(rf"""
    $\pi(a)=0.2\cdot(3/2)^2=0.45$ and $\pi(b)=0.3\cdot(1/2)^2=0.075$. That fits, so $\nu=0$ and $c$ keeps the rest:
    **{answer:.3f}**.
    """)
        }
    )
    return (answer,)


@app.cell(hide_code=True)
def further():
    lesson.further("6_losses", "rdpo-empirical-unbounded", "dpo-solution-set", "ipo-dpo-order-four")
    return


@app.function
@style.styled
def draw(problem, plain, policy, name):
    """Three bars for each response: the reference, DPO, and the chosen loss."""
    figure, ax = style.new_figure(columns=2, height=3.0)
    rows = (
        ("reference", np.exp(problem.log_ref[0]), style.LOOKS["reference"].label),
        ("dpo", np.exp(plain.log_policy[0]), "DPO"),
        ("cpo", policy, name),
    )
    for offset, (look, heights, label) in zip((-0.27, 0.0, 0.27), rows, strict=True):
        shown = ax.bar(np.arange(3) + offset, heights, 0.25, color=style.LOOKS[look].color, label=label)
        ax.bar_label(shown, fmt="%.2f", fontsize="small", padding=1)
    ax.set(xticks=range(3), xticklabels=["$a$", "$b$", "$c$, unlabelled"], ylim=(0, 1.25), ylabel="probability")
    ax.set_yticks([0, 0.5, 1])
    ax.legend(loc="upper center", ncols=3)
    return figure


if __name__ == "__main__":
    app.run()
