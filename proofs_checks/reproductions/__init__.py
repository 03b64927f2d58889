"""Public reproductions of papers on preference optimisation: the grids that they ran, gone through exactly.

A statement enters that says what is true of the cells of such a grid.
"""

__all__ = ["TITLE"]

TITLE = "Public reproductions of Yang et al."
