"""The plain sentences of the mathematics as Markdown: indices and exponents set, everything else taken literally."""

import re

from condeq import report_text

_SPECIAL = re.compile(r"([\\`*_{}\[\]|$~^<>#:@!=+-])")


def literal(text) -> str:
    r"""Text that Markdown leaves as it is.

    >>> literal("a*b, x_1 | y")
    'a\\*b, x\\_1 \\| y'
    """
    return _SPECIAL.sub(r"\\\1", str(text).replace("\n", " "))


def sentence(text) -> str:
    r"""The same with indices and exponents as HTML.

    >>> sentence("δ_ref < 0, π*_w")
    'δ<sub>ref</sub> &lt; 0, π\\*<sub>w</sub>'
    """
    html = str(report_text.math(text)).replace("&#34;", '"')
    return "".join(part if part.startswith("<") else literal(part) for part in re.split(r"(<[^>]+>)", html))


def code(text) -> str:
    """A span of code, whatever it holds.

    >>> code("a`b")
    '``a`b``'
    """
    text = str(text).replace("\n", " ")
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{space}{text}{space}{fence}"


def slug(verdict: str) -> str:
    """A verdict as the name of its style."""
    return report_text.slug(verdict)
