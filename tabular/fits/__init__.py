"""Bradley-Terry fits: one block of labelled responses at a time, over any range of weights."""

__all__: list[str] = []
