"""Chowdhury et al. 2024, Provably Robust DPO (arXiv 2403.00409): labels that are flipped at a rate ε."""

__all__ = ["TITLE"]

TITLE = "Chowdhury et al. 2024, robust DPO"
