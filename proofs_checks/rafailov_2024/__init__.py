"""Rafailov et al. 2024, From r to Q* (arXiv 2404.12358): token rewards on a finite tree of prefixes."""

__all__ = ["TITLE"]

TITLE = "Rafailov et al. 2024, From r to Q*"
