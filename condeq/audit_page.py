"""An audit as one self-contained page: the word, the doubts, the pictures, the groups and the pairs."""

import numpy as np

from condeq import pages
from condeq.show_audit import TRAINING
from condeq.svg import Plot
from tabular.auditing import words, worst
from tabular.auditing.certified import certified_share
from tabular.auditing.groups import groups
from tabular.auditing.remedies import remedies
from tabular.failures.separate import Flips

__all__ = ["page"]

_DOTS = 3000  # pairs drawn at most
_LEAST = 1e-12  # nats: of a flip threshold that is drawn
_MOST = 10  # pairs named for each question


def page(result, by=()) -> str:
    """The page of an :class:`tabular.audit.Audit`, groups by ``delta_ref`` first."""
    environment = pages.environment()
    environment.filters["percent"] = lambda share: f"{100 * share:.1f} %"
    environment.filters["ends"] = lambda ends: f"{100 * ends[0]:.1f} to {100 * ends[1]:.1f} %"
    template = environment.get_template("audit.html.j2")
    has_policy = result.n_checkpoints > 1
    return template.render(
        result=result,
        story=words.story(result),
        has_policy=has_policy,
        intervals=result.intervals(),
        course=_course_rows(result),
        pictures=_pictures(result),
        groups={name: groups(result.log, name) for name in dict.fromkeys(["delta_ref", *by])},
        questions=_questions(result) if has_policy else [],
        remedies=remedies(result.log, result.beta),
    )


def _course_rows(result):
    rows = []
    for name, (label, form, scale) in TRAINING.items():
        values = getattr(result, name)
        told = label.format(loss="DPO" if result.loss_name == "dpo" else result.loss_name).replace("delta", "δ")
        rows.append((told, form.format(scale * values[0].item()), form.format(scale * values[-1].item()), name))
    return rows


def _questions(result):
    found = []
    for question, (told, _, _) in worst.QUESTIONS.items():
        pairs = worst.pairs_of(result.log, question, _MOST)
        if pairs:
            texts = [name for name in pairs[0] if name not in worst.per_pair(result.log)]
            found.append((told, worst.n_of(result.log, question), texts, pairs))
    return found


def _pictures(result):
    """(title, SVG, caption) each."""
    found = [("The frontier", *_frontier(result))]
    if result.n_checkpoints > 1:
        found.insert(0, ("Every pair", *_plane(result)))
        if result.n_checkpoints > 2:
            found.append(("The course", *_course(result)))
    found.append(("Log-ratios", *_histogram(result)))
    found.append(("Flip thresholds", *_thresholds(result)))
    return found


def _reach(*arrays, share=0.995):
    """A symmetric window that holds nearly all values."""
    return float(max(np.quantile(np.abs(np.concatenate(arrays)), share), 1e-3)) * 1.05


def _plane(result):
    reach = _reach(result.delta_ref, result.delta)
    plot = Plot(
        (-reach, reach),
        (-reach, reach),
        f"Each pair by its reference and policy log-ratio; {100 * result.share_in_u[-1]:.1f} % lie in the region U",
        "reference log-ratio δ_ref (nats)",
        "policy log-ratio δ (nats)",
    )
    plot.area([-reach, 0, -reach], [-reach, 0, 0], "region")
    plot.curve([-reach, reach], [0, 0], "rule")
    plot.curve([0, 0], [-reach, reach], "rule")
    plot.curve([-reach, reach], [-reach, reach], "start")
    shown = np.arange(result.n_pairs)
    if len(shown) > _DOTS:
        shown = np.sort(np.random.default_rng(0).choice(shown, _DOTS, replace=False))
    x, y = result.delta_ref[shown], result.delta[shown]
    window = (np.abs(x) <= reach) & (np.abs(y) <= reach)
    inside = (x < y) & (y < 0)
    plot.dots(x[window & ~inside], y[window & ~inside], "dots plain")
    plot.dots(x[window & inside], y[window & inside], "dots wrong")
    plot.word(-0.97 * reach, 0, "U", "region-name", rise=-16)
    drawn = (
        f"{len(shown):,} of {result.n_pairs:,} pairs drawn at random" if len(shown) < result.n_pairs else "All pairs"
    )
    return plot.render(), (
        f"{drawn}; {len(shown) - int(window.sum()):,} lie outside the window. Below the axis a pair is ranked "
        "wrong. On the dashed line nothing has moved; above it the trainer counts a success. In U (shaded, coloured "
        "dots) both hold."
    )


