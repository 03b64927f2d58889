"""The book: pages written by hand in ``site``, pages generated from the toolkit by ``generate``, built by Sphinx."""
