"""Table 2: AlpacaEval 2 and Arena-Hard win rates."""

from proofs_checks.kernel.statement import Statement, Verdict, out_of_reach

STATEMENTS = (
    Statement(
        id="table-2",
        title="CPO beats DPO on AlpacaEval 2 and Arena-Hard",
        source="Yang et al. 2026, Table 2, as transcribed",
        hypotheses="8B models, the authors' training data and judges.",
        claim="CPO has the higher win rates.",
        method="None here: needs the training of 8B models and a language-model judge.",
        conclusion="Out of scope of exact tabular experiments.",
        expected=Verdict.NOT_CHECKABLE_HERE,
        checks=(out_of_reach("the win rates", "8B training and a language-model judge are out of scope"),),
    ),
)
