"""Mroueh 2025, GRPO with verifiable rewards: the rounds of whitened advantages as a map of success rates."""

TITLE = "Mroueh 2025, GRPO with verifiable rewards"
