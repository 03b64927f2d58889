"""Expressions in plain Unicode, as the words of a statement show them."""

import sympy
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.str import StrPrinter

_RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


class _Printer(StrPrinter):
    def _print_Mul(self, expression):
        return super()._print_Mul(expression).replace("*", "·")

    def _print_Pow(self, expression, rational=False):
        base, exponent = expression.base, expression.exp
        if exponent == sympy.Rational(1, 2):
            return f"√{self._print(base)}" if base.is_Symbol or base.is_Integer else f"√({self._print(base)})"
        if exponent.is_Integer and exponent > 0:
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
    'β²/2 − √δ + e^(−β·δ)'
    """
    return _Printer({"order": None}).doprint(sympy.sympify(expression)).replace("**", "^").replace("-", "−")
