"""Identities pass only with both opinions; a certified difference refutes."""

import pytest

from proofs_checks.kernel.arithmetic import cosh, exp, log, sigmoid, softplus, sqrt
from proofs_checks.kernel.symbolic import function, is_positive, nonnegative, positive, real, vanishes

X, Y = real("x y")
P, R = positive("p q")

TRUE = {
    "softplus": lambda: softplus(X) - softplus(-X) - X,
    "sigmoid": lambda: sigmoid(X) + sigmoid(-X) - 1,
    "derivative": lambda: softplus(X).diff(X) - sigmoid(X),
    "cosh": lambda: 2 * cosh(X) - exp(X) - exp(-X),
    "log": lambda: log(P * R) - log(P) - log(R),
    "root": lambda: sqrt(P**2) - P,
}
FALSE = {
    "sign": lambda: softplus(X) - softplus(-X) + X,
    "root of a real": lambda: sqrt(X**2) - X,
    "log of a sum": lambda: log(P + R) - log(P) - log(R),
    "off by 1e-15": lambda: sigmoid(X) + sigmoid(-X) - 1 - exp(-35 - X**2),
    "quarter": lambda: softplus(X).diff(X, 2) - sigmoid(X) ** 2,
}


@pytest.mark.parametrize("name", TRUE)
def test_true_identities_pass(name):
    assert vanishes(TRUE[name]()).passed is True


@pytest.mark.parametrize("name", FALSE)
def test_false_identities_are_refuted_with_a_rational_point(name):
    finding = vanishes(FALSE[name]())
    assert finding.passed is False
    assert "=" in finding.witness


def test_an_identity_beyond_the_rewriting_rules_is_undecided(monkeypatch):
    monkeypatch.setattr("proofs_checks.kernel.symbolic._simplifies_to_zero", lambda expression: False)
    assert vanishes(TRUE["cosh"]()).passed is None


def test_computer_algebra_alone_is_not_believed(monkeypatch):
    monkeypatch.setattr("proofs_checks.kernel.symbolic._simplifies_to_zero", lambda expression: True)
    assert vanishes(FALSE["sign"]()).passed is False


def test_identities_in_an_undefined_function_are_tried_on_an_instance():
    m, t = function("M"), positive("t")
    identity = log(m(t)).diff(t) - m(t).diff(t) / m(t)
    assert vanishes(identity, {m: lambda s: exp(s) + 2}).passed is True
    assert vanishes(2 * identity + m(t), {m: lambda s: exp(s) + 2}).passed is False


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (lambda: exp(X) / (1 + exp(X)), True),
        (lambda: P + 1 / R, True),
        (lambda: X**2, None),
        (lambda: P - R, False),
        (lambda: nonnegative("a") + 1, True),
        (lambda: nonnegative("a"), None),
        (lambda: exp(X) - X, None),  # true, but not by the rules of sign
    ],
)
def test_signs(expression, expected):
    assert is_positive(expression()).passed is expected
