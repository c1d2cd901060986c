"""The plot of `qcc estimate`: latency over multiply-accumulates a cycle, as a picture of lines."""

from collections.abc import Sequence
from math import log10

from qcompiler.analysis.transformers import Estimate, Gpu, Platform, Split, Transformer

_WIDTH, _HEIGHT, _EDGE = 640, 400, 60
_STEPS = 60


def plotted(model: Transformer, platform: Platform, estimate: Estimate, gpu: Gpu | None) -> str:
    """Returns the picture, SVG: a prompt and a token on balanced splits, a GPU as level lines."""
    totals = [16 * (platform.macs / 16) ** (i / _STEPS) for i in range(_STEPS + 1)]
    lines: list[tuple[str, str, list[float]]] = []
    for name, decode, colour in (("prompt", False, "#1f6fb2"), ("token", True, "#b2541f")):
        times = [
            1e3 * Estimate(model, platform, Split.balanced(model, total), 1).seconds(decode=decode)
            for total in totals
        ]
        lines.append((name, colour, times))
        if gpu is not None:
            level = 1e3 * gpu.seconds(model, decode=decode)
            lines.append((f"{name}, GPU", colour, [level] * len(totals)))
    every = [time for _, _, times in lines for time in times]
    low, high = log10(min(every)), log10(max(every)) + 1e-9

    def x(total: float) -> float:
        share = log10(total / totals[0]) / log10(totals[-1] / totals[0])
        return _EDGE + share * (_WIDTH - 2 * _EDGE)

    def y(time: float) -> float:
        return _HEIGHT - _EDGE - (log10(time) - low) / (high - low) * (_HEIGHT - 2 * _EDGE)

    drawn = [_line(name, colour, [(x(t), y(v)) for t, v in zip(totals, times, strict=True)])
             for name, colour, times in lines]  # fmt: skip
    here = min(estimate.split.total, totals[-1])
    chosen = Estimate(model, platform, Split.balanced(model, here), 1)
    mark = f'<circle cx="{x(here):.1f}" cy="{y(1e3 * chosen.seconds()):.1f}" r="4"/>'
    labels = [_text(x(t), _HEIGHT - _EDGE + 20, f"{t:.0f}") for t in totals[::20]]
    labels += [_text(_EDGE / 2, y(10**e), f"{10**e:.3g}") for e in (low, (low + high) / 2, high)]
    labels += [_text(_WIDTH / 2, _HEIGHT - 10, "MACs a cycle"), _text(_WIDTH / 2, 24, "ms")]
    inner = "\n".join([*drawn, mark, *labels])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}">\n'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>\n{inner}\n</svg>\n'
    )


def _line(name: str, colour: str, points: Sequence[tuple[float, float]]) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashes = ' stroke-dasharray="5 4"' if name.endswith("GPU") else ""
    last = _text(points[-1][0], points[-1][1] - 6, name)
    return f'<polyline fill="none" stroke="{colour}"{dashes} points="{path}"/>\n{last}'


def _text(x: float, y: float, text: str) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="12" font-family="sans-serif" '
        f'text-anchor="middle">{text}</text>'
    )
