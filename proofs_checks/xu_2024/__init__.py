"""Xu et al. 2024, Is DPO Superior to PPO for LLM Alignment? (arXiv 2404.10719): what DPO admits and RLHF does not."""

__all__ = ["TITLE"]

TITLE = "Xu et al. 2024, Is DPO superior to PPO?"
