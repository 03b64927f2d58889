"""Before anything else: is the library beside this package the one that ``tabular`` means here?"""

import tabular

__all__: list[str] = []

if not hasattr(tabular, "Problem"):
    raise ImportError(
        f"the name tabular means {tabular.__file__ or next(iter(tabular.__path__))} here, which is not this toolkit's: "
        "rename that file or folder, or run from another directory",
        name="tabular",
    )
