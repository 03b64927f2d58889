"""``condeq audit``: what a trainer's log hides."""

from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Annotated

import typer

from condeq import completion, examples, show
from condeq.options import AsJson, LossName, LossSettings
from condeq.terminal import console, print_json, progress, saved, writing
from tabular import InputError

__all__ = ["audit"]


def audit(
    log: Annotated[
        str,
        typer.Argument(
            help="What a trainer wrote: a file of pairs in any of its forms, a directory or a quoted pattern of parts, "
            "trainer_state.json or another log of batch means; or trainer_log, an example, or "
            f"{examples.RUN}, a public run.",
            autocompletion=completion.logs,
        ),
    ],
    beta: Annotated[float | None, typer.Option(help="The beta of the loss; needed for a file of pairs.")] = None,
    policy: Annotated[
        list[str] | None,
        typer.Option(help="The trained policy's pass, a file of its own; or STEP=PATH, once a checkpoint. Repeat."),
    ] = None,
    reference: Annotated[
        str | None, typer.Option(help="Pairs of the reference, beside a log of batch means.", metavar="PATH")
    ] = None,
    key: Annotated[str | None, typer.Option(help="The column that names a pair in all files.")] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--column", metavar="NAME=COLUMN", help="Rename a column, such as ref_chosen=my_logp. Repeat."),
    ] = None,
    loss: LossName = None,
    settings: LossSettings = None,
    by: Annotated[list[str] | None, typer.Option(help="Groups: delta_ref, length, or a column. Repeat.")] = None,
    worst: Annotated[int, typer.Option(help="How many pairs to name for each question.", min=0)] = 5,
    skip_invalid: Annotated[bool, typer.Option(help="Leave out rows that are not valid, and count them.")] = False,
    stream: Annotated[bool, typer.Option("--stream", help="For logs larger than memory: numbers and doubts.")] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Stream in that many processes on this machine.")] = 1,
    cluster: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Stream on a Dask scheduler.")] = None,
    evaluation: Annotated[bool, typer.Option(help="Of a log of batch means: the evaluations.")] = False,
    out: Annotated[Path | None, typer.Option(help="Save the summary as JSON.")] = None,
    per_pair: Annotated[Path | None, typer.Option(help="Save a row for each pair, as Parquet.")] = None,
    html: Annotated[Path | None, typer.Option(help="Save one self-contained page.")] = None,
    figures: Annotated[Path | None, typer.Option(help="Save figures, their table and caption, in a directory.")] = None,
    as_json: AsJson = False,
) -> None:
    """What a trainer's own log hides: pessimistic pairs, absolute accuracy, the pairs in U, which, and what helps."""
    from condeq import show_audit

    of = _loss(loss, settings)
    metrics = log != examples.RUN and _is_metrics(log)
    if figures is not None and (stream or metrics):
        raise InputError("--figures draws every pair: give a file of pairs, and leave --stream out")
    if metrics:
        _batch_means(log, beta, reference, of, evaluation, as_json, out)
        return
    if reference is not None:
        raise InputError("--reference goes with a log of batch means: give the reference's file first, then --policy")
    renamed = show.parsed_columns(columns or [])
    if stream or jobs > 1 or cluster is not None:
        _refuse_of_stream({"--policy": policy, "--key": key, "--by": by, "--per-pair": per_pair, "--html": html})
        _streamed(log, beta, renamed, of, skip_invalid, (jobs, cluster), as_json, out)
        return
    by = by or []
    with progress() as tell:
        tell(0, 2, "reading the pairs")
        result = _audited(log, beta, policy or [], key, renamed, of, skip_invalid, lambda: tell(1, 2, "adding up"))
        shown = list(show_audit.parts(result, by, worst))
    _require_finite(result)
    if per_pair is not None:
        _save_pairs(result, per_pair)
    if html is not None:
        from condeq import audit_page

        with writing(html, "--html"):
            html.write_text(audit_page.page(result, by), encoding="utf-8")
    drawn = []
    if figures is not None:
        from condeq import audit_figures

        drawn = audit_figures.save(result, figures)
    _told(shown, result.summary, as_json, out)
    for place in (per_pair, html, *drawn):
        if place is not None and not as_json:
            console.print(f"saved {place}", markup=False, soft_wrap=True)


def _told(shown, content, as_json, out):
    """The answer: its parts, or as JSON what ``content`` makes, which may be saved beside the parts."""
    if as_json:
        print_json(content(), indent=None)
        return
    with nullcontext() if out is None else saved(content(), out):
        for part in shown:
            console.print(part)


def _loss(name, settings):
    """The loss that is named, and its parameters; token counts may come from the log."""
    given = show.parsed_settings(settings or [])
    if name is None and given:
        raise InputError(f"--set {next(iter(given))}=... changes a loss and none is named: add --loss NAME")
    return name, given


