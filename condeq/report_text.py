"""How the report sets its texts: the plain sentences of the mathematics as HTML, with indices, exponents and links."""

import re

from markupsafe import Markup, escape

__all__ = ["count", "linked", "math", "number", "plain", "slug"]


def slug(verdict):
    return verdict.lower().replace(" ", "-")


def number(value):
    return f"{value:.3g}"


_END = r"(?![A-Za-z0-9_])"  # a Greek letter may follow: π_1π_2
_NBSP = "\N{NO-BREAK SPACE}"
#: a letter, perhaps starred, with a short index: δ_ref, π*_w, r_00, L_HyPO, π*_β′; a long one is a name of code
_INDEXED = re.compile(
    rf"([α-ωΑ-Ω]\*?)_([A-Za-z]{{1,5}}|\d+|[α-ωΑ-Ω]′?){_END}"
    rf"|(?<![A-Za-z_])([a-zℓ]\u0304?)_([A-Za-z]{{1,3}}|[α-ωΑ-Ω]|\d{{1,2}}){_END}"
    rf"|(?<![A-Za-z0-9_])([A-Z]|Cov|Var|Borda)_([A-Za-z]{{1,5}}|\d[a-z]|[α-ωΑ-Ω]|\d{{1,2}}){_END}"
)
#: what stands in parentheses, which may hold four further pairs in each other
_INNER = r"[^()]*"
for _ in range(4):
    _INNER = rf"(?:[^()]|\({_INNER}\))*"
#: then what stands in braces or parentheses, innermost first: E_{π*}, π_(t+1), e^m, e^{r/β}, e^(−Ψ)
_SET = (
    (re.compile(r"_\{([^{}]*)\}"), "sub"),
    (re.compile(rf"(?:(?<=[α-ωΑ-Ωℓ*])|(?<=\b[A-Za-z]))_\(({_INNER})\)"), "sub"),
    (re.compile(r"(?<=\))_([a-z])(?!\w)"), "sub"),
    (re.compile(r"\^(Δ?\w)(?!\w)"), "sup"),
    (re.compile(rf"\^(\({_INNER}\))"), "sup"),
    (re.compile(r"\^\{([^{}]*)\}"), "sup"),
)
#: YYMM.NNNNN, with the word before it or without
_ARXIV = re.compile(r"(?<![\d.−/-])(arXiv[: \u00a0])?((?:0[7-9]|[12]\d)(?:0[1-9]|1[0-2])\.\d{5})(v\d+)?(?![\d]|\.\d)")


def math(text):
    """Plain text, escaped, with its indices and exponents set; equations, percentages and |...| keep together, and
    every arXiv number is a link.

    >>> math("δ_ref < 0 & π(y_w)")
    Markup('δ<sub>ref</sub> &lt; 0 &amp; π(y<sub>w</sub>)')
    >>> math("E_{π*}[r], e^m, π*_w, π_(t+1)")
    Markup('E<sub>π*</sub>[r], e<sup>m</sup>, π*<sub>w</sub>, π<sub>t+1</sub>')
    >>> math("arXiv 2305.18290, Eq. 7")
    Markup('<a href="https://arxiv.org/abs/2305.18290">arXiv 2305.18290</a>, Eq. 7')
    """
    indexed = _INDEXED.sub(_index, str(escape(text)))
    for pattern, tag in _SET:
        while pattern.search(indexed):  # one may stand in another
            indexed = pattern.sub(rf"<{tag}>\1</{tag}>", indexed)
    together = indexed.replace(" %", f"{_NBSP}%").replace(" = ", f"{_NBSP}={_NBSP}")
    whole = re.sub(r"\|[^|\s]+\|", r'<span class="whole">\g<0></span>', together)
    named = _ARXIV.sub(r'<a href="https://arxiv.org/abs/\2\3">\g<0></a>', whole)
    return Markup(named.replace("&#39;", "’"))


def _index(found):
    letter, index = (part for part in found.groups() if part is not None)
    return f"{letter}<sub>{index}</sub>"


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
