"""Statements with their verdicts and witnesses as theorem environments, ready to paste into a paper."""

from figures import latex
from proofs_checks.kernel.verdict import Result
from proofs_checks.registry import of_source, verify
from proofs_checks.text import MEANINGS, as_dict

__all__ = ["HEAD", "print_theorems", "theorems"]

HEAD = """\
% needs, once in the preamble: \\usepackage{amsthm} \\newtheorem{theorem}{Theorem}
% Written by condeq check --latex: the words are those that are searched, proved and certified.
"""


def theorems(results: list[Result]) -> str:
    r"""One theorem environment a result, each with a remark on what was found.

    >>> print(theorems(verify(["def-3.3"])).splitlines()[4])
    \label{thm:def-3.3}
    """
    return HEAD + "\n" + "\n".join(_theorem(as_dict(result)) for result in results)


def print_theorems(names, source, jobs, executor=None) -> int:
    """Verify and print; 1 if a verdict is not the expected one."""
    results = verify(names or of_source(source), processes=1 if names and len(names) == 1 else jobs, executor=executor)
    print(theorems(results))
    return 0 if all(result.as_expected for result in results) else 1


def _theorem(known):
    name = known["id"]
    given, claim = (_sentence(known[key]) for key in ("hypotheses", "statement"))
    lines = [
        rf"\begin{{theorem}}[{_bracketed(known['title'])}; {_bracketed(known['source'])}]",
        rf"\label{{thm:{name}}}",
        *([rf"\textup{{Given}} {given}"] if known["hypotheses"] else []),
        rf"\textup{{Then}} {claim}" if known["hypotheses"] else claim,
        r"\end{theorem}",
        r"\begin{proof}[Verdict]",
        rf"\textsc{{{known['verdict'].lower()}}}: {_sentence(MEANINGS[known['verdict']])}",
        _sentence(known["conclusion"]),
        *_evidence(known),
        r"\end{proof}",
        "",
    ]
    return "\n".join(lines)


def _evidence(known):
    """What carries each part, then the witnesses."""
    for part in known["parts"]:
        words = f"“{part['part']}” is {part['verdict']}, carried by {part['carried_by']}"
        yield _sentence(words + (f": {part['argument']}" if part["argument"] else ""))
    for check in known["checks"]:
        if check["witness"]:
            yield f"Witness of ``{latex.text(check['name'])}'': {_sentence(check['witness'])}"


def _sentence(words):
    text = latex.text(" ".join(words.split()))
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."


def _bracketed(words):
    """Inside an optional argument a bracket needs braces; a full stop in a name is no end of a sentence."""
    return latex.text(words).replace("[", "{[}").replace("]", "{]}").replace("et al. ", r"et al.\ ")
