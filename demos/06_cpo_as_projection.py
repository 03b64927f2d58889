# /// script
# [tool.marimo.opengraph]
# title = "6. CPO as a projection"
# description = "Turn the margin; see which labels bind and what they cost."
# [tool.marimo.display]
# theme = "system"
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", css_file="lesson.css", app_title="6. CPO as a projection")

with app.setup:
    import marimo as mo
    import numpy as np

    from demos import lesson
    from figures import inline, style
    from tabular import Preferences, Problem, Status, cpo, rlhf

    RESPONSES = "abcd"


@app.cell(hide_code=True)
def question():
    mo.md(r"""
    # 6. CPO as a projection

    The first lesson showed that the RLHF optimum $\pi^*$ may prefer the wrong response. A remedy that cannot fail,
    unless the labels contradict each other, is to *demand* the right order: take the policy that is best for the same
    objective among those that satisfy

    $$\pi(w)\ge e^{m}\,\pi(l)\qquad\text{on every labelled pair.}$$

    This is constrained preference optimisation (CPO) with a hard constraint and the *margin* $m$: at $m=0$ the winner
    must be at least as likely as the loser, at $m=\log 2$ twice as likely. Four responses, $a$ to $d$; the reference
    likes $b$ best, the reward $a$. Choose the labels and turn the margin.
    """)
    return


@app.cell(hide_code=True)
def prediction():
    guess = lesson.prediction(
        r"A label would be broken by the RLHF optimum, and the margin is $m=0$. Where do its two responses end?",
        ["both at the larger of the two", "at equal probability", "swapped"],
    )
    guess
    return (guess,)


@app.cell(hide_code=True)
def revealed(guess):
    lesson.reveal(
        guess.value,
        "at equal probability",
        r"The closest policy that obeys goes no further than it must: to a tie, at the geometric mean.",
    )
    return


@app.cell(hide_code=True)
def controls():
    labels = mo.ui.dropdown(
        {
            "a over b": "ab",
            "a over b, b over c": "ab bc",
            "a over b, a over c, a over d": "ab ac ad",
            "a over b, b over c, c over d": "ab bc cd",
            "d over a, b and c": "da db dc",
            "a over b, b over c, c over a (a cycle)": "ab bc ca",
            "a over b, b over c, c over d, d over a (a cycle of all)": "ab bc cd da",
        },
        value="a over b, b over c",
        label="labels",
    )
    margin = mo.ui.slider(
        -2,
        3,
        0.1,
        value=0,
        show_value=True,
        full_width=True,
        label="$m$, margin that every label demands (nats)",
    )
    beta = mo.ui.slider(
        steps=[0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5],
        value=1,
        show_value=True,
        full_width=True,
        label=r"$\beta$, price of one nat of KL (reward units per nat)",
    )
    mo.vstack([labels, margin, beta])
    return beta, labels, margin


@app.cell
def projection(beta, labels, margin):
    problem = Problem.from_probabilities([0.05, 0.45, 0.3, 0.2], beta.value, reward=[1.0, 0.2, 0.4, 0.0])
    pairs = Preferences.from_pairs([tuple(map(RESPONSES.index, label)) for label in labels.value.split()])
    log_optimum = rlhf.optimal_policy(problem)
    best = cpo.constrained_optimum(problem, pairs, margin.value)
    price = float(best.price[0])
    return best, log_optimum, pairs, price, problem


@app.cell(hide_code=True)
def prices(pairs, problem):
    margins = np.linspace(-2, 3, 101)
    price_curve = np.array([cpo.constrained_optimum(problem, pairs, m).price[0] for m in margins])
    return margins, price_curve


@app.cell(hide_code=True)
def picture(best, log_optimum, margin, margins, pairs, price, price_curve, problem):
    mo.image(
        inline.data_url(draw(problem, log_optimum, best, pairs, (margins, price_curve), (margin.value, price))),
        alt=f"The three policies, and the price against the margin; here the price is {price:.3f}",
        width="100%",
    )
    return


@app.cell(hide_code=True)
def verdict(best, margin, pairs, price):
    _tight = [
        f"${RESPONSES[w]}$ over ${RESPONSES[lo]}$"
        for w, lo, tilt in zip(pairs.winner, pairs.loser, best.tilt, strict=True)
        if tilt > 0
    ]
    _zero = [f"${RESPONSES[y]}$" for y in np.flatnonzero(np.isneginf(best.log_policy[0]))]
    if best.status is Status.INFEASIBLE:
        _sentence = """**No policy satisfies these labels.** Around the cycle, every response would have to be more
        likely than itself; probability 0 for all of them is not a policy."""
    elif _zero:
        _sentence = f"""Around the cycle, every response would have to be more likely than itself. Only probability 0
        satisfies that: {", ".join(_zero)} **vanish**, at a price of {price:.3f} reward units."""
    elif _tight:
        _sentence = f"""These labels bind: they hold with equality, $\\pi(w)=e^{{{margin.value:g}}}\\,\\pi(l)$, and
        their multipliers are positive: {", ".join(_tight)}. The price of alignment is **{price:.3f}** reward units."""
    else:
        _sentence = "The RLHF optimum satisfies every label already: nothing moves, and the price is **0**."
    mo.callout(mo.md(_sentence), kind="danger" if _zero else "info" if _tight else "success")
    return


