"""The parts of `report.html`, each made of what is known of a design."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element

from qcompiler.backends.layout import VIEW
from qcompiler.backends.report.found import KINDS, Data, Found
from qcompiler.backends.report.markup import Content, bar, el, table
from qcompiler.backends.report.notebook import host_words
from qcompiler.origin import Origin

_TIMES = "\N{MULTIPLICATION SIGN}"
_LONG = 36
_PER_FRAME = ("cycles a frame", "latency in cycles")


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _error(estimated: float, have: float) -> str:
    """Returns by how much an estimate is off, in percent of what was found."""
    if estimated == have:
        return "0 %"
    return f"{100 * (estimated - have) / have:+.1f} %" if have else "-"


def _name(layer: Data) -> Element:
    return el("span", layer["name"], class_="name", title=f"from {layer['source'] or 'no node'}")


def _node(layer: Data) -> Content:
    """Returns the node's name, its middle left out if it is long: ends tell nodes apart."""
    name: str = layer["source"]
    cut = name if len(name) <= _LONG else f"{name[: _LONG // 2]}…{name[-_LONG // 2 :]}"
    return el("span", cut, title=name)


def summary(found: Found) -> Element:
    """Returns the figures that come first."""
    told = found.performance
    mhz = told["clock_mhz"]
    tiles = [
        _tile("frames a second", f"{told['estimated_throughput_fps']:,.0f}", f"at {mhz:g} MHz"),
        _tile("cycles a frame", f"{found.cycles:,}", f"in {_slowest(found)}"),
        _tile(
            "latency",
            f"{told['critical_path_cycles']:,} cycles",
            f"{told['estimated_latency_ns'] / 1e3:,.1f} µs at {mhz:g} MHz",
        ),
    ]
    efficiency = told["mac_efficiency"]
    if efficiency is not None:
        tiles.append(_tile("use of multipliers", _percent(efficiency), "mean of convolutions"))
    tiles += [_checked(run) for run in (found.simulated, *found.netlists) if run is not None]
    tiles += [_clock(found, run) for run in found.syntheses if run.get("timing")]
    return el("section", tiles, class_="tiles", id="summary")


def host(found: Found) -> Content:
    """Returns what the host computes around the hardware."""
    told = [el("li", line) for line in host_words(found.performance.get("host", {}))]
    if not told:
        return el("p", "Nothing but quantizing, scaling and moving data.", class_="note")
    return el("ul", told)


def _slowest(found: Found) -> str:
    others = sum(layer["cycles"] == found.cycles for layer in found.layers) - 1
    return f"{found.bottleneck}, the slowest" + (f", and {others} others" if others else "")


def _tile(title: str, figure: str, note: str, kind: str = "") -> Element:
    parts = el("small", title), el("strong", figure), el("small", note, title=note)
    return el("div", parts, class_=f"tile {kind}".strip())


def _checked(run: Data) -> Element:
    wrong = sum(one["mismatches"] for one in run["runs"])
    frames = sum(one["frames"] for one in run["runs"])
    what = f"netlist for {run['netlist']}" if run["netlist"] else "the Verilog"
    title = f"{frames:,} frames of {what} in {run['simulator']}"
    return _tile("mismatches", f"{wrong:,}", title, "bad" if wrong else "good")


def _clock(found: Found, run: Data) -> Element:
    reached = run["timing"]["fmax_mhz"]
    fps = reached * 1e6 / found.cycles
    note = f"on {run['device']}: {fps:,.0f} frames/s; {run['mhz']:g} MHz aimed at"
    kind = "good" if reached >= run["mhz"] else "bad"
    return _tile("clock after routing", f"{reached:.1f} MHz", note, kind)


def measured(found: Found) -> Content:
    """Returns estimates beside measurements, and what bounds the folding."""
    rows = [*_simulated(found), *_synthesized(found)]
    if not found.syntheses:
        rows += _unsynthesized(found)
    choice = [
        (el("dt", title), el("dd", found.performance["folding_choice"][key]))
        for key, title in (
            ("bottleneck", "bottleneck"),
            ("up", "a step up"),
            ("down", "a step down"),
        )
        if key in found.performance["folding_choice"]
    ]
    missing = [
        words
        for absent, words in (
            (found.simulated is None, "qcc verify DIR measures cycles"),
            (not found.syntheses, "qcc synth DIR measures area, and with --place the clock"),
        )
        if absent
    ]
    columns = ("what", "of", "estimated#", "measured#", "estimate's error#", "device holds#")
    return (
        table(columns, rows),
        el("p", f"Not measured yet: {'; '.join(missing)}.", class_="note") if missing else None,
        el("dl", choice) if choice else None,
    )


def _simulated(found: Found) -> Iterator[Sequence[Content]]:
    told = found.performance
    predicted = told["max_cycles"], told["critical_path_cycles"]
    if found.simulated is None:
        for what, number in zip(_PER_FRAME, predicted, strict=True):
            yield what, "schedules", number, "", "", ""
        return
    run = found.simulated["runs"][0]  # back to back
    have = run["cycles_per_frame"], run["latency_cycles"]
    for what, number, figure in zip(_PER_FRAME, predicted, have, strict=True):
        if figure is not None:
            of = f"{found.simulated['simulator']}, {run['frames']} frames"
            yield what, of, number, f"{figure:,g}", _error(number, figure), ""


