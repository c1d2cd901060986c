"""Rows of a line buffer: the rate that follows from them is that of the beats' schedule."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.ir import Block
from xdsl.rewriter import Rewriter

from qcompiler.arith.windows import Window
from qcompiler.dialects import qint, stream

SMALL = st.integers(1, 4)
PAIRS = st.tuples(SMALL, SMALL)
PADS = st.tuples(st.integers(0, 2), st.integers(0, 2))


def sliding(frame, window, taps=1):
    element = qint.IntType(0, 3)
    block = Block(arg_types=[stream.ChannelType(element, frame, frame[-1])])
    op = stream.SlidingWindowOp(block.args[0], element, window, 0, 1)
    block.add_op(op)
    lanes = stream.channel_of(op.result).with_lanes(frame[-1] * taps)
    Rewriter.replace_value_with_new_type(op.result, lanes)
    op.verify()
    return op


@st.composite
def windows(draw):
    window = Window(*(draw(kind) for kind in (PAIRS, PAIRS, PAIRS, PADS, PADS)))
    height, width = (extent + draw(st.integers(0, 5)) for extent in window.extent)
    rows, columns = draw(st.sampled_from(window.tap_blocks))
    return sliding((height, width, 2), window, rows * columns)


@given(windows())
@settings(max_examples=60, deadline=None)
def test_rate_is_that_of_the_schedule(op):
    frames = 24
    beats = np.zeros(frames * op.input_channel.beats, np.int64)  # all are there from the start
    for _ in range(2):
        (made,) = op.timing([beats], frames).made
        ends = made.reshape(frames, -1)[:, -1]
        assert op.cycles_per_frame == -((ends[-9] - ends[-1]) // 8)
        op.resize_buffer(0)
        assert op.cycles_per_frame == op.least_cycles


@pytest.mark.parametrize(("cycles", "rows"), [(0, 14), (49, 14), (70, 11), (91, 8), (1000, 8)])
def test_only_as_many_rows_as_the_rate_needs(cycles, rows):
    op = sliding((7, 7, 1), Window((7, 7), (1, 1), (1, 1), (0, 0), (0, 0)))
    op.resize_buffer(cycles)
    assert op.buffer_rows == rows
    assert op.cycles_per_frame <= max(cycles, 49)
