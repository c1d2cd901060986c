"""An IP core by IEEE 1685-2009 (IP-XACT), the version that Vivado's catalogue reads.

Bus definitions are AMD's names of ARM's busses (`xilinx.com:interface:axis`, `aximm`). What is in
the vendor's extensions is what its catalogue wants to know: families and where the core is shown.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterable

from qcompiler.backends.package.constraints import write_constraints
from qcompiler.backends.package.contents import Contents
from qcompiler.backends.package.vivado import write_block_design
from qcompiler.rtl import status
from qcompiler.rtl.blocks.weight_reader import ADDRESS_BITS, BURST_BEATS, MASTER, OUTSTANDING
from qcompiler.rtl.shell import CONTROL, Interface

SPIRIT = "http://www.spiritconsortium.org/XMLSchema/SPIRIT/1685-2009"
XILINX = "http://www.xilinx.com"
FAMILIES = (
    *("artix7", "kintex7", "spartan7", "virtex7", "zynq"),
    *("kintexu", "virtexu", "artixuplus", "kintexuplus", "virtexuplus", "virtexuplusHBM"),
    *("zynquplus", "versal"),
)
_FILES = "sources"
_RENAMED = {"aximm": "aximm_rtl", "axis": "axis_rtl", "clock": "clock_rtl", "reset": "reset_rtl"}


def write_ip(contents: Contents) -> str:
    """Writes `component.xml` and what is beside it; returns its name."""
    ET.register_namespace("spirit", SPIRIT)
    ET.register_namespace("xilinx", XILINX)
    constraints = write_constraints(contents)
    write_block_design(contents)
    root = _component(contents, constraints["xdc"])
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    return contents.write("component.xml", f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n')


def _add(parent: ET.Element, name: str, text: object = None) -> ET.Element:
    made = ET.SubElement(parent, f"{{{SPIRIT}}}{name}")
    if text is not None:
        made.text = str(text)
    return made


def _vlnv(parent: ET.Element, contents: Contents) -> None:
    words = contents.vlnv.split(":")
    for name, word in zip(("vendor", "library", "name", "version"), words, strict=True):
        _add(parent, name, word)


def _component(contents: Contents, clock: str) -> ET.Element:
    root = ET.Element(f"{{{SPIRIT}}}component")
    _vlnv(root, contents)
    busses = _add(root, "busInterfaces")
    for interface in contents.shell.interfaces:
        _bus(busses, interface, contents)
    _reset(busses)
    _clock(busses, contents)
    if contents.shell.has(MASTER):
        _address_space(root)
    if contents.shell.has(CONTROL):
        _memory_map(root, contents)
    _model(root, contents)
    _files(root, contents, clock)
    _add(root, "description", contents.description)
    parameter = _add(_add(root, "parameters"), "parameter")
    _add(parameter, "name", "Component_Name")
    value = _add(parameter, "value", f"{contents.design}_0")
    value.set(f"{{{SPIRIT}}}resolve", "user")
    value.set(f"{{{SPIRIT}}}id", "PARAM_VALUE.Component_Name")
    _extensions(root, contents)
    return root


def _bus_of(parent: ET.Element, name: str, library: str, kind: str) -> ET.Element:
    bus = _add(parent, "busInterface")
    _add(bus, "name", name)
    for element, word in (("busType", kind), ("abstractionType", _RENAMED[kind])):
        made = _add(bus, element)
        words = {"vendor": "xilinx.com", "library": library, "name": word, "version": "1.0"}
        for key, value in words.items():
            made.set(f"{{{SPIRIT}}}{key}", value)
    return bus


def _maps(bus: ET.Element, wires: Iterable[tuple[str, str]]) -> None:
    maps = _add(bus, "portMaps")
    for logical, physical in wires:
        one = _add(maps, "portMap")
        _add(_add(one, "logicalPort"), "name", logical)
        _add(_add(one, "physicalPort"), "name", physical)


def _parameters(bus: ET.Element, owner: str, given: dict[str, object]) -> None:
    parameters = _add(bus, "parameters")
    for name, value in given.items():
        one = _add(parameters, "parameter")
        _add(one, "name", name)
        made = _add(one, "value", value)
        made.set(f"{{{SPIRIT}}}id", f"BUSIFPARAM_VALUE.{owner.upper()}.{name}")


def _bus(busses: ET.Element, interface: Interface, contents: Contents) -> None:
    bus = _bus_of(busses, interface.name, "interface", interface.kind)
    side = _add(bus, "slave" if interface.is_slave else "master")
    if interface.kind == "aximm":
        seen = "memoryMapRef" if interface.is_slave else "addressSpaceRef"
        _add(side, seen).set(f"{{{SPIRIT}}}{seen}", interface.name)
    wires = [(w, bits) for w, bits, _ in contents.shell.wires()]
    named = [(interface.logical(wire), wire, bits) for wire, bits in wires]
    _maps(bus, [(logical, wire) for logical, wire, _ in named if logical is not None])
    if interface.kind == "axis":
        width = next(bits for logical, _, bits in named if logical == "TDATA")
        has = {f"HAS_{name}": int(any(n == name for n, _, _ in named)) for name in _OPTIONAL}
        _parameters(bus, interface.name, {"TDATA_NUM_BYTES": width // 8, **has})
    elif not interface.is_slave:
        width = next(bits for logical, _, bits in named if logical == "RDATA")
        _parameters(bus, interface.name, {"DATA_WIDTH": width, **_READS})


_OPTIONAL = ("TREADY", "TLAST")
_READS = {
    "ADDR_WIDTH": ADDRESS_BITS,
    "PROTOCOL": "AXI4",
    "READ_WRITE_MODE": "READ_ONLY",
    "MAX_BURST_LENGTH": BURST_BEATS,
    "NUM_READ_OUTSTANDING": OUTSTANDING,
}
"""What Vivado wants to know of a master that reads."""


def _reset(busses: ET.Element) -> None:
    bus = _bus_of(busses, "ap_rst_n", "signal", "reset")
    _add(bus, "slave")
    _maps(bus, [("RST", "ap_rst_n")])
    _parameters(bus, "ap_rst_n", {"POLARITY": "ACTIVE_LOW"})


def _clock(busses: ET.Element, contents: Contents) -> None:
    bus = _bus_of(busses, "ap_clk", "signal", "clock")
    _add(bus, "slave")
    _maps(bus, [("CLK", "ap_clk")])
    driven = ":".join(interface.name for interface in contents.shell.interfaces)
    _parameters(bus, "ap_clk", {"ASSOCIATED_BUSIF": driven, "ASSOCIATED_RESET": "ap_rst_n"})


def _address_space(root: ET.Element) -> None:
    space = _add(_add(root, "addressSpaces"), "addressSpace")
    _add(space, "name", MASTER)
    _add(space, "range", 1 << ADDRESS_BITS)
    _add(space, "width", ADDRESS_BITS)


def _memory_map(root: ET.Element, contents: Contents) -> None:
    ports = [one.name for one in contents.shell.interfaces if one.kind == "axis"]
    table = status.registers(ports, reads_weights=contents.shell.has(MASTER))
    memory = _add(_add(root, "memoryMaps"), "memoryMap")
    _add(memory, "name", CONTROL)
    block = _add(memory, "addressBlock")
    _add(block, "name", "registers")
    _add(block, "baseAddress", 0)
    # Vivado gives no less than 4 KiB to a slave.
    _add(block, "range", 4096)
    _add(block, "width", status.DATA_BITS)
    _add(block, "usage", "register")
    for name, offset in table.items():
        register = _add(block, "register")
        _add(register, "name", name)
        _add(register, "addressOffset", f"0x{offset:X}")
        _add(register, "size", status.DATA_BITS)
        _add(register, "access", "read-write" if name in status.WRITABLE else "read-only")


def _model(root: ET.Element, contents: Contents) -> None:
    model = _add(root, "model")
    views = _add(model, "views")
    for name, tool in (("synthesis", "synthesis"), ("simulation", "simulation")):
        view = _add(views, "view")
        _add(view, "name", f"xilinx_anylanguage{name}")
        _add(view, "displayName", name.capitalize())
        _add(view, "envIdentifier", f":vivado.xilinx.com:{tool}")
        _add(view, "language", "Verilog")
        _add(view, "modelName", contents.top)
        _add(_add(view, "fileSetRef"), "localName", _FILES)
    ports = _add(model, "ports")
    for wire, bits, is_input in contents.shell.wires():
        port = _add(ports, "port")
        _add(port, "name", wire)
        kind = _add(port, "wire")
        _add(kind, "direction", "in" if is_input else "out")
        if bits > 1:
            vector = _add(kind, "vector")
            _add(vector, "left", bits - 1)
            _add(vector, "right", 0)


def _files(root: ET.Element, contents: Contents, clock: str) -> None:
    files = _add(_add(root, "fileSets"), "fileSet")
    _add(files, "name", _FILES)
    kinds: list[tuple[str, tuple[str, ...], str]] = [
        *((name, ("mem",), "userFileType") for name in contents.memories),
        (clock, ("xdc", "USED_IN_out_of_context", "USED_IN_synthesis"), "userFileType"),
        *((name, ("verilogSource",), "fileType") for name in contents.sources),
    ]
    for name, words, element in kinds:
        file = _add(files, "file")
        _add(file, "name", name)
        for word in words:
            _add(file, element, word)


def _extensions(root: ET.Element, contents: Contents) -> None:
    extensions = ET.SubElement(_add(root, "vendorExtensions"), f"{{{XILINX}}}coreExtensions")
    families = ET.SubElement(extensions, f"{{{XILINX}}}supportedFamilies")
    for name in FAMILIES:
        family = ET.SubElement(families, f"{{{XILINX}}}family")
        family.set(f"{{{XILINX}}}lifeCycle", "Production")
        family.text = name
    taxonomies = ET.SubElement(extensions, f"{{{XILINX}}}taxonomies")
    ET.SubElement(taxonomies, f"{{{XILINX}}}taxonomy").text = "/UserIP"
    ET.SubElement(extensions, f"{{{XILINX}}}displayName").text = contents.design
    ET.SubElement(extensions, f"{{{XILINX}}}coreRevision").text = "1"
