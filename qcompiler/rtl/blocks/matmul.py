"""The product of two activations: matrices in banks of memory, vectors that stream past them.

    in0 --+-- first fold -----------+--> operand --+
          |                         |              +--> PE array --> register slice --> out
          +--> replay, later folds -+              |
    in1 -----> banks, two matrices ----------------+

Cuts: `operands` of the multiplications, their `products`, and levels of the adders' tree (`sum`).

A beat of a matrix is a word of one bank: where it is transposed, SIMD inputs of an output, and a
bank an output of PE; else PE outputs of an input, and a bank an input of SIMD. A read takes the
same word of all banks, PE * SIMD elements. Vectors are folded as in the matrix unit for weights.
"""

from collections.abc import Sequence

from xdsl.dialects import hw

from qcompiler.devices.delays import DelayModel, Segment
from qcompiler.dialects import stream
from qcompiler.rtl.builder import Counter, ModuleBuilder, Signal
from qcompiler.rtl.cuts import tree_levels
from qcompiler.rtl.hardware import Place, hardware, pipelining
from qcompiler.rtl.numbers import Number, scaled
from qcompiler.rtl.stages import require_cuts, staged, staged_number, sum_tree
from qcompiler.rtl.streaming import JoinBlock

_CUTS = frozenset({"operands", "products", "sum"})


@hardware(stream.MatMulOp)
def _hardware(place: Place, op: stream.MatMulOp) -> hw.HWModuleOp:
    return _Block(place, op).build()


