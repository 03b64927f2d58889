"""The words of every statement, pinned with an outline of its evidence: words do not change alone.

    python tests/words.py --write

What a relation says is printed from the relation itself, and the search checks it. The rest is prose: titles,
hypotheses of instances, claims in words, arguments, conclusions. No machine reads prose, so a person does: whoever
changes it reads it once more against the evidence, then writes the digests anew.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

from proofs_checks.kernel.statement import InWords, Statement

PINNED = Path(__file__).parent / "golden" / "words.json"


def words(statement: Statement) -> dict:
    """All that a reader is told of a statement, by where it stands."""
    form = statement.form
    said = {name: str(getattr(statement, name)) for name in ("id", "title", "source", "hypotheses", "conclusion")}
    said |= {"origin": statement.origin.value, "policies": statement.policies.value, "why": statement.out_of_reach}
    said |= {f"claim {name}": str(part) for name, part in form.claim.items()}
    said |= {f"argument {name}": part.argument for name, part in statement.parts.items()}
    if isinstance(form, InWords):
        return said | {"in words": form.why}
    return said | {f"needless {k}": given.needless for k, given in enumerate(form.hypotheses)}


def evidence(statement: Statement) -> dict:
    """An outline of what carries it: the steps of every part, what each checks and where, its wrong versions."""
    parts = {f"part {name}": part.steps for name, part in statement.parts.items()}
    parts["second routes"] = statement.second_routes
    outline = {
        name: [[step.name, step.quantifier.value, step.domain, step.formula, *step.controls] for step in steps]
        for name, steps in parts.items()
    }
    form = statement.form
    searched = [] if isinstance(form, InWords) else [form.instances.drawn, *form.wrong, *form.right]
    return {**outline, "searched": searched, "settles": statement.settles.value, "expected": statement.expected.value}


def digest(known: dict) -> str:
    return hashlib.sha256(json.dumps(known, ensure_ascii=False, sort_keys=True).encode()).hexdigest()[:16]


def digests(statement: Statement) -> dict:
    return {"words": digest(words(statement)), "evidence": digest(evidence(statement))}


def changed(statements, pinned: dict) -> list[str]:
    """One sentence for each statement that is not as pinned."""
    found = []
    for statement in statements:
        now, then = digests(statement), pinned.get(statement.id)
        if then is None:
            found.append(f"{statement.id} is new: read its words against its evidence")
        elif now != then:
            both = " and ".join(name for name in now if now[name] != then[name])
            found.append(f"{statement.id}: its {both} changed: read the words against the evidence once more")
    known = {statement.id for statement in statements}
    return found + [f"{name} is gone" for name in pinned if name not in known]


def main() -> int:
    from proofs_checks import statements

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="pin the words as they are now")
    options = parser.parse_args()
    known = [statement for statement, _ in statements().values()]
    pinned = json.loads(PINNED.read_text(encoding="utf-8")) if PINNED.exists() else {}
    print(*changed(known, pinned) or ["every statement is as pinned"], sep="\n")
    if options.write:
        now = {statement.id: digests(statement) for statement in sorted(known, key=lambda statement: statement.id)}
        PINNED.write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
