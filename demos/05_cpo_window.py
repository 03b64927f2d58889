# /// script
# [tool.marimo.opengraph]
# title = "5. CPO penalised: the window that closes"
# description = "Raise γ until the ranking is right, and a little more until nothing is left."
# [tool.marimo.display]
# theme = "system"
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", css_file="lesson.css", app_title="5. CPO penalised: the window that closes")

with app.setup:
    import marimo as mo
    import numpy as np

    from demos import lesson
    from figures import inline, style
    from tabular import Preferences, Problem, cpo


@app.cell(hide_code=True)
def question():
    mo.md(r"""
    # 5. CPO penalised: the window that closes

    RLHF may rank a pair wrong. So reward the ranking itself: add $\gamma\,\delta$, with $\delta=\log\pi(w)/\pi(l)$, to
    the objective of RLHF (Eq. 10 of Yang et al., as transcribed):

    $$J_\gamma(\pi)=\mathbb E_\pi[r]-\beta\,\mathrm{KL}(\pi\,\|\,\pi_{\rm ref})+\gamma\,\delta .$$

    Theorem 4.9 says that from some $\gamma^*$ on the maximiser has $\delta>0$. Raise $\gamma$ and look for the maximum.
    """)
    return


@app.cell(hide_code=True)
def prediction():
    guess = lesson.prediction(
        r"As $\gamma$ grows, what happens to the maximum of $J_\gamma$?",
        ["it moves right and stays", "it never exists", "a local one moves right, then vanishes"],
    )
    guess
    return (guess,)


@app.cell(hide_code=True)
def revealed(guess):
    lesson.reveal(
        guess.value,
        "a local one moves right, then vanishes",
        r"A *global* maximum never exists for $\gamma>0$: far to the right reward and KL are bounded and "
        r"$\gamma\,\delta$ is not. The local one crosses 0 at $\gamma^*$ and is gone from $\gamma_{\max}$ on.",
    )
    return


@app.cell(hide_code=True)
def sliders():
    gamma = mo.ui.slider(
        0, 1.2, 0.01, value=0.2, show_value=True, full_width=True, label=r"$\gamma$, reward of the ranking"
    )
    delta_star = mo.ui.slider(
        -3, 0, 0.1, value=-1.5, show_value=True, full_width=True, label=r"$\delta^*$ of the RLHF optimum (nats)"
    )
    beta = mo.ui.slider(steps=[0.5, 0.7, 1, 1.5, 2], value=1, show_value=True, full_width=True, label=r"$\beta$")
    mo.vstack([gamma, delta_star, beta])
    return beta, delta_star, gamma


@app.cell
def solved(beta, delta_star, gamma):
    problem = Problem.from_unnormalized([delta_star.value, 0.0], beta.value, reward=[0.0, 0.0])
    pair = Preferences.from_pairs([(0, 1)])
    gamma_star, gamma_max = (float(edge[0]) for edge in cpo.gamma_window(problem, pair))
    found = cpo.penalized_optimum(problem, pair, gamma.value)
    n_local = int(found.n_local[0])
    delta = float(pair.delta(found.local_by_prompt[0])[0]) if n_local else None
    return delta, gamma_max, gamma_star, n_local, pair, problem


@app.cell(hide_code=True)
def picture(delta, gamma, pair, problem):
    mo.image(
        inline.data_url(draw(problem, pair, gamma.value, delta)),
        alt="The penalised objective against delta, and its local maximum where there is one",
        width="100%",
    )
    return


@app.cell(hide_code=True)
def verdict(delta, gamma_max, gamma_star):
    if delta is None:
        _sentence = "**No maximum is left**, not even a local one."
    else:
        _side = "right" if delta > 0 else "wrong"
        _sentence = f"The local maximum is at $\\delta={delta:.3f}$: the pair is ranked **{_side}**."
    mo.callout(
        mo.md(rf"{_sentence} The window is $\gamma^*={gamma_star:.3f}<\gamma<\gamma_{{\max}}={gamma_max:.3f}$."),
        kind="danger" if delta is None or delta <= 0 else "success",
    )
    return


@app.cell(hide_code=True)
def explanation():
    mo.md(r"""
    ## Why it closes

    On two responses, with $\kappa=\gamma/\beta$, stationary policies satisfy
    $\delta-2\kappa(1+\cosh\delta)=\delta^*$. The left side is largest at $\sinh\delta=1/(2\kappa)$, and its largest
    value, $F(\kappa)$, falls as $\kappa$ grows. Once it is below $\delta^*$ the equation has no solution. For
    $\delta^*<0$ the window $(\gamma^*,\gamma_{\max})$ with $\gamma^*=-\beta\delta^*/4$ is never empty, and it can be
    narrow.

    A hard constraint, $\pi(w)\ge e^m\pi(l)$, has no such trouble: that is the next lesson.
    """)
    return


@app.cell(hide_code=True)
def exercise():
    mo.md(r"""
    ## Exercise

    $\beta=1$ and $\delta^*=-1$. Where does the window begin and end?
    """)
    return


@app.cell(hide_code=True)
def solution():
    answer = tuple(
        float(edge[0])
        for edge in cpo.gamma_window(
            Problem.from_unnormalized([-1.0, 0.0], 1.0, reward=[0.0, 0.0]), Preferences.from_pairs([(0, 1)])
        )
    )
    mo.accordion(
        {
            "Answer": mo.md(rf"""
    It begins at $\gamma^*=-\beta\delta^*/4={answer[0]:.2f}$ and ends where $F(\gamma/\beta)=\delta^*$, at
    $\gamma_{{\max}}\approx{answer[1]:.4f}$.
    """)
        }
    )
    return (answer,)


@app.cell(hide_code=True)
def further():
    lesson.further("5_cpo", "eq-10", "thm-4.9", "thm-4.9-local", "gamma-window", "thm-4.9-beyond")
    return


@app.function
@style.styled
def draw(problem, pair, gamma, delta):
    """The objective along delta, its local maximum, and the side on which the pair is ranked right."""
    figure, ax = style.new_figure(columns=2, height=3.2)
    at = np.linspace(-6, 8, 500)
    log_policy = -np.logaddexp(0, np.stack([-at, at], axis=1))
    many = Problem(np.repeat(problem.log_ref, len(at), axis=0), problem.beta, np.zeros((len(at), 2)))
    labels = Preferences.from_pairs([(x, 0, 1) for x in range(len(at))])
    value = cpo.penalized_objective(log_policy, many, labels, gamma)
    ax.axvline(0, color=style.RULE, linewidth=0.6)
    ax.plot(at, value, **style.line("penalty", label=r"$J_\gamma$"))
    if delta is not None:
        ax.plot(delta, np.interp(delta, at, value), **style.points("cpo", markersize=9, label="local maximum"))
    top = float(value.max())
    ax.text(0.2, 0.04, r"right: $\delta>0$", transform=ax.get_xaxis_transform(), fontsize="small")
    ax.text(-0.2, 0.04, "wrong", transform=ax.get_xaxis_transform(), fontsize="small", ha="right")
    ax.set(xlim=(-6, 8), ylim=(min(value.min(), -2.5), max(top, 0.5) + 0.3), xlabel=style.SYMBOLS["delta"])
    ax.set_ylabel(r"$J_\gamma$ (reward units)")
    ax.legend(loc="upper left")
    return figure


if __name__ == "__main__":
    app.run()
