"""One page a statement, and indexes of them by source, by verdict and by chapter, from the computed verdicts."""

import re
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from docs.generate import words
from proofs_checks import registry
from proofs_checks.formal import record
from proofs_checks.text import MEANINGS

#: figures that show a statement: its witness, or the curve it speaks of
PICTURES = {
    "def-3.3": "undesirable_region",
    "def-3.3-loss": "undesirable_region",
    "prop-3.4": "undesirable_region",
    "prop-3.4-necessity": "undesirable_region",
    "prop-3.4-weaker": "undesirable_region",
    "prop-3.4-vanishes": "undesirable_region",
    "assumption-3.1": "phase_diagram",
    "thm-3.5-if": "two_readings",
    "thm-3.5-repaired": "two_readings",
    "thm-3.5-ranking": "optima_vs_reference",
    "dpo-ordered": "two_readings",
    "dpo-population": "two_readings",
    "dpo-solution-set": "win_digraph",
    "dpo-limit-set": "solution_sets",
    "dpo-unlabelled-response": "solution_sets",
    "eq-10": "penalized_objective",
    "eq-10-local": "penalized_objective",
    "gamma-window": "penalized_objective",
    "thm-4.9": "penalized_objective",
    "thm-4.9-local": "penalized_objective",
    "thm-4.9-hard": "projection",
    "hard-one-pair": "projection",
    "isotonic-projection": "projection",
    "prop-5.1": "target_margins",
    "code-easy": "target_margins",
    "code-clip": "target_margins",
    "code-cpo": "target_margins",
    "escape-time": "escape_time",
    "escape-time-exponential": "escape_time",
    "escape-time-linear": "escape_time",
    "worst-case-accuracy": "frontier",
    "accuracy-logged": "real_run",
    "fig-2": "paper_figure_2",
}

#: the folders that come first in the index by source
FIRST = ("yang_2026", "rafailov_2023", "azar_2023", "xu_2024", "own")


def environment() -> Environment:
    """The templates, with the filters that set plain sentences as Markdown."""
    made = Environment(
        loader=PackageLoader("docs.generate"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters |= {"sentence": words.sentence, "literal": words.literal, "code": words.code, "slug": words.slug}
    return made


def write(out: Path, results: list[dict], chapters: dict[str, list[str]]) -> None:
    """``out/statements``: a page for every result and the indexes.

    Args:
        results: as :func:`proofs_checks.text.as_dict` gives them.
        chapters: {a chapter's name: the ids that it cites}.
    """
    folder = out / "statements"
    folder.mkdir(parents=True, exist_ok=True)
    template = environment().get_template("statement.md.j2")
    for result in results:
        cited_by = [chapter for chapter, ids in chapters.items() if result["id"] in ids]
        used_by = [other["id"] for other in results if result["id"] in other["rests_on"]]
        page = template.render(
            result=result,
            meaning=MEANINGS[result["verdict"]],
            kernel_said=record.said(),
            proof=formal_proof(result["id"]),
            picture=PICTURES.get(result["id"]),
            chapters=cited_by,
            used_by=used_by,
            linked=lambda text: linked(text, results),
        )
        (folder / f"{result['id']}.md").write_text(page, encoding="utf-8")
    index = environment().get_template("statements.md.j2")
    (folder / "index.md").write_text(
        index.render(
            results={result["id"]: result for result in results},
            by_source=by_source(results),
            by_verdict={v: [r["id"] for r in results if r["verdict"] == v] for v in MEANINGS},
            by_chapter=by_chapter(results, chapters),
            meanings=MEANINGS,
        ),
        encoding="utf-8",
    )


def by_source(results) -> dict[str, list[str]]:
    """The ids of each source, the most cited sources first."""
    ordered = sorted(results, key=lambda result: (_rank(result["file"]), result["file"]))
    groups = groupby(ordered, key=lambda result: result["file"].split("/")[1])
    return {registry.title(folder): [result["id"] for result in rows] for folder, rows in groups}


def _rank(file):
    folder = file.split("/")[1]
    return FIRST.index(folder) if folder in FIRST else len(FIRST), folder


def by_chapter(results, chapters) -> dict[str, list[str]]:
    """The ids that each chapter speaks of, and those that none does."""
    told = {name for ids in chapters.values() for name in ids}
    rest = [result["id"] for result in results if result["id"] not in told]
    return {**chapters, **({"": rest} if rest else {})}


def cited(text: str) -> list[str]:
    """The ids that a page cites, in its order.

    >>> cited("{verdict}`thm-3.5` and {verdict}`eq-10`, then {verdict}`thm-3.5`")
    ['thm-3.5', 'eq-10']
    """
    found = re.findall(r"\{verdict\}`([^`]+)`|^[`:]{3,}\{statement\} (\S+)", text, flags=re.MULTILINE)
    return list(dict.fromkeys(role or box for role, box in found))


def linked(text: str, results) -> str:
    """A sentence with the names of other statements as links; single words, such as price, are left alone."""
    named = sorted((r["id"] for r in results if "-" in r["id"]), key=len, reverse=True)
    pattern = rf"(?<![\w.-])({'|'.join(map(re.escape, named))})(?![\w-])"
    parts = re.split(pattern, text)
    known = set(named)
    return "".join(f"[{part}](/statements/{part}.md)" if part in known else words.sentence(part) for part in parts)


def formal_proof(name: str) -> str:
    """The proof that Coq checked, from its theorem to its Qed; "" where there is none."""
    entry = record.entries().get(name)
    if entry is None:
        return ""
    text = (record.DIRECTORY / f"{entry.file}.v").read_text("utf-8")
    found = re.search(rf"^(?:Theorem|Lemma) {entry.claim}_{entry.shown}\b.*?\bQed\.", text, re.MULTILINE | re.DOTALL)
    return found[0] if found else ""
