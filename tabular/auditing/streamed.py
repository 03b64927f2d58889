r"""The audit of a log larger than memory: sums and counts in one pass, the certified share from a histogram, exactly.

The certified share needs the pairs in order of :math:`\delta_{\rm ref}`, which orders their prices
:math:`\mathrm{sp}(\beta\delta_{\rm ref})`. Not a sort but two passes find it: a histogram of delta_ref in steps of a
quarter of a nat, with the sum of the prices in each step, tells the one step in which the budget runs out; the values
inside that step, counted, tell where. Counts are whole numbers and sums are rounded once, over the parts in their
order, so the answer does not depend on who worked on which part.
"""

import math
from collections import Counter

import numpy as np

from tabular.base import checks, tolerances
from tabular.base.log_space import softplus
from tabular.base.record import Record
from tabular.errors import InputError
from tabular.logged.readers import ROUNDING
from tabular.logged.records import FINITE_RULE, LOG_PROB_RULE
from tabular.logged.scans import Scan

_STEP = 0.25  # nats, of the histogram
_FARTHEST = 1e6  # nats: what lies beyond stands in the first or the last step
_LARGEST = np.finfo(float).max
_LEVELS = ("before", "after")


class StreamedAudit(Record):
    """The numbers of :class:`tabular.audit.Audit` that need no array of all pairs; pairs ``(reference, policy)``.

    ``loss``, ``certified_accuracy`` and the shares have one entry without a policy. ``n_ties`` counts delta = 0 at the
    end, ``n_skipped`` rows that were left out.
    """

    source: str
    beta: float
    n_pairs: int
    n_skipped: int
    share_pessimistic: float
    share_violating: float | None
    relative_accuracy: tuple[float, ...]
    absolute_accuracy: tuple[float, ...]
    share_in_u: tuple[float, ...]
    share_chosen_fell: tuple[float, ...]
    share_both_fell: tuple[float, ...]
    loss: tuple[float, ...]
    certified_accuracy: tuple[float, ...]
    n_ties: int


def streamed(scan: Scan, beta, executor=None) -> StreamedAudit:
    """The audit of a scan, DPO's loss.

    Args:
        beta: of the run.
        executor: with the interface of :mod:`concurrent.futures`; a part of the table is a piece of its work.

    Raises:
        InputError: a beta that is not above 0, a row that is not valid, no pair at all.
    """
    beta = checks.number(beta, "beta")
    n_parts = range(len(scan.paths))
    over = map if executor is None else executor.map
    parts = list(over(_totals, *zip(*((scan, part, beta) for part in n_parts), strict=True)))
    total = Counter()
    for part in parts:
        total.update(part["counts"])
    n = total["n"]
    if total["invalid"] and not scan.skip_invalid:
        _refuse(scan, parts)
    if not n:
        raise InputError(f"{scan.source} holds no pair: write at least one row")
    levels = _LEVELS if "policy_chosen" in scan.arrays else _LEVELS[:1]
    loss = [math.log(2), math.fsum(part["after"] for part in parts) / n][: len(levels)]
    certified = _certified(scan, beta, [value * n for value in loss], n, parts, over)

    def shares(name):
        return tuple(total[f"{name}_{level}"] / n for level in levels)

    return StreamedAudit(
        scan.source,
        beta,
        n,
        total["invalid"],
        total["pessimistic"] / n,
        total["violating"] / n if "reward_chosen" in scan.arrays else None,
        *(shares(name) for name in ("relative", "absolute", "in_u", "chosen_fell", "both_fell")),
        tuple(loss),
        certified,
        total["ties"],
    )


def _certified(scan, beta, budgets, n, parts, over):
    """The share that is certain at each total loss: 1 less what fits into it, the cheapest first."""
    count, price = Counter(), {}
    for part in parts:
        count.update(part["count"])
        for step, value in part["price"].items():
            price.setdefault(step, []).append(value)
    steps = sorted(count)
    spent = np.cumsum([0.0, *(math.fsum(price[step]) for step in steps)])
    fits = np.cumsum([0, *(count[step] for step in steps)])
    budgets = [budget * (1 + tolerances.LOSS) for budget in budgets]
    full = [int(np.searchsorted(spent[1:], budget, side="right")) for budget in budgets]
    all_valid = not any(part["counts"]["invalid"] for part in parts)
    values = _values(scan, sorted({steps[k] for k in full if k < len(steps)}), all_valid, over)
    found = []
    for budget, k in zip(budgets, full, strict=True):
        wrong = int(fits[k])
        if k < len(steps):
            wrong += _fitting(sorted(values[steps[k]].items()), budget - spent[k], beta)
        found.append(1 - wrong / n)
    return tuple(found)


def _values(scan, steps, all_valid, over):
    """{step: how often each delta_ref in it stands in the log}."""
    found = {step: Counter() for step in steps}
    if steps:
        for inside in over(
            _inside, *zip(*((scan, part, steps, all_valid) for part in range(len(scan.paths))), strict=True)
        ):
            for step, values in inside.items():
                found[step].update(values)
    return found


