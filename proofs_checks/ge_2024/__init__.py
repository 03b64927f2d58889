"""Ge et al. 2024, Axioms for AI Alignment from Human Feedback (arXiv 2405.14758): rewards linear in features."""

__all__ = ["TITLE"]

TITLE = "Ge et al. 2024, Axioms for AI Alignment"
