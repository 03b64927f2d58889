"""The README says what the toolkit says: verdicts, pictures, files. (Its Python example runs as a doctest.)"""

import re
from pathlib import Path

from condeq import examples

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
THEOREMS = (ROOT / "THEOREMS.md").read_text()
VERDICT = r"(PROVED|CERTIFIED|SUPPORTED|REFUTED|VACUOUS|NOT CHECKABLE HERE)"


def rows_of_theorems():
    """{id: (title, verdict)} of THEOREMS.md, which a test of its own keeps current."""
    rows = re.findall(rf"^\| \[(\S+)\]\(#\S+\) \| (.+?) \| [^|]+ \| {VERDICT}.*? \|$", THEOREMS, flags=re.MULTILINE)
    return {name: (title.replace("\\", ""), verdict) for name, title, verdict in rows}


def test_the_verdicts_shown_are_the_current_ones():
    known = rows_of_theorems()
    table = README.split("```text\n")[1].split("```")[0]
    shown = re.findall(rf"^([a-z]\S*)  +(.+?)  +{VERDICT}$\n?((?: {{20,}}.+\n)?)", table, flags=re.MULTILINE)
    assert len(shown) >= 8
    for name, title, verdict, more in shown:
        assert known[name] == (" ".join(f"{title} {more}".split()), verdict)


def test_pictures_files_and_examples_are_there():
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / target).is_file(), target
    named = re.findall(r"^condeq (?:solve|failures|certify) (\S+)", README, flags=re.MULTILINE)
    assert len(named) >= 4
    assert set(named) <= {Path(file).stem for file in examples.PROBLEMS}
