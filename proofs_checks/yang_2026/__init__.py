"""Yang et al. 2026, Conditional Equivalence of DPO and RLHF (arXiv 2605.20834), as transcribed, and its released code.

A statement enters that the paper makes, or that readers say it makes; repairs stand beside what they repair.
"""

__all__ = ["TITLE"]

TITLE = "Yang et al. 2026, Conditional Equivalence of DPO and RLHF"
