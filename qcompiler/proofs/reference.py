"""What requantizers compute by the model's own parameters, not by the form chosen for hardware.

The model's network is lowered again as far as its scalar functions, before any integer form is
chosen: dequantize, normalize, activate, quantize, evaluated exactly at each integer.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from qcompiler import pipelines
from qcompiler.analysis.channel_ranges import channel_ranges
from qcompiler.arith.scalar_evaluation import evaluate_at
from qcompiler.backends.compiled import CompiledDesign
from qcompiler.dialects import qint, stream
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.interpreters.channel_kinds import channel_kinds
from qcompiler.interpreters.scalar_functions import scalar_function
from qcompiler.passes.pipeline import run_passes
from qcompiler.provenance.sources import source_node

_CHOOSES_FORMS = "select-requantizer"
MODEL, FORM = "the model's parameters", "the integer form in the IR"


@dataclass(frozen=True)
class Table:
    """A function of an integer, channel by channel.

    Attributes:
        lo, hi: bounds of the integers that a channel can meet, [channels].
        compute: returns what a channel makes of integers within its bounds.
        source: where the function is from.
    """

    lo: Array
    hi: Array
    compute: Callable[[int, Array], Array]
    source: str


def tables_of(design: CompiledDesign) -> dict[stream.Process, Table]:
    """Returns the function of each requantizer of a design.

    It is that of the form in the IR where the model has no function of one integer, as behind a sum
    of two activations, or where the design was not made from a model.
    """
    known = _model_functions(design)
    found: dict[stream.Process, Table] = {}
    for process in design.network.processes:
        if isinstance(process, stream.RequantizeOp):
            candidates = known.get(source_node(process), [])
            match = next((op for op in candidates if _fits(op, process)), None)
            if match is None:
                found[process] = _form_table(process)
            else:
                candidates.remove(match)
                found[process] = _model_table(match, process.input_channel.channels)
    return found


def _model_functions(design: CompiledDesign) -> Mapping[str | None, list[qint.RequantizeOp]]:
    """Returns the scalar functions of the model, in order, by the nodes that they are from."""
    found: defaultdict[str | None, list[qint.RequantizeOp]] = defaultdict(list)
    for op in _lowered(design.level("nn")) if "nn" in design.levels else ():
        if isinstance(op, qint.RequantizeOp):
            found[source_node(op)].append(op)
    return found


def _lowered(model: ModuleOp) -> Iterator[Operation]:
    module = model.clone()
    chooses = pipelines.QINT.index(_CHOOSES_FORMS)
    run_passes(module, pipelines.QINT[:chooses])
    return module.walk()


def _fits(op: qint.RequantizeOp, process: stream.RequantizeOp) -> bool:
    """Whether a function is that of a process: the same integers, its channels the innermost."""
    channel = process.input_channel
    last = op.channel_axis == len(shape_of(op.input.type)) - 1
    alike = channel_kinds(op.scalar_body, op.channels).count == 1
    same = qint.range_of(op.input.type) == channel.element.range
    return same and (alike or (last and op.channels == channel.channels))


def _model_table(op: qint.RequantizeOp, channels: int) -> Table:
    kinds = channel_kinds(op.scalar_body, op.channels)
    function = scalar_function(kinds.body, kinds.count, qint.numerics_of(op))
    of_each = np.broadcast_to(kinds.of_each, (channels,))
    lo, hi = channel_ranges(op.input, op.channel_axis)
    if len(lo) != channels:
        lo, hi = np.full(channels, lo.min()), np.full(channels, hi.max())

    def compute(channel: int, x: Array) -> Array:
        return evaluate_at(function, x, of_each[channel])

    return Table(np.asarray(lo), np.asarray(hi), compute, MODEL)


def _form_table(process: stream.RequantizeOp) -> Table:
    channel = process.input_channel
    range_ = channel.element.range
    (scalar,) = process.scalar_body.operations
    assert isinstance(scalar, qint.RequantizerOp), "it is lowered"
    form = scalar.requantizer

    def compute(number: int, x: Array) -> Array:
        columns = np.repeat(x.reshape(-1, 1), channel.channels, axis=1)
        return form.apply(columns, -1)[:, number].reshape(x.shape)

    lo, hi = (np.full(channel.channels, end, np.int64) for end in (range_.lo, range_.hi))
    return Table(lo, hi, compute, FORM)
