"""``train.py`` runs in an environment of its own, with torch and TRL; here it is a file, not a module."""

collect_ignore = ["train.py"]
