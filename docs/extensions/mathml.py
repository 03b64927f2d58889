"""Formulas as MathML, which browsers draw themselves: nothing is fetched, and a screen reader can read them."""

import re

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

_LOG = logging.getLogger(__name__)
#: LaTeX as docstrings write it, and what docutils calls the same
_SYNONYMS = (
    (r"\{\\rm ([^{}]*)\}", r"{\\mathrm{\1}}"),
    (r"\\(t?frac)\s*(\w)\s*(?=[\w{\\])", r"\\\1{\2}"),
    (r"\\(t?frac\{\w\})(\w)", r"\\\1{\2}"),
    (r"\\[bB]igg?(?![a-zA-Z])", ""),
    (r"\\dots\b", r"\\ldots"),
    (r"\\iff\b", r"\\Longleftrightarrow "),
)


def setup(app):
    app.add_html_math_renderer("mathml", inline_renderers=(_inline, None), block_renderers=(_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def mathml(tex: str, as_block: bool = False) -> str:
    r"""A formula of LaTeX as MathML.

    >>> mathml("x^2").startswith("<math")
    True
    >>> mathml(r"\pi_{\rm ref}") == mathml(r"\pi_{\mathrm{ref}}")
    True
    >>> mathml(r"\nonsense")
    Traceback (most recent call last):
        ...
    docutils.utils.math.MathError: Unknown LaTeX command "\nonsense".
    """
    for written, known in _SYNONYMS:
        tex = re.sub(written, known, tex)
    return tex2mathml(tex, as_block=as_block)


def _set(node, as_block):
    try:
        return mathml(node.astext(), as_block)
    except MathError as problem:
        _LOG.warning("the formula %s cannot be set: %s", node.astext(), problem, location=node)
        return ""


def _inline(translator, node):
    translator.body.append(_set(node, as_block=False))
    raise nodes.SkipNode


def _block(translator, node):
    translator.body.append(f'<div class="math">{_set(node, as_block=True)}</div>')
    raise nodes.SkipNode
