"""Losses that other packages lend, by entry points that name what stands in this file."""

from importlib.metadata import EntryPoint

import numpy as np
import pytest

from tabular import InputError, losses
from tabular.base import outside
from tabular.losses import outside as lent


def mild(eps, scale=1.0):
    return losses.custom(
        "other name",
        lambda x: (1 - eps) * np.logaddexp(0, -scale * x) + eps * np.logaddexp(0, scale * x),
        lambda x: scale * (eps - 1 / (1 + np.exp(scale * x))),
    )


def keyed(*, eps):
    return mild(eps)


FLAT = losses.custom("flat", lambda x: np.exp(-x), lambda x: -np.exp(-x))
NUMBER = 3


def fails(eps):
    raise ValueError("no such share")


def refuses(eps):
    raise InputError("eps is refused")


def makes_none(eps):
    return eps


def entry(name, group="condeq.losses"):
    return EntryPoint(name, f"{__name__}:{name}", group)


def test_a_lent_function_makes_the_loss_under_the_plugins_name():
    made = lent.get(entry("mild"), {"eps": 0.25, "scale": 2})
    assert (made.name, dict(made.items)) == ("mild", {"eps": 0.25, "scale": 2.0})
    assert made(-1.0, -2.0, -1.5, -1.5, 0.5) == mild(0.25, 2.0)(-1.0, -2.0, -1.5, -1.5, 0.5)
    assert dict(lent.get(entry("mild"), {"eps": 0.25}).items) == {"eps": 0.25, "scale": 1.0}
    assert lent.get(entry("keyed"), {"eps": 0.1}).name == "keyed"
    assert lent.parameters(entry("mild")) == {"eps": (lent.RANGE, None), "scale": (lent.RANGE, 1.0)}
    assert lent.parameters(entry("FLAT")) == {}
    flat = lent.get(entry("FLAT"), {})
    assert (flat.name, flat.items, flat.form) == ("FLAT", (), FLAT.form)


@pytest.mark.parametrize(
    ("name", "params", "said"),
    [
        ("mild", {"eps": 0.1, "tau": 1}, "mild has no parameter 'tau' here: it takes eps, scale"),
        ("mild", {}, "mild needs eps: pass eps="),
        ("mild", {"eps": np.inf}, "eps of mild is inf"),
        ("NUMBER", {}, "it names neither a Loss nor a function that makes one"),
        ("fails", {"eps": 1}, "the plugin fails .* cannot be used: ValueError: no such share"),
        ("refuses", {"eps": 1}, "^eps is refused$"),
        ("makes_none", {"eps": 1}, "it makes a float and no Loss"),
        ("nowhere", {}, "the plugin nowhere .* cannot be used: AttributeError"),
    ],
)
def test_what_cannot_be_used_is_said(name, params, said):
    with pytest.raises(InputError, match=said):
        lent.get(entry(name), params)


def test_names_are_one_plugins_alone(monkeypatch):
    def listed(*entries):
        monkeypatch.setattr(outside, "_lent", lambda group, path: entries)
        return outside.by_name("condeq.losses", ("dpo",))

    one, other = entry("mild"), EntryPoint("mild", "other.place:mild", "condeq.losses")
    assert listed(one, entry("FLAT")) == {"mild": one, "FLAT": entry("FLAT")}
    assert lent.found(("dpo",)).keys() == {"mild", "FLAT"}
    with pytest.raises(InputError, match=r"the plugin dpo .* has the name of one of this toolkit: rename it"):
        listed(entry("dpo"))
    with pytest.raises(InputError, match=r"other.place:mild\) has the name of one of the plugin mild .*test_outside"):
        listed(one, other)
