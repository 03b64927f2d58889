"""Constrained alignment with an expected cost: safe RLHF, one-shot alignment (arXiv 2405.19544)."""

__all__ = ["TITLE"]

TITLE = "Constrained alignment with an expected cost"
