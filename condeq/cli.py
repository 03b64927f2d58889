"""The ``condeq`` command: check, figures, report, solve, failures, losses, certify, audit."""

import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from condeq import examples, show
from tabular import InputError

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Exact tabular experiments on DPO, RLHF and CPO: verify statements, draw figures, audit a training log.",
)
console = Console()
RUN = "hh-pythia410m-dpo"
PROBLEM = f"A problem file (JSON or YAML), or one of {', '.join(Path(file).stem for file in examples.PROBLEMS)}."


def main() -> None:
    """Run the command; bad input ends with one sentence and exit code 2."""
    sys.stdout.reconfigure(errors="backslashreplace")  # names of files and responses need not be in its encoding
    try:
        app()
    except InputError as error:
        print(f"condeq: {error}", file=sys.stderr)
        sys.exit(2)


Out = Annotated[Path | None, typer.Option(help="Where to save the JSON; in this directory by default.")]
LossName = Annotated[str | None, typer.Option("--loss", help="A loss of `condeq losses`; the file's by default.")]
LossSettings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A parameter of the loss, such as eps=0.01. Repeat."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


@app.command()
def check(
    names: Annotated[list[str] | None, typer.Argument(help="Statements, such as prop-3.4; all by default.")] = None,
    source: Annotated[str | None, typer.Option(help="Those of one source only, such as yang_2026.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Statements verified at a time.")] = 2,
    as_json: AsJson = False,
) -> None:
    """Verify the statements; exit 1 if a verdict is not the expected one. One name alone is explained at length."""
    from proofs_checks.__main__ import main as verify
    from proofs_checks.registry import require

    for name in names or []:
        require(name)

    wanted = ["--source", source] if source else []
    raise typer.Exit(verify([*(names or []), *wanted, "--jobs", str(jobs), *(["--json"] if as_json else [])]))


@app.command()
def figures(
    names: Annotated[list[str] | None, typer.Argument(help="Figures to make; all by default.")] = None,
    out: Annotated[Path, typer.Option(help="Directory for images, tables and captions.")] = Path("report/figures"),
    formats: Annotated[list[str] | None, typer.Option("--format", help="pdf, svg or png; repeat for several.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A parameter of the figure, such as beta=0.2."),
    ] = None,
) -> None:
    """Draw figures, each with its table as CSV and its caption beside it."""
    from figures import FIGURES, FORMATS, module, save
    from tabular import logs

    chosen = names or list(FIGURES)
    for name in chosen:
        module(name)  # a name that nobody has is said before anything starts
    changed = show.parsed_settings(settings or [])
    if changed and len(chosen) != 1:
        raise InputError(f"--set changes one figure, {len(chosen)} are asked for: name the one")
    with progress() as report:
        for done, name in enumerate(chosen):
            report(done, len(chosen), name)
            try:
                with writing(out):
                    saved = save(name, out, formats or FORMATS, **changed)
            except logs.DataUnavailable as missing:
                console.print(f"{name}: not drawn, {missing}", markup=False)
                continue
            console.print("  ".join(str(path) for path in saved.paths.values()), markup=False, soft_wrap=True)
        report(len(chosen), len(chosen), "done")


@app.command()
def report(
    out: Annotated[Path, typer.Option(help="Directory of the page and everything it shows.")] = Path("report"),
) -> None:
    """Verify everything, draw everything, and write one self-contained page."""
    from condeq import report as page
    from proofs_checks.__main__ import print_table

    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
    with progress() as tell:
        summary = page.build(out, progress=tell)
    print_table(summary.results)
    for line in summary.missing:
        console.print(f"missing: {line}", markup=False)
    console.print(f"the report is {summary.page}", markup=False, soft_wrap=True)
    raise typer.Exit(0 if all(result.as_expected for result in summary.results) else 1)


@app.command()
def solve(
    file: Annotated[Path, typer.Argument(help=PROBLEM)],
    margin: Annotated[float, typer.Option(help="The margin m of the hard constraint pi_w >= e^m pi_l.")] = 0.0,
    loss: LossName = None,
    settings: LossSettings = None,
    as_json: AsJson = False,
) -> None:
    """The reference, the RLHF optimum, what DPO and a loss converge to, and the constrained optimum, side by side."""
    from condeq import solutions

    source, chosen = problem_and_loss(file, loss, settings)
    answer = solutions.solve(source, margin, chosen)
    if as_json:
        print_json(answer)
    else:
        for part in show.solution(answer):
            console.print(part)


