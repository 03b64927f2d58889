"""Pal et al. 2024, Smaug and DPOP (arXiv 2402.13228); Razin et al. 2024, likelihood displacement (2410.08847)."""

__all__ = ["TITLE"]

TITLE = "Pal et al. 2024, DPOP, and Razin et al. 2024, displacement"
