"""The top module: AXI4-Stream ports around a network of blocks.

TDATA is padded to whole bytes, element 0 in the low bits. TLAST marks the last beat of each output
frame. Input frames are told apart by counting beats; their TLAST is accepted and not needed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from xdsl.dialects import hw
from xdsl.ir import SSAValue

from qcompiler.dialects import stream
from qcompiler.rtl.builder import Instance, ModuleBuilder, Signal


@dataclass(frozen=True)
class TopConfig:
    """What the top module connects.

    Attributes:
        name: module name.
        comment: header lines.
        inputs: channels from outside, in port order.
        outputs: channels to outside, in port order.
        blocks: per channel that a block makes: instance name, module, the channel it takes.
    """

    name: str
    comment: tuple[str, ...]
    inputs: Sequence[SSAValue]
    outputs: Sequence[SSAValue]
    blocks: Mapping[SSAValue, tuple[str, hw.HWModuleOp, SSAValue]]


def padded_width(width: int) -> int:
    """Returns the width of TDATA for a payload of `width` bits: whole bytes."""
    return -(-width // 8) * 8


@dataclass
class _Source:
    """Who drives a channel: its data and valid, and how its ready is connected."""

    data: Signal
    valid: Signal
    ready: Signal | None = None


def build_top(config: TopConfig) -> hw.HWModuleOp:
    """Returns the top module."""
    b = ModuleBuilder(config.name, config.comment)
    sources: dict[SSAValue, _Source] = {}
    for i, value in enumerate(config.inputs):
        width = stream.channel_of(value).width_bits
        data = b.input(f"s_axis_{i}_tdata", padded_width(width))
        valid = b.input(f"s_axis_{i}_tvalid", 1)
        b.input(f"s_axis_{i}_tlast", 1)
        sources[value] = _Source(data.slice(0, width), valid)
    sinks = [b.input(f"m_axis_{i}_tready", 1) for i in range(len(config.outputs))]
    instances: dict[SSAValue, Instance] = {}
    for result, (name, module, source) in config.blocks.items():
        given = sources[source]
        instance = b.instance(name, module, in_data=given.data, in_valid=given.valid)
        given.ready = instance.output(b, "in_ready")
        if source in instances:
            instances[source].connect("out_ready", given.ready)
        instances[result] = instance
        sources[result] = _Source(instance.output(b, "out_data"), instance.output(b, "out_valid"))
    for i, value in enumerate(config.inputs):
        ready = sources[value].ready
        assert ready is not None, "an input that nothing reads"
        b.output(f"s_axis_{i}_tready", ready)
    for i, value in enumerate(config.outputs):
        instances[value].connect("out_ready", sinks[i])
        _output(b, i, stream.channel_of(value), sources[value], sinks[i])
    return b.build()


def _output(
    b: ModuleBuilder, index: int, channel: stream.ChannelType, source: _Source, ready: Signal
) -> None:
    beat = b.counter(f"m_axis_{index}_beat", channel.beats)
    beat.advance_on(source.valid & ready)
    b.output(f"m_axis_{index}_tdata", source.data.zext(padded_width(source.data.width)))
    b.output(f"m_axis_{index}_tvalid", source.valid)
    b.output(f"m_axis_{index}_tlast", beat.at_end)
