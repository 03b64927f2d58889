"""``python -m proofs_checks [ID ...]``: verify and print one table; the exit code is 1 if a verdict is unexpected."""

import argparse
import json
import sys
from pathlib import Path

from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from proofs_checks import explain, slowest, summary, table_rows, theorems_markdown, verify
from proofs_checks.kernel.statement import Verdict
from proofs_checks.registry import of_source
from proofs_checks.text import as_dict
from tabular.base import checks
from tabular.base.plain import in_unicode
from tabular.errors import InputError

__all__ = ["main", "print_lines", "print_table"]

_COLOURS = {"PROVED": "green", "CERTIFIED": "green", "SUPPORTED": "cyan", "REFUTED": "red", "UNDECIDED": "bold yellow"}


def main(arguments=None, executor=None) -> int:
    """Verify what the arguments name; ``executor`` runs the statements where one is given."""
    options = _options(arguments)
    try:
        if options.verdict:
            checks.choice(_asked(options.verdict), Verdict.__members__, "verdict")
        results = _verify(options, executor)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    expected = all(result.as_expected for result in results)
    if options.verdict:
        results = [result for result in results if result.verdict.name == _asked(options.verdict)]
    if options.write:
        options.write.write_text(theorems_markdown(results), encoding="utf-8")
    elif options.json:
        escaped = not in_unicode(sys.stdout)
        print(json.dumps([as_dict(result) for result in results], indent=1, ensure_ascii=escaped))
    elif len(options.names) == 1 and results:
        print(explain(options.names[0], results[0]))
    elif sys.stdout.isatty():
        print_table(results)
    else:
        print_lines(results)
    return 0 if expected else 1


def print_lines(results) -> None:
    """One line a statement, for other programs: id, verdict, title and note, tabs between."""
    for row in table_rows(results):
        name, title, verdict, note = row
        print("\t".join((name, verdict, title, *([note] if note else []))))


def _asked(verdict):
    """The name of a verdict as it is typed: in any case, its spaces as hyphens or underlines."""
    return verdict.upper().replace("-", "_").replace(" ", "_")


def _options(arguments):
    parser = argparse.ArgumentParser(prog="python -m proofs_checks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="ID", help="verify these only; one alone is explained at length")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write THEOREMS.md there")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="statements verified at a time")
    parser.add_argument("--source", help="those of one source only, such as yang_2026")
    parser.add_argument("--verdict", help="show those of one verdict only, such as refuted")
    return parser.parse_args(arguments)


def _verify(options, executor):
    screen = Console(stderr=True)
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("verifying", total=None)

        def progress(done, total, result):
            bar.update(task, completed=done, total=total, description=result.statement.id)

        names = options.names or of_source(options.source)
        return verify(names, progress, 1 if len(options.names) == 1 else options.jobs, executor)


def print_table(results) -> None:
    """One row for each statement, a note where there is one under its title, the verdicts' count, the slowest."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("id", no_wrap=True)
    table.add_column("statement")
    table.add_column("verdict", max_width=13)
    for name, title, verdict, note in table_rows(results):
        words = Text(title).append(f"\n{note}" if note else "", style="italic")
        table.add_row(name, words, Text(verdict, style=_COLOURS.get(verdict, "default")))
    console = Console()
    console.print(table)
    console.print(summary(results))
    console.print("slowest: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in slowest(results)))


if __name__ == "__main__":
    sys.exit(main())
