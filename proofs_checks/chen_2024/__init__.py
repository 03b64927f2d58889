"""Chen et al. 2024, Self-Play Fine-Tuning (SPIN, arXiv 2401.01335): rounds of DPO of the data over the last policy."""

__all__ = ["TITLE"]

TITLE = "Chen et al. 2024, SPIN"
