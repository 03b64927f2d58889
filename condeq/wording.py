"""Sentences of the mathematics in the words of the command line: options and problem files in place of Python; and
Greek letters spelled out where a terminal's encoding has none."""

import re
import unicodedata

__all__ = ["in_command_words", "spelled"]

_COMMAND_WORDS = (
    (re.compile(r"pass Problem\(\.\.\., reward=\.\.\.\)"), "give the problem file rewards"),
    (re.compile(r"columns=\{'(\w+)': '(\w+)'[^}]*\}"), r"--column \1=\2"),
    (re.compile(r"columns=\{'(\w+)': \.\.\.\}"), r"--column \1=COLUMN"),
    (re.compile(r"skip_invalid=True"), "--skip-invalid"),
    (re.compile(r"key=\.\.\."), "--key COLUMN"),
    (re.compile(r"logs\.read_metrics"), "condeq audit"),
    (re.compile(r"read it with logs\.read_pairs"), "leave out --stream, --jobs and --cluster"),
    (re.compile(r"beta=\.\.\."), "--beta"),
    (re.compile(r"(?:give|pass) (\w+)=\.\.\."), r"add --set \1=..."),
    (
        re.compile(r"\blog_ref row \d+ sums to (\S+), not 1: .*"),
        r"its probabilities sum to \1, not 1: subtract the logarithm of that sum from each",
    ),
    (re.compile(r"\bref row \d+ sums to (\S+), not 1: .*"), r"it sums to \1, not 1: divide each by that sum"),
    (re.compile(r"; from counts, use from_wins"), "; counts are given as wins:"),
)
_SIGNS = {
    "−": "-",
    "–": "-",
    "—": "-",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
    "«": "<<",
    "»": ">>",
    "×": "x",
    "·": "*",
    "±": "+-",
    "∓": "-+",
    "°": " degrees",
    "½": "1/2",
    "≈": "~",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "→": "->",
    "⊢": "|-",
    "…": "...",
    "′": "'",
    "✓": "ok",
    "✗": "x",
    "⁻": "-",
    "√": "sqrt",
    "∂": "d",
    "∇": "grad ",
    "∝": "proportional to",
    "∈": "in",
    "↦": "->",
    "≻": ">",
    "∞": "inf",
    "⟨": "<",
    "⟩": ">",
    "‖": "||",
    "″": "''",
    "\u0304": "_bar",
    "\u0302": "_hat",
}


def in_command_words(sentence: str) -> str:
    """A sentence of the libraries as the command says it.

    >>> in_command_words("exo_pair needs eps: pass eps=...")
    'exo_pair needs eps: add --set eps=...'
    """
    for pattern, words in _COMMAND_WORDS:
        sentence = pattern.sub(words, sentence)
    return sentence


def spelled(error: UnicodeEncodeError) -> tuple[str, int]:
    """A codec's error handler: letters and signs that an encoding lacks in ASCII, anything else by its number.

    >>> spelled(UnicodeEncodeError("cp1252", "δ ≥ 0", 0, 3, ""))
    ('delta >=', 3)
    """
    return "".join(map(_ascii, error.object[error.start : error.end])), error.end


def _ascii(character):
    if character in _SIGNS or character.isascii():
        return _SIGNS.get(character, character)
    name = unicodedata.name(character, "")
    if name.startswith("GREEK ") and " LETTER " in name:
        letter = name.split(" LETTER ")[1].split()[0].lower()
        return letter.capitalize() if "CAPITAL" in name else letter
    if name.startswith("BOX DRAWINGS"):
        return "-" if "HORIZONTAL" in name else "|"
    plain = unicodedata.normalize("NFKD", character)
    if plain.isascii():
        return plain
    return character.encode("ascii", "backslashreplace").decode()
