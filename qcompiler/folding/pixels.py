"""Several pixels a clock: every channel of a network of lines becomes that wide."""

import numpy as np
from xdsl.dialects.builtin import IntegerAttr, i64
from xdsl.ir import SSAValue

from qcompiler.analysis.network import Network
from qcompiler.dialects import stream
from qcompiler.dialects.attributes import Array, int_dense, shape_of
from qcompiler.errors import ModelError, Problem
from qcompiler.provenance.sources import place_of


def pack_pixels(network: Network, pixels: int) -> None:
    """Makes every channel of a network carry several pixels of a line a beat.

    Windows of a line become `stream.line_window`, pipelines get a copy for each pixel. A channel
    behind a stride carries as many fewer.

    Args:
        network: whose pipelines are formed.
        pixels: of the network's inputs.

    Raises:
        ModelError: something stands in the network that cannot work on several pixels a clock.
    """
    problems = [problem for value in network.inputs for problem in _of_input(value, pixels)]
    if problems:
        raise ModelError(problems)
    for value in network.inputs:
        stream.set_lanes(value, pixels * stream.channel_of(value).channels)
    for process in network.processes:
        try:
            _pack(process)
        except _NoPixels as refusal:
            problems.append(Problem(place_of(process), *refusal.args))
            break  # what follows has no number of pixels
    problems += _of_others(network)
    if problems:
        raise ModelError(list(dict.fromkeys(problems)))
    network.update_type()


MOST_PIXELS = 64
"""That enter a clock."""
PIXELS = "stream.pixels"
"""Attribute of the core: how many enter a clock, where a rate asks for more than one."""


