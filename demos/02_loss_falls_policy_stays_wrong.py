# /// script
# [tool.marimo.opengraph]
# title = "2. The loss falls, the policy stays wrong"
# description = "The region U, the time to leave it, and what a margin changes."
# [tool.marimo.display]
# theme = "system"
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", css_file="lesson.css", app_title="2. The loss falls, the policy stays wrong")

with app.setup:
    import marimo as mo
    import numpy as np

    from demos import lesson
    from figures import inline, style
    from tabular import flow, margins


@app.cell(hide_code=True)
def question():
    mo.md(r"""
    # 2. The loss falls, the policy stays wrong

    DPO skips the reward and trains on the label "$w$ preferred to $l$" itself. With the log-ratio
    $\delta=\log\pi(w)/\pi(l)$ of the policy and $\delta_{\rm ref}$ of the reference, the loss of the pair is

    $$\mathrm{sp}\big(-\beta\,(\delta-\delta_{\rm ref})\big),\qquad \mathrm{sp}(z)=\log(1+e^z).$$

    It measures progress *from the reference*: it starts at $\log 2$ and falls as soon as $\delta$ rises. But $w$ is
    ranked first only when $\delta>0$. A reference that prefers the wrong response, $\delta_{\rm ref}<0$, leaves a
    region in between,

    $$U=\{\delta_{\rm ref}<\delta<0\},$$

    where the loss has fallen and the policy is still wrong. (The "accuracy" that DPO trainers log does not see it: it
    counts a pair as a success once $\delta>\delta_{\rm ref}$.) Train, by gradient descent in small steps from the
    reference, and watch.
    """)
    return


@app.cell(hide_code=True)
def prediction():
    guess = lesson.prediction(
        r"The loss of a pair has fallen to half of its start. Is the pair ranked right?", ["always", "not always"]
    )
    guess
    return (guess,)


@app.cell(hide_code=True)
def revealed(guess):
    lesson.reveal(
        guess.value,
        "not always",
        r"The loss measures progress from the reference, and a reference that is far off leaves a long way to go.",
    )
    return


@app.cell(hide_code=True)
def sliders():
    time = mo.ui.slider(
        steps=[0, *np.round(np.logspace(-1, 5, 61), 3).tolist()],
        value=1,
        show_value=True,
        full_width=True,
        label="$t$, training time (learning rate × steps)",
    )
    delta_ref = mo.ui.slider(
        -8,
        2,
        0.5,
        value=-4,
        show_value=True,
        full_width=True,
        label=r"$\delta_{\rm ref}$, log-ratio of the reference (nats)",
    )
    beta = mo.ui.slider(
        steps=[0.1, 0.2, 0.5, 1, 2],
        value=1,
        show_value=True,
        full_width=True,
        label=r"$\beta$, steepness of the loss (per nat)",
    )
    mo.vstack([time, delta_ref, beta])
    return beta, delta_ref, time


@app.cell
def training(beta, delta_ref, time):
    delta = float(flow.margin_at(time.value, delta_ref.value, beta.value))
    loss = float(margins.loss(delta, delta_ref.value, beta.value))
    escape = float(flow.escape_time(delta_ref.value, beta.value))
    in_u = delta_ref.value < delta < 0
    return delta, escape, in_u, loss


@app.cell(hide_code=True)
def picture(beta, delta, delta_ref, loss, time):
    mo.image(
        inline.data_url(draw_training(time.value, delta_ref.value, beta.value)),
        alt=f"Log-ratio and loss over training time; at t = {time.value:g} they are {delta:.2f} and {loss:.3f}",
        width="100%",
    )
    return


@app.cell(hide_code=True)
def verdict(delta, delta_ref, escape, in_u, loss, time):
    _odds = f"$w$ is {np.exp(delta):,.3g} times as likely as $l$"
    if in_u:
        _state = f"and the policy is **in $U$**: {_odds}, still wrong. It leaves $U$ at $t={escape:,.4g}$."
    elif delta > 0:
        _state = f"and the policy ranks the pair **right**: {_odds}."
        _state += f" It was in $U$ until $t={escape:,.4g}$." if delta_ref.value < 0 else " $U$ is empty here."
    else:
        _state = "because training has not started." if time.value == 0 else "and $w$ and $l$ are equally likely."
    mo.callout(
        mo.md(
            f"At $t={time.value:g}$ the loss is {loss:.3g} nats, {100 * loss / np.log(2):.3g} % of its start, {_state}"
        ),
        kind="success" if delta > 0 else "danger",
    )
    return


@app.cell(hide_code=True)
def explanation():
    mo.md(r"""
    ## Why it takes so long

    While $\delta$ climbs, the loss flattens, and with it the slope that drives the climb:
    $\dot\delta=2\beta\,\sigma\big(-\beta(\delta-\delta_{\rm ref})\big)$. The further the reference is off, the flatter
    the loss has become where it matters, at $\delta=0$. The slope there is small, but never zero: the policy is not
    stuck, it is slow. For this flow the time to leave $U$ is known exactly; with $d=|\delta_{\rm ref}|$,

    $$t=\frac{\beta d+e^{\beta d}-1}{2\beta^2}:$$

    *exponential* in $\beta d$. A *margin* $\Psi$ in the loss,
    $\mathrm{sp}\big(-(\beta(\delta-\delta_{\rm ref})-\Psi)\big)$, asks for more than "better than the reference" and
    keeps the slope up. It turns $e^{\beta d}-1$ into $e^{-\Psi}(e^{\beta d}-1)$; once $\Psi$ is well above $\beta d$,
    the time is nearly $d/(2\beta)$, *linear*.
    """)
    return


