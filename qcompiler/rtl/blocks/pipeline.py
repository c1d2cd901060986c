"""A pipeline: every scalar has hardware of its own, registers cut it into stages.

    in --> core: sums and codes, `latency` registers on every way, never stalled --> storage --> out
    credits: beats that the storage has room for --^

Where a beat holds several pixels, the core is a row of copies of one body, side by side. What
several of them read stands in registers of each: the way there takes a cycle of its own, and from
there on a copy needs nothing that is far away.

The core moves in every cycle, so that no stall fans out to its registers. A beat enters it only
with a credit: room in the storage behind it, which is given back when the beat leaves it.

What runs free into it, line windows and other pipelines, never waits either. The last pipeline of
such a chain has room for all that is inside the others, and is ready while there is more than that:

    in --> window --> core --> window --> core --> storage --> out
     ^--- ready: more credits than beats fit between --+

What several copies make is kept in parts, by storages side by side that move alike, as each has
what says which beats are there, down to the valid bit that comes out of the core: else that would
go to thousands of registers.
"""

from collections.abc import Sequence
from functools import reduce

from xdsl.dialects import hw
from xdsl.dialects.builtin import UnitAttr

from qcompiler.arith.arrays import integers
from qcompiler.arith.ranges import IntRange
from qcompiler.devices.delays import DelayModel
from qcompiler.devices.families import FAMILIES
from qcompiler.dialects import stream
from qcompiler.dialects.attributes import int_dense, shape_of
from qcompiler.rtl.blocks.storage import ROUND_TRIP, build_storage
from qcompiler.rtl.builder import ModuleBuilder, Signal
from qcompiler.rtl.dataflow import Dataflow, InputCell, SumCell, Wire
from qcompiler.rtl.hardware import Place, hardware, placing
from qcompiler.rtl.numbers import Number
from qcompiler.rtl.retiming import Delays, as_soon_as_possible, fewest_registers, spare_time
from qcompiler.rtl.streaming import FreeBlock, input_ports
from qcompiler.rtl.sums import SumBuilder


def build_core(place: Place, name: str, op: stream.PipelineOp) -> hw.HWModuleOp:
    """Returns the module without a handshake: outputs follow inputs `latency` cycles later.

    It is the body's; its inputs are what one copy takes.
    """
    flow = Dataflow.of(op)
    b = SumBuilder(place.library, place.top, name, place.comment)
    elements = [shape_of(value.type)[-1] for value in op.scalar_body.arguments]
    ports = [
        b.input(f"{port}_data", count * channel.element.width_bits).lanes(count)
        for port, channel, count in zip(
            input_ports(len(op.inputs)), op.input_channels, elements, strict=True
        )
    ]
    made = _Made(b, flow)
    for number, cell in enumerate(flow.cells):
        if isinstance(cell, InputCell):
            made.add(number, Number.of(ports[cell.port][cell.lane].named(cell.name), cell.range))
            continue
        stage = made.stages[number]
        made.add(number, cell.make(b, [made.get(wire, stage) for wire in cell.reads]))
    width = op.output_channels[0].element.width_bits
    lanes = [made.whole(wire, op.stages).wide(width) for wire in flow.outputs]
    b.output("out_data", b.pack(lanes))
    module = b.build()
    module.attributes["rtl.chains"] = UnitAttr()
    return module


class _Made:
    """Cells that are built, and their registers."""

    def __init__(self, b: SumBuilder, flow: Dataflow):
        self._b = b
        self._flow = flow
        self.stages = flow.read_stages()
        self._kept: dict[tuple[int, int], Number] = {}

    def add(self, cell: int, number: Number) -> None:
        """Notes a cell's hardware."""
        self._kept[cell, self.stages[cell]] = number

    def _at(self, cell: int, stage: int) -> Number:
        if (cell, stage) not in self._kept:
            before = self._at(cell, stage - 1)
            name = f"{self._flow.cells[cell].name}_s{stage}"
            kept = self._flow.cells[cell].is_apart and stage == self.stages[cell] + 1
            self._kept[cell, stage] = before.at(self._b.delay(name, before, kept=kept))
        return self._kept[cell, stage]

    def get(self, wire: Wire, stage: int) -> Number:
        """Returns what a wire holds in a stage, without the zeros that its shift appends."""
        if wire.cell < 0:
            return Number.constant(self._b, wire.constant)
        number = self._at(wire.cell, stage)
        return number.shifted(-wire.shift) if wire.shift < 0 else number

    def whole(self, wire: Wire, stage: int) -> Number:
        """Returns what a wire holds in a stage."""
        number = self.get(wire, stage)
        if wire.shift <= 0:
            return number
        factor = IntRange(1 << wire.shift, 1 << wire.shift)
        low = self._b.constant(0, wire.shift)
        return Number.of(self._b.concat([number, low]), number.range * factor)


