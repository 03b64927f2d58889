"""The templates of pages: what they share, whoever fills them."""

from jinja2 import Environment, PackageLoader, StrictUndefined

__all__ = ["environment"]


def environment() -> Environment:
    """The templates; a name that nobody gave is an error, and text is escaped."""
    return Environment(
        loader=PackageLoader("condeq"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
