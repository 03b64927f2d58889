"""Munos et al. 2023, Nash learning from human feedback (arXiv 2312.00886), and self-play for preference games."""

__all__ = ["TITLE"]

TITLE = "Munos et al. 2023, Nash learning, and self-play"
