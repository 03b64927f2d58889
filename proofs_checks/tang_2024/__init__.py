"""Tang et al. 2024, Generalized Preference Optimization (arXiv 2402.05749), and what convex losses agree on."""

__all__ = ["TITLE"]

TITLE = "Tang et al. 2024, GPO"
