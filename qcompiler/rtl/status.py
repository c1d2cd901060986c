"""Registers that a processor reads over AXI4-Lite: frames and stalls of each port, version, reset.

| offset | register | what |
|---|---|---|
| 0x00 | ID | `0x51434331`, "QCC1" |
| 0x04 | VERSION | of the compiler: major, minor, patch in bits 23:16, 15:8, 7:0 |
| 0x08 | CONTROL | bit 0: write 1 to reset the design and the counts; reads 1 until that is done |
| 0x0C | PORTS | number of inputs in bits 7:0, of outputs in bits 15:8 |
| 0x10 | CYCLES | clock cycles since the reset |
| 0x14 | WEIGHTS_LOW | of a design that reads weights: address of the image, bits 31:0 |
| 0x18 | WEIGHTS_HIGH | the same, bits 63:32; the design stays in reset until both are written |
| 0x1C | WEIGHTS_FAULT | bit 0: the memory has answered with an error since the reset |
| 0x20 + 16 p | FRAMES | frames that port p has moved whole; inputs first, then outputs |
| 0x24 + 16 p | STALLS | cycles in which port p had a beat that was not taken |
| 0x28 + 16 p | WAITS | cycles in which port p was ready and had no beat |

Counts have 32 bits and wrap. An address of weights holds from the next reset on. What is not in
this table, and registers of weights where there are none, are answered SLVERR.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects import hw

from qcompiler.rtl.builder import ModuleBuilder, Register, Signal
from qcompiler.version import VERSION

DATA_BITS = 32
ID = 0x51434331
RESET_CYCLES = 16
"""How long the design is held in reset."""
FIRST_PORT, PORT_BYTES = 0x20, 16
COUNTS = ("frames", "stalls", "waits")
COMMON = ("id", "version", "control", "ports", "cycles")
WEIGHTS = ("weights_low", "weights_high", "weights_fault")
WRITABLE = ("control", *WEIGHTS[:2])
"""Registers that are written, too."""
_CONTROL = 4 * COMMON.index("control")
_LOW, _HIGH, _FAULT = (4 * (len(COMMON) + index) for index in range(len(WEIGHTS)))
_OKAY, _SLVERR = 0, 2


def registers(ports: Sequence[str], *, reads_weights: bool = False) -> dict[str, int]:
    """Returns the offset in bytes of each register, by name; `ports` are inputs, then outputs."""
    names = (*COMMON, *WEIGHTS) if reads_weights else COMMON
    found = {name: 4 * index for index, name in enumerate(names)}
    for index, port in enumerate(ports):
        base = FIRST_PORT + PORT_BYTES * index
        found |= {f"{port}_{count}": base + 4 * at for at, count in enumerate(COUNTS)}
    return found


def address_bits(ports: int) -> int:
    """Returns the width of an address."""
    return (FIRST_PORT + PORT_BYTES * ports - 1).bit_length()


def build_monitor(name: str, beats: int) -> hw.HWModuleOp:
    """Returns what watches one port: it counts frames of so many beats, stalls and waits."""
    b = ModuleBuilder(name, [f"Counts of a port whose frames have {beats} beats."])
    valid, ready = b.input("valid", 1), b.input("ready", 1)
    moved = (valid & ready).named("moved")
    beat = b.counter("beat", beats)
    beat.advance_on(moved)
    events = (moved & beat.at_end, valid & ~ready, ready & ~valid)
    for count, event in zip(COUNTS, events, strict=True):
        register = b.register(count, DATA_BITS, reset=0)
        register.drive(register + 1, enable=event)
        b.output(count, register)
    return b.build()


@dataclass(frozen=True)
class _Held:
    """A word that a channel of the bus gave, until it is used: whether there is one, and it."""

    full: Register
    word: Register


def _channel(b: ModuleBuilder, channel: str, word: Signal) -> _Held:
    """Returns the register behind an input channel; the caller drives `full`."""
    full = b.register(f"{channel}_full", 1, reset=0)
    held = b.register(f"{channel}_word", word.width)
    held.drive(word, enable=~full)
    b.output(f"s_axi_ctrl_{channel}ready", ~full)
    return _Held(full, held)


@dataclass(frozen=True)
class _Write:
    """A write over the bus, in the one cycle in which it happens.

    Attributes:
        act: whether there is one.
        address: of a byte.
        data: the word.
        strobe: which bytes of it.
    """

    act: Signal
    address: Signal
    data: Signal
    strobe: Signal

    def to(self, offset: int) -> Signal:
        """Whether a register is written."""
        return self.act & _word_of(self.address).equals(offset >> 2)


def build_registers(
    name: str, inputs: int, outputs: int, *, reads_weights: bool = False
) -> hw.HWModuleOp:
    """Returns the AXI4-Lite side; inputs `portP_frames` etc. are what the monitors count.

    Of a design that reads weights, `weights_pending` makes a reset last, see `weight_gate`.
    """
    b = ModuleBuilder(name, ["Registers over AXI4-Lite, one access at a time."])
    width = address_bits(inputs + outputs)
    written = _write_side(b, width, (_CONTROL, _LOW, _HIGH) if reads_weights else (_CONTROL,))
    restart = (written.to(_CONTROL) & written.data.bit(0) & written.strobe.bit(0)).named("restart")
    pending = b.register("reset_left", RESET_CYCLES.bit_length(), reset=0)
    resetting = pending.compare("ne", 0).named("resetting")
    counted = b.mux(resetting, pending - 1, pending)
    pending.drive(b.mux(restart, b.constant(RESET_CYCLES, pending.width), counted))
    running = b.register("design_rst_n", 1, reset=0)
    offsets: dict[int, Signal] = {}
    may_run = ~resetting & ~restart
    if reads_weights:
        offsets, known = _weight_registers(b, written, running)
        may_run &= running | known & ~b.input("weights_pending", 1)
    running.drive(may_run)
    cycles = b.register("cycles", DATA_BITS, reset=0)
    cycles.drive(b.mux(running, cycles + 1, b.constant(0, DATA_BITS)))
    major, minor, patch = (int(part) for part in VERSION.split("."))
    words = [
        b.constant(ID, DATA_BITS),
        b.constant(major << 16 | minor << 8 | patch, DATA_BITS),
        (~running).zext(DATA_BITS),
        b.constant(inputs | outputs << 8, DATA_BITS),
        cycles,
    ]
    offsets |= {4 * index: word for index, word in enumerate(words)}
    for index in range(inputs + outputs):
        for at, count in enumerate(COUNTS):
            port = b.input(f"port{index}_{count}", DATA_BITS)
            offsets[FIRST_PORT + PORT_BYTES * index + 4 * at] = port
    _read_side(b, width, offsets)
    b.output("design_rst_n", running)
    return b.build()


def _weight_registers(
    b: ModuleBuilder, written: _Write, running: Signal
) -> tuple[dict[int, Signal], Signal]:
    """Adds where the weights are; returns what is read, by offset, and whether that is known."""
    known = b.constant(1, 1)
    halves: list[Signal] = []
    offsets: dict[int, Signal] = {}
    for name, offset in zip(WEIGHTS[:2], (_LOW, _HIGH), strict=True):
        comes = written.to(offset).named(f"writes_{name}")
        given = b.register(f"{name}_given", 1, reset=0)
        given.drive(given | comes)
        known &= given
        half = b.register(name, DATA_BITS, reset=0)
        old, new = half.lanes(4), written.data.lanes(4)
        chosen = [b.mux(written.strobe.bit(i), new[i], old[i]) for i in range(len(old))]
        half.drive(b.pack(chosen), enable=comes)
        offsets[offset] = half
        halves.append(half)
    b.output("weights_base", b.delay("weights_base_used", b.pack(halves), enable=~running))
    offsets[_FAULT] = b.input("weights_fault", 1).zext(DATA_BITS)
    return offsets, known


def _write_side(b: ModuleBuilder, width: int, writable: Sequence[int]) -> _Write:
    """Adds the channels AW, W and B; returns what is written to registers at some offsets."""
    address, valid = b.input("s_axi_ctrl_awaddr", width), b.input("s_axi_ctrl_awvalid", 1)
    b.input("s_axi_ctrl_awprot", 3)
    data, strobe = b.input("s_axi_ctrl_wdata", DATA_BITS), b.input("s_axi_ctrl_wstrb", 4)
    data_valid, ready = b.input("s_axi_ctrl_wvalid", 1), b.input("s_axi_ctrl_bready", 1)
    at = _channel(b, "aw", address)
    # No more is kept than what some register takes.
    bits, strobes = (DATA_BITS, strobe.width) if len(writable) > 1 else (1, 1)
    kept = b.concat([strobe.slice(0, strobes), data.slice(0, bits)])
    given = _channel(b, "w", kept)
    answered = b.register("b_valid", 1, reset=0)
    act = (at.full & given.full & (~answered | ready)).named("write")
    for held, comes in ((at, valid), (given, data_valid)):
        held.full.drive(b.mux(act, b.constant(0, 1), held.full | comes))
    word = _word_of(at.word)
    known = word.equals(writable[0] >> 2)
    for offset in writable[1:]:
        known |= word.equals(offset >> 2)
    answered.drive(act | (answered & ~ready))
    response = b.register("b_resp", 2)
    response.drive(
        b.mux(known.named("writes_any"), b.constant(_OKAY, 2), b.constant(_SLVERR, 2)), enable=act
    )
    b.output("s_axi_ctrl_bvalid", answered)
    b.output("s_axi_ctrl_bresp", response)
    return _Write(act, at.word, given.word.slice(0, bits), given.word.slice(bits, strobes))


def _word_of(address: Signal) -> Signal:
    return address.slice(2, address.width - 2)


def _read_side(b: ModuleBuilder, width: int, words: dict[int, Signal]) -> None:
    """Adds the channels AR and R, which answer with the word at an offset."""
    address, valid = b.input("s_axi_ctrl_araddr", width), b.input("s_axi_ctrl_arvalid", 1)
    b.input("s_axi_ctrl_arprot", 3)
    ready = b.input("s_axi_ctrl_rready", 1)
    at = _channel(b, "ar", address)
    answered = b.register("r_valid", 1, reset=0)
    act = (at.full & (~answered | ready)).named("read")
    at.full.drive(b.mux(act, b.constant(0, 1), at.full | valid))
    answered.drive(act | (answered & ~ready))
    word, response = b.constant(0, DATA_BITS), b.constant(_SLVERR, 2)
    for offset, value in words.items():
        chosen = _word_of(at.word).equals(offset >> 2)
        word = b.mux(chosen, value, word)
        response = b.mux(chosen, b.constant(_OKAY, 2), response)
    for name, value in (("data", word), ("resp", response)):
        register = b.register(f"r_{name}", value.width)
        register.drive(value, enable=act)
        b.output(f"s_axi_ctrl_r{name}", register)
    b.output("s_axi_ctrl_rvalid", answered)
