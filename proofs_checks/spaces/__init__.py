"""What the statements share: the symbols of the field, and generators of the problems, labels and policies they
speak of. Definitions enter, claims do not.
"""

__all__: list[str] = []
