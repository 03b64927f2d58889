"""Schulman 2020, Approximating KL Divergence: the estimators k1, k2, k3, here also as losses."""

__all__ = ["TITLE"]

TITLE = "Schulman 2020, estimators of KL"
