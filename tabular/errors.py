"""The one error this toolkit raises for bad input."""

__all__ = ["InputError"]


class InputError(ValueError):
    """Input that breaks a rule. The message names the rule, the value, its place and the remedy."""