class _Block:
    """A product under construction."""

    def __init__(self, place: Place, op: stream.MatMulOp):
        require_cuts(place.name, op.registers, _CUTS)
        self.place, self.op = place, op
        self.pe, self.simd = op.folding
        self.neuron, self.synapse = op.folds
        x, kept = op.input_channels
        lanes = op.wanted_lanes
        self.x, self.kept = x.element.range, kept.element.range
        given = self.simd * self.x.width_bits, lanes[1] * self.kept.width_bits
        made = self.pe * op.output_channel.element.width_bits
        self.b = JoinBlock(place.library, place.top, place.name, place.comment, (given, made))
        most = stream.KEPT_MATRICES
        self.count = self.b.register("kept_matrices", most.bit_length(), reset=0)
        self.whole = self.count.compare("ne", 0).named("whole")
        self.room = self.count.compare("ne", most).named("room")

    def build(self) -> hw.HWModuleOp:
        """Returns the module."""
        b, neuron, synapse = self.b, self.neuron, self.synapse
        synapse_fold = b.counter("synapse_fold", synapse)
        neuron_fold = b.counter("neuron_fold", neuron)
        vector = b.counter("vector", self.op.vectors)
        loading = neuron_fold.value.equals(0) if neuron > 1 else b.constant(1, 1)
        loading = loading.named("loading")
        step = (b.enable & self.whole & (b.inputs[0].valid | ~loading)).named("step")
        load = (step & loading).named("load")
        synapse_fold.advance_on(step)
        ends = step & synapse_fold.at_end
        neuron_fold.advance_on(ends)
        ends = ends & neuron_fold.at_end
        vector.advance_on(ends)
        words = self._words((neuron_fold, synapse_fold), (ends & vector.at_end).named("done"))
        ranks = self.op.registers.get("operands", 0)
        operand = self._operand(load, loading, synapse_fold)
        operand = staged(b, "operand_kept", operand, ranks, b.enable)
        words = [staged(b, f"word{i}_kept", word, ranks, b.enable) for i, word in enumerate(words)]
        stages = (3 if synapse > 1 else 2) + self.op.added_latency
        valid = b.valid_chain(step, stages - 1)
        first = last = None
        if synapse > 1:
            first = staged(b, "first", synapse_fold.value.equals(0), stages - 1, b.enable)
            last = staged(b, "last", synapse_fold.at_end, stages - 1, b.enable)
        results = self._elements(operand, words, None if first is None else (valid[-1], first))
        in_ready = b.enable & self.whole & loading
        return b.close(
            in_ready=[in_ready, self.room],
            next_valid=valid[-1] if last is None else valid[-1] & last,
            data=b.pack(results),
        )

    def _words(self, folds: tuple[Counter, Counter], done: Signal) -> list[Signal]:
        """Returns what the banks give; `done` is high when a matrix is used for the last time."""
        b, transposed = self.b, self.op.is_transposed
        push = (b.inputs[1].valid & self.room).named("push")
        outer, banks, inner = (
            (self.neuron, self.pe, self.synapse)
            if transposed
            else (self.synapse, self.simd, self.neuron)
        )
        writes = [
            b.counter("write_outer", outer),
            b.counter("write_bank", banks),
            b.counter("write_inner", inner),
        ]
        slots = [b.counter(f"{side}_slot", stream.KEPT_MATRICES) for side in ("write", "read")]
        carry = push
        for counter in reversed(writes):
            counter.advance_on(carry)
            carry = carry & counter.at_end
        slots[0].advance_on(carry)
        slots[1].advance_on(done)
        one = b.constant(1, self.count.width)
        change = b.mux(carry, one, b.constant(-1, self.count.width))
        self.count.drive(self.count + change, enable=carry ^ done)
        read_outer, read_inner = folds if transposed else folds[::-1]
        depth = stream.KEPT_MATRICES * outer * inner
        write = self._address(slots[0], writes[0], writes[2], (outer, inner))
        read = self._address(slots[1], read_outer, read_inner, (outer, inner))
        write, read = write.named("write_address"), read.named("read_address")
        words: list[Signal] = []
        for bank in range(banks):
            chosen = push & writes[1].value.equals(bank) if banks > 1 else push
            word = b.ram(
                f"bank{bank}",
                depth=depth,
                write=(chosen, write, b.inputs[1].data),
                read=(b.enable, read),
            )
            words.append(word)
        return words

    def _address(
        self, slot: Counter, outer: Counter, inner: Counter, shape: tuple[int, int]
    ) -> Signal:
        """Returns the place of a word in its bank: slot, outer and inner position."""
        rows, columns = shape
        width = max(1, (stream.KEPT_MATRICES * rows * columns - 1).bit_length())
        terms = [scaled(slot.value, rows * columns, width)]
        if rows > 1:
            terms.append(scaled(outer.value, columns, width))
        if columns > 1:
            terms.append(inner.value.resize(width, signed=False))
        return self.b.sum(terms)

    def _operand(self, load: Signal, loading: Signal, fold: Counter) -> Signal:
        """Returns the beat of a vector: fresh in the first neuron fold, replayed in later ones."""
        b, data = self.b, self.b.inputs[0].data
        fresh = b.delay("fresh", data, enable=load)
        if self.neuron == 1 or self.synapse == 1:
            return fresh
        replayed = b.ram(
            "replay",
            depth=self.synapse,
            write=(load, fold.value, data),
            read=(b.enable, fold.value),
        )
        from_replay = b.delay("from_replay", ~loading, enable=b.enable)
        return b.mux(from_replay, replayed, fresh).named("operand")

    def _elements(
        self, operand: Signal, words: Sequence[Signal], control: tuple[Signal, Signal] | None
    ) -> list[Signal]:
        """Returns the sums of the outputs that are computed at a time."""
        b, element = self.b, self._element(accumulate=control is not None)
        lanes = [word.lanes(word.width // self.kept.width_bits) for word in words]
        results: list[Signal] = []
        for i in range(self.pe):
            row = lanes[i] if self.op.is_transposed else [word[i] for word in lanes]
            inputs = {"enable": b.enable, "x": operand, "w": b.pack(row)}
            if control is not None:
                inputs |= {"partial_valid": control[0], "first": control[1]}
            results.append(b.instance(f"pe{i}", element, **inputs).output(b, "sum"))
        return results

    def _element(self, *, accumulate: bool) -> hw.HWModuleOp:
        """Returns the module of one output: dot products of SIMD inputs, and their sum if asked."""
        simd, registers = self.simd, self.op.registers
        width = self.op.output_channel.element.width_bits
        x_bits, w_bits = self.x.width_bits, self.kept.width_bits
        text = f"{simd} products of {x_bits} and {w_bits} bit a cycle, sums of {width} bit."
        name = f"{self.place.name}_pe"
        b = ModuleBuilder(name, [f"Processing element of {self.place.name}: {text}"])
        enable = b.input("enable", 1)
        x, w = b.input("x", simd * x_bits), b.input("w", simd * w_bits)
        products: list[Number] = []
        for i, (xi, wi) in enumerate(zip(x.lanes(simd), w.lanes(simd), strict=True)):
            made = Number.of(xi, self.x) * Number.of(wi, self.kept)
            ranks = registers.get("products", 0)
            products.append(staged_number(b, f"product{i}_kept", made, ranks, enable))
        total = sum_tree(b, "sum_level", products, width, registers.get("sum", 0), enable)
        partial = total.at(b.delay("partial_sum", total, enable=enable)).wide(width)
        if accumulate:
            partial_valid, first = b.input("partial_valid", 1), b.input("first", 1)
            accumulator = b.register("accumulator", width)
            start = b.mux(first, b.constant(0, width), accumulator)
            accumulator.drive(start + partial, enable=enable & partial_valid)
            partial = accumulator
        b.output("sum", partial)
        return self.place.library.add(b.build())


@pipelining(stream.MatMulOp)
def _cuts(model: DelayModel, op: stream.MatMulOp) -> dict[str, int]:
    (neuron, synapse), simd = op.folds, op.folding[1]
    x, kept = (channel.element.range for channel in op.input_channels)
    width = op.output_channel.element.width_bits
    levels, first = tree_levels(model, simd, lambda size: model.add(size, width))
    a, b = (bounds.width_bits + (not bounds.signed) for bounds in (x, kept))
    product = model.product("operands", a, b, min(width, (x * kept).width_bits))
    depth = stream.KEPT_MATRICES * neuron * synapse
    lanes = op.wanted_lanes[1]
    start = model.read(depth, lanes * kept.width_bits, rom=False)
    if neuron > 1 and synapse > 1:
        replay = model.read(synapse, simd * x.width_bits, rom=False)
        start = max(start, replay + model.device.delays.lut)
    segments = [product, Segment("products", first)]
    return model.cuts(segments, start) | {"sum": levels}
