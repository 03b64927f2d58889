"""Figure 2: how often DPO stays in U and how often CPO does, on synthetic data."""

from proofs_checks.kernel.statement import InWords, Origin, Statement, Verdict

__all__ = ["STATEMENTS"]

STATEMENTS = (
    Statement(
        id="fig-2",
        title="DPO plateaus near 25 % of pairs in U, CPO falls to 5 % or less",
        origin=Origin.TRANSCRIBED,
        source="Yang et al. 2026, Figure 2, as transcribed",
        form=InWords(
            "The authors' synthetic setting, reference misalignment R ∈ {.2, .3, .4}.",
            {
                "DPO": "The share of pairs in U plateaus near 25 % for DPO,",
                "CPO": "and falls to 5 % or less for CPO.",
            },
            why="it speaks of one run, whose model, step size, number of steps and data are not stated in what could "
            "be read",
        ),
        conclusion="Our own figure shows the same effect with its settings stated; its numbers are not theirs.",
        expected=Verdict.NOT_CHECKABLE_HERE,
        out_of_reach="the settings behind the figure could not be recovered",
    ),
)
