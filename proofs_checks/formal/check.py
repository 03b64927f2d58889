"""Compile every proof from nothing, ask the kernel what each claim says and rests on, and write the record."""

import json
import re
import shutil
import subprocess
from datetime import date
from pathlib import Path

from proofs_checks.formal.record import DIRECTORY, digests, entries

__all__ = [
    "HOLES",
    "MACHINE_AXIOMS",
    "REAL_AXIOMS",
    "Refused",
    "ask",
    "available",
    "compile_all",
    "compile_one",
    "full",
    "holes",
    "recheck",
    "versions",
    "write",
]

#: What the standard library's classical real numbers rest on; nothing else may carry a claim.
REAL_AXIOMS = {
    "Classical_Prop.classic",
    "ClassicalDedekindReals.sig_not_dec",
    "ClassicalDedekindReals.sig_forall_dec",
    "FunctionalExtensionality.functional_extensionality_dep",
}
#: What the tactic ``interval`` adds: the kernel's machine integers and floating-point numbers, and what they satisfy.
MACHINE_AXIOMS = re.compile(r"(PrimInt63|Uint63|Uint63Axioms|Sint63|Sint63Axioms|PrimFloat|FloatAxioms|FloatOps)\.\w+")
#: Words that leave a hole in a proof, or switch a check of the kernel off.
HOLES = re.compile(
    r"\b(Admitted|admit|give_up|Axioms?|Parameters?|Conjecture|Primitive|Abort|bypass_check"
    r"|Unset\s+(?:Guard|Positivity|Universe)\s+Checking|type_in_type)\b"
)
_COMMENT = re.compile(r"\(\*(?:[^(*]|\((?!\*)|\*(?!\)))*\*\)")


class Refused(Exception):
    """The kernel, or our reading of what it printed, did not accept a claim."""


def available() -> bool:
    """Whether Coq's compiler and its independent checker are installed."""
    return all(shutil.which(tool) for tool in ("coqc", "coqdep", "coqchk", "make"))


def holes(text: str) -> list[str]:
    """The words of a Coq file, comments aside, that would make its theorems worth less than they say.

    >>> holes("Lemma a : True. Proof. exact I. Qed. (* no Axiom here *)")
    []
    >>> holes("Lemma a : False. Admitted.")
    ['Admitted']
    """
    while text != (text := _COMMENT.sub(" ", text)):
        pass
    return HOLES.findall(text)


