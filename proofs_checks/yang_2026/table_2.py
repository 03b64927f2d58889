"""Table 2: AlpacaEval 2 and Arena-Hard win rates."""

from proofs_checks.kernel.statement import InWords, Origin, Statement, Verdict

__all__ = ["STATEMENTS"]

STATEMENTS = (
    Statement(
        id="table-2",
        title="CPO beats DPO on AlpacaEval 2 and Arena-Hard",
        origin=Origin.TRANSCRIBED,
        source="Yang et al. 2026, Table 2, as transcribed",
        form=InWords(
            "8B models, the authors' training data and judges.",
            {"the win rates": "CPO has the higher win rates."},
            why="it speaks of trained language models and of judges",
        ),
        conclusion="Out of scope of exact tabular experiments.",
        expected=Verdict.NOT_CHECKABLE_HERE,
        out_of_reach="8B training and a language-model judge are out of scope",
    ),
)
