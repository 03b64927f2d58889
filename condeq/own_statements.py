"""``condeq check`` of files of one's own: the answers, and the counterexamples that are shown or saved."""

from pathlib import Path

from condeq.sweeps import AGAIN, workers
from condeq.terminal import console, print_json, writing
from proofs_checks.conjectures import Answer
from proofs_checks.counterexamples import Counterexample
from proofs_checks.own_files import of_file

__all__ = ["STANDING", "check"]

#: with these a conjecture stands, and the command ends with 0
STANDING = ("PROVED", "CERTIFIED", "SUPPORTED")


def check(files: list[str], out: Path | None, as_json: bool, jobs: int, cluster: str | None) -> int:
    """Check every conjecture of the files, tell each answer when it is known; the exit code."""
    conjectures = [conjecture for file in files for conjecture in of_file(file)]
    rows = []
    with workers(jobs, cluster, AGAIN) as executor:
        for own in conjectures:
            name, answer = own.statement.id, own.check(executor)
            rows.append({"id": name, **answer.to_dict()})
            places = [] if out is None else _saved(name, answer.counterexample, out)
            if not as_json:
                _tell(name, answer, places)
    if as_json:
        print_json(rows)
    return 0 if all(row["verdict"] in STANDING for row in rows) else 1


def _tell(name: str, answer: Answer, places: list[Path]) -> None:
    """The answer; its counterexample is printed where nothing was saved."""
    console.print(f"{name}: {answer}", markup=False, soft_wrap=True)
    for text in [] if places or answer.counterexample is None else _texts(answer.counterexample).values():
        console.print(text.rstrip(), markup=False, soft_wrap=True)
    for place in places:
        console.print(f"saved {place}", markup=False, soft_wrap=True)


def _texts(found: Counterexample) -> dict[str, str]:
    texts = {"yaml": found.problem_file(), "tex": found.latex() + "\n"}
    return {suffix: text for suffix, text in texts.items() if text is not None}


def _saved(name: str, found: Counterexample | None, out: Path) -> list[Path]:
    """A problem file, a line of LaTeX, and a picture with its table and its caption."""
    if found is None:
        return []
    import figures
    from figures import counterexample

    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        places = []
        for suffix, text in _texts(found).items():
            places.append(out / f"{name}.{suffix}")
            places[-1].write_text(text, encoding="utf-8")
        drawn = figures.write(counterexample, name, counterexample.compute(found), out)
    return [*places, *drawn.paths.values()]
