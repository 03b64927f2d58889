"""Small SVG pictures for notebooks: bars, curves, arrows, cells. Strings alone: figures for papers are in ``figures``.

Every picture has a title for those who cannot see it, scales down to a narrow page, and draws its lines in the page's
own text colour, so that a dark page shows it as well as a light one. Blue is what was found, orange what it is compared
with.
"""

import html
import math

__all__ = ["COMPARED", "FOUND", "arrows", "bars", "cells", "curves", "shares", "svg"]

FOUND, COMPARED = "#3b8fd4", "#e08214"
_MOST_ROWS, _MOST_COLUMNS = 4, 12
_BAR, _GAP, _HEIGHT, _LEFT, _LETTER = 18, 6, 48, 18, 6


def svg(width, height, title, body) -> str:
    """A picture around some drawing.

    >>> svg(10, 10, "nothing", "")[:28]
    '<svg xmlns="http://www.w3.or'
    """
    size = f'viewBox="0 0 {_n(width)} {_n(height)}" style="width:{_n(width)}px;max-width:100%;height:auto"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {size} font-family="sans-serif" font-size="10">'
    return f"{head}<title>{html.escape(title)}</title>{body}</svg>"


def bars(probability, reference=None, compared="the reference") -> str:
    """A row of bars a prompt, one a response; a tick where what it is ``compared`` with is.

    >>> bars([[0.25, 0.75]], [[0.5, 0.5]]).count("<rect"), bars([[0.25, 0.75]], [[0.5, 0.5]]).count("<line")
    (2, 3)
    """
    rows, columns = len(probability), len(probability[0])
    shown_rows, shown = min(rows, _MOST_ROWS), min(columns, _MOST_COLUMNS)
    drawn = []
    for prompt in range(shown_rows):
        foot = (prompt + 1) * (_HEIGHT + 18) - 14
        drawn.append(_text(2, foot - _HEIGHT / 2, f"{prompt}") + _line(_LEFT, foot, _x(shown), foot))
        for response in range(shown):
            drawn.append(_bar(_x(response), foot, float(probability[prompt][response])))
            drawn.append(_text(_x(response) + _BAR / 2, foot + 11, str(response), "middle"))
            if reference is not None:
                drawn.append(_tick(_x(response), foot - _HEIGHT * float(reference[prompt][response])))
    more = _more(rows - shown_rows, "prompts") + _more(columns - shown, "responses")
    bottom = shown_rows * (_HEIGHT + 18) + 2
    ticks = "" if reference is None else f"; ticks: {compared}"
    words = (ticks + more).removeprefix("; ")
    drawn.append(_text(_LEFT, bottom + 9, words) if words else "")
    title = f"probability of each response, one row a prompt{ticks}"
    width = max(_x(shown) + 4, _LEFT + _LETTER * len(words) if words else 0)
    return svg(width, bottom + (14 if words else 0), title, "".join(drawn))


def curves(lines, title, low=0.0, high=1.0) -> str:
    """Named lines over equal steps, between two levels.

    >>> curves({"accuracy": [0.0, 1.0]}, "an audit").count("<polyline")
    1
    """
    width, height, drawn = 220, 90, []
    colours = (FOUND, COMPARED, "currentColor")
    for k, (name, values) in enumerate(lines.items()):
        points = [float(value) for value in values]
        step = (width - 60) / max(len(points) - 1, 1)
        y = [height - (min(max(value, low), high) - low) / (high - low) * height + 6 for value in points]
        path = " ".join(f"{_n(30 + i * step)},{_n(at)}" for i, at in enumerate(y))
        look = f'fill="none" stroke="{colours[k % 3]}" stroke-width="2"' + (' stroke-dasharray="5 3"' if k else "")
        drawn.append(f'<polyline points="{path}" {look}/>')
        swatch = f'<line x1="30" x2="48" y1="{_n(height + 24 + 13 * k)}" y2="{_n(height + 24 + 13 * k)}" {look}/>'
        drawn.append(swatch + _text(54, height + 27 + 13 * k, name))
    axis = _line(30, height + 6, width - 30, height + 6) + _line(30, 6, 30, height + 6)
    ends = _text(26, height + 8, f"{low:g}", "end") + _text(26, 12, f"{high:g}", "end")
    return svg(width, height + 32 + 13 * len(lines), title, axis + ends + "".join(drawn))


def shares(parts, title) -> str:
    """One bar cut into named shares of a whole; what has none is left out.

    >>> shares({"right": 0.75, "wrong": 0.25}, "shares").count("<rect")
    2
    """
    width, drawn, start = 220, [], 0.0
    looks = (f'fill="{FOUND}"', 'fill="currentColor" fill-opacity=".3"', f'fill="{COMPARED}"')
    present = [(name, share, look) for (name, share), look in zip(parts.items(), looks, strict=False) if share > 0]
    for k, (name, share, look) in enumerate(present):
        drawn.append(f'<rect x="{_n(start)}" y="4" width="{_n(width * share)}" height="16" {look}/>')
        drawn.append(_text(4, 34 + 13 * k, f"{name} {share:.1%}"))
        start += width * share
    return svg(width, 30 + 13 * len(present), title, "".join(drawn))