def _fitting(values, budget, beta):
    """How many of (delta_ref, count), in order, fit into a budget."""
    delta, count = np.array([v for v, _ in values]), np.array([c for _, c in values])
    cost = softplus(beta * delta)
    spent = np.cumsum(cost * count)
    full = int(np.searchsorted(spent, budget, side="right"))
    fit = int(count[:full].sum())
    if full < len(delta):
        left = budget - (spent[full - 1] if full else 0.0)
        fit += min(int(count[full]), max(int(left // cost[full]), 0)) if cost[full] > 0 else int(count[full])
    return fit


def _columns(scan, part):
    """The valid rows of a part with delta_ref, and the expression that says which rows are valid."""
    import polars as pl

    frame = scan.frame(part)
    logs = [pl.col(name) for name in scan.arrays if not name.startswith("reward")]
    rewards = [pl.col(name) for name in scan.arrays if name.startswith("reward")]
    good = [column.is_between(-_LARGEST, ROUNDING) for column in logs] + [column.is_finite() for column in rewards]
    valid = pl.all_horizontal(good).fill_null(False)
    clamped = [column.clip(upper_bound=0.0) for column in logs]
    return frame, valid, clamped, pl.col("ref_chosen") - pl.col("ref_rejected")


def _softplus(x):
    return x.clip(lower_bound=0.0) + (-x.abs()).exp().log1p()


def _totals(scan, part, beta):
    """Counts, sums and the histogram of one part, in one pass: all by the step of delta_ref, null where invalid."""
    import polars as pl

    frame, valid, clamped, delta_ref = _columns(scan, part)
    has_policy = "policy_chosen" in scan.arrays
    after = pl.col("policy_chosen") - pl.col("policy_rejected") if has_policy else delta_ref
    rows = frame.with_columns(valid.alias("valid"), *clamped).with_columns(
        delta_ref.alias("delta_ref"), after.alias("delta")
    )
    d, r = pl.col("delta"), pl.col("delta_ref")
    chosen_fell = pl.col("policy_chosen") < pl.col("ref_chosen")
    moved = {
        "relative_after": d > r,
        "absolute_after": d > 0,
        "in_u_after": (d > r) & (d < 0),
        "chosen_fell_after": chosen_fell,
        "both_fell_after": chosen_fell & (pl.col("policy_rejected") < pl.col("ref_rejected")),
    }
    counts = {"pessimistic": r < 0, "absolute_before": r > 0, "ties": d == 0} | (moved if has_policy else {})
    if "reward_chosen" in scan.arrays:
        counts["violating"] = beta * r <= pl.col("reward_rejected") - pl.col("reward_chosen")
    sums = {"price": _softplus(beta * r), **({"after": _softplus(-beta * (d - r))} if has_policy else {})}
    step = pl.when("valid").then(_step(r)).alias("step")
    by_step = rows.group_by(step).agg(
        pl.len().alias("n"), *(value.sum().alias(k) for k, value in (counts | sums).items())
    )
    table = by_step.collect(engine="streaming")
    kept = table.filter(pl.col("step").is_not_null()).sort("step")
    found = {name: int(kept[name].sum()) for name in ("n", *counts)}
    return {
        "counts": found | {"invalid": int(table["n"].sum()) - found["n"]},
        "after": math.fsum(kept["after"]) if has_policy else 0.0,
        "count": dict(zip(kept["step"], kept["n"], strict=True)),
        "price": dict(zip(kept["step"], kept["price"], strict=True)),
    }


def _step(delta_ref):
    """The step of the histogram that a value stands in."""
    import polars as pl

    return (delta_ref.clip(-_FARTHEST, _FARTHEST) / _STEP).floor().cast(pl.Int32)


def _inside(scan, part, steps, all_valid):
    """For each of some steps, how often each delta_ref in it stands in a part."""
    import polars as pl

    frame, valid, clamped, delta_ref = _columns(scan, part)
    rows = frame if all_valid else frame.filter(valid)
    rows = rows.select(column for column in clamped if column.meta.output_name().startswith("ref"))
    step = _step(pl.col("delta_ref"))
    values = rows.select(delta_ref.alias("delta_ref")).filter(pl.any_horizontal([step == one for one in steps]))
    table = values.group_by(step.alias("step"), "delta_ref").len().collect(engine="streaming")
    return {
        one: dict(zip(inside["delta_ref"], inside["len"], strict=True))
        for one in steps
        for inside in [table.filter(pl.col("step") == one)]
    }


def _refuse(scan, parts):
    """The first rows that are not valid, and how many there are."""

    part = next(i for i, found in enumerate(parts) if found["counts"]["invalid"])
    frame, valid, _, _ = _columns(scan, part)
    rows = frame.with_row_index("row").filter(~valid).head(5).collect(engine="streaming")
    first = rows.row(0, named=True)
    array = next(
        name
        for name in scan.arrays
        if first[name] is None
        or not math.isfinite(first[name])
        or (first[name] > ROUNDING and not name.startswith("reward"))
    )
    value = first[array]
    rule = LOG_PROB_RULE if value is not None and math.isfinite(value) else FINITE_RULE
    n = sum(found["counts"]["invalid"] for found in parts)
    places = ", ".join(str(row + 1) for row in rows["row"])
    raise InputError(
        f"{scan.paths[part]}, row {first['row'] + 1}: {scan.arrays[array]} is "
        f"{'missing' if value is None else f'{value:.10g}'}, "
        f"but {rule}; {n} rows of the log are not valid (first rows {places}): or pass skip_invalid=True"
    )
