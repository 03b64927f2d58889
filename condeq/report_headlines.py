"""What the report says first: a few sentences, each with the statements whose verdicts it rests on."""

__all__ = ["HEADLINES", "headlines"]

HEADLINES = (
    (
        "With population labels DPO and RLHF share their optimum whatever the reference prefers; with one label per "
        "pair the DPO loss has no minimiser. The printed equivalence theorem fails in both directions.",
        ("thm-3.5", "thm-3.5-repaired", "dpo-ordered"),
    ),
    (
        "What DPO can converge to is read off the graph of its labels, and may be a response nobody labelled.",
        ("dpo-solution-set", "dpo-unlabelled-response"),
    ),
    (
        "A reference that prefers the dispreferred response is enough for the loss to fall while the ranking stays "
        "wrong, and the accuracy that trainers log does not show it.",
        ("def-3.3", "def-3.3-loss", "accuracy-logged"),
    ),
    (
        "Gradient flow does leave that region, after a time exponential in β|δ_ref|: slow, not stuck.",
        ("escape-time", "escape-time-exponential"),
    ),
    (
        "CPO’s penalised objective has no maximiser. With two responses a local one ranks the pair right exactly on a "
        "window of γ; a third response can empty the window.",
        ("eq-10", "thm-4.9-local", "thm-4.9-three-responses"),
    ),
    (
        "As a hard constraint, π(w) ≥ π(l), CPO keeps its promise: the optimum is a KL projection of RLHF’s, by "
        "isotonic regression, at a known price.",
        ("thm-4.9-hard", "isotonic-projection", "price"),
    ),
)


def headlines(results: list[dict]) -> list[tuple[str, list[dict]]]:
    """The sentences whose statements were all verified with the expected verdict, each with those results."""
    good = {result["id"]: result for result in results if result["as_expected"]}
    return [(text, [good[name] for name in names]) for text, names in HEADLINES if all(name in good for name in names)]