def _synthesized(found: Found) -> Iterator[Sequence[Content]]:
    for run in found.syntheses:
        for kind in KINDS:
            number, have, holds = run["estimate"][kind], run["total"][kind], run["capacity"][kind]
            if number or have or holds:
                share = f"{holds:,} ({_percent(have / holds)})" if holds else "none"
                yield kind, f"Yosys, {run['device']}", number, have, _error(number, have), share
        if run.get("timing"):
            clock = f"{run['timing']['fmax_mhz']:.1f}"
            yield (
                "clock in MHz",
                f"nextpnr, {run['device']}",
                f"{run['mhz']:g} aimed at",
                clock,
                "",
                "",
            )


def _unsynthesized(found: Found) -> Iterator[Sequence[Content]]:
    capacity: Mapping[str, int] = found.performance["capacity"]
    for kind, number in found.area.items():
        holds = capacity.get(kind)
        share = f"{holds:,} ({_percent(number / holds)} taken)" if holds else ""
        yield kind, found.performance["device"], number, "", "", share


def cycles(found: Found) -> Content:
    """Returns a bar for each process, those marked that are as slow as the slowest."""
    rows: list[Element] = []
    alone = sum(layer["cycles"] == found.cycles for layer in found.layers) == 1
    mark = ", the bottleneck" if alone else ", a bottleneck"
    for layer in found.layers:
        number, slowest = layer["cycles"], layer["cycles"] == found.cycles
        kind = "slowest" if slowest else layer["kind"]
        words = f"{number:,}" + (mark if slowest else "")
        parts = _name(layer), bar(number / found.cycles, kind), el("span", words, class_="figure")
        rows.append(el("div", parts, class_="line slow" if slowest else "line"))
    note = "A frame leaves every time the slowest process is done; the others wait for it."
    return el("p", note, class_="note"), el("div", rows, class_="bars")


def resources(found: Found) -> Content:
    """Returns what each layer takes: estimated, and as Yosys found it last."""
    run = found.syntheses[0] if found.syntheses else None
    have: Mapping[str, Any] = run["layers"] if run else {}
    guessed: Mapping[str, Any] = (
        run["estimates"] if run else {e["name"]: e["area"] for e in found.layers}
    )
    most = {
        kind: max((usage.get(kind, 0) for usage in (*guessed.values(), *have.values())), default=0)
        for kind in KINDS
    }
    kinds = [kind for kind in KINDS if most[kind]]
    if not kinds:
        return el("p", "This design has no hardware yet.", class_="note")
    named = {layer["name"]: layer for layer in found.layers}
    rows: list[Element] = []
    for name in dict.fromkeys((*guessed, *have)):
        cells = [_usage(kind, guessed.get(name), have.get(name), most[kind]) for kind in kinds]
        title = _name(named[name]) if name in named else el("span", name, class_="name")
        if any(usage.get(name) for usage in (guessed, have)):
            rows.append(el("div", title, cells, class_="line"))
    heads = el("div", el("span"), [el("b", kind) for kind in kinds], class_="line heads")
    rows.append(_sum(kinds, run["estimate"] if run else found.area, run["total"] if run else None))
    device = run["device"] if run else found.performance["device"]
    words = f"Bars are estimates for {device}"
    words += (
        "; the thin ones over them, and the second figure, are what Yosys found." if run else "."
    )
    grid = el("div", heads, rows, class_=f"bars of{len(kinds)}")
    return el("p", words, class_="note"), el("div", grid, class_="scroll")


def _sum(kinds: Sequence[str], guessed: Data, have: Data | None) -> Element:
    """Returns the last line: the whole design, of which the layers' bars are parts."""
    cells: list[Element] = []
    for kind in kinds:
        found = None if have is None else have.get(kind, 0)
        words = _figure(guessed.get(kind, 0), found)
        cells.append(el("span", words, class_="usage figure"))
    name = el("span", "in all, with what connects them", class_="name")
    return el("div", name, cells, class_="line total")


def _figure(guessed: int, have: int | None) -> str:
    return f"{guessed:,}" if have is None else f"{guessed:,} | {have:,}"


def _usage(kind: str, guessed: Data | None, have: Data | None, most: int) -> Element:
    number = (guessed or {}).get(kind, 0)
    figure = None if have is None else have.get(kind, 0)
    if not number and not figure:
        return el("span")
    words = _figure(number, figure)
    drawn = bar(number / most, kind, None if figure is None else figure / most)
    return el("span", drawn, el("span", words, class_="figure"), class_="usage")


