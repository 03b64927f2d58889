"""How the report sets its texts: the plain sentences of the mathematics as HTML, with indices, exponents and links."""

import re

from markupsafe import Markup, escape


def slug(verdict):
    return verdict.lower().replace(" ", "-")


def number(value):
    return f"{value:.3g}"


_NBSP = "\N{NO-BREAK SPACE}"
#: a Greek letter, or a single Latin one, with a short index: δ_ref, π*_w, r_l, E_π
_INDEXED = re.compile(
    r"([α-ωΑ-Ω]\*?)_([A-Za-z]{1,5}|\d+)(?!\w)|(?<![A-Za-z0-9_])([A-Za-z])_([A-Za-z]{1,3}|[α-ωΑ-Ω]|\d)(?!\w)"
)
#: then what stands in braces or parentheses, innermost first: E_{π*}, e^m, e^{r/β}, e^(−Ψ)
_SET = (
    (re.compile(r"_\{([^{}]*)\}"), "sub"),
    (re.compile(r"\^(\w)(?!\w)"), "sup"),
    (re.compile(r"\^(\([^()]*\))"), "sup"),
    (re.compile(r"\^\{([^{}]*)\}"), "sup"),
)


def math(text):
    """Plain text, escaped, with its indices and exponents set; equations, percentages and |...| keep together.

    >>> math("δ_ref < 0 & π(y_w)")
    Markup('δ<sub>ref</sub> &lt; 0 &amp; π(y<sub>w</sub>)')
    >>> math("E_{π*}[r], e^m, π*_w")
    Markup('E<sub>π*</sub>[r], e<sup>m</sup>, π*<sub>w</sub>')
    """
    indexed = _INDEXED.sub(r"\1\3<sub>\2\4</sub>", str(escape(text)))
    for pattern, tag in _SET:
        indexed = pattern.sub(rf"<{tag}>\1</{tag}>", indexed)
    together = indexed.replace(" %", f"{_NBSP}%").replace(" = ", f"{_NBSP}={_NBSP}")
    whole = re.sub(r"\|[^|\s]+\|", r'<span class="whole">\g<0></span>', together)
    return Markup(whole.replace("&#39;", "’"))


def linked(html, ids):
    """Names of other statements in a finding as links to their rows; single words, such as price, are left alone.

    >>> linked(Markup("slow (escape-time), at a price"), ["escape-time", "price"])
    Markup('slow (<a href="#escape-time">escape-time</a>), at a price')
    """
    named = "|".join(re.escape(name) for name in sorted(ids, key=len, reverse=True) if "-" in name)
    if not named:
        return html
    return Markup(re.sub(rf"(?<![\w.-])({named})(?![\w-])", r'<a href="#\1">\1</a>', str(html)))


def count(number, noun):
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def plain(value):
    """A setting as text: numbers short, lists with commas."""
    if isinstance(value, list):
        return ", ".join(map(plain, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
