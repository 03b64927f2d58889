"""Expressions in plain Unicode, as the words of a statement show them."""

import sympy
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.str import StrPrinter

__all__ = ["in_words"]

_RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


class _Plain(StrPrinter):
    """As computer algebra prints, by which parts are ordered: each part once, however deep others hold it."""

    def __init__(self):
        super().__init__()
        self.known = {}

    def _print(self, expression, **said):
        if said:
            return super()._print(expression, **said)
        if expression not in self.known:
            self.known[expression] = super()._print(expression)
        return self.known[expression]


class _Printer(StrPrinter):
    def __init__(self):
        super().__init__()
        self.plain = _Plain().doprint

    def _reading_order(self, factor):
        """Numbers, then single letters, Greek ones first, then longer names, powers, sums and functions."""
        letter, text = factor.is_Symbol and len(factor.name) == 1, self.plain(factor)
        return not factor.is_number, not letter, not factor.is_Symbol, text.isascii(), text

    def _print_Add(self, expression, **_):
        """What is added before what is taken off."""

        def order(term):
            return term.could_extract_minus_sign(), term.is_number, not term.is_Symbol, self.plain(term)

        shown = [self._print(term) for term in sorted(expression.args, key=order)]
        return shown[0] + "".join(f" - {text[1:]}" if text.startswith("-") else f" + {text}" for text in shown[1:])

    def _print_Mul(self, expression):
        coefficient, rest = expression.as_coeff_Mul()
        sign, coefficient = ("-", -coefficient) if coefficient.is_negative else ("", coefficient)
        above, below = [], []
        for factor in sorted(sympy.Mul.make_args(rest), key=self._reading_order):
            under = factor.is_Pow and factor.exp.could_extract_minus_sign()
            (below if under else above).append(1 / factor if under else factor)
        above = [sympy.Integer(coefficient.p)] * (coefficient.p != 1) + above
        below = [sympy.Integer(coefficient.q)] * (coefficient.q != 1) + below
        over = "·".join(self.parenthesize(factor, PRECEDENCE["Mul"]) for factor in above) or "1"
        under = "·".join(self.parenthesize(factor, PRECEDENCE["Mul"]) for factor in below)
        if not under:
            return sign + over
        return f"{sign}{over}/({under})" if len(below) > 1 else f"{sign}{over}/{under}"

    def _print_Pow(self, expression, **_):
        base, exponent = expression.base, expression.exp
        if exponent == sympy.Rational(1, 2):
            return f"√{self._print(base)}" if base.is_Symbol or base.is_Integer else f"√({self._print(base)})"
        if exponent.is_Integer and exponent.is_positive:
            return self.parenthesize(base, PRECEDENCE["Pow"]) + str(exponent).translate(_RAISED)
        if exponent == -1:
            return f"1/{self.parenthesize(base, PRECEDENCE['Mul'])}"
        return f"{self.parenthesize(base, PRECEDENCE['Pow'])}^({self._print(exponent)})"

    def _print_exp(self, expression):
        power = self._print(expression.args[0])
        return f"e^{power}" if len(power) == 1 else f"e^({power})"

    def _print_Exp1(self, expression):
        return "e"

    def _print_Abs(self, expression):
        return f"|{self._print(expression.args[0])}|"

    def _print_Min(self, expression):
        return f"min({', '.join(self._print(part) for part in expression.args)})"

    def _print_Max(self, expression):
        return f"max({', '.join(self._print(part) for part in expression.args)})"

    def _print_pos(self, expression):
        return f"max(0, {self._print(expression.args[0])})"


def in_words(expression) -> str:
    """An expression in Unicode.

    >>> β, δ = sympy.symbols("β δ", real=True)
    >>> in_words(sympy.exp(-β * δ) + β**2 / 2 - sympy.sqrt(δ))
    'e^(−β·δ) + β²/2 − √δ'
    """
    return _Printer().doprint(sympy.sympify(expression)).replace("**", "^").replace("-", "−")
