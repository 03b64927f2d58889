"""The report's failure lists: small problems that can be followed by hand."""


def examples():
    return []
