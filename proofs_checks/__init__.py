"""Every statement of the theory, with a verdict computed from checks: ``verify()`` is the reviewer's entry point."""

from proofs_checks import beside  # noqa: F401  it has to come first
from proofs_checks.conjectures import Answer, Conjecture, Counterexample, conjecture
from proofs_checks.kernel.evidence import Quantifier
from proofs_checks.kernel.finding import Finding
from proofs_checks.kernel.statement import Origin, Statement, Verdict
from proofs_checks.kernel.verdict import Result
from proofs_checks.registry import close_names, statements, verify
from proofs_checks.text import explain, slowest, summary, table_rows, theorems_markdown

__all__ = [
    "Answer",
    "Conjecture",
    "Counterexample",
    "Finding",
    "Origin",
    "Quantifier",
    "Result",
    "Statement",
    "Verdict",
    "close_names",
    "conjecture",
    "explain",
    "slowest",
    "statements",
    "summary",
    "table_rows",
    "theorems_markdown",
    "verify",
]
