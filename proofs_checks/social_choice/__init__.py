"""Classical social choice on few alternatives, read as aggregation of preference labels."""

__all__ = ["TITLE"]

TITLE = "Social choice"
