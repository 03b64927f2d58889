r"""Plain Unicode sentences of mathematics as LaTeX, and a table as booktabs: what a paper takes over without a touch.

The toolkit writes δ_ref, π*(w), e^(β|δ_ref|) in its captions and statements; here the same words come out as
``\ensuremath{\delta_{\mathrm{ref}}}`` and plain text around it, in ASCII, so that any engine sets them.
"""

import re
import unicodedata

import numpy as np

from figures.table import Table
from tabular.errors import InputError

__all__ = ["PGF_NEEDS", "caption", "label", "mathematics", "table", "text"]

#: the command that Matplotlib writes into PGF files and no package has
PGF_NEEDS = "\\providecommand{\\mathdefault}[1]{#1}%\n"
_GREEK = {
    "Α": "mathrm{A}",
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "varepsilon", "ζ": "zeta", "η": "eta", "θ": "theta",
    "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau",
    "φ": "varphi", "χ": "chi", "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda",
    "Π": "Pi", "Σ": "Sigma", "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega",
}  # fmt: skip
_SIGNS = {
    "≤": r"\leq", "≥": r"\geq", "≠": r"\neq", "−": "-", "±": r"\pm", "∓": r"\mp", "×": r"\times", "·": r"\cdot",
    "∞": r"\infty",
    "∈": r"\in", "∉": r"\notin", "∀": r"\forall", "∃": r"\exists", "⊢": r"\vdash", "⇒": r"\Rightarrow",
    "⇔": r"\Leftrightarrow", "→": r"\to", "←": r"\leftarrow", "↔": r"\leftrightarrow", "‖": r"\|", "∥": r"\|",
    "√": r"\surd", "Σ": r"\Sigma", "∑": r"\sum", "∏": r"\prod", "∫": r"\int", "∂": r"\partial", "∇": r"\nabla",
    "∪": r"\cup", "∩": r"\cap", "⊂": r"\subset", "⊆": r"\subseteq", "∅": r"\emptyset", "≈": r"\approx",
    "≡": r"\equiv", "≪": r"\ll", "≫": r"\gg", "∝": r"\propto", "∧": r"\wedge", "∨": r"\vee", "¬": r"\neg",
    "≻": r"\succ", "≺": r"\prec", "≽": r"\succeq", "⟨": r"\langle", "⟩": r"\rangle", "…": r"\ldots", "ℝ": r"\mathbb{R}",
    "ℓ": r"\ell", "′": "'", "″": "''", "↦": r"\mapsto", "°": r"^\circ", "⊥": r"\perp", "∖": r"\setminus", "∘": r"\circ",
    "⌊": r"\lfloor", "⌋": r"\rfloor", "⌈": r"\lceil", "⌉": r"\rceil", "↑": r"\uparrow", "↓": r"\downarrow",
    "●": r"\bullet", "◐": r"\circ", "½": r"\frac{1}{2}", "ᵀ": r"^{T}", "⁻¹": r"^{-1}",
}  # fmt: skip
_TEXT = {
    "«": "``", "»": "''", "∎": r"\qed{}",
    "“": "``", "”": "''", "‘": "`", "’": "'", "–": "--", "—": "---", "\N{NO-BREAK SPACE}": "~", "§": r"\S{}",
    "\N{NARROW NO-BREAK SPACE}": r"\,", "ß": r"\ss{}", "æ": r"\ae{}", "œ": r"\oe{}", "ø": r"\o{}", "ł": r"\l{}",
    "Æ": r"\AE{}", "Œ": r"\OE{}", "Ø": r"\O{}", "Ł": r"\L{}", "ı": r"\i{}", "€": r"\texteuro{}",
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\ensuremath{<}", ">": r"\ensuremath{>}",
    "|": r"\ensuremath{|}", "✓": r"\ensuremath{\surd}", "✗": r"\ensuremath{\times}", '"': "''",
}  # fmt: skip
#: marks as they stand after their letter, when it is taken apart
_MARKS = dict(
    zip("\u0300\u0301\u0302\u0303\u0304\u0307\u0308\u030a\u030b\u030c\u0327\u0328", "`'^~=.\"rHvck", strict=True)
)
_HIGH = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿᵐᵗᵏˣ", "0123456789+-nmtkx", strict=True))
_LOW = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋ᵢⱼₖₗₘₙₜ", "0123456789+-ijklmnt", strict=True))