def _is_metrics(log):
    from tabular import logs

    path = Path(log)
    return path.is_file() and logs.is_metrics(path)


def _refuse_of_stream(given):
    """Whatever needs all pairs at once."""
    for option, value in given.items():
        if value:
            raise InputError(
                f"{option} needs all pairs at once, and a stream keeps none: leave out --stream, --jobs and --cluster"
            )


def _audited(log, beta, policies, key, columns, loss, skip_invalid, read):
    """The audit of what is read as a whole; ``read`` is called in between."""
    from tabular import logs
    from tabular.audit import audit as audited

    name, params = loss
    found = _read(logs, log, beta, policies, key, columns, skip_invalid)
    read()
    return audited(found, beta, name, **params)


def _read(logs, log, beta, policies, key, columns, skip_invalid):
    if log == examples.RUN and not Path(log).exists():
        if columns or policies:
            what = "--column renames a column of a file" if columns else "--policy joins another file to a file"
            raise InputError(f"{what}, and {examples.RUN} is none: leave it out")
        return logs.load(log)
    steps = _steps(policies)
    path = _place(log)
    if steps is None:
        return logs.read_pairs(path, columns, skip_invalid=skip_invalid)
    if isinstance(steps, dict) and beta is None:
        raise InputError("checkpoints need the run's beta: give --beta, often 0.1")
    return logs.read_run(path, steps, beta, columns, key=key, skip_invalid=skip_invalid)


def _place(log):
    """The file, directory or pattern that is meant, or an example's."""
    return Path(log) if any(sign in log for sign in "*?[") else examples.located(Path(log), examples.LOGS, examples.RUN)


def _steps(policies):
    """No policy, the path of one, or ``{step: path}``."""
    if not policies:
        return None
    if len(policies) == 1 and (Path(policies[0]).exists() or "=" not in policies[0]):
        return policies[0]
    steps = {}
    for given in policies:
        step, equals, path = given.partition("=")
        if not (equals and path and step.strip().isdigit()) or int(step) in steps:
            raise InputError(
                f"--policy {given!r} is not of the form STEP=PATH with a step of its own: write 1000=a.parquet"
            )
        steps[int(step)] = path
    return steps


def _batch_means(log, beta, reference, loss, evaluation, as_json, out):
    from condeq import show_audit
    from tabular import logs, losses
    from tabular.auditing.courses import course

    name, params = loss
    loss = losses.get(name or "dpo", **params)
    pairs = None if reference is None else logs.read_pairs(reference)
    found = course(logs.read_metrics(log, evaluation), beta, pairs, loss)
    _told(show_audit.course(found), lambda: _plain(found), as_json, out)


def _streamed(log, beta, columns, loss, skip_invalid, where, as_json, out):
    from condeq import show_audit, sweeps
    from tabular import logs
    from tabular.audit import audit as audited

    name, params = loss
    if log == examples.RUN and not Path(log).exists():
        raise InputError(
            f"{examples.RUN} is a run of checkpoints and no table to stream: leave out --stream, --jobs and --cluster"
        )
    scan = logs.scan(_place(log), columns, skip_invalid=skip_invalid)
    with ExitStack() as stack:
        executor = stack.enter_context(
            sweeps.workers(*where, "give the command again, with fewer --jobs if memory ran out")
        )
        tell = stack.enter_context(progress())
        result = audited(scan, beta, name, executor=executor, progress=lambda n, of: tell(n, of, "pairs"), **params)
    _told(show_audit.stream(result), result.to_dict, as_json, out)


def _plain(found):
    """A course as JSON, nan as null."""
    arrays = {"step": found.metrics.step, **found.metrics.values, "delta": found.delta, "delta_ref": found.delta_ref}
    if found.certified is not None:
        arrays["certified"] = found.certified
    plain = {name: [None if value != value else value for value in array.tolist()] for name, array in arrays.items()}
    told = {"source": found.metrics.source, "trainer": found.metrics.trainer}
    return told | plain | {"doubts": [str(doubt) for doubt in found.doubts]}


def _save_pairs(result, path):
    import polars

    from tabular.auditing.worst import keys_of, per_pair

    columns = (
        keys_of(result.log)
        | per_pair(result.log)
        | {"flip_threshold": result.flip_threshold, "pair_loss": result.pair_loss}
    )
    with writing(path, "--per-pair"):
        polars.DataFrame(columns).write_parquet(path)


def _require_finite(result):
    if result.loss_name == "dpo" and not all(value < float("inf") for value in result.loss):
        raise InputError("a result is beyond the floating-point numbers: give a less extreme beta, or mend the log")