@app.cell(hide_code=True)
def margin_slider():
    margin = mo.ui.slider(
        0, 8, 0.5, value=2, show_value=True, full_width=True, label=r"$\Psi$, margin of the loss (no unit)"
    )
    margin
    return (margin,)


@app.cell
def training_with_margin(beta, delta_ref, margin):
    escape_with_margin = float(flow.escape_time(delta_ref.value, beta.value, margin.value))
    return (escape_with_margin,)


@app.cell(hide_code=True)
def picture_of_margin(beta, delta_ref, escape, escape_with_margin, margin):
    mo.vstack(
        [
            mo.image(
                inline.data_url(draw_escape(delta_ref.value, beta.value, margin.value)),
                alt="Time to leave U against the distance of the reference, for DPO and for the loss with margin",
                width="100%",
            ),
            mo.md(
                f"From this reference, DPO leaves $U$ at $t={escape:,.4g}$; "
                f"with the margin $\\Psi={margin.value:g}$, at $t={escape_with_margin:,.4g}$."
            ),
        ]
    )
    return


@app.cell(hide_code=True)
def exercise():
    mo.md(r"""
    ## Exercise

    Take $\beta=1$. One reference has $\delta_{\rm ref}=-5$, another $\delta_{\rm ref}=-10$: twice as far off. How many
    times longer does DPO need to leave $U$? And with the margin $\Psi=10$ in both?
    """)
    return


@app.cell(hide_code=True)
def solution():
    _near, _far = flow.escape_time([-5.0, -10.0], 1.0)
    _near_margin, _far_margin = flow.escape_time([-5.0, -10.0], 1.0, margin=10.0)
    answer = float(_far / _near), float(_far_margin / _near_margin)
    mo.accordion(
        {
            "Answer": mo.md(rf"""
    DPO needs $t={_near:,.1f}$ and $t={_far:,.1f}$: **{answer[0]:.0f} times** longer, not twice, close to
    $e^{{10-5}}\approx{np.exp(5):.0f}$. With the margin it is $t={_near_margin:.2f}$ and $t={_far_margin:.2f}$, a factor
    of {answer[1]:.1f}.
    """)
        }
    )
    return (answer,)


@app.cell(hide_code=True)
def further():
    lesson.further("4_failure_modes", "def-3.3", "escape-time", "escape-time-exponential")
    return


@app.function
@style.styled
def draw_training(time, delta_ref, beta):
    """The log-ratio and the loss from the reference on; the present moment is marked."""
    figure, (ratio, fall) = style.new_figure(columns=2, height=2.6, cols=2)
    times = np.logspace(-1, 5, 400)
    deltas = flow.margin_at(times, delta_ref, beta)
    now = float(flow.margin_at(time, delta_ref, beta))
    here = {"marker": "o", "markersize": 8, "color": style.LOOKS["dpo"].color, "linestyle": "none"}
    mark = max(time, times[0])
    if delta_ref < 0:
        ratio.axhspan(delta_ref, 0, color=style.REGION_U, linewidth=0, label=style.SYMBOLS["region_u"])
    ratio.axhline(0, color=style.RULE, linewidth=0.6)
    ratio.axhline(delta_ref, **style.line("reference", label=r"reference $\delta_{\rm ref}$"))
    ratio.plot(times, deltas, **style.line("dpo", label=r"DPO, $\delta(t)$"))
    ratio.plot(mark, now, **here)
    ratio.set(ylim=(-8.6, 8.6), ylabel=r"policy log-ratio $\delta$ (nats)")
    ratio.legend(loc="upper left")
    style.panel_letter(ratio, "a", "what the policy does")

    fall.plot(times, margins.loss(deltas, delta_ref, beta), **style.line("dpo"))
    fall.plot(mark, margins.loss(now, delta_ref, beta), **here)
    escape = float(flow.escape_time(delta_ref, beta))
    if escape > 0:
        fall.axvspan(times[0], escape, color=style.REGION_U, linewidth=0, label="the policy is in $U$")
        fall.legend(loc="upper right")
    fall.set(ylim=(0, 0.75), ylabel=style.SYMBOLS["loss"])
    style.panel_letter(fall, "b", "what the training log shows")
    for ax in (ratio, fall):
        ax.set(xscale="log", xlim=(times[0], times[-1]), xlabel="training time $t$")
        ax.minorticks_off()
    return figure


@app.function
@style.styled
def draw_escape(delta_ref, beta, margin):
    """The escape time against the distance of the reference, with and without the margin."""
    figure, ax = style.new_figure(columns=2, height=2.4)
    distance = np.linspace(0.05, 8, 200)
    for name, psi, label in (("dpo", 0.0, r"DPO, $\Psi=0$"), ("ecpo", margin, rf"margin $\Psi={margin:g}$")):
        ax.plot(distance, flow.escape_time(-distance, beta, psi), **style.line(name, label=label))
        if delta_ref < 0:
            ax.plot(-delta_ref, flow.escape_time(delta_ref, beta, psi), **style.points(name, label=None, markersize=8))
    ax.set(
        yscale="log",
        xlim=(0, 8.2),
        xlabel=r"distance of the reference $d=|\delta_{\rm ref}|$ (nats)",
        ylabel="time to leave $U$",
    )
    ax.minorticks_off()
    ax.legend(loc="upper left")
    return figure


if __name__ == "__main__":
    app.run()
