"""What an audit is made of: doubts of the data, what is certain, which pairs, groups, remedies, and the words for them.

Each file takes a log or an audit and answers one question; nothing here changes a number of another.
"""

__all__: list[str] = []
