# /// script
# [tool.marimo.opengraph]
# title = "9. Audit your own run"
# description = "Upload a trainer's log; see what its accuracy hides."
# [tool.marimo.display]
# theme = "system"
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", css_file="lesson.css", app_title="9. Audit your own run")

with app.setup:
    import tempfile
    from pathlib import Path

    import marimo as mo
    import numpy as np

    from condeq import examples
    from demos import lesson
    from figures import inline, style
    from tabular import InputError, logs
    from tabular.audit import audit


@app.cell(hide_code=True)
def question():
    mo.md(r"""
    # 9. Audit your own run

    A DPO trainer logs a loss and an "accuracy" (often named `rewards/accuracies`). That accuracy counts a pair as a
    success when the policy prefers $w$ *more than the reference did*: $\delta>\delta_{\rm ref}$. Whether the policy
    prefers $w$ at all, $\delta>0$, is not in the log. It can be computed from four numbers per pair: the
    log-probabilities of both responses under the reference and under the trained policy, summed over tokens.

    Give a file with one row for each pair: `.csv`, `.jsonl` or `.parquet`, with the columns

    | column | meaning (nats) |
    |:---|:---|
    | `ref_chosen_logps`, `ref_rejected_logps` | log-probabilities under the reference |
    | `chosen_logps`, `rejected_logps` | under the trained policy (optional) |
    | `chosen_score`, `rejected_score` | rewards $r_w$, $r_l$ of a reward model (optional) |

    Without one, you look at an invented run with twelve pairs.
    """)
    return


@app.cell(hide_code=True)
def prediction():
    guess = lesson.prediction(
        r"A trainer logs an accuracy of 91.7 %. What share of the pairs is ranked right?",
        ["91.7 %", "more", "it can be less"],
    )
    guess
    return (guess,)


@app.cell(hide_code=True)
def revealed(guess):
    lesson.reveal(
        guess.value,
        "it can be less",
        r"The accuracy counts the pairs whose log-ratio rose. Rising is not yet being above 0.",
    )
    return


@app.cell(hide_code=True)
def controls():
    upload = mo.ui.file(filetypes=[".csv", ".jsonl", ".gz", ".parquet"], label="Upload a log")
    beta = mo.ui.slider(
        steps=[0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2],
        value=0.1,
        show_value=True,
        full_width=True,
        label=r"$\beta$ of the run (per nat)",
    )
    mo.vstack([upload, beta])
    return beta, upload


@app.cell
def read_the_log(upload):
    try:
        log, trouble = read(upload), None
    except InputError as error:
        log, trouble = None, str(error)
    mo.stop(log is None, mo.callout(trouble, kind="danger"))
    return (log,)


@app.cell
def audit_the_log(beta, log):
    result = audit(log, beta.value)
    return (result,)


@app.cell(hide_code=True)
def picture(result):
    mo.image(
        inline.data_url(draw(result)),
        alt="Each pair by its log-ratio under the reference and under the policy, and the accuracies",
        width="100%",
    )
    return


@app.cell(hide_code=True)
def verdict(log, result):
    def _percent(share):
        return f"{100 * share:.1f} %"

    _before = f"""
    Before training, the reference prefers the rejected response on {_percent(result.share_pessimistic)} of the
    {result.n_pairs} pairs."""
    if result.share_violating is not None:
        _before += rf"""
    On {_percent(result.share_violating)} even the RLHF optimum for the logged rewards would not prefer the chosen
    response ($\delta_{{\rm ref}}\le-\Delta r/\beta$, as in the first lesson)."""
    _after = "The log holds no policy, so there is nothing to say about the training."
    if log.delta is not None:
        _after = f"""
    The trainer reports an accuracy of **{_percent(result.relative_accuracy[-1])}** and a loss of
    {result.loss[-1]:.3g} nats. In truth **{_percent(result.absolute_accuracy[-1])}** of the pairs are ranked right, and
    {_percent(result.share_in_u[-1])} are in $U$: counted as a success, and still wrong. The probability of the chosen
    response itself fell on {_percent(result.share_chosen_fell[-1])} of the pairs."""
    mo.vstack([mo.callout(mo.md(_after), kind="warn"), mo.md(_before)])
    return


