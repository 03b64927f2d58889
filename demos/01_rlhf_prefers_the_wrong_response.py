# /// script
# [tool.marimo.opengraph]
# title = "1. When RLHF prefers the wrong response"
# description = "A right reward, a wrong policy: the boundary δ_ref = −Δr/β."
# [tool.marimo.display]
# theme = "system"
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", css_file="lesson.css", app_title="1. When RLHF prefers the wrong response")

with app.setup:
    import marimo as mo
    import numpy as np

    from demos import lesson
    from figures import inline, style
    from tabular import Preferences, Problem, rlhf


@app.cell(hide_code=True)
def question():
    mo.md(r"""
    # 1. When RLHF prefers the wrong response

    Two responses to one prompt were compared, and $w$ (the *winner*) was preferred to $l$ (the *loser*).
    Before alignment, the model answers like the *reference* $\pi_{\rm ref}$. RLHF then looks for the policy
    with the largest

    $$\mathbb E_{\pi}[r]-\beta\,\mathrm{KL}(\pi\,\|\,\pi_{\rm ref}):$$

    a high reward $r$, at a price $\beta$ for every nat of distance from the reference.

    Suppose that the reward is right about the pair: $\Delta r=r_w-r_l>0$. Does the optimal policy $\pi^*$ prefer
    $w$ then? Move the sliders and see. ("Prefer" means: give it the larger probability. The two probabilities are
    compared through their *log-ratio* $\delta=\log\pi(w)/\pi(l)$, positive if and only if $\pi$ prefers $w$.)
    """)
    return


@app.cell(hide_code=True)
def prediction():
    guess = lesson.prediction(
        r"The reward is right, $r_w>r_l$, and the optimisation is perfect. Can the optimum still prefer $l$?",
        ["yes", "no"],
    )
    guess
    return (guess,)


@app.cell(hide_code=True)
def revealed(guess):
    lesson.reveal(
        guess.value,
        "yes",
        r"At the sliders' first setting it does: the reward lifts the log-ratio by $\Delta r/\beta$ and no further.",
    )
    return


@app.cell(hide_code=True)
def sliders():
    delta_ref = mo.ui.slider(
        -4,
        4,
        0.1,
        value=-2,
        show_value=True,
        full_width=True,
        label=r"$\delta_{\rm ref}$, log-ratio of the reference (nats)",
    )
    reward_difference = mo.ui.slider(
        0.1,
        3,
        0.1,
        value=1,
        show_value=True,
        full_width=True,
        label=r"$\Delta r$, how much more reward $w$ earns (reward units)",
    )
    beta = mo.ui.slider(
        steps=[0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3],
        value=1,
        show_value=True,
        full_width=True,
        label=r"$\beta$, price of one nat of KL (reward units per nat)",
    )
    mo.vstack([delta_ref, reward_difference, beta])
    return beta, delta_ref, reward_difference


@app.cell
def optimum(beta, delta_ref, reward_difference):
    problem = Problem.from_unnormalized([delta_ref.value, 0.0], beta.value, reward=[reward_difference.value, 0.0])
    pair = Preferences.from_pairs([(0, 1)])
    log_optimum = rlhf.optimal_policy(problem)
    delta_star = float(pair.delta(log_optimum)[0])
    boundary = -reward_difference.value / beta.value
    return boundary, delta_star, log_optimum, pair, problem


@app.cell(hide_code=True)
def picture(delta_star, log_optimum, problem):
    mo.image(
        inline.data_url(draw(problem, log_optimum)),
        alt=f"Probabilities of w and l, and the boundary; the log-ratio of the RLHF optimum is {delta_star:.2f}",
        width="100%",
    )
    return


@app.cell(hide_code=True)
def verdict(beta, boundary, delta_ref, delta_star, log_optimum, problem):
    before, after = 100 * np.exp([problem.log_ref[0, 0], log_optimum[0, 0]])
    preference = {1: "prefers the right response", 0: "is indifferent", -1: "prefers the wrong response"}[
        int(np.sign(round(delta_star, 9)))
    ]
    mo.callout(
        mo.md(rf"""
    The reference gives $w$ a probability of {before:.1f} %, the RLHF optimum {after:.1f} %: it
    **{preference}** ($\delta^*={delta_star:.2f}$).
    At $\beta={beta.value:g}$ this reward brings every reference above $-\Delta r/\beta={boundary:.2f}$ over to $w$;
    yours is at $\delta_{{\rm ref}}={delta_ref.value:.2f}$.
    """),
        kind="success" if delta_star > 0 else "danger",
    )
    return (preference,)


