"""Draws small line plots as SVG, one panel for each series, without any library."""

from collections.abc import Sequence
from dataclasses import dataclass

_WIDTH, _HEIGHT, _MARGIN = 320, 240, 50


@dataclass(frozen=True)
class Series:
    """Points of one panel.

    Attributes:
        label: of the horizontal axis.
        points: x and y, both positive.
    """

    label: str
    points: Sequence[tuple[float, float]]


def line_plot(title: str, panels: Sequence[Series]) -> str:
    """Returns an SVG with the panels side by side; axes start at zero, the dashes are linear."""
    width = len(panels) * (_WIDTH + _MARGIN) + _MARGIN
    height = _HEIGHT + 2 * _MARGIN
    body = [f'<text x="{width / 2}" y="20" text-anchor="middle">{title}</text>']
    for index, series in enumerate(panels):
        body += _panel(series, _MARGIN + index * (_WIDTH + _MARGIN))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
    style = (
        'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>'
    )
    return "\n".join([head + style, *body, "</svg>", ""])


def _panel(series: Series, left: float) -> list[str]:
    points = sorted(series.points)
    most_x, most_y = points[-1][0] * 1.05, max(y for _, y in points) * 1.1
    bottom = _MARGIN + _HEIGHT - 10

    def place(x: float, y: float) -> tuple[float, float]:
        return left + x / most_x * (_WIDTH - 20), bottom - y / most_y * (_HEIGHT - 20)

    (x0, y0), (x1, y1) = place(0, 0), place(most_x, most_y)
    found = [f'<path d="M{x0:.1f} {y1:.1f}V{y0:.1f}H{x1:.1f}" stroke="black" fill="none"/>']
    for part in range(1, 5):
        tick_x, tick_y = place(most_x * part / 4, most_y * part / 4)
        found.append(_text(tick_x, y0 + 15, f"{most_x * part / 4:.3g}", "middle"))
        found.append(_text(x0 - 5, tick_y + 4, f"{most_y * part / 4:.3g}", "end"))
    ends = [place(0, 0), place(*points[-1])]
    found.append(_line(ends, 'stroke="gray" stroke-dasharray="4 4"'))
    found.append(_line([place(*point) for point in points], 'stroke="#1f77b4" stroke-width="2"'))
    found += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in (place(*p) for p in points)]
    return [*found, _text((x0 + x1) / 2, y0 + 35, series.label, "middle")]


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'


def _line(points: Sequence[tuple[float, float]], style: str) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" {style}/>'
