"""Azar et al. 2023, A General Theoretical Paradigm to Understand Learning from Human Preferences (arXiv 2310.12036)."""

__all__ = ["TITLE"]

TITLE = "Azar et al. 2023, ΨPO and IPO"
