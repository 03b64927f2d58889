"""Losses without a reference model: SimPO (Meng et al., arXiv 2405.14734), ORPO (2403.07691); and EXO (2402.00856)."""

__all__ = ["TITLE"]

TITLE = "Meng et al. 2024, SimPO, with ORPO and EXO"
