"""Prints a module of hw, comb, seq and rtl as plain Verilog-2005."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from xdsl.dialects import hw
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from qcompiler.backends.verilog.layout import runs_of_lines
from qcompiler.backends.verilog.legalize import check, extern_name
from qcompiler.backends.verilog.memories import hex_words
from qcompiler.backends.verilog.module import Interface, ModuleEmitter
from qcompiler.backends.verilog.names import Namer
from qcompiler.dialects import rtl

INLINE_MEMORY_BITS = 1024
"""Memories up to this size are initialised in the Verilog itself."""


class VerilogDesign(Struct, frozen=True):
    """What `emit_verilog` made.

    Attributes:
        files: text by file name: one `<module>.v` per `hw.module`, in the order of the IR, and
            the `.mem` files that they load (simulators look for those in the working directory).
        interfaces: Verilog names of modules and ports, by the module's name in the IR.
        origins: per `.v` file, runs of lines printed for one operation: first and last line
            (counted from 1), operation.
    """

    files: Mapping[str, str]
    interfaces: Mapping[str, Interface]
    origins: Mapping[str, Sequence[tuple[int, int, Operation]]]

    def verilog(self) -> str:
        """Returns all `.v` files as one text."""
        return "\n".join(text for name, text in self.files.items() if name.endswith(".v"))


def emit_verilog(
    module: ModuleOp, inline_memory_bits: int | None = INLINE_MEMORY_BITS
) -> VerilogDesign:
    """Returns the Verilog of every `hw.module` in `module`; the IR is left as it is.

    Args:
        module: verified IR.
        inline_memory_bits: larger memories go to `.mem` files; None keeps all in the Verilog.

    Raises:
        ValueError: something has no Verilog; all such things are listed.
    """
    check(module)
    interfaces = _interfaces(module)
    files: dict[str, str] = {}
    origins: dict[str, Sequence[tuple[int, int, Operation]]] = {}
    memory_files: dict[str, str] = {}
    file_names = Namer()

    def add_memory_file(stem: str, rom: rtl.RomOp) -> str | None:
        bits = rom.depth_words * rom.lanes * rom.lane_width.value.data
        if inline_memory_bits is None or bits <= inline_memory_bits:
            return None
        name = f"{file_names.unique(stem)}.mem"
        memory_files[name] = hex_words(rom.lane_values(), rom.lane_width.value.data)
        return name

    for op in module.body.block.ops:
        if isinstance(op, hw.HWModuleOp):
            name = interfaces[op.sym_name.data].name
            lines = ModuleEmitter(op, interfaces, add_memory_file).lines()
            files[f"{name}.v"] = "\n".join(lines) + "\n"
            origins[f"{name}.v"] = runs_of_lines(lines)
    return VerilogDesign({**files, **memory_files}, interfaces, origins)


def _interfaces(module: ModuleOp) -> dict[str, Interface]:
    """Names modules and ports; names of external modules are theirs and come first."""
    namer = Namer()
    interfaces: dict[str, Interface] = {}
    for op in module.body.block.ops:
        if isinstance(op, hw.HWModuleExternOp):
            ports = {port.port_name.data: port.port_name.data for port in op.module_type.ports}
            interfaces[op.sym_name.data] = Interface(namer.unique(extern_name(op)), ports)
    for op in module.body.block.ops:
        if isinstance(op, hw.HWModuleOp):
            port_namer = Namer()
            names = (port.port_name.data for port in op.module_type.ports)
            ports = {name: port_namer.unique(name) for name in names}
            interfaces[op.sym_name.data] = Interface(namer.unique(op.sym_name.data), ports)
    return interfaces