@hardware(stream.PipelineOp)
def _hardware(place: Place, op: stream.PipelineOp) -> hw.HWModuleOp:
    library = place.library
    if op.takes_whole_beats:
        core = library.add(build_core(place, f"{place.name}_core", op))
    else:
        pixel = library.add(build_core(place, f"{place.name}_pixel", op))
        core = library.add(_copies(f"{place.name}_core", place.comment, op, pixel))
    if op.runs_free:
        return _free(place, op, core)
    return _with_credits(place, op, core) if op.has_handshake else _plain(place, op, core)


def _copies(
    name: str, comment: tuple[str, ...], op: stream.PipelineOp, pixel: hw.HWModuleOp
) -> hw.HWModuleOp:
    """Returns copies of a body side by side, each with the elements that it takes of a beat."""
    b = ModuleBuilder(name, comment)
    taken: dict[str, list[Signal]] = {}
    for port, channel, view, value in zip(
        input_ports(len(op.inputs)),
        op.input_channels,
        op.views,
        op.scalar_body.arguments,
        strict=True,
    ):
        lanes = b.input(f"{port}_data", channel.width_bits).lanes(channel.lanes.data)
        places: list[list[int]] = view.places(op.copies, shape_of(value.type)[-1]).tolist()
        taken[f"{port}_data"] = [b.pack([lanes[at] for at in copy]) for copy in places]
    made = [
        b.instance(
            f"pixel{copy}", pixel, **{port: beats[copy] for port, beats in taken.items()}
        ).output(b, "out_data")
        for copy in range(op.copies)
    ]
    b.output("out_data", b.pack(made))
    return b.build()


def _plain(place: Place, op: stream.PipelineOp, core: hw.HWModuleOp) -> hw.HWModuleOp:
    """Returns the core and a valid bit beside it: nothing waits."""
    b = ModuleBuilder(place.name, place.comment)
    data, valids = _inputs(b, op)
    b.output("out_data", b.instance("core", core, **data).output(b, "out_data"))
    b.output("out_valid", _valid_behind(b, _all(valids), op.stages))
    return b.build()


def _free(place: Place, op: stream.PipelineOp, core: hw.HWModuleOp) -> hw.HWModuleOp:
    """Returns the core and a valid bit beside it, in a chain whose end has room for all of it."""
    b = FreeBlock(place.name, place.comment, op)
    ports = zip(input_ports(len(b.inputs)), b.inputs, strict=True)
    made = b.instance("core", core, **{f"{name}_data": port.data for name, port in ports})
    valid = _valid_behind(b, b.inputs[0].valid, op.stages)
    return b.finish(valid=valid, data=made.output(b, "out_data"))


def _inputs(b: ModuleBuilder, op: stream.PipelineOp) -> tuple[dict[str, Signal], list[Signal]]:
    """Adds the inputs; returns their data by the name of the port, and their valids."""
    data: dict[str, Signal] = {}
    valids: list[Signal] = []
    for port, channel in zip(input_ports(len(op.inputs)), op.input_channels, strict=True):
        data[f"{port}_data"] = b.input(f"{port}_data", channel.width_bits)
        valids.append(b.input(f"{port}_valid", 1))
    return data, valids


def _all(signals: Sequence[Signal]) -> Signal:
    return reduce(lambda one, other: one & other, signals)


def _valid_behind(b: ModuleBuilder, valid: Signal, stages: int) -> Signal:
    """Returns a valid bit so many registers later."""
    for stage in range(1, stages + 1):
        register = b.register(f"valid{stage}", 1, reset=0)
        register.drive(valid)
        valid = register
    return valid


