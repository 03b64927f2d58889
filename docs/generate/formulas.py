r"""Every loss of a pair as one expression: printed as LaTeX on its page, evaluated beside the library in the tests.

Symbols: :math:`a=\log\pi_w`, :math:`b=\log\pi_l`, the same of the reference with a bar, the log-ratios
:math:`\rho_w,\rho_l` and :math:`z=\beta(\rho_w-\rho_l)`; sp is softplus, :math:`\sigma` its derivative.
"""

import sympy
from sympy import Function, Max, Min, Rational, Symbol, exp, log

BETA = Symbol("beta", positive=True)
A, B = Symbol(r"\log\pi_w"), Symbol(r"\log\pi_l")
REF_A, REF_B = Symbol(r"\log\pi_{\mathrm{ref},w}"), Symbol(r"\log\pi_{\mathrm{ref},l}")
R_W, R_L, Z = Symbol("rho_w"), Symbol("rho_l"), Symbol("z")
PI_REF_W, PI_REF_L = Symbol(r"\pi_{\mathrm{ref},w}"), Symbol(r"\pi_{\mathrm{ref},l}")
DELTA, DELTA_REF = Symbol("delta"), Symbol(r"\delta_{\mathrm{ref}}")
O_W, O_L = Symbol(r"\operatorname{logit}\pi_w"), Symbol(r"\operatorname{logit}\pi_l")
EPS, TAU, ALPHA, GAMMA, LAM = (Symbol(name) for name in ("epsilon", "tau", "alpha", "gamma", "lambda"))
N_W, N_L, M, C, Z0, D = (Symbol(name) for name in ("n_w", "n_l", "m", "c", "z_0", "d"))
L_D, L_U, R_MAX = Symbol("lambda_D"), Symbol("lambda_U"), Symbol("R")


class sp(Function):
    """Softplus."""

    def _latex(self, printer, exp=None):
        return rf"\mathrm{{sp}}\left({printer._print(self.args[0])}\right)" + (f"^{{{exp}}}" if exp else "")


class sg(Function):
    """The logistic function."""

    def _latex(self, printer, exp=None):
        return rf"\sigma\left({printer._print(self.args[0])}\right)" + (f"^{{{exp}}}" if exp else "")


def _link(phi):
    return sp(-BETA * (phi(R_W) - phi(R_L)))


#: the loss of a pair by name
FORMULAS = {
    "dpo": sp(-Z),
    "cdpo": (1 - EPS) * sp(-Z) + EPS * sp(Z),
    "rdpo": ((1 - EPS) * sp(-Z) - EPS * sp(Z)) / (1 - 2 * EPS),
    "ipo": (R_W - R_L - 1 / (2 * BETA)) ** 2,
    "ipo_norm": (R_W / N_W - R_L / N_L - 1 / (2 * BETA)) ** 2,
    "hinge": Max(0, 1 - Z),
    "slic": Max(0, M - DELTA),
    "exo_pair": sg(Z) * log(sg(Z) / (1 - EPS)) + sg(-Z) * log(sg(-Z) / EPS),
    "hypo": sp(-BETA * (DELTA - Max(0, DELTA_REF))),
    "odpo": sp(C - Z),
    "ecpo": sp(GAMMA * (1 / PI_REF_W + 1 / PI_REF_L) - Z),
    "simpo": sp(GAMMA - BETA * (A / N_W - B / N_L)),
    "sigmoid_norm": sp(-BETA * (R_W / N_W - R_L / N_L)),
    "discopop": (1 - sg(Z / TAU)) * sp(-Z) + sg(Z / TAU) * exp(-Z),
    "fdpo_forward_kl": _link(lambda r: -exp(-r)),
    "fdpo_js": _link(lambda r: log(2 * sg(r))),
    "fdpo_alpha": _link(lambda r: (1 - exp(-ALPHA * r)) / ALPHA),
    "chi_po_unclipped": _link(lambda r: r + exp(r)),
    "chi_po": sp(-Min(2 * R_MAX, Max(-2 * R_MAX, BETA * (R_W + exp(R_W) - R_L - exp(R_L))))),
    "squared_po": _link(lambda r: r * exp(-r)),
    "kto": L_D * sg(-BETA * (R_W - Z0)) + L_U * sg(BETA * (R_L - Z0)),
    "nca_pair": sp(-BETA * R_W) + sp(BETA * R_W) / 2 + sp(BETA * R_L) / 2,
    "bco_pair": sp(D - BETA * R_W) + sp(BETA * R_L - D),
    "bco_pair_unshifted": sp(-BETA * R_W) + sp(BETA * R_L),
    "apo_zero": sg(-BETA * R_W) + sg(BETA * R_L),
    "apo_down": sg(BETA * R_W) + sg(-Z),
    "sppo_hard": (R_W - 1 / (2 * BETA)) ** 2 + (R_L + 1 / (2 * BETA)) ** 2,
    "dpop": sp(-(Z + BETA * LAM * Min(0, R_W))),
    "dpo_sft": sp(-Z) - ALPHA * A / N_W,
    "cpo_xu": sp(-BETA * DELTA) - ALPHA * A / N_W,
    "orpo": -A + LAM * sp(-(O_W - O_L)),
}

#: parameters of the library as symbols here
PARAMETERS = {
    "eps": EPS,
    "tau": TAU,
    "alpha": ALPHA,
    "gamma": GAMMA,
    "lam": LAM,
    "n_w": N_W,
    "n_l": N_L,
    "margin": M,
    "offset": C,
    "z0": Z0,
    "shift": D,
    "l_d": L_D,
    "l_u": L_U,
    "r_max": R_MAX,
}

_IN_WORDS = {
    "aot": r"\frac1n\sum_i \mathrm{sp}\left(-\beta\left(\delta_{(i)}-\delta_{\mathrm{ref},(i)}\right)\right)",
    "aot_unpaired": r"\frac1n\sum_i \mathrm{sp}\left(-\beta\left(\rho_{w,(i)}-\rho_{l,(i)}\right)\right)",
}


def latex(name: str) -> str:
    """The formula of a loss.

    >>> latex("dpo")
    '\\\\mathrm{sp}\\\\left(- z\\\\right)'
    """
    return _IN_WORDS.get(name) or sympy.latex(FORMULAS[name], order="none")


def value(name: str, params: dict, a: float, b: float, ref_a: float, ref_b: float, beta: float) -> float:
    """The formula at one pair, at 30 digits.

    >>> round(value("dpo", {}, -1.25, -2.375, -1.5, -1.875, 0.125), 12)
    0.647370411277
    """
    numbers = {A: a, B: b, REF_A: ref_a, REF_B: ref_b, BETA: beta}
    numbers |= {R_W: a - ref_a, R_L: b - ref_b, DELTA: a - b, DELTA_REF: ref_a - ref_b}
    numbers = {key: sympy.Rational(number) for key, number in numbers.items()}
    numbers[Z] = numbers[BETA] * (numbers[R_W] - numbers[R_L])
    numbers |= {PI_REF_W: exp(numbers[REF_A]), PI_REF_L: exp(numbers[REF_B])}
    numbers |= {O_W: _logit(numbers[A]), O_L: _logit(numbers[B])}
    numbers |= {PARAMETERS[key]: Rational(number) for key, number in params.items()}
    written = FORMULAS[name].subs(numbers)
    return float(written.replace(sp, lambda x: log(1 + exp(x))).replace(sg, lambda x: 1 / (1 + exp(-x))).evalf(30))


def _logit(log_probability):
    return log_probability - log(1 - exp(log_probability))