#: a Greek letter or a single Latin one, perhaps starred, with its indices and exponents
_INDEX = (
    r"(?:\*?_(?:[A-Za-zα-ωΑ-Ω][\u0302-\u0304]|\{[^{}]*\}|\([^()]*\)|[A-Za-z0-9]{1,5}(?:\*|,[A-Za-z]+)?|[α-ωΑ-Ω]\*?)"
    r"(?![\w]))"
)
_POWER = r"(?:\^(?:\{[^{}]*\}|\([^()]*(?:\([^()]*\)[^()]*)*\)|−?[A-Za-z0-9α-ωΑ-Ω*]))"
_PRIMED = re.compile(r"\^\{([^{}]*)\}(_\{(?:[^{}]|\{[^{}]*\})*\})?('+)(?!')")
_RAISED = f"[{''.join(_HIGH)}]+|[{''.join(_LOW)}]+"
#: after a single Latin letter: a short index, for a long one belongs to a name of code
_SMALL = rf"_(?:[A-Za-z]{{1,3}}\*?(?!\w)|[0-9({{α-ωΑ-Ω])|\^|[{''.join(_HIGH)}{''.join(_LOW)}]"
_ACCENT = {"\u0302": "hat", "\u0304": "bar", "\u0303": "tilde"}  # as they stand after their letter
_ACCENTS = "".join(_ACCENT)
_SYMBOL = re.compile(
    rf"(?:[α-ωΑ-Ω][{_ACCENTS}]?|[A-Za-z][{_ACCENTS}]|(?<![A-Za-z0-9_])[A-Za-z]{{2,}}(?=_\{{)|(?<![A-Za-z0-9_])[A-Za-z](?={_SMALL}))"
    rf"(?:{_INDEX}|{_POWER}|{_RAISED}|\*(?!\w))*"
    rf"|(?:(?<=[\])}}|\d]){_POWER})|{_RAISED}|[{''.join(map(re.escape, (s for s in _SIGNS if len(s) == 1)))}]"
)


def text(words: str) -> str:
    r"""A sentence as LaTeX text in ASCII; its symbols, indices and exponents are set as mathematics.

    Raises:
        InputError: a character for which there is no command.

    >>> print(text("50 % of π*_w ≥ e^(−βm)"))
    50 \% of \ensuremath{\pi^{*}_{w}} \ensuremath{\geq} \ensuremath{e^{(-\beta m)}}
    """
    words = "".join(_apart(character) for character in words)
    out, at = "", 0
    for found in _SYMBOL.finditer(words):
        symbol = mathematics(found[0])
        if found.start() == at and at:  # no word between two symbols: one piece of mathematics
            out = out[:-1] + " " * (symbol[0].isalpha()) + symbol + "}"
        else:
            out += _plain(words[at : found.start()]) + rf"\ensuremath{{{symbol}}}"
        at = found.end()
    return _PRIMED.sub(_with_prime, out) + _plain(words[at:])


def _with_prime(found):
    r"""LaTeX reads ``x^{*}_w'`` as two exponents: the prime joins the first."""
    power, index, primes = found.groups()
    joined = power + r"\prime" * len(primes)
    return f"^{{{joined}}}{index or ''}"


def label(words: str) -> str:
    r"""A label of a figure in ASCII, for PGF: what stands between dollars is mathematics, as Matplotlib has it.

    >>> print(label("δ ≥ 0 in $δ_{ref}$, “clip”, a_b"))
    \ensuremath{\delta} \ensuremath{\geq} 0 in $\delta _{ref}$, ``clip'', a\_b
    """
    bare = words.replace(r"\$", "")
    parts = re.split(r"((?<!\\)\$(?:[^$\\]|\\.)*\$)", words) if bare.count("$") % 2 == 0 else [words]
    return "".join(_mathematical(part) if at % 2 else _worded(part) for at, part in enumerate(parts))


def _mathematical(part):
    return "".join(character if character.isascii() else f"{mathematics(character)} " for character in part)


def _worded(part):
    r"""Words of a label; \$ is a dollar in it, and no dollar may stand, for Matplotlib would see mathematics."""
    out = "".join(_lettered(character) for character in part.replace(r"\$", "$"))
    return out.replace(r"\$", r"\textdollar{}")


def _lettered(character):
    if character in _TEXT or character.isascii() or _marked(character):
        return _plain(character)
    return rf"\ensuremath{{{mathematics(character)}}}"


def _marked(character):
    """A letter and its mark as LaTeX has them; nothing for any other character."""
    letter, mark = (*unicodedata.normalize("NFD", character), "", "")[:2]
    if not letter.isascii() or mark not in _MARKS:
        return ""
    return rf"\{_MARKS[mark]}{{{letter}}}"


def _apart(character):
    """A letter with a hat, a bar or a tilde as the two characters that it also is."""
    parts = unicodedata.normalize("NFD", character)
    return parts if parts[1:] in _ACCENT else character


