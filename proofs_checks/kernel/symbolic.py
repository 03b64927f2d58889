"""Computer algebra, and the functions it needs to read our formulas: softplus, σ, x⁺.

What computer algebra says is never believed alone: :mod:`proofs_checks.kernel.evidence` evaluates the same formula in
intervals, without going through an expression that computer algebra has already rewritten.
"""

import functools
import operator
from fractions import Fraction

import sympy
from flint import arb

from proofs_checks.kernel import arithmetic
from proofs_checks.kernel.interval import Interval, Undefined

__all__ = [
    "call",
    "enclose",
    "exactly",
    "in_elementary_functions",
    "numerically",
    "pos",
    "sign_by_rules",
    "simplifies_to_zero",
    "sp",
    "unknown",
    "σ",
]


class sp(sympy.Function):
    """Softplus, log(1 + e^x)."""

    nargs = 1

    def fdiff(self, argindex):
        return σ(self.args[0])

    def _eval_is_positive(self):
        return self.args[0].is_extended_real

    def _eval_is_real(self):
        return self.args[0].is_real


class σ(sympy.Function):
    """The logistic function, 1/(1 + e^-x)."""

    nargs = 1

    def fdiff(self, argindex):
        return σ(self.args[0]) * σ(-self.args[0])

    def _eval_is_positive(self):
        return self.args[0].is_extended_real

    def _eval_is_real(self):
        return self.args[0].is_real


class pos(sympy.Function):
    """max(x, 0)."""

    nargs = 1

    def _eval_is_nonnegative(self):
        return self.args[0].is_extended_real


_OURS = {"softplus": sp, "sigmoid": σ, "positive_part": pos}
_NUMBERS = (sympy.Symbol, sympy.Rational, type(sympy.E), type(sympy.pi))
_ENCLOSED = (*_NUMBERS, sympy.Add, sympy.Mul, sympy.Pow, sympy.Min, sympy.Max, sympy.Abs)


def _in_floats(name):
    """Of a constant too, which would be exact otherwise."""
    function = getattr(arithmetic, name)
    return lambda x: function(x + 0.0)


_IN_FLOATS = {ours.__name__: _in_floats(name) for name, ours in _OURS.items()}


def call(name, x):
    """The named function of an expression or of an exact number."""
    x = sympy.Rational(x.numerator, x.denominator) if isinstance(x, Fraction) else sympy.sympify(x)
    if name == "log1p":
        return sympy.log(1 + x)
    if name == "expm1":
        return sympy.exp(x) - 1
    return _OURS.get(name, getattr(sympy, name, None))(x)


def in_elementary_functions(expression):
    """Written out in exp, log and abs, which the rules of simplification know."""
    rules = {sp: lambda x: sympy.log(1 + sympy.exp(x)), σ: lambda x: 1 / (1 + sympy.exp(-x))}
    rules[pos] = lambda x: (x + sympy.Abs(x)) / 2
    for ours, written in rules.items():
        expression = expression.replace(ours, written)
    return expression


def simplifies_to_zero(expression) -> bool:
    """Whether some rule of rewriting brings an expression to 0: the cheap ones first."""
    rules = (
        sympy.expand,  # of 295 identities stated it decides 213, the next 59 more, that of logs 17
        lambda e: sympy.factor(e.rewrite(sympy.exp)),
        lambda e: sympy.expand_log(
            sympy.expand_log(e).replace(sympy.log, lambda a: sympy.log(sympy.factor(a)))
        ).expand(),
        lambda e: sympy.simplify(sympy.expand_log(sympy.powsimp(e.rewrite(sympy.exp)), force=False)),
    )
    expression = in_elementary_functions(sympy.sympify(expression).doit())
    return any(rule(expression) == 0 for rule in rules)


def enclose(expression, values) -> Interval:
    """An expression in interval arithmetic, ``values`` by symbol: exact numbers or intervals.

    Raises:
        Undefined: it has no finite value there.

    >>> x = sympy.Symbol("x")
    >>> enclose(sp(x) - x, {x: Fraction(-4)}) > 4
    True
    """
    return _computed(expression, values, Interval.of)


