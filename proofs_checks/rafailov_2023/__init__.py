"""Rafailov et al. 2023, Direct Preference Optimization (arXiv 2305.18290): closed form, reward classes, loss."""

__all__ = ["TITLE"]

TITLE = "Rafailov et al. 2023, DPO"
