"""Behind :mod:`tabular.sweep`: what one partition holds, the folder they are kept in, and who computes them. Only here
does the mathematics write files."""

__all__: list[str] = []
