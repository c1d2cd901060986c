"""Makes one pipeline of neighbours that have hardware of their own for each element of a beat."""

from collections.abc import Iterable, Sequence

from xdsl.dialects.builtin import UnitAttr
from xdsl.ir import Block, Region, SSAValue

from qcompiler.analysis.network import Network
from qcompiler.arith.requantizers import MulShift, Shift
from qcompiler.dialects import qint, stream
from qcompiler.errors import ModelError, Problem
from qcompiler.folding.adapters import adapt_inputs
from qcompiler.provenance.sources import location_of_nodes, own_nodes, source_of


def form_pipelines(network: Network, *, without_products: bool = False) -> None:
    """Replaces every largest stretch that multiplies by constants by a `stream.pipeline`.

    A stretch has one output. Its processes stand in the order of the network.

    Args:
        network: folded.
        without_products: other stretches, too.
    """
    taken: set[stream.Process] = set()
    for last in reversed(network.processes):
        if last in taken or not _ends_stretch(last):
            continue
        stretch = _stretch(last, network.processes)
        if without_products or any(process.macs_per_cycle for process in stretch):
            taken.update(stretch)
            for process in stretch:  # within it, lanes meet
                adapt_inputs(network, process)
            _merge(stretch)


def take_handshake(network: Network) -> None:
    """Makes the one pipeline that a core is `plain`.

    Raises:
        ModelError: something else is beside it.
    """
    working = [process for process in network.processes if not process.is_wires]
    problems = [
        _beside(process) for process in working if not isinstance(process, stream.PipelineOp)
    ]
    pipelines = [process for process in working if isinstance(process, stream.PipelineOp)]
    problems += [
        Problem(source_of(process), f"{_PLAIN}, but there are {len(pipelines)} of them", _LEAVE)
        for process in pipelines[1:]
    ]
    if network.states:
        what = "without a handshake nothing waits for what the frame before leaves in a state"
        problems.append(Problem("--interface", what, _LEAVE))
    if not working:
        problems.append(Problem("--interface", f"{_PLAIN}, but there is no process", _LEAVE))
    if problems:
        raise ModelError(problems)
    (pipeline,) = pipelines
    pipeline.plain = UnitAttr()


_WIDEST_BITS = 58
"""Of a sum in a pipeline. Graphs have 64 bits, and those on the way to it may take four more."""

_PLAIN = "--interface plain is for a core that is one pipeline"
_LEAVE = "leave --interface out"


def _beside(process: stream.Process) -> Problem:
    kind = process.name.removeprefix("stream.").replace("_", " ")
    folded = process.weights_op is not None and not process.is_beatwise
    remedy = f"fold nothing (--cycles 1), or {_LEAVE}" if folded else _LEAVE
    return Problem(source_of(process), f"{_PLAIN}, but {kind} stands beside it", remedy)


def _ends_stretch(process: stream.Process) -> bool:
    return _fits(process) and len(process.results) == 1 and not process.is_wires


def _fits(process: stream.Process) -> bool:
    """Whether it is arithmetic on one beat that adder graphs can hold.

    A requantizer's factor and bias join the sum before it, so that has to fit, too.
    """
    if not process.is_beatwise:
        return False
    values = (*process.operands, *process.results)
    ranges = [stream.channel_of(value).element.range for value in values]
    if isinstance(process, stream.RequantizeOp):
        ranges += [
            op.requantizer.sum_range(qint.range_of(op.input.type))
            for op in process.scalar_body.operations
            if isinstance(op, qint.RequantizerOp) and isinstance(op.requantizer, Shift | MulShift)
        ]
    return all(range_.width_bits <= _WIDEST_BITS for range_ in ranges)


def _stretch(last: stream.Process, processes: Sequence[stream.Process]) -> list[stream.Process]:
    """Returns the processes that only `last` needs, as far as each is beatwise, in order."""
    found = {last}
    before = processes[: processes.index(last)]
    for process in reversed(before):
        readers = [use.operation for result in process.results for use in result.uses]
        inside = bool(readers) and all(reader in found for reader in readers)
        if _fits(process) and inside and all(map(_meets, process.results)):
            found.add(process)
    return [process for process in (*before, last) if process in found]


def _meets(value: SSAValue) -> bool:
    """Whether the readers of a channel take as many lanes as it has."""
    lanes = stream.channel_of(value).lanes.data
    return all(
        isinstance(use.operation, stream.Process) and use.operation.wanted_lanes[use.index] == lanes
        for use in value.uses
    )


def _merge(stretch: Sequence[stream.Process]) -> None:
    last = stretch[-1]
    members = set(stretch)
    entering = [
        (value, lanes)
        for process in stretch
        for value, lanes in zip(process.operands, process.wanted_lanes, strict=True)
        if value.owner not in members
    ]
    outside = [value for value, _ in entering]
    block = Block(
        arg_types=[
            stream.beat_type(stream.channel_of(value).with_lanes(lanes))
            for value, lanes in entering
        ]
    )
    known: dict[SSAValue, SSAValue] = {}
    for value, argument in zip(outside, block.args, strict=True):
        argument.name_hint = value.name_hint
        known[value] = argument
    for process in stretch:
        ops, made = process.beat([known[operand] for operand in process.operands])
        for op in ops:
            op.location = process.location
        block.add_ops(ops)
        for result, value in zip(process.results, made, strict=True):
            known[result] = value
            if ops:
                value.name_hint = result.name_hint
    result = last.results[0]
    block.add_op(qint.YieldOp(known[result]))
    pipeline = stream.PipelineOp(outside, Region(block), stream.channel_of(result))
    _name(pipeline, stretch)
    pipeline.result.name_hint = result.name_hint
    where = last.parent_block()
    assert where is not None, "it is part of the network"
    where.insert_op_before(pipeline, last)
    result.replace_all_uses_with(pipeline.result)
    for process in reversed(stretch):
        process.detach()
        process.erase()


def _name(pipeline: stream.PipelineOp, stretch: Iterable[stream.Process]) -> None:
    """Calls a pipeline by the first of its layers that multiplies."""
    ordered = sorted(stretch, key=lambda process: not process.macs_per_cycle)
    names = [name for process in ordered for name in own_nodes(process)]
    if names:
        pipeline.location = location_of_nodes(names)
