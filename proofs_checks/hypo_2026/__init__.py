"""HyPO of arXiv 2602.11902: DPO with the reference margin floored at 0. (Song et al. 2024 gave another HyPO.)"""