@app.cell(hide_code=True)
def explanation():
    mo.md(r"""
    ## Why

    The optimum is the reference, tilted by the reward: $\pi^*(y)\propto\pi_{\rm ref}(y)\,e^{r(y)/\beta}$. In the
    log-ratio of the two responses the normalisation cancels, and

    $$\delta^*=\delta_{\rm ref}+\frac{\Delta r}{\beta}.$$

    The reward pushes the log-ratio up by $\Delta r/\beta$, and no further. So $\pi^*$ prefers $w$ if and only if

    $$\delta_{\rm ref}>-\frac{\Delta r}{\beta}.$$

    A reference that is *more* wrong than that stays wrong, although the reward is right and the optimisation perfect:
    moving further would cost more KL than it earns reward. "RLHF ranks the preferred response first on every pair" is
    Assumption 3.1 of Yang et al. (arXiv 2605.20834, as transcribed); it is a condition on the reference and on
    $\beta$, and not something that RLHF guarantees.
    """)
    return


@app.cell(hide_code=True)
def exercise():
    mo.md(r"""
    ## Exercise

    The reference gives $w$ a probability of 20 % and $l$ one of 80 %; the reward difference is $\Delta r=0.5$. For
    which $\beta$ does RLHF prefer $w$?
    """)
    return


@app.cell(hide_code=True)
def solution(pair):
    def _delta_star(beta):
        return pair.delta(rlhf.optimal_policy(Problem.from_probabilities([0.2, 0.8], beta, reward=[0.5, 0.0])))[0]

    answer = 0.5 / np.log(4)
    mo.accordion(
        {
            "Answer": mo.md(rf"""
    $\delta_{{\rm ref}}=\log(0.2/0.8)=-\log 4$, so the condition $-\log 4>-0.5/\beta$ says

    $$\beta<\frac{{0.5}}{{\log 4}}\approx{answer:.4f}.$$

    A check on both sides: $\beta={answer - 0.01:.2f}$ gives $\delta^*={_delta_star(answer - 0.01):+.3f}$, and
    $\beta={answer + 0.01:.2f}$ gives $\delta^*={_delta_star(answer + 0.01):+.3f}$. A small $\beta$ rescues the
    ranking, and pays for it with distance from the reference.
    """)
        }
    )
    return (answer,)


@app.cell(hide_code=True)
def further():
    lesson.further("1_rlhf", "assumption-3.1", "rlhf-closed-form")
    return


@app.function
@style.styled
def draw(problem, log_optimum):
    """The two policies, and the plane of all references and rewards at this beta."""
    figure, (bars, plane) = style.new_figure(columns=2, height=2.7, cols=2, width_ratios=(1, 1.4))
    for offset, name, log_policy in ((-0.19, "reference", problem.log_ref), (0.19, "rlhf", log_optimum)):
        look = style.LOOKS[name]
        shown = bars.bar(np.arange(2) + offset, np.exp(log_policy[0]), 0.36, color=look.color, label=look.label)
        bars.bar_label(shown, fmt="%.2f", fontsize="small", padding=1)
    bars.set(xticks=[0, 1], xticklabels=["$w$, preferred", "$l$"], ylim=(0, 1.32), ylabel="probability")
    bars.set_yticks([0, 0.5, 1])
    bars.legend(loc="upper center", ncols=2, columnspacing=1.0, handlelength=1.0)
    style.panel_letter(bars, "a", "the two policies")

    low, high, top = -4.2, 4.2, 3.1
    gain = np.array([0.0, top])
    plane.fill_betweenx(gain, low, -gain / problem.beta, color="#E4E4E4", linewidth=0)
    plane.plot(-gain / problem.beta, gain, **style.line("rlhf", label=r"boundary $\delta_{\rm ref}=-\Delta r/\beta$"))
    plane.axvline(0, color=style.RULE, linewidth=0.6, linestyle=(0, (2, 2)))
    here = problem.log_ref[0, 0] - problem.log_ref[0, 1], problem.reward[0, 0] - problem.reward[0, 1]
    plane.plot(*here, marker="o", markersize=8, color=style.LOOKS["dpo"].color, linestyle="none", label="you are here")
    plane.text(-4.0, 0.12, r"wrong: $\pi^*$ prefers $l$", fontsize="small")
    plane.text(4.1, 0.12, r"right: $\pi^*$ prefers $w$", fontsize="small", ha="right")
    plane.set(
        xlim=(low, high), ylim=(0, top), xlabel=style.SYMBOLS["delta_ref"], ylabel=r"reward difference $\Delta r$"
    )
    plane.legend(loc="upper right")
    style.panel_letter(plane, "b", "which references end up wrong")
    return figure


if __name__ == "__main__":
    app.run()