def arrows(pairs, n_nodes, title) -> str:
    """Nodes on a circle, an arrow from the first to the second of each pair; at most twelve nodes.

    >>> arrows([(0, 1)], 2, "labels").count("<path")
    2
    """
    shown = min(n_nodes, _MOST_COLUMNS)
    radius = 24 + 5 * shown
    centre = radius + 12
    at = [_on_circle(centre, radius, k, shown) for k in range(shown)]
    arrow = 'markerWidth="7" markerHeight="7" refX="6" refY="3" orient="auto"'
    drawn = [f'<defs><marker id="to" {arrow}><path d="M0,0 L7,3 L0,6 z" fill="{FOUND}"/></marker></defs>']
    for first, second in dict.fromkeys(pairs):
        if first < shown and second < shown:
            drawn.append(_arrow(at[first], at[second]))
    for k, (x, y) in enumerate(at):
        drawn.append(f'<circle cx="{_n(x)}" cy="{_n(y)}" r="9" fill="none" stroke="currentColor"/>')
        drawn.append(_text(x, y + 3.5, str(k), "middle"))
    words = _more(n_nodes - shown, "responses").removeprefix("; ")
    drawn.append(_text(4, 2 * centre + 10, words) if words else "")
    return svg(2 * centre, 2 * centre + (14 if words else 0), title, "".join(drawn))


def cells(rows, columns, filled, title) -> str:
    """A table of squares: full, empty, or a dash where it cannot be said (``None``).

    >>> cells(["0"], ["a", "b"], [[True, None]], "kinds").count("<rect")
    1
    """
    shown, size, left = rows[: 2 * _MOST_COLUMNS], 14, 12 + 6 * max(map(len, (str(row) for row in rows)), default=0)
    foot = 8 + size * len(shown)
    drawn = []
    for r, name in enumerate(shown):
        drawn.append(_text(left - 6, 15 + size * r, str(name), "end"))
        for c in range(len(columns)):
            x, y = left + size * c, 6 + size * r
            if filled[r][c] is None:
                drawn.append(_line(x + 3, y + size / 2, x + size - 4, y + size / 2))
            else:
                look = f'fill="{FOUND}"' if filled[r][c] else 'fill="none" stroke="currentColor" stroke-opacity=".35"'
                drawn.append(f'<rect x="{_n(x + 1)}" y="{_n(y + 1)}" width="{size - 2}" height="{size - 2}" {look}/>')
    for c, name in enumerate(columns):
        drawn.append(_text(left + size * len(columns) + 8, 15 + 13 * c, f"{c + 1}: {name}"))
        drawn.append(_text(left + size * c + size / 2, foot + 10, str(c + 1), "middle"))
    words = _more(len(rows) - len(shown), "rows").removeprefix("; ")
    drawn.append(_text(left, foot + 24, words) if words else "")
    width = left + size * len(columns) + 16 + 6 * max((len(str(name)) + 3 for name in columns), default=0)
    return svg(width, max(foot + 16 + (14 if words else 0), 20 + 13 * len(columns)), title, "".join(drawn))


def _x(response):
    return _LEFT + response * (_BAR + _GAP) + _GAP / 2


def _bar(x, foot, height):
    tall = _HEIGHT * min(max(height, 0.0), 1.0)
    return f'<rect x="{_n(x)}" y="{_n(foot - tall)}" width="{_BAR}" height="{_n(tall)}" fill="{FOUND}"/>'


def _tick(x, y):
    ends = f'x1="{_n(x - 2)}" x2="{_n(x + _BAR + 2)}" y1="{_n(y)}" y2="{_n(y)}"'
    return f'<line {ends} stroke="{COMPARED}" stroke-width="2"/>'


def _line(x1, y1, x2, y2):
    return f'<line x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}" stroke="currentColor" stroke-opacity=".6"/>'


def _text(x, y, words, anchor="start"):
    return f'<text x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}" fill="currentColor">{html.escape(words)}</text>'


def _more(count, what):
    return f"; and {count} more {what if count > 1 else what[:-1]}" if count > 0 else ""


def _on_circle(centre, radius, k, n):
    angle = 2 * math.pi * k / max(n, 1) - math.pi / 2
    return centre + radius * math.cos(angle), centre + radius * math.sin(angle)


def _arrow(start, end):
    """From rim to rim, bent a little, so that both directions of a contradiction are seen."""
    (x1, y1), (x2, y2) = start, end
    length = math.hypot(x2 - x1, y2 - y1)
    ux, uy = (x2 - x1) / length, (y2 - y1) / length
    middle = f"{_n((x1 + x2) / 2 - 8 * uy)},{_n((y1 + y2) / 2 + 8 * ux)}"
    ends = f"{_n(x1 + 10 * ux)},{_n(y1 + 10 * uy)}", f"{_n(x2 - 11 * ux)},{_n(y2 - 11 * uy)}"
    look = f'fill="none" stroke="{FOUND}" stroke-width="1.5" marker-end="url(#to)"'
    return f'<path d="M{ends[0]} Q{middle} {ends[1]}" {look}/>'


def _n(number):
    return f"{number:.1f}".removesuffix(".0")
