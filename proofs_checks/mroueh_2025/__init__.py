"""Mroueh 2025, GRPO with verifiable rewards: the rounds of whitened advantages as a map of success rates."""

__all__ = ["TITLE"]

TITLE = "Mroueh 2025, GRPO with verifiable rewards"
