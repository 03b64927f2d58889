"""Policies or rewards in a restricted class: Gopalan et al. (arXiv 2510.20413) and Shi et al. (2505.19770)."""
