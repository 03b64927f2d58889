"""The report's map of losses: what each guarantees, and for each cell the statement, argument and witness behind it."""

from collections import Counter
from dataclasses import dataclass

from figures.loss_map import SHORT, SIGNS
from tabular import losses
from tabular.losses.guarantees import PROPERTIES, Answer, settings

__all__ = ["WORDS", "LossMap", "MapCell", "MapRow", "section"]

WORDS = {"holds": "holds", "fails": "fails", "if": "holds if", "open": "open"}


@dataclass(frozen=True)
class MapCell:
    """One answer.

    Attributes:
        heading, asked: the property, short and in full; answer: "holds", "fails", "if" or "open"; sign, words: of it.
        statement: its name, "" where it is open; linked: whether this report verified it.
        condition: of an "if"; argument, witness: what the statement says of this loss, "" where it is not verified.
    """

    heading: str
    asked: str
    answer: str
    sign: str
    words: str
    statement: str
    linked: bool
    condition: str
    argument: str
    witness: str


@dataclass(frozen=True)
class MapRow:
    """A loss, the parameters at which it is asked, how many cells have which answer, in words, and its cells."""

    loss: str
    settings: str
    tally: str
    cells: list[MapCell]


@dataclass(frozen=True)
class LossMap:
    """The headings of the columns, one row a loss, and how many cells have which answer."""

    headings: list[str]
    rows: list[MapRow]
    count: dict[str, int]


def section(results: list[dict]) -> LossMap:
    """The map, with what the results of this report say of its cells.

    >>> first = section([]).rows[0]
    >>> first.loss, first.cells[0].words, first.cells[0].statement, first.cells[0].linked
    ('dpo', 'fails', 'map-one-way-fails', False)
    """
    known = {result["id"]: result for result in results}
    rows = [_row(loss, row, known) for loss, row in losses.guarantees().items()]
    count = Counter(cell.answer for row in rows for cell in row.cells)
    return LossMap([SHORT[name] for name in PROPERTIES], rows, {answer: count[answer] for answer in SIGNS})


def _row(loss, row, known):
    cells = [_cell(loss, name, cell, known.get(cell.statement)) for name, cell in row.items()]
    count = Counter(cell.words for cell in cells)
    tally = ", ".join(f"{words}: {count[words]}" for words in WORDS.values() if count[words])
    return MapRow(loss, settings(loss), tally, cells)


def _cell(loss, name, cell, result):
    answer = cell.answer.value
    argument, witness = ("", "") if result is None else _evidence(loss, cell, result)
    return MapCell(
        SHORT[name],
        PROPERTIES[name],
        answer,
        SIGNS[answer][0],
        WORDS[answer],
        cell.statement,
        result is not None,
        cell.condition,
        argument,
        witness,
    )


def _evidence(loss, cell, result):
    """The argument of the loss's part, and the numbers at which a failure is shown."""
    argument = next(part["argument"] for part in result["parts"] if part["part"] == loss)
    shown = [check["witness"] for check in result["checks"] if check["carries"] == loss and check["witness"]]
    return argument, shown[0] if shown and cell.answer is not Answer.HOLDS else ""
