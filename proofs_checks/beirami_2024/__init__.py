"""Beirami et al. 2024, Theoretical guarantees on the best-of-n alignment policy (arXiv 2401.01879)."""

__all__ = ["TITLE"]

TITLE = "Beirami et al. 2024, best of n"