@app.cell(hide_code=True)
def explanation(result):
    mo.md(
        rf"""
    ## What the loss alone can tell

    A pair is ranked right exactly when its own loss is below its *flip threshold*
    $\mathrm{{sp}}(\beta\delta_{{\rm ref}})$, the loss at $\delta=0$. The log shows only the mean $\bar L$ over $n$
    pairs. No single loss can exceed $n\bar L$, so a pair is certainly right when
    $n\bar L<\mathrm{{sp}}(\beta\delta_{{\rm ref}})$. Here the mean loss certifies **{result.n_certified[-1]}** of
    {result.n_pairs} pairs.
    """
    )
    return


@app.cell(hide_code=True)
def exercise(result):
    mo.md(rf"""
    ## Exercise

    Below which mean loss can you be sure, without looking at the pairs, that all {result.n_pairs} of them are ranked
    right? ($\beta={result.beta:g}$; the most misaligned pair has $\delta_{{\rm ref}}={result.delta_ref.min():.1f}$.)
    """)
    return


@app.cell(hide_code=True)
def solution(result):
    answer = float(result.flip_threshold.min()) / result.n_pairs
    mo.accordion(
        {
            "Answer": mo.md(rf"""
    The smallest flip threshold belongs to the most misaligned pair: $\mathrm{{sp}}({result.beta:g}\cdot
    {result.delta_ref.min():.1f})={result.flip_threshold.min():.4g}$ nats. That pair can be wrong as long as it carries
    this much loss, and if all others have none, the mean is only

    $$\bar L=\frac{{{result.flip_threshold.min():.4g}}}{{{result.n_pairs}}}\approx{answer:.3g}\text{{ nats}}.$$

    Below this level everything is certain; at it, or above, one pair may be wrong. The mean loss started at
    $\log 2\approx 0.693$, and is {result.loss[-1]:.3g} now.
    """)
        }
    )
    return (answer,)


@app.cell(hide_code=True)
def further():
    lesson.further("8_training_logs", "accuracy-logged", "chosen-falls", "threshold-one-pair")
    return


@app.function
def read(upload):
    """The pairs of the uploaded file, or of the example; no path of the machine it runs on is read or told."""
    if not upload.value:
        return logs.read_pairs(examples.DIRECTORY / "trainer_log.csv")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / Path(upload.name()).name
        copy.write_bytes(upload.contents())
        try:
            return logs.read_pairs(copy)
        except InputError as problem:
            raise InputError(str(problem).replace(f"{copy.parent}/", "")) from None


@app.function
@style.styled
def draw(result):
    """Every pair in the plane of log-ratios, beside the three shares of pairs."""
    figure, (plane, bars) = style.new_figure(columns=2, height=2.9, cols=2, width_ratios=(1.2, 1))
    reach = 1.08 * max(np.abs(result.delta_ref).max(), np.abs(result.delta).max(), 1.0)
    inside = (result.delta_ref < result.delta) & (result.delta < 0)
    plane.fill([-reach, 0, -reach], [-reach, 0, 0], color=style.REGION_U, linewidth=0, label=style.SYMBOLS["region_u"])
    plane.axhline(0, color=style.RULE, linewidth=0.6)
    plane.axvline(0, color=style.RULE, linewidth=0.6)
    plane.plot([-reach, reach], [-reach, reach], **style.line("reference", label=r"start, $\delta=\delta_{\rm ref}$"))
    for chosen, color, label in (
        (inside, style.LOOKS["dpo"].color, "pair in $U$"),
        (~inside, style.RULE, "other pair"),
    ):
        plane.plot(result.delta_ref[chosen], result.delta[chosen], "o", color=color, markeredgewidth=0, label=label)
    plane.set(xlim=(-reach, reach), ylim=(-reach, reach), xlabel=r"$\delta_{\rm ref}$ of the reference (nats)")
    plane.set_ylabel(r"$\delta$ of the policy (nats)")
    plane.legend(loc="lower right")
    style.panel_letter(plane, "a", "the pairs")

    rows = {
        "accuracy, as\nthe trainer logs it": (result.relative_accuracy, "#A8A8A8"),
        "ranked right": (result.absolute_accuracy, style.LOOKS["rlhf"].color),
        "in $U$": (result.share_in_u, style.LOOKS["dpo"].color),
    }
    shares = [100 * share[-1] for share, _ in rows.values()]
    shown = bars.barh(list(rows), shares, 0.55, color=[color for _, color in rows.values()])
    bars.bar_label(shown, fmt="%.1f", padding=2, fontsize="small")
    bars.invert_yaxis()
    bars.set(xlim=(0, 115), xticks=[0, 50, 100], xlabel="share of pairs (%)")
    style.panel_letter(bars, "b", "what they add up to")
    return figure


if __name__ == "__main__":
    app.run()
