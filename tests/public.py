"""What the library offers: found by walking ``__all__`` from the top, never listed."""

import functools
import inspect


@functools.cache
def modules(top):
    """The package and the modules that it offers, and that those offer in turn."""
    found = [top]
    for module in found:
        offered = (getattr(module, name) for name in getattr(module, "__all__", ()))
        found += [item for item in offered if inspect.ismodule(item) and item not in found]
    return tuple(found)


@functools.cache
def items(top):
    """``{"module.name": object}`` of every public name that is no module."""
    named = {f"{module.__name__}.{name}": getattr(module, name) for module in modules(top) for name in module.__all__}
    return {name: item for name, item in named.items() if not inspect.ismodule(item)}


@functools.cache
def functions(top):
    """``{qualified name: function}``: public functions, and public methods and properties of public classes."""
    found = {}
    for item in items(top).values():
        if inspect.isfunction(item):
            found[f"{item.__module__}.{item.__name__}"] = item
        elif inspect.isclass(item) and item.__module__.startswith(f"{top.__name__}."):
            found |= {f"{item.__module__}.{item.__qualname__}.{name}": method for name, method in methods(item).items()}
    return found


def methods(cls):
    """The public functions that a class itself defines, behind whatever descriptor."""
    found = {}
    for name, item in vars(cls).items():
        behind = getattr(item, "fget", None) or getattr(item, "func", None) or getattr(item, "__func__", item)
        if inspect.isfunction(behind) and (not name.startswith("_") or name == "__call__"):
            found[name] = behind
    return found