def _valids_behind(b: ModuleBuilder, valid: Signal, stages: int, parts: int) -> list[Signal]:
    """Returns a valid bit so many registers later, from a register of its own for each part."""
    if parts == 1:
        return [_valid_behind(b, valid, stages)]
    before = _valid_behind(b, valid, stages - 1)
    copies = [b.register(f"valid{stages}_{p}", 1, reset=0, kept=True) for p in range(parts)]
    for copy in copies:
        copy.drive(before)
    return list(copies)


def _with_credits(place: Place, op: stream.PipelineOp, core: hw.HWModuleOp) -> hw.HWModuleOp:
    """Returns the core between credits and storage: what enters has room behind it."""
    library = place.library
    width = op.output_channels[0].width_bits
    parts = op.kept_parts
    ahead = sum(process.held_beats or 0 for process in op.before_it)
    depth = op.stages + ROUND_TRIP + ahead
    storage = build_storage(
        library,
        place.top,
        f"{place.name}_storage",
        [f"What the core of {place.name} has made, {depth} beats at most."],
        width=width // parts,
        depth=depth,
        apart=parts > 1,
    )
    library.add(storage)
    b = ModuleBuilder(place.name, place.comment)
    data, valids = _inputs(b, op)
    out_ready = b.input("out_ready", 1)
    some = b.register("has_credit", 1, reset=1)
    credits = b.register("credits", depth.bit_length(), reset=depth)
    enter = (_all(valids) if ahead else some & _all(valids)).named("enter")
    made = b.instance("core", core, **data)
    valids_behind = _valids_behind(b, enter, op.stages, parts)
    kept = [
        b.instance(
            f"made_beats{part}" if parts > 1 else "made_beats",
            storage,
            in_data=beat,
            in_valid=valid,
            out_ready=out_ready,
        )
        for part, (beat, valid) in enumerate(
            zip(made.output(b, "out_data").lanes(parts), valids_behind, strict=True)
        )
    ]
    leave = b.register("beat_left", 1, reset=0)  # so that no way goes from a stall to credits
    leave.drive(kept[0].output(b, "left"))
    one = b.constant(1, credits.width)
    change = b.mux(enter, b.constant(-1, credits.width), one)
    following = (credits + change).named("following")
    credits.drive(following, enable=enter ^ leave)
    some.drive(following.compare("ugt", ahead), enable=enter ^ leave)
    for i, port in enumerate(input_ports(len(valids))):
        others = [v for j, v in enumerate(valids) if j != i]
        ready: Signal = some
        for other in others:
            ready = ready & other
        b.output(f"{port}_ready", ready)
    b.output("out_data", b.pack([part.output(b, "out_data") for part in kept]))
    b.output("out_valid", kept[0].output(b, "out_valid"))
    return b.build()


@placing(stream.PipelineOp)
def _place(model: DelayModel, op: stream.PipelineOp) -> None:
    if not op.is_built:
        return  # a folding is only tried
    for graph in op.scalar_body.operations:
        graph.attributes.pop(stream.TOPPED, None)
    flow = Dataflow.of(op)
    widest = max(cell.range.width_bits for cell in flow.cells)
    budget = model.pipeline_budget - model.ripple(widest)
    outputs = [wire.cell for wire in flow.outputs if wire.cell >= 0]
    delays = Delays(
        [cell.ns(model) for cell in flow.cells],
        [cell.range.width_bits for cell in flow.cells],
        [list(cell.sources) for cell in flow.cells],
        outputs,
        budget,
    )
    earliest = as_soon_as_possible(delays)
    op.stages = max((earliest[cell] for cell in outputs), default=0) + 1
    stages = fewest_registers(delays, op.stages)
    topped = _topped(model, flow, delays, stages)
    for owner, numbers in flow.owned().items():
        owner.attributes[stream.STAGES] = int_dense(integers([stages[n] for n in numbers]))
        if topped.intersection(numbers):
            each = integers([n in topped for n in numbers])
            owner.attributes[stream.TOPPED] = int_dense(each)


def _topped(model: DelayModel, flow: Dataflow, delays: Delays, stages: Sequence[int]) -> set[int]:
    """Returns sums whose top bits gates may make: one table each, where the clock leaves time."""
    if FAMILIES[model.device.family].chain != "pair":
        return set()
    odd = [isinstance(cell, SumCell) and cell.odd for cell in flow.cells]
    return spare_time(delays, stages, odd, model.device.delays.lut)
