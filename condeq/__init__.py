"""The command ``condeq``: what a person runs, the page of the report, problem files, examples."""

__all__: list[str] = []
