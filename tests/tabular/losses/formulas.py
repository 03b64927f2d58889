"""Every loss as its paper writes it, in mpmath: values only, differentiated numerically at 400 digits."""

from itertools import product

from mpmath import mp, mpf

DIGITS = 400


def sp(x):
    return mp.log1p(mp.exp(x)) if x < 0 else x + mp.log1p(mp.exp(-x))


def sg(x):
    return 1 / (1 + mp.exp(-x)) if x >= 0 else mp.exp(x) / (1 + mp.exp(x))


def kl(q, p):
    return q * mp.log(q / p) + (1 - q) * mp.log((1 - q) / (1 - p))


def _exo(h, k, eps):
    z = k * h
    return sg(z) * (mp.log(sg(z)) - mp.log(1 - eps)) + sg(-z) * (mp.log(sg(-z)) - mp.log(eps))


def _disco(h, k, tau):
    mixed = sg(k * h / tau)
    return (1 - mixed) * sp(-k * h) + mixed * mp.exp(-k * h)


def of_link(phi):
    return lambda a, b, A, B, k, **p: sp(-k * (phi(a - A, **p) - phi(b - B, **p)))


def _chi_po(a, b, A, B, k, r_max):
    z = k * (a - A + mp.exp(a - A) - (b - B) - mp.exp(b - B))
    return sp(-max(min(z, 2 * r_max), -2 * r_max))


def _orpo(a, b, A, B, k, lam):
    odds = mp.log(mp.exp(a) / (1 - mp.exp(a))) - mp.log(mp.exp(b) / (1 - mp.exp(b)))
    return -a + lam * sp(-odds)


FORMULAS = {
    "dpo": lambda a, b, A, B, k: -mp.log(sg(k * (a - A) - k * (b - B))),
    "cdpo": lambda a, b, A, B, k, eps: (1 - eps) * sp(-k * (a - A - b + B)) + eps * sp(k * (a - A - b + B)),
    "rdpo": lambda a, b, A, B, k, eps: (
        ((1 - eps) * sp(-k * (a - A - b + B)) - eps * sp(k * (a - A - b + B))) / (1 - 2 * eps)
    ),
    "ipo": lambda a, b, A, B, k: (a - A - b + B - 1 / (2 * k)) ** 2,
    "ipo_norm": lambda a, b, A, B, k, n_w, n_l: ((a - A) / n_w - (b - B) / n_l - 1 / (2 * k)) ** 2,
    "hinge": lambda a, b, A, B, k: max(mpf(0), 1 - k * (a - A - b + B)),
    "slic": lambda a, b, A, B, k, margin: max(mpf(0), margin - a + b),
    "exo_pair": lambda a, b, A, B, k, eps: _exo(a - A - b + B, k, eps),
    "hypo": lambda a, b, A, B, k: sp(-k * (a - b - max(A - B, mpf(0)))),
    "odpo": lambda a, b, A, B, k, offset: sp(offset - k * (a - A - b + B)),
    "ecpo": lambda a, b, A, B, k, gamma: sp(gamma / mp.exp(A) + gamma / mp.exp(B) - k * (a - A - b + B)),
    "simpo": lambda a, b, A, B, k, n_w, n_l, gamma: sp(gamma - k * a / n_w + k * b / n_l),
    "sigmoid_norm": lambda a, b, A, B, k, n_w, n_l: sp(-k * (a - A) / n_w + k * (b - B) / n_l),
    "discopop": lambda a, b, A, B, k, tau: _disco(a - A - b + B, k, tau),
    "fdpo_forward_kl": of_link(lambda r: -mp.exp(-r)),
    "fdpo_js": of_link(lambda r: mp.log(2 * mp.exp(r) / (1 + mp.exp(r)))),
    "fdpo_alpha": of_link(lambda r, alpha: (1 - mp.exp(r) ** (-alpha)) / alpha),
    "chi_po_unclipped": of_link(lambda r: r + mp.exp(r)),
    "chi_po": _chi_po,
    "squared_po": of_link(lambda r: r / mp.exp(r)),
    "kto": lambda a, b, A, B, k, z0, l_d, l_u: l_d * (1 - sg(k * (a - A - z0))) + l_u * (1 - sg(k * (z0 - b + B))),
    "nca_pair": lambda a, b, A, B, k: (
        -mp.log(sg(k * (a - A))) - (mp.log(sg(k * (A - a))) + mp.log(sg(k * (B - b)))) / 2
    ),
    "bco_pair": lambda a, b, A, B, k, shift: -mp.log(sg(k * (a - A) - shift)) - mp.log(sg(shift - k * (b - B))),
    "apo_zero": lambda a, b, A, B, k: 1 - sg(k * (a - A)) + sg(k * (b - B)),
    "apo_down": lambda a, b, A, B, k: sg(k * (a - A)) + 1 - sg(k * (a - A - b + B)),
    "sppo_hard": lambda a, b, A, B, k: (a - A - 1 / (2 * k)) ** 2 + (b - B + 1 / (2 * k)) ** 2,
    "dpop": lambda a, b, A, B, k, lam: sp(k * (lam * max(mpf(0), A - a) - (a - A - b + B))),
    "dpo_sft": lambda a, b, A, B, k, alpha, n_w: sp(-k * (a - A - b + B)) - alpha * a / n_w,
    "cpo_xu": lambda a, b, A, B, k, alpha, n_w: sp(-k * (a - b)) - alpha * a / n_w,
    "orpo": _orpo,
}
FORMULAS["bco_pair_unshifted"] = FORMULAS["bco_pair"]


def exactly(name, params, *point):
    """Value, both derivatives and the three second derivatives at (a, b, A, B, beta)."""
    with mp.workdps(DIGITS):
        a, b, *rest = (mpf(float(v)) for v in point)
        params = {key: mpf(float(v)) for key, v in params.items()}

        step = mpf(10) ** (-DIGITS // 10)  # second differences err by its square, and lose so many digits
        at = {
            (i, j): FORMULAS[name](a + i * step, b + j * step, *rest, **params)
            for i, j in product((-1, 0, 1), repeat=2)
        }
        first = [(at[1, 0] - at[-1, 0]) / (2 * step), (at[0, 1] - at[0, -1]) / (2 * step)]
        second = [at[1, 0] + at[-1, 0] - 2 * at[0, 0], at[0, 1] + at[0, -1] - 2 * at[0, 0]]
        mixed = (at[1, 1] + at[-1, -1] - at[1, -1] - at[-1, 1]) / 4
        return [at[0, 0], *first, *(part / step**2 for part in (second[0], mixed, second[1]))]
