"""What has to stand beside this package, looked for before anything of it is used: our library, and its libraries."""

from importlib.util import find_spec

import tabular

__all__: list[str] = []

if not hasattr(tabular, "Problem"):
    raise ImportError(
        f"the name tabular means {tabular.__file__ or next(iter(tabular.__path__))} here, which is not this toolkit's: "
        "rename that file or folder, or run from another directory",
        name="tabular",
    )
for _name in ("flint", "hypothesis", "sympy"):
    if find_spec(_name) is None:
        raise ImportError(f"proofs_checks needs {_name}: pip install 'conditional-equivalence[proofs]'", name=_name)
