"""Modules of processes, and the registers that a clock asks for in them."""

from collections.abc import Mapping

from xdsl.dialects import hw
from xdsl.dialects.builtin import StringAttr

from qcompiler.devices.delays import DelayModel
from qcompiler.dialects import rtl, stream
from qcompiler.rtl import blocks
from qcompiler.rtl.hardware import Place, builders, heading, placements, rules
from qcompiler.rtl.streaming import Library

blocks.load()


def is_known(process: stream.Process) -> bool:
    """Whether `build_process` knows what the process becomes."""
    return type(process) in builders


def build_process(
    library: Library,
    top: str,
    name: str,
    process: stream.Process,
    nodes: Mapping[str, str] | None = None,
) -> hw.HWModuleOp:
    """Returns the module of a process, and adds it and those that it needs to the library.

    It and those made for it alone know its source nodes.

    Args:
        library: of the modules so far.
        top: name of the design, the prefix of shared modules.
        name: of the module to build.
        process: which `is_known`.
        nodes: ONNX operation of the model's nodes by name, for the heads of modules.
    """
    place = Place(library, top, name, heading(process, nodes or {}))
    shared = set(library.modules)
    module = library.add(builders[type(process)](place, process))
    for module_name, made in library.modules.items():
        if module_name not in shared and module_name.startswith(name):
            made.location = process.location
            if process.ram_style is not None:
                _keep_in(made, process.ram_style)
    return module


def _keep_in(module: hw.HWModuleOp, style: str) -> None:
    """Asks for a kind of memory where a block has left it open."""
    for op in module.walk():
        if isinstance(op, rtl.RomOp | rtl.RamOp) and op.ram_style.data == "auto":
            op.ram_style = StringAttr(style)


def registers_of(model: DelayModel, process: stream.Process) -> dict[str, int]:
    """Returns how many registers stand at each cut; processes without cuts have none."""
    rule = rules.get(type(process))
    return {} if rule is None else rule(model, process)


def place_registers(model: DelayModel, process: stream.Process) -> None:
    """Gives a process the pipeline registers that the model's clock asks for."""
    process.registers = registers_of(model, process)
    place = placements.get(type(process))
    if place is not None:
        place(model, process)
