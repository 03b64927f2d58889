"""Policies or rewards in a restricted class: Gopalan et al. (arXiv 2510.20413) and Shi et al. (2505.19770)."""

__all__ = ["TITLE"]

TITLE = "Gopalan et al. and Shi et al. 2025, restricted classes"