@app.command()
def failures(
    file: Annotated[Path, typer.Argument(help=PROBLEM)],
    out: Out = None,
    loss: LossName = None,
    settings: LossSettings = None,
    as_json: AsJson = False,
) -> None:
    """Every way the loss, DPO's by default, can fall while the policy prefers the wrong response, pair by pair."""
    from condeq import solutions

    source, chosen = problem_and_loss(file, loss, settings)
    rows = solutions.failures(source, chosen)
    if as_json:
        print_json(rows)
        return
    with saved(rows, out or Path(f"{file.stem}-failures.json")):
        for part in show.failures(rows):
            console.print(part)


@app.command()
def certify(
    file: Annotated[Path, typer.Argument(help=PROBLEM)],
    margin: Annotated[float, typer.Option(help="The margin m of the hard constraint pi_w >= e^m pi_l.")] = 0.0,
    out: Annotated[Path, typer.Option(help="Where to save the Coq file.")] = Path("certificate.v"),
) -> None:
    """Write the results of a small problem as theorems with proofs, for Coq to check without trusting this program."""
    from condeq import certificate, problem_file

    source = problem_file.read(examples.located(file, examples.PROBLEMS))
    text = certificate.certificate(source, out.name, margin)
    with writing(out):
        out.write_text(text, encoding="utf-8")
    console.print(f"saved {out}; its first lines say how to check it", markup=False, soft_wrap=True)


@app.command()
def losses(as_json: AsJson = False) -> None:
    """The catalogue of losses: kind, convexity, parameters, source, and what trainers make of the names."""
    from condeq import loss_options

    rows = loss_options.catalogue()
    if as_json:
        print_json(rows)
        return
    for part in show.catalogue(rows):
        console.print(part)


@app.command()
def audit(
    log: Annotated[
        str,
        typer.Argument(
            help=f"A CSV, JSONL or Parquet file of pairs; or trainer_log, an example, or {RUN}, a public run."
        ),
    ],
    beta: Annotated[float | None, typer.Option(help="The beta of the DPO loss; needed for a file.")] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--column", metavar="NAME=COLUMN", help="Rename a column, such as ref_chosen=my_logp. Repeat."),
    ] = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """What a trainer's own log hides: pessimistic pairs, absolute accuracy, the share of pairs in U."""
    from tabular import logs
    from tabular.audit import audit as audited

    if log == RUN and not Path(log).exists():
        if columns:
            raise InputError(f"--column renames a column of a file, and {RUN} is none: leave it out")
        source = logs.load(log)
    else:
        file = examples.located(Path(log), examples.LOGS, RUN)
        source = logs.read_pairs(file, show.parsed_columns(columns or []))
    result = audited(source, beta).to_dict()
    if as_json:
        print_json(result)
        return
    with saved(result, out or Path(f"{Path(log).name.split('.')[0]}-audit.json")):
        for part in show.audit(result):
            console.print(part)


def problem_and_loss(file, loss, settings):
    """The problem file that is meant, and the loss of the options or else of the file, None for plain DPO."""
    from condeq import loss_options, problem_file

    source = problem_file.read(examples.located(file, examples.PROBLEMS))
    return source, loss_options.chosen(loss, show.parsed_settings(settings or []), source.loss)


def print_json(content) -> None:
    print(as_text(content))


def as_text(content) -> str:
    try:
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    except ValueError:
        raise InputError("a result is beyond the floating-point numbers: give a less extreme beta or reward") from None


@contextmanager
def saved(content, path: Path):
    """Save as JSON before anything is shown, so that a place that cannot be written is said first."""
    text = as_text(content)
    with writing(path):
        path.write_text(f"{text}\n", encoding="utf-8")
    yield
    console.print(f"saved {path}", markup=False, soft_wrap=True)


@contextmanager
def writing(place: Path):
    """Say in one sentence that a place cannot be written."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{place} cannot be written ({error.strerror}): name another place with --out") from None


@contextmanager
def progress():
    """A progress bar on standard error; what it yields is called with (done, total, what is under way)."""
    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    screen = Console(stderr=True)
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("starting", total=None)
        yield lambda done, total, what: bar.update(task, completed=done, total=total, description=what)