def mathematics(symbol: str) -> str:
    r"""One symbol with its indices and exponents, as it stands inside mathematics.

    >>> print(mathematics("δ_ref"), mathematics("π*_w"), mathematics("e^(β|δ_ref|)"))
    \delta_{\mathrm{ref}} \pi^{*}_{w} e^{(\beta|\delta_{\mathrm{ref}}|)}
    """
    symbol = re.sub(f"_(.[{_ACCENTS}])", r"_{\1}", symbol)
    symbol = re.sub(f"(.)([{_ACCENTS}])", lambda found: rf"\{_ACCENT[found[2]]}{{{found[1]}}}", symbol)
    symbol = re.sub(r"_([A-Za-z0-9]+),([A-Za-z]+)", r"_{\1,\\mathrm{\2}}", symbol)
    symbol = re.sub(r"_([A-Za-z]{2,})", r"_{\1}", symbol)
    symbol = re.sub(r"([_^])\(", r"\1{(", symbol) if symbol.count("(") == symbol.count(")") else symbol
    symbol = _closed(symbol)
    symbol = re.sub(r"(?<=[α-ωΑ-Ω}])\*(?![A-Za-z0-9α-ωΑ-Ω])", "^{*}", symbol)
    symbol = re.sub(r"^([A-Za-z]{2,})", r"\\mathrm{\1}", symbol)
    symbol = re.sub(r"_\{([A-Za-z]{2,})\}", r"_{\\mathrm{\1}}", symbol)
    symbol = re.sub(r"([_^])(−?[A-Za-z0-9α-ωΑ-Ω])(?![\w{])", r"\1{\2}", symbol)
    for signs, mark in ((_HIGH, "^"), (_LOW, "_")):
        symbol = re.sub(f"[{''.join(signs)}]+", lambda run, s=signs, m=mark: f"{m}{{{_each(run[0], s)}}}", symbol)
    return _commands(symbol).strip()


def _closed(symbol):
    """The brace after each parenthesis that ``{(`` opened."""
    out, open_at, depth = [], [], 0
    for index, character in enumerate(symbol):
        if character == "(":
            depth += 1
            if symbol[index - 1 : index] == "{":
                open_at.append(depth)
        out.append(character)
        if character == ")":
            if open_at and open_at[-1] == depth:
                out.append("}")
                open_at.pop()
            depth -= 1
    return "".join(out)


def _each(run, signs):
    return "".join(signs[character] for character in run)


def _commands(symbol):
    """Every sign by its command, with a space after it where a letter follows."""
    out = []
    for index, character in enumerate(symbol):
        command = "\\" + _GREEK[character] if character in _GREEK else _SIGNS.get(character, character)
        if not command.isascii():
            raise InputError(f"{character!r} in {symbol!r} has no LaTeX command here: write it in ASCII")
        letters = command.startswith("\\") and command[-1].isalpha()
        out.append(command + " " * (letters and symbol[index + 1 : index + 2].isalpha()))
    return "".join(out)


def _plain(words):
    out = "".join(_TEXT.get(character) or _marked(character) or character for character in words)
    for character in out:
        if not character.isascii():
            raise InputError(f"{character!r} in {words[:60]!r} has no LaTeX command here: write it in ASCII")
    return out


def caption(title: str, words: str, name: str) -> str:
    r"""A figure environment's caption and label.

    >>> print(caption("Where δ goes", "A sentence.", "mine"), end="")
    \caption{\textbf{Where \ensuremath{\delta} goes.} A sentence.}
    \label{fig:mine}
    """
    return f"\\caption{{\\textbf{{{text(title)}.}} {text(words)}}}\n\\label{{fig:{name}}}\n"


def table(data: Table, most: int = 12, across: int = 6) -> str:
    r"""The table behind a figure, as booktabs: its columns by their length, long ones by evenly spaced rows.

    What is left out is said below each part; the CSV holds everything.

    >>> print(table(Table({"delta": [-1.0, 0.5], "loss": [0.25, 0.125]})), end="")
    % needs \usepackage{booktabs}
    \begin{tabular}{rr}
    \toprule
    delta & loss \\
    \midrule
    \(-1\) & 0.25 \\
    0.5 & 0.125 \\
    \bottomrule
    \end{tabular}
    """
    by_length: dict[int, list[str]] = {}
    for name in data:
        by_length.setdefault(len(data[name]), []).append(name)
    parts = ["% needs \\usepackage{booktabs}\n"]
    for length, names in by_length.items():
        parts += [_part(data, names[at : at + across], length, most) for at in range(0, len(names), across)]
    return "\n\\medskip\n\n".join([parts[0] + parts[1], *parts[2:]]) if parts[1:] else parts[0]


def _part(data, names, length, most):
    shown = np.unique(np.linspace(0, length - 1, min(length, most)).round().astype(int)) if length else []
    columns = "".join("l" if data[name].dtype.kind == "U" else "r" for name in names)
    rows = [" & ".join(_cell(data[name][row]) for name in names) + r" \\" for row in shown]
    lines = [
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        " & ".join(map(_plain, names)) + r" \\",
        r"\midrule",
        *rows,
    ]
    lines += [r"\bottomrule", r"\end{tabular}"]
    if len(shown) < length:
        lines.append(f"\n{len(shown)} of {length} rows, evenly spaced; the CSV file holds all.")
    return "\n".join(lines) + "\n"


def _cell(value):
    """A number with six digits, a true minus sign and no e-notation; text as it is."""
    if isinstance(value, str | np.bool_):
        return text(str(value))
    digits, _, power = f"{float(value):.6g}".partition("e")
    if digits.strip("-") in ("inf", "nan"):
        digits = digits.replace("inf", r"\infty")
    if power:
        return rf"\({digits}\times 10^{{{int(power)}}}\)"
    return digits if digits[0].isdigit() else rf"\({digits}\)"
