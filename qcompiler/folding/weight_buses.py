"""What brings weights to a network from outside: a reader, a writer, and their ports."""

from collections.abc import Sequence

from qcompiler.analysis.network import Network
from qcompiler.dialects import stream
from qcompiler.folding.states import frames_under_way
from qcompiler.rtl.blocks.top import WeightBus
from qcompiler.rtl.blocks.weight_reader import (
    ADDRESS_BITS,
    BASE,
    FAULT,
    MASTER,
    build_reader,
    master_ports,
)
from qcompiler.rtl.blocks.weight_source import BUS, SWAP
from qcompiler.rtl.blocks.weight_writer import PORT, build_writer
from qcompiler.rtl.streaming import Library

_BUS_WIRES = (
    (f"{BUS}_data", False, "data"),
    (f"{BUS}_valid", False, "valid"),
    (f"{BUS}_ready", True, "ready"),
)
_SWAP_WIRES = (
    (f"{SWAP}_data", False, "swap_data"),
    (f"{SWAP}_valid", False, "swap_valid"),
    (f"{SWAP}_ready", True, "swap_ready"),
)
_HELD = 2
"""Frames whose numbers wait beside those under way: a source begins before its unit does."""


def weight_buses(library: Library, top: str, network: Network) -> list[WeightBus]:
    """Returns what brings the weights of a network from outside; their modules go to the library.

    Args:
        library: of the modules so far.
        top: name of the design.
        network: with all its sources.
    """
    sources = network.sources
    read = [(name, source) for name, source in sources if not source.is_writable]
    written = [(name, source) for name, source in sources if source.is_writable]
    buses: list[WeightBus] = []
    if read:
        buses.append(_reader(library, top, read))
    if written:
        frames = frames_under_way(network) + _HELD
        swap = f"s_axis_{len(network.port_channels[0]) - 1}"
        buses.append(_writer(library, top, written, frames, swap))
    return buses


_Sources = Sequence[tuple[str, stream.WeightSourceOp]]


def _reader(library: Library, top: str, sources: _Sources) -> WeightBus:
    bus = sources[0][1].bus_bits
    module = build_reader(library, top, [source.bus_beats for _, source in sources], bus)
    ports = {BASE: (BASE, "in", ADDRESS_BITS), FAULT: (FAULT, "out", 1)}
    for wire, (direction, width) in master_ports(bus).items():
        ports[f"{MASTER}_{wire}"] = f"{MASTER}_{wire}", direction, width
    return WeightBus(module, "weight_reader", ports, [name for name, _ in sources], _BUS_WIRES)


def _writer(library: Library, top: str, sources: _Sources, frames: int, swap: str) -> WeightBus:
    bus = sources[0][1].bus_bits
    beats = [source.bus_beats for _, source in sources]
    module = build_writer(library, top, beats, bus, frames)
    ports = {
        "in_data": (f"{PORT}_tdata", "in", bus),
        "in_valid": (f"{PORT}_tvalid", "in", 1),
        "in_ready": (f"{PORT}_tready", "out", 1),
        "swap_data": (f"{swap}_tdata", "in", 8),
        "swap_valid": (f"{swap}_tvalid", "in", 1),
        "swap_ready": (f"{swap}_tready", "out", 1),
    }
    wires = (*_BUS_WIRES, *_SWAP_WIRES)
    unused = (f"{PORT}_tlast", f"{swap}_tlast")
    return WeightBus(module, "weight_writer", ports, [n for n, _ in sources], wires, unused)