def pixels_of_rate(network: Network, target_cycles: int) -> int:
    """Returns how many pixels must enter a clock for a frame to take so many cycles at most.

    A power of two; 0 where one is enough, or where no number would do.
    """
    frames = [stream.channel_of(value).frame_shape for value in network.inputs]
    processes = network.processes
    channels = [c for p in processes for c in (*p.input_channels, *p.output_channels)]
    windows = [p for p in processes if isinstance(p, stream.SlidingWindowOp)]
    are_lines = all(len(c.frame_shape) == 3 and c.frame_shape[1] > 1 for c in channels)
    if not (target_cycles and windows and are_lines):
        return 0
    longest = max(frame[0] * frame[1] for frame in frames)
    pixels = 1 << (-(-longest // target_cycles) - 1).bit_length()
    fits = pixels <= MOST_PIXELS and all(frame[1] % pixels == 0 for frame in frames)
    if not fits or longest <= target_cycles:
        return 0
    line = max(frame[1] for frame in frames)
    return pixels if all(_takes(window, pixels, line) for window in windows) else 0


def _takes(op: stream.SlidingWindowOp, pixels: int, line: int) -> bool:
    """Whether a window works on several pixels a clock, of an input's line: see `_window`."""
    window, width = op.window, op.input_channel.frame_shape[1]
    stride, outputs = window.strides[1], op.output_channel.frame_shape[1]
    is_of_a_line = window.kernel[0] == window.strides[0] == 1 and not window.pads_begin[0]
    return is_of_a_line and outputs * stride == width and pixels * width % (line * stride) == 0


def pixels_a_clock(network: Network) -> int:
    """Returns how many pixels select-folding has chosen for a rate; 0 if it has not."""
    found = network.core.attributes.get(PIXELS)
    return found.value.data if isinstance(found, IntegerAttr) else 0


def without_groups(network: Network) -> None:
    """Makes products in groups dense: zeros between groups, which take no hardware as constants."""
    for process in network.processes:
        if not isinstance(process, stream.MvauOp) or process.window_groups == 1:
            continue
        weights, groups = process.weights_op, process.window_groups
        if len(weights.array) != process.mw:  # else another unit of the same weights was here
            window = process.window
            taps = 1 if window is None else process.mw // window.frame_channel.channels
            weights.properties["value"] = int_dense(_dense(weights.array, groups, taps))
        process.properties["groups"] = IntegerAttr(1, i64)


def _dense(weights: Array, groups: int, taps: int) -> Array:
    """Returns the matrix of all inputs, [taps * channels, outputs], of that of groups.

    Args:
        weights: of all groups, side by side, [taps * channels / groups, outputs].
        groups: of inputs and of outputs.
        taps: of the window, each with all channels.
    """
    inputs, outputs = len(weights) // taps, weights.shape[1] // groups
    parts = weights.reshape(taps, inputs, groups, outputs)
    dense = np.zeros((taps, groups, inputs, groups, outputs), np.int64)
    for group in range(groups):
        dense[:, group, :, group] = parts[:, :, group]
    return dense.reshape(taps * groups * inputs, groups * outputs)


class _NoPixels(Exception):
    """A process cannot work on several pixels a clock: why, and what helps."""


def _of_input(value: SSAValue, pixels: int) -> list[Problem]:
    frame = stream.channel_of(value).frame_shape
    if len(frame) != 3:
        what = f"input {value.name_hint} is no line of pixels, but has the shape {list(frame)}"
        return [Problem("--pixels-per-clock", what, "leave it out, or ask for a rate (--cycles)")]
    if frame[1] % pixels:
        most = max(p for p in (1, 2, 4, 8, 16, 32, 64) if frame[1] % p == 0)
        what = f"a line of {frame[1]} pixels does not come as whole beats of {pixels}"
        remedy = f"ask for {most}, or make the line a multiple of {pixels}"
        return [Problem("--pixels-per-clock", what, remedy)]
    return []


def _of_others(network: Network) -> list[Problem]:
    """Returns a problem for each process of a kind that never takes several pixels."""
    return [
        Problem(place_of(process), *_refused(process))
        for process in network.processes
        if not (process.takes_pixels or isinstance(process, stream.SlidingWindowOp))
    ]


def _refused(process: stream.Process) -> tuple[str, str]:
    kind = process.name.removeprefix("stream.").replace("_", " ")
    what = f"{kind} does not work on several pixels a clock"
    if isinstance(process, stream.RequantizeOp):
        form = process.facts["form"]
        return f"{what} in the form {form}", "give it another one (--requantizer mul_shift)"
    return what, "leave --pixels-per-clock out, or end the model before it"


def _pack(process: stream.Process) -> None:
    if isinstance(process, stream.SlidingWindowOp):
        _window(process)
    elif isinstance(process, stream.PipelineOp):
        _pipeline(process)
    elif process.takes_pixels:
        _follow(process)
    else:
        raise _NoPixels(*_refused(process))


def _follow(process: stream.Process) -> None:
    """Gives results the lanes of the input."""
    given = stream.channel_of(process.operands[0])
    for result in process.results:
        channel = stream.channel_of(result)
        if given.pixels > 1 and channel.frame_shape[-2:] != given.frame_shape[-2:]:
            lengths = f"from {list(given.frame_shape)} to {list(channel.frame_shape)}"
            raise _NoPixels(
                f"changes what a pixel is, {lengths}, while several pixels come a clock",
                "leave --pixels-per-clock out, or end the model before it",
            )
        stream.set_lanes(result, given.lanes.data)


def _window(op: stream.SlidingWindowOp) -> None:
    window, given = op.window, op.input_channel
    if window.kernel[0] != 1 or window.strides[0] != 1 or window.pads_begin[0]:
        kernel = " x ".join(map(str, window.kernel))
        what = f"a window of {kernel} spans several lines, but pixels of a clock are of one"
        raise _NoPixels(what, "leave --pixels-per-clock out, or let its kernel be of height 1")
    stride, width, outputs = (
        window.strides[1],
        given.frame_shape[1],
        op.output_channel.frame_shape[1],
    )
    if given.pixels % stride:
        what = f"a stride of {stride} does not divide {given.pixels} pixels a clock"
        raise _NoPixels(what, "ask for more pixels (--pixels-per-clock)")
    if outputs == 1 < width:
        what = f"a window of all {width} pixels of a line, which come in several clocks"
        raise _NoPixels(what, "leave --pixels-per-clock out, or end the model before it")
    if outputs * stride != width:
        what = (
            f"it makes {outputs} pixels of {width} with a stride of {stride}, so that lines have "
            "gaps between them"
        )
        raise _NoPixels(what, f"pad its input, so that it makes {width // stride}")
    if op.taps_a_beat != window.kernel:
        raise _NoPixels(*_refused(op))
    readers = [use.operation for use in op.result.uses]
    if not all(isinstance(reader, stream.PipelineOp) for reader in readers):
        raise _NoPixels(*_refused(next(r for r in readers if isinstance(r, stream.Process))))
    line = stream.LineWindowOp(
        op.input,
        op.output_channel.element,
        (window.kernel[1], stride, window.dilations[1], window.pads_begin[1]),
        op.pad_value.value.data,
    )
    line.location = op.location
    line.result.name_hint = op.result.name_hint
    block = op.parent_block()
    assert block is not None, "it is part of the network"
    block.insert_op_before(line, op)
    op.result.replace_all_uses_with(line.result)
    op.detach()
    op.erase()


def _view(value: SSAValue, elements: int) -> tuple[int, stream.View]:
    """Returns how many pixels come, and what a copy takes of them."""
    owner = value.owner
    while isinstance(owner, stream.Process) and owner.is_buffer:
        owner = owner.operands[0].owner
    if not isinstance(owner, stream.LineWindowOp):
        return stream.channel_of(value).lanes.data // elements, stream.View(elements, 1, elements)
    channels = owner.input_channel.channels
    step, skip = owner.stride.value.data * channels, owner.dilation.value.data * channels
    return owner.outputs, stream.View(step, owner.kernel.value.data, skip)


def _pipeline(op: stream.PipelineOp) -> None:
    found = [
        _view(value, shape_of(argument.type)[-1])
        for value, argument in zip(op.inputs, op.scalar_body.arguments, strict=True)
    ]
    copies = {count for count, _ in found}
    assert len(copies) == 1, "lines that meet are of one length"
    op.repeat(copies.pop(), [view for _, view in found])