def _course(result):
    x = result.step if result.step is not None else np.arange(result.n_checkpoints)
    labels = ("step", "share of pairs (%)")
    plot = Plot((0, float(x[-1])), (0, 100), "Shares of pairs over training", *labels, right=92)
    curves = {
        "h > 0, logged": ("start", result.relative_accuracy),
        "δ > 0": ("right", result.absolute_accuracy),
        "certified": ("sure", result.certified_accuracy),
        "in U": ("wrong", result.share_in_u),
    }
    for kind, values in curves.values():
        plot.curve(x, 100 * values, kind)
    plot.names(x[-1], [100 * values[-1] for _, values in curves.values()], curves)
    return plot.render(), (
        "What the trainer logs as accuracy (dashed), the share ranked right, the share that its mean loss makes "
        "certain, and the share in U. Step 0 is the reference."
    )


def _frontier(result):
    highest = float(np.max(result.loss, where=np.isfinite(result.loss), initial=1e-3))
    level = np.logspace(-6, np.log10(highest * 1.3), 160)
    flips = Flips(result.flip_threshold, np.zeros(result.n_pairs))
    plot = Plot(
        (float(level[0]), float(level[-1])),
        (0, 100),
        "Least share of pairs ranked right at each mean loss",
        f"mean {'DPO' if result.loss_name == 'dpo' else result.loss_name} loss (nats)",
        "share of pairs (%)",
        log_x=True,
    )
    if result.loss_name == "dpo":
        plot.curve(level, 100 * certified_share(flips, level), "sure")
    loss = np.clip(result.loss, level[0], level[-1])
    plot.dots(loss, 100 * result.absolute_accuracy, "dots wrong big")
    return plot.render(), (
        "The line: no policy with that mean loss ranks fewer pairs right. The dots: this run, reference first. "
        "What lies "
        "between the last dot and the line the loss did not promise."
    )


def _histogram(result):
    h = result.delta - result.delta_ref
    series = [("δ_ref", result.delta_ref, "bar-plain")]
    if result.n_checkpoints > 1:
        series = [("δ", result.delta, "bar-right"), ("h", h, "bar-wrong")]
    reach = _reach(*(values for _, values, _ in series))
    edges = np.linspace(-reach, reach, 41)
    counts = [np.histogram(np.clip(values, -reach, reach), edges)[0] for _, values, _ in series]
    plot = Plot(
        (-reach, reach),
        (0, float(max(count.max() for count in counts)) * 1.1 + 1e-9),
        "Histogram of the log-ratios",
        "nats",
        "pairs",
    )
    for (_, _, kind), count in zip(series, counts, strict=True):
        plot.bars(edges, count, kind)
    plot.curve([0, 0], [0, float(max(count.max() for count in counts))], "rule")
    told = "δ (filled) and h = δ − δ_ref (outlined)" if len(series) > 1 else "δ_ref"
    return (
        plot.render(),
        f"{told}; the last bars on both sides hold what lies beyond. Right of 0 of δ a pair is ranked right.",
    )


def _thresholds(result):
    order = np.argsort(result.delta_ref)
    x, y = result.delta_ref[order], result.flip_threshold[order]
    reach = _reach(x)
    keep = (np.abs(x) <= reach) & np.isfinite(y)
    low, high = (
        (float(np.clip(end, _LEAST, 1e12)) for end in (y[keep].min(), y[keep].max() * 1.5)) if keep.any() else (0.1, 1)
    )
    plot = Plot(
        (-reach, reach),
        (low, max(high, low * 10)),
        "Flip threshold of each pair",
        "reference log-ratio δ_ref (nats)",
        "flip threshold (nats)",
        log_y=True,
        left=64,
    )
    every = max(1, int(keep.sum()) // 1000)
    plot.dots(x[keep][::every], y[keep][::every], "dots plain")
    passed = float(np.mean(~result.short))
    return plot.render(), (
        f"A pair is ranked right for certain once its own loss is below its threshold; {100 * passed:.1f} % "
        f"have passed it.{' Thresholds below 1e-12 are drawn there.' if low == _LEAST else ''}"
    )
