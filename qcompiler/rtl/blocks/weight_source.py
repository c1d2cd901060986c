"""Brings weights from a bus to the unit that multiplies by them.

    bus --> unpack --------------------------> register slice --> out     (used once, as they come)
    bus --> unpack --> two banks --> repeat --> register slice --> out     (kept)

A word is a part of a beat of the bus, or several beats. While one bank is read, as many times as a
frame uses the weights, the other one is filled. With `swap`, a number for each frame, the banks
change only for frames whose number is 1, and for the first frame.
"""

from msgspec import Struct
from xdsl.dialects import hw

from qcompiler.dialects import stream
from qcompiler.rtl.builder import Signal
from qcompiler.rtl.hardware import Place, hardware
from qcompiler.rtl.numbers import scaled
from qcompiler.rtl.stages import require_cuts
from qcompiler.rtl.streaming import JoinBlock

BUS, SWAP = "bus", "swap"
"""Ports of a source that are not channels of the network: what the top module connects."""


class _Words(Struct, frozen=True):
    """Words that come over the bus.

    Attributes:
        data: the word.
        valid: whether it is there, all of it.
        last_of_beat: whether the beat of the bus holds no more of them.
    """

    data: Signal
    valid: Signal
    last_of_beat: Signal


class _Block:
    """A source under construction."""

    def __init__(self, place: Place, op: stream.WeightSourceOp):
        require_cuts(place.name, op.registers, ())
        self.op = op
        widths: tuple[list[int], int] = ([], op.channel.width_bits)
        self.b = JoinBlock(place.library, place.top, place.name, place.comment, widths)
        self.bus = self.b.input(f"{BUS}_data", op.bus_bits)
        self.bus_valid = self.b.input(f"{BUS}_valid", 1)

    def build(self) -> hw.HWModuleOp:
        """Returns the module."""
        return self._kept() if self.op.is_kept else self._passed()

    def _passed(self) -> hw.HWModuleOp:
        b = self.b
        taken = b.enable
        words = self._unpack(taken)
        step = (taken & words.valid).named("step")
        data = b.delay("word", words.data, enable=step)
        b.output(f"{BUS}_ready", taken & words.last_of_beat)
        return b.close(in_ready=[], next_valid=step, data=data)

    def _unpack(self, taken: Signal) -> _Words:
        """Returns the words of the bus; they are taken while `taken` is high."""
        op, b = self.op, self.b
        parts = op.word_bits // op.bus_bits
        if parts > 1:
            return self._gathered(taken, parts)
        per_beat = op.bus_bits // op.word_bits
        part, word = b.counter("part", per_beat), b.counter("word_of_set", op.words)
        step = taken & self.bus_valid
        word.advance_on(step)
        last = part.at_end | word.at_end
        if part.register is not None:  # the last beat may hold fewer words
            following = b.mux(last, b.constant(0, part.register.width), part.register + 1)
            part.register.drive(following, enable=step)
        data = self.bus
        for bit in reversed(range(per_beat.bit_length() - 1)):
            half = data.width // 2
            data = b.mux(part.value.bit(bit), data.slice(half, half), data.slice(0, half))
        return _Words(data.slice(0, op.channel.width_bits), self.bus_valid, last)

    def _gathered(self, taken: Signal, parts: int) -> _Words:
        """Returns words of several beats: those before the last are kept."""
        b = self.b
        part = b.counter("part", parts)
        step = (taken & self.bus_valid).named("beat_taken")
        part.advance_on(step)
        kept: list[Signal] = []
        data = self.bus
        for index in reversed(range(parts - 1)):
            data = b.delay(f"kept{index}", data, enable=step)
            kept.insert(0, data)
        whole = b.pack([*kept, self.bus]).slice(0, self.op.channel.width_bits)
        return _Words(whole, self.bus_valid & part.at_end, b.constant(1, 1))

    def _kept(self) -> hw.HWModuleOp:
        op, b = self.op, self.b
        fresh = b.register("fresh_sets", 2, reset=0)
        held = b.register("holds_set", 1, reset=0)
        occupied = fresh + held.zext(2)
        room = occupied.compare("ne", 2).named("room")
        words = self._unpack(room)
        push = (room & words.valid).named("push")
        write_slot, write = b.counter("write_slot", 2), b.counter("write_word", op.words)
        write.advance_on(push)
        filled = (push & write.at_end).named("filled")
        write_slot.advance_on(filled)
        running = b.register("running", 1, reset=0)
        word, use = b.counter("word", op.words), b.counter("use", op.uses)
        step = (b.enable & running).named("step")
        word.advance_on(step)
        ends = step & word.at_end
        use.advance_on(ends)
        done = (ends & use.at_end).named("done")
        begin, take = self._begin(fresh, held, ~running | done)
        running.drive(begin | (running & ~done))
        held.drive(held | take)
        one = b.constant(1, 2)
        fresh.drive(fresh + b.mux(filled, one, b.constant(-1, 2)), enable=filled ^ take)
        # The first set is taken from the bank that is filled first.
        read_slot = b.register("read_slot", 1, reset=1)
        read_slot.drive(~read_slot, enable=take)
        data = b.ram(
            "banks",
            depth=2 * op.words,
            write=(push, self._address(write_slot.value, write.value), words.data),
            read=(b.enable, self._address(read_slot, word.value)),
        )
        b.output(f"{BUS}_ready", room & words.last_of_beat)
        return b.close(in_ready=[], next_valid=step, data=data)

    def _begin(self, fresh: Signal, held: Signal, idle: Signal) -> tuple[Signal, Signal]:
        """Returns whether a frame begins, and whether it takes the set that was filled."""
        b = self.b
        any_fresh = fresh.compare("ne", 0).named("any_fresh")
        if not self.op.is_writable:
            begin = (idle & any_fresh).named("begin")
            return begin, begin
        swap, swap_valid = b.input(f"{SWAP}_data", 1), b.input(f"{SWAP}_valid", 1)
        wanted = (swap | ~held).named("other_set")
        begin = (idle & swap_valid & (~wanted | any_fresh)).named("begin")
        b.output(f"{SWAP}_ready", begin)
        return begin, begin & wanted

    def _address(self, slot: Signal, word: Signal) -> Signal:
        words = self.op.words
        width = max(1, (2 * words - 1).bit_length())
        terms = [scaled(slot, words, width)]
        if words > 1:
            terms.append(word.resize(width, signed=False))
        return self.b.sum(terms)


@hardware(stream.WeightSourceOp)
def _hardware(place: Place, op: stream.WeightSourceOp) -> hw.HWModuleOp:
    return _Block(place, op).build()
