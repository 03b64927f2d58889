"""What each loss guarantees: a statement for each property and answer, in it a part with evidence for each loss.

The library tells the same answers (:func:`tabular.losses.guarantees`); a test ties the two, so that it says no more.
"""

__all__ = ["TITLE"]

TITLE = "What each loss guarantees"