def products(found: Found) -> Content:
    """Returns how well each layer's multipliers are used, and where the rest goes."""
    rows: list[Sequence[Content]] = []
    for layer in found.layers:
        told = layer["products"]
        if not told:
            continue
        share, useful = told["efficiency"], told["useful"]
        fewer = told["fewer"]
        why = "-" if fewer is None else f"{fewer['multipliers']:,} would take {fewer['cycles']:,}"
        rows.append(
            (
                _name(layer),
                el("td", bar(share, "slowest" if share > 1 else "mvau", useful), class_="drawn"),
                _percent(share),
                _percent(share - useful),
                _percent(1 - share),
                told["macs"],
                told["multipliers"],
                layer["cycles"],
                why,
            )
        )
    if not rows:
        return el("p", "No layer multiplies by weights.", class_="note")
    note = (
        f"Products of a frame over multipliers {_TIMES} {found.cycles:,} cycles. The thin bar "
        "leaves out products with the padding of images. The rest is waiting for the slowest "
        "process: the last column says what the next smaller folding would take."
    )
    columns = (
        "layer", "used", "share#", "on padding#", "waits#", "products#", "multipliers#",
        "cycles#", "fewer multipliers#",
    )  # fmt: skip
    return el("p", note, class_="note"), table(columns, rows, _all_products(found))


def _all_products(found: Found) -> Sequence[Content]:
    """Returns the last row: all products of a frame over what all multipliers could do."""
    told = [layer["products"] for layer in found.layers if layer["products"]]
    macs, count = sum(p["macs"] for p in told), sum(p["multipliers"] for p in told)
    share = macs / (count * found.cycles)
    return "all", "", _percent(share), "", _percent(1 - share), macs, count, found.cycles, ""


def widths(found: Found) -> Content:
    """Returns the bits of an element along the network."""
    most = max((layer["element"]["bits"] for layer in found.layers), default=1)
    rows: list[Element] = []
    for layer in found.layers:
        element = layer["element"]
        wires = element["bits"] * element["lanes"]
        words = f"{element['bits']} bits in [{element['lo']:,}, {element['hi']:,}]"
        beat = f"{wires:,} bits a beat" if element["lanes"] > 1 else ""
        parts = (
            _name(layer),
            bar(element["bits"] / most, layer["kind"]),
            el("span", words, class_="figure"),
            el("span", beat, class_="figure dim"),
        )
        rows.append(el("div", parts, class_="line"))
    note = "What each process makes: proven range of an element, and how many bits it takes."
    return el("p", note, class_="note"), el("div", rows, class_="bars two")


def fifos(found: Found) -> Content:
    """Returns the FIFOs with what they stand between."""
    readers: dict[str, str] = {}
    for layer in found.layers:
        readers.update(dict.fromkeys(layer["reads"], layer["name"]))
    chosen = [layer for layer in found.layers if layer["kind"] == "fifo"]
    if not chosen:
        return el("p", "No channel needs one: nothing waits for another branch.", class_="note")
    sizes = {
        layer["name"]: layer["detail"]["depth"]
        * layer["element"]["bits"]
        * layer["element"]["lanes"]
        for layer in chosen
    }
    most = max(sizes.values())
    rows = [
        (
            _name(layer),
            layer["reads"][0],
            readers.get(layer["name"], "m_axis"),
            layer["detail"]["depth"],
            layer["element"]["bits"] * layer["element"]["lanes"],
            sizes[layer["name"]],
            el("td", bar(sizes[layer["name"]] / most, "fifo"), class_="drawn"),
        )
        for layer in chosen
    ]
    note = "Depths hold what waits in a schedule of full speed."
    total = "all", "", "", "", "", sum(sizes.values()), ""
    columns = ("FIFO", "from", "to", "depth#", "bits a word#", "bits#", "")
    return el("p", note, class_="note"), table(columns, rows, total)


def layers(found: Found) -> Content:
    """Returns the table of all processes."""
    rows = [
        (
            _name(layer),
            _node(layer),
            layer["input"],
            layer["output"],
            ", ".join(f"{key} {value}" for key, value in layer["detail"].items()),
            layer["cycles"],
            *(layer["area"].get(kind, "") for kind in KINDS),
        )
        for layer in found.layers
    ]
    columns = ("process", "node", "input", "output", "detail", "cycles#")
    total = "all, with what connects them", "", "", "", "", found.cycles
    areas = (found.area.get(kind, "") for kind in KINDS)
    return table((*columns, *(f"{kind}#" for kind in KINDS)), rows, (*total, *areas))


def origin(found: Found) -> Content:
    """Returns what the design was made of and with, and where more of it is."""
    made = Origin.read(found.design.get("origin"))
    facts: list[tuple[str, Content]] = []
    if made is not None:
        facts += [("model", made.file), ("its SHA-256", el("code", made.sha256))]
        facts.append(("command", el("code", made.command)))
    facts.append(("compiler", f"qcompiler {found.design['version']}"))
    inside = el("a", VIEW, href=VIEW) if found.viewed else "not written yet: qcc view DIR does"
    facts.append(("IR at every step", inside))
    return el("dl", [(el("dt", title), el("dd", what)) for title, what in facts])
