# /// script
# [tool.marimo.opengraph]
# title = "3. What DPO converges to"
# description = "Draw the labels; the arrows decide between one minimiser, a set of them, and none."
# [tool.marimo.display]
# theme = "system"
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", css_file="lesson.css", app_title="3. What DPO converges to")

with app.setup:
    import marimo as mo
    import numpy as np

    from demos import lesson
    from figures import inline, style
    from tabular import Preferences, Problem, Status, dpo

    RESPONSES = "abcd"


@app.cell(hide_code=True)
def question():
    mo.md(r"""
    # 3. What DPO converges to

    Four responses, $a$ to $d$, were compared in pairs, some pairs often, some never. DPO minimises the loss over all
    these labels. Does it have a minimiser? Only one? The answer is in the drawing of the labels: an arrow from the
    winner to the loser of each comparison. Enter how often each response won against each other one, and look at the
    arrows first, then at the policies.
    """)
    return


@app.cell(hide_code=True)
def prediction():
    guess = lesson.prediction(
        r"Nobody compared $d$ with anything. How much probability can $d$ have in the limit?",
        ["none", "what the reference gives it", "anything up to 1"],
    )
    guess
    return (guess,)


@app.cell(hide_code=True)
def revealed(guess):
    lesson.reveal(guess.value, "anything up to 1", r"No label holds $d$ back, and none asks for it: its mass is free.")
    return


@app.cell(hide_code=True)
def controls():
    wins = mo.ui.matrix(
        [[0, 3, 2, 0], [1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]],
        min_value=0,
        max_value=20,
        step=1,
        disabled=np.eye(4, dtype=bool).tolist(),
        row_labels=[f"{y} won against" for y in RESPONSES],
        column_labels=list(RESPONSES),
        label="how often the row won against the column (drag a number, or click and type)",
    )
    beta = mo.ui.slider(
        steps=[0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2],
        value=0.5,
        show_value=True,
        full_width=True,
        label=r"$\beta$ of the loss (per nat)",
    )
    mo.vstack([wins, beta])
    return beta, wins


@app.cell
def solve(beta, wins):
    mo.stop(np.sum(wins.value) == 0, mo.callout("There are no labels yet: enter at least one win.", kind="warn"))
    problem = Problem.from_probabilities([0.1, 0.2, 0.3, 0.4], beta.value)
    labels = Preferences.from_wins(wins.value)
    solution = dpo.solve(problem, labels)
    blocks = [block.tolist() for block in solution.blocks[0]]
    vertices = np.exp(solution.limit_vertices[0])
    return blocks, labels, problem, solution, vertices


@app.cell(hide_code=True)
def picture(blocks, labels, problem, solution, vertices):
    mo.image(
        inline.data_url(draw(problem, labels, solution, blocks, vertices)),
        alt=f"The arrows of the labels and the solutions; the blocks are {blocks}",
        width="100%",
    )
    return


@app.cell(hide_code=True)
def verdict(blocks, labels, solution, vertices):
    def _named(block):
        return "{" + ", ".join(f"${RESPONSES[y]}$" for y in block) + "}"

    _sources = [block for block in blocks if vertices[:, block].any()]
    _drawn = f"The arrows make {len(blocks)} block{'s'[: len(blocks) > 1]}: {', '.join(map(_named, blocks))}."
    if solution.status is Status.UNIQUE:
        _sentence = "DPO has **exactly one minimiser**, and any optimiser that works finds it."
    elif solution.status is Status.SET:
        _sentence = f"""DPO has **a whole set of minimisers**, of dimension {solution.dimension}. The labels fix the
        proportions inside each block, and say nothing about how much probability a block gets."""
    else:
        _sentence = "DPO has **no minimiser**: the loss comes ever closer to its infimum, and never reaches it."
        if len(_sources) == 1:
            _sentence += f" All probability drifts to {_named(_sources[0])}, the one block that no arrow enters."
        else:
            _sentence += f""" All probability drifts to the blocks that no arrow enters:
            {" and ".join(map(_named, _sources))}. How much each of them gets is left open."""
    _labelled = set(labels.winner) | set(labels.loser)
    _unlabelled = [f"${y}$" for i, y in enumerate(RESPONSES) if i not in _labelled]
    if _unlabelled and solution.status is Status.UNATTAINED:
        _sentence += f" Even {' or '.join(_unlabelled)}, which nobody compared with anything, may get everything."
    mo.callout(
        mo.md(f"{_drawn} {_sentence} The infimum of the loss is {solution.infimum:.4f} nats."),
        kind="success" if solution.status is Status.UNIQUE else "warn",
    )
    return


@app.cell(hide_code=True)
def explanation():
    mo.md(r"""
    ## How to read it off the arrows

    A *block* is a set of responses in which every one can be reached from every other along arrows.

    * **Inside a block** there are wins in all directions, so pushing any response too high costs loss: the proportions
      are settled. (They are the reference times $e^{s/\beta}$, where $s$ are the strengths of the
      [Bradley–Terry](https://en.wikipedia.org/wiki/Bradley%E2%80%93Terry_model) fit to the wins.)
    * **An arrow between two blocks** has no counterweight. DPO gains by making the winner's block ever more likely
      *relative to* the loser's, without end: no minimiser, and the loser's block dies out. A larger $\beta$ slows
      the drift, and does not stop it.
    * **Two blocks without an arrow** between them do not feel each other. The loss leaves open how probability is
      shared between them. Where training ends depends on the optimiser and on where it began: on nothing that was
      labelled.

    So there is exactly one minimiser if all responses are one block; a set of minimisers if there are more blocks and
    no arrow joins two of them; and none as soon as one arrow does.
    """)
    return


