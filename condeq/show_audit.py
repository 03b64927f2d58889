"""An audit as tables for a terminal: doubts, before and during training, which pairs, groups, what would help."""

from rich.text import Text

from condeq.show import plain
from tabular.auditing import words, worst
from tabular.auditing.courses import Course
from tabular.auditing.groups import groups
from tabular.auditing.remedies import remedies

__all__ = ["OF_A_STREAM", "TO_GET_PAIRS", "TRAINING", "course", "doubts", "parts", "stream"]

#: rows over training: (label, format, scale)
TRAINING = {
    "loss": ("{loss} loss (nats)", "{:.4f}", 1),
    "relative_accuracy": ("trainer's accuracy (h > 0), %", "{:.1f}", 100),
    "absolute_accuracy": ("absolute accuracy (delta > 0), %", "{:.1f}", 100),
    "share_in_u": ("in U (delta_ref < delta < 0), %", "{:.1f}", 100),
    "share_chosen_fell": ("chosen log-prob fell, %", "{:.1f}", 100),
    "share_both_fell": ("both log-probs fell, %", "{:.1f}", 100),
    "n_short": ("short of their flip threshold", "{:d}", 1),
    "certified_accuracy": ("certified by the mean loss, %", "{:.1f}", 100),
}


def parts(result, by=(), most=5):
    """The parts of an audit, in the order in which they are printed."""
    yield Text(f"{result.source}: {result.n_pairs:,} pairs, beta {result.beta:g}", style="bold")
    if result.log is not None and result.log.origin is not None:
        yield Text(f"Read as {result.log.origin}.{' Joined ' + result.log.joined + '.' if result.log.joined else ''}")
    yield from doubts(result.doubts)
    yield _reference(result)
    if result.n_checkpoints > 1:
        yield _training(result)
        yield from _worst(result, most)
    for column in by:
        yield _groups(result, column)
    yield from _remedies(result)
    yield Text(words.story(result))


def doubts(found):
    """One line a doubt."""
    for doubt in found:
        yield Text.assemble(("doubt  ", "bold red"), str(doubt))


def course(found: Course):
    """The parts of a trainer's batch means."""
    logged = len(found.metrics.step) - found.from_reference
    yield Text(f"{found.metrics.source}: {found.metrics.trainer}, {logged} steps", style="bold")
    yield from doubts(found.doubts)
    metrics = found.metrics
    chosen = _spread(len(metrics.step))
    headings = [f"{step:g}" for step in metrics.step]
    headings[0] = "reference" if found.from_reference else headings[0]
    table = plain("step", *(headings[i] for i in chosen))
    rows = {
        "loss (nats)": metrics.loss,
        "trainer's accuracy (h > 0), %": 100 * metrics.accuracy,
        "rewards/margins, beta h": metrics.margin,
        "logps/chosen (nats)": metrics.chosen,
        "logps/rejected (nats)": metrics.rejected,
        "mean delta (nats)": found.delta,
        "mean delta_ref (nats)": found.delta_ref,
    }
    if found.certified is not None:
        rows["certified by the loss, %"] = 100 * found.certified
    for label, values in rows.items():
        if (values == values).any():
            table.add_row(label, *("" if values[i] != values[i] else f"{values[i]:.4g}" for i in chosen))
    yield table
    yield Text(words.story_of_course(found))
    yield Text(TO_GET_PAIRS, style="dim")


def stream(result):
    """The parts of a streamed audit: numbers and doubts."""
    yield Text(f"{result.source}: {result.n_pairs:,} pairs, beta {result.beta:g}", style="bold")
    yield from doubts(result.doubts)
    headings = ("reference", "policy")[: len(result.loss)]
    table = plain("of all pairs; ties count as wrong", *headings)
    table.add_row("pessimistic (delta_ref < 0), %", f"{100 * result.share_pessimistic:.1f}")
    if result.share_violating is not None:
        table.add_row("Assumption 3.1 violated, %", f"{100 * result.share_violating:.1f}")
    for name, (label, form, scale) in TRAINING.items():
        if name != "n_short":
            values = getattr(result, name)
            told = label.format(loss="DPO" if result.loss_name == "dpo" else result.loss_name)
            table.add_row(told, *(form.format(scale * value) for value in values))
    yield table
    yield Text(OF_A_STREAM, style="dim")


