"""Statements that no paper makes: solution sets, thresholds, flow, projections; each derived in its file."""

TITLE = "Our own"
