"""The reference: one page a public module, everything on it from docstrings."""

import importlib
import inspect
import pkgutil
from pathlib import Path

import figures
import tabular
from docs.generate.statements import environment


def modules() -> dict[str, list[str]]:
    """The public modules under the heading of their package.

    >>> modules()["tabular"][:3]
    ['tabular', 'tabular.audit', 'tabular.choice']
    """
    mathematics = ["tabular"]
    for name in tabular.__all__:
        item = getattr(tabular, name)
        if inspect.ismodule(item):
            mathematics.append(item.__name__)
            inside = (getattr(item, name) for name in getattr(item, "__all__", ()))
            mathematics += sorted(part.__name__ for part in inside if inspect.ismodule(part))
    mathematics += [name for name in ("tabular.testing",) if importlib.util.find_spec(name)]
    kernel = [f"proofs_checks.kernel.{info.name}" for info in pkgutil.iter_modules(_folder("proofs_checks.kernel"))]
    drawn = ["figures", "figures.style", "figures.table", *figures.FIGURES.values()]
    return {"tabular": mathematics, "proofs_checks": ["proofs_checks", *kernel], "figures": drawn}


def _folder(package):
    return importlib.import_module(package).__path__


def members(module: str) -> list[str]:
    """The functions, classes and constants that a module offers: its ``__all__`` or what it defines itself.

    >>> members("tabular.rlhf")[:2]
    ['objective', 'optimal_policy']
    """
    found = importlib.import_module(module)
    offered = getattr(found, "__all__", None) or [
        name
        for name, item in vars(found).items()
        if not name.startswith("_") and getattr(item, "__module__", "") == module
    ]
    named = [name for name in offered if not inspect.ismodule(getattr(found, name))]
    return sorted(name for name in named if callable(getattr(found, name)))


def write(out: Path) -> None:
    """``out/reference``: a page for every public module and the index."""
    folder = out / "reference"
    folder.mkdir(parents=True, exist_ok=True)
    page = environment().get_template("module.rst.j2")
    for module in (name for names in modules().values() for name in names):
        objects = [(name, _directive(module, name)) for name in members(module)]
        (folder / f"{module}.rst").write_text(page.render(module=module, objects=objects), encoding="utf-8")
    index = environment().get_template("reference.md.j2")
    (folder / "index.md").write_text(index.render(packages=modules()), encoding="utf-8")


def _directive(module, name):
    item = getattr(importlib.import_module(module), name)
    if inspect.isclass(item):
        return "autoexception" if issubclass(item, Exception) else "autoclass"
    return "autofunction"
