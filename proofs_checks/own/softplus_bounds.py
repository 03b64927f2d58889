"""How far sp(z) = log(1 + e^z) is from max(0, z): shared by definition_3_3.py, proposition_5_1.py and released_code.py.

Proof that 0 < sp(z) - max(0, z) ≤ log 2, with equality only at z = 0. Folding, sp(z) - sp(-z) = z, gives sp(z) -
max(0, z) = sp(-|z|), which is positive. With t = |z|, log 2 - sp(-t) = log(1 + tanh(t/2)), which is 0 at t = 0 and
positive for t > 0: both signs by the rules of sign. So sp(-t) < log 2 for t > 0.
"""

from fractions import Fraction

from proofs_checks.kernel import ball, symbolic
from proofs_checks.kernel.arithmetic import log, log1p, softplus, tanh
from proofs_checks.kernel.symbolic import positive, real


def _fold(sign=1):
    z = real("z")
    return softplus(z) - softplus(-z) - sign * z


def _at_zero(value=2):
    zero = 0 * positive("t")
    return softplus(zero) - log(value + zero)


def _deficit_form(scale=1):
    t = positive("t")
    return log(2 + 0 * t) - softplus(-t) - log1p(scale * tanh(t / 2))


def deficit(t, less=0):
    """log 2 - sp(-t), in the form that keeps its digits, less a share of log 2."""
    return log1p(tanh(t / 2)) - less * ball.number(2).log() if less else log1p(tanh(t / 2))


def _deficit_sign(sign=1):
    return sign * deficit(positive("t"))


def _rest_sign(sign=1):
    return sign * softplus(-real("t"))


PER_CENT = Fraction(1, 100)

FOLD = symbolic.check("sp(z) − sp(−z) = z", _fold, controls={"sign flipped": lambda: _fold(-1)})
AT_ZERO = symbolic.check("sp(0) = log 2", _at_zero, controls={"sp(0) = log 3": lambda: _at_zero(3)})
DEFICIT = symbolic.check(
    "log 2 − sp(−t) = log(1 + tanh(t/2))", _deficit_form, controls={"2 tanh": lambda: _deficit_form(2)}
)
BELOW_LOG_2 = symbolic.positivity_check(
    "log(1 + tanh(t/2)) > 0 for t > 0", _deficit_sign, controls={"−": lambda: _deficit_sign(-1)}
)
ABOVE_ZERO = symbolic.positivity_check("sp(−t) > 0", _rest_sign, controls={"−": lambda: _rest_sign(-1)})
