"""The course: ten lessons as marimo notebooks, and what they share in :mod:`demos.lesson`."""
