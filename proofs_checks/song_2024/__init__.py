"""Song et al. 2024, The Importance of Online Data (arXiv 2406.01462): coverage, and HyPO, DPO with a KL penalty."""

__all__ = ["TITLE"]

TITLE = "Song et al. 2024, coverage and HyPO"
