"""A report as plain text, as a table for notebooks, and as a picture."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

from qcompiler.backends.report.data import ReportData
from qcompiler.errors import ModelError, Problem, printable
from qcompiler.version import installing

_COLUMNS = ("process", "kind", "input", "output", "cycles")
_SLOW, _REST = "#b4451f", "#4d6b8a"


def headline(report: ReportData) -> str:
    """Returns rate and latency in one line."""
    return (
        f"{report.cycles_per_frame} cycles a frame, {report.fps:,.0f} frames/s at "
        f"{report.mhz:g} MHz, latency {report.latency_cycles} cycles"
    )


def host_lines(report: ReportData) -> Iterator[str]:
    """Yields what the host computes, in one line for each place that has any."""
    return host_words({where: asdict(part) for where, part in report.host.items()})


def host_words(host: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yields the same from what the report's file says of the host."""
    for where, ends in (
        ("before", "up to {last}"),
        ("beside", "for outputs that do not need it"),
        ("after", "from {first} on"),
    ):
        part = host.get(where, {})
        if part.get("operations"):
            # Names of nodes may have braces, so they are put in, never taken as a format.
            end = ends.format(first=part["first"], last=part["last"])
            yield f"{', '.join(part['operations'])} {where} the hardware, {end}"


def weight_lines(weights: Mapping[str, Any], cycles: int) -> Iterator[str]:
    """Yields what `weights_told` tells, in lines; `cycles` of a frame."""
    if external := weights.get("external"):
        yield (
            f"external:  {external['bytes_per_frame']} bytes of weights a frame, "
            f"{external['megabytes_per_second']:,.1f} MB/s; the bus of {external['bus_bits']} bits "
            f"is in use in {external['bus_cycles_per_frame']} of {cycles} cycles"
        )
    if writable := weights.get("writable"):
        count = len(writable["layers"])
        yield (
            f"writable:  sets of {writable['bytes_per_set']} bytes for {count} "
            f"{'layer' if count == 1 else 'layers'}"
        )


def _rows(report: ReportData) -> list[tuple[Sequence[str], bool]]:
    """Returns the cells of each process, and whether it is a slowest one."""
    return [
        (
            (layer.name, layer.kind, layer.input, layer.output, str(layer.cycles)),
            layer.name in report.bottlenecks,
        )
        for layer in report.layers
    ]


def _area(report: ReportData) -> str:
    return ", ".join(f"{number} {kind}" for kind, number in report.area.items())


def report_text(report: ReportData) -> str:
    """Returns the report in lines for a terminal."""
    rows = [([printable(c, 60) for c in cells], slow) for cells, slow in _rows(report)]
    widths = [max(len(row[i]) for row in [_COLUMNS, *(c for c, _ in rows)]) for i in range(5)]
    lines = [headline(report)]
    for cells, slow in [(_COLUMNS, False), *rows]:
        padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
        lines.append("  ".join(padded).rstrip() + ("  slowest" if slow else ""))
    if report.area:
        lines.append(f"estimated: {_area(report)}, {report.device}")
    lines += weight_lines(report.weights, report.cycles_per_frame)
    lines += [f"host: {printable(line)}" for line in host_lines(report)]
    return "\n".join(lines)


def report_html(report: ReportData) -> str:
    """Returns the report as HTML; nothing of a model gets into it unescaped."""
    head = "".join(f"<th>{name}</th>" for name in _COLUMNS)
    body = "".join(
        "<tr>"
        + "".join(f"<td>{_cell(cell, strong=slow)}</td>" for cell in cells)
        + ("<td><b>slowest</b></td>" if slow else "<td></td>")
        + "</tr>"
        for cells, slow in _rows(report)
    )
    notes = [headline(report)]
    if report.area:
        notes.append(f"estimated: {_area(report)}, {report.device}")
    notes += [f"host: {line}" for line in host_lines(report)]
    told = "".join(f"<p>{escape(printable(note))}</p>" for note in notes)
    return f"{told}<table><thead><tr>{head}<th></th></tr></thead><tbody>{body}</tbody></table>"


def _cell(text: str, *, strong: bool) -> str:
    shown = escape(printable(text))
    return f"<b>{shown}</b>" if strong else shown


def _pyplot() -> Any:
    try:
        import matplotlib.pyplot as pyplot
    except ImportError:
        problem = Problem("plot", "needs matplotlib", installing("plot"))
        raise ModelError([problem]) from None
    return pyplot


def plot_report(report: ReportData, axes: Any = None) -> Any:
    """Draws a report; see `Report.plot`."""
    pyplot = _pyplot()
    if axes is not None:
        _bars(axes, report, [e.cycles for e in report.layers], "cycles a frame")
        return axes
    kinds = [kind for kind, number in report.area.items() if number]
    size = (4 + 2.5 * len(kinds), 1 + 0.3 * len(report.layers))
    figure, drawn = pyplot.subplots(1, 1 + len(kinds), sharey=True, squeeze=False, figsize=size)
    _bars(drawn[0][0], report, [e.cycles for e in report.layers], "cycles a frame")
    for place, kind in zip(drawn[0][1:], kinds, strict=True):
        _bars(place, report, [e.area.get(kind, 0) for e in report.layers], f"{kind}, estimated")
    figure.tight_layout()
    return figure


def _bars(axes: Any, report: ReportData, numbers: Sequence[int], title: str) -> None:
    # A dollar sign would begin a formula.
    names = [printable(e.name, 40).replace("$", r"\$") for e in report.layers]
    slow = [e.name in report.bottlenecks for e in report.layers]
    colours = [_SLOW if is_slow else _REST for is_slow in slow]
    places = range(len(names))
    axes.barh(places, numbers, color=colours)
    axes.set_yticks(places, names)
    if not axes.yaxis_inverted():
        axes.invert_yaxis()
    axes.set_xlabel(title)


@dataclass(frozen=True, repr=False)
class Report(ReportData):
    """What is known of a design before synthesis: data that shows itself; see `ReportData`."""

    def __repr__(self) -> str:
        return report_text(self)

    def _repr_html_(self) -> str:
        """Returns a table for notebooks."""
        return report_html(self)

    def plot(self, axes: Any = None) -> Any:
        """Draws the cycles of each process, and its resources where they are estimated.

        Args:
            axes: of matplotlib, to draw the cycles into; None for a figure with all.

        Returns:
            The axes, or the figure.

        Raises:
            ModelError: matplotlib is not installed.
        """
        return plot_report(self, axes)
