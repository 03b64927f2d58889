"""What the Coq kernel said of each statement: the list ``claims.toml`` joined to the record of the last full check."""

import functools
import hashlib
import json
import re
import tomllib
from dataclasses import dataclass
from importlib import resources

__all__ = [
    "DIRECTORY",
    "SCOPES",
    "SHOWN",
    "Entry",
    "claims",
    "digests",
    "entries",
    "kernel",
    "printed",
    "record",
    "said",
    "stale",
]

DIRECTORY = resources.files(__package__)
SCOPES = ("full", "part", "stronger")
SHOWN = ("proved", "refuted")


@dataclass(frozen=True)
class Entry:
    """One statement's line in ``claims.toml``.

    Args:
        id: the statement's id.
        file: the chapter that proves it, without its ending.
        shown: the claim is "proved", or its negation is: "refuted".
        scope: how the claim compares with the printed statement; ``which`` says it in words where it is not "full".
        near: near misses of the claim, each refuted in ``near_file``.
        interval: its numbers are the tactic ``interval``'s, so that it may rest on the kernel's machine numbers too.
    """

    id: str
    file: str
    shown: str
    scope: str
    which: str = ""
    near: tuple[str, ...] = ()
    near_file: str = ""
    interval: bool = False

    @property
    def claim(self) -> str:
        """The name of the definition in a claims file."""
        return self.id.replace("-", "_").replace(".", "_")

    @property
    def claims_file(self) -> str:
        """The claims file that defines it, without its ending."""
        return claims()[self.claim]

    @property
    def statement(self) -> str:
        """The definition in the claims file, with its file."""
        return f"{self.claims_file}.{self.claim}"

    @property
    def theorem(self) -> str:
        """The theorem that proves the claim or its negation, with its file."""
        return f"{self.file}.{self.claim}_{self.shown}"


@functools.cache
def entries() -> dict[str, Entry]:
    """Every statement that Coq speaks of, by its id, in the order of the chapters.

    >>> entry = entries()["thm-3.5-if"]
    >>> entry.theorem, entry.scope
    ('ch2_equivalence.thm_3_5_if_refuted', 'full')
    """
    table = tomllib.loads((DIRECTORY / "claims.toml").read_text("utf-8"))
    return {name: Entry(id=name, **{**row, "near": tuple(row.get("near", ()))}) for name, row in table.items()}


@functools.cache
def claims() -> dict[str, str]:
    """Every claim that is stated, with the file that states it, without its ending.

    >>> claims()["rlhf_closed_form"]
    'claims'
    """
    return {
        name: path.name.removesuffix(".v")
        for path in sorted(DIRECTORY.iterdir(), key=lambda path: path.name)
        if re.fullmatch(r"claims\w*\.v", path.name)
        for name in re.findall(r"^Definition (\w+) : Prop", path.read_text("utf-8"), re.MULTILINE)
    }


def digests() -> dict[str, str]:
    """The sha256 of every file that Coq reads, as they are now."""
    names = sorted(path.name for path in DIRECTORY.iterdir() if path.name.endswith(".v"))
    return {name: hashlib.sha256((DIRECTORY / name).read_bytes()).hexdigest() for name in names}


@functools.cache
def record() -> dict:
    """The record of the last full check: ``checked``, ``versions``, ``files``, ``axioms`` and ``claims`` by id.

    >>> sorted(record()["claims"]["prop-3.4"])
    ['axioms', 'claim', 'files', 'interval', 'near', 'scope', 'shown', 'statement', 'theorem', 'which']
    """
    return json.loads((DIRECTORY / "record.json").read_text("utf-8"))


def stale() -> list[str]:
    """The files whose digest is not the recorded one, those that came and those that went.

    >>> stale()
    []
    """
    now, then = digests(), record()["files"]
    return sorted(name for name in now.keys() | then.keys() if now.get(name) != then.get(name))


def said() -> str:
    """One sentence for a page or a last line where Coq is absent."""
    return f"checked by the kernel of Coq {record()['versions']['coq']} on {record()['checked']}, not re-checked here"


def kernel(statement_id: str) -> str:
    """What stands beside a verdict: "full", "stronger", "part: ..." or "no".

    >>> kernel("thm-3.5-repaired"), kernel("table-2")
    ('full', 'no')
    """
    found = record()["claims"].get(statement_id)
    if found is None:
        return "no"
    return f"{found['scope']}: {found['which']}" if found["which"] else found["scope"]


def printed(statement_id: str) -> str:
    """The claim as the kernel printed it, without the names of the modules that its words come from; "" if none.

    >>> print(printed("dpo-ordered"))  # doctest: +ELLIPSIS
    forall ...
    """
    found = record()["claims"].get(statement_id)
    return re.sub(r"\b(?:\w+\.)+(?=[A-Za-z_])", "", found["statement"]).strip() if found else ""
