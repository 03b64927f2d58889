"""Logged runs and votes: what they hold, how files are read, where the published ones come from."""

__all__: list[str] = []