def _computed(expression, values, number):
    """The value of an expression, by its symbols' values and by what makes a number of one; equal parts only once."""
    known = []
    for leaf, joined, places in _steps(expression):
        known.append(leaf(values, number) if leaf else joined(*[known[place] for place in places]))
    return known[-1]


@functools.lru_cache(maxsize=10_000, typed=True)
def _steps(expression):
    """The different parts of an expression, each after its own: a leaf, or what joins the values at some places."""
    place, steps = {}, []
    for part in sympy.postorder_traversal(expression):
        if (type(part), part) not in place:
            place[type(part), part] = len(steps)
            leaf, inner = _leaf(part), tuple(place[type(each), each] for each in part.args)
            steps.append((leaf, None if leaf else _operation(part), inner))
    return steps


def _leaf(expression):
    """What has a value without parts: a function of the symbols' values and of what makes a number of one."""
    if expression.is_Symbol:
        return lambda values, number: number(values[expression])
    if expression.is_Rational:
        known = Fraction(int(expression.p), int(expression.q))
        return lambda values, number: number(known)
    if expression == sympy.E:
        return lambda values, number: number(1).exp()
    if expression == sympy.pi:
        return lambda values, number: Interval(arb.pi().lower(), arb.pi().upper())
    return None


def _operation(expression):
    """What an expression does with the values of its parts."""
    if expression.is_Add:
        return lambda first, *others: sum(others, first)
    if expression.is_Mul:
        return lambda *factors: functools.reduce(operator.mul, factors)
    if expression.is_Pow:
        return functools.partial(_power, expression.exp)
    if isinstance(expression, sympy.Min | sympy.Max):
        return arithmetic.least if isinstance(expression, sympy.Min) else arithmetic.greatest
    if isinstance(expression, sympy.Abs):
        return abs
    if not _is_known(expression):
        return functools.partial(_unknown, expression.func)
    return operator.methodcaller(_name(expression))


def _unknown(function, *_):
    raise Undefined(f"no enclosure of {function} is known")


def unknown(expression):
    """A part of an expression that has no enclosure anywhere, or None: exact arithmetic says nothing of what holds it.

    >>> unknown(sp(sympy.Symbol("x")) ** 2 - sympy.pi), unknown(1 + sympy.gamma(sympy.Symbol("x")))
    (None, gamma(x))
    """
    return next((part for part in sympy.preorder_traversal(expression) if not _is_known(part)), None)


def _is_known(node):
    return isinstance(node, _ENCLOSED) or bool(node.args and hasattr(Interval, _name(node)))


def _name(node):
    """What our functions are called in every arithmetic, for those of computer algebra too."""
    return {ours: name for name, ours in _OURS.items()}.get(node.func, type(node).__name__)


def _power(printed, base, exponent):
    if printed.is_Integer:
        return base ** int(printed)
    if printed == sympy.Rational(1, 2):
        return base.sqrt()
    return (exponent * base.log()).exp()


def exactly(expression, values) -> Fraction | None:
    """A rational expression at exact rationals, or None where it is not rational."""
    if isinstance(expression, tuple(_OURS.values())):
        return None  # computer algebra leaves them as they are, whatever they are of
    given = {symbol: values[symbol] for symbol in expression.free_symbols}
    if not all(isinstance(value, int | Fraction) for value in given.values()):
        return None
    try:
        value = _computed(expression, given, Fraction)
    except (ArithmeticError, AttributeError):  # a fraction has no logarithm; computer algebra knows that of 1
        value = None
    if isinstance(value, Fraction):
        return value
    try:
        value = expression.xreplace({symbol: sympy.Rational(v.numerator, v.denominator) for symbol, v in given.items()})
    except ValueError:  # the least or the largest of what computer algebra cannot compare
        return None
    return Fraction(int(value.p), int(value.q)) if value.is_Rational else None


def numerically(expression, symbols):
    """The expression as a function of arrays, one for each symbol, in stable floating point."""
    return sympy.lambdify(symbols, expression, modules=[_IN_FLOATS, "numpy"], docstring_limit=0)


def sign_by_rules(expression, weak=False) -> bool:
    """Whether the rules of sign decide an expression, written out or factored."""
    written = in_elementary_functions(expression)
    forms = (expression, written, sympy.factor(written))
    return any((form.is_nonnegative if weak else form.is_positive) is True for form in forms)
