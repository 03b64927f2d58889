"""Every public function says what it is and shows it: a docstring with an example that runs (as a doctest, elsewhere).

Public are the names that ``tabular``, ``proofs_checks`` and ``figures`` offer at their front, the functions of the
modules named there, the public methods of their classes, and the ``compute`` of every figure.
"""

import importlib
import inspect
import pkgutil

import pytest

import figures
import proofs_checks
import tabular


def functions_of(module):
    """The module's ``__all__``, or the public functions and classes that it defines itself."""
    names = getattr(module, "__all__", None) or [
        name for name, item in vars(module).items() if getattr(item, "__module__", "") == module.__name__
    ]
    return {f"{module.__name__}.{name}": getattr(module, name) for name in names if not name.startswith("_")}


def rooms(module):
    """The module and the modules that it offers in turn."""
    offered = (getattr(module, name) for name in getattr(module, "__all__", ()))
    return [module, *(item for item in offered if inspect.ismodule(item))]


def public():
    """{qualified name: function or class} of everything public."""
    found = functions_of(proofs_checks) | functions_of(figures)
    for name in tabular.__all__:
        item = getattr(tabular, name)
        for module in rooms(item) if inspect.ismodule(item) else ():
            found |= functions_of(module)
        found |= {} if inspect.ismodule(item) else {f"tabular.{name}": item}
    for name, path in figures.FIGURES.items():
        found[f"figures.{name}.compute"] = importlib.import_module(path).compute
    return {name: item for name, item in found.items() if inspect.isfunction(item) or inspect.isclass(item)}


def is_plain(item):
    """Enumerations and errors speak for themselves; records are shown by the functions that make them."""
    return inspect.isclass(item) and (issubclass(item, Exception) or "__post_init__" not in vars(item))


@pytest.mark.parametrize("name", sorted(public()))
def test_says_what_it_is(name):
    assert inspect.getdoc(public()[name])


@pytest.mark.parametrize("name", sorted(name for name, item in public().items() if not is_plain(item)))
def test_shows_it(name):
    assert ">>>" in inspect.getdoc(public()[name])


def test_an_undocumented_function_would_be_seen():
    assert "tabular.rlhf.optimal_policy" in public()
    assert "tabular.failure_modes.find" in public()
    assert "tabular.Problem" in public()
    assert "figures.overview.compute" in public()
    assert "tabular.choice.nash.regularised" in public()
    assert "tabular.rlhf.kl" not in public()  # imported there, not its own


@pytest.mark.parametrize("package", [tabular, proofs_checks, figures], ids=lambda package: package.__name__)
def test_every_module_says_what_is_public(package):
    """Those beside the front page, what is imported from them; a name that is not there would be an error for ``*``."""
    for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if not (info.ispkg or info.name.endswith("__main__")):
            module = importlib.import_module(info.name)
            assert isinstance(module.__all__, list), info.name
            assert all(hasattr(module, name) for name in module.__all__), info.name
