# /// script
# [tool.marimo.opengraph]
# title = "4. Theorem 3.5, false and repaired"
# description = "One label a pair, or labels both ways: two losses, two answers."
# [tool.marimo.display]
# theme = "system"
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", css_file="lesson.css", app_title="4. Theorem 3.5, false and repaired")

with app.setup:
    import marimo as mo
    import numpy as np

    from demos import lesson
    from figures import inline, style
    from tabular import Preferences, Problem, Status, dpo, margins, rlhf


@app.cell(hide_code=True)
def question():
    mo.md(r"""
    # 4. Theorem 3.5, false and repaired

    *DPO and RLHF optimise equivalent objectives if and only if $\delta_{\rm ref}>-\Delta r/\beta$ on every pair.* So
    Theorem 3.5 of Yang et al. (as transcribed). Two things are called "the DPO loss of a pair", and the theorem has to
    be read with one of them:

    - **labelled once**: $w$ over $l$, and that is all;
    - **population**: labelled both ways, at the Bradley–Terry rates of the reward, $\sigma(\Delta r)$ and
      $\sigma(-\Delta r)$.

    Draw both losses against $\delta$, mark the RLHF optimum $\delta^*$, and see which of them is least there.
    """)
    return


@app.cell(hide_code=True)
def prediction():
    guess = lesson.prediction(
        r"The condition $\delta_{\rm ref}>-\Delta r/\beta$ holds. Which of the two losses is least at $\delta^*$?",
        ["both", "only the population loss", "only the loss labelled once"],
    )
    guess
    return (guess,)


@app.cell(hide_code=True)
def revealed(guess):
    lesson.reveal(
        guess.value,
        "only the population loss",
        r"Labelled once, the loss falls for ever: nothing minimises it, $\delta^*$ included. The population loss is "
        r"least at $\delta^*$, and that whether or not the condition holds.",
    )
    return


@app.cell(hide_code=True)
def sliders():
    delta_ref = mo.ui.slider(
        -4, 4, 0.1, value=0, show_value=True, full_width=True, label=r"$\delta_{\rm ref}$ of the reference (nats)"
    )
    reward_difference = mo.ui.slider(
        0.1, 3, 0.1, value=1, show_value=True, full_width=True, label=r"$\Delta r$ (reward units)"
    )
    beta = mo.ui.slider(
        steps=[0.2, 0.3, 0.5, 0.7, 1, 1.5, 2], value=1, show_value=True, full_width=True, label=r"$\beta$"
    )
    mo.vstack([delta_ref, reward_difference, beta])
    return beta, delta_ref, reward_difference


@app.cell
def solved(beta, delta_ref, reward_difference):
    problem = Problem.from_unnormalized([delta_ref.value, 0.0], beta.value, reward=[reward_difference.value, 0.0])
    once = Preferences.from_pairs([(0, 1)])
    delta_star = float(once.delta(rlhf.optimal_policy(problem))[0])
    population = dpo.solve(problem, Preferences.from_bradley_terry(problem))
    delta_population = float(once.delta(population.log_policy)[0])
    attained_once = dpo.solve(problem, once).status is not Status.UNATTAINED
    condition = delta_ref.value > -reward_difference.value / beta.value
    return attained_once, condition, delta_population, delta_star, problem


@app.cell(hide_code=True)
def picture(beta, delta_ref, delta_star, reward_difference):
    mo.image(
        inline.data_url(draw(delta_ref.value, beta.value, reward_difference.value, delta_star)),
        alt=f"Both losses against delta; the RLHF optimum is at {delta_star:.2f}",
        width="100%",
    )
    return


@app.cell(hide_code=True)
def verdict(attained_once, condition, delta_population, delta_star):
    _first = "right" if delta_star > 0 else "wrong"
    mo.callout(
        mo.md(f"""
    The condition **{"holds" if condition else "fails"}**. The population loss is least at
    $\\delta={delta_population:.3f}$, RLHF ends at $\\delta^*={delta_star:.3f}$: the same, and the pair is ranked
    **{_first}**. The loss labelled once {"has a minimiser" if attained_once else "has **no minimiser**"}.
    """),
        kind="success" if delta_star > 0 else "danger",
    )
    return


@app.cell(hide_code=True)
def explanation():
    mo.md(r"""
    ## False, and repaired

    "If" fails for labels given once: the condition may hold, and DPO still runs past $\delta^*$. "Only if" fails for
    the population: there DPO and RLHF agree whatever $\delta_{\rm ref}$ is. The repair keeps what is true of each:

    - **Population labels on pairs that connect all responses: DPO has one minimiser, and it is $\pi^*$.** No condition.
    - **The condition decides whether that shared optimum ranks $w$ first.**

    Where they agree, they agree on the mistakes as well.
    """)
    return


@app.cell(hide_code=True)
def exercise():
    mo.md(r"""
    ## Exercise

    $\beta=\Delta r=1$ and a uniform reference, labelled once. By how much is the DPO loss at $\delta=2$ smaller than at
    the RLHF optimum?
    """)
    return


@app.cell(hide_code=True)
def solution():
    _at_optimum, _at_two = margins.loss([1.0, 2.0], 0.0, 1.0)
    answer = float(_at_optimum - _at_two)
    mo.accordion(
        {
            "Answer": mo.md(rf"""
    $\delta^*=0+1/1=1$, where the loss is $\log(1+e^{{-1}})\approx{_at_optimum:.4f}$; at $\delta=2$ it is
    $\log(1+e^{{-2}})\approx{_at_two:.4f}$. The difference is **{answer:.4f}** nats: $\pi^*$ is not a minimiser.
    """)
        }
    )
    return (answer,)


@app.cell(hide_code=True)
def further():
    lesson.further("3_equivalence", "thm-3.5", "thm-3.5-if", "thm-3.5-only-if", "thm-3.5-repaired")
    return


@app.function
@style.styled
def draw(delta_ref, beta, reward_difference, delta_star):
    """Both losses of the pair; the reference and the RLHF optimum are marked on the population loss."""
    figure, ax = style.new_figure(columns=2, height=3.2)
    delta = np.linspace(-7, 7, 400)
    rate = 1 / (1 + np.exp(-reward_difference))

    def population(at):
        return rate * margins.loss(at, delta_ref, beta) + (1 - rate) * margins.loss(-at, -delta_ref, beta)

    ax.axvline(0, color=style.RULE, linewidth=0.6)
    if delta_ref < 0:
        ax.axvspan(delta_ref, 0, color=style.REGION_U, linewidth=0, label=style.SYMBOLS["region_u"])
    ax.plot(delta, margins.loss(delta, delta_ref, beta), **style.line("dpo", label="DPO, labelled once"))
    ax.plot(delta, population(delta), **style.line("ecpo", label="DPO, population labels"))
    ax.plot(delta_ref, population(delta_ref), **style.points("reference", markersize=8))
    ax.plot(delta_star, population(delta_star), **style.points("rlhf", markersize=8))
    ax.set(xlim=(-7, 7), ylim=(0, 2.5), xlabel=style.SYMBOLS["delta"], ylabel=style.SYMBOLS["loss"])
    ax.legend(loc="upper right")
    return figure


if __name__ == "__main__":
    app.run()
