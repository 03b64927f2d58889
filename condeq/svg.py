"""Small plots as SVG inside a page: their colours are the page's, so they follow it into the dark and onto paper."""

from html import escape
from itertools import pairwise

import numpy as np

__all__ = ["HEIGHT", "WIDTH", "Plot", "ticks"]

WIDTH, HEIGHT = 440, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 12, 44
_LINE = 14  # from one line of text to the next


class Plot:
    """Axes with round ticks; marks are added in data coordinates.

    Args:
        x, y: (low, high) of the axes; title: what the picture shows, for readers who do not see it.
        x_label, y_label: with units; log_x, log_y: whether an axis is logarithmic.
        left, right: room beside the axes, for long numbers and for names of curves.
    """

    def __init__(self, x, y, title, x_label, y_label, *, log_x=False, log_y=False, left=_LEFT, right=_RIGHT):
        self._x, self._y, self._logs, self._left, self._right = x, y, (log_x, log_y), left, right
        self._title, self._labels, self._marks = title, (x_label, y_label), []

    def at(self, x, y):
        """Data to picture coordinates."""
        (x0, x1), (y0, y1) = self._x, self._y
        values = []
        for value, low, high, log in ((x, x0, x1, self._logs[0]), (y, y0, y1, self._logs[1])):
            value = np.asarray(value, dtype=float)
            if log:
                value, low, high = np.log(np.clip(value, low, high)), np.log(low), np.log(high)
            values.append((value - low) / (high - low))
        return (
            self._left + values[0] * (WIDTH - self._left - self._right),
            HEIGHT - _BOTTOM - values[1] * (HEIGHT - _TOP - _BOTTOM),
        )

    def area(self, x, y, kind):
        self._marks.append(f'<polygon class="{kind}" points="{_points(*self.at(x, y))}"/>')

    def curve(self, x, y, kind):
        self._marks.append(f'<polyline class="{kind}" points="{_points(*self.at(x, y))}"/>')

    def dots(self, x, y, kind):
        px, py = self.at(x, y)
        path = "".join(f"M{a:.1f} {b:.1f}h0" for a, b in zip(px.tolist(), py.tolist(), strict=True))
        self._marks.append(f'<path class="{kind}" d="{path}"/>')

    def bars(self, edges, heights, kind):
        left, bottom = self.at(edges[:-1], np.full(len(heights), self._y[0]))
        right, top = self.at(edges[1:], heights)
        for a, b, low, high in zip(left, right, bottom, top, strict=True):
            if low > high:
                self._marks.append(
                    f'<rect class="{kind}" x="{a:.1f}" y="{high:.1f}" width="{b - a:.1f}" height="{low - high:.1f}"/>'
                )

    def word(self, x, y, text, kind="label", anchor="start", rise=0):
        px, py = self.at(x, y)
        self._marks.append(
            f'<text class="{kind}" x="{px:.1f}" y="{py - rise:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
        )

    def names(self, x, y, texts, kind="label"):
        """Names of curves right of their ends, so far apart that each can be read."""
        px, py = self.at(x, np.asarray(y, dtype=float))
        order = np.argsort(py)
        for above, below in pairwise(order):
            py[below] = max(py[below], py[above] + _LINE)
        py -= max(0.0, py.max() - (HEIGHT - _BOTTOM))
        for text, height in zip(texts, py.tolist(), strict=True):
            self._marks.append(f'<text class="{kind}" x="{px + 5:.1f}" y="{height + 4:.1f}">{escape(text)}</text>')

    def render(self) -> str:
        """The picture as one SVG element."""
        x_label, y_label = map(escape, self._labels)
        centre, middle = (WIDTH + self._left - self._right) / 2, (HEIGHT - _BOTTOM + _TOP) / 2
        return (
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(self._title, quote=True)}">'
            f"{''.join(self._marks)}{self._ticks()}"
            f'<text class="axis" x="{centre}" y="{HEIGHT - 8}" text-anchor="middle">{x_label}</text>'
            f'<text class="axis" transform="translate(12 {middle}) rotate(-90)" text-anchor="middle">{y_label}</text>'
            "</svg>"
        )

    def _ticks(self):
        parts = [
            f'<path class="frame" d="M{self._left} {_TOP}V{HEIGHT - _BOTTOM}H{WIDTH - self._right}"/>',
        ]
        for value in ticks(*self._x, log=self._logs[0]):
            px, _ = self.at(value, self._y[0])
            parts.append(f'<path class="frame" d="M{px:.1f} {HEIGHT - _BOTTOM}v4"/>')
            parts.append(
                f'<text class="tick" x="{px:.1f}" y="{HEIGHT - _BOTTOM + 16}" text-anchor="middle">{value:g}</text>'
            )
        for value in ticks(*self._y, log=self._logs[1]):
            _, py = self.at(self._x[0], value)
            parts.append(f'<path class="frame" d="M{self._left} {py:.1f}h-4"/>')
            parts.append(
                f'<text class="tick" x="{self._left - 7}" y="{py + 3.5:.1f}" text-anchor="end">{value:g}</text>'
            )
        return "".join(parts)


def _points(x, y):
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(np.ravel(x).tolist(), np.ravel(y).tolist(), strict=True))


def ticks(low, high, log=False, about=5) -> list[float]:
    """Round numbers inside an interval.

    >>> ticks(0, 1), ticks(-300, 300), ticks(1e-4, 1, log=True)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [-200.0, 0.0, 200.0], [0.0001, 0.001, 0.01, 0.1, 1.0])
    """
    if log:
        first, last = np.ceil(np.log10(low) - 1e-9), np.floor(np.log10(high) + 1e-9)
        step = max(1, round((last - first) / about))
        return [float(f"1e{int(power)}") for power in np.arange(first, last + 1, step)]
    raw = (high - low) / about
    unit = 10.0 ** np.floor(np.log10(raw))
    step = unit * next(k for k in (1, 2, 5, 10) if k * unit >= raw * (1 - 1e-9))
    count = np.arange(np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9) + 1)
    return [float(f"{value:.12g}") + 0.0 for value in count * step]
