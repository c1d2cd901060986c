"""Stands between a design that reads weights and the memory: a reset leaves no burst behind.

When only the design is reset, the memory still answers what was asked for before. The gate keeps a
request until the memory has accepted it, takes what comes while the design is in reset, and says
until when the reset must last for all of it to have come.
"""

from xdsl.dialects import hw

from qcompiler.rtl.blocks.weight_reader import MASTER, OUTSTANDING, master_ports
from qcompiler.rtl.builder import ModuleBuilder

DESIGN = "design"
"""Begins the names of the wires that lead to the design."""
_ASKED = ("araddr", "arlen")
_ANSWERED = ("rdata", "rresp", "rlast")
GATED = (*_ASKED, "arvalid", "arready", *_ANSWERED, "rvalid", "rready")
"""Ends of the names of wires that pass the gate; the others are constants."""


def build_gate(name: str, bus_bits: int) -> hw.HWModuleOp:
    """Returns the gate of a bus with so many bits of data.

    Its input `running` is the design's reset, active low; its output `pending` says that answers
    are still to come.
    """
    b = ModuleBuilder(name, ["Takes what the memory still answers while the design is in reset."])
    widths = {wire: width for wire, (_, width) in master_ports(bus_bits).items()}
    running = b.input("running", 1)
    asks, accepts = b.input(f"{DESIGN}_arvalid", 1), b.input(f"{MASTER}_arready", 1)
    held = b.register("held", 1, reset=0)
    free = (running & (accepts | ~held)).named("free")
    taken = (asks & free).named("taken")
    held.drive(taken | (held & ~accepts))
    for wire in _ASKED:
        given = b.input(f"{DESIGN}_{wire}", widths[wire])
        b.output(f"{MASTER}_{wire}", b.delay(f"held_{wire}", given, enable=taken))
    b.output(f"{MASTER}_arvalid", held)
    b.output(f"{DESIGN}_arready", free)
    answers = {wire: b.input(f"{MASTER}_{wire}", widths[wire]) for wire in _ANSWERED}
    comes = b.input(f"{MASTER}_rvalid", 1)
    ready = (b.input(f"{DESIGN}_rready", 1) | ~running).named("ready")
    for wire, value in answers.items():
        b.output(f"{DESIGN}_{wire}", value)
    b.output(f"{DESIGN}_rvalid", comes & running)
    b.output(f"{MASTER}_rready", ready)
    ends = (comes & ready & answers["rlast"]).named("burst_ends")
    count = b.register("under_way", OUTSTANDING.bit_length(), reset=0)
    one = b.constant(1, count.width)
    count.drive(count + b.mux(taken, one, b.constant(-1, count.width)), enable=taken ^ ends)
    b.output("pending", count.compare("ne", 0))
    return b.build()
