"""What every lesson has besides its own question: a prediction before the answer, and the way to chapter and proofs."""

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


def further(chapter: str, *statements: str):
    """Where to go on: the chapter of the book, and the statements with the command that tells what carries them.

    >>> "condeq check thm-3.5" in further("3. When DPO and RLHF agree", "thm-3.5").text
    True
    """
    named = ", ".join(f"`{name}`" for name in statements)
    return mo.md(
        f"**Further.** Chapter *{chapter}* of the book; statements {named}. "
        f"`condeq check {statements[0]}` tells what carries the first."
    )
