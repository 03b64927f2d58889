"""What there is: statements, figures with their settings, example problems and logs, losses, demos."""

from pathlib import Path

from condeq import examples

#: the teaching notebooks, which are in a checkout and not in the wheel: file and title
DEMOS = {
    "1_when_rlhf_prefers_the_wrong_response": "When does RLHF prefer the wrong response?",
    "2_loss_falls_policy_stays_wrong": "DPO's loss falls, the policy stays wrong",
    "3_what_dpo_converges_to": "What DPO converges to",
    "4_cpo_as_projection": "CPO as a projection",
    "5_audit_your_own_run": "Audit your own run",
}


_SETTABLE = (int, float, str, tuple)  # what --set can change


def statements() -> dict[str, str]:
    """id -> title of every statement that the registry finds."""
    import proofs_checks

    return {name: known[0].title for name, known in proofs_checks.statements().items()}


def figures() -> dict[str, str]:
    """name -> title, then the settings with their defaults.

    >>> print(figures()["escape_time"].split("; ")[1][:28])
    margins=[0.0, 2.0, 4.0, 8.0]
    """
    import figures as drawn

    found = {}
    for name in drawn.FIGURES:
        settings = {key: value for key, value in drawn.defaults(name).items() if isinstance(value, _SETTABLE)}
        told = " ".join(f"{key}={_plain(value)}" for key, value in settings.items())
        options = "".join(f" --{option}" for option in ("problem", "loss") if drawn.takes(name, option))
        found[name] = f"{drawn.module(name).TITLE}; {told}{options}"
    return found


def _plain(value):
    return str(list(value)) if isinstance(value, tuple) else str(value)


def losses() -> dict[str, str]:
    """name -> kind and source of the catalogue's losses."""
    from condeq import loss_options

    return {row["name"]: f"{row['kind']}, {row['source']}" for row in loss_options.catalogue()}


def example_files() -> dict[str, str]:
    """name -> the first sentence of each example's own words, or what it is."""
    return {Path(file).stem: _first_words(file) for file in (*examples.PROBLEMS, *examples.LOGS)}


def _first_words(file):
    lines = (examples.DIRECTORY / file).read_text(encoding="utf-8").splitlines()
    comment = " ".join(line.removeprefix("# ") for line in lines if line.startswith("#"))
    fallback = "a trainer's log of pairs" if file in examples.LOGS else "a problem file"
    return comment.split(". ")[0].rstrip(".") or fallback


#: section -> what finds its items
SECTIONS = {
    "statements": statements,
    "figures": figures,
    "examples": example_files,
    "losses": losses,
    "demos": lambda: DEMOS,
}
