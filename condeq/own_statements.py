"""``condeq check`` of files of one's own: the answers, and the counterexamples that are shown or saved."""

from pathlib import Path

from condeq.sweeps import workers
from condeq.terminal import console, print_json, writing
from proofs_checks.conjectures import Answer
from proofs_checks.counterexamples import Counterexample
from proofs_checks.own_files import of_file

#: with these a conjecture stands, and the command ends with 0
STANDING = ("PROVED", "CERTIFIED", "SUPPORTED")


def check(files: list[str], out: Path | None, as_json: bool, jobs: int, cluster: str | None) -> int:
    """Check every conjecture of the files, tell each answer when it is known; the exit code."""
    conjectures = [conjecture for file in files for conjecture in of_file(file)]
    rows = []
    with workers(jobs, cluster, "give the same command again") as executor:
        for own in conjectures:
            answer = own.check(executor)
            rows.append({"id": own.statement.id, **answer.to_dict()})
            if not as_json:
                _tell(own.statement.id, answer, out)
    if as_json:
        print_json(rows)
    return 0 if all(row["verdict"] in STANDING for row in rows) else 1


def _tell(name: str, answer: Answer, out: Path | None) -> None:
    console.print(f"{name}: {answer}", markup=False, soft_wrap=True)
    if answer.counterexample is None:
        return
    for suffix, text in _texts(answer.counterexample).items():
        if out is None:
            console.print(text.rstrip(), markup=False, soft_wrap=True)
            continue
        place = out / f"{name}.{suffix}"
        with writing(place):
            out.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        console.print(f"saved {place}", markup=False, soft_wrap=True)


def _texts(found: Counterexample) -> dict[str, str]:
    texts = {"yaml": found.problem_file(), "tex": found.latex() + "\n"}
    return {suffix: text for suffix, text in texts.items() if text is not None}
