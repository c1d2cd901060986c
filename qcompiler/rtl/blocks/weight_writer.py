"""Hands weights that the host writes to the units, one set after the other.

    weights --> one unit after the other --> bus of each source
    swap -----> a FIFO for each source, a number for each frame

A set is the weights of all units, in their order, each from a new beat on.
"""

from collections.abc import Sequence

from xdsl.dialects import hw

from qcompiler.rtl.blocks.fifo import build_fifo
from qcompiler.rtl.builder import Instance, ModuleBuilder, Signal
from qcompiler.rtl.streaming import Library

PORT = "s_axis_weights"


def build_writer(
    library: Library, prefix: str, beats: Sequence[int], bus_bits: int, frames: int
) -> hw.HWModuleOp:
    """Returns the module between the ports that the host writes to, and the sources.

    Args:
        library: of the modules so far.
        prefix: name of the design.
        beats: of the bus, per unit.
        bus_bits: data of a beat.
        frames: most frames that may be under way: so many numbers are kept for each unit.
    """
    name = f"{prefix}_weight_writer"
    b = ModuleBuilder(
        name, [f"Takes sets of weights for {len(beats)} units, {sum(beats)} beats each."]
    )
    data, valid = b.input("in_data", bus_bits), b.input("in_valid", 1)
    # One bit of a byte: TDATA comes in bytes.
    swap, swap_valid = b.input("swap_data", 8).bit(0), b.input("swap_valid", 1)
    readies = [b.input(f"out{i}_ready", 1) for i in range(len(beats))]
    wanted = [b.input(f"out{i}_swap_ready", 1) for i in range(len(beats))]
    _weights(b, beats, (data, valid), readies)
    _swaps(b, _Fifos(library, prefix, name, frames), (swap, swap_valid), wanted)
    return library.add(b.build())


def _weights(
    b: ModuleBuilder, beats: Sequence[int], given: tuple[Signal, Signal], readies: Sequence[Signal]
) -> None:
    """Sends the beats of a set to the units in turn."""
    data, valid = given
    turns = [b.register(f"turn{i}", 1, reset=int(i == 0)) for i in range(len(beats))]
    ready = b.constant(0, 1)
    ends: list[Signal] = []
    for i, (count, turn, unit) in enumerate(zip(beats, turns, readies, strict=True)):
        taken = (turn & valid & unit).named(f"taken{i}")
        place = b.counter(f"beat{i}", count)
        place.advance_on(taken)
        ends.append(taken & place.at_end)
        ready = ready | (turn & unit)
        b.output(f"out{i}_data", data)
        b.output(f"out{i}_valid", turn & valid)
    for i, turn in enumerate(turns):
        turn.drive((turn & ~ends[i]) | ends[i - 1])
    b.output("in_ready", ready)


class _Fifos:
    """Makes the FIFO of a unit's numbers."""

    def __init__(self, library: Library, prefix: str, name: str, depth: int):
        words = ["Numbers of frames that a unit has not begun yet."]
        self._fifo = library.add(
            build_fifo(library, prefix, f"{name}_fifo", words, width=1, depth=depth)
        )

    def instance(self, b: ModuleBuilder, index: int, ready: Signal) -> Instance:
        """Returns the FIFO of a unit, whose input is not connected yet."""
        return b.instance(f"swaps{index}", self._fifo, out_ready=ready)


def _swaps(
    b: ModuleBuilder, fifos: _Fifos, given: tuple[Signal, Signal], wanted: Sequence[Signal]
) -> None:
    """Gives each unit the number of each frame."""
    data, valid = given
    made = [fifos.instance(b, i, ready) for i, ready in enumerate(wanted)]
    room = b.constant(1, 1)
    for fifo in made:
        room = room & fifo.output(b, "in_ready")
    for i, fifo in enumerate(made):
        fifo.connect("in_data", data)
        fifo.connect("in_valid", (valid & room).named(f"push{i}"))
        b.output(f"out{i}_swap_data", fifo.output(b, "out_data"))
        b.output(f"out{i}_swap_valid", fifo.output(b, "out_valid"))
    b.output("swap_ready", room)
