"""Ethayarajh et al. 2024, KTO (arXiv 2402.01306): a value function in place of a likelihood of pairs."""

__all__ = ["TITLE"]

TITLE = "Ethayarajh et al. 2024, KTO"