@app.cell(hide_code=True)
def explanation():
    mo.md(r"""
    ## Why a projection

    With $V$ the value of $\pi^*$, the objective of any policy is $J(\pi)=V-\beta\,\mathrm{KL}(\pi\,\|\,\pi^*)$. So the
    best policy that obeys the labels is the one *closest to* $\pi^*$ in KL: its projection onto the policies that obey.
    What it costs is the distance, $\beta\,\mathrm{KL}(\pi\,\|\,\pi^*)$: the price of alignment.

    A label that would be broken pulls: it multiplies $\pi^*(w)$ and divides $\pi^*(l)$ until the two are in the ratio
    $e^m$. Responses that hang together by such labels form a *pooled block*. At $m=0$ a block shares one level, and
    that is the *geometric* mean of the $\pi^*$ in it; all levels are then rescaled to sum to 1. Responses outside the
    blocks keep their ratios to each other.

    Labels that contradict each other in a cycle can be obeyed only together: at $m=0$ by making its responses equally
    likely, at $m>0$ by giving all of them probability 0.
    """)
    return


@app.cell(hide_code=True)
def exercise():
    mo.md(r"""
    ## Exercise

    Three responses, $\pi^*=(0.1,\ 0.4,\ 0.5)$, and one label: the first over the second, with $m=0$. Which policy is
    the constrained optimum, and what is its price in units of $\beta$?
    """)
    return


@app.cell(hide_code=True)
def solution():
    _best = cpo.constrained_optimum(
        Problem.from_probabilities([0.1, 0.4, 0.5], 1.0, reward=[0, 0, 0]), Preferences.from_pairs([(0, 1)])
    )
    answer = np.exp(_best.log_policy[0]), float(_best.price[0])
    _a, _b, _c = answer[0]
    mo.accordion(
        {
            "Answer": mo.md(rf"""
    The label is broken, so the two pool at their geometric mean, $\sqrt{{0.1\cdot 0.4}}=0.2$. That leaves
    $(0.2,\ 0.2,\ 0.5)$ with sum $0.9$; rescaled, $\pi=(2/9,\ 2/9,\ 5/9)\approx({_a:.3f},\ {_b:.3f},\ {_c:.3f})$.
    The price is $-\beta\log 0.9\approx{answer[1]:.4f}\,\beta$, with the 0.9 that pooling has left of the mass 1.
    """)
        }
    )
    return (answer,)


@app.cell(hide_code=True)
def further():
    lesson.further("5_cpo", "thm-4.9-hard", "hard-one-pair", "isotonic-projection")
    return


@app.function
@style.styled
def draw(problem, log_optimum, best, pairs, curve, here):
    """The policies side by side, tight labels joined by a line; the price against the margin."""
    figure, (bars, cost) = style.new_figure(columns=2, height=2.8, cols=2, width_ratios=(1.5, 1))
    policies = {"reference": problem.log_ref[0], "rlhf": log_optimum[0], "cpo": best.log_policy[0]}
    x = np.arange(len(RESPONSES))
    for offset, (name, log_policy) in zip((-0.27, 0.0, 0.27), policies.items(), strict=True):
        look = style.LOOKS[name]
        bars.bar(x + offset, np.exp(log_policy), 0.25, color=look.color, label=look.label)
    height = np.exp(best.log_policy[0])
    for w, lo in zip(pairs.winner[best.tilt > 0], pairs.loser[best.tilt > 0], strict=True):
        ends = np.array([w, lo])
        bars.plot(ends + 0.27, height[ends], color=style.RULE, linewidth=1, marker="o", markersize=3)
    bars.set(
        xticks=x, xticklabels=[f"${y}$" for y in RESPONSES], ylim=(0, 1.2), yticks=[0, 0.5, 1], ylabel="probability"
    )
    bars.legend(loc="upper center", ncols=3, columnspacing=0.9, handlelength=1.0, handletextpad=0.4)
    style.panel_letter(bars, "a", "labels that hold with equality are joined")

    cost.plot(*curve, **style.line("cpo"))
    cost.plot(*here, **style.points("cpo", markersize=8, clip_on=False))
    cost.set(xlabel="margin $m$ (nats)", ylabel="price (reward units)", xlim=(-2, 3))
    top = max(0.5, curve[1][np.isfinite(curve[1])].max())
    cost.set_ylim(-0.04 * top, 1.08 * top)
    style.panel_letter(cost, "b", r"price $\beta\,\mathrm{KL}(\pi\,\|\,\pi^*)$")
    return figure


if __name__ == "__main__":
    app.run()
