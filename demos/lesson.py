"""What every lesson has besides its own question: a prediction before the answer, and the way to chapter and proofs."""

import os

import marimo as mo


def prediction(question: str, options: list[str]):
    """A question to be answered before the sliders are moved.

    >>> prediction("Up or down?", ["up", "down"]).value is None
    True
    """
    return mo.ui.radio(options, label=f"**Predict first.** {question}")


def reveal(guess: str | None, right: str, why: str):
    """The answer, once there is a guess to hold it against.

    >>> "Choose" in reveal(None, "up", "It rises.").text
    True
    >>> "Right" in reveal("up", "up", "It rises.").text
    True
    """
    if guess is None:
        return mo.callout(mo.md("Choose an answer: then it is told here."), kind="neutral")
    start = "Right." if guess == right else f"No: {right}."
    return mo.callout(mo.md(f"**{start}** {why}"), kind="success" if guess == right else "warn")


#: {page: title} of the chapters of the book
CHAPTERS = {
    "1_rlhf": "1. The RLHF optimum",
    "2_dpo": "2. DPO and all of its solutions",
    "3_equivalence": "3. When DPO and RLHF agree",
    "4_failure_modes": "4. Failure modes and thresholds",
    "5_cpo": "5. Four readings of CPO",
    "6_losses": "6. Losses and their map",
    "7_gradient_flow": "7. Gradient flow: slow, not stuck",
    "8_training_logs": "8. What a training log hides",
    "9_votes": "9. Votes, rankings and general preferences",
}


def further(chapter: str, *statements: str):
    """Where to go on: a chapter of the book and pages of statements; links, where CONDEQ_BOOK says where the book is.

    >>> "condeq check thm-3.5" in further("3_equivalence", "thm-3.5").text
    True
    """
    book = os.environ.get("CONDEQ_BOOK", "").rstrip("/")
    title = f"*{CHAPTERS[chapter]}*"
    named = [f"`{name}`" for name in statements]
    if book:
        title = f"[{title}]({book}/theory/{chapter}.html)"
        named = [f"[{code}]({book}/statements/{name}.html)" for code, name in zip(named, statements, strict=True)]
    return mo.md(
        f"**Further.** Chapter {title} of the book; statements {', '.join(named)}. "
        f"`condeq check {statements[0]}` tells what carries the first."
    )
