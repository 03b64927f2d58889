"""Wang et al. 2023, f-DPO (arXiv 2309.16240); Huang et al. 2024, χPO (2407.13399): other divergences than KL."""

__all__ = ["TITLE"]

TITLE = "Wang et al. 2023, f-DPO, and Huang et al. 2024, χPO"
