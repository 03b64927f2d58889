"""HyPO of Yuan et al. 2026, arXiv 2602.11902: the reference margin floored at 0. (Song et al. 2024: another HyPO.)"""

__all__ = ["TITLE"]

TITLE = "Yuan et al. 2026, HyPO: a floored reference"
