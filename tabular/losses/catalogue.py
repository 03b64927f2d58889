"""The catalogue: every named loss, its parameters and their ranges, its form and its source."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from tabular.base import checks
from tabular.errors import InputError
from tabular.losses import absolute, forms, links, outside, scalars
from tabular.losses.batch import Sorted
from tabular.losses.forms import OfMargin
from tabular.losses.loss import Loss

__all__ = ["get", "names", "ours", "parameters", "source", "typical"]

_NEEDED = object()


class _Rule(NamedTuple):
    """The range of a parameter, in the words that a refusal uses."""

    holds: Callable
    words: str


_SHARE = _Rule(lambda x: 0 <= x < 0.5, "at least 0 and below 1/2")
_STRICT_SHARE = _Rule(lambda x: 0 < x < 0.5, "above 0 and below 1/2")
_POSITIVE = _Rule(lambda x: 0 < x < np.inf, checks.POSITIVE)
_NOT_NEGATIVE = _Rule(lambda x: 0 <= x < np.inf, checks.NOT_NEGATIVE)
_FINITE = _Rule(np.isfinite, checks.FINITE)
_ZERO = _Rule(lambda x: x == 0, "0: bco_pair takes a shift")
_COUNT = _Rule(lambda x: (x > 0) & (x < np.inf), "finite and above 0, or one such for each pair")


class _Parameter(NamedTuple):
    rule: _Rule
    default: Any = _NEEDED


class _Entry(NamedTuple):
    """``make`` takes the parameters as numbers and gives the form."""

    make: Callable
    source: str
    params: Mapping[str, _Parameter] = MappingProxyType({})
    exact: bool = False  # whether make wants its parameters as rationals


_EPS, _LEAST_EPS = _Parameter(_SHARE), _Parameter(_STRICT_SHARE)
_COUNTS = {"n_w": _Parameter(_COUNT), "n_l": _Parameter(_COUNT)}
_SFT = {"alpha": _Parameter(_NOT_NEGATIVE), "n_w": _Parameter(_COUNT, 1.0)}
_LOGISTIC = scalars.Logistic()


def _f_dpo(link):
    return OfMargin(_LOGISTIC, link=link)


_CATALOGUE = {
    "dpo": _Entry(lambda: OfMargin(_LOGISTIC), "Rafailov et al. 2023, arXiv 2305.18290, Eq. 7"),
    "cdpo": _Entry(
        lambda eps: OfMargin(scalars.Logistic(eps)),
        "Mitchell 2023, a note on DPO with noisy preferences",
        {"eps": _EPS},
        exact=True,
    ),
    "rdpo": _Entry(
        lambda eps: OfMargin(scalars.Logistic(-eps / (1 - 2 * eps))),
        "Chowdhury, Kini, Natarajan 2024, arXiv 2403.00409",
        {"eps": _EPS},
        exact=True,
    ),
    "ipo": _Entry(
        lambda: OfMargin(scalars.Square(), psi=forms.HalfOverBeta(), in_nats=True),
        "Azar et al. 2023, arXiv 2310.12036, Eq. 17",
    ),
    "ipo_norm": _Entry(
        lambda n_w, n_l: OfMargin(
            scalars.Square(), psi=forms.HalfOverBeta(), in_nats=True, n_w=n_w, n_l=n_l, per_token=True
        ),
        "TRL's ipo from 0.7.11 (huggingface/trl#1265)",
        _COUNTS,
    ),
    "hinge": _Entry(
        lambda: OfMargin(scalars.Hinge(), psi=forms.Constant(1.0)), "Liu et al. 2023 (RSO), arXiv 2309.06657"
    ),
    "slic": _Entry(
        lambda margin: OfMargin(scalars.Hinge(), psi=forms.Constant(margin), in_nats=True, reference_free=True),
        "Zhao et al. 2023, arXiv 2305.10425; its SFT term is left out",
        {"margin": _Parameter(_FINITE)},
    ),
    "exo_pair": _Entry(lambda eps: OfMargin(scalars.Exo(eps)), "Ji et al. 2024, arXiv 2402.00856", {"eps": _LEAST_EPS}),
    "hypo": _Entry(lambda: OfMargin(_LOGISTIC, psi=forms.NeverNegative()), "Yuan et al. 2026, arXiv 2602.11902"),
    "odpo": _Entry(
        lambda offset: OfMargin(_LOGISTIC, psi=forms.Constant(offset)),
        "Amini, Vieira, Cotterell 2024, arXiv 2402.10571",
        {"offset": _Parameter(_FINITE)},
    ),
    "ecpo": _Entry(
        lambda gamma: OfMargin(_LOGISTIC, psi=forms.InverseReference(gamma)),
        "Yang et al. 2026, Eq. 17, as transcribed",
        {"gamma": _Parameter(_NOT_NEGATIVE)},
    ),
    "simpo": _Entry(
        lambda n_w, n_l, gamma: OfMargin(
            _LOGISTIC, psi=forms.Constant(gamma), reference_free=True, n_w=n_w, n_l=n_l, per_token=True
        ),
        "Meng, Xia, Chen 2024, arXiv 2405.14734, Eq. 6",
        _COUNTS | {"gamma": _Parameter(_FINITE)},
    ),
    "sigmoid_norm": _Entry(
        lambda n_w, n_l: OfMargin(_LOGISTIC, n_w=n_w, n_l=n_l, per_token=True),
        "Lambert et al. 2024 (Tulu 3), arXiv 2411.15124",
        _COUNTS,
    ),
    "discopop": _Entry(
        lambda tau: OfMargin(scalars.Disco(tau)),
        "Lu et al. 2024, arXiv 2406.08414",
        {"tau": _Parameter(_POSITIVE, 0.05)},
    ),
    "fdpo_forward_kl": _Entry(lambda: _f_dpo(links.ForwardKL()), "Wang et al. 2023, arXiv 2309.16240"),
    "fdpo_js": _Entry(lambda: _f_dpo(links.JensenShannon()), "Wang et al. 2023, arXiv 2309.16240"),
    "fdpo_alpha": _Entry(
        lambda alpha: _f_dpo(links.Alpha(alpha)),
        "Wang et al. 2023, arXiv 2309.16240",
        {"alpha": _Parameter(_Rule(lambda x: 0 < x <= 1, "above 0 and at most 1"))},
    ),
    "chi_po_unclipped": _Entry(lambda: _f_dpo(links.ChiSquared()), "Huang et al. 2024, arXiv 2407.13399"),
    "chi_po": _Entry(
        lambda r_max: OfMargin(scalars.ClippedLogistic(2 * r_max), link=links.ChiSquared()),
        "Huang et al. 2024, arXiv 2407.13399; its clip as usually read",
        {"r_max": _Parameter(_POSITIVE)},
    ),
    "squared_po": _Entry(
        lambda: _f_dpo(links.SquaredLog()), "Pipano, Sabach, Asadi, Ghavamzadeh 2026, arXiv 2602.06788"
    ),
    "kto": _Entry(
        absolute.Kto,
        "Ethayarajh et al. 2024, arXiv 2402.01306; a pair, z0 fixed",
        {
            "z0": _Parameter(_FINITE, 0.0),
            "l_d": _Parameter(_POSITIVE, 1.0),
            "l_u": _Parameter(_POSITIVE, 1.0),
        },
    ),
    "nca_pair": _Entry(absolute.Nca, "Chen et al. 2024, arXiv 2402.05369"),
    "bco_pair": _Entry(
        absolute.Bco, "Jung et al. 2024, arXiv 2404.04656; the shift fixed", {"shift": _Parameter(_FINITE)}
    ),
    "bco_pair_unshifted": _Entry(absolute.Bco, "TRL's bco_pair from 0.29", {"shift": _Parameter(_ZERO, 0.0)}),
    "apo_zero": _Entry(absolute.ApoZero, "D'Oosterlinck et al. 2024, arXiv 2408.06266; without its constant"),
    "apo_down": _Entry(absolute.ApoDown, "D'Oosterlinck et al. 2024, arXiv 2408.06266; without its constant"),
    "sppo_hard": _Entry(absolute.Sppo, "Wu et al. 2024, arXiv 2405.00675"),
    "dpop": _Entry(absolute.Dpop, "Pal et al. 2024, arXiv 2402.13228", {"lam": _Parameter(_NOT_NEGATIVE)}),
    "dpo_sft": _Entry(absolute.WithSft, "Pang et al. 2024 (RPO), arXiv 2404.19733", _SFT),
    "cpo_xu": _Entry(
        lambda alpha, n_w: absolute.WithSft(alpha, n_w, reference_free=True), "Xu et al. 2024, arXiv 2401.08417", _SFT
    ),
    "orpo": _Entry(absolute.Orpo, "Hong, Lee, Thorne 2024, arXiv 2403.07691", {"lam": _Parameter(_NOT_NEGATIVE)}),
    "aot": _Entry(lambda: Sorted(paired=True), "Melnyk et al. 2024, arXiv 2406.05882; paired"),
    "aot_unpaired": _Entry(lambda: Sorted(paired=False), "Melnyk et al. 2024, arXiv 2406.05882; unpaired"),
}


def ours() -> tuple[str, ...]:
    """The names of the catalogue: 31 losses of a pair, and two ("aot", "aot_unpaired") of a batch.

    >>> len(ours()), ours()[:4]
    (33, ('dpo', 'cdpo', 'rdpo', 'ipo'))
    """
    return tuple(_CATALOGUE)


def names() -> tuple[str, ...]:
    """The names of the catalogue, and after them those of losses that other packages lend by entry points.

    >>> names()[:4], set(ours()) <= set(names())
    (('dpo', 'cdpo', 'rdpo', 'ipo'), True)

    Raises:
        InputError: a package that takes a name of the catalogue, or of another package.
    """
    return (*ours(), *outside.found(ours()))


def _lent(name):
    """The plugin of that name, where it is none of ours; or one sentence that lists all names."""
    return checks.choice(name, dict.fromkeys(ours()) | outside.found(ours()), "loss named")


def get(name: str, **params: Any) -> Loss:
    """A loss by name, of the catalogue or lent by another package.

    Args:
        name: one of :func:`names`.
        params: its parameters: numbers; token counts ``n_w`` and ``n_l`` also arrays, one entry a pair. A
            :class:`fractions.Fraction` is kept exactly where existence depends on it ("rdpo").

    Raises:
        InputError: an unknown name, or a parameter that the loss does not have, needs, or cannot take.

    >>> get("rdpo", eps=0.6)
    Traceback (most recent call last):
        ...
    tabular.errors.InputError: eps of rdpo is 0.6: it must be one number, at least 0 and below 1/2
    >>> get("orpo")
    Traceback (most recent call last):
        ...
    tabular.errors.InputError: orpo needs lam: pass lam=...
    """
    if not _is_ours(name):
        return outside.get(_lent(name), params)
    entry = _CATALOGUE[name]
    for key in params:
        if key not in entry.params:
            takes = ", ".join(entry.params) or "none"
            raise InputError(f"{name} has no parameter {checks.brief(key)} here: it takes {takes}")
    given = {key: _checked(name, key, parameter, params) for key, parameter in entry.params.items()}
    exact = {key: _exact(params.get(key, value)) for key, value in given.items()} if entry.exact else given
    return Loss(name, tuple(given.items()), entry.source, entry.make(**exact))


def parameters(name: str) -> dict[str, tuple[str, float | None]]:
    """{parameter: (its range in words, its default or ``None`` where it has to be given)} of a loss.

    >>> parameters("discopop")
    {'tau': ('finite and above 0', 0.05)}
    """
    if not _is_ours(name):
        return outside.parameters(_lent(name))
    entry = _CATALOGUE[name]
    return {k: (p.rule.words, None if p.default is _NEEDED else p.default) for k, p in entry.params.items()}


_TYPICAL = {
    "eps": 0.1,
    "margin": 1.0,
    "offset": 0.5,
    "gamma": 0.1,
    "alpha": 1.0,
    "r_max": 1.0,
    "lam": 1.0,
    "shift": 0.0,
}


def typical(name: str) -> Loss:
    """A loss at a usual setting, for tables of all of them; token counts are 1.

    >>> typical("cdpo"), typical("simpo"), typical("bco_pair")
    (cdpo(eps=0.1), simpo(n_w=1.0, n_l=1.0, gamma=0.1), bco_pair(shift=0.0))
    """
    needed = [key for key, (_, default) in parameters(name).items() if default is None]
    return get(name, **{key: _TYPICAL.get(key, 1.0) for key in needed})


def source(name: str) -> str:
    """Where a loss comes from.

    >>> source("dpo")
    'Rafailov et al. 2023, arXiv 2305.18290, Eq. 7'
    """
    return _CATALOGUE[name].source if _is_ours(name) else typical(name).source


def _is_ours(name):
    return isinstance(name, str) and name in _CATALOGUE


def _checked(name, key, parameter, params):
    """One parameter as a number in its range, or a frozen array of token counts."""
    if key not in params:
        if parameter.default is _NEEDED:
            raise InputError(f"{name} needs {key}: pass {key}=...")
        return parameter.default
    called = f"{key} of {name}"
    array = checks.numbers(params[key], called)
    if parameter.rule is _COUNT and array.ndim == 1:
        checks.refuse(~_COUNT.holds(array), array, called, "a token count must be finite and above 0")
        array.flags.writeable = False
        return array
    if array.ndim or not parameter.rule.holds(float(array)):
        raise InputError(f"{called} is {checks.brief(params[key])}: it must be one number, {parameter.rule.words}")
    return float(array)


def _exact(value):
    return value if isinstance(value, Fraction) else Fraction(value)
