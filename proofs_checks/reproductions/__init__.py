"""Public reproductions of papers on preference optimisation: the grids that they ran, gone through exactly.

A statement enters that says what is true of the cells of such a grid.
"""

TITLE = "Public reproductions of Yang et al."
