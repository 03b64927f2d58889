"""What every verdict rests on: statement and verdict, intervals and balls, symbolic identities, certificates, search.

It knows no statement, and nothing enters that a verdict does not need: it is small enough to be read in an evening.
"""

__all__: list[str] = []
