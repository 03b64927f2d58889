"""Liu et al. 2024, arXiv 2402.02992, decoding-time realignment (DeRa): other strengths of β, no training."""

__all__ = ["TITLE"]

TITLE = "Liu et al. 2024, decoding-time realignment"
