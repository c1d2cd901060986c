"""Builds the hardware: one module per process, and a top module with AXI4-Stream ports.

Before:
```mlir
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 3>, frame = [4], lanes = 1> {
  %y = stream.fifo %x depth 2 : (!stream.channel<!qint.int<0, 3>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 3>, frame = [4], lanes = 1>
  func.return %y : !stream.channel<!qint.int<0, 3>, frame = [4], lanes = 1>
}
```
After: (one `hw.module` per process, here the FIFO, with the register slice they share, and the top)
Requires: insert-width-adapters, size-fifos.
Keeps: every integer, for every pattern of stalls.
Leaves alone: modules without a streaming core. The host's functions are dropped: what they do is in
the driver.
"""

from dataclasses import dataclass

from msgspec.structs import replace
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass

from qcompiler.analysis.network import Network
from qcompiler.dialects import stream
from qcompiler.errors import ModelError, Problem
from qcompiler.folding.states import loops_of
from qcompiler.folding.weight_buses import weight_buses
from qcompiler.provenance.sources import model_nodes
from qcompiler.rtl.blocks.top import BlockInstance, TopConfig, build_plain_top, build_top
from qcompiler.rtl.blocks.weight_reader import BASE, MASTER
from qcompiler.rtl.blocks.weight_writer import PORT
from qcompiler.rtl.build import build_process, is_known
from qcompiler.rtl.hardware import describe
from qcompiler.rtl.names import top_name
from qcompiler.rtl.streaming import Library


def _check(network: Network) -> None:
    """Raises ModelError where the network is not ready for hardware, all places at once."""
    problems = [
        Problem(
            name,
            f"takes {wanted} lanes, but its channel has {channel.lanes.data}",
            "run insert-width-adapters first",
        )
        for name, process in network.named()
        for wanted, channel in zip(process.wanted_lanes, process.input_channels, strict=True)
        if wanted != channel.lanes.data
    ]
    problems += [
        Problem(
            name, "one of its outputs has several readers", "put a stream.duplicate between them"
        )
        for name, process in network.named()
        if any(len(list(result.uses)) > 1 for result in process.results)
    ]
    problems += [
        Problem(name, f"no hardware is known for {process.name}", "remove the operation")
        for name, process in network.named()
        if not is_known(process) and not process.is_wires
    ]
    problems += [
        Problem(name, f"{process.name} is not ready for hardware", f"run {process.lacks} first")
        for name, process in network.named()
        if process.lacks is not None
    ]
    problems += [
        Problem(name, "it has no handshake, and is not alone", "remove the attribute plain")
        for name, process in network.named()
        if not process.has_handshake and sum(not other.is_wires for other in network.processes) > 1
    ]
    if not network.processes:
        problems.append(Problem("core", "it has no process", "compile a network with a layer"))
    if problems:
        raise ModelError(problems)


@dataclass(frozen=True)
class ConvertStreamToRtlPass(ModulePass):
    """Builds the hardware: one module per process, and a top module with AXI4-Stream ports."""

    name = "convert-stream-to-rtl"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        network = Network.of(op)
        if network is None:
            return
        _check(network)
        top = top_name(op)
        nodes = model_nodes(op)
        library = Library()
        blocks: list[BlockInstance] = []
        wires: dict[SSAValue, SSAValue] = {}
        for instance, process in network.named():
            sources = [wires.get(operand, operand) for operand in process.operands]
            if process.is_wires:
                wires[process.results[0]] = sources[0]
                continue
            module = build_process(library, top, f"{top}_{instance}", process, nodes)
            blocks.append(BlockInstance(instance, module, sources, process.results))
        comment = _top_comment(network)
        inputs, results = network.ports
        outputs = [wires.get(value, value) for value in results]
        buses = weight_buses(library, top, network)
        loops = loops_of(network)  # it gives the network one more input
        states: list[BlockInstance] = []
        for instance, process in (*loops.before, *loops.keepers):
            sources = [wires.get(operand, operand) for operand in process.operands]
            module = build_process(library, top, f"{top}_{instance}", process, nodes)
            blocks.append(BlockInstance(instance, module, sources, process.results))
        if loops.restart is not None:
            inputs = (*inputs, loops.restart)
            blocks, states = blocks[: -len(loops.keepers)], blocks[-len(loops.keepers) :]
            states = [
                replace(block, outputs=[taken])
                for block, taken in zip(states, loops.taken, strict=True)
            ]
        config = TopConfig(top, comment, inputs, outputs, blocks, states, buses)
        library.add(build_top(config) if network.has_handshake else build_plain_top(config))
        for function in list(op.ops):
            if isinstance(function, func.FuncOp | stream.WeightsOp):
                function.detach()
                function.erase(safe_erase=False)
        op.body.block.add_ops(library.modules.values())


def _top_comment(network: Network) -> tuple[str, ...]:
    lines = ["Generated by qcompiler: a streaming network, bit-exact with its model."]
    if not network.has_handshake:
        lines += [
            "No handshake: a beat enters in each cycle with TVALID, on all inputs at once, and leaves",
            f"{network.processes[0].schedule().latency} cycles later.",
        ]
    for kind, ports in zip(("s_axis", "m_axis"), network.port_channels, strict=True):
        lines += [f"{kind}_{i}: {describe(channel)}" for i, channel in enumerate(ports)]
    if network.states:
        lines.append(
            f"s_axis_{len(network.ports[0])} has one beat a frame: 1 where a sequence begins, at 0 "
            "the frame goes on from the one before."
        )
    return (*lines, *_weight_comment(network))


def _weight_comment(network: Network) -> tuple[str, ...]:
    sources = [source for _, source in network.sources]
    lines: list[str] = []
    for source in [s for s in sources if not s.is_writable][:1]:
        beats = sum(s.bus_beats for s in source.siblings)
        lines.append(
            f"{MASTER} reads {beats} beats of {source.bus_bits} bits a frame, from the image at {BASE}."
        )
    if network.takes_swaps:
        beats = sum(s.bus_beats for s in sources if s.is_writable)
        lines += [
            f"{PORT} takes sets of weights, {beats} beats each.",
            f"s_axis_{len(network.port_channels[0]) - 1} has one beat a frame: 1 where it is the first "
            "to use the next set, at 0 it uses that of the frame before.",
        ]
    return tuple(lines)
