# /// script
# [tool.marimo.opengraph]
# title = "10. Votes: Borda, Condorcet and Nash"
# description = "Three voters, one circle: what DPO makes of it, and what a game does."
# [tool.marimo.display]
# theme = "system"
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", css_file="lesson.css", app_title="10. Votes: Borda, Condorcet and Nash")

with app.setup:
    import marimo as mo
    import numpy as np

    from demos import lesson
    from figures import inline, style
    from tabular import Preferences, Problem, dpo
    from tabular.choice import nash, rules


@app.cell(hide_code=True)
def question():
    mo.md(r"""
    # 10. Votes: Borda, Condorcet and Nash

    Many people compare three answers $a,b,c$, two at a time; $P(a\succ b)$ is the share that prefers $a$. No single
    reward has to be behind it. DPO fits one all the same. Whom does it elect?
    """)
    return


@app.cell(hide_code=True)
def prediction():
    guess = lesson.prediction(
        r"$a$ beats $b$ and $c$, narrowly. $b$ beats $c$ by a landslide. Whom does DPO put first?",
        ["a", "b", "it depends on beta"],
    )
    guess
    return (guess,)


@app.cell(hide_code=True)
def revealed(guess):
    lesson.reveal(
        guess.value,
        "b",
        "It orders by Borda scores, the sum of a response's shares, and a landslide counts more than two narrow wins.",
    )
    return


@app.cell(hide_code=True)
def sliders():
    a_over_b, a_over_c, b_over_c = (
        mo.ui.slider(0.02, 0.98, 0.02, value=value, show_value=True, full_width=True, label=label)
        for value, label in ((0.58, r"$P(a\succ b)$"), (0.58, r"$P(a\succ c)$"), (0.96, r"$P(b\succ c)$"))
    )
    mo.vstack([a_over_b, a_over_c, b_over_c])
    return a_over_b, a_over_c, b_over_c


@app.cell
def elected(a_over_b, a_over_c, b_over_c):
    preference = matrix(a_over_b.value, a_over_c.value, b_over_c.value)
    borda = rules.borda(preference)[0]
    condorcet = int(rules.condorcet_winner(preference)[0])
    labels = Preferences.from_wins(preference - 0.5 * np.eye(3))
    fitted = np.exp(dpo.solve(Problem.from_probabilities([1 / 3] * 3, beta=1.0), labels).log_policy[0])
    lottery = np.exp(nash.limit(preference)).reshape(3)
    return borda, condorcet, fitted, lottery, preference


@app.cell(hide_code=True)
def picture(borda, fitted, lottery):
    mo.image(
        inline.data_url(draw(borda, fitted, lottery)),
        alt="Borda scores, the DPO policy and the Nash policy of the three responses",
        width="100%",
    )
    return


@app.cell(hide_code=True)
def verdict(condorcet, fitted, lottery):
    _first = "abc"[int(fitted.argmax())]
    _right = condorcet >= 0 and "abc"[condorcet] == _first
    if condorcet < 0:
        _sentence = f"""**No response beats every other one.** DPO puts ${_first}$ first; the Nash policy gives
        {int((lottery > 1e-9).sum())} responses some probability, and no policy beats it."""
    elif _right:
        _sentence = f"${_first}$ beats every other response, and DPO puts it first."
    else:
        _sentence = f"""**${"abc"[condorcet]}$ beats every other response, and DPO puts ${_first}$ first.** The Nash
        policy is ${"abc"[condorcet]}$."""
    mo.callout(mo.md(_sentence), kind="success" if _right else "warn")
    return


@app.cell(hide_code=True)
def explanation():
    mo.md(r"""
    ## Three winners

    - **Borda**: the most votes in total. DPO from a uniform reference, every pair compared equally often, orders by it:
      the fit has $\sum_j\sigma(s_i-s_j)=\sum_jP_{ij}$, and the left side increases in $s_i$.
    - **Condorcet**: beats every other response. There may be none: votes can go in circles.
    - **Nash**: the policy that no policy beats. Always there; a Condorcet winner where one is, a mixture elsewhere.
    """)
    return


@app.cell(hide_code=True)
def exercise():
    mo.md(r"""
    ## Exercise

    Rock, scissors, paper: $a$ always beats $b$, $b$ always beats $c$, $c$ always beats $a$. What is the Nash policy?
    """)
    return


@app.cell(hide_code=True)
def solution():
    answer = np.exp(nash.limit(matrix(1.0, 0.0, 1.0))).reshape(3)
    mo.accordion(
        {
            "Answer": mo.md(rf"""
    All alike: $({answer[0]:.3f},\ {answer[1]:.3f},\ {answer[2]:.3f})$. Any other mixture leans to some response, and
    the one that beats it gains.
    """)
        }
    )
    return (answer,)


@app.cell(hide_code=True)
def further():
    lesson.further("9_votes", "maximal-lottery-odd", "arrow-two-voters")
    return


@app.function
def matrix(a_over_b, a_over_c, b_over_c):
    """The preference matrix of three shares."""
    upper = np.array([[0, a_over_b, a_over_c], [0, 0, b_over_c], [0, 0, 0]])
    return upper + np.tril(1 - upper.T, -1) + 0.5 * np.eye(3)


@app.function
@style.styled
def draw(borda, fitted, lottery):
    """Three bars for each response: its Borda share, DPO's probability, the Nash probability."""
    figure, ax = style.new_figure(columns=2, height=3.0)
    rows = (
        ("reference", borda / borda.sum(), "Borda, share of all votes"),
        ("dpo", fitted, "DPO"),
        ("cpo", lottery, "Nash"),
    )
    for offset, (look, heights, label) in zip((-0.27, 0.0, 0.27), rows, strict=True):
        shown = ax.bar(np.arange(3) + offset, heights, 0.25, color=style.LOOKS[look].color, label=label)
        ax.bar_label(shown, fmt="%.2f", fontsize="small", padding=1)
    ax.set(xticks=range(3), xticklabels=["$a$", "$b$", "$c$"], ylim=(0, 1.25), yticks=[0, 0.5, 1])
    ax.set_ylabel("share, or probability")
    ax.legend(loc="upper center", ncols=3)
    return figure


if __name__ == "__main__":
    app.run()
