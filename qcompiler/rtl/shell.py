"""The module around a design that others instantiate: its ports, known to tools of block designs.

Without the status block it is wires only. With it, a reset over AXI4-Lite holds the design, and
the handshakes of all ports meanwhile: no beat is taken that would be lost. Where the design reads
weights, a register says where they are, and a reset waits for the bursts that are under way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from xdsl.dialects import hw, seq
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, IntegerType, ModuleOp, StringAttr
from xdsl.ir import Attribute, TypeAttribute
from xdsl.utils.hints import isa

from qcompiler.rtl import status, weight_gate
from qcompiler.rtl.blocks.weight_reader import ADDRESS_BITS, BASE, FAULT, MASTER, master_ports
from qcompiler.rtl.builder import Instance, ModuleBuilder, Signal

CONTROL = "s_axi_ctrl"
"""The AXI4-Lite interface."""


@dataclass(frozen=True)
class ShellPort:
    """A stream port of the design.

    Attributes:
        name: such as `s_axis_0`.
        is_input: whether beats enter here.
        width_bits: of TDATA, whole bytes.
        beats: of a frame.
        handshake: whether there are TREADY and TLAST.
    """

    name: str
    is_input: bool
    width_bits: int
    beats: int
    handshake: bool

    def wires(self) -> list[tuple[str, int, bool]]:
        """Returns the wires: name behind that of the port, width, whether the design reads it."""
        wires = [("tdata", self.width_bits, self.is_input), ("tvalid", 1, self.is_input)]
        if self.handshake:
            wires += [("tready", 1, not self.is_input), ("tlast", 1, self.is_input)]
        return wires


@dataclass(frozen=True)
class Interface:
    """Ports of the shell that belong together.

    Attributes:
        name: which begins the names of its ports.
        kind: of the bus, as tools of AMD call it: `axis` is AXI4-Stream, `aximm` memory mapped.
        is_slave: whether it answers, or takes beats; what is not asks a memory, or gives them.
    """

    name: str
    kind: Literal["axis", "aximm"]
    is_slave: bool

    def logical(self, wire: str) -> str | None:
        """Returns what a port is called on the bus; None if it is not of this interface."""
        head, _, tail = wire.rpartition("_")
        return tail.upper() if head == self.name else None


@dataclass(frozen=True)
class Shell:
    """What `build_shell` makes.

    Attributes:
        module: all modules that are new, and the design as one that stands elsewhere.
        top: the shell itself.
        interfaces: of the shell, but for clock and reset.
    """

    module: ModuleOp
    top: hw.HWModuleOp
    interfaces: tuple[Interface, ...]

    def has(self, name: str) -> bool:
        """Whether it has an interface that is called so."""
        return any(interface.name == name for interface in self.interfaces)

    def wires(self) -> list[tuple[str, int, bool]]:
        """Returns the ports of the shell: name, width, whether it is an input."""
        return [
            (p.port_name.data, _width(p.type), p.dir.data.is_input_like())
            for p in self.top.module_type.ports.data
        ]


def _width(kind: Attribute) -> int:
    return kind.width.data if isa(kind, IntegerType) else 1


def _interfaces(
    ports: Sequence[ShellPort], with_status: bool, bus_bits: int | None
) -> list[Interface]:
    control = [Interface(CONTROL, "aximm", True)] if with_status else []
    memory = [] if bus_bits is None else [Interface(MASTER, "aximm", False)]
    return [*(Interface(port.name, "axis", port.is_input) for port in ports), *memory, *control]


def _said_of(shell: hw.HWModuleOp, interfaces: Sequence[Interface]) -> dict[str, str]:
    """Returns the attributes by which block designs of Vivado find the interfaces of a module."""
    busses = ":".join(interface.name for interface in interfaces)
    said = {
        "ap_clk": 'X_INTERFACE_INFO = "xilinx.com:signal:clock:1.0 ap_clk CLK", '
        f'X_INTERFACE_PARAMETER = "ASSOCIATED_BUSIF {busses}, ASSOCIATED_RESET ap_rst_n"',
        "ap_rst_n": 'X_INTERFACE_INFO = "xilinx.com:signal:reset:1.0 ap_rst_n RST", '
        'X_INTERFACE_PARAMETER = "POLARITY ACTIVE_LOW"',
    }
    for port in shell.module_type.ports.data:
        wire = port.port_name.data
        for interface in interfaces:
            if (logical := interface.logical(wire)) is not None:
                bus = f"xilinx.com:interface:{interface.kind}:1.0 {interface.name}"
                said[wire] = f'X_INTERFACE_INFO = "{bus} {logical}"'
    return said


def build_shell(
    top: str,
    name: str,
    ports: Sequence[ShellPort],
    *,
    with_status: bool = False,
    bus_bits: int | None = None,
) -> Shell:
    """Returns the shell `name` of the design `top`; new modules have names that begin with it.

    Args:
        top: name of the design's module.
        name: of the shell.
        ports: streams of the design.
        with_status: whether there are registers over AXI4-Lite.
        bus_bits: data of the bus over which the design reads weights; None if it reads none.
    """
    design = _design(top, ports, bus_bits)
    b = ModuleBuilder(name, [f"{top} as an IP core: the same ports{_said(with_status)}."])
    inner = b.instance("design", design)
    made: list[hw.HWModuleOp] = []
    if with_status:
        made = _connect_status(b, name, inner, ports, bus_bits)
    else:
        _connect(b, inner, ports, None)
        _lead_through(b, inner, _memory_wires(bus_bits))
    shell = b.build()
    interfaces = _interfaces(ports, with_status, bus_bits)
    said = DictionaryAttr({wire: StringAttr(s) for wire, s in _said_of(shell, interfaces).items()})
    shell.attributes["rtl.port_attributes"] = said
    return Shell(ModuleOp([design, *made, shell]), shell, tuple(interfaces))


def _memory_wires(bus_bits: int | None) -> list[tuple[str, int, bool]]:
    """Returns the wires by which weights are read: name, width, whether the design reads them."""
    if bus_bits is None:
        return []
    wires = [(f"{MASTER}_{w}", n, way == "in") for w, (way, n) in master_ports(bus_bits).items()]
    return [*wires, (BASE, ADDRESS_BITS, True), (FAULT, 1, False)]


def _said(with_status: bool) -> str:
    return ", and status registers over AXI4-Lite" if with_status else ""


def _design(top: str, ports: Sequence[ShellPort], bus_bits: int | None) -> hw.HWModuleExternOp:
    """Returns the design as a module whose Verilog is elsewhere."""
    directions = {True: hw.Direction.INPUT, False: hw.Direction.OUTPUT}
    wires: list[tuple[str, TypeAttribute, bool]] = [("ap_clk", seq.clock, True)]
    wires.append(("ap_rst_n", IntegerType(1), True))
    for port in ports:
        wires += [(f"{port.name}_{w}", IntegerType(bits), r) for w, bits, r in port.wires()]
    wires += [(wire, IntegerType(bits), reads) for wire, bits, reads in _memory_wires(bus_bits)]
    types = [
        hw.ModulePort(StringAttr(wire), kind, hw.DirectionAttr(directions[reads]))
        for wire, kind, reads in wires
    ]
    return hw.HWModuleExternOp(StringAttr(top), hw.ModuleType(ArrayAttr(types)))


def _connect(
    b: ModuleBuilder, inner: Instance, ports: Sequence[ShellPort], running: Signal | None
) -> dict[str, tuple[Signal, Signal]]:
    """Leads all ports through; returns valid and ready of each, as the design sees them."""

    def gated(signal: Signal) -> Signal:
        return signal if running is None else signal & running

    seen: dict[str, tuple[Signal, Signal]] = {}
    for port in ports:
        handshake: dict[str, Signal] = {}
        for wire, bits, reads in port.wires():
            full = f"{port.name}_{wire}"
            signal = b.input(full, bits) if reads else inner.output(b, full)
            if wire in ("tvalid", "tready"):
                signal = handshake[wire] = gated(signal)
            if reads:
                inner.connect(full, signal)
            else:
                b.output(full, signal)
        seen[port.name] = (handshake["tvalid"], handshake.get("tready", b.constant(1, 1)))
    return seen


def _lead_through(
    b: ModuleBuilder, inner: Instance, wires: Sequence[tuple[str, int, bool]]
) -> None:
    """Makes wires of a module inside ports: name, width, whether the module reads them."""
    for wire, bits, reads in wires:
        if reads:
            inner.connect(wire, b.input(wire, bits))
        else:
            b.output(wire, inner.output(b, wire))


def _connect_status(
    b: ModuleBuilder,
    name: str,
    inner: Instance,
    ports: Sequence[ShellPort],
    bus_bits: int | None,
) -> list[hw.HWModuleOp]:
    """Adds registers, a monitor for each port and a gate to the memory; returns the modules."""
    inputs = sum(port.is_input for port in ports)
    reads_weights = bus_bits is not None
    registers = status.build_registers(
        f"{name}_registers", inputs, len(ports) - inputs, reads_weights=reads_weights
    )
    bus = b.instance("registers", registers)
    wires = [
        (port.port_name.data, _width(port.type), port.dir.data.is_input_like())
        for port in registers.module_type.ports.data
    ]
    _lead_through(b, bus, [wire for wire in wires if wire[0].startswith(CONTROL)])
    running = bus.output(b, "design_rst_n")
    inner.connect("ap_rst_n", running)
    gates: list[hw.HWModuleOp] = []
    if bus_bits is not None:
        gates = [_connect_memory(b, name, inner, bus, bus_bits)]
    seen = _connect(b, inner, ports, running)
    monitors: dict[int, hw.HWModuleOp] = {}
    for index, port in enumerate(ports):
        if port.beats not in monitors:
            module = status.build_monitor(f"{name}_monitor_{port.beats}", port.beats)
            monitors[port.beats] = module
        valid, ready = seen[port.name]
        monitor = b.instance(f"{port.name}_monitor", monitors[port.beats], valid=valid, ready=ready)
        monitor.connect("ap_rst_n", running)
        for count in status.COUNTS:
            bus.connect(f"port{index}_{count}", monitor.output(b, count))
    return [registers, *gates, *monitors.values()]


def _connect_memory(
    b: ModuleBuilder, name: str, inner: Instance, bus: Instance, bus_bits: int
) -> hw.HWModuleOp:
    """Leads the reads of weights through a gate, which it returns, at the address in registers."""
    module = weight_gate.build_gate(f"{name}_weight_gate", bus_bits)
    gate = b.instance("weight_gate", module, running=bus.output(b, "design_rst_n"))
    for wire, (direction, bits) in master_ports(bus_bits).items():
        full, behind = f"{MASTER}_{wire}", f"{weight_gate.DESIGN}_{wire}"
        if wire not in weight_gate.GATED:
            b.output(full, inner.output(b, full))
        elif direction == "out":
            gate.connect(behind, inner.output(b, full))
            b.output(full, gate.output(b, full))
        else:
            gate.connect(full, b.input(full, bits))
            inner.connect(full, gate.output(b, behind))
    inner.connect(BASE, bus.output(b, "weights_base"))
    bus.connect("weights_fault", inner.output(b, FAULT))
    bus.connect("weights_pending", gate.output(b, "pending"))
    return module
