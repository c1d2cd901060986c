"""stream: a network of processes over channels; how the integers flow in time.

A channel moves `lanes` elements a beat, channels innermost (NHWC raster order), under a valid/ready
handshake. Every process answers the same questions: which foldings are legal, how many cycles a
frame takes, how long the pipeline is, and in which cycle each beat is consumed and produced.
"""

from xdsl.ir import Dialect

from qcompiler.dialects.stream.butterfly import ButterflyOp
from qcompiler.dialects.stream.channel import ChannelType, channel_of, divisors, set_lanes
from qcompiler.dialects.stream.elementwise import (
    FifoOp,
    RequantizeOp,
    ReshapeOp,
    WidthAdapterOp,
)
from qcompiler.dialects.stream.gather import GatherOp
from qcompiler.dialects.stream.joins import AddOp, ConcatOp, DuplicateOp, MulOp
from qcompiler.dialects.stream.label_select import LabelSelectOp
from qcompiler.dialects.stream.line_window import LineWindowOp
from qcompiler.dialects.stream.linear import MvauOp
from qcompiler.dialects.stream.matmul import KEPT_MATRICES, MatMulOp
from qcompiler.dialects.stream.pipeline import (
    APART,
    ELEMENTS,
    STAGES,
    TOPPED,
    AdderGraphOp,
    MaximumOp,
    PipelineOp,
    View,
    beat_type,
)
from qcompiler.dialects.stream.process import Pipe, Process, reader_lanes
from qcompiler.dialects.stream.rearrange import BUFFERED_BLOCKS, ReorderOp, SliceOp
from qcompiler.dialects.stream.reductions import PoolOp, VvauOp
from qcompiler.dialects.stream.rows import FormulaOp, RowReduceOp
from qcompiler.dialects.stream.sampling import SampleOp
from qcompiler.dialects.stream.schedule import Schedule
from qcompiler.dialects.stream.state import RESTART, StateOp
from qcompiler.dialects.stream.weight_source import (
    BUS_BITS,
    SWAP,
    WeightSourceOp,
)
from qcompiler.dialects.stream.weighted import Weighted
from qcompiler.dialects.stream.weights import WeightsOp
from qcompiler.dialects.stream.windows import Foldable, SlidingWindowOp, WindowSource

STREAM = Dialect(
    "stream",
    [
        WeightsOp,
        WeightSourceOp,
        MvauOp,
        MatMulOp,
        ButterflyOp,
        SlidingWindowOp,
        LineWindowOp,
        SampleOp,
        RowReduceOp,
        FormulaOp,
        VvauOp,
        PoolOp,
        LabelSelectOp,
        RequantizeOp,
        ReshapeOp,
        WidthAdapterOp,
        FifoOp,
        DuplicateOp,
        AddOp,
        MulOp,
        ConcatOp,
        ReorderOp,
        GatherOp,
        SliceOp,
        StateOp,
        PipelineOp,
        AdderGraphOp,
        MaximumOp,
    ],
    [ChannelType],
)

__all__ = [
    "APART", "BUFFERED_BLOCKS", "BUS_BITS", "ELEMENTS", "KEPT_MATRICES", "RESTART", "STAGES",
    "STREAM", "SWAP", "TOPPED", "AddOp", "AdderGraphOp", "ButterflyOp", "ChannelType", "ConcatOp",
    "DuplicateOp", "FifoOp", "Foldable", "FormulaOp", "GatherOp", "LabelSelectOp", "LineWindowOp",
    "MatMulOp", "MaximumOp", "MulOp", "MvauOp", "Pipe", "PipelineOp", "PoolOp", "Process",
    "ReorderOp", "RequantizeOp", "ReshapeOp", "RowReduceOp", "SampleOp", "Schedule", "SliceOp",
    "SlidingWindowOp", "StateOp", "View", "VvauOp", "WeightSourceOp", "Weighted", "WeightsOp",
    "WidthAdapterOp", "WindowSource", "beat_type", "channel_of", "divisors", "reader_lanes",
    "set_lanes",
]  # fmt: skip
