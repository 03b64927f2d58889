"""What the pages can say beyond Markdown: formulas as MathML, verdict badges, figures of the project."""
