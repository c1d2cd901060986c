"""The top module: AXI4-Stream ports around a network of blocks, or around one without a handshake.

TDATA is padded to whole bytes, element 0 in the low bits. TLAST marks the last beat of each output
frame. Input frames are told apart by counting beats; their TLAST is accepted and not needed.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from msgspec import Struct
from xdsl.dialects import hw
from xdsl.ir import SSAValue

from qcompiler.dialects import stream
from qcompiler.rtl.builder import Instance, ModuleBuilder, Signal
from qcompiler.rtl.streaming import input_ports, output_ports


class BlockInstance(Struct, frozen=True):
    """A block and the channels at its ports.

    Attributes:
        name: of the instance.
        module: what is instantiated.
        inputs: channels that it takes, in the order of its input ports.
        outputs: channels that it makes, in the order of its output ports.
    """

    name: str
    module: hw.HWModuleOp
    inputs: Sequence[SSAValue]
    outputs: Sequence[SSAValue]


class WeightBus(Struct, frozen=True):
    """What brings weights to their sources from outside.

    Attributes:
        module: a reader or a writer of weights.
        name: of its instance.
        ports: its ports that are the top module's: names there, directions and widths, by its own.
        sources: names of the blocks that take the weights, in the order of its outputs.
        wires: what goes to and from each source: its port, whether it is the source's output, and
            the module's port without the number.
        unused: ports of the top module, of a bit, that nothing reads.
    """

    module: hw.HWModuleOp
    name: str
    ports: Mapping[str, tuple[str, str, int]]
    sources: Sequence[str]
    wires: Sequence[tuple[str, bool, str]]
    unused: Sequence[str] = ()


class TopConfig(Struct, frozen=True):
    """What the top module connects.

    Attributes:
        name: module name.
        comment: header lines.
        inputs: channels from outside, in port order.
        outputs: channels to outside, in port order.
        blocks: producers first.
        states: blocks that give what a frame before left, which comes from the others.
        buses: what brings weights from outside.
    """

    name: str
    comment: tuple[str, ...]
    inputs: Sequence[SSAValue]
    outputs: Sequence[SSAValue]
    blocks: Sequence[BlockInstance]
    states: Sequence[BlockInstance] = ()
    buses: Sequence[WeightBus] = ()


def padded_width(width: int) -> int:
    """Returns the width of TDATA for a payload of `width` bits: whole bytes."""
    return -(-width // 8) * 8


class _Source(Struct):
    """Who drives a channel: its data and valid, and where its ready goes."""

    data: Signal
    valid: Signal
    connect_ready: Callable[[Signal], None]


def build_top(config: TopConfig) -> hw.HWModuleOp:
    """Returns the top module."""
    b = ModuleBuilder(config.name, config.comment)
    sources: dict[SSAValue, _Source] = {}
    readies: dict[int, Signal] = {}
    for i, value in enumerate(config.inputs):
        width = stream.channel_of(value).width_bits
        data = b.input(f"s_axis_{i}_tdata", padded_width(width))
        valid = b.input(f"s_axis_{i}_tvalid", 1)
        b.input(f"s_axis_{i}_tlast", 1)
        sources[value] = _Source(data.slice(0, width), valid, partial(readies.__setitem__, i))
    sinks = [b.input(f"m_axis_{i}_tready", 1) for i in range(len(config.outputs))]
    states = [_instance(b, block, sources) for block in config.states]
    placed = {block.name: _instance(b, block, sources) for block in config.blocks}
    for block in config.blocks:
        _connect(b, block, placed[block.name], sources)
    for block, instance in zip(config.states, states, strict=True):
        _connect(b, block, instance, sources)
    for i, value in enumerate(config.outputs):
        sources[value].connect_ready(sinks[i])
    for i in range(len(config.inputs)):
        assert i in readies, "an input that nothing reads"
        b.output(f"s_axis_{i}_tready", readies[i])
    for i, value in enumerate(config.outputs):
        _output(b, i, stream.channel_of(value), sources[value], sinks[i])
    for bus in config.buses:
        _bring(b, bus, [placed[name] for name in bus.sources])
    return b.build()


def build_plain_top(config: TopConfig) -> hw.HWModuleOp:
    """Returns the top module of one block without a handshake: its ports have data and valid."""
    b = ModuleBuilder(config.name, config.comment)
    (block,) = config.blocks
    given: dict[str, Signal] = {}
    for port, value in zip(input_ports(len(block.inputs)), block.inputs, strict=True):
        name, width = f"s_axis_{config.inputs.index(value)}", stream.channel_of(value).width_bits
        given[f"{port}_data"] = b.input(f"{name}_tdata", padded_width(width)).slice(0, width)
        given[f"{port}_valid"] = b.input(f"{name}_tvalid", 1)
    instance = b.instance(block.name, block.module, **given)
    instance.op.location = block.module.location
    data = instance.output(b, "out_data")
    b.output("m_axis_0_tdata", data.zext(padded_width(data.width)))
    b.output("m_axis_0_tvalid", instance.output(b, "out_valid"))
    return b.build()


def _instance(b: ModuleBuilder, block: BlockInstance, sources: dict[SSAValue, _Source]) -> Instance:
    """Instantiates a block, and makes it the source of its outputs."""
    instance = b.instance(block.name, block.module)
    instance.op.location = block.module.location
    for port, value in zip(output_ports(len(block.outputs)), block.outputs, strict=True):
        sources[value] = _Source(
            instance.output(b, f"{port}_data"),
            instance.output(b, f"{port}_valid"),
            partial(instance.connect, f"{port}_ready"),
        )
    return instance


def _connect(
    b: ModuleBuilder, block: BlockInstance, instance: Instance, sources: dict[SSAValue, _Source]
) -> None:
    """Connects the inputs of a block to their sources."""
    for port, value in zip(input_ports(len(block.inputs)), block.inputs, strict=True):
        instance.connect(f"{port}_data", sources[value].data)
        instance.connect(f"{port}_valid", sources[value].valid)
        sources[value].connect_ready(instance.output(b, f"{port}_ready"))


def _bring(b: ModuleBuilder, bus: WeightBus, sources: Sequence[Instance]) -> None:
    """Instantiates what brings weights, between ports of the top module and the sources."""
    inputs = {
        port: b.input(name, width)
        for port, (name, direction, width) in bus.ports.items()
        if direction == "in"
    }
    for name in bus.unused:
        b.input(name, 1)
    made = b.instance(bus.name, bus.module, **inputs)
    for port, (name, direction, _) in bus.ports.items():
        if direction == "out":
            b.output(name, made.output(b, port))
    for index, source in enumerate(sources):
        for port, is_output, wire in bus.wires:
            if is_output:
                made.connect(f"out{index}_{wire}", source.output(b, port))
            else:
                source.connect(port, made.output(b, f"out{index}_{wire}"))


def _output(
    b: ModuleBuilder, index: int, channel: stream.ChannelType, source: _Source, ready: Signal
) -> None:
    beat = b.counter(f"m_axis_{index}_beat", channel.beats)
    beat.advance_on(source.valid & ready)
    b.output(f"m_axis_{index}_tdata", source.data.zext(padded_width(source.data.width)))
    b.output(f"m_axis_{index}_tvalid", source.valid)
    b.output(f"m_axis_{index}_tlast", beat.at_end)