OF_A_STREAM = (
    "A stream is asked only what rows show one by one: not which pairs are worst, nor of rows that repeat or mirror "
    "another, of units, truncation and rewards. Audit a sample of it without --stream for these."
)
TO_GET_PAIRS = (
    "To get pairs: run TRL's DPOTrainer with precompute_ref_log_probs=True once with the reference and once with the "
    "trained model as model, save trainer.train_dataset after trainer.get_train_dataloader(), and give both: "
    "condeq audit REFERENCE --policy TRAINED --beta BETA."
)


def _spread(n, most=5):
    return sorted({round(i * (n - 1) / (most - 1)) for i in range(most)}) if n > most else list(range(n))


def _reference(result):
    table = plain("before training", "share of pairs", "95 %")
    pairs = "pessimistic: the reference prefers the rejected"
    table.add_row(pairs, f"{100 * result.share_pessimistic:.1f} %", _ends(result.intervals()["share_pessimistic"]))
    if result.share_violating is not None:
        table.add_row("Assumption 3.1 violated (delta_ref <= -Dr/beta)", f"{100 * result.share_violating:.1f} %", "")
    return table


def _ends(ends):
    return f"{100 * ends[0]:.1f}-{100 * ends[1]:.1f}"


def _training(result):
    shown = _spread(result.n_checkpoints)
    headings = [f"{result.step[i]}" if result.step is not None else ("reference", "policy")[i] for i in shown]
    table = plain("step" if result.step is not None else "over training", *headings, "95 %")
    intervals = result.intervals()
    for name, (label, form, scale) in TRAINING.items():
        values = getattr(result, name)
        told = label.format(loss="DPO" if result.loss_name == "dpo" else result.loss_name)
        ends = _ends(intervals[name]) if name in intervals else ""
        table.add_row(told, *(form.format(scale * values[i].item()) for i in shown), ends)
    return table


def _worst(result, most):
    for question, (told, _, _) in worst.QUESTIONS.items():
        n = worst.n_of(result.log, question)
        if not n or not most:
            continue
        pairs = worst.pairs_of(result.log, question, most)
        texts = [name for name in pairs[0] if name not in worst.per_pair(result.log)]
        table = plain(f"{told} ({n:,})", "delta_ref", "delta", "h", "chosen", *texts)
        for pair in pairs:
            numbers = (pair[name] for name in ("delta_ref", "delta", "h", "chosen_change"))
            table.add_row(
                f"row {pair['row']}", *(f"{value:+.1f}" for value in numbers), *(_short(pair[name]) for name in texts)
            )
        yield table


def _short(value, most=24):
    text = " ".join(str(value).split())
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _groups(result, by):
    table = plain(f"by {by}", "pairs", "pessimistic", "h > 0", "delta > 0", "95 %", "in U")
    for row in groups(result.log, by):
        shares = (f"{100 * row[name]:.1f} %" for name in ("pessimistic", "relative_accuracy", "absolute_accuracy"))
        table.add_row(row["group"], f"{row['n']:,}", *shares, _ends(row["interval"]), f"{100 * row['in_u']:.1f} %")
    return table


def _remedies(result):
    found = remedies(result.log, result.beta) if result.log is not None else []
    if not found:
        return
    table = plain("what would help the pairs in U", "right at its optimum", "right at the same loss")
    for remedy in found:
        same = "" if remedy.at_same_loss is None else f"{100 * remedy.at_same_loss:.0f} %"
        table.add_row(remedy.name, f"{100 * remedy.at_optimum:.0f} %", same)
    yield table