@app.cell(hide_code=True)
def exercise():
    mo.md(r"""
    ## Exercise

    Start from the wins at the top of this page: $a$ against $b$ 3 : 1, and $a$ against $c$ 2 : 0. Nobody compared $d$.
    What is the smallest number of further comparisons, and which, that gives DPO exactly one minimiser?
    """)
    return


@app.cell(hide_code=True)
def solution_of_the_exercise():
    answer = [("c", "d"), ("d", "a")]
    _wins = np.array([[0, 3, 2, 0], [1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    for _winner, _loser in answer:
        _wins[RESPONSES.index(_winner), RESPONSES.index(_loser)] += 1
    _status = dpo.solve(Problem.from_probabilities([0.1, 0.2, 0.3, 0.4], 0.5), Preferences.from_wins(_wins)).status
    mo.accordion(
        {
            "Answer": mo.md(rf"""
    **Two.** The blocks are {{$a$, $b$}}, {{$c$}} and {{$d$}}. To make them one, arrows must lead out of $c$, out of $d$
    and into $d$; one arrow can do two of these at once, if $c$ wins once against $d$. Then $d$ needs a win against $a$
    (or $b$): the arrows $a\to c\to d\to a$ close a circle through all blocks. With these two labels the toolkit
    reports: *{_status.value}*. The other way round, $d$ over $c$, it takes three.
    """)
        }
    )
    return (answer,)


@app.cell(hide_code=True)
def further():
    lesson.further("2_dpo", "dpo-solution-set", "dpo-limit-set", "dpo-unlabelled-response")
    return


@app.function
@style.styled
def draw(problem, labels, solution, blocks, vertices):
    """The labels as arrows, one colour for each block; the probabilities that solutions can have."""
    figure, (arrows, bars) = style.new_figure(columns=2, height=2.9, cols=2, width_ratios=(1, 1.3))
    colors = [style.LOOKS[name].color for name in ("dpo", "cpo", "hypo", "ecpo")]
    color = {y: colors[number] for number, block in enumerate(blocks) for y in block}
    draw_arrows(arrows, labels, color)
    style.panel_letter(arrows, "a", "labels, winner to loser; a colour for each block")

    for y, (low, high) in enumerate(zip(vertices.min(axis=0), vertices.max(axis=0), strict=True)):
        bars.bar(y, high - low, 0.5, bottom=low, color=color[y], alpha=0.35, linewidth=0)
        bars.plot([y - 0.25, y + 0.25], [low, low], color=color[y], linewidth=1.2)
        bars.plot([y - 0.25, y + 0.25], [high, high], color=color[y], linewidth=1.2)
    x = np.arange(len(RESPONSES))
    bars.plot(x - 0.12, np.exp(problem.log_ref[0]), **style.points("reference"))
    end = "end of gradient descent" if solution.flow_limit_known[0] else "limit closest to the reference"
    bars.plot(x + 0.12, np.exp(solution.log_policy[0]), **style.points("dpo", label=end))
    bars.set(xticks=x, xticklabels=[f"${y}$" for y in RESPONSES], ylim=(-0.03, 1.28), yticks=[0, 0.5, 1])
    bars.set_ylabel("probability")
    bars.legend(loc="upper center", ncols=2, columnspacing=1.0, handlelength=1.0)
    style.panel_letter(bars, "b", "probabilities that the labels allow (shaded)")
    return figure


@app.function
def draw_arrows(ax, labels, color):
    """Responses on the corners of a square, an arrow with its count for each label of positive weight."""
    corners = np.array([(0, 1), (1, 1), (1, 0), (0, 0)])
    for winner, loser, weight in zip(labels.winner, labels.loser, labels.weight, strict=True):
        start, end = corners[winner], corners[loser]
        look = {
            "arrowstyle": "-|>",
            "connectionstyle": "arc3,rad=0.16",
            "shrinkA": 13,
            "shrinkB": 13,
            "color": style.RULE,
        }
        ax.annotate("", end, start, arrowprops=look)
        along = end - start
        beside = np.array([along[1], -along[0]])  # to the right of the arrow, where it bends
        ax.text(*(start + 0.36 * along + 0.13 * beside), f"{weight:g}", ha="center", va="center", fontsize="small")
    for y, corner in enumerate(corners):
        ax.plot(*corner, marker="o", markersize=19, color=color[y])
        ax.text(*corner, f"${RESPONSES[y]}$", color="white", ha="center", va="center", fontsize="large")
    ax.set(xlim=(-0.3, 1.3), ylim=(-0.25, 1.25), aspect="equal")
    ax.axis("off")


if __name__ == "__main__":
    app.run()
