"""What all the mathematics stands on: rules of input, log-space primitives, tolerances, the digraph of wins.

Only what several folders need and what knows no loss and no solver enters.
"""

__all__: list[str] = []
