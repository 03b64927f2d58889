"""Pages that the toolkit writes itself: one a statement, one a loss, the figures, the reference."""
