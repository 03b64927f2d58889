# /// script
# [tool.marimo.opengraph]
# title = "8. The chosen probability falls"
# description = "The loss falls, the margin grows, and the chosen response loses probability."
# [tool.marimo.display]
# theme = "system"
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", css_file="lesson.css", app_title="8. The chosen probability falls")

with app.setup:
    import marimo as mo
    import numpy as np

    from demos import lesson
    from figures import inline, style
    from tabular import Preferences, Problem, flow, log_linear


@app.cell(hide_code=True)
def question():
    mo.md(r"""
    # 8. The chosen probability falls

    One label: $w$ over $l$, and a third response $o$ that nobody labelled. Training follows the gradient; the DPO loss
    falls at every step and the margin grows at every step. Practitioners still see the probability of the *chosen*
    response fall. Can it?

    Two models are trained. The **table** has a free logit for each response. The **network** has one feature that it
    moves along, 0 for $w$, $-1$ for $l$, and $\varphi_o$ for $o$: what it learns of the pair it applies to $o$ as well.
    """)
    return


@app.cell(hide_code=True)
def prediction():
    guess = lesson.prediction(
        r"At the sliders' first setting, in which of the two does $\pi(w)$ fall in the end?",
        ["in neither", "in the network", "in the table", "in both"],
    )
    guess
    return (guess,)


@app.cell(hide_code=True)
def revealed(guess):
    lesson.reveal(
        guess.value,
        "in the network",
        r"In a table $\pi(w)$ rises all the time. In the network what raises $w$ over $l$ raises $o$ even more.",
    )
    return


@app.cell(hide_code=True)
def sliders():
    feature = mo.ui.slider(
        -3, 4, 0.25, value=3, show_value=True, full_width=True, label=r"$\varphi_o$, feature of the third response"
    )
    winner = mo.ui.slider(0.05, 0.6, 0.05, value=0.4, show_value=True, full_width=True, label=r"$\pi_{\rm ref}(w)$")
    loser = mo.ui.slider(0.05, 0.35, 0.05, value=0.3, show_value=True, full_width=True, label=r"$\pi_{\rm ref}(l)$")
    mo.vstack([feature, winner, loser])
    return feature, loser, winner


@app.cell
def trained(feature, loser, winner):
    problem = Problem.from_probabilities([winner.value, loser.value, 1 - winner.value - loser.value], beta=1.0)
    pair, features = Preferences.from_pairs([(0, 1)]), [[0.0], [-1.0], [feature.value]]
    h = np.linspace(0, 6, 241)  # the gain of the margin: theta of the network, since the two features differ by 1
    network = np.exp(np.concatenate([log_linear.policy(problem, features, [theta]) for theta in h]))
    path = flow.trajectory(problem, pair, times=np.concatenate([[0.0], np.logspace(-3, 3, 240)])).log_policy[:, 0]
    table, table_h = np.exp(path), path[:, 0] - path[:, 1] - (path[0, 0] - path[0, 1])
    at_start = float(log_linear.displacement(problem.log_ref, problem, pair, features)[0])
    falls_in_the_end = bool(network[-1, 0] < network[0, 0])
    return at_start, falls_in_the_end, h, network, table, table_h


@app.cell(hide_code=True)
def picture(h, network, table, table_h):
    mo.image(
        inline.data_url(draw(h, network, table_h, table)),
        alt="Probabilities of the three responses as the margin grows, in the table and in the network",
        width="100%",
    )
    return


@app.cell(hide_code=True)
def verdict(at_start, falls_in_the_end, network):
    _first = "rises" if at_start > 0 else "falls"
    mo.callout(
        mo.md(rf"""
    In the network $\pi(w)$ **{_first}** at the first step, and stands at {100 * network[-1, 0]:.1f} % when the margin
    has gained 6 nats. In the table it rises throughout.
    """),
        kind="danger" if falls_in_the_end else "success",
    )
    return


@app.cell(hide_code=True)
def explanation():
    mo.md(r"""
    ## Why

    The loss sees the difference $\log\pi(w)-\log\pi(l)$ and nothing else. In a table, one label pushes two logits apart
    by the same amount: $\pi(w)$ rises, $\pi(l)$ falls, and $o$ gains exactly while $\pi(w)<\pi(l)$.

    With a feature, $\frac{d}{d\theta}\log\pi(w)=\varphi_w-\mathbb E_\pi[\varphi]$: the chosen response falls as soon as
    the *average* response has more of the feature than it has. Probability goes to whatever is furthest along.
    """)
    return


@app.cell(hide_code=True)
def exercise():
    mo.md(r"""
    ## Exercise

    A uniform reference on the three responses. From which $\varphi_o$ on does $\pi(w)$ fall at the very first step?
    """)
    return


@app.cell(hide_code=True)
def solution():
    answer = 1.0
    _start = Problem.from_probabilities([1 / 3] * 3, beta=1.0)
    _below, _above = (
        log_linear.displacement(_start.log_ref, _start, Preferences.from_pairs([(0, 1)]), [[0.0], [-1.0], [o]])[0]
        for o in (answer - 0.01, answer + 0.01)
    )
    mo.accordion(
        {
            "Answer": mo.md(rf"""
    The average feature is $(0-1+\varphi_o)/3$, above $\varphi_w=0$ exactly if $\varphi_o>{answer:g}$. On both sides of
    it $\log\pi(w)$ starts at the rates ${_below:+.4f}$ and ${_above:+.4f}$.
    """)
        }
    )
    return (answer,)


@app.cell(hide_code=True)
def further():
    lesson.further("7_gradient_flow", "flow-third-response", "chosen-falls", "dpo-unlabelled-response")
    return


@app.function
@style.styled
def draw(h, network, table_h, table):
    """The three probabilities against the gain in margin, in the table and in the network."""
    figure, axes = style.new_figure(columns=2, height=2.9, cols=2)
    looks = {"$w$, chosen": "cpo", "$l$, rejected": "dpo", "$o$, unlabelled": "rlhf"}
    for ax, at, policy, words, letter in (
        (axes[0], table_h, table, "the table", "a"),
        (axes[1], h, network, "the network", "b"),
    ):
        for k, (label, look) in enumerate(looks.items()):
            ax.plot(at, policy[:, k], **style.line(look, label=label))
        ax.axhline(policy[0, 0], color=style.RULE, linewidth=0.5, linestyle=(0, (2, 2)))
        ax.set(xlim=(0, 6), ylim=(0, 1), xlabel=r"gain of the margin $h$ (nats)", ylabel="probability")
        style.panel_letter(ax, letter, words)
    axes[0].legend(loc="center right")
    return figure


if __name__ == "__main__":
    app.run()