def compile_all(directory: Path) -> None:
    """Copy the sources to a directory and compile what changed there since it was last used.

    Raises:
        Refused: a file with a hole, or one that Coq does not accept, with what it said.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for path in DIRECTORY.iterdir():
        if path.name.endswith((".v", ".mk")):
            text, copy = path.read_text("utf-8"), directory / path.name
            if found := holes(text) if path.name.endswith(".v") else []:
                raise Refused(f"{path.name} has a hole: {', '.join(found)}")
            if not copy.exists() or copy.read_text("utf-8") != text:
                copy.write_text(text, "utf-8")
    _run(["make", "--silent", "-j2", "-f", "compile.mk"], directory)


def compile_one(directory: Path, name: str) -> None:
    """Compile a file that stands beside the compiled proofs.

    Raises:
        Refused: what Coq does not accept, with what it said.
    """
    _run(["coqc", "-w", "none", "-Q", ".", "Formal", name], directory)


def ask(directory: Path, listed=None, each: bool = True) -> dict[str, dict]:
    """What Coq prints of every claim and near miss, and the axioms under it, by the statement's id.

    Args:
        each: ask for the axioms of every claim by itself. Coq goes through the whole library for every such question;
            without, it is asked once for all claims that may rest on real numbers alone.

    Raises:
        Refused: a theorem that is not of the type its list says, or rests on an axiom that is not allowed.
    """
    listed = entries() if listed is None else listed
    lines, groups = [*_PRINTED, _imports(e.claims_file for e in listed.values())], {}
    lines += [f'Redirect "{e.statement}.statement" Print {e.statement}.' for e in listed.values()]
    # what chapters and near misses abbreviate must not reach the claims as they are printed
    lines.append(_imports(file for e in listed.values() for file in (e.file, e.near_file) if file))
    for entry in listed.values():
        lines.append(_is_of_type(entry.statement, entry.theorem, refuted=entry.shown == "refuted"))
        groups.setdefault(_group(entry, each), []).append(entry.theorem)
        for name in entry.near:
            near = f"{entry.near_file}.{name}"
            lines.append(_is_of_type(near, f"{near}_refuted", refuted=True))
            lines.append(f'Redirect "{near}.statement" Print {near}.')
            groups.setdefault(_TOGETHER, []).append(f"{near}_refuted")
    for group, theorems in groups.items():
        lines.append(f"Definition {group}__together := ({', '.join(theorems)}).")
        lines.append(f'Redirect "{group}.axioms" Print Assumptions {group}__together.')
    (directory / "ask.v").write_text("\n".join(lines) + "\n", "utf-8")
    try:
        compile_one(directory, "ask.v")
    finally:
        (directory / "ask.v").unlink()
    needs = _dependencies(directory)
    machine = {_group(entry, each) for entry in listed.values() if entry.interval}
    axioms = {group: _axioms(directory, group, group in machine) for group in groups}
    return {name: _answers(directory, entry, needs, axioms[_group(entry, each)]) for name, entry in listed.items()}


_TOGETHER = "real_numbers_alone"
#: Numbers, functions on finite types and sums are printed as they are written.
_PRINTED = (
    "From Coq Require Import Reals.",
    "From mathcomp Require Import ssreflect ssrfun ssrbool eqtype ssrnat seq fintype bigop.",
    "From Formal Require Import definitions definitions_cpo.",
    "Open Scope R_scope.",
    "Set Printing Parentheses.",
    "Set Printing Width 110.",
)


def _imports(files):
    return f"From Formal Require Import {' '.join(sorted(set(files)))}."


def _group(entry, each):
    return entry.claim if each or entry.interval else _TOGETHER


def _is_of_type(statement, theorem, refuted):
    return f"Check ({theorem} : {'~ ' if refuted else ''}{statement})."


def _answers(directory, entry, needs, axioms):
    return {
        "claim": entry.claim,
        "theorem": entry.theorem,
        "shown": entry.shown,
        "scope": entry.scope,
        "which": entry.which,
        "statement": _statement(directory, entry.statement),
        "axioms": sorted(axioms & REAL_AXIOMS),
        "interval": sorted(axioms - REAL_AXIOMS),
        "files": sorted(f"{name}.v" for name in needs[entry.file]),
        "near": {name: _statement(directory, f"{entry.near_file}.{name}") for name in entry.near},
    }


def _axioms(directory, claim, machine=False):
    """The axioms under a claim or a group of them; those of machine numbers only where they are announced.

    Raises:
        Refused: an axiom that is not allowed there.
    """
    text = (directory / f"{claim}.axioms.out").read_text("utf-8")
    if text.startswith("Closed under the global context"):
        return set()
    names = set(re.findall(r"^(\S+)\s*:", text.partition("Axioms:")[2], re.MULTILINE))
    forbidden = {name for name in names - REAL_AXIOMS if not (machine and MACHINE_AXIOMS.fullmatch(name))}
    if forbidden or not names:
        raise Refused(f"{claim} rests on {', '.join(sorted(forbidden)) or 'something unreadable: ' + text}")
    return names


def _statement(directory, claim):
    """The claim as Coq prints it, without the name before and the sort behind."""
    text = (directory / f"{claim}.statement.out").read_text("utf-8")
    return re.sub(r"\s+: Prop\s*\Z", "", text.partition("=")[2]).strip("\n")


def _dependencies(directory):
    """Every file with all that it rests on, itself included."""
    direct = {}
    for line in (directory / ".depend").read_text("utf-8").splitlines():
        made, _, sources = line.partition(":")
        if made.split()[0].endswith(".vo"):
            direct[made.split()[0].removesuffix(".vo")] = {
                name.removesuffix(".vo") for name in sources.split() if name.endswith(".vo")
            }
    closed = {}

    def close(name):
        if name not in closed:
            closed[name] = {name}.union(*(close(other) for other in direct[name]))
        return closed[name]

    return {name: close(name) for name in direct}


def recheck(directory: Path) -> None:
    """Have ``coqchk``, which shares no code with the tactics, go through our compiled files again.

    Raises:
        Refused: what it did not accept.
    """
    modules = [word for name in digests() for word in ("-norec", f"Formal.{name.removesuffix('.v')}")]
    _run(["coqchk", "-silent", "-Q", ".", "Formal", *modules], directory)


def full(directory: Path, each: bool = True, anew: bool = True) -> dict:
    """The whole check; what :func:`write` commits to.

    Args:
        each: as in :func:`ask`.
        anew: compile everything from nothing, whatever the directory holds.

    Raises:
        Refused: whatever was not accepted.
    """
    if anew:
        shutil.rmtree(directory, ignore_errors=True)
    compile_all(directory)
    claims = ask(directory, each=each)
    recheck(directory)
    return {
        "checked": date.today().isoformat(),
        "versions": versions(),
        "files": digests(),
        "axioms": sorted(REAL_AXIOMS),
        "claims": claims,
    }


def write(found: dict) -> None:
    """Put a record in its place beside the proofs."""
    Path(str(DIRECTORY / "record.json")).write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")


def versions() -> dict[str, str]:
    """The versions of Coq and, where a package manager knows them, of the libraries."""
    coq = re.search(r"version (\S+)", _run(["coqc", "--version"], Path()))[1]
    found = {"coq": coq}
    for package in ("libcoq-mathcomp-ssreflect", "libcoq-coquelicot", "libcoq-interval"):
        try:
            asked = subprocess.run(["dpkg-query", "-W", "-f=${Version}", package], capture_output=True, text=True)
        except FileNotFoundError:
            continue
        if asked.returncode == 0:
            found[package.removeprefix("libcoq-")] = asked.stdout
    return found


def _run(command, directory):
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True)
    if done.returncode:
        raise Refused(f"{command[0]} refused:\n{(done.stdout + done.stderr).strip()}")
    return done.stdout
