"""Identities by computer algebra, each with a second opinion: exact rationals in, Arb enclosures out.

An identity passes only if the difference of its sides simplifies to 0 *and* encloses 0 at random rational points.
One enclosure that misses 0 is a certified counterexample. Anything else is undecided.
"""

from fractions import Fraction
from random import Random

from proofs_checks.kernel import arithmetic
from proofs_checks.kernel.ball import PRECISION, in_words
from proofs_checks.kernel.statement import Check, Control, Finding, Quantifier

_SPOTS = 12
_REAL = [Fraction(k, 7) for k in range(-30, 31) if k]
_POSITIVE = [Fraction(k, 7) for k in range(1, 31)]
_NONNEGATIVE = [Fraction(0), *_POSITIVE]


def positive(names):
    """One symbol, or several separated by spaces, that stand for any positive number."""
    import sympy

    return sympy.symbols(names, positive=True)


def nonnegative(names):
    """The same for any number that is not negative."""
    import sympy

    return sympy.symbols(names, nonnegative=True)


def real(names):
    """The same for any real number."""
    import sympy

    return sympy.symbols(names, real=True)


def function(name):
    """An undefined function of one variable: an identity in it holds for every smooth function."""
    import sympy

    return sympy.Function(name)


def vanishes(expression, instance=None) -> Finding:
    """Whether an expression, the difference of two sides, is 0 for all values where both sides are defined.

    The values are those that the symbols' declared assumptions allow. Where a side is not defined (x/x at 0) nothing
    is said: hypotheses or the signs of the symbols have to keep such points out.

    Args:
        instance: for expressions with undefined functions, the functions to put there at the spot check.

    >>> softplus, x = arithmetic.softplus, real("x")
    >>> vanishes(softplus(x) - softplus(-x) - x).passed, vanishes(softplus(x) - softplus(-x) - 2 * x).passed
    (True, False)
    """
    point, width = _spot_check(expression, instance)
    if point is not None:
        return Finding(False, "the two sides differ", witness=in_words(point))
    if not _simplifies_to_zero(expression):
        return Finding(None, "no rewriting rule brings the difference of the two sides to 0")
    return Finding(True, f"the difference simplifies to 0; {_SPOTS} rational points agree within {width:.0e}", 0.0)


def is_positive(expression) -> Finding:
    """Whether an expression is positive for all values that its symbols' assumptions allow.

    Decided by the rules of sign alone: sums and products of positive terms, exponentials, even powers.

    >>> exp, x = arithmetic.exp, real("x")
    >>> is_positive(exp(x) / (1 + exp(x)) ** 2).passed, is_positive(exp(x) - 1).passed
    (True, False)
    """
    for values in _spots(expression):
        if _enclosure(expression, values).hi <= 0:
            named = {symbol.name: value for symbol, value in values.items()}
            return Finding(False, "not positive", witness=in_words(named))
    if expression.is_positive:
        return Finding(True, "positive by the rules of sign, for all values")
    return Finding(None, "the rules of sign do not decide it")


def check(name, difference, *, controls=(), instance=None, **kinds) -> Check:
    """The check that ``difference()`` is identically 0; controls: name -> a difference that must be refuted.

    ``kinds``: ``corroborates`` and ``is_claim`` of :class:`proofs_checks.kernel.statement.Check`.
    """
    return _check(name, lambda build: vanishes(build(), instance and instance()), difference, controls, kinds)


def positivity_check(name, expression, *, controls=(), **kinds) -> Check:
    """The check that ``expression()`` is positive for all values of its symbols."""
    return _check(name, lambda build: is_positive(build()), expression, controls, kinds)


def _check(name, judge, build, controls, kinds):
    wrong = tuple(Control(label, lambda b=b: judge(b)) for label, b in dict(controls).items())
    return Check(name, Quantifier.IDENTITY, lambda: judge(build), wrong, **kinds)


def all_of(*findings) -> Finding:
    """Several findings as one: the first that did not pass, or the last."""
    return next((finding for finding in findings if not finding.passed), findings[-1])


def _simplifies_to_zero(expression):
    import sympy as sp

    rules = (
        lambda e: e,
        sp.expand,
        lambda e: sp.simplify(sp.expand_log(sp.powsimp(e.rewrite(sp.exp)), force=False)),
        sp.simplify,
        lambda e: sp.expand(sp.logcombine(sp.simplify(e))),
        lambda e: sp.simplify(sp.logcombine(sp.expand(e))),
        lambda e: sp.simplify(sp.expand_log(sp.logcombine(sp.expand(e.rewrite(sp.exp))))),
        lambda e: sp.expand_log(sp.expand_log(e).replace(sp.log, lambda a: sp.log(sp.factor(a)))).expand(),
    )
    expression = sp.sympify(expression).doit()
    return any(rule(expression) == 0 for rule in rules)


def _spot_check(expression, instance):
    """The first rational point where the expression is certainly not 0, and the widest enclosure of 0."""
    import sympy as sp

    expression = sp.sympify(expression)
    for undefined, function in (instance or {}).items():
        expression = expression.replace(undefined, function)
    expression, widest = expression.doit(), 0.0
    for values in _spots(expression):
        enclosed = _enclosure(expression, values)
        if enclosed.lo > 0 or enclosed.hi < 0:
            return {symbol.name: value for symbol, value in values.items()}, widest
        widest = max(widest, float(enclosed.hi - enclosed.lo))
    return None, widest


def _spots(expression):
    rng, symbols = Random(0), sorted(expression.free_symbols, key=lambda symbol: symbol.name)
    for _ in range(_SPOTS):
        yield {s: rng.choice(_values_of(s)) for s in symbols}


def _values_of(symbol):
    return _POSITIVE if symbol.is_positive else _NONNEGATIVE if symbol.is_nonnegative else _REAL


def _enclosure(expression, values):
    import flint

    with flint.ctx.workprec(PRECISION):
        return enclose(expression, values)


def enclose(expression, values):
    """A sympy expression in interval arithmetic, ``values`` by symbol."""
    import sympy as sp

    from proofs_checks.kernel.interval import Interval

    if expression.is_Symbol:
        return Interval.of(values[expression])
    if expression.is_Rational:
        return Interval.of(Fraction(int(expression.p), int(expression.q)))
    if expression == sp.E:
        return Interval.of(1).exp()
    parts = [enclose(part, values) for part in expression.args]
    if expression.is_Add:
        return sum(parts[1:], parts[0])
    if expression.is_Mul:
        return _product(parts)
    if expression.is_Pow:
        return _power(expression, parts)
    if isinstance(expression, sp.Abs):
        return abs(parts[0])
    if isinstance(expression, sp.sinh):
        return (parts[0].exp() - (-parts[0]).exp()) / 2
    return getattr(arithmetic, type(expression).__name__)(parts[0])


def _product(parts):
    result = parts[0]
    for part in parts[1:]:
        result = result * part
    return result


def _power(expression, parts):
    base, exponent = parts
    if expression.exp.is_Integer:
        whole = base ** abs(int(expression.exp))
        return whole if expression.exp > 0 else whole.reciprocal()
    return (exponent * base.log()).exp()
