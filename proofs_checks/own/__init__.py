"""Statements that no paper makes: solution sets, thresholds, flow, projections; each derived in its file."""

__all__ = ["TITLE"]

TITLE = "Our own"
