"""Programs for type checkers to read; one of them is wrong on purpose."""

collect_ignore_glob = ["*.py"]
