"""The map of losses as rows for JSON and as a table for a terminal."""

from rich.table import Table
from rich.text import Text

from tabular import losses
from tabular.losses.guarantees import PROPERTIES, settings

__all__ = ["rows", "shown"]

_SIGNS = {"holds": "yes", "fails": "no", "if": "if", "open": "?"}


def rows() -> list[dict]:
    """One row a loss: its settings, and each property with its answer, condition, and the statement behind it.

    >>> rows()[0]["loss"], rows()[0]["rlhf"]
    ('dpo', {'answer': 'holds', 'statement': 'map-rlhf-holds', 'condition': ''})
    """
    return [
        {"loss": loss, "settings": settings(loss)} | {name: _cell(cell) for name, cell in row.items()}
        for loss, row in losses.guarantees().items()
    ]


def _cell(cell):
    return {"answer": cell.answer.value, "statement": cell.statement, "condition": cell.condition}


def shown(rows):
    """A table of yes, no, if and ?, then the columns in words, and the conditions."""
    columns = [str(k) for k in range(1, len(PROPERTIES) + 1)]
    table = Table("loss", *columns, box=None, pad_edge=False, header_style="bold")
    table.columns[0].no_wrap = True
    for row in rows:
        table.add_row(row["loss"], *(_SIGNS[row[name]["answer"]] for name in PROPERTIES))
    yield table
    asked = "; ".join(f"{row['loss']} {row['settings']}" for row in rows if row["settings"])
    yield Text("yes, no: proved, or with an exact witness; if: under the condition below; ?: open.")
    yield Text(f"Asked at {asked}, unless a condition names the parameter; the others have none.")
    for column, (name, words) in zip(columns, PROPERTIES.items(), strict=True):
        yield Text(f"{column:>2}  {words} (condeq check map-{name}-holds)")
        for row in rows:
            if row[name]["condition"]:
                yield Text(f"      {row['loss']}: if {row[name]['condition']}")
