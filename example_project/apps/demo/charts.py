"""Small charts as inline SVG: no script, no file beside them, colours from the page's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from math import log10

from nplusone_guard import Report

#: Each chart is drawn on this width and scaled by the page: on a phone hardly, so that its words
#: stay readable.
WIDTH = 420
BAR, GAP, LABEL, VALUE = 16, 8, 140, 130
CLASSES = {"before": "before", "claimed": "claimed", "fixed": "fixed"}


def bars(title: str, rows: Sequence[tuple[str, float, str, str]]) -> str:
    """A bar for each ``(label, value, shown, class)``, each pair beside its own longest.

    Two rows of one label belong together; a pair's lengths compare, those of two pairs do not.
    """
    longest: dict[str, float] = {}
    for label, value, _shown, _kind in rows:
        longest[label] = max(value, longest.get(label, 0.0))
    room = WIDTH - LABEL - VALUE
    lines, y, last = [], 0, None
    for label, value, shown, kind in rows:
        y += GAP if label != last else 0
        length = max(1.0, room * value / (longest[label] or 1))
        if label != last:
            lines.append(_text(0, y + BAR - 4, label))
        lines.append(
            f'<rect class="{kind}" x="{LABEL}" y="{y}" width="{length:.1f}" height="{BAR - 2}"/>'
        )
        lines.append(_text(LABEL + length + 6, y + BAR - 4, shown))
        y, last = y + BAR, label
    return _svg(title, y + GAP, lines)


def growth(
    title: str,
    unit: str,
    series: dict[str, Sequence[tuple[int, float]]],
    shown: Callable[[float], str],
    lowest: float,
) -> str:
    """Lines over ``(tenants, value)``, both axes logarithmic, with the value of each last point.

    The vertical axis begins at ``lowest``, which is above 0 and below every value.
    """
    left, top, wide, high = 12, 24, WIDTH - 132, 180
    points = [point for line in series.values() for point in line]
    across = _Scale(min(x for x, _ in points), max(x for x, _ in points))
    up = _Scale(lowest, max(y for _, y in points))
    lines = [
        _text(0, top + high + 34, "tenants"),
        _text(0, top - 10, unit),
        f'<path class="axis" d="M{left} {top}V{top + high}H{left + wide}"/>',
    ]
    for x in sorted({x for x, _ in points}):
        lines.append(_text(left + wide * across(x) - 8, top + high + 18, f"{x:,}"))
    for number, (name, line) in enumerate(series.items()):
        places = [(left + wide * across(x), top + high * (1 - up(y))) for x, y in line]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        lines.append(f'<path class="line {name}" d="M{path}"/>')
        end = places[-1]
        # The lines of `before` and `claimed` all but coincide: their labels must not.
        label = f"{name} {shown(line[-1][1])}"
        lines.append(_text(end[0] + 8, end[1] + 4 + 16 * (number == 0), label, name))
        lines += [f'<circle class="{name}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>' for x, y in places]
    return _svg(title, top + high + 44, lines)


@dataclass(frozen=True, slots=True)
class _Scale:
    """Where a value is between two others, 0 to 1, by their logarithms."""

    least: float
    most: float

    def __call__(self, value: float) -> float:
        span = log10(self.most) - log10(self.least)
        return (log10(value) - log10(self.least)) / (span or 1)


def timeline(title: str, report: Report) -> str:
    """The queries of one scope in time: a block each, as wide as it took."""
    whole = report.wall_time or 1.0
    scale = WIDTH / whole
    lines = [f'<rect class="lane" x="0" y="0" width="{WIDTH}" height="28"/>']
    for entry in report.timeline:
        width = max(1.5, entry.duration * scale)
        lines.append(
            f'<rect class="query" x="{entry.offset * scale:.1f}" y="4" width="{width:.1f}" '
            f'height="20"/>'
        )
    return _svg(title, 30, lines)


def _svg(title: str, height: float, lines: Sequence[str]) -> str:
    # The viewBox scales it down on a phone; the title is what a screen reader says.
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{''.join(lines)}</svg>"
    )


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}">{escape(text)}</text>'
