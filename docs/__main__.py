"""Build the book: ``python -m docs [--out DIR]``. Verdicts are computed once, at the start."""

import argparse
import json
import shutil
import sys
import time
from pathlib import Path

from sphinx.cmd.build import build_main

from docs import check
from docs.generate import losses, moving, pictures, reference, statements, tree
from proofs_checks.registry import verify
from proofs_checks.text import as_dict

HERE = Path(__file__).parent
ROOT = HERE.parent
#: pages that stand elsewhere because readers of the repository open them there
ELSEWHERE = {
    "docs/audit.md": "how_to/audit_your_run.md",
    "docs/certificates.md": "how_to/certificates.md",
    "docs/formal.md": "how_to/formal.md",
    "docs/problem_file.md": "problem_file.md",
    "CHANGELOG.md": "changes.md",
}


def gather(out: Path, results: list[dict], figure_names=None) -> None:
    """All pages, written by hand and by the toolkit, and what they take their words from, in one folder."""
    if out.exists():
        shutil.rmtree(out)
    shutil.copytree(HERE / "site", out)
    for file, page in ELSEWHERE.items():
        if (ROOT / file).is_file():
            shutil.copy(ROOT / file, out / page)
    for picture in HERE.glob("*.png"):
        shutil.copy(picture, out)
    known = {result["id"]: result for result in results}
    (out / "verdicts.json").write_text(json.dumps(known, ensure_ascii=False), encoding="utf-8")
    chapters = {
        page.stem: statements.cited(page.read_text(encoding="utf-8"))
        for page in sorted((out / "theory").glob("[0-9]_*.md"))
    }
    pictures.write(out, figure_names)
    statements.write(out, results, chapters)
    tree.write(out, results)
    losses.write(out)
    moving.write(out)
    reference.write(out)


def main(arguments: list[str] | None = None) -> int:
    options = argparse.ArgumentParser(prog="python -m docs", description=__doc__)
    options.add_argument("--out", type=Path, default=Path("build/docs"), help="where source/ and html/ go")
    options.add_argument("--verdicts", type=Path, help="verdicts.json of an earlier build, to skip computing them")
    given = options.parse_args(arguments)
    start = time.perf_counter()
    if failing := check.examples(sorted((HERE / "site").rglob("*.md"))):
        print("\n".join(failing), file=sys.stderr)
        return 1
    source, html = given.out / "source", given.out / "html"
    if given.verdicts:
        results = list(json.loads(given.verdicts.read_text(encoding="utf-8")).values())
    else:
        print("verifying every statement ...", flush=True)
        results = [as_dict(result) for result in verify(processes=2)]
    gather(source, results)
    quiet = ["-b", "html", "-W", "--keep-going", "-j", "2", "-q", "-d", str(given.out / "doctrees")]
    failed = build_main([*quiet, str(source), str(html)])
    problems = [] if failed else check.problems(html)
    for problem in problems:
        print(problem, file=sys.stderr)
    if not failed and not problems:
        print(f"{html / 'index.html'}: {check.size(html) / 2**20:.1f} MB in {time.perf_counter() - start:.0f} s")
    return int(bool(failed or problems))


if __name__ == "__main__":
    sys.exit(main())
